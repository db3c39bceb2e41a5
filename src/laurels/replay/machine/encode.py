"""A piece of a native file as packed rows, without a Python object for each event.

What is not plain (bad values, lines, holds, withdrawals, names given twice) is not judged here:
its rows are marked odd, and the members that they concern go through the door one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.engine.door import OUTCOMES, WHOLE, door_of
from laurels.engine.events import words
from laurels.engine.join import MERGED
from laurels.engine.slots import constant, upper
from laurels.program.names import FIRST_OWN_TYPE
from laurels.replay.machine import arrow
from laurels.replay.machine.build import tool
from laurels.replay.machine.coding import Coder, Names, plain
from laurels.replay.machine.columns import Array, empty_own, largest
from laurels.replay.machine.filling import columns_of
from laurels.replay.machine.source import Source

PLAIN = ("return", "redemption", "member", "product_opened", "product_closed")
"""Types of the engine that are judged here; besides them the program's own."""
UNUSUAL = ("line", "lines", "to", "hold", "until", "withdraws")
"""Columns of what only the door judges."""
USUAL = ("id", "member", "type", "occurred_at", "recorded_at", "amount", "currency")
SPECIAL = ("returns", "pays", "points", "unit", "outcome", "product")
"""Columns of what only special events have."""

PACKED = 1 << 13
"""Rows that are packed at once."""

Readers = dict[int, Callable[[object], int]]


class Texts(NamedTuple):
    """An attribute that fills a column: how each type of event reads it."""

    name: str
    own: int
    readers: Readers


@dataclass
class Specials:
    """What only special events have, one row for each, in the order of the input.

    rows    of the input; points: steps; names: the number of the id that is named, where ``refers``
    lines   the product that was opened or closed, -1 one that the program does not know
    texts   id and source of returns: their order, where they act before what they return
    """

    rows: NDArray[np.int64]
    points: NDArray[np.int64]
    names: NDArray[np.int64]
    refers: NDArray[np.bool_]
    outcome: NDArray[np.int8]
    pays: NDArray[np.bool_]
    lines: NDArray[np.int32]
    texts: Any

    @staticmethod
    def joined(parts: Sequence[Specials]) -> Specials:
        """Those of all pieces."""
        names = ("rows", "points", "names", "refers", "outcome", "pays", "lines")
        kinds = (np.int64, np.int64, np.int64, np.bool_, np.int8, np.bool_, np.int32)
        found: list[Any] = [
            np.concatenate([np.zeros(0, dtype=kind), *[getattr(each, name) for each in parts]])
            for name, kind in zip(names, kinds, strict=True)
        ]
        found.append(pa.concat_tables([each.texts for each in parts]))
        return Specials(*found)


