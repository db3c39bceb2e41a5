"""What the rules made of an event: points with all their numbers, or why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from laurels.base.instants import format_instant
from laurels.engine.explained import (
    AtomSeen,
    CapSeen,
    Elsewhere,
    RateSeen,
    Reason,
    RuleSeen,
    StackSeen,
    TestSeen,
)
from laurels.engine.journal import Journal, records
from laurels.engine.kernel import layout as K
from laurels.engine.narrator import Decided
from laurels.engine.sight import Sight, decimal
from laurels.program import linked as L

ROUNDINGS = {K.FLOOR: "floor", K.HALF_UP: "half_up", K.HALF_EVEN: "half_even", K.CEIL: "ceil"}
CODES = {
    "membership": "not-a-member",
    "started": "offer-not-started",
    "ended": "offer-ended",
    "audience": "audience",
    "when": "condition",
    "times": "already-given",
}


@dataclass
class Heard:
    """What the trace said about one effect."""

    tests: dict[str, bool] = field(default_factory=dict)
    base: int | None = None
    rate: tuple[int, int] | None = None
    raw: int = 0
    stacked: list[int] = field(default_factory=list)
    caps: list[tuple[int, int, int]] = field(default_factory=list)
    granted: int = 0
    active: int = 0
    end: int = 0


def heard(trace: Iterable[tuple[Any, ...]]) -> dict[int, Heard]:
    """The trace, by effect."""
    found: dict[int, Heard] = {}
    for word, *values in trace:
        if word == "member":
            continue
        effect = found.setdefault(values[0], Heard())
        if word == "test":
            effect.tests[values[1]] = bool(values[2])
        elif word == "base":
            effect.base = values[1]
        elif word == "rate":
            effect.rate = (values[1], values[2])
        elif word == "raw":
            effect.raw = values[1]
        elif word == "stacked":
            effect.stacked.append(values[1])
        elif word == "cap":
            effect.caps.append((values[1], values[2], values[3]))
        elif word == "grant":
            effect.granted, effect.active, effect.end = values[1:]
    return found


class RulesSeen:
    """Reads one decision about an event."""

    def __init__(self, journal: Journal, sight: Sight, decided: Decided) -> None:
        self.journal = journal
        self.program = sight.compiled.program
        self.sight = sight
        self.decided = decided
        self.version = sight.version
        self.heard = heard(decided.trace)
        self.effects = [
            self.program.effects[i]
            for i in self.version.effects
            if sight.type in self.program.effects[i].on and i in self.heard
        ]
        self.points = {each.index: self._stacked(self.heard[each.index]) for each in self.effects}
        self.minimums = self._minimums()

    @staticmethod
    def _stacked(seen: Heard) -> int:
        return seen.stacked[-1] if seen.stacked else seen.raw

    def _minimums(self) -> dict[int, list[CapSeen]]:
        """Minimums in the order in which they are met; they lower `points`."""
        found: dict[int, list[CapSeen]] = {}
        for index in self.version.caps:
            cap = self.program.caps[index]
            covered = [each for each in self.effects if each.index in cap.effects]
            if cap.minimum is None or not covered or not self.sight.holds(cap.when):
                continue
            scale = self.program.units[cap.unit].scale
            together = sum(self.points[each.index] for each in covered)
            for each in covered:
                points = self.points[each.index]
                if together < cap.minimum:
                    self.points[each.index] = 0
                if points:
                    found.setdefault(each.index, []).append(
                        CapSeen(cap.name, cap.per, decimal(points, scale),
                                decimal(self.points[each.index], scale),
                                minimum=decimal(cap.minimum, scale),
                                together=decimal(together, scale))
                    )  # fmt: skip
        return found

    def all(self) -> tuple[RuleSeen, ...]:
        """Every rule that read the event."""
        return tuple(self.rule(each) for each in self.effects)

    def one(self, effect: int) -> RuleSeen | None:
        """One effect by its index."""
        found = next((each for each in self.effects if each.index == effect), None)
        return None if found is None else self.rule(found)

    def rule(self, effect: L.Effect) -> RuleSeen:
        """One rule's gift of one unit."""
        unit = self.program.units[effect.unit]
        seen = self.heard[effect.index]
        tests = tuple(self.test(effect, word, held) for word, held in seen.tests.items())
        runs = all(each.held for each in tests)
        stack = self.stack(effect, seen) if runs else None
        caps = self.caps(effect, seen, unit.scale)
        lot, ends, active = self._lot(effect)
        found = RuleSeen(
            effect.rule, self.title(effect), unit.name, unit.scale, effect.offer or "",
            self.version.number, "gave", decimal(seen.granted, unit.scale), tests,
            stack=stack, caps=caps, raw=decimal(seen.raw, unit.scale),
        )  # fmt: skip
        if runs:
            found = replace(
                found,
                base=None if seen.base is None else decimal(seen.base, self.program.exponent),
                base_text=" ".join(effect.base.text.split()) if effect.base else "",
                lines=self.lines(effect), rate=self.rate(effect, seen),
                rounding=ROUNDINGS[effect.rounding],
            )  # fmt: skip
        if seen.granted:
            found = replace(
                found, active_at=active if seen.active < K.NEVER else None,
                waits=seen.active >= K.NEVER, expires_at=ends, lot=lot,
                funder=self.program.funders[effect.funder],
            )  # fmt: skip
        return replace(found, reason=self.reason(found, seen))

    def _lot(self, effect: L.Effect) -> tuple[str, int | None, int | None]:
        for record in records(self.decided.records):
            if record[K.R_KIND] == K.EARNED and record[K.R_RULE] == effect.index:
                return self.journal.lot(record)
        return "", None, None

    def title(self, effect: L.Effect) -> str:
        """The rule's title in the program file."""
        version = self.program.document.versions[effect.version]
        holder = version.offers.get(effect.offer) if effect.offer else version
        rule = holder.rules.get(effect.rule) if holder is not None else None
        return rule.title if rule is not None else ""

    def test(self, effect: L.Effect, word: str, held: bool) -> TestSeen:
        """A test, with what its condition saw."""
        if word == "started":
            return TestSeen(word, held, limit=format_instant(effect.start or 0))
        if word == "ended":
            return TestSeen(word, held, limit=format_instant(effect.stop or 0))
        if word == "times" and effect.times is not None:
            return TestSeen(word, held, limit=f"{effect.times[0]} per {effect.times[1]}")
        given = {
            "membership": self.version.membership,
            "audience": effect.audience,
            "when": effect.when,
        }[word]
        assert given is not None
        text = " ".join(given.text.split())
        missing = () if held else self.sight.missing(given)
        return TestSeen(word, held, text, self.sight.atoms(given), missing)

    def lines(self, effect: L.Effect) -> tuple[str, ...] | None:
        """The names of the lines that a rule covers."""
        covered = self.sight.covered(effect)
        if covered is None:
            return None
        given = self.sight.raw.get("lines")
        if not isinstance(given, (list, tuple)):
            return tuple(str(index + 1) for index in covered)
        return tuple(str(given[index].get("line", index + 1)) for index in covered)

    def rate(self, effect: L.Effect, seen: Heard) -> RateSeen:
        """How the base becomes points."""
        give = effect.give
        scale = self.program.units[effect.unit].scale
        steps = Fraction(10**scale, 10**self.program.exponent)
        by = f"{give.table.by}.{give.table.name}" if give.table else ""
        key = self.sight.entry(give.table)[0] if give.table else ""
        if give.kind == "rate":
            ratio = seen.rate or (give.numerator, give.denominator)
            return RateSeen("rate", Fraction(*ratio) / steps, by, key)
        if give.kind == "per":
            every = decimal(give.every, self.program.exponent)
            return RateSeen("per", every=every, points=decimal(give.numerator, scale))
        if give.kind == "multiply":
            total = sum(self.heard[i].raw for i in give.of if i in self.heard)
            names = tuple(dict.fromkeys(self.program.effects[i].rule for i in give.of))
            return RateSeen("multiply", Fraction(give.numerator, give.denominator), of=names,
                            total=decimal(total, scale))  # fmt: skip
        text = " ".join(give.points.text.split()) if give.points else ""
        points = self.sight.raw_points(effect)
        return RateSeen("points", by=by, key=key, points=decimal(points, scale), text=text)

    def stack(self, effect: L.Effect, seen: Heard) -> StackSeen | None:
        """The group in which the rule won over another, or lost."""
        before = seen.raw
        turn = 0
        for group in self.version.stacks:
            here = [each for each in self.effects if each.rule in group.rules]
            if effect not in here or len({each.rule for each in here}) < 2:
                continue
            after = seen.stacked[turn] if turn < len(seen.stacked) else before
            turn += 1
            rivals = [e for e in here if e.rule != effect.rule and self.heard[e.index].raw > 0]
            if before > 0 and rivals:
                lost = after == 0
                winner = effect.rule
                if lost:
                    winner = next(
                        (e.rule for e in rivals if self.heard[e.index].stacked[:1] != [0]), winner
                    )
                return StackSeen(group.name, group.best, winner, lost)
            before = after
        return None

    def caps(self, effect: L.Effect, seen: Heard, scale: int) -> tuple[CapSeen, ...]:
        """The caps over a rule, minimums first, each with its room before and after."""
        found = list(self.minimums.get(effect.index, []))
        for index, room, points in seen.caps:
            cap = self.program.caps[index]
            if room > K.NEVER // 2:
                continue
            through = points if points <= room else 0 if cap.refuse else room
            limit = None
            if not cap.budget:
                limit = self.sight.entry(cap.table)[1][0] if cap.table else cap.limit
            found.append(
                CapSeen(
                    cap.name,
                    cap.per,
                    decimal(points, scale),
                    decimal(through, scale),
                    None if limit is None else decimal(limit, scale),
                    decimal(room, scale),
                    decimal(room - seen.granted, scale),
                    cap.refuse,
                    cap.budget,
                )
            )
        return tuple(found)

    def reason(self, rule: RuleSeen, seen: Heard) -> str:
        """Why the rule gave nothing, as a code."""
        if seen.granted:
            return "gave"
        failed = rule.failed()
        if failed is not None:
            return CODES[failed.word]
        if not seen.raw:
            if rule.base is not None and rule.base == 0:
                return "zero-base"
            rate = rule.rate
            given = None if rate is None else rate.rate if rate.rate is not None else rate.points
            return "rounds-to-zero" if given else "zero-rate"
        if rule.stack is not None and rule.stack.lost:
            return "lost-to-better-rule"
        short = any(each.minimum is not None and not each.granted for each in rule.caps)
        return "below-minimum" if short else "cap-exhausted"


