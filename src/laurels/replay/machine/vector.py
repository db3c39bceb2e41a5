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
from itertools import pairwise
from time import perf_counter
from typing import Any

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
from laurels.replay.machine.source import Source, reading

CHECKED = 1 << 16
"""Rows of the members that are looked through at once."""

Watch = Callable[[str], None]


class Vector:
    """A history on its way into columns. ``seconds``: what each phase took, over all threads."""

    def __init__(self, program: Compiled, source: Source) -> None:
        self.program = program
        self.source = source
        self.plan = Plan(program, source)
        self.width = self.plan.dtype.itemsize // 8
        self.rows = source.rows
        self.packed = np.empty(self.rows, dtype=self.plan.dtype)
        self.codes: NDArray[np.int32] = np.empty(self.rows, dtype=np.int32)
        self.odd = np.zeros(self.rows, dtype=np.int8)
        self.later = 0
        self.most = (0, 0)
        """The largest amount, and the largest other number."""
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
        """Every event as a packed row, in the order of the input."""
        kinds = self.source.types("member")
        coder = Coder(bool(kinds) and all(pa.types.is_integer(kind) for kind in kinds))
        names = Names(self.rows)
        found: list[Specials | None] = [None] * len(self.source.pieces)

        def read(number: int) -> None:
            piece = self.source.pieces[number]
            part = slice(piece.first, piece.first + piece.rows)
            begin, took = perf_counter(), 0.0
            with reading(piece) as column:

                def timed(name: str) -> Any:
                    nonlocal took
                    since = perf_counter()
                    values = column(name)
                    took += perf_counter() - since
                    return values

                here = Piece(self.plan, timed, self.packed[part], self.odd[part])
                self.codes[part], found[number] = here.encode(coder, names, piece.first)
            with self._lock:
                self.most = (max(self.most[0], here.most[0]), max(self.most[1], here.most[1]))
            self.spend("read", took)
            self.spend("encode", perf_counter() - begin - took)

        at_once([partial(read, number) for number in range(len(found))], threads)
        self._join([each for each in found if each is not None])
        self.names = coder.names()
        self.suspects = names.suspects()

    def _join(self, parts: list[Specials]) -> None:
        """One numbering for what only few events have."""
        base = 0
        for number, part in enumerate(parts):
            if number and len(part.rows):
                self.packed["special"][part.rows] += base
            base += len(part.rows)
        self.special = Specials.joined(parts)

    # -- members -------------------------------------------------------------------------------

    def group(self, until: int | None, threads: int = 1) -> Array:
        """Rows by member in event order. Returns the rows that are for the door: those of
        members with anything that cannot be judged here."""
        since = perf_counter()
        count = len(self.names)
        self._place(count, threads)
        ties = self._check(threads)
        self._mark_twins()
        slow = np.zeros(count, dtype=np.int8)
        slow[self.codes[self.odd == 1]] = 1
        self.codes = self.codes[:0]
        rows: Array = np.zeros(0, dtype=np.int32)
        if slow.any():
            owner = np.repeat(slow, np.diff(self.start)) == 1
            rows = np.sort(self.order[owner])
        if ties[slow == 0].any():
            self._order_ties(ties * (1 - slow))
        self._leave_out(slow, until)
        self.members = self.names.filter(pa.array(slow == 0)) if slow.any() else self.names
        self.spend("group", perf_counter() - since)
        return rows

    def _place(self, count: int, threads: int) -> None:
        """Count the rows of each member, then put them together: each thread its part."""
        edges = np.linspace(0, self.rows, max(1, threads) + 1).astype(np.int64).tolist()
        spans = list(pairwise(edges))
        counts = [np.zeros(count, dtype=np.int32) for _ in spans]
        at_once([partial(tool("count_rows"), low, high, self.codes, mine)
                 for (low, high), mine in zip(spans, counts, strict=True)], threads)  # fmt: skip
        self.start = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(sum(counts), out=self.start[1:])
        before = self.start[:-1].astype(np.int32)
        for mine in counts:
            before, mine[:] = before + mine, before
        self.order = np.empty(self.rows, dtype=np.int32)
        at_once([partial(tool("place_rows"), low, high, self.codes, mine, self.order)
                 for (low, high), mine in zip(spans, counts, strict=True)], threads)  # fmt: skip

    def _check(self, threads: int) -> NDArray[np.int8]:
        """Bring members into order; which have events at one instant. Marks rows (by 2) whose id
        may be that of another row."""
        ties = np.zeros(len(self.start) - 1, dtype=np.int8)
        bounds = blocks_of(self.start, CHECKED)
        jobs = list(pairwise(bounds))

        def work() -> None:
            while True:
                with self._lock:
                    if not jobs:
                        return
                    first, last = jobs.pop()
                tool("check_members")(
                    first, last, self.start, self.order, self.words, self.width, ties,
                    self.suspects, len(self.suspects), self.odd,
                )  # fmt: skip

        at_once([work] * max(1, threads), threads)
        return ties

    def _mark_twins(self) -> None:
        """Rows whose id another row has too are odd: readers judge which stands."""
        rows = np.flatnonzero(self.odd & 2)
        self.odd &= 1
        names = self.packed["name"][rows]
        order = np.argsort(names, kind="stable")
        same = np.flatnonzero(names[order[1:]] == names[order[:-1]])
        self.odd[rows[order[same]]] = 1
        self.odd[rows[order[same + 1]]] = 1

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

    def mark_recorded(self) -> None:
        """Rows that say when they were recorded are for the door, which compares both times."""
        if "recorded_at" in self.source.names:
            self.odd[~arrow.absent(self.source.texts("recorded_at"))] |= 1

    def leave_out_late(self, until: int) -> None:
        """Leave out rows that are not before an instant."""
        self._leave_out(np.zeros(len(self.start) - 1, dtype=np.int8), until)

    def add_idle(self, names: Any) -> None:
        """Members who did nothing, after all others."""
        self.members = pa.concat_arrays([self.members.cast(pa.string()), names.cast(pa.string())])
        rest = np.full(len(names), self.start[-1], dtype=np.int64)
        self.start = np.concatenate([self.start, rest])

    def _order_ties(self, ties: NDArray[np.int8]) -> None:
        """Events of one member at one instant: by source, then by id."""
        places = np.flatnonzero(np.repeat(ties, np.diff(self.start)))
        owner = np.repeat(np.arange(len(ties)), np.diff(self.start))[places]
        at = self.packed["at"][self.order[places]]
        same = (at[1:] == at[:-1]) & (owner[1:] == owner[:-1])
        tied = np.zeros(len(at), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        run = np.cumsum(np.concatenate([[True], ~same]))[tied]
        places = places[tied]
        rows = self.order[places]
        texts = self.source.take(rows, ["id", "source"])
        columns = {"run": pa.array(run), "id": texts["id"].cast(pa.string())}
        keys = [("run", "ascending"), ("id", "ascending")]
        if "source" in texts.column_names:
            columns["source"] = pc.fill_null(texts["source"].cast(pa.string()), "")
            keys.insert(1, ("source", "ascending"))
        order = pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()
        self.order[places] = rows[order]

    def in_order(self, events: bool) -> Columns:
        """The members' rows in their order; what postings say of their events on request."""
        none = np.zeros(0, dtype=np.int64)
        at, version = none, np.zeros(1, dtype=np.int8)
        if events:
            at = self.packed["at"][self.order]
            version = self.packed["version"][self.order] if self.plan.several else version
        return Columns(
            self.program, self.members, self.start, none.astype(np.int8), at, at, none, version,
            self.plan.absent, self.order, (), none, none,
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
            return int(self.packed["at"].max())
        return int(self.packed["at"][self.order].max())

    def span(self) -> tuple[int, int]:
        """The first and the last instant of all events."""
        at = self.packed["at"][self.odd == 0] if self.odd.any() else self.packed["at"]
        return int(at.min(initial=2**62)), int(at.max(initial=0))


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
