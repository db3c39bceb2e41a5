"""Explanations as data: what was decided and every number that it was computed from.

Points and money are Decimals, instants are microseconds UTC; `as_data` turns an explanation into
what JSON holds, with decimals as text and instants as RFC 3339. Reasons are codes; the sentences
are made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from laurels.base.instants import format_instant

INSTANTS = frozenset(
    {"occurred_at", "recorded_at", "acts_at", "posted_at", "effective_at", "active_at",
     "expires_at", "effective_from", "at", "until", "since", "next_expiry"}
)  # fmt: skip


MOVES = frozenset({"spent", "held", "released", "transferred", "debt", "waived"})
"""Kinds of postings in which a request to spend, a capture or a void moves its points."""


class Data:
    """Mixed into every explanation."""

    def as_data(self) -> dict[str, Any]:
        """The explanation as JSON holds it."""
        found = plain(self)
        assert isinstance(found, dict)
        return found


def plain(value: Any, name: str = "") -> Any:
    """A value as JSON holds it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name), each.name) for each in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Fraction):
        return str(value)
    if name in INSTANTS and isinstance(value, int):
        return format_instant(value)
    return value


def rounded(value: Fraction, scale: int, rounding: str) -> Decimal:
    """A fraction with so many decimals, rounded as named. Not the kernel's own arithmetic."""
    steps = value * 10**scale
    whole = steps.numerator // steps.denominator
    rest = steps - whole
    half = Fraction(1, 2)
    up = {
        "floor": False,
        "ceil": rest > 0,
        "half_up": rest >= half,
        "half_even": rest > half or (rest == half and whole % 2 == 1),
    }[rounding]
    return Decimal(whole + up).scaleb(-scale)


@dataclass(frozen=True)
class EventSeen(Data):
    """The event that an explanation is about. `acts_at`: when it counts."""

    id: str
    source: str
    type: str
    title: str
    occurred_at: int
    recorded_at: int
    acts_at: int
    amount: Decimal | None
    refers: str = ""


@dataclass(frozen=True)
class AtomSeen(Data):
    """One comparison of a condition, as it was found.

    name, value  what was compared and what it was; needed: the constants it was compared with
    negated      it must not hold
    values       every name that it reads
    """

    text: str
    op: str
    held: bool
    name: str
    value: str
    needed: tuple[str, ...]
    negated: bool
    values: dict[str, str]


@dataclass(frozen=True)
class TestSeen(Data):
    """A test of a rule: membership, started, ended, audience, when, times.

    atoms   every comparison of a condition; missing: those for want of which it failed
    limit   of `started`, `ended`: the instant (RFC 3339); of `times`: how often and per what
    """

    word: str
    held: bool
    text: str = ""
    atoms: tuple[AtomSeen, ...] = ()
    missing: tuple[AtomSeen, ...] = ()
    limit: str = ""


@dataclass(frozen=True)
class RateSeen(Data):
    """How a rule turns its base into points.

    kind    rate: base x rate; per: points for each full `every`; points: as many; multiply: rate
            times what the rules `of` gave, `total`
    by, key  of a table: what it is read by, and the entry that was taken
    """

    kind: str
    rate: Fraction | None = None
    by: str = ""
    key: str = ""
    every: Decimal | None = None
    points: Decimal | None = None
    of: tuple[str, ...] = ()
    total: Decimal | None = None
    text: str = ""


@dataclass(frozen=True)
class StackSeen(Data):
    """Rules of which one gives. `best` or the first; the winner by name."""

    name: str
    best: bool
    winner: str
    lost: bool


@dataclass(frozen=True)
class CapSeen(Data):
    """A cap over a rule: its room when the rule came to it, and after.

    per      event, day, month, year, lifetime
    points   what the rule had when it came to it; granted: what it let through
    minimum  of a minimum: what the rules together had to give, with `together`
    """

    name: str
    per: str
    points: Decimal
    granted: Decimal
    limit: Decimal | None = None
    room_before: Decimal | None = None
    room_after: Decimal | None = None
    refuse: bool = False
    budget: bool = False
    minimum: Decimal | None = None
    together: Decimal | None = None


@dataclass(frozen=True)
class RuleSeen(Data):
    """What a rule made of an event: points, or the reason why not.

    reason  gave; else not-a-member, offer-not-started, offer-ended, audience, condition,
            already-given, zero-base, zero-rate, rounds-to-zero, lost-to-better-rule,
            below-minimum, cap-exhausted
    """

    rule: str
    title: str
    unit: str
    scale: int
    offer: str
    version: int
    reason: str
    granted: Decimal
    tests: tuple[TestSeen, ...] = ()
    base: Decimal | None = None
    base_text: str = ""
    lines: tuple[str, ...] | None = None
    rate: RateSeen | None = None
    rounding: str = ""
    raw: Decimal = Decimal(0)
    stack: StackSeen | None = None
    caps: tuple[CapSeen, ...] = ()
    active_at: int | None = None
    waits: bool = False
    expires_at: int | None = None
    lot: str = ""
    funder: str = ""

    def failed(self) -> TestSeen | None:
        """The first test that failed."""
        return next((each for each in self.tests if not each.held), None)

    def computes(self) -> bool:
        """Whether its own numbers, computed again, come to what it granted."""
        if self.failed() is not None:
            return self.granted == 0
        if self._raw() != self.raw:
            return False
        points = Decimal(0) if self.stack and self.stack.lost else self.raw
        for cap in self.caps:
            if points != cap.points:
                return False
            points = _through(cap)
            if points != cap.granted:
                return False
        rooms = all(
            each.room_after is None
            or each.room_before is None
            or each.room_before - self.granted == each.room_after
            for each in self.caps
        )
        return points == self.granted and rooms

    def _raw(self) -> Decimal:
        rate = self.rate
        if rate is None:
            return Decimal(0)
        if rate.kind == "rate" and rate.rate is not None and self.base is not None:
            return rounded(Fraction(self.base) * rate.rate, self.scale, self.rounding)
        if rate.kind == "multiply" and rate.rate is not None and rate.total is not None:
            return rounded(Fraction(rate.total) * rate.rate, self.scale, self.rounding)
        if rate.kind == "per" and rate.every and rate.points is not None and self.base is not None:
            return self.base // rate.every * rate.points
        return rate.points if rate.points is not None else Decimal(0)


