"""A native history as packed rows by member: read and encoded piece by piece, several at once.

packed   all that is known of an event, in a few words, in the order of the input
start    where each member's rows begin in ``order``; order: numbers of rows in the input
special  what only few events have
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.replay.machine import arrow
from laurels.replay.machine.build import tool
from laurels.replay.machine.coding import Coder, Names
from laurels.replay.machine.columns import Array, Columns, sums_fit
from laurels.replay.machine.encode import Piece, Plan, Specials
from laurels.replay.machine.grouping import AHEAD
from laurels.replay.machine.source import Source, batches

BATCH = 1 << 17
"""Rows that are encoded at once: as many as the processor's cache holds."""
SHARE, SHARES = 1 << 15, 1 << 12
"""Rows of a share, about; and the most shares."""

Watch = Callable[[str], None]


class Stretch(NamedTuple):
    """Some rows that were encoded together.

    special  what only few events have; places: their packed rows
    ends     where the rows of each share begin among the packed rows, and where the last end
    tied     rows of a member at one instant that stand close to each other, and their texts
    """

    special: Specials
    places: NDArray[np.int32]
    ends: NDArray[np.int32]
    tied: tuple[Array, Any]


class Vector:
    """A history on its way into columns. ``seconds``: what each phase took, over all threads.

    Members are shared out by the low bits of their codes, so that the rows of a share stand
    together in every part of the history, and all that is done with them stays in the
    processor's cache. So members stand in the order of their shares (``members``).
    """

    def __init__(self, program: Compiled, source: Source) -> None:
        self.program = program
        self.source = source
        self.plan = Plan(program, source)
        self.width = self.plan.dtype.itemsize // 8
        self.rows = source.rows
        self.packed = np.empty(self.rows, dtype=self.plan.dtype)
        self.shift = (min(self.rows // SHARE, SHARES) | 1).bit_length() - 1
        self.shares = 1 << self.shift
        self.later = 0
        self.most = (0, 0)
        """The largest amount, and the largest other number."""
        self._span = (2**62, 0)
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def words(self) -> NDArray[np.int64]:
        """The packed rows as words."""
        found: NDArray[np.int64] = self.packed.view(np.int64)
        return found

    def spend(self, phase: str, seconds: float) -> None:
        """Count the seconds of a phase."""
        with self._lock:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    # -- reading -------------------------------------------------------------------------------

    def encode(self, threads: int = 1) -> None:
        """Every event as a packed row, in the order of the input but for that of shares."""
        kinds = self.source.types("member")
        coder = Coder(bool(kinds) and all(pa.types.is_integer(kind) for kind in kinds))
        names = Names(self.rows)
        count = len(self.source.pieces)
        found: list[list[Stretch]] = [[] for _ in range(count)]

        def read(number: int) -> None:
            piece = self.source.pieces[number]
            into = np.empty(min(BATCH, piece.rows), dtype=self.plan.dtype)
            since = perf_counter()
            for first, rows, column in batches(piece, BATCH):
                self.spend("read", perf_counter() - since)
                found[number].append(self._batch(first, into[:rows], column, coder, names))
                since = perf_counter()

        at_once([partial(read, number) for number in range(count)], threads)
        every = [each for some in found for each in some]
        self._join(every)
        self.ends = np.concatenate([each.ends for each in every])
        tied = [each.tied for each in every if len(each.tied[0])]
        self.tied: tuple[Array, Any] = (
            np.concatenate([np.zeros(0, dtype=np.int64), *[rows for rows, _ in tied]]),
            pa.concat_tables([texts for _, texts in tied]) if tied else None,
        )
        self.names = coder.names()
        self.suspects = names.suspects()

    def _batch(
        self, first: int, into: Any, column: Callable[[str], Any], coder: Coder, names: Names
    ) -> Stretch:
        """Some rows of a piece, put where they belong."""
        begin, took = perf_counter(), 0.0

        def timed(name: str) -> Any:
            nonlocal took
            since = perf_counter()
            values = column(name)
            took += perf_counter() - since
            return values

        here = Piece(self.plan, timed, into, first)
        codes, special = here.encode(coder, names)
        ends = np.empty(self.shares + 1, dtype=np.int32)
        where = np.empty(len(into), dtype=np.int32)
        tool("spread_rows")(
            len(into), codes, self.shares, self.width, into.view(np.int64), first, self.words,
            ends, where,
        )  # fmt: skip
        places = where[special.rows - first]
        tied = here.tied(codes)
        with self._lock:
            self.most = (max(self.most[0], here.most[0]), max(self.most[1], here.most[1]))
            span = here.span()
            self._span = (min(self._span[0], span[0]), max(self._span[1], span[1]))
        self.spend("read", took)
        self.spend("encode", perf_counter() - begin - took)
        return Stretch(special, places, ends, tied)

    def _join(self, parts: list[Stretch]) -> None:
        """One numbering for what only few events have. ``places``: their packed rows."""
        base = 0
        for number, part in enumerate(parts):
            if number and len(part.places):
                self.packed["special"][part.places] += base
            base += len(part.places)
        self.special = Specials.joined([each.special for each in parts])
        self.places = np.concatenate([each.places for each in parts])

    # -- members -------------------------------------------------------------------------------

    def group(self, until: int | None, threads: int = 1) -> Array:
        """Rows by member in event order. Returns the rows that are for the door, by their numbers
        in the input: those of members with anything that cannot be judged here."""
        since = perf_counter()
        count = len(self.names)
        slow = np.zeros(count, dtype=np.int8)
        twins, ties = self._place(count, slow, threads)
        self._mark_twins(twins, slow)
        rows: Array = np.zeros(0, dtype=np.int32)
        if slow.any():
            owner = np.repeat(slow, np.diff(self.start)) == 1
            rows = np.sort(self.packed["row"][self.order[owner]])
        if len(ties):
            self._order_ties(np.sort(ties), threads)
        self._leave_out(slow, until)
        self.members = self.names.take(pa.array(self._codes()))
        self.left = self.members.filter(pa.array(slow == 1))
        if len(self.left):
            self.members = self.members.filter(pa.array(slow == 0))
        self.spend("group", perf_counter() - since)
        return rows

    def _codes(self) -> Array:
        """The codes of members in the order of their shares."""
        count = len(self.names)
        return np.concatenate(
            [np.arange(share, count, self.shares) for share in range(self.shares)]
        )

    def _place(
        self, count: int, slow: NDArray[np.int8], threads: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Bring the rows of each member together, in the order of time, share by share: members
        with an odd row are marked in ``slow``. Answers rows whose id may be that of another, and
        the places of events at one instant."""
        self.start = np.zeros(count + 1, dtype=np.int64)
        self.start[count] = self.rows
        self.order = np.zeros(self.rows + AHEAD, dtype=np.int32)[: self.rows]
        members = np.array([len(range(s, count, self.shares)) for s in range(self.shares)])
        firsts = np.cumsum(members) - members
        sizes = np.diff(self.ends.reshape(-1, self.shares + 1), axis=1).sum(axis=0)
        lows = np.cumsum(sizes) - sizes
        parts = len(self.ends) // (self.shares + 1)
        halves, octets = self.packed.view(np.int32), self.packed.view(np.int8)
        where = {name: self.plan.offset(name) for name in ("member", "odd")}
        jobs = list(range(self.shares))
        found: list[list[NDArray[np.int32]]] = [[], []]

        def work() -> None:
            next_ = np.empty(int(members.max()), dtype=np.int32)
            twins, ties = (np.empty(int(sizes.max()), dtype=np.int32) for _ in range(2))
            while True:
                with self._lock:
                    if not jobs:
                        return
                    share = jobs.pop()
                first, many = int(firsts[share]), int(members[share])
                tool("group_rows")(
                    share, self.shares, self.shift, parts, self.ends, halves, 2 * self.width,
                    where["member"] // 4, int(lows[share]), first, many, self.start, next_,
                    self.order,
                )  # fmt: skip
                start = self.start[first : first + many + 1].copy()
                start[many] = lows[share] + sizes[share]  # the next share may not be there yet
                counts = np.zeros(2, dtype=np.int64)
                tool("check_members")(
                    0, many, start, self.order, self.words, self.width, octets, where["odd"],
                    self.suspects, len(self.suspects), slow[first:], twins, ties, counts,
                )  # fmt: skip
                with self._lock:
                    found[0].append(twins[: counts[0]].copy())
                    found[1].append(ties[: counts[1]].copy())

        at_once([work] * max(1, threads), threads)
        twins, ties = (np.concatenate(each) for each in found)
        return twins, ties

    def _mark_twins(self, rows: NDArray[np.int32], slow: NDArray[np.int8]) -> None:
        """Rows whose id another row has too are odd: readers judge which stands."""
        names = self.packed["name"][rows]
        order = np.argsort(names, kind="stable")
        same = np.flatnonzero(names[order[1:]] == names[order[:-1]])
        if not len(same):
            return
        rows = rows[np.concatenate([order[same], order[same + 1]])]
        self.packed["odd"][rows] |= 1
        codes = self._codes()
        place = np.empty(len(codes), dtype=np.int64)
        place[codes] = np.arange(len(codes))
        slow[place[self.packed["member"][rows]]] = 1

    def _leave_out(self, slow: NDArray[np.int8], until: int | None) -> None:
        """Rows of slow members, and those that are not before an instant."""
        if until is None and not slow.any():
            return
        sizes = np.diff(self.start)
        keep = np.repeat(slow == 0, sizes)
        if until is not None:
            late = self.packed["at"][self.order] >= until
            self.later = int((late & keep).sum())
            keep &= ~late
        kept = np.concatenate([[0], np.cumsum(keep)])[self.start]
        self.order = self.order[keep]
        fast = np.concatenate([slow == 0, [True]])
        self.start = kept[fast]

    def odd(self) -> NDArray[np.int8]:
        """Which rows are for the door, in the order of the input."""
        found = np.empty(self.rows, dtype=np.int8)
        found[self.packed["row"]] = self.packed["odd"]
        return found

    def mark(self, rows: NDArray[np.bool_] | NDArray[np.int8]) -> None:
        """Leave rows to the door: one flag for each, in the order of the input."""
        self.packed["odd"] |= rows.astype(np.int8)[self.packed["row"]]

    def mark_recorded(self) -> None:
        """Rows that say when they were recorded are for the door, which compares both times."""
        if "recorded_at" in self.source.names:
            self.mark(~arrow.absent(self.source.texts("recorded_at")))

    def leave_out_late(self, until: int) -> None:
        """Leave out rows that are not before an instant."""
        self._leave_out(np.zeros(len(self.start) - 1, dtype=np.int8), until)

    def add_idle(self, names: Any) -> None:
        """Members who did nothing, after all others."""
        self.members = pa.concat_arrays([self.members.cast(pa.string()), names.cast(pa.string())])
        rest = np.full(len(names), self.start[-1], dtype=np.int64)
        self.start = np.concatenate([self.start, rest])

    def _order_ties(self, places: NDArray[np.int32], threads: int) -> None:
        """Events of one member at one instant: by source, then by id."""
        rows = self.order[places]
        at, owner = self.packed["at"][rows], self.packed["member"][rows]
        same = (at[1:] == at[:-1]) & (owner[1:] == owner[:-1])
        run = np.cumsum(np.concatenate([[True], ~same]))
        texts = self._texts_of_ties(self.packed["row"][rows], threads)
        columns = {"run": pa.array(run), "id": texts["id"].cast(pa.string())}
        keys = [("run", "ascending"), ("id", "ascending")]
        if "source" in texts.column_names:
            columns["source"] = pc.fill_null(texts["source"].cast(pa.string()), "")
            keys.insert(1, ("source", "ascending"))
        order = pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()
        self.order[places] = rows[order]

    def _texts_of_ties(self, rows: NDArray[np.int32], threads: int) -> Any:
        """Id and source of rows. Those of a time stand together in most files, and were kept."""
        known, texts = self.tied
        if len(known):
            at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
            if (known[at] == rows).all():
                return texts.take(pa.array(at))
        return self.source.take(rows, ["id", "source"], threads)

    def in_order(self, events: bool) -> Columns:
        """The members' rows in their order; what postings say of their events on request."""
        none = np.zeros(0, dtype=np.int64)
        at, version = none, np.zeros(1, dtype=np.int8)
        if events:
            at = self.packed["at"][self.order]
            version = self.packed["version"][self.order] if self.plan.several else version
        return Columns(
            self.program, self.members, self.start, none.astype(np.int8), at, at, none, version,
            self.plan.absent, self.packed["row"][self.order] if events else self.order, (), none,
            none,
        )  # fmt: skip

    def is_safe(self) -> bool:
        """Whether no sum over a member, or over all of them, can leave 64 bits."""
        amounts = self.packed["amount"]  # a return of all that is left makes no sum smaller
        return sums_fit(self.program.program, self.start, len(self.order), self.most, amounts)

    def last(self) -> int | None:
        """The instant of the last event that is not for the door."""
        if not len(self.order):
            return None
        if len(self.order) == self.rows:
            return self._span[1]
        return int(self.packed["at"][self.order].max())

    def span(self) -> tuple[int, int]:
        """The first and the last instant of all events."""
        return self._span  # of all rows that could be judged, also of members left to the door


def at_once(jobs: Sequence[Callable[[], object]], threads: int) -> None:
    """Do independent jobs, several at a time: most of each runs without Python's lock."""
    if threads < 2 or len(jobs) < 2:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def blocks_of(start: Array, rows: int) -> list[int]:
    """Where to part the members so that each part has about so many rows."""
    if len(start) < 2:
        return [0]
    wanted = np.arange(0, int(start[-1]) + 1, rows)
    edges = {*np.searchsorted(start, wanted).tolist(), 0, len(start) - 1}
    return sorted(edges)