class Plan:
    """How the rows of a source are packed for a program. ``own``: numbers of the program's own
    columns that the source may fill."""

    def __init__(self, program: Compiled, source: Source) -> None:
        self.program = program
        self.door = door_of(program)
        self.columns = columns_of(program)
        self.absent = empty_own(program)
        self.place = {each.place: number for number, each in enumerate(self.columns)}
        self.types = 1 + max(each.index for each in program.program.events.values())
        self.several = len(program.program.versions) > 1
        self.texts: list[Texts] = []
        self.numbers: list[tuple[str, int, dict[int, Any]]] = []
        self.required: dict[str, NDArray[np.int8]] = {}
        for name in self._attributes():
            self._attribute(name)
        filled = {each.own for each in self.texts} | {own for _, own, _ in self.numbers}
        names = {each.own: each.name for each in self.texts}
        names.update({own: name for name, own, _ in self.numbers})
        self.own = [own for own in sorted(filled) if own >= 0 and names[own] in source.names]
        self.local = [
            (part, self.place[place]) for part in program.slots.local
            if (place := program.slots.columns[f"E_LOCAL_{upper(part)}"]) in self.place
        ]  # fmt: skip
        self.own += [own for _, own in self.local]
        self.others = sorted(source.names - {*USUAL, *SPECIAL, *UNUSUAL, *self.required})
        self.dtype = self._dtype()
        late = program.program.late
        self.reads_recorded = self.several or (
            late.policy == "when_recorded" or late.reject_after != "never"
        )
        """Whether it matters, in a net run, when an event was recorded."""
        self.as_numbers = all(
            pa.types.is_integer(kind)
            for name in ("id", "returns", "pays") for kind in source.types(name)
        )  # fmt: skip

    def hashes(self, column: Any) -> tuple[Array, NDArray[np.int8]]:
        """Numbers of ids, alike in all files, and which are no plain ids."""
        if pa.types.is_integer(column.type) and not self.as_numbers:
            column = column.cast(pa.string())
        elif not (pa.types.is_integer(column.type) or arrow.is_text(column.type)):
            return np.zeros(len(column), dtype=np.int64), np.ones(len(column), dtype=np.int8)
        found, odd = arrow.hashes(column)
        rows = np.flatnonzero(odd)
        if len(rows):  # more than plain ASCII: none of these need be wrong
            texts = column.take(pa.array(rows)).to_pylist()
            odd[rows] = np.array([not plain(each) for each in texts], dtype=np.int8)
        return found, odd

    def _dtype(self) -> np.dtype[Any]:
        """A packed row: words first, then what is smaller."""
        fields: list[tuple[str, Any]] = [("at", np.int64), ("amount", np.int64), ("name", np.int64)]
        small: list[tuple[str, Any]] = [
            ("row", np.int32), ("member", np.int32), ("special", np.int32), ("kind", np.int8),
            ("odd", np.int8),
        ]  # fmt: skip
        small += [("version", np.int8)] if self.several else []
        small += [(f"own{own}", self.columns[own].type) for own in self.own]
        small.sort(key=lambda field: -np.dtype(field[1]).itemsize)
        size = sum(np.dtype(kind).itemsize for _, kind in fields + small)
        small += [(f"gap{number}", np.int8) for number in range(-size % 8)]
        return np.dtype(fields + small)

    def offset(self, name: str) -> int:
        """Where a field begins in a packed row, in bytes."""
        assert self.dtype.fields is not None
        return int(self.dtype.fields[name][1])

    def _attributes(self) -> list[str]:
        names: dict[str, None] = {}
        for kind in self.program.program.events.values():
            if kind.index >= FIRST_OWN_TYPE or kind.name in ("return", "redemption"):
                names |= dict.fromkeys(kind.attributes)
        return list(names)

    def _attribute(self, name: str) -> None:
        """All columns that an attribute fills, over all types that have it."""
        readers: dict[int, Readers] = {}
        scales: dict[int, Any] = {}
        required = self.required[name] = np.zeros(self.types, dtype=np.int8)
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
        if scales:
            column_ = self.program.slots.columns.get(constant("E_", name), -1)
            self.numbers.append((name, self.place.get(column_, -1), scales))
            return
        for column, tables in readers.items():
            self.texts.append(Texts(name, self.place.get(column, -1), tables))