def elsewhere(sight: Sight, recorded: int) -> tuple[Elsewhere, ...]:
    """Rules of other versions, known by then, that would have given for the event."""
    program = sight.compiled.program
    here = {
        program.effects[i].rule for i in sight.version.effects
        if sight.type in program.effects[i].on
    }  # fmt: skip
    found: dict[tuple[str, int], Elsewhere] = {}
    for version in program.versions:
        if version.index == sight.version.index or version.published_at > recorded:
            continue
        other = replace(sight, version=version)
        for index in version.effects:
            effect = program.effects[index]
            if effect.rule in here or not other.applies(effect):
                continue
            if not effect.for_everyone and not other.holds(version.membership):
                continue
            steps = other.raw_points(effect)
            if steps <= 0:
                continue
            ended = version.index < sight.version.index
            change = program.versions[version.index + 1] if ended else version
            document = program.document.versions[version.index]
            holder = document.offers.get(effect.offer) if effect.offer else document
            rule = holder.rules.get(effect.rule) if holder is not None else None
            unit = program.units[effect.unit]
            found[(effect.rule, effect.unit)] = Elsewhere(
                effect.rule, rule.title if rule else "", version.number, unit.name,
                decimal(steps, unit.scale), "version-ended" if ended else "version-not-yet",
                change.number, change.effective_from,
            )  # fmt: skip
    return tuple(found.values())


