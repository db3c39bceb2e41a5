"""What a linked program says, as a tree of facts: the ground on which two programs are compared.

A fact has a place in the file, a value that can be compared (a rate is a fraction, ``2 years`` is
24 months, a condition is its tree) and the same for people. How something is written, comments,
titles, notes and the order of the file are no facts, where the order decides nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from laurels.base.instants import calendar
from laurels.base.numbers import parse_rate
from laurels.program import linked as L
from laurels.program import model
from laurels.program.expr import Call, Const, Expression, Name, Node, render
from laurels.program.form import KeyPath
from laurels.program.link import term

MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMMUTATIVE = frozenset({"and", "or", "eq", "ne", "add", "mul", "min", "max"})


@dataclass(frozen=True)
class Fact:
    """One thing that a part of the program says.

    path       keys from the part's own place inwards, as the file has them
    aspect     what it is about, in words
    key        what is compared
    shown      the value for people
    number     the value as a number, where it can be raised or lowered
    usual      the value stands for what the file leaves out
    inherited  the part leaves it to what is around it
    order      the key is a sequence of names: only the order of those that both have counts
    """

    path: tuple[str, ...]
    aspect: str
    key: Hashable
    shown: str
    number: Fraction | None = None
    usual: bool = False
    inherited: bool = False
    order: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """The path by which facts of two programs are matched."""
        last = self.path[-1:]
        return (*self.path[:-1], "otherwise") if last == ("none",) else self.path


@dataclass(frozen=True)
class Part:
    """A part of the program that has a name: a rule, a level, a version."""

    path: KeyPath
    name: str
    facts: tuple[Fact, ...]
    parts: tuple[Part, ...] = ()

    @property
    def said(self) -> str:
        """All that it says, in one line; what it leaves out is left out here too."""
        own = [f"{fact.aspect} {fact.shown}" for fact in self.facts
               if not (fact.usual or fact.inherited or fact.order)]  # fmt: skip
        return "; ".join([*own, *(f"{each.name} ({each.said})" for each in self.parts)])


def facts_of(program: L.Linked) -> Part:
    """The whole program as facts."""
    return _Program(program).whole()


# -- values ------------------------------------------------------------------------------------


def number_text(value: Fraction) -> str:
    """Thousands apart; a fraction that has no decimals as a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(value)
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{exact.normalize():,f}".replace(",", "\N{NO-BREAK SPACE}")


def rate_text(rate: Fraction) -> str:
    """A rate as per cent, where that is exact."""
    text = number_text(rate * 100)
    return str(rate) if "/" in text or len(text) > 12 else f"{text} %"


