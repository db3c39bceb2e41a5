"""Rules and offers: what they may give, whether they ever give, and for what."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from laurels.base.errors import LaurelsError
from laurels.base.money import format_decimal, parse_decimal
from laurels.base.numbers import parse_rate
from laurels.program import linked
from laurels.program.expr import Call, Const, Node, names_in, walk
from laurels.program.form import KeyPath
from laurels.program.growth import entries
from laurels.program.lint.base import Part
from laurels.program.lint.tables import incomplete
from laurels.program.possible import implied, possible


class Rules(Part):
    """Looks at each rule; at what it gives for each of its units."""

    def run(self) -> None:
        """Every version by itself."""
        for path, given, version in self.versions():
            self._ceiling(path, version)
            self._alike(version)
            for effect in self.rules_of(version):
                self._units(effect)
                self._not_bought(effect, version)
                self._fires(effect, version)
                self._multiplies(effect)
                self._every_nth(effect, version)
                incomplete(self, effect.give.table, self._table_path(effect), version)
                self._range_unread(effect)
            for index in version.effects:
                self._award(self.program.effects[index], version)
            if given.membership is not None and version.membership is not None:
                known = self.known(version, [])
                if not possible([version.membership.ir], known):
                    self.odd(
                        (*path, "membership", "when"),
                        "membership-never",
                        "this never holds: nobody earns",
                    )

    # -- names and units -----------------------------------------------------------------------

    def _alike(self, version: linked.Version) -> None:
        seen: dict[str, str] = {}
        for effect in self.rules_of(version):
            other = seen.setdefault(effect.rule.replace("-", "_"), effect.rule)
            if other != effect.rule:
                self.wrong(
                    self.rule_path(effect),
                    "rule-names-alike",
                    f"`{effect.rule}` and `{other}` differ in `-` and `_` only",
                    "names that differ",
                )

    def _units(self, effect: linked.Effect) -> None:
        units = self.rule(effect).unit
        for position, unit in enumerate(units):
            if unit in units[:position]:
                self.wrong(
                    (*self.rule_path(effect), "unit", position),
                    "rule-unit-twice",
                    f"`{unit}` stands here twice",
                    "each unit once",
                )

    def _effects(self, effect: linked.Effect) -> Iterator[linked.Effect]:
        """The effects of one rule: one for each unit."""
        for each in self.program.effects:
            if each.rule_index == effect.rule_index:
                yield each

    # -- what is not bought --------------------------------------------------------------------

    def _not_bought(self, effect: linked.Effect, version: linked.Version) -> None:
        policy = self.document.program.non_purchase_material
        rule = self.rule(effect)
        if policy == "allow" or rule.non_purchase_reason:
            return
        types = [each.name for each in self.types(effect.on) if not each.purchase]
        units = [self.program.units[each.unit] for each in self._effects(effect)]
        material = [unit.name for unit in units if unit.material]
        if not types or not material:
            return
        say = self.wrong if policy == "deny" else self.odd
        say(
            (*self.rule_path(effect), "unit" if rule.unit else "give"),
            "non-purchase-material",
            f"`{material[0]}` is worth something, and a `{types[0]}` is no purchase",
            "a unit with `material: false`",
            "or say why it is right here: non_purchase_reason",
        )
        del version

    # -- whether it ever gives -----------------------------------------------------------------

    def _fires(self, effect: linked.Effect, version: linked.Version) -> None:
        path = self.rule_path(effect)
        known = self.known(version, self.types(effect.on))
        asked = [each.ir for each in (effect.audience, effect.when) if each is not None]
        if not possible(asked, known):
            at: KeyPath = (*path, "when") if effect.when is not None else path
            self._never(at, "its conditions cannot hold together")
        elif effect.lines is not None and not possible([*asked, effect.lines.ir], known):
            self._never((*path, "lines"), "no line meets this")
        elif self._outside(effect, version):
            self._never(
                ("versions", version.index, "offers", effect.offer or ""),
                "the offer and its version are never in force together",
            )
        elif all(self._gives_nothing(each) for each in self._effects(effect)):
            self._never((*path, "give"), "it gives nothing")

    def _never(self, path: KeyPath, why: str) -> None:
        self.odd(path, "rule-never-fires", f"the rule never gives: {why}")

    def _outside(self, effect: linked.Effect, version: linked.Version) -> bool:
        if effect.stop is not None and effect.stop <= version.effective_from:
            return True
        if effect.start is None or version.index + 1 >= len(self.program.versions):
            return False
        after = self.program.versions[version.index + 1]
        return effect.start >= max(after.effective_from, after.published_at)

    def _gives_nothing(self, effect: linked.Effect) -> bool:
        give = effect.give
        paid = any(each.amount != "none" for each in self.types(effect.on))
        if give.kind in ("rate", "per") and not paid and effect.base is None:
            return True
        if give.kind == "multiply" or give.points is not None:
            return False
        values = entries(give.table) or [(give.numerator, 1)]
        return all(numerator == 0 for numerator, _ in values)

    def _multiplies(self, effect: linked.Effect) -> None:
        path = (*self.rule_path(effect), "give", "multiply")
        for index in effect.give.of:
            other = self.program.effects[index]
            missing = [name for name in effect.on if name not in other.on]
            if other.index > effect.index:
                self.wrong(
                    path,
                    "multiply-order",
                    f"`{other.rule}` stands below `{effect.rule}`, which multiplies it",
                    "rules above this one",
                )
            elif missing:
                self.wrong(
                    path,
                    "multiply-events",
                    f"`{other.rule}` gives nothing on a `{missing[0]}`",
                    "rules on the same event types",
                )

    def _every_nth(self, effect: linked.Effect, version: linked.Version) -> None:
        """`metrics.m % n` stays what it is on events that the metric does not count."""
        if effect.when is None:
            return
        known = self.known(version, self.types(effect.on))
        asked = [each.ir for each in (effect.audience, effect.when) if each is not None]
        divided = [
            each for each in walk(effect.when.ir) if isinstance(each, Call) and each.op == "rem"
        ]
        read = {name[8:] for each in divided for name in names_in(each) if name[:8] == "metrics."}
        for name in sorted(read):
            metric = self.program.metrics[version.metrics[name]]
            others = [each for each in effect.on if each not in metric.of]
            hint = f"on: {', '.join(metric.of)}"
            if not others:
                where = None if metric.by_line else metric.where
                if where is None or implied(where.ir, asked, known):
                    continue
                hint = f"repeat in `when`: {where.text}"
            unless = f"`{others[0]}`" if others else "event that it leaves out"
            self.odd(
                (*self.rule_path(effect), "when"),
                "rule-every-nth",
                f"`{name}` stays as it is on any {unless}: the rule gives again there",
                "the rule on the events that the metric counts",
                hint,
            )

    # -- how much ------------------------------------------------------------------------------

    def _table_path(self, effect: linked.Effect) -> KeyPath:
        key = "rate" if effect.give.kind == "rate" else "points"
        return (*self.rule_path(effect), "give", key)

    def _range_unread(self, effect: linked.Effect) -> None:
        give = self.rule(effect).give
        if effect.give.kind in ("points",) or (give.at_least is None and give.at_most is None):
            return
        key = "at_least" if give.at_least is not None else "at_most"
        self.wrong(
            (*self.rule_path(effect), "give", key),
            "give-range",
            "a range is about an award of points, not about a rate",
            "caps: at_least, at_most",
        )

    def _award(self, effect: linked.Effect, version: linked.Version) -> None:
        """AT-R21: whatever an event may carry, the award stays in its range."""
        give = self.rule(effect).give
        unit = self.program.units[effect.unit]
        low = self._steps(give.at_least, unit)
        high = self._steps(give.at_most, unit)
        if effect.give.kind != "points" or (low is None and high is None):
            return
        wanted = f"{give.at_least or 0} to {give.at_most or 'any'}"
        path = self._table_path(effect)
        if low is not None and high is not None and low > high:
            self.wrong((*path[:-1], "at_most"), "give-range", "no number is in this range", wanted)
        table = effect.give.table
        for key, (points, _) in table.entries.items() if table else ():
            if (low is not None and points < low) or (high is not None and points > high):
                shown = format_decimal(points, unit.scale)
                self.wrong(
                    (*path, key),
                    "award-out-of-range",
                    f"an award of {shown} is outside its range",
                    wanted,
                )
        if effect.give.points is None:
            return
        below = low is not None and self._can(effect, version, "lt", low)
        if below or (high is not None and self._can(effect, version, "gt", high)):
            self.wrong(
                path,
                "award-out-of-range",
                f"an event can carry {'less' if below else 'more'} than the range allows",
                wanted,
                "declare at_least and at_most of the attribute, and that it is required",
            )

    def _can(self, effect: linked.Effect, version: linked.Version, op: str, value: int) -> bool:
        """Whether an award can be below or above a number of steps where the rule fires."""
        assert effect.give.points is not None
        compared: Node = Call(op, (effect.give.points.ir, Const(value, "int")), "bool")
        asked = [each.ir for each in (effect.audience, effect.when) if each is not None]
        return possible([*asked, compared], self.known(version, self.types(effect.on)))

    @staticmethod
    def _steps(text: str | None, unit: linked.Unit) -> int | None:
        try:
            return None if text is None else parse_decimal(text.strip(), unit.scale)
        except LaurelsError:
            return None  # the linker has said so

    # -- offers under the ceiling --------------------------------------------------------------

    def _ceiling(self, path: KeyPath, version: linked.Version) -> None:
        """AT-K6: no offer gives more than the ceiling, by rate or in points."""
        given = self.document.program.versions[version.index].ceiling
        rate = None
        if given.rate is not None:
            try:
                found = parse_rate(given.rate)
                rate = Fraction(found.numerator, found.denominator)
            except LaurelsError as error:
                self.wrong((*path, "ceiling", "rate"), error.code, error.message)
        for index in version.effects:
            effect = self.program.effects[index]
            if effect.offer is None:
                continue
            unit = self.program.units[effect.unit]
            steps = Fraction(10**unit.scale, 10**self.program.exponent)
            if rate is not None:
                for at, value in self._rates(effect):
                    if value > rate * steps:
                        self._above(at, f"{float(value / steps * 100):g} %", str(given.rate))
            if given.points is not None:
                try:
                    most = parse_decimal(given.points.strip(), unit.scale)
                except LaurelsError as error:
                    self.wrong((*path, "ceiling", "points"), error.code, error.message)
                    return
                self._points_above(effect, version, most, given.points)

    def _rates(self, effect: linked.Effect) -> Iterator[tuple[KeyPath, Fraction]]:
        """Each share of the base that a rule may give, in steps for a minor unit."""
        give = effect.give
        path = (*self.rule_path(effect), "give")
        if give.kind == "rate":
            if give.table is None:
                yield (*path, "rate"), Fraction(give.numerator, give.denominator)
                return
            for key, value in give.table.entries.items():
                yield (*path, "rate", key), Fraction(*value)
            yield (*path, "rate", "otherwise"), Fraction(*give.table.otherwise)
        elif give.kind == "per":
            yield (*path, "points"), Fraction(give.numerator, give.every)
        elif give.kind == "multiply":
            total = sum(
                (
                    max((rate for _, rate in self._rates(self.program.effects[each])), default=0)
                    for each in give.of
                ),
                Fraction(0),
            )
            yield (*path, "by"), total * Fraction(give.numerator, give.denominator)

    def _points_above(
        self, effect: linked.Effect, version: linked.Version, most: int, shown: str
    ) -> None:
        give = effect.give
        if give.kind != "points":
            return
        path = self._table_path(effect)
        scale = self.program.units[effect.unit].scale
        if give.points is not None:
            if self._can(effect, version, "gt", most):
                self._above(path, "more", shown)
            return
        for key, (value, _) in give.table.entries.items() if give.table else ():
            if value > most:
                self._above((*path, key), format_decimal(value, scale), shown)
        if give.table is None and give.numerator > most:
            self._above(path, format_decimal(give.numerator, scale), shown)
        elif give.table is not None and give.table.otherwise[0] > most:
            shown_value = format_decimal(give.table.otherwise[0], scale)
            self._above((*path, "otherwise"), shown_value, shown)

    def _above(self, path: KeyPath, found: str, ceiling: str) -> None:
        self.wrong(
            path,
            "offer-above-ceiling",
            f"an offer gives {found}, the ceiling is {ceiling.strip()}",
            f"at most {ceiling.strip()}",
        )
