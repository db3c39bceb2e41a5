"""Whether every number stays inside 64 bits: machine integers wrap without a word.

Amounts are at most 10^15 minor units (the door sees to it), metrics and balances are taken to be
at most 10^17. From there every expression, every rule and every sum is bounded here, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from laurels.base.money import BOUND, format_decimal
from laurels.program import linked
from laurels.program.expr import Expression, ExpressionError, bounds, interval
from laurels.program.form import KeyPath
from laurels.program.growth import METRIC_BOUND, given_by
from laurels.program.lint.base import Part
from laurels.program.possible import Known

Placed = tuple[KeyPath, Expression | None, Known]


class Bounds(Part):
    """Computes the largest value of everything that is computed."""

    def run(self) -> None:
        """Expressions first, then what metrics add up, then what rules give."""
        for path, expression, known in self._expressions():
            if expression is not None:
                self._bounded(path, expression, known)
        for path, _, version in self.versions():
            for name, index in version.metrics.items():
                self._metric((*path, "metrics", name), self.program.metrics[index])
            most: dict[int, Fraction] = {}
            for index in version.effects:
                effect = self.program.effects[index]
                most[index] = self._most(version, effect, most)
                if most[index] > BOUND:
                    self._too_much(effect, most[index])

    def _expressions(self) -> Iterator[Placed]:
        for path, _, version in self.versions():
            nothing = self.known(version, [])
            yield (*path, "membership", "when"), version.membership, nothing
            for name, index in version.metrics.items():
                metric = self.program.metrics[index]
                known = self.metric_known(metric)
                yield (*path, "metrics", name, "where"), metric.where, known
                yield (*path, "metrics", name, metric.kind), metric.value, known
            for ladder in self.program.ladders:
                rules = ladder.rules.get(version.index)
                if rules is not None:
                    at: KeyPath = (*path, "ladders", ladder.name)
                    yield (*at, "opens"), rules.opens, nothing
                    for level in rules.levels:
                        yield (*at, "levels", level.name, "when"), level.when, nothing
            yield from self._of_rules(version)

    def _of_rules(self, version: linked.Version) -> Iterator[Placed]:
        for effect in self.rules_of(version):
            known = self.known(version, self.types(effect.on))
            path = self.rule_path(effect)
            if effect.offer is not None:
                at: KeyPath = ("versions", version.index, "offers", effect.offer, "when")
                yield at, effect.audience, known
            yield (*path, "when"), effect.when, known
            yield (*path, "lines"), effect.lines, known
            yield (*path, "base"), effect.base, known
            yield (*path, "give", "points"), effect.give.points, known
        for index in version.caps:
            cap = self.program.caps[index]
            on = [name for each in cap.effects for name in self.program.effects[each].on]
            known = self.known(version, self.types(dict.fromkeys(on)))
            yield self.cap_path(version, cap.name, "when"), cap.when, known
        asks = self.types(["redemption", "hold"])
        for index in version.spending:
            limit = self.program.spending[index]
            at = ("versions", version.index, "spending", limit.name)
            known = self.known(version, asks)
            yield (*at, "when"), limit.when, known
            yield (*at, "only_if"), limit.only_if, known

    def cap_path(self, version: linked.Version, name: str, key: str) -> KeyPath:
        """Where a part of a cap stands: in the version, or in one of its offers."""
        path: KeyPath = ("versions", version.index)
        given = self.document.program.versions[version.index]
        if name not in given.caps:
            for offer, each in given.offers.items():
                if name in each.caps:
                    path = (*path, "offers", offer)
                    break
        return (*path, "caps", name, key)

    def _bounded(self, path: KeyPath, expression: Expression, known: Known) -> None:
        try:
            bounds(expression.ir, known.ranges, expression.text)
        except ExpressionError as error:
            self.misread(path, error)

    def _metric(self, path: KeyPath, metric: linked.Metric) -> None:
        if metric.value is None or metric.kind not in ("sum", "max", "last"):
            return
        low, high = interval(metric.value.ir, self.metric_known(metric).ranges)
        limit = BOUND if metric.kind == "sum" else METRIC_BOUND
        if max(-low, high) > limit:
            self.wrong(
                (*path, metric.kind),
                "metric-overflow",
                f"one event can add {max(-low, high):,} to it",
                f"at most {limit:,} of the smallest units",
                "lower the limits of the attributes, or divide",
            )

    def _most(
        self, version: linked.Version, effect: linked.Effect, most: dict[int, Fraction]
    ) -> Fraction:
        """The most that a rule can give for one event, in steps."""
        ranges = self.known(version, self.types(effect.on)).ranges
        return given_by(effect, ranges, most)

    def _too_much(self, effect: linked.Effect, most: Fraction) -> None:
        unit = self.program.units[effect.unit]
        given = self.rule(effect).give
        key, hint = "by", "a smaller factor"
        if given.rate is not None or given.per is not None:
            key = "points" if given.rate is None else "rate"
            hint = "bound the base, such as base: min(event.amount, money('1000000'))"
        elif given.points is not None:
            key, hint = "points", "declare at_most of the attributes that it reads, or take min(…)"
        self.wrong(
            (*self.rule_path(effect), "give", key),
            "points-overflow",
            f"one event can earn {format_decimal(int(most), unit.scale)} {unit.name}",
            f"at most {format_decimal(BOUND, unit.scale)} {unit.name}",
            hint,
        )
