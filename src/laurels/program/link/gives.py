"""What a rule gives, in smallest steps of its unit."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from laurels.base.numbers import RATE_BOUND
from laurels.program import linked, model
from laurels.program.expr import NameInfo
from laurels.program.expr.dims import describe
from laurels.program.form import KeyPath
from laurels.program.link.tables import Tables


class Gives(Tables):
    """Resolves what rules give."""

    def give(
        self,
        rule: model.Rule,
        unit: linked.Unit,
        path: KeyPath,
        scope: Mapping[str, NameInfo],
    ) -> linked.Give:
        give = rule.give
        path = (*path, "give")
        kinds = [key for key in ("rate", "points", "multiply") if getattr(give, key) is not None]
        if len(kinds) != 1:
            self.wrong(
                path,
                "give-kind",
                f"there are {len(kinds)} of rate, points, multiply",
                "exactly one of them",
            )
            return linked.Give("rate")
        if give.per is not None and not isinstance(give.points, str):
            self.wrong(
                (*path, "per"),
                "give-per",
                "`per` needs one number of points",
                "points: a number",
                "where levels differ, write a rule for each of them, or a table of rates",
            )
        if give.by is not None and give.multiply is None:
            self.wrong((*path, "by"), "give-factor", "`by` is a factor of `multiply`")
        steps = Fraction(10**unit.scale, 10**self.exponent)
        if give.rate is not None:
            if isinstance(give.rate, str):
                rate = self.rate(give.rate, (*path, "rate")) * steps
                if max(rate.numerator, rate.denominator) > RATE_BOUND:
                    self.inexact((*path, "rate"), give.rate, rate)
                return linked.Give("rate", rate.numerator, rate.denominator)
            table = self.table(give.rate, (*path, "rate"), scope, None, steps)
            return linked.Give("rate", table=table)
        if give.multiply is not None:
            if give.by is None:
                self.wrong(path, "give-kind", "`multiply` needs `by`", "by: 2 doubles")
            factor = self.rate(give.by or "2", (*path, "by")) - 1
            if factor <= 0:
                self.wrong((*path, "by"), "give-factor", "the factor must be above 1")
                factor = Fraction(1)
            return linked.Give("multiply", factor.numerator, factor.denominator)
        if isinstance(give.points, dict):
            table = self.table(give.points, (*path, "points"), scope, unit.scale, None)
            return linked.Give("points", table=table)
        return self.give_points(rule, unit, path, scope)

    def give_points(
        self, rule: model.Rule, unit: linked.Unit, path: KeyPath, scope: Mapping[str, NameInfo]
    ) -> linked.Give:
        give = rule.give
        text = str(give.points).strip()
        plain = text.replace(".", "", 1).isdigit()
        low = self.number(give.at_least, unit.scale, (*path, "at_least")) if give.at_least else None
        high = self.number(give.at_most, unit.scale, (*path, "at_most")) if give.at_most else None
        if plain:
            points = self.number(text, unit.scale, (*path, "points"))
            if (low is not None and points < low) or (high is not None and points > high):
                self.wrong(
                    (*path, "points"),
                    "award-out-of-range",
                    f"an award of {text} is outside its range",
                    f"{give.at_least or 0} to {give.at_most or 'any'}",
                )
            if give.per is not None:
                every = self.number(give.per, self.exponent, (*path, "per"))
                if every <= 0:
                    self.wrong(
                        (*path, "per"),
                        "give-per",
                        "points for each nothing are no points",
                        "an amount above 0",
                    )
                    every = 1
                return linked.Give("per", points, every=every)
            return linked.Give("points", points)
        if give.per is not None:
            self.wrong((*path, "per"), "give-per", "`per` needs a number of points")
        expression = self.expression(text, scope, "int", (*path, "points"))
        if expression is not None and expression.ir.dim not in (
            f"points:{unit.name}",
            "count",
            "plain",
        ):
            dim = expression.ir.dim
            if not dim.startswith("points:") or self.scale_of(dim) != unit.scale:
                self.wrong(
                    (*path, "points"),
                    "give-points",
                    f"this is {describe(dim)}, not points of `{unit.name}`",
                    f"points of `{unit.name}`, or of a unit with the same precision",
                )
        elif expression is not None and unit.scale and expression.ir.dim in ("count", "plain"):
            self.wrong(
                (*path, "points"),
                "give-points",
                "a bare number counts smallest steps of the unit",
                f"points of `{unit.name}`",
                f"write points('{unit.name}', '1') * (…)",
            )
        return linked.Give("points", points=expression)
