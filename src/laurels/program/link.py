"""From a document to a linked program: every name resolved, every number in smallest units.

All findings of a run are collected; none stops the others. Where something is wrong a harmless
stand-in takes its place, and nothing linked leaves this module unless the run had no errors.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

from laurels.base.errors import Finding, LaurelsError, ProgramError
from laurels.base.instants import calendar, parse_instant
from laurels.base.money import currency_exponent, parse_decimal
from laurels.base.numbers import parse_rate
from laurels.program import linked as L
from laurels.program import model as M
from laurels.program import names as N
from laurels.program.expr import Expression, ExpressionError, NameInfo, compile_expression
from laurels.program.loader import Document, KeyPath

BEGINNING = -(2**62)
ROUNDINGS = {"floor": 0, "half_up": 1, "half_even": 2, "ceil": 3}
MINUTE = 60_000_000
SCALE_MAX = 6


def link(document: Document) -> L.Linked:
    """Resolve a document. Raises ProgramError with every error found."""
    linker = Linker(document)
    result = linker.run()
    if any(each.severity == "error" for each in linker.findings):
        raise ProgramError(linker.findings)
    assert result is not None
    return result


def term(text: str) -> L.Term:
    """`24 months`, `30 days`, `2 hours`, `never`."""
    if text == "never":
        return L.NEVER_ENDS
    number, word = text.split()
    count = int(number)
    word = word.rstrip("s")
    if word == "month":
        return L.Term("months", count)
    if word == "year":
        return L.Term("months", 12 * count)
    if word == "day":
        return L.Term("days", count)
    return L.Term("micros", count * (60 * MINUTE if word == "hour" else MINUTE))


TERM_MAX = {"months": 1200, "days": 36_500, "micros": 36_500 * 24 * 60 * MINUTE, "never": 0}


class Linker:
    """One run over one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.program = document.program
        self.findings: list[Finding] = []
        self.exponent = 2
        self.units: list[L.Unit] = []
        self.events: dict[str, L.EventType] = {}
        self.member: dict[str, L.Attribute] = {}
        self.metrics: list[L.Metric] = []
        self.metric_keys: dict[tuple[object, ...], int] = {}
        self.effects: list[L.Effect] = []
        self.caps: list[L.Cap] = []
        self.spending: list[L.SpendingLimit] = []
        self.funders: list[str] = ["program"]
        self.versions: list[L.Version] = []
        self.ladder_levels: dict[str, list[str]] = {}
        self.ladder_rules: dict[str, dict[int, L.LadderRules]] = {}
        self.rule_count = 0

    # -- findings and small readers ------------------------------------------------------------

    def wrong(
        self, path: KeyPath, code: str, message: str, expected: str = "", hint: str = ""
    ) -> None:
        self.findings.append(
            self.document.finding(path, code, message, expected=expected, hint=hint)
        )

    def unknown(self, path: KeyPath, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = difflib.get_close_matches(name, known, 1)
        self.wrong(
            path, "name-unknown", f"there is no {what} `{name}`",
            expected="one of " + ", ".join(known) if known else f"a declared {what}",
            hint=f"did you mean `{close[0]}`?" if close else "",
        )

    def number(self, text: str, scale: int, path: KeyPath) -> int:
        try:
            return parse_decimal(text.strip(), scale, str(path[-1]))
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return 0

    def rate(self, text: str, path: KeyPath) -> Fraction:
        try:
            rate = parse_rate(text.strip())
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return Fraction(0)
        return Fraction(rate.numerator, rate.denominator)

    def term(self, text: str, path: KeyPath) -> L.Term:
        found = term(text)
        if found.length > TERM_MAX[found.kind]:
            self.wrong(path, "term-too-long", f"`{text}` is too long", expected="at most 100 years")
            return L.NEVER_ENDS
        return found

    def instant(self, text: str, path: KeyPath) -> int:
        try:
            return parse_instant(text.strip(), self.program.zone)
        except LaurelsError as error:
            self.wrong(path, error.code, error.message)
            return 0

    def expression(
        self, text: str | None, names: Mapping[str, NameInfo], want: Literal["bool", "int"],
        path: KeyPath,
    ) -> Expression | None:
        if text is None:
            return None
        scope = N.scope(names, self.program.currency, self.exponent, self.units)
        try:
            return compile_expression(text, scope, want)
        except ExpressionError as error:
            for problem in error.problems:
                self.findings.append(
                    self.document.finding(
                        path, problem.code, problem.message, expected=problem.expected,
                        hint=problem.hint, offset=(problem.line, problem.column),
                    )
                )
            return None

    # -- the whole -----------------------------------------------------------------------------

    def run(self) -> L.Linked | None:
        """Link every part in the order in which they need one another."""
        self.frame()
        if any(each.severity == "error" for each in self.findings):
            return None
        for index in range(len(self.program.versions)):
            self.version(index)
        self.migrations()
        ladders = tuple(
            L.Ladder(name, index, tuple(levels), self.ladder_rules[name])
            for index, (name, levels) in enumerate(self.ladder_levels.items())
        )
        terms = tuple(dict.fromkeys(each.expires for each in self.effects))
        return L.Linked(
            self.program.program, self.program.zone, self.program.currency, self.exponent,
            tuple(self.units), self.events, tuple(self.program.products), self.member,
            tuple(self.metrics), ladders, tuple(self.effects), tuple(self.caps),
            tuple(self.spending), tuple(self.versions), tuple(self.funders), terms,
            self.program.late, self.program,
        )

    def frame(self) -> None:
        """What never changes: zone, currency, units, event types, attributes."""
        try:
            calendar(self.program.zone)
        except LaurelsError as error:
            self.wrong(("zone",), error.code, error.message, "a name such as Asia/Almaty")
            return
        try:
            self.exponent = currency_exponent(self.program.currency)
        except LaurelsError as error:
            self.wrong(("currency",), error.code, error.message)
            return
        self.unit_types()
        self.member = {
            name: self.attribute(name, each, ("member", name))
            for name, each in self.program.member.items()
        }
        for name, attribute in self.member.items():
            if attribute.type not in ("text", "date") or (
                attribute.type == "date" and name != "born"
            ):
                self.wrong(("member", name), "member-attribute-type",
                           f"a member's `{name}` cannot be {attribute.type}",
                           "a text; or the date `born`")
        self.event_types()

    def unit_types(self) -> None:
        if not self.program.units:
            self.wrong(("units",), "unit-missing", "there is no unit", "at least one unit")
        names = list(self.program.units)
        for index, (name, unit) in enumerate(self.program.units.items()):
            path: KeyPath = ("units", name)
            scale = self.precision(unit.precision, (*path, "precision"))
            worth = None
            if unit.worth is not None:
                minor = Fraction(unit.worth.strip()) * 10**self.exponent
                worth = minor / 10**scale
            too: list[int] = []
            for each in unit.spends_too:
                if each not in names:
                    self.unknown((*path, "spends_too"), "unit", each, names)
                else:
                    too.append(names.index(each))
            self.units.append(
                L.Unit(name, index, scale, worth, unit.debt == "allow", unit.spendable,
                       unit.transferable, unit.material, tuple(too))
            )

    def precision(self, text: str, path: KeyPath) -> int:
        for scale in range(SCALE_MAX + 1):
            if Fraction(text.strip()) == Fraction(1, 10**scale):
                return scale
        self.wrong(path, "unit-precision", f"`{text}` is no precision",
                   "1, 0.1, 0.01 and so on to 0.000001")
        return 0

    def attribute(self, name: str, given: M.Attribute, path: KeyPath) -> L.Attribute:
        kind, _, unit = given.type.partition(" ")
        scale = self.exponent if kind == "money" else 0
        if kind == "points":
            found = next((each for each in self.units if each.name == unit), None)
            if found is None:
                self.unknown((*path, "type"), "unit", unit, self.program.units)
            else:
                scale = found.scale
        low = self.number(given.at_least, scale, (*path, "at_least")) if given.at_least else None
        high = self.number(given.at_most, scale, (*path, "at_most")) if given.at_most else None
        values = tuple(given.values) if given.values is not None else None
        if values is not None and kind != "text":
            self.wrong((*path, "values"), "attribute-values", "only a text has a set of values")
        return L.Attribute(
            name, kind, scale, values, low, high, given.required, unit  # type: ignore[arg-type]
        )

    def event_types(self) -> None:
        declared = dict(self.program.events)
        given: dict[str, dict[str, M.Attribute]] = {
            "redemption": {"partner": M.Attribute(), "channel": M.Attribute()},
            "hold": {"partner": M.Attribute(), "channel": M.Attribute()},
        }
        product = M.Attribute(values=list(self.program.products))
        given["product_opened"] = given["product_closed"] = {"product": product}
        own = N.FIRST_OWN_TYPE
        for name in dict.fromkeys([*N.BUILTIN, *declared]):
            event = declared.get(name, M.EventType())
            path: KeyPath = ("events", name)
            attributes = {**given.get(name, {}), **event.attributes}
            amount = "required" if name == "return" else event.amount
            index = N.BUILTIN.get(name, own)
            own += name not in N.BUILTIN
            purchase = event.purchase if event.purchase is not None else amount != "none"
            self.events[name] = L.EventType(
                name, index, amount, purchase,
                {key: self.attribute(key, each, (*path, "attributes", key))
                 for key, each in attributes.items()},
                {key: self.attribute(key, each, (*path, "line", key))
                 for key, each in event.line.items()},
            )
        self.attributes_agree()

    def attributes_agree(self) -> None:
        """One name means one type in every event that carries it."""
        seen: dict[str, tuple[str, L.Attribute]] = {}
        for name, event in self.events.items():
            for key, attribute in event.attributes.items():
                first = seen.setdefault(key, (name, attribute))
                if (first[1].type, first[1].unit) != (attribute.type, attribute.unit):
                    self.wrong(
                        ("events", name, "attributes", key), "attribute-type",
                        f"`{key}` is {attribute.type} here and {first[1].type} in `{first[0]}`",
                        "one type for one name",
                    )

    # -- a version -----------------------------------------------------------------------------

    def version(self, index: int) -> None:
        given = self.program.versions[index]
        path: KeyPath = ("versions", index)
        start = (
            self.instant(given.effective_from, (*path, "effective_from"))
            if given.effective_from is not None
            else BEGINNING
        )
        published = (
            self.instant(given.published_at, (*path, "published_at"))
            if given.published_at is not None
            else BEGINNING
        )
        names = N.member_names(self.program.products, self.member, self.units)
        metrics = self.version_metrics(index, given, names)
        names |= N.metric_names(self.metrics[each] for each in metrics.values())
        for name, ladder in given.ladders.items():
            self.union_levels(name, list(ladder.levels), (*path, "ladders", name))
        names |= N.level_names({n: tuple(each.levels) for n, each in given.ladders.items()})
        for name, ladder in given.ladders.items():
            self.ladder(index, name, ladder, names, metrics)
        membership = None
        if given.membership:
            membership = self.expression(
                given.membership.when, names, "bool", (*path, "membership", "when")
            )
        effects = self.version_effects(index, given, names)
        stacks = self.stacks(index, given)
        caps = self.version_caps(index, given, names, effects)
        spending = self.version_spending(index, given, names)
        posting, day = self.posting(given.posting, (*path, "posting"))
        self.versions.append(
            L.Version(
                given.version, index, start, published, membership,
                given.membership.before if given.membership else "nothing",
                metrics, tuple(each.index for each in effects), caps, stacks, spending,
                given.returns, self.unit_terms(given, path), posting, day,
                self.term(given.holds.lapse_after, (*path, "holds", "lapse_after")),
                given.holds.late_capture == "if_covered", given.migrate,
            )
        )

    def unit_terms(self, given: M.Version, path: KeyPath) -> tuple[L.Term, ...]:
        """How long lots of each unit live where no rule or offer says otherwise."""
        whole = self.term(given.expires, (*path, "expires"))
        return tuple(
            self.term(unit.expires, ("units", name, "expires")) if unit.expires else whole
            for name, unit in self.program.units.items()
        )

    def types_of(self, names: Sequence[str], path: KeyPath) -> list[L.EventType]:
        found = []
        for name in names:
            if name in self.events:
                found.append(self.events[name])
            else:
                self.unknown(path, "event type", name, self.events)
        return found

    def version_metrics(
        self, index: int, given: M.Version, names: Mapping[str, NameInfo]
    ) -> dict[str, int]:
        result: dict[str, int] = {}
        for name, metric in given.metrics.items():
            path: KeyPath = ("versions", index, "metrics", name)
            types = self.types_of(metric.of, (*path, "of"))
            scope = {**names, **N.event_names(types), **N.local_names(), **N.line_names(types)}
            kinds = [key for key in ("sum", "count", "max", "last") if getattr(metric, key)]
            if len(kinds) != 1:
                self.wrong(path, "metric-kind", f"`{name}` has {len(kinds)} of sum, count, max, "
                           "last", "exactly one of them")
                continue
            kind = "days" if metric.count == "days" else kinds[0]
            where = self.expression(metric.where, scope, "bool", (*path, "where"))
            text = None if metric.count else str(getattr(metric, kinds[0]))
            value = self.expression(text, scope, "int", (*path, kinds[0]))
            window, size = self.window(metric)
            dim = value.ir.dim if value is not None else "count"
            money = kind == "sum" and text == "event.amount" or text == "line.amount"
            net = metric.net_of_returns if metric.net_of_returns is not None else money
            if net and not (money or kind == "count"):
                self.wrong((*path, "net_of_returns"), "metric-net",
                           "only a sum of event.amount or line.amount, or a count, can be net")
            if kind in ("max", "last") and window in ("months", "days"):
                self.wrong((*path, "window"), "metric-window", f"a rolling {kind} is not kept",
                           "day, month, year or lifetime")
            read = (where.names if where else frozenset()) | (
                value.names if value else frozenset()
            )
            by_line = any(each.startswith("line.") for each in read)
            key = (name, kind, tuple(metric.of), metric.where, text, window, size, net)
            if key not in self.metric_keys:
                self.metric_keys[key] = len(self.metrics)
                self.metrics.append(
                    L.Metric(name, len(self.metrics), kind, tuple(metric.of),  # type: ignore[arg-type]
                             where, value, window, size, net, by_line, dim)  # type: ignore[arg-type]
                )
            result[name] = self.metric_keys[key]
        return result

    @staticmethod
    def window(metric: M.Metric) -> tuple[str, int]:
        if isinstance(metric.window, str):
            return metric.window, 1
        if metric.window.months is not None:
            return "months", metric.window.months
        return "days", metric.window.days or 1

    # -- ladders -------------------------------------------------------------------------------

    def union_levels(self, ladder: str, levels: list[str], path: KeyPath) -> None:
        """One order over all versions, so that a level has one code for ever."""
        known = self.ladder_levels.setdefault(ladder, [])
        self.ladder_rules.setdefault(ladder, {})
        if not levels:
            self.wrong(path, "ladder-empty", f"`{ladder}` has no levels", "at least one level")
        at = 0
        for level in levels:
            if level in known:
                if known.index(level) < at:
                    self.wrong((*path, "levels", level), "level-order",
                               f"`{level}` stood in another order in an earlier version",
                               "the same order in all versions", "use a new name")
                at = known.index(level) + 1
            else:
                known.insert(at, level)
                at += 1

    def ladder(
        self, index: int, name: str, given: M.Ladder, names: Mapping[str, NameInfo],
        metrics: Mapping[str, int],
    ) -> None:
        path: KeyPath = ("versions", index, "ladders", name)
        scope = dict(names)
        opens = self.expression(given.opens, scope, "bool", (*path, "opens"))
        unit = None
        if given.sum is not None:
            unit = next((each.index for each in self.units if each.name == given.sum), None)
            if unit is None:
                self.unknown((*path, "sum"), "unit", given.sum, self.program.units)
        if given.rises == "at_close" and given.period is None:
            self.wrong((*path, "rises"), "ladder-clock", "`at_close` needs a period to close",
                       "period: month or year")
        if given.requalify and unit is None:
            self.wrong((*path, "requalify"), "ladder-clock", "`requalify` is about a ladder's sum",
                       "sum: a unit")
        levels = []
        for level, rules in given.levels.items():
            levels.append(self.level(path, name, level, rules, given, scope, metrics, unit))
        self.ladder_rules[name][index] = L.LadderRules(
            given.period, given.rises, given.falls, given.grace, opens, unit,
            given.sum_includes_spending,
            self.term(given.requalify, (*path, "requalify")) if given.requalify else None,
            tuple(levels),
        )

    def level(
        self, path: KeyPath, ladder: str, name: str, given: M.Level, rules: M.Ladder,
        scope: Mapping[str, NameInfo], metrics: Mapping[str, int], unit: int | None,
    ) -> L.Level:
        path = (*path, "levels", name)
        least = []
        for key, text in (given.__pydantic_extra__ or {}).items():
            strict = text.strip().startswith(">") and not text.strip().startswith(">=")
            plain = text.strip().lstrip(">=").strip()
            if key == "sum" and unit is not None:
                value = self.number(plain, self.units[unit].scale, (*path, key))
                dim = f"points:{self.units[unit].name}"
                least.append(L.Least(None, "sum", strict, value, dim))
            elif key in metrics:
                dim = self.metrics[metrics[key]].dim
                value = self.number(plain, self.scale_of(dim), (*path, key))
                least.append(L.Least(metrics[key], key, strict, value, dim))
            else:
                self.unknown((*path, key), "metric", key, metrics)
        when = self.expression(given.when, scope, "bool", (*path, "when"))
        length = self.term(given.term, (*path, "term")) if given.term else None
        if length is not None and rules.period is not None:
            self.wrong((*path, "term"), "ladder-clock",
                       "a ladder with a period keeps levels by period, not by term",
                       "either `period` or terms")
        code = self.ladder_levels[ladder].index(name) + 1
        return L.Level(name, code, tuple(least), when, length)

    def scale_of(self, dim: str) -> int:
        if dim == "money":
            return self.exponent
        if dim.startswith("points:"):
            return next((u.scale for u in self.units if u.name == dim[7:]), 0)
        return 0

    def migrations(self) -> None:
        """Codes settle once all versions are known; a level that goes needs a successor."""
        for name, by_version in self.ladder_rules.items():
            for index, rules in by_version.items():
                levels = tuple(
                    replace(each, code=self.ladder_levels[name].index(each.name) + 1)
                    for each in rules.levels
                )
                by_version[index] = replace(rules, levels=levels)
        for before, after in zip(self.versions, self.versions[1:], strict=False):
            for name, by_version in self.ladder_rules.items():
                if before.index not in by_version or after.index not in by_version:
                    continue
                kept = {each.name for each in by_version[after.index].levels}
                for level in by_version[before.index].levels:
                    heir = after.migrate.get(name, {}).get(level.name)
                    path: KeyPath = ("versions", after.index, "ladders", name)
                    if level.name not in kept and heir is None:
                        self.wrong(path, "level-removed",
                                   f"level `{level.name}` of version {before.number} is gone",
                                   f"migrate: {{{name}: {{{level.name}: <level>}}}}")
                    elif heir is not None and heir not in kept:
                        self.unknown(("versions", after.index, "migrate", name, level.name),
                                     "level", heir, kept)

    # -- rules ---------------------------------------------------------------------------------

    def posting(
        self, given: M.Posting | str, path: KeyPath
    ) -> tuple[L.Term, int | None]:
        if isinstance(given, str):
            return L.AT_ONCE, None
        if (given.after is None) == (given.day_of_next_month is None):
            self.wrong(path, "posting", "either `after` or `day_of_next_month`", "exactly one")
            return L.AT_ONCE, None
        if given.after is not None:
            found = self.term(given.after, path)
            if found.kind == "never":
                self.wrong(path, "posting", "points that never become active are no points")
            return found, None
        return L.AT_ONCE, given.day_of_next_month

    def version_effects(
        self, index: int, given: M.Version, names: Mapping[str, NameInfo]
    ) -> list[L.Effect]:
        path: KeyPath = ("versions", index)
        every: list[tuple[str, M.Rule, KeyPath, M.Offer | None, str | None]] = [
            (name, rule, (*path, "rules", name), None, None) for name, rule in given.rules.items()
        ]
        for key, offer in given.offers.items():
            every += [
                (name, rule, (*path, "offers", key, "rules", name), offer, key)
                for name, rule in offer.rules.items()
            ]
        seen: set[str] = set()
        result: list[L.Effect] = []
        for name, rule, at, offer, key in every:
            if name in seen:
                self.wrong(at, "rule-twice", f"there are two rules `{name}`", "different names")
            seen.add(name)
            result += self.rule(index, given, name, rule, at, offer, key, names)
        return self.multiplied(result, {name: at for name, _, at, _, _ in every})

    def rule(
        self, index: int, version: M.Version, name: str, rule: M.Rule, path: KeyPath,
        offer: M.Offer | None, key: str | None, names: Mapping[str, NameInfo],
    ) -> list[L.Effect]:
        types = self.types_of(rule.on, (*path, "on"))
        scope = {**names, **N.event_names(types), **N.local_names()}
        at_offer: KeyPath = ("versions", index, "offers", key or "")
        audience = start = stop = None
        if offer is not None:
            audience = self.expression(offer.when, scope, "bool", (*at_offer, "when"))
            start = self.instant(offer.from_, (*at_offer, "from")) if offer.from_ else None
            stop = self.instant(offer.until, (*at_offer, "until")) if offer.until else None
            if start is not None and stop is not None and stop <= start:
                self.wrong((*at_offer, "until"), "offer-window", "the offer ends before it starts")
        when = self.expression(rule.when, scope, "bool", (*path, "when"))
        lines = self.expression(
            rule.lines, {**scope, **N.line_names(types)}, "bool", (*path, "lines")
        )
        base = self.expression(rule.base, scope, "int", (*path, "base"))
        if base is None and any("paid_in_points" in each.attributes for each in types):
            base = self.expression(
                "event.amount - event.paid_in_points", scope, "int", (*path, "base")
            )
        posting = rule.posting or (offer.posting if offer else None) or version.posting
        wait, day = self.posting(posting, (*path, "posting"))
        own_expires = rule.expires or (offer.expires if offer else None)
        funder = rule.funder if rule.funder != "program" or not offer else offer.funder or "program"
        if funder not in self.funders:
            self.funders.append(funder)
        order = self.rule_count
        self.rule_count += 1
        result = []
        for unit in self.rule_units(rule, path):
            of_unit = self.program.units[unit.name].expires
            expires = own_expires or of_unit or version.expires
            effect = L.Effect(
                len(self.effects), name, order, index, key, unit.index, tuple(rule.on), start,
                stop, audience, when, lines, base, self.give(rule, unit, path, scope, types),
                ROUNDINGS[rule.rounding], wait, day, self.term(expires, (*path, "expires")),
                self.funders.index(funder),
                (rule.times.at_most, rule.times.per) if rule.times else None, rule.for_everyone,
            )
            self.effects.append(effect)
            result.append(effect)
        return result

    def rule_units(self, rule: M.Rule, path: KeyPath) -> list[L.Unit]:
        if not rule.unit:
            if len(self.units) != 1:
                self.wrong(path, "rule-unit", "the rule does not say which unit it gives",
                           "unit: one of " + ", ".join(each.name for each in self.units))
            return self.units[:1]
        found = []
        for name in rule.unit:
            unit = next((each for each in self.units if each.name == name), None)
            if unit is None:
                self.unknown((*path, "unit"), "unit", name, self.program.units)
            else:
                found.append(unit)
        return found

    def give(
        self, rule: M.Rule, unit: L.Unit, path: KeyPath, scope: Mapping[str, NameInfo],
        types: Sequence[L.EventType],
    ) -> L.Give:
        give = rule.give
        path = (*path, "give")
        kinds = [key for key in ("rate", "points", "multiply") if getattr(give, key) is not None]
        if len(kinds) != 1:
            self.wrong(path, "give-kind", f"there are {len(kinds)} of rate, points, multiply",
                       "exactly one of them")
            return L.Give("rate")
        steps = Fraction(10**unit.scale, 10**self.exponent)
        if give.rate is not None:
            if isinstance(give.rate, str):
                rate = self.rate(give.rate, (*path, "rate")) * steps
                return L.Give("rate", rate.numerator, rate.denominator)
            table = self.table(give.rate, (*path, "rate"), scope, types, None, steps)
            return L.Give("rate", table=table)
        if give.multiply is not None:
            if give.by is None:
                self.wrong(path, "give-kind", "`multiply` needs `by`", "by: 2 doubles")
            factor = self.rate(give.by or "2", (*path, "by")) - 1
            if factor <= 0:
                self.wrong((*path, "by"), "give-factor", "the factor must be above 1")
                factor = Fraction(1)
            return L.Give("multiply", factor.numerator, factor.denominator)
        if isinstance(give.points, dict):
            table = self.table(give.points, (*path, "points"), scope, types, unit.scale, None)
            return L.Give("points", table=table)
        return self.give_points(rule, unit, path, scope)

    def give_points(
        self, rule: M.Rule, unit: L.Unit, path: KeyPath, scope: Mapping[str, NameInfo]
    ) -> L.Give:
        give = rule.give
        text = str(give.points).strip()
        plain = text.replace(".", "", 1).isdigit()
        low = self.number(give.at_least, unit.scale, (*path, "at_least")) if give.at_least else None
        high = self.number(give.at_most, unit.scale, (*path, "at_most")) if give.at_most else None
        if plain:
            points = self.number(text, unit.scale, (*path, "points"))
            if (low is not None and points < low) or (high is not None and points > high):
                self.wrong((*path, "points"), "award-out-of-range",
                           f"an award of {text} is outside its range",
                           f"{give.at_least or 0} to {give.at_most or 'any'}")
            if give.per is not None:
                every = self.number(give.per, self.exponent, (*path, "per"))
                if every <= 0:
                    self.wrong((*path, "per"), "give-per", "points for each nothing are no points",
                               "an amount above 0")
                    every = 1
                return L.Give("per", points, every=every)
            return L.Give("points", points)
        if give.per is not None:
            self.wrong((*path, "per"), "give-per", "`per` needs a number of points")
        expression = self.expression(text, scope, "int", (*path, "points"))
        if expression is not None and expression.ir.dim not in (
            f"points:{unit.name}", "count", "plain"
        ):
            dim = expression.ir.dim
            if not dim.startswith("points:"):
                self.wrong((*path, "points"), "give-points", f"this is {dim}, not points",
                           f"points of `{unit.name}`")
        return L.Give("points", points=expression)

    def table(
        self, given: Mapping[str, str], path: KeyPath, scope: Mapping[str, NameInfo],
        types: Sequence[L.EventType], scale: int | None, steps: Fraction | None,
    ) -> L.Table | None:
        """A table of rates (``steps``) or of points (``scale``) by level or by attribute."""
        by = given.get("by", "")
        kind, _, name = by.partition(".")
        if by not in scope or kind not in ("level", "event") or scope[by].type != "string":
            known = [each for each, info in scope.items()
                     if info.type == "string" and each.split(".")[0] in ("level", "event")]
            self.unknown((*path, "by"), "level or attribute", by, known)
            return None
        values = scope[by].values
        entries: dict[str, tuple[int, int]] = {}
        otherwise = (0, 1)
        for key, text in given.items():
            if key == "by":
                continue
            if steps is not None:
                found = self.rate(text, (*path, key)) * steps
            else:
                found = Fraction(self.number(text, scale or 0, (*path, key)))
            if key in ("otherwise", "none"):
                otherwise = (found.numerator, found.denominator)
                continue
            if values is not None and key not in values:
                self.unknown((*path, key), "value of " + by, key, values)
            entries[key] = (found.numerator, found.denominator)
        return L.Table("level" if kind == "level" else "event", name, entries, otherwise)

    def multiplied(
        self, effects: list[L.Effect], paths: Mapping[str, KeyPath]
    ) -> list[L.Effect]:
        """Settle what `multiply` refers to: effects of the named rules with the same unit."""
        by_rule = {each.rule: each for each in effects}
        for position, effect in enumerate(effects):
            if effect.give.kind != "multiply":
                continue
            rules = self.rule_document(effect).give.multiply or []
            path = (*paths[effect.rule], "give", "multiply")
            of = []
            for name in rules:
                if name not in by_rule:
                    self.unknown(path, "rule", name, by_rule)
                elif by_rule[name].give.kind == "multiply":
                    self.wrong(path, "give-multiply", f"`{name}` multiplies itself")
                of += [
                    each.index for each in effects
                    if each.rule == name and each.unit == effect.unit
                ]
            settled = replace(effect, give=replace(effect.give, of=tuple(of)))
            effects[position] = settled
            self.effects[effect.index] = settled
        return effects

    def rule_document(self, effect: L.Effect) -> M.Rule:
        version = self.program.versions[effect.version]
        if effect.offer is None:
            return version.rules[effect.rule]
        return version.offers[effect.offer].rules[effect.rule]

    # -- stacking, caps, spending --------------------------------------------------------------

    def rule_names(self, index: int) -> list[str]:
        given = self.program.versions[index]
        return [*given.rules, *(name for offer in given.offers.values() for name in offer.rules)]

    def stacks(self, index: int, given: M.Version) -> tuple[L.Stack, ...]:
        known = self.rule_names(index)
        result = []
        for name, stack in given.stacking.items():
            for rule in stack.rules:
                if rule not in known:
                    self.unknown(("versions", index, "stacking", name, "rules"), "rule", rule,
                                 known)
            result.append(L.Stack(name, stack.mode == "best", tuple(stack.rules)))
        return tuple(result)

    def version_caps(
        self, index: int, given: M.Version, names: Mapping[str, NameInfo],
        effects: Sequence[L.Effect],
    ) -> tuple[int, ...]:
        path: KeyPath = ("versions", index)
        every = [(name, cap, (*path, "caps", name)) for name, cap in given.caps.items()]
        for key, offer in given.offers.items():
            every += [
                (name, cap, (*path, "offers", key, "caps", name))
                for name, cap in offer.caps.items()
            ]
        return tuple(self.cap(index, *each, names, effects) for each in every)

    def cap(
        self, index: int, name: str, cap: M.Cap, path: KeyPath, names: Mapping[str, NameInfo],
        effects: Sequence[L.Effect],
    ) -> int:
        rules = self.rule_names(index) if cap.rules == ["all"] else cap.rules
        for rule in rules:
            if rule not in self.rule_names(index):
                self.unknown((*path, "rules"), "rule", rule, self.rule_names(index))
        covered = [each for each in effects if each.rule in rules]
        units = {each.unit for each in covered}
        unit = min(units, default=0)
        if cap.unit is not None:
            unit = next((u.index for u in self.units if u.name == cap.unit), 0)
            if cap.unit not in self.program.units:
                self.unknown((*path, "unit"), "unit", cap.unit, self.program.units)
        elif len(units) > 1:
            self.wrong(path, "cap-unit", f"the rules of `{name}` give several units",
                       "unit: the one that is limited")
        covered = [each for each in covered if each.unit == unit]
        types = self.types_of(list(dict.fromkeys(t for e in covered for t in e.on)), path)
        scope = {**names, **N.event_names(types), **N.local_names()}
        scale = self.units[unit].scale
        limit = table = None
        if isinstance(cap.at_most, dict):
            table = self.table(cap.at_most, (*path, "at_most"), scope, types, scale, None)
        elif cap.at_most is not None:
            limit = self.number(cap.at_most, scale, (*path, "at_most"))
        minimum = self.number(cap.at_least, scale, (*path, "at_least")) if cap.at_least else None
        if limit is None and table is None and minimum is None:
            self.wrong(path, "cap-empty", f"`{name}` limits nothing", "at_most or at_least")
        self.caps.append(
            L.Cap(name, len(self.caps), index, tuple(each.index for each in covered), unit,
                  self.expression(cap.when, scope, "bool", (*path, "when")), cap.per, limit,
                  table, minimum, cap.on_breach == "refuse", cap.across == "all_members")
        )
        return len(self.caps) - 1

    def version_spending(
        self, index: int, given: M.Version, names: Mapping[str, NameInfo]
    ) -> tuple[int, ...]:
        result = []
        paid = [each for each in self.events.values() if each.amount != "none"]
        asks = [self.events["redemption"], self.events["hold"]]
        scope = {
            **names, **N.event_names(asks), **N.event_names(paid, "paid"), **N.local_names(),
        }
        for name, limit in given.spending.items():
            path: KeyPath = ("versions", index, "spending", name)
            unit = next((u for u in self.units if u.name == limit.unit), None)
            if limit.unit is not None and unit is None:
                self.unknown((*path, "unit"), "unit", limit.unit, self.program.units)
            spendable = [each for each in self.units if each.spendable]
            scale = unit.scale if unit else max((each.scale for each in spendable), default=0)
            if unit is None and len({each.scale for each in spendable}) > 1:
                self.wrong(path, "spending-unit", "units of different precision are spendable",
                           "unit: the one that is limited")
            share = None
            if limit.share_of_price is not None:
                share = self.rate(limit.share_of_price, (*path, "share_of_price"))
                if any(u.worth is None for u in ([unit] if unit else spendable)):
                    self.wrong((*path, "share_of_price"), "unit-worth-missing",
                               "a share of a price needs points that are worth money",
                               "units: worth")
            self.spending.append(
                L.SpendingLimit(
                    name, len(self.spending), index, unit.index if unit else None,
                    self.expression(limit.when, scope, "bool", (*path, "when")),
                    self.expression(limit.only_if, scope, "bool", (*path, "only_if")),
                    self.number(limit.at_least, scale, (*path, "at_least"))
                    if limit.at_least else None,
                    self.number(limit.at_most, scale, (*path, "at_most"))
                    if limit.at_most else None,
                    share, (limit.times.at_most, limit.times.per) if limit.times else None,
                    limit.on_breach == "clip",
                )
            )
            result.append(len(self.spending) - 1)
        return tuple(result)
