"""A native file as columns, without a Python object for each event.

What is not plain (bad values, lines, holds, withdrawals, names given twice) is not judged here:
the members that it concerns are handed back whole, as rows, and go through the door one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.engine.door import OUTCOMES, WHOLE, Door
from laurels.engine.slots import constant, upper
from laurels.program.names import FIRST_OWN_TYPE
from laurels.replay.machine import arrow
from laurels.replay.machine import member as M
from laurels.replay.machine.build import tool
from laurels.replay.machine.columns import Array, Columns, empty_more, empty_own, give_slots
from laurels.replay.machine.filling import columns_of

PLAIN = ("return", "redemption", "member", "product_opened", "product_closed")
"""Types of the engine that are judged here; besides them the program's own."""
UNUSUAL = ("recorded_at", "line", "to", "hold", "until", "withdraws")
"""Columns of what only the door judges."""

PARTS = 1024
Watch = Callable[[str], None]


class Vector:
    """A table on its way into columns. ``odd`` marks rows that cannot be judged here."""

    def __init__(
        self, program: Compiled, table: Any, lengths: Sequence[int], watch: Watch | None = None
    ) -> None:
        self.program = program
        self.table = table
        self.lengths = lengths
        self.door = Door(program)
        self.rows = table.num_rows
        self.names = set(table.column_names)
        self.odd = np.zeros(self.rows, dtype=np.int8)
        self.plan = columns_of(program)
        self.types = 1 + max(each.index for each in program.program.events.values())
        self._watch = watch or (lambda _: None)

    def mark(self, rows: NDArray[np.bool_]) -> None:
        """These rows are for the door."""
        self.odd[rows] = 1

    # -- what every event has ------------------------------------------------------------------

    def encode(self, threads: int = 1) -> None:
        """Every column as integers, in the order of the file."""
        self._types()
        self.own = [np.zeros(1, dtype=each.type) for each in self.plan]
        self.place = {each.place: number for number, each in enumerate(self.plan)}
        jobs: list[Callable[[], None]] = [self._identities, self._times, self._members, self._money]
        jobs += [partial(self._attribute, name) for name in self._attributes()]
        jobs += [partial(self._must_be_absent, name) for name in UNUSUAL if name in self.names]
        at_once(jobs, threads)
        self._local()
        self._watch("encode")

    def _must_be_absent(self, name: str) -> None:
        self.mark(~arrow.absent(arrow.whole(self.table[name])))

    def _types(self) -> None:
        events = self.program.program.events
        codes, values, nothing = arrow.coded(self.table["type"])
        known = [events[v].index if v in events else 0 for v in values] or [0]
        plain = [v in PLAIN or known[i] >= FIRST_OWN_TYPE for i, v in enumerate(values)] or [False]
        self.kind = np.array(known, dtype=np.int8)[codes]
        self.mark(nothing | ~np.array(plain)[codes])

    def _times(self) -> None:
        self.at, bad = arrow.instants(self.table["occurred_at"], self.program.calendar)
        calendar = self.program.calendar
        low, high = calendar.midnight[0], calendar.midnight[-2]
        bad |= (self.at < low) | (self.at >= high)
        self.version = np.zeros(1, dtype=np.int8)
        versions = self.program.program.versions
        found = np.full(self.rows if len(versions) > 1 else 1, -1, dtype=np.int8)
        least = self.at if len(versions) > 1 else np.array([self.at.min(initial=high)])
        for version in versions:
            start = max(version.effective_from, version.published_at)
            found[least >= start] = version.index
        if len(versions) > 1:
            bad |= found < 0
            self.version = np.maximum(found, 0)
        elif found[0] < 0:
            start = max(versions[0].effective_from, versions[0].published_at)
            bad |= self.at < start
        self.mark(bad)

    def _identities(self) -> None:
        hashed, odd = arrow.hashes(self.table["id"])
        self.odd |= odd
        parts = ((hashed >> 40) & (PARTS - 1)).astype(np.int32)
        start, order, size = grouped(parts, PARTS)
        room = 4
        while room < 2 * size:
            room *= 2
        tool("find_twins")(
            PARTS, start, order, hashed, np.zeros(room, dtype=np.int64),
            np.zeros(room, dtype=np.int32), self.odd,
        )  # fmt: skip

    def _money(self) -> None:
        linked = self.program.program
        wants = np.zeros(self.types, dtype=np.int8)
        for each in linked.events.values():
            wants[each.index] = {"none": 0, "optional": 1, "required": 2}[each.amount]
        back = linked.events["return"].index
        wants[back] = 1
        if "currency" in self.names:
            same, bad, nothing = arrow.looked_up(
                self.table["currency"], np.zeros(self.rows, dtype=np.int8),
                {0: lambda value: int(value == linked.currency)}, 1, np.int8,
            )  # fmt: skip
            self.mark(bad | ((same == 0) & ~nothing))
        want = wants[self.kind]
        if "amount" not in self.names:
            self.amount = np.where(self.kind == back, WHOLE, 0).astype(np.int64)
            self.mark(want == 2)
            return
        self.amount, bad, nothing = arrow.numbers(self.table["amount"], linked.exponent)
        bad |= self.amount < 0
        self.amount[nothing & (self.kind == back)] = WHOLE
        self.mark(((want > 0) & bad & ~nothing) | ((want == 2) & nothing))
        if (wants == 0).any():
            self.amount[want == 0] = 0

    # -- what programs ask for -----------------------------------------------------------------

    def _attributes(self) -> list[str]:
        names: dict[str, None] = {}
        for kind in self.program.program.events.values():
            if kind.index >= FIRST_OWN_TYPE or kind.name in ("return", "redemption"):
                names |= dict.fromkeys(kind.attributes)
        return list(names)

    def _attribute(self, name: str) -> None:
        """All columns that an attribute fills, over all types that have it."""
        readers: dict[int, dict[int, Callable[[object], int]]] = {}
        scales: dict[int, Any] = {}
        required = np.zeros(self.types, dtype=bool)
        for kind in self.program.program.events.values():
            attribute = kind.attributes.get(name)
            if attribute is None:
                continue
            required[kind.index] = attribute.required
            if attribute.type in ("money", "integer", "points"):
                scales[kind.index] = attribute
            texts, rest = self.door.readers[kind.name]
            for each, column, codes, other in texts:
                if each == name:
                    readers.setdefault(column, {})[kind.index] = coder(codes, other)
            for each, _, fills in rest:
                if each == name:
                    for column, reader in fills:
                        readers.setdefault(column, {})[kind.index] = bound(reader, name)
        if name not in self.names:
            self.mark(required[self.kind])
            return
        if scales:
            self._number(name, scales, required)
            return
        for column, tables in readers.items():
            number = self.place.get(column, -1)
            kind_ = self.plan[number].type if number >= 0 else np.int64
            found, bad, empty = arrow.looked_up(
                self.table[name], self.kind, tables, self.types, kind_
            )
            self.mark(bad | (empty & required[self.kind]))
            if number >= 0:
                self.own[number] = found

    def _number(self, name: str, scales: dict[int, Any], required: NDArray[np.bool_]) -> None:
        column = self.program.slots.columns.get(constant("E_", name))
        attribute = next(iter(scales.values()))
        found, bad, empty = arrow.numbers(self.table[name], attribute.scale)
        has = np.isin(self.kind, list(scales))
        low, high = attribute.low or 0, attribute.high
        bad |= (found < low) | ((found > high) if high is not None else False)
        if len({(each.scale, each.low, each.high) for each in scales.values()}) > 1:
            bad |= True
        self.mark(has & ((bad & ~empty) | (empty & required[self.kind])))
        if column is not None:
            self.own[self.place[column]] = np.where(has & ~empty, found, 0)

    def _local(self) -> None:
        """Hours and minutes, where a program asks: by the door's calendar, once for each hour."""
        for part in self.program.slots.local:
            place = self.program.slots.columns[f"E_LOCAL_{upper(part)}"]
            if place not in self.place:
                continue
            minutes, inverse = np.unique(self.at // 60_000_000, return_inverse=True)
            parts = self.program.calendar.parts
            values = [getattr(parts(int(each) * 60_000_000), part) for each in minutes]
            self.own[self.place[place]] = np.array(values, dtype=np.int8)[inverse]

    # -- members -------------------------------------------------------------------------------

    def group(self, until: int | None) -> Any:
        """Rows by member in event order. Returns the rows that are for the door."""
        codes, names = self.codes, self.member_names
        count = len(names)
        slow = np.zeros(count, dtype=bool)
        slow[codes[self.odd != 0]] = True
        self.later = np.zeros(self.rows, dtype=bool)
        if until is not None:
            self.later = (self.at >= until) & ~slow[codes]
        rank = np.cumsum(~slow) - 1
        fast = int((~slow).sum())
        place = np.where(slow, fast, rank).astype(np.int32)[codes]
        place[self.later] = fast
        start, order, _ = grouped(place, fast + 1)
        self.start = start[: fast + 1].copy()
        self.order = order[: self.start[-1]]
        ties = np.zeros(fast, dtype=np.int8)
        tool("sort_members")(fast, self.start, order, self.at, ties)
        if ties.any():
            self._order_ties(ties)
        self.members = names.filter(pa.array(~slow)) if slow.any() else names
        self._watch("group")
        return np.flatnonzero(slow[codes])

    def _members(self) -> None:
        column = self.table["member"]
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = arrow.whole(column)
        self.mark(arrow.absent(column))
        names = column.dictionary
        if pa.types.is_integer(names.type):
            names = names.cast(pa.string())
        fine = []
        for value in names.to_pylist():
            fine.append(bool(value) and len(value) <= 200 and value.isprintable())
        codes = column.indices.fill_null(0).to_numpy()
        if not all(fine):
            self.mark(~np.array(fine)[codes])
        self.codes, self.member_names = codes, names

    def _order_ties(self, ties: Array) -> None:
        """Events of one member at one instant: by source, then by id."""
        member = np.repeat(np.arange(len(ties)), np.diff(self.start))
        at = self.at[self.order]
        same = (at[1:] == at[:-1]) & (member[1:] == member[:-1])
        tied = np.zeros(len(at), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        places = np.flatnonzero(tied)
        rows = self.order[places]
        run = np.cumsum(np.concatenate([[True], ~same]))[places]
        ids = self.table["id"].take(pa.array(rows)).cast(pa.string())
        columns = {"run": pa.array(run), "id": ids}
        keys = [("run", "ascending"), ("id", "ascending")]
        if "source" in self.names:
            source = self.table["source"].take(pa.array(rows)).cast(pa.string())
            columns["source"] = pc.fill_null(source, "")
            keys.insert(1, ("source", "ascending"))
        order = pc.sort_indices(pa.table(columns), sort_keys=keys).to_numpy()
        self.order[places] = rows[order]

    # -- what few events have ------------------------------------------------------------------

    def columns(self, threads: int = 1) -> Columns:
        """Everything in the order of members."""
        order = self.order
        full = [self.kind, self.at, self.amount, self.version, *self.own]
        found: list[Any] = list(full)

        def take(number: int) -> None:
            if len(full[number]) > 1 or number < 3:
                found[number] = taken(full[number], order)

        at_once([partial(take, number) for number in range(len(full))], threads)
        kind, at, amount, version, *own = found
        self.row_of = np.full(self.rows, -1, dtype=np.int32)
        self.row_of[order] = np.arange(len(order), dtype=np.int32)
        more, slots, more_start = self._more(kind, order)
        self._watch("gather")
        return Columns(
            self.program, self.members, self.start, kind, at, at, amount, version,
            tuple(own) or empty_own(self.program), order, tuple(more), more_start,
            np.zeros(1, dtype=np.int64), 1, slots,
        )  # fmt: skip

    def _more(self, kind: Array, order: Array) -> tuple[list[Array], int, Array]:
        """The columns of X: special events, and those that they name."""
        events = self.program.program.events
        special = (kind > 0) & (kind < FIRST_OWN_TYPE)
        naming = np.flatnonzero(special)
        target = self._targets(kind, order, naming)
        wanted = special.copy()
        wanted[target[target >= 0]] = True
        rows = np.flatnonzero(wanted)
        place = np.full(len(kind), -1, dtype=np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        more = empty_more(len(rows))
        more[M.X_ROW][:] = rows
        here = place[naming]
        refs = np.where(target >= 0, place[target], -1)
        more[M.X_REF][here] = refs
        self._points(kind, order, rows, more)
        products = (kind[rows] == events["product_opened"].index) | (
            kind[rows] == events["product_closed"].index
        )
        self._products(order, rows, products, more, kind)
        back = np.flatnonzero(kind[naming] == events["return"].index)
        named = self._chain(here[back], refs[back], more, order)
        more_start = np.searchsorted(rows, self.start).astype(np.int64)
        slots = give_slots(more, more_start, named, np.ones(len(rows), dtype=np.int64))
        return more, slots, more_start

    def _targets(self, kind: Array, order: Array, naming: Array) -> Array:
        """The row that each special row names, in the order of members; -1 none."""
        found = np.full(len(naming), -1, dtype=np.int64)
        events = self.program.program.events
        for name, column in (("return", "returns"), ("redemption", "pays")):
            mine = np.flatnonzero(kind[naming] == events[name].index)
            if not len(mine) or column not in self.names:
                continue
            rows = order[naming[mine]]
            names = pc.cast(self.table[column].take(pa.array(rows)), pa.string())
            if isinstance(names, pa.ChunkedArray):
                names = names.combine_chunks()
            if names.null_count == len(names):
                continue
            found[mine] = self._find(names, naming[mine])
        return found

    def _find(self, names: Any, rows: Array) -> Array:
        """Rows of the same member with these ids."""
        wanted = pc.unique(names.drop_null())
        ids = self.table["id"]
        if not pa.types.is_string(ids.type):
            ids = ids.cast(pa.string())
        codes = arrow.whole(pc.index_in(ids, value_set=wanted))
        hit = np.flatnonzero(~arrow.absent(codes))
        spots = self.row_of[hit]
        hit, spots = hit[spots >= 0], spots[spots >= 0]
        owner = np.searchsorted(self.start, spots, side="right") - 1
        keys = codes.fill_null(-1).to_numpy()[hit].astype(np.int64) * len(self.start) + owner
        sort = np.argsort(keys, kind="stable")
        keys, spots = keys[sort], spots[sort]
        asked = pc.index_in(names, value_set=wanted).fill_null(-1).to_numpy().astype(np.int64)
        member = np.searchsorted(self.start, rows, side="right") - 1
        key = asked * len(self.start) + member
        at = np.minimum(np.searchsorted(keys, key), max(0, len(keys) - 1))
        if not len(keys):
            return np.full(len(rows), -1, dtype=np.int64)
        return np.where((keys[at] == key) & (asked >= 0), spots[at], -1).astype(np.int64)

    def _chain(self, backs: Array, targets: Array, more: list[Array], order: Array) -> Any:
        """Returns of one event, in the order in which they act."""
        named = np.zeros(len(more[0]), dtype=bool)
        sure = targets >= 0
        backs, targets = backs[sure], targets[sure]
        named[targets] = True
        early = more[M.X_ROW][backs] < more[M.X_ROW][targets]
        if early.any():
            rows = order[more[M.X_ROW][backs]]
            ids = self.table["id"].take(pa.array(rows)).cast(pa.string()).to_pylist()
            ranks = np.argsort(np.argsort(np.array([each.encode() for each in ids], dtype=object)))
        else:
            ranks = np.zeros(len(backs), dtype=np.int64)
        sort = np.lexsort((more[M.X_ROW][backs], np.where(early, ranks, -1), ~early, targets))
        backs, targets = backs[sort], targets[sort]
        same = targets[1:] == targets[:-1]
        first = np.flatnonzero(np.concatenate([np.ones(min(1, len(targets)), dtype=bool), ~same]))
        more[M.X_HEAD][targets[first]] = backs[first]
        chained = np.flatnonzero(same)
        more[M.X_NEXT][backs[chained]] = backs[chained + 1]
        return named

    def _points(self, kind: Array, order: Array, rows: Array, more: list[Array]) -> None:
        """What redemptions ask for."""
        mine = np.flatnonzero(kind[rows] == self.program.program.events["redemption"].index)
        if not len(mine):
            return
        part = self.table.take(pa.array(order[rows[mine]]))
        unit = self.door.units[self.door.first_unit]
        more[M.X_UNIT][mine] = unit.index
        found, _, _ = arrow.numbers(part["points"], unit.scale)
        more[M.X_POINTS][mine] = found
        zeros = np.zeros(len(mine), dtype=np.int8)
        if "outcome" in self.names:
            more[M.X_OUTCOME][mine], _, _ = arrow.looked_up(
                part["outcome"], zeros, {0: lambda v: OUTCOMES.get(str(v), 0)}, 1, np.int8
            )
        if "pays" in self.names:
            more[M.X_PAYS][mine] = ~arrow.absent(arrow.whole(part["pays"]))

    def _products(
        self, order: Array, rows: Array, mine: Any, more: list[Array], kind: Array
    ) -> None:
        """Which product was opened or closed; others than the program's are of no type."""
        spots = np.flatnonzero(mine)
        if not len(spots):
            return
        part = self.table["product"].take(pa.array(order[rows[spots]]))
        products = self.program.program.products
        found, _, _ = arrow.looked_up(
            part, np.zeros(len(spots), dtype=np.int8),
            {0: lambda v: products.index(str(v)) if v in products else -1}, 1, np.int32,
        )  # fmt: skip
        more[M.X_LINE][spots] = np.maximum(found, 0)
        unknown = rows[spots[found < 0]]
        kind[unknown] = -kind[unknown]

    def check_special(self) -> None:
        """Rows of special types that are not plain."""
        events = self.program.program.events
        redeems = self.kind == events["redemption"].index
        if redeems.any():
            self._check_redemptions(redeems)
        backs = self.kind == events["return"].index
        if backs.any():
            self.mark(backs if "returns" not in self.names else backs & arrow.absent(
                arrow.whole(self.table["returns"])))  # fmt: skip
        members = self.kind == events["member"].index
        self.mark(members)
        opened = (self.kind == events["product_opened"].index) | (
            self.kind == events["product_closed"].index
        )
        if opened.any():
            self.mark(opened if "product" not in self.names else opened & arrow.absent(
                arrow.whole(self.table["product"])))  # fmt: skip
        self._watch("special")

    def _check_redemptions(self, redeems: NDArray[np.bool_]) -> None:
        unit = self.door.units[self.door.first_unit]
        if "points" not in self.names:
            self.mark(redeems)
            return
        found, bad, nothing = arrow.numbers(self.table["points"], unit.scale)
        self.mark(redeems & (bad | nothing | (found <= 0)))
        for name, known in (("unit", {unit.name}), ("outcome", set(OUTCOMES))):
            if name in self.names:
                fine, _, empty = arrow.looked_up(
                    self.table[name], np.zeros(self.rows, dtype=np.int8),
                    {0: lambda v, known=known: int(v in known)}, 1, np.int8,  # type: ignore[misc]
                )  # fmt: skip
                self.mark(redeems & (fine == 0) & ~empty)


def at_once(jobs: Sequence[Callable[[], None]], threads: int) -> None:
    """Do independent jobs, several at a time: most of each runs without Python's lock."""
    if threads < 2:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def coder(codes: dict[str, int], other: int) -> Callable[[object], int]:
    """The code of a text."""
    return lambda value: codes.get(str(value), other)


def bound(reader: Callable[[object, str], int], name: str) -> Callable[[object], int]:
    """A reader that knows the name of what it reads."""
    return lambda value: reader(value, name)


def grouped(codes: Array, count: int) -> tuple[Any, Any, int]:
    """Where each group begins, its rows, and how many the largest has."""
    start = np.zeros(count + 1, dtype=np.int64)
    order = np.zeros(len(codes), dtype=np.int32)
    tool("place_rows")(codes, len(codes), count, start, order, np.zeros(count, dtype=np.int64))
    return start, order, int(np.diff(start).max(initial=0))


def taken(values: Any, order: Array) -> Any:
    """A column in another order."""
    found = np.empty(len(order), dtype=values.dtype)
    values = np.ascontiguousarray(values)
    tool(f"gather_8.{8 * values.dtype.itemsize}")(len(order), order, values, found)
    return found