def _through(cap: CapSeen) -> Decimal:
    """What a cap lets through."""
    if cap.minimum is not None and cap.together is not None:
        return Decimal(0) if cap.together < cap.minimum else cap.points
    if cap.room_before is None or cap.points <= cap.room_before:
        return cap.points
    return Decimal(0) if cap.refuse else cap.room_before


@dataclass(frozen=True)
class Elsewhere(Data):
    """A rule of another version that would have given: it ended, or has not begun.

    changed_by  the version whose coming into force ended it (or brings it), at `at`
    """

    rule: str
    title: str
    version: int
    unit: str
    points: Decimal
    reason: str
    changed_by: int
    at: int


@dataclass(frozen=True)
class Reason(Data):
    """Why an event earned nothing, in one code.

    condition, not-a-member, no-offer, version-ended, version-not-yet, no-rule, cap-exhausted,
    zero-base, zero-rate, rounds-to-zero, lost-to-better-rule, already-given, offer-ended,
    offer-not-started, audience, below-minimum, refused, waiting, withdrawn, unread
    """

    code: str
    rule: str = ""
    attribute: str = ""
    value: str = ""
    version: int = 0
    at: int | None = None


@dataclass(frozen=True)
class LimitSeen(Data):
    """A limit of spending that a request met.

    test     unit, points, pays, only_if, minimum, maximum, share, times, balance
    allowed  most (or fewest) points; asked: what had been asked when it was looked at
    """

    test: str
    name: str
    held: bool
    asked: Decimal
    allowed: Decimal | None = None
    share: Fraction | None = None
    price: Decimal | None = None
    paid_before: Decimal | None = None
    clip: bool = False
    count: str = ""
    missing: tuple[AtomSeen, ...] = ()


@dataclass(frozen=True)
class SpendingSeen(Data):
    """A request to spend: what was asked, every limit in order, what came of it."""

    unit: str
    asked: Decimal
    moved: Decimal
    refusal: str
    fact: bool
    available: Decimal
    limits: tuple[LimitSeen, ...] = ()

    def refused_by(self) -> LimitSeen | None:
        """The limit for which it was refused."""
        return next((each for each in self.limits if not each.held), None)


@dataclass(frozen=True)
class Drawn(Data):
    """Points that moved out of a lot (or into debt), in the order in which they did."""

    posting: str
    kind: str
    unit: str
    points: Decimal
    lot: str
    expires_at: int | None
    funder: str


@dataclass(frozen=True)
class KeptSeen(Data):
    """What an event keeps of one grant: granted x left / amount, rounded."""

    rule: str
    unit: str
    scale: int
    line: str
    granted: Decimal
    kept_before: Decimal
    kept: Decimal
    amount: Decimal
    left: Decimal
    rounding: str
    expired: bool

    def back(self) -> Decimal:
        """What is taken back of it."""
        return self.kept_before - self.kept

    def computes(self, policy: str) -> bool:
        """Whether the rule of three comes to what is kept."""
        if policy == "full":
            return self.kept == (self.kept_before if self.left == self.amount else 0)
        share = Fraction(self.left) / Fraction(self.amount) if self.amount else Fraction(0)
        due = rounded(Fraction(self.granted) * share, self.scale, self.rounding)
        return self.kept == min(self.kept_before, due)


@dataclass(frozen=True)
class ReturnSeen(Data):
    """A return at its own time: what came back of what, and what the grants keep."""

    of: EventSeen
    policy: str
    returned: Decimal
    line: str
    grants: tuple[KeptSeen, ...]


@dataclass(frozen=True)
class NeedSeen(Data):
    """What a level asks of a metric, and what it saw."""

    name: str
    value: str
    least: str
    strict: bool
    held: bool


@dataclass(frozen=True)
class LevelSeen(Data):
    """A change of level. why: rise, close, term-end, version; needs: of the level that it is."""

    ladder: str
    before: str
    after: str
    at: int
    why: str
    until: int | None
    needs: tuple[NeedSeen, ...]
    missing: tuple[NeedSeen, ...]
    conditions: tuple[AtomSeen, ...] = ()


@dataclass(frozen=True)
class Correction(Data):
    """Why a posting corrects: history changed.

    code  late, withdrawn, return (as if never bought), return-withdrawn; by: the event that did it
    was, now  what the rule's decision was and is, where it is one; None: it never happened
    """

    code: str
    by: EventSeen
    posted_at: int
    corrects: str
    was: RuleSeen | None = None
    now: RuleSeen | None = None
    points_was: Decimal = Decimal(0)
    points_now: Decimal = Decimal(0)

    def computes(self, points: Decimal, kind: str) -> bool:
        """Whether the two decisions, computed again, differ by as much."""
        if abs(self.points_now - self.points_was) != points:
            return False
        if kind != "earned":
            return True
        sides = ((self.was, self.points_was), (self.now, self.points_now))
        return all(
            total == (rule.granted if rule else 0) and (rule is None or rule.computes())
            for rule, total in sides
        )