class Piece:
    """Rows on their way into packed ones. ``odd`` marks those that cannot be judged.

    column  reads a column by its name; None where there is none
    first   the number of the first row in the whole history
    """

    def __init__(
        self, plan: Plan, column: Callable[[str], Any], into: Any, first: int
    ) -> None:  # fmt: skip
        self.plan = plan
        self.program = plan.program
        self.column = column
        self.rows = len(into)
        self.into = into
        self.first = first
        self.odd = np.zeros(self.rows, dtype=np.int8)
        self.kind: NDArray[np.int8] = np.zeros(0, dtype=np.int8)
        self.found: dict[str, Array] = {}
        self.ids: Any = None
        self.texts: Any = None
        self.most = (0, 0)

    def mark(self, rows: NDArray[np.bool_]) -> None:
        """These rows are for the door."""
        self.odd[rows] = 1

    def encode(self, coder: Coder, names: Names) -> tuple[Array, Specials]:
        """Fill the packed rows; the members' codes, and what only special events have."""
        self.names = names
        codes, odd = coder.code(self._must("member"))
        self.odd |= odd
        self.found["member"] = codes
        self.found["row"] = np.arange(self.first, self.first + self.rows, dtype=np.int32)
        self._types()
        self._identities()
        self._times()
        self._recorded()
        self._money()
        texts: dict[str, Any] = {}
        for each in self.plan.texts:
            self._text(each, texts)
        for name, own, scales in self.plan.numbers:
            self._number(name, own, scales)
        for name in UNUSUAL:
            column = self.column(name)
            if column is not None and column.null_count < len(column):
                self.mark(~arrow.absent(column))
        for name in self.plan.others:
            self._no_nul(self.column(name))
        self._local()
        special = self._specials()
        self.found["odd"] = self.odd
        self._pack()
        return codes, special

    def span(self) -> tuple[int, int]:
        """The first and the last instant of rows that are not odd."""
        at = self.into["at"][self.odd == 0] if self.odd.any() else self.into["at"]
        return int(at.min(initial=2**62)), int(at.max(initial=0))

    def tied(self, codes: Array) -> tuple[Array, Any]:
        """Rows of a member at one instant, by their numbers, and their ids and sources: of those
        that stand close to each other."""
        marks = np.zeros(self.rows, dtype=np.int8)
        tool("mark_tied")(self.rows, self.into["at"].copy(), codes, marks)
        rows = np.flatnonzero(marks)
        if not len(rows):
            return rows, None
        taken = pa.array(rows)
        found = {"id": self.texts.take(taken).cast(pa.large_string())}
        source = self.column("source")
        if source is not None:
            found["source"] = source.take(taken).cast(pa.large_string())
        return rows + self.first, pa.table(found)

    def _no_nul(self, column: Any) -> Any:
        """A column in which no character is none."""
        found = None if column is None else arrow.nuls(column)
        if found is not None:
            self.mark(found)
        return column

    def _must(self, name: str) -> Any:
        """A column without which there is no history."""
        column = self.column(name)
        return pa.nulls(self.rows, pa.string()) if column is None else column

    def _pack(self) -> None:
        """Columns into rows, a few at a time: those that the cache holds."""
        names = self.into.dtype.names
        for low in range(0, self.rows, PACKED):
            high = min(self.rows, low + PACKED)
            for name in names:
                found = self.found.get(name)
                self.into[name][low:high] = 0 if found is None else found[low:high]
        self.found = {}

    def _types(self) -> None:
        events = self.program.program.events
        codes, values, nothing = arrow.coded(self._must("type"))
        if MERGED in values:
            raise pa.ArrowNotImplementedError("members who become one are run together, by books")
        known = [events[v].index if v in events else 0 for v in values] or [0]
        plain = [v in PLAIN or known[i] >= FIRST_OWN_TYPE for i, v in enumerate(values)] or [False]
        plain = [fine and value != "member" for fine, value in zip(plain, values, strict=False)]
        self.kind = np.array(known, dtype=np.int8)[codes]
        self.found["kind"] = self.kind
        if not all(plain) or nothing.any():
            self.mark(nothing | ~np.array(plain or [False])[codes])

    def _identities(self) -> None:
        """Numbers of ids; the texts of those of returns."""
        column = self._must("id")
        hashed, odd = self.plan.hashes(column)
        self.names.note(hashed)
        self.found["name"] = hashed
        self.odd |= odd
        self.texts = column
        back = self.kind == self.program.program.events["return"].index
        ids = column.take(pa.array(np.flatnonzero(back)))
        self.ids = ids.cast(pa.large_string())

    def _times(self) -> None:
        at, bad = arrow.instants(self._must("occurred_at"), self.program.calendar)
        calendar = self.program.calendar
        bad |= (at < calendar.midnight[0]) | (at >= calendar.midnight[-2])
        self.found["at"] = at
        versions = self.program.program.versions
        starts = [max(each.effective_from, each.published_at) for each in versions]
        if self.plan.several:
            found = np.full(self.rows, -1, dtype=np.int8)
            for version, start in zip(versions, starts, strict=True):
                found[at >= start] = version.index
            bad |= found < 0
            self.found["version"] = np.maximum(found, 0)
        elif self.rows and at.min() < starts[0]:
            bad |= at < starts[0]
        self.mark(bad)

    def _recorded(self) -> None:
        """When events were recorded: it must be a time, and may matter."""
        column = self.column("recorded_at")
        if column is None or column.null_count == len(column):
            return
        there = ~arrow.absent(column)
        if not self.plan.reads_recorded:
            calendar = self.program.calendar
            at, bad = arrow.instants(column, calendar)
            there &= bad | (at < calendar.midnight[0]) | (at >= calendar.midnight[-2])
        self.mark(there)

    def _money(self) -> None:
        linked = self.program.program
        wants = np.zeros(self.plan.types, dtype=np.int8)
        for each in linked.events.values():
            wants[each.index] = {"none": 0, "optional": 1, "required": 2}[each.amount]
        back = linked.events["return"].index
        wants[back] = 1
        currency = self.column("currency")
        if currency is not None:
            same, bad, nothing = arrow.looked_up(
                currency, np.zeros(self.rows, dtype=np.int8),
                {0: lambda value: int(value == linked.currency)}, 1, np.int8,
            )  # fmt: skip
            self.mark(bad | ((same == 0) & ~nothing))
        want = wants[self.kind]
        column = self.column("amount")
        if column is None:
            self.found["amount"] = np.where(self.kind == back, WHOLE, 0)
            self.mark(want == 2)
            return
        amount, bad, nothing = arrow.numbers(column, linked.exponent)
        bad |= amount < 0
        self.most = (largest(amount), self.most[1])
        amount[nothing & (self.kind == back)] = WHOLE
        amount[want == 0] = 0
        self.found["amount"] = amount
        self.mark(((want > 0) & bad & ~nothing) | ((want == 2) & nothing))

    def _text(self, attribute: Texts, read: dict[str, Any]) -> None:
        """``read``: the last column that was read; an attribute may fill several."""
        name, own, tables = attribute
        required = self.plan.required[name]
        if name not in read:
            read.clear()
            read[name] = self.column(name)
        column = read[name]
        if column is None:
            self._absent(required)
            return
        kind = self.plan.columns[own].type if own >= 0 else np.int64
        found = arrow.read_codes(column, self.kind, tables, required, kind, self.odd)
        if own >= 0:
            self.found[f"own{own}"] = found

    def _absent(self, required: NDArray[np.int8]) -> None:
        """An attribute that no event of the piece has."""
        if required.any():
            self.mark(required[self.kind] == 1)

    def _number(self, name: str, own: int, scales: dict[int, Any]) -> None:
        required = self.plan.required[name]
        column = self.column(name)
        if column is None:
            self._absent(required)
            return
        attribute = next(iter(scales.values()))
        found, bad, empty = arrow.numbers(column, attribute.scale)
        self.most = (self.most[0], max(self.most[1], largest(found)))
        has = np.isin(self.kind, list(scales))
        low, high = attribute.low or 0, attribute.high
        bad |= (found < low) | ((found > high) if high is not None else False)
        if len({(each.scale, each.low, each.high) for each in scales.values()}) > 1:
            bad |= True
        self.mark(has & ((bad & ~empty) | (empty & (required[self.kind] == 1))))
        if own >= 0:
            self.found[f"own{own}"] = np.where(has & ~empty, found, 0)

    def _local(self) -> None:
        """Hours and minutes, where a program asks: by the door's calendar, once for each minute."""
        if not self.plan.local:
            return
        minutes, inverse = np.unique(self.found["at"] // 60_000_000, return_inverse=True)
        parts = [self.program.calendar.parts(int(each) * 60_000_000) for each in minutes]
        for part, own in self.plan.local:
            values = np.array([getattr(each, part) for each in parts], dtype=np.int8)
            self.found[f"own{own}"] = values[inverse]

    # -- what few events have ------------------------------------------------------------------

    def _specials(self) -> Specials:
        """What redemptions, returns and products say; what is not plain of them is marked."""
        rows = np.flatnonzero((self.kind > 0) & (self.kind < FIRST_OWN_TYPE))
        self.found["special"] = np.full(self.rows, -1, dtype=np.int32)
        self.found["special"][rows] = np.arange(len(rows))
        taken = pa.array(rows)
        columns = {name: column.take(taken) for name in SPECIAL
                   if (column := self._no_nul(self.column(name))) is not None}  # fmt: skip
        few = Few(self.plan, pa.table(columns), self.kind[rows])
        found = few.read(rows + self.first)
        found.texts = self._texts(few.of("return"))
        self.most = (self.most[0], max(self.most[1], largest(found.points)))
        self.mark_rows(rows[few.odd])
        return found

    def _texts(self, backs: NDArray[np.bool_]) -> Any:
        """Id and source of returns, in rows as special events have."""
        place = pa.array(np.cumsum(backs) - 1, mask=~backs)
        source = self.column("source") if backs.any() else None
        if source is None:
            source = pa.nulls(len(self.ids), pa.large_string())
        else:
            back = np.flatnonzero(self.kind == self.program.program.events["return"].index)
            source = source.take(pa.array(back)).cast(pa.large_string())
        return pa.table({"id": self.ids.take(place), "source": source.take(place)})

    def mark_rows(self, rows: Array) -> None:
        """These are for the door."""
        self.odd[rows] = 1


class Few:
    """The special rows of a piece."""

    def __init__(self, plan: Plan, table: Any, kind: NDArray[np.int8]) -> None:
        self.plan = plan
        self.table = table
        self.kind = kind
        self.names = set(table.column_names)
        self.odd = np.zeros(len(kind), dtype=bool)
        self.events = plan.program.program.events

    def of(self, *names: str) -> NDArray[np.bool_]:
        """The rows of these types."""
        return np.isin(self.kind, [self.events[name].index for name in names])

    def read(self, rows: NDArray[np.int64]) -> Specials:
        """What they say. ``rows``: their numbers."""
        count = len(rows)
        redeems, backs = self.of("redemption"), self.of("return")
        refers = np.zeros(count, dtype=bool)
        names = np.zeros(count, dtype=np.int64)
        for mine, column in ((backs, "returns"), (redeems, "pays")):
            there = self._there(column) & mine
            refers |= there
            if there.any():
                names[there] = self._names(column, there)[there]
        self.odd |= backs & ~refers
        points = self._points(redeems)
        outcome = self._outcome(redeems)
        pays = self._there("pays") & redeems
        return Specials(rows, points, names, refers, outcome, pays, self._lines(), None)

    def _there(self, column: str) -> NDArray[np.bool_]:
        """Where something stands."""
        if column not in self.names:
            return np.zeros(len(self.kind), dtype=bool)
        return ~arrow.absent(self.table[column])

    def _names(self, column: str, there: NDArray[np.bool_]) -> Array:
        """Numbers of the ids that are named."""
        found, odd = self.plan.hashes(self.table[column])
        self.odd |= there & (odd == 1)
        return found

    def _points(self, redeems: NDArray[np.bool_]) -> NDArray[np.int64]:
        """What redemptions ask for, in the unit that is meant when none is named."""
        unit = self.plan.door.units[self.plan.door.first_unit] if redeems.any() else None
        if unit is None or "points" not in self.names:
            self.odd |= redeems
            return np.zeros(len(self.kind), dtype=np.int64)
        found, bad, nothing = arrow.numbers(self.table["points"], unit.scale)
        self.odd |= redeems & (bad | nothing | (found <= 0))
        if "unit" in self.names:
            self._must_be("unit", redeems, {unit.name: 1})
        return np.where(redeems, found, 0)

    def _outcome(self, redeems: NDArray[np.bool_]) -> NDArray[np.int8]:
        if "outcome" not in self.names or not redeems.any():
            return np.zeros(len(self.kind), dtype=np.int8)
        return np.where(redeems, self._must_be("outcome", redeems, OUTCOMES), 0).astype(np.int8)

    def _must_be(self, name: str, mine: NDArray[np.bool_], known: dict[str, int]) -> Array:
        """Codes of a column that has nothing else; other rows are odd."""
        found, _, empty = arrow.looked_up(
            self.table[name], np.zeros(len(self.kind), dtype=np.int8),
            {0: lambda value: known.get(str(value), 0)}, 1, np.int8,
        )  # fmt: skip
        self.odd |= mine & (found == 0) & ~empty
        return found

    def _lines(self) -> NDArray[np.int32]:
        """Which product was opened or closed."""
        opened = self.of("product_opened", "product_closed")
        found = np.zeros(len(self.kind), dtype=np.int32)
        if not opened.any():
            return found
        if "product" not in self.names:
            self.odd |= opened
            return found
        products = self.plan.program.program.products
        numbers, _, _ = arrow.looked_up(
            self.table["product"], np.zeros(len(self.kind), dtype=np.int8),
            {0: lambda v: products.index(str(v)) if v in products else -1}, 1, np.int32,
        )  # fmt: skip
        self.odd |= opened & arrow.absent(self.table["product"])
        return np.where(opened, numbers, 0).astype(np.int32)


def coder(codes: dict[str, int], other: int) -> Callable[[object], int]:
    """The code of a text."""
    return lambda value: codes.get(words(value), other)


def bound(reader: Callable[[object, str], int], name: str) -> Callable[[object], int]:
    """A reader that knows the name of what it reads."""
    return lambda value: reader(value, name)