def term_text(length: L.Term) -> str:
    """`24 months`, `30 days`, `2 hours`, `never`."""
    if length.kind == "never":
        return "never"
    count, word = length.length, length.kind.rstrip("s")
    if length.kind == "micros":
        hours, rest = divmod(count, 60 * MINUTE)
        count, word = (count // MINUTE, "minute") if rest else (hours, "hour")
    return f"{count} {word}{'' if count == 1 else 's'}"


def canonical(node: Node) -> str:
    """A tree as text in which what may be written in any order has one order."""
    if isinstance(node, Const):
        return f"{node.type}:{node.value!r}"
    if isinstance(node, Name):
        return node.path
    args = [canonical(each) for each in node.args]
    if node.op in COMMUTATIVE:
        args.sort()
    if node.op == "in":
        args = [args[0], *sorted(set(args[1:]))]
    return f"{node.op}({','.join(args)})"


def condition(path: tuple[str, ...], aspect: str, given: Expression | None, none: str) -> Fact:
    """A fact about an expression; ``none`` says what holds without it."""
    if given is None:
        return Fact(path, aspect, None, none, usual=True)
    shown = f"`{render(given.ir)}`" if isinstance(given.ir, Call | Name | Const) else given.text
    return Fact(path, aspect, canonical(given.ir), shown)


def decimal(path: tuple[str, ...], aspect: str, text: str | None, unit: str, none: str) -> Fact:
    """A fact about a number of the file."""
    if text is None:
        return Fact(path, aspect, None, none, usual=True)
    value = Fraction(text.strip())
    return Fact(path, aspect, value, f"{number_text(value)} {unit}".strip(), value)


def rate(path: tuple[str, ...], aspect: str, text: str) -> Fact:
    """A fact about a rate of the file."""
    found = parse_rate(text)
    value = Fraction(found.numerator, found.denominator)
    return Fact(path, aspect, value, rate_text(value), value)


def length(path: tuple[str, ...], aspect: str, found: L.Term, inherited: bool = False) -> Fact:
    """A fact about a term."""
    size = Fraction(found.length) if found.kind != "never" else None
    key = (found.kind, found.length)
    return Fact(path, aspect, key, term_text(found), size, found == L.NEVER_ENDS, inherited)


def names(path: tuple[str, ...], aspect: str, given: Iterable[str], none: str = "none") -> Fact:
    """A fact about a set of names."""
    listed = list(dict.fromkeys(given))
    return Fact(path, aspect, frozenset(listed), ", ".join(listed) or none, usual=not listed)


def word(path: tuple[str, ...], aspect: str, value: str | int, usual: object = None) -> Fact:
    """A fact about one of several words."""
    return Fact(path, aspect, value, str(value).replace("_", " "), usual=value == usual)


def flag(path: tuple[str, ...], aspect: str, value: bool, usual: bool) -> Fact:
    """A fact about yes or no."""
    return Fact(path, aspect, value, "yes" if value else "no", usual=value == usual)


def times(given: tuple[int, str] | None) -> Fact:
    """How often."""
    if given is None:
        return Fact(("times",), "how often", None, "any number of times", usual=True)
    per = "in all" if given[1] == "lifetime" else f"a {given[1]}"
    return Fact(("times",), "how often", given, f"{given[0]} times {per}")


def posting(path: tuple[str, ...], wait: L.Term, day: int | None, inherited: bool) -> Fact:
    """When points become active."""
    if day is not None:
        shown = f"on day {day} of the next month"
    else:
        shown = "at once" if not wait.length else f"{term_text(wait)} later"
    key = (wait.kind, wait.length, day)
    return Fact(path, "points become active", key, shown, None, shown == "at once", inherited)


def table(
    path: tuple[str, ...], aspect: str, given: Mapping[str, str], unit: str | None
) -> list[Fact]:
    """The entries of a table of rates (``unit`` None) or points."""
    found = [Fact((*path, "by"), f"{aspect}, looked up by", given.get("by"), given.get("by", ""))]
    rest = "none" if "none" in given else "otherwise"
    for key, text in {rest: "0", **given}.items():
        if key == "by":
            continue
        about = f"{aspect} for {'the rest' if key == rest else f'`{key}`'}"
        at = (*path, key)
        fact = rate(at, about, text) if unit is None else decimal(at, about, text, unit, "")
        found.append(replace(fact, usual=key == rest and not fact.number))
    return found


# -- the parts ---------------------------------------------------------------------------------


class _Program:
    """Makes the facts of one program."""

    def __init__(self, program: L.Linked) -> None:
        self.program = program
        self.document = program.document

    def whole(self) -> Part:
        """Everything."""
        document, late = self.document, self.document.late
        spendable = next((unit.name for unit in self.program.units if unit.spendable), "")
        facts = (
            word(("zone",), "time zone", self.program.zone),
            word(("currency",), "currency", self.program.currency),
            names(("products",), "products", document.products),
            word(("units",), "unit meant where an event names none", spendable),
            word(("late", "policy"), "late events", late.policy, "as_if_on_time"),
            length(("late", "tolerance"), "tolerance of late events", term(late.tolerance)),
            length(("late", "reject_after"), "late events rejected after", term(late.reject_after)),
            *(self.attribute(("member", name), f"attribute `{name}` of a member", each)
              for name, each in self.program.member.items()),
        )  # fmt: skip
        parts = (
            *(self.unit(unit) for unit in self.program.units),
            *(self.event(name) for name in document.events),
            *(self.version(version) for version in self.program.versions),
        )
        return Part((), "the program", facts, parts)

    def attribute(self, path: tuple[str, ...], aspect: str, given: L.Attribute) -> Fact:
        """An attribute as one fact."""
        words = [given.type + (f" {given.unit}" if given.unit else "")]
        if given.values is not None:
            words.append(f"one of {', '.join(given.values)}")
        for text, value in (("at least", given.low), ("at most", given.high)):
            if value is not None:
                words.append(f"{text} {number_text(Fraction(value, 10**given.scale))}")
        if given.required:
            words.append("required")
        values = None if given.values is None else frozenset(given.values)
        key = (given.type, given.unit, values, given.low, given.high, given.required)
        return Fact(path, aspect, key, ", ".join(words))

    def unit(self, unit: L.Unit) -> Part:
        """A unit."""
        given = self.document.units[unit.name]
        own = None if given.expires is None else term(given.expires)
        life = Fact(("expires",), "life of its lots", None, "as the version says", usual=True)
        facts = (
            decimal(("precision",), "smallest step", given.precision, "", ""),
            decimal(("worth",), "worth", given.worth, self.program.currency, "nothing"),
            flag(("material",), "worth money", unit.material, True),
            flag(("cashable",), "may be turned into cash", given.cashable, False),
            flag(("transferable",), "may be given away", unit.transferable, False),
            flag(("spendable",), "may be spent", unit.spendable, True),
            word(("debt",), "what is no longer there when taken back", given.debt, "allow"),
            life if own is None else length(("expires",), "life of its lots", own),
            names(("spends_too",), "units spent with it", given.spends_too),
        )
        return Part(("units", unit.name), f"unit `{unit.name}`", facts)

    def event(self, name: str) -> Part:
        """An event type."""
        kind = self.program.events[name]
        facts = (
            word(("amount",), "amount", kind.amount),
            flag(("purchase",), "counts as a purchase", kind.purchase, kind.amount != "none"),
            *(self.attribute(("attributes", key), f"attribute `{key}`", each)
              for key, each in kind.attributes.items()),
            *(self.attribute(("line", key), f"attribute `{key}` of a line", each)
              for key, each in kind.line.items()),
        )  # fmt: skip
        return Part(("events", name), f"event type `{name}`", facts)

    def version(self, version: L.Version) -> Part:
        """A version: its own facts, and its parts."""
        given = self.document.versions[version.index]
        begins = given.effective_from is not None
        known = given.published_at is not None
        start = self.local(version.effective_from) if begins else "since ever"
        published = self.local(version.published_at) if known else "since ever"
        holds = given.holds
        facts = (
            Fact(("effective_from",), "in force", version.effective_from, start, usual=not begins),
            Fact(("published_at",), "published", version.published_at, published, usual=not known),
            condition(("membership", "when"), "who earns", version.membership, "everyone"),
            word(("membership", "before"), "before membership members earn",
                 version.before_membership, "nothing"),
            posting(("posting",), version.posting, version.posting_day, False),
            length(("expires",), "life of lots", term(given.expires)),
            word(("returns",), "what a return takes back", version.returns),
            length(("holds", "lapse_after"), "holds lapse after", version.lapse_after),
            word(("holds", "late_capture"), "late captures", holds.late_capture, "refuse"),
            *(word(("migrate", ladder, old), f"level `{old}` of ladder `{ladder}` becomes", heir)
              for ladder, heirs in given.migrate.items() for old, heir in heirs.items()),
        )  # fmt: skip
        path: KeyPath = ("versions", version.index)
        parts = [*self.metrics(version, path), *self.ladders(version, path)]
        parts += [self.rule(version, path, name, each, None)
                  for name, each in given.rules.items()]  # fmt: skip
        parts += [self.offer(version, path, name) for name in given.offers]
        parts += [self.cap(version, (*path, "caps"), name, cap) for name, cap in given.caps.items()]
        parts += [self.stack(path, each) for each in version.stacks]
        parts += [self.spending(path, name, self.program.spending[at])
                  for name, at in zip(given.spending, version.spending, strict=True)]  # fmt: skip
        return Part(path, f"version {version.number}", facts, tuple(parts))

    def metrics(self, version: L.Version, path: KeyPath) -> Iterator[Part]:
        """The metrics of a version."""
        for name, at in version.metrics.items():
            metric = self.program.metrics[at]
            window = metric.window if metric.window not in ("months", "days") else (
                f"{metric.size} {metric.window}"
            )  # fmt: skip
            value = metric.value
            counted = (
                f"{metric.kind} of `{render(value.ir)}`" if value else f"count of {metric.kind}"
            )
            key = (metric.kind, canonical(value.ir) if value else "")
            kind = {"days": "count"}.get(metric.kind, metric.kind)
            facts = (
                names(("of",), "event types", metric.of),
                condition(("where",), "which of them", metric.where, "all"),
                Fact((kind,), "what is counted", key, counted),
                word(("window",), "window", window),
                flag(("net_of_returns",), "net of returns", metric.net, metric.kind == "sum"),
            )
            yield Part((*path, "metrics", name), f"metric `{name}`", facts)

    def ladders(self, version: L.Version, path: KeyPath) -> Iterator[Part]:
        """The ladders of a version."""
        given = self.document.versions[version.index].ladders
        for ladder in self.program.ladders:
            rules = ladder.rules.get(version.index)
            if rules is None:
                continue
            own = given[ladder.name]
            again = rules.requalify or L.NEVER_ENDS
            facts = (
                word(("period",), "period", rules.period or "none", "none"),
                word(("rises",), "levels rise", rules.rises, "at_once"),
                word(("falls",), "levels fall", rules.falls, "to_result"),
                Fact(("grace",), "grace", rules.grace, f"{rules.grace} periods",
                     Fraction(rules.grace), rules.grace == 0),
                condition(("opens",), "opens", rules.opens, "at once"),
                word(("sum",), "points compared", own.sum or "none", "none"),
                flag(("sum_includes_spending",), "spending lowers the sum",
                     rules.sum_includes_spending, False),
                length(("requalify",), "stretch that requalifies", again),
                Fact(("levels",), "order of levels", tuple(own.levels), " < ".join(own.levels),
                     order=True),
            )  # fmt: skip
            at = (*path, "ladders", ladder.name)
            levels = tuple(self.level(at, ladder.name, each, own) for each in rules.levels)
            yield Part(at, f"ladder `{ladder.name}`", facts, levels)

    def level(self, path: KeyPath, ladder: str, level: L.Level, given: model.Ladder) -> Part:
        """A level of a ladder."""
        own = given.levels[level.name]
        extra = own.__pydantic_extra__ or {}
        facts = []
        for least in level.least:
            value = Fraction(extra[least.name].strip().lstrip(">=").strip())
            unit = self.unit_of(least.dim)
            shown = f"{'more than ' if least.strict else ''}{number_text(value)} {unit}".strip()
            about = f"least `{least.name}`"
            facts.append(Fact((least.name,), about, (value, least.strict), shown, value))
        facts.append(condition(("when",), "condition", level.when, "none"))
        facts.append(length(("term",), "lasts", level.term or L.NEVER_ENDS))
        name = f"level `{level.name}` of ladder `{ladder}`"
        return Part((*path, "levels", level.name), name, tuple(facts))

    def local(self, instant: int) -> str:
        """An instant on the program's clock; a midnight as its date."""
        wall = instant + calendar(self.program.zone).offset(instant)
        text = (EPOCH + timedelta(microseconds=wall)).replace(tzinfo=None).isoformat(" ")
        return text.removesuffix(" 00:00:00")

    def unit_of(self, dim: str) -> str:
        """The unit of a number of this dimension, for people."""
        if dim == "money":
            return self.program.currency
        return dim.removeprefix("points:") if dim.startswith("points:") else ""

    def offer(self, version: L.Version, path: KeyPath, name: str) -> Part:
        """An offer: its window and audience, its rules and caps."""
        given = self.document.versions[version.index].offers[name]
        effect = next(self.program.effects[i] for i in version.effects
                      if self.program.effects[i].offer == name)  # fmt: skip
        at = (*path, "offers", name)
        start = "with the version" if effect.start is None else self.local(effect.start)
        stop = "never" if effect.stop is None else self.local(effect.stop)
        facts = [
            Fact(("from",), "begins", effect.start, start, usual=effect.start is None),
            Fact(("until",), "ends", effect.stop, stop, usual=effect.stop is None),
            condition(("when",), "whom it invites", effect.audience, "everyone"),
        ]
        parts = [self.rule(version, at, key, rule, given) for key, rule in given.rules.items()]
        parts += [self.cap(version, (*at, "caps"), key, cap) for key, cap in given.caps.items()]
        return Part(at, f"offer `{name}`", tuple(facts), tuple(parts))

    def rule(
        self, version: L.Version, path: KeyPath, name: str, rule: model.Rule,
        offer: model.Offer | None,
    ) -> Part:  # fmt: skip
        """A rule."""
        effects = [self.program.effects[i] for i in version.effects
                   if self.program.effects[i].rule == name]  # fmt: skip
        first = effects[0]
        left = offer is None or (offer.posting is None and offer.expires is None)
        funder = self.program.funders[first.funder]
        facts = [
            names(("on",), "event types", rule.on),
            condition(("when",), "condition", first.when, "always"),
            condition(("lines",), "lines", first.lines, "all"),
            replace(condition(("base",), "base", first.base, "the amount"),
                    inherited=rule.base is None),
            names(("unit",), "unit", [self.program.units[each.unit].name for each in effects]),
            *self.give(rule.give, self.program.units[first.unit].name),
            word(("rounding",), "rounding", rule.rounding, "floor"),
            posting(("posting",), first.posting, first.posting_day, rule.posting is None and left),
            length(("expires",), "life of lots", first.expires, rule.expires is None and left),
            Fact(("funder",), "paid by", funder, funder, usual=funder == "program"),
            times(first.times),
            flag(("for_everyone",), "for everyone, members or not", rule.for_everyone, False),
        ]  # fmt: skip
        return Part((*path, "rules", name), f"rule `{name}`", tuple(facts))

    def give(self, give: model.Give, unit: str) -> Iterator[Fact]:
        """What a rule gives."""
        if give.rate is not None:
            if isinstance(give.rate, str):
                yield rate(("give", "rate"), "rate", give.rate)
            else:
                yield from table(("give", "rate"), "rate", give.rate, None)
        elif give.multiply is not None:
            yield names(("give", "multiply"), "multiplies", give.multiply)
            yield rate(("give", "by"), "factor", give.by or "1")
        elif isinstance(give.points, dict):
            yield from table(("give", "points"), "points", give.points, unit)
        elif give.points is not None:
            text = str(give.points).strip()
            if text.replace(".", "", 1).isdigit():
                yield decimal(("give", "points"), "points", text, unit, "")
            else:
                key = " ".join(text.split())
                yield Fact(("give", "points"), "points", key, f"`{key}`")
        if give.per is not None:
            yield decimal(("give", "per"), "for each full", give.per, self.program.currency, "")

    def cap(self, version: L.Version, path: KeyPath, name: str, cap: model.Cap) -> Part:
        """A cap."""
        found = next(self.program.caps[i] for i in version.caps
                     if self.program.caps[i].name == name)  # fmt: skip
        unit = self.program.units[found.unit].name
        rules = list(dict.fromkeys(self.program.effects[i].rule for i in found.effects))
        if isinstance(cap.at_most, dict):
            most = table(("at_most",), "most", cap.at_most, unit)
        else:
            most = [decimal(("at_most",), "most", cap.at_most, unit, "no limit")]
        facts = (
            names(("rules",), "rules", rules),
            word(("unit",), "unit", unit),
            condition(("when",), "condition", found.when, "always"),
            word(("per",), "counted over", cap.per),
            *most,
            decimal(("at_least",), "least on one event", cap.at_least, unit, "none"),
            word(("on_breach",), "beyond it", cap.on_breach, "clip"),
            word(("across",), "counted for", cap.across, "member"),
            Fact(("rules",), "order in which its rules are clipped", tuple(rules),
                 ", then ".join(rules), order=True),
        )  # fmt: skip
        return Part((*path, name), f"cap `{name}`", facts)

    def stack(self, path: KeyPath, stack: L.Stack) -> Part:
        """A group of which one gives."""
        order = Fact(("rules",), "order of its rules", stack.rules, ", then ".join(stack.rules),
                     order=True)  # fmt: skip
        facts = (
            word(("mode",), "which gives", "best" if stack.best else "first"),
            names(("rules",), "rules", stack.rules),
            order,
        )
        return Part((*path, "stacking", stack.name), f"group `{stack.name}`", facts)

    def spending(self, path: KeyPath, name: str, limit: L.SpendingLimit) -> Part:
        """A limit of spending."""
        version = self.document.versions[limit.version]
        given = version.spending[name]
        unit = given.unit or ""
        share = given.share_of_price
        facts = (
            word(("unit",), "unit", unit or "every spendable unit", "every spendable unit"),
            condition(("when",), "condition", limit.when, "always"),
            condition(("only_if",), "only if", limit.only_if, "nothing else is asked"),
            decimal(("at_least",), "least at once", given.at_least, unit, "none"),
            decimal(("at_most",), "most at once", given.at_most, unit, "no limit"),
            Fact(("share_of_price",), "share of the price", None, "any", usual=True)
            if share is None
            else rate(("share_of_price",), "share of the price", share),
            times(limit.times),
            word(("on_breach",), "beyond it", given.on_breach, "refuse"),
        )
        return Part((*path, "spending", name), f"limit of spending `{name}`", facts)
