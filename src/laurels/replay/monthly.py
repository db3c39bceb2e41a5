"""Month by month: what came, went and stood of each unit, in all and by rule, funder and level.

A row is a month, a unit and what it is *by*:

    by=all      the unit as a whole
    by=funder   name: the funder of the lots
    by=level    ladder and name: the level that members had when it was posted; empty: none.
                ``carried`` is what members brought along from another level, less what they took
    by=rule     name: the rule. Only issued and taken back: points of several rules lie in one
                lot, so no rule can be named for what is spent or lapses

Points are steps of the unit. ``outstanding`` is what stands at the month's end:

    outstanding = outstanding before + issued + adjusted + transferred + waived + carried
                  - spent - expired - taken back
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from laurels.base.errors import ensure
from laurels.program import linked as L
from laurels.replay.tally import ACTIVATED, CARRIED, Tally

FLOWS: Mapping[str, tuple[str, int]] = {
    "issued": ("program:issued", -1),
    "activated": (ACTIVATED, 1),
    "spent": ("program:redeemed", 1),
    "expired": ("program:expired", 1),
    "taken_back": ("program:returned", 1),
    "adjusted": ("program:adjusted", -1),
    "transferred": ("program:transferred", -1),
    "waived": ("program:waived", -1),
    "carried": (CARRIED, 1),
}
"""Each line of the books: the account that it is the total of, and its sign."""

CAME = ("issued", "adjusted", "transferred", "waived", "carried")
WENT = ("spent", "expired", "taken_back")
BY = ("all", "funder", "level", "rule")

Place = tuple[str, str, str, str]
"""Unit, by, ladder, name."""


@dataclass(frozen=True)
class Row:
    """A month of something; ``lines`` are steps of the unit, with ``outstanding``."""

    month: int
    unit: str
    by: str
    ladder: str
    name: str
    lines: Mapping[str, int]

    def cost(self, worth: Fraction | None) -> Fraction | None:
        """What was issued and not taken back, in minor units of money."""
        if worth is None:
            return None
        return (self.lines["issued"] - self.lines["taken_back"]) * worth


def month_text(month: int) -> str:
    """A month index as text: 0 is 1900-01."""
    return f"{1900 + month // 12}-{month % 12 + 1:02d}"


def months_of(tally: Tally) -> list[int]:
    """All months of the run, those in which nothing happened included."""
    seen = tally.months | {key[0] for key in tally.flows}
    return list(range(min(seen), max(seen) + 1)) if seen else []


def accounts_of(tally: Tally) -> dict[tuple[int, str], Counter[str]]:
    """Steps by account, for each month and unit."""
    found: dict[tuple[int, str], Counter[str]] = {}
    for (month, unit, _, account), steps in tally.flows.items():
        found.setdefault((month, unit), Counter())[account] += steps
    return found


def lines_of(accounts: Mapping[str, int]) -> dict[str, int]:
    """The lines of the books that some accounts make."""
    return {name: sign * accounts.get(account, 0) for name, (account, sign) in FLOWS.items()}


def monthly(tally: Tally) -> Iterator[Row]:
    """All rows, by unit, then as BY says, then by month. Months in which nothing happened and
    nothing stood are left out, but of ``all``.

    Raises Fault when what the levels say is not what the unit says.
    """
    months = months_of(tally)
    ends: dict[tuple[int, str, str, str], int] = {}
    for place, by_month in sorted(_flows(tally), key=_order(tally.program.program)):
        unit, by, ladder, name = place
        stands = 0
        for month in months:
            lines = lines_of(by_month.get(month, {}))
            stands += sum(lines[each] for each in CAME) - sum(lines[each] for each in WENT)
            if by == "all" or any(lines.values()) or stands:
                yield Row(month, unit, by, ladder, name, {**lines, "outstanding": stands})
            ends[month, unit, by, ladder] = ends.get((month, unit, by, ladder), 0) + stands
    for (month, unit, by, ladder), stands in ends.items():
        ensure(
            stands == ends[month, unit, "all", ""],
            f"{month_text(month)}: {unit} by {by} {ladder} says {stands}",
        )
    yield from _rules(tally)


def _flows(tally: Tally) -> Iterator[tuple[Place, dict[int, Counter[str]]]]:
    """What went through the accounts of each place, by month."""
    found: dict[Place, dict[int, Counter[str]]] = {}
    program = tally.program.program

    def add(place: Place, month: int, account: str, steps: int) -> None:
        found.setdefault(place, {}).setdefault(month, Counter())[account] += steps

    for unit in program.units:
        found[unit.name, "all", "", ""] = {}
    for (month, name, funder, account), steps in tally.flows.items():
        add((name, "all", "", ""), month, account, steps)
        add((name, "funder", "", funder), month, account, steps)
    for (month, at, level, name, account), steps in tally.leveled.items():
        ladder = program.ladders[at]
        named = ladder.levels[level - 1] if level else ""
        add((name, "level", ladder.name, named), month, account, steps)
    yield from found.items()


def _order(program: L.Linked) -> Callable[[tuple[Place, object]], Any]:
    """Places in the order of the program: units, ladders, levels."""
    units = {unit.name: unit.index for unit in program.units}
    levels = {
        (ladder.name, name): (ladder.index, code)
        for ladder in program.ladders
        for code, name in enumerate(("", *ladder.levels))
    }

    def key(item: tuple[Place, object]) -> tuple[object, ...]:
        unit, by, ladder, name = item[0]
        return units[unit], BY.index(by), levels.get((ladder, name), (0, 0)), name

    return key


def _rules(tally: Tally) -> Iterator[Row]:
    """What each rule gave, and what was taken back of it."""
    units = {unit.name: unit.index for unit in tally.program.program.units}
    for _, unit, rule in sorted((units[name], name, rule) for rule, name in tally.rules):
        total = tally.rules[rule, unit]
        for month, (earned, taken_back) in sorted(total.months.items()):
            yield Row(month, unit, "rule", "", rule, {"issued": earned, "taken_back": taken_back})


def table_rows(tally: Tally) -> Iterator[dict[str, object]]:
    """All rows as ``monthly.parquet`` has them: points in steps, cost in minor units."""
    worth = {unit.name: unit.worth for unit in tally.program.program.units}
    for row in monthly(tally):
        cost = row.cost(worth[row.unit])
        yield {
            "month": month_text(row.month),
            "unit": row.unit,
            "by": row.by,
            "ladder": row.ladder or None,
            "name": row.name or None,
            **row.lines,
            "cost": None if cost is None else rounded(cost),
        }


def rounded(value: Fraction) -> int:
    """A half rounds up."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