ORDER = (
    "cap-exhausted", "below-minimum", "rounds-to-zero", "zero-rate", "zero-base", "already-given",
    "lost-to-better-rule", "offer-ended", "offer-not-started", "not-a-member", "audience",
    "condition",
)  # fmt: skip
"""Of several reasons the one that came nearest to giving speaks for the event."""


def reason_of(rules: Sequence[RuleSeen], others: Sequence[Elsewhere]) -> Reason | None:
    """Why an event earned nothing; None when it earned."""
    if any(rule.granted for rule in rules):
        return None
    if not rules:
        for code in ("version-ended", "version-not-yet"):
            for each in others:
                if each.reason == code:
                    return Reason(code, each.rule, version=each.changed_by, at=each.at)
        return Reason("no-rule")
    passed = [rule for rule in rules if rule.failed() is None]
    if passed:
        nearest = min(passed, key=lambda rule: ORDER.index(rule.reason))
        return Reason(nearest.reason, nearest.rule)
    named = {rule.rule for rule in rules if _named(rule, rules)}
    if not named and all(rule.offer for rule in rules):
        return _no_offer(rules)
    near = [rule for rule in rules if rule.rule in named] or list(rules)
    nearest = min(near, key=lambda rule: (_distance(rule), ORDER.index(rule.reason)))
    failed = nearest.failed()
    missing = failed.missing if failed is not None else ()
    atom = missing[0] if missing else None
    return Reason(
        nearest.reason, nearest.rule, _attribute(atom), atom.value if atom else "",
    )  # fmt: skip


