"""The door for sealed events: what a member has elsewhere, line by line, as integers.

A line is one of: a lot (``unit``, ``points``, ``active_at``, ``expires_at``, ``funder``), a debt
(``unit``, ``debt``), what counts towards a ladder of points (``unit``, ``counted`` and of it, for
the next term, ``counted_next``) or a level (``ladder``, ``level``, ``until``). An event without
lines is one line itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from laurels.base.errors import RequestError
from laurels.base.instants import Calendar, parse_instant
from laurels.base.money import parse_decimal
from laurels.engine.kernel import layout as K
from laurels.program import linked as L

FIELDS = frozenset({
    "unit", "points", "active_at", "expires_at", "funder", "debt", "counted", "counted_next",
    "ladder", "level", "until",
})  # fmt: skip
"""What a line of a sealed event may say, besides ``line``."""
LINES_MAX = 10_000

Found = TypeVar("Found")


class Opening:
    """Reads the lines of one program's sealed events."""

    def __init__(self, program: L.Linked, zone: Calendar, width: int) -> None:
        self.program, self.zone, self.width = program, zone, width
        self.units = {unit.name: unit for unit in program.units}
        self.ladders = {ladder.name: ladder for ladder in program.ladders}

    def read(self, raw: Mapping[str, object], acts: int) -> tuple[list[int], tuple[str, ...]]:
        """The integers of all lines, and their names. Raises RequestError."""
        lines = raw.get("lines") or [raw]
        if not isinstance(lines, (list, tuple)) or len(lines) > LINES_MAX:
            raise RequestError(
                "event-lines", "the lines are no list, or too many", where="lines",
                expected=f"a list of at most {LINES_MAX} lines",
            )  # fmt: skip
        flat: list[int] = []
        names = []
        owing: set[int] = set()
        having: set[int] = set()
        for number, line in enumerate(lines):
            where = f"lines[{number}]." if line is not raw else ""
            if not isinstance(line, Mapping):
                raise RequestError("event-lines", "a line is no mapping", where=where[:-1])
            entry = self._line(line, where, acts)
            if entry[K.S_WHAT] == K.S_DEBT:
                owing.add(entry[K.S_OF])
            elif entry[K.S_WHAT] == K.S_LOT and entry[K.S_ACTIVE] <= acts:
                having.add(entry[K.S_OF])
            flat += entry
            names.append(str(line.get("line") or number + 1))
        if owing & having:
            raise RequestError(
                "sealed-debt", "a unit has debt and active points", where="lines",
                expected="debt, or active points: points pay debt at once",
            )  # fmt: skip
        return flat, tuple(names)

    def _line(self, line: Mapping[str, object], where: str, acts: int) -> list[int]:
        entry = [0] * self.width
        if line.get("ladder"):
            self._level(entry, line, where, acts)
            return entry
        unit = known(self.units, line.get("unit"), where + "unit")
        entry[K.S_OF] = unit.index
        said = [name for name in ("points", "debt", "counted") if filled(line, name)]
        if len(said) != 1:
            raise RequestError(
                "sealed-line", "a line says one thing", where=where + "points",
                expected="points, or debt, or counted, or a ladder and its level",
            )  # fmt: skip
        if said == ["debt"]:
            entry[K.S_WHAT] = K.S_DEBT
        elif said == ["counted"]:
            entry[K.S_WHAT] = K.S_COUNT
            if filled(line, "counted_next"):
                entry[K.S_ACTIVE] = self._points(line, "counted_next", unit, where)
        else:
            entry[K.S_WHAT] = K.S_LOT
            entry[K.S_ACTIVE] = self._instant(line, "active_at", where, acts)
            entry[K.S_END] = self._end(line, "expires_at", where, max(acts, entry[K.S_ACTIVE]))
            funders = {name: number for number, name in enumerate(self.program.funders)}
            if filled(line, "funder"):
                entry[K.S_FUNDER] = known(funders, line["funder"], where + "funder")
        entry[K.S_POINTS] = self._points(line, said[0], unit, where)
        if entry[K.S_POINTS] == 0 and said != ["counted"]:
            raise RequestError(
                "event-points-missing", "points are above zero", where=where + said[0],
                expected="a number above 0",
            )  # fmt: skip
        return entry

    def _level(self, entry: list[int], line: Mapping[str, object], where: str, acts: int) -> None:
        ladder = known(self.ladders, line["ladder"], where + "ladder")
        codes = {name: number for number, name in enumerate(ladder.levels, 1)}
        entry[K.S_WHAT] = K.S_LEVEL
        entry[K.S_OF] = ladder.index
        entry[K.S_END] = self._end(line, "until", where, acts)
        if filled(line, "level"):
            entry[K.S_POINTS] = known(codes, line["level"], where + "level")

    def _points(self, line: Mapping[str, object], name: str, unit: L.Unit, where: str) -> int:
        number = parse_decimal(line[name], unit.scale, where + name)
        if number < 0:
            raise RequestError(
                "event-points-missing", "points are above zero", where=where + name,
                expected="a number above 0", hint="what is owed is written as debt",
            )  # fmt: skip
        return number

    def _instant(self, line: Mapping[str, object], name: str, where: str, absent: int) -> int:
        return parse_instant(line[name], self.zone, where + name) if filled(line, name) else absent

    def _end(self, line: Mapping[str, object], name: str, where: str, after: int) -> int:
        end = self._instant(line, name, where, K.NEVER)
        if end <= after:
            raise RequestError(
                "sealed-over", "it ends before it begins", where=where + name,
                expected="a later time, or none where it does not end",
                hint="leave out what is over already",
            )  # fmt: skip
        return end


def known(among: Mapping[str, Found], value: object, where: str) -> Found:
    """What a name stands for. Raises RequestError where it stands for nothing."""
    found = among.get(str(value))
    if found is None:
        raise RequestError(
            "event-value-unknown", f"`{str(value)[:40]}` is no value of it", where=where,
            expected="one of " + ", ".join(among),
        )  # fmt: skip
    return found


def filled(line: Mapping[str, object], name: str) -> bool:
    """Whether a line says something under a name."""
    value = line.get(name)
    return value is not None and value != ""
