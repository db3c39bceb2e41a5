"""How much one event can add to any number of a member's state, given how large its own are.

The lint proves that no expression leaves 64 bits while metrics and balances stay within
METRIC_BOUND. Machine integers wrap without a word, so whoever runs machine code over a history
must know beforehand that they do: as many events as a member has, times this.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from laurels.program import linked as L
from laurels.program.expr import interval
from laurels.program.expr.bounds import Ranges

METRIC_BOUND = 10**17
"""No metric and no balance is beyond this: a hundred of the largest amounts there are."""
BY_ITSELF = 1_000
"""Events that a member's life can have without being sent: birthdays, ends of terms."""


def growth(program: L.Linked, most: int) -> int:
    """The most that one event adds to a metric or balance, when no amount, number of points or
    numeric attribute of an event is above ``most`` of its smallest units."""
    given = [Fraction(most), Fraction(1)]
    for version in program.versions:
        ranges = _ranges(program, version, most)
        for index in version.metrics.values():
            value = program.metrics[index].value
            if value is not None:
                given += map(abs, map(Fraction, interval(value.ir, ranges)))
        effects: dict[int, Fraction] = {}
        for index in version.effects:
            effects[index] = given_by(program.effects[index], ranges, effects)
        given.append(sum(effects.values(), Fraction(most)))
    return int(max(given)) + 1


def longest(program: L.Linked, most: int) -> int:
    """How many events a member can have so that no number of its state is beyond METRIC_BOUND."""
    return max(0, METRIC_BOUND // growth(program, most) - BY_ITSELF)


def _ranges(program: L.Linked, version: L.Version, most: int) -> Ranges:
    ranges = {f"balance.{unit.name}": (0, METRIC_BOUND) for unit in program.units}
    ranges |= {f"metrics.{name}": (-METRIC_BOUND, METRIC_BOUND) for name in version.metrics}
    ranges |= {f"{each}.amount": (0, most) for each in ("event", "line", "paid")}
    for kind in program.events.values():
        for prefix, attributes in (("event", kind.attributes), ("paid", kind.attributes),
                                   ("line", kind.line)):  # fmt: skip
            for name, attribute in attributes.items():
                date = attribute.type == "date"
                ranges[f"{prefix}.{name}"] = (0, max(most, 1231) if date else most)
    return ranges


def given_by(effect: L.Effect, ranges: Ranges, before: Mapping[int, Fraction]) -> Fraction:
    """The most that an effect gives for one event, in steps; ``before``: what others give, which
    it may multiply."""
    give = effect.give
    table = max((Fraction(*each) for each in entries(give.table)), default=Fraction(0))
    if give.kind == "multiply":
        total = sum((before.get(each, Fraction(0)) for each in give.of), Fraction(0))
        return total * Fraction(give.numerator, give.denominator)
    if give.kind == "points":
        if give.points is not None:
            return Fraction(max(0, interval(give.points.ir, ranges)[1]))
        return table if give.table is not None else Fraction(give.numerator)
    base = ranges["event.amount"][1]
    if effect.base is not None:
        base = max(0, interval(effect.base.ir, ranges)[1])
    if give.kind == "per":
        return Fraction(base // give.every * give.numerator)
    rate = table if give.table is not None else Fraction(give.numerator, give.denominator)
    return base * rate


def entries(table: L.Table | None) -> list[tuple[int, int]]:
    """Every value of a table."""
    return [] if table is None else [*table.entries.values(), table.otherwise]