def _attribute(atom: AtomSeen | None) -> str:
    return atom.name.partition(".")[2] if atom else ""


def _distance(rule: RuleSeen) -> int:
    """How many comparisons or dates stood in the way."""
    return sum(max(1, len(each.missing)) for each in rule.tests if not each.held)


def _place(rule: RuleSeen, rules: Sequence[RuleSeen]) -> list[AtomSeen]:
    """The comparisons that say where an offer holds: of the partner, where the rule names one;
    else those that no other offer shares."""
    atoms = [a for each in rule.tests if each.word in ("when", "audience") for a in each.atoms]
    partner = [each for each in atoms if each.name == "event.partner"]
    if partner:
        return partner
    others = {
        a.text for other in rules if other.offer != rule.offer
        for each in other.tests for a in each.atoms
    }  # fmt: skip
    alone = not any(other.offer != rule.offer for other in rules)
    return [] if alone else [each for each in atoms if each.text not in others]


def _named(rule: RuleSeen, rules: Sequence[RuleSeen]) -> bool:
    """Whether a rule is about the place of the event, or about every place."""
    return all(each.held for each in _place(rule, rules))


def _no_offer(rules: Sequence[RuleSeen]) -> Reason:
    """Offers exist and none is for where the event was."""
    places = [each for rule in rules for each in _place(rule, rules) if not each.held]
    partner = next((each for each in places if each.name == "event.partner"), None)
    atom = partner or (places[0] if places else None)
    return Reason("no-offer", "", _attribute(atom), atom.value if atom else "")


def total(rules: Iterable[RuleSeen]) -> dict[str, Decimal]:
    """What rules gave, by unit."""
    found: dict[str, Decimal] = {}
    for rule in rules:
        if rule.granted:
            found[rule.unit] = found.get(rule.unit, Decimal(0)) + rule.granted
    return found
