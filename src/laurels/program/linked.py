"""A program with all its names resolved and all its numbers in smallest units.

This is what the engine compiles. It still speaks in the program's own words (rule names, level
names, expressions); where a value stands in a state is the compiler's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from laurels.program.expr import Expression
from laurels.program.model import Late, Program

TermKind = Literal["never", "micros", "days", "months"]


@dataclass(frozen=True)
class Term:
    """A length of time; `length` in microseconds, days or months."""

    kind: TermKind
    length: int = 0


NEVER_ENDS = Term("never")
AT_ONCE = Term("micros", 0)


@dataclass(frozen=True)
class Unit:
    """`scale` decimals; `worth` in minor units of money per smallest step, None without."""

    name: str
    index: int
    scale: int
    worth: Fraction | None
    debt: bool
    spendable: bool
    transferable: bool
    material: bool
    spends_too: tuple[int, ...]


@dataclass(frozen=True)
class Attribute:
    """A typed attribute. `scale` is the number of decimals of money and points."""

    name: str
    type: Literal["text", "money", "integer", "flag", "date", "points"]
    scale: int
    values: tuple[str, ...] | None
    low: int | None
    high: int | None
    required: bool
    unit: str = ""


@dataclass(frozen=True)
class EventType:
    """An event type that the program reads."""

    name: str
    index: int
    amount: Literal["required", "optional", "none"]
    purchase: bool
    attributes: Mapping[str, Attribute]
    line: Mapping[str, Attribute]


@dataclass(frozen=True)
class Metric:
    """An aggregate. Equal definitions of several versions are one metric."""

    name: str
    index: int
    kind: Literal["sum", "count", "days", "max", "last"]
    of: tuple[str, ...]
    where: Expression | None
    value: Expression | None
    window: Literal["day", "month", "year", "lifetime", "months", "days"]
    size: int
    net: bool
    by_line: bool
    dim: str


@dataclass(frozen=True)
class Least:
    """A level's least value of a metric (or of the ladder's sum, metric None)."""

    metric: int | None
    name: str
    strict: bool
    value: int
    dim: str

    def missing(self, value: int) -> int:
        """How much is missing to it."""
        return max(0, self.value + (1 if self.strict else 0) - value)


@dataclass(frozen=True)
class Level:
    """A level of one version of a ladder. `code` is its place in the union of all versions."""

    name: str
    code: int
    least: tuple[Least, ...]
    when: Expression | None
    term: Term | None


@dataclass(frozen=True)
class LadderRules:
    """A ladder in one version."""

    period: Literal["month", "year"] | None
    rises: Literal["at_close", "at_once"]
    falls: Literal["to_result", "one_level", "never"]
    grace: int
    opens: Expression | None
    sum_unit: int | None
    sum_includes_spending: bool
    requalify: Term | None
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Ladder:
    """A ladder over all versions; `levels` in order, codes from 1. `rules` by version index."""

    name: str
    index: int
    levels: tuple[str, ...]
    rules: Mapping[int, LadderRules]


@dataclass(frozen=True)
class Table:
    """A value for each level of a ladder or each value of an attribute."""

    by: Literal["level", "event"]
    name: str
    entries: Mapping[str, tuple[int, int]]
    otherwise: tuple[int, int]


@dataclass(frozen=True)
class Give:
    """What an effect gives, in smallest steps of its unit.

    rate      base (minor units) x numerator / denominator, rounded once
    points    a constant, an expression, or a table of constants
    per       `points` for each full `every` minor units of the base
    multiply  numerator / denominator of what the named effects give on the same event
    """

    kind: Literal["rate", "points", "per", "multiply"]
    numerator: int = 0
    denominator: int = 1
    table: Table | None = None
    points: Expression | None = None
    every: int = 0
    of: tuple[int, ...] = ()


@dataclass(frozen=True)
class Effect:
    """A rule's gift of one unit: rules that credit several units are several effects."""

    index: int
    rule: str
    rule_index: int
    version: int
    offer: str | None
    unit: int
    on: tuple[str, ...]
    start: int | None
    stop: int | None
    audience: Expression | None
    when: Expression | None
    lines: Expression | None
    base: Expression | None
    give: Give
    rounding: int
    posting: Term
    posting_day: int | None
    expires: Term
    funder: int
    times: tuple[int, str] | None
    for_everyone: bool


@dataclass(frozen=True)
class Cap:
    """A limit over effects. `limit` None: only a minimum."""

    name: str
    index: int
    version: int
    effects: tuple[int, ...]
    unit: int
    when: Expression | None
    per: Literal["event", "day", "month", "year", "lifetime"]
    limit: int | None
    table: Table | None
    minimum: int | None
    refuse: bool
    budget: bool


@dataclass(frozen=True)
class Stack:
    """Rules of which one gives."""

    name: str
    best: bool
    rules: tuple[str, ...]


@dataclass(frozen=True)
class SpendingLimit:
    """A limit of redemptions and holds."""

    name: str
    index: int
    version: int
    unit: int | None
    when: Expression | None
    only_if: Expression | None
    minimum: int | None
    maximum: int | None
    share: Fraction | None
    times: tuple[int, str] | None
    clip: bool


@dataclass(frozen=True)
class Version:
    """One version. Instants in microseconds; `effective_from` of the first may be the least."""

    number: int
    index: int
    effective_from: int
    published_at: int
    membership: Expression | None
    before_membership: Literal["nothing", "pending"]
    metrics: Mapping[str, int]
    effects: tuple[int, ...]
    caps: tuple[int, ...]
    stacks: tuple[Stack, ...]
    spending: tuple[int, ...]
    returns: Literal["proportional", "full", "none", "as_if_never_bought"]
    expires: tuple[Term, ...]
    posting: Term
    posting_day: int | None
    lapse_after: Term
    late_capture: bool
    migrate: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Linked:
    """The whole program."""

    name: str
    zone: str
    currency: str
    exponent: int
    units: tuple[Unit, ...]
    events: Mapping[str, EventType]
    products: tuple[str, ...]
    member: Mapping[str, Attribute]
    metrics: tuple[Metric, ...]
    ladders: tuple[Ladder, ...]
    effects: tuple[Effect, ...]
    caps: tuple[Cap, ...]
    spending: tuple[SpendingLimit, ...]
    versions: tuple[Version, ...]
    funders: tuple[str, ...]
    terms: tuple[Term, ...]
    late: Late
    document: Program
