"""The program document: every key that a ``program.yaml`` may hold, as typed values.

Scalars arrive as text exactly as they stand in the file, so that no number passes through a
binary float. What a text means in units and minor units is settled later, in ``link``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

NAME = r"^[a-z][a-z0-9_]*$"
SLUG = r"^[a-z][a-z0-9_-]*$"

Name = Annotated[str, Field(pattern=NAME)]
Slug = Annotated[str, Field(pattern=SLUG)]

_NUMBER_OR_TEXT = {"type": ["number", "string"], "format": "decimal"}

DecimalText = Annotated[
    str,
    Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?\s*$", max_length=60),
    WithJsonSchema(_NUMBER_OR_TEXT),
]
RateText = Annotated[
    str,
    Field(pattern=r"^\s*[0-9]+(\.[0-9]+)?\s*(%|/\s*[0-9]+)?\s*$", max_length=60),
    WithJsonSchema(
        {"type": ["number", "string"], "format": "rate", "examples": ["4%", "0.1%", "1/5"]}
    ),
]
TermText = Annotated[
    str,
    Field(pattern=r"^(never|[0-9]+ (minute|hour|day|month|year)s?)$", max_length=30),
    WithJsonSchema(
        {"type": "string", "format": "term", "examples": ["never", "24 months", "30 days"]}
    ),
]
Threshold = Annotated[
    str,
    Field(pattern=r"^\s*(>=|>)?\s*[0-9]+(\.[0-9]+)?\s*$", max_length=60),
    WithJsonSchema({"type": ["number", "string"], "format": "least", "examples": [100000, "> 25"]}),
]
InstantText = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "format": "instant", "examples": ["2025-06-01", "2025-06-01T00:00:00"]}
    ),
]
Cel = Annotated[str, WithJsonSchema({"type": ["string", "boolean", "number"], "format": "cel"})]


def _listed(value: Any) -> Any:
    """One name where a list may stand is a list of one."""
    return [value] if isinstance(value, str) else value


NameList = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Doc(BaseModel):
    """A part of the document: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Unit(Doc):
    """A kind of value that the program counts (K6)."""

    title: str = Field("", description="Display name.")
    precision: DecimalText = Field(
        "1", description="Smallest step of the unit: `1`, `0.1`, `0.01`. Never changes."
    )
    worth: DecimalText | None = Field(
        None, description="Money value of one unit in the program's currency; empty: none."
    )
    material: bool = Field(True, description="False: a badge, a heart, access; not worth money.")
    cashable: bool = Field(False, description="May be turned into cash.")
    transferable: bool = Field(False, description="May be given to another member.")
    spendable: bool = Field(True, description="False: counts for levels only.")
    debt: Literal["allow", "forbid"] = Field(
        "allow",
        description="What is taken back and no lot holds becomes debt (`allow`) or the program's "
        "own loss (`forbid`).",
    )
    expires: TermText | None = Field(
        None, description="Life of its lots where no rule or offer says otherwise."
    )
    spends_too: NameList = Field(
        [], description="Units from which a redemption of this one takes as many points (X27)."
    )


class Attribute(Doc):
    """A typed attribute of an event, a line or a member."""

    type: str = Field(
        "text",
        pattern=r"^(text|money|integer|flag|date|points [a-z][a-z0-9_]*)$",
        description="`text`, `money`, `integer`, `flag`, `date`, or `points <unit>`.",
    )
    values: list[str] | None = Field(None, description="The values that a text may have.")
    at_least: DecimalText | None = Field(None, description="Smallest number accepted.")
    at_most: DecimalText | None = Field(None, description="Largest number accepted.")
    required: bool = Field(False, description="An event without it is rejected.")


def _attribute(value: Any) -> Any:
    """Shorthands: a word is a type, a list is the set of values of a text."""
    if isinstance(value, str):
        return {"type": value}
    if isinstance(value, list):
        return {"type": "text", "values": value}
    return value


AttributeText = Annotated[Attribute, BeforeValidator(_attribute)]


class EventType(Doc):
    """An event type that the program reads (K3)."""

    title: str = Field("", description="Display name.")
    amount: Literal["required", "optional", "none"] = Field(
        "none", description="Whether the event carries money."
    )
    purchase: bool | None = Field(
        None,
        description="A purchase in the sense of S2.238; by default, what carries an amount.",
    )
    attributes: dict[Name, AttributeText] = Field({}, description="Attributes of the event.")
    line: dict[Name, AttributeText] = Field({}, description="Attributes of each of its lines.")


class Window(Doc):
    """A rolling window: this period and the ones before it, `months` or `days` in all."""

    months: int | None = Field(None, ge=1, le=120, description="How many calendar months.")
    days: int | None = Field(None, ge=1, le=400, description="Or how many days.")


class Metric(Doc):
    """An aggregate of a member's events over a window (K4)."""

    title: str = Field("", description="Display name.")
    of: NameList = Field(..., description="Event types it looks at.")
    where: Cel | None = Field(None, description="Only events (or lines) for which this holds.")
    sum: Cel | None = Field(None, description="What is added up; usually `event.amount`.")
    count: Literal["events", "days"] | None = Field(
        None, description="How many events, or on how many different days."
    )
    max: Cel | None = Field(None, description="The largest value.")
    last: Cel | None = Field(None, description="The latest value.")
    window: Literal["day", "month", "year", "lifetime"] | Window = Field(
        "lifetime", description="Calendar day, month, year; lifetime; or a rolling window."
    )
    net_of_returns: bool | None = Field(
        None,
        description="Returns lower it, never below zero. Default: sums of money yes, others no.",
    )


class Level(BaseModel):
    """One step of a ladder. Other keys are metrics with the least value they must reach."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Threshold]

    title: str = Field("", description="Display name.")
    glyph: str = Field("", description="How it is shown: hearts, a medal.")
    when: Cel | None = Field(None, description="What must hold besides the least values.")
    term: TermText | None = Field(None, description="How long it lasts once reached.")


class Ladder(Doc):
    """An independent order of levels (K10). Three clocks come from these parameters (X47)."""

    title: str = Field("", description="Display name.")
    period: Literal["month", "year"] | None = Field(
        None, description="Levels are decided anew at the end of each period."
    )
    rises: Literal["at_close", "at_once"] = Field(
        "at_once",
        description="`at_close`: the level is given by results of the period, for the next one. "
        "`at_once`: from the next event on, and kept through the next period.",
    )
    falls: Literal["to_result", "one_level", "never"] = Field(
        "to_result", description="How far a member falls at once (soft landing)."
    )
    grace: int = Field(0, ge=0, le=12, description="Periods that a level outlives its reason.")
    opens: Cel | None = Field(None, description="No level before this holds; default: at once.")
    sum: Name | None = Field(
        None,
        description="A unit: levels compare the points of it credited less taken back, as `sum`.",
    )
    sum_includes_spending: bool = Field(
        False, description="Spending lowers the sum too (variant of X27)."
    )
    requalify: TermText | None = Field(
        None, description="At a term's end the sum becomes what this last stretch credited."
    )
    levels: dict[Name, Level] = Field(..., description="From the lowest to the highest.")


class Give(Doc):
    """What a rule gives (K8): exactly one of `rate`, `points`, `multiply`."""

    rate: RateText | dict[str, str] | None = Field(
        None,
        description="Share of the base; or a table: `by: level.<ladder>` or `by: event.<name>`, "
        "then a rate for each value, `otherwise` for the rest.",
    )
    points: Cel | dict[str, str] | None = Field(
        None, description="Fixed points, an expression, or a table like that of `rate`."
    )
    per: DecimalText | None = Field(
        None, description="`points` for each full so much money of the base."
    )
    multiply: NameList | None = Field(
        None, description="Rules whose points on the same event are given again `by - 1` times."
    )
    by: RateText | None = Field(None, description="Factor of `multiply`: 2 doubles.")
    at_least: DecimalText | None = Field(None, description="Range of an award (AT-R21).")
    at_most: DecimalText | None = Field(None, description="Range of an award (AT-R21).")


class Times(Doc):
    """How often."""

    at_most: int = Field(..., ge=1, le=1_000_000, description="So many.")
    per: Literal["day", "month", "year", "lifetime"] = Field(
        "lifetime", description="In each of these."
    )


class Posting(Doc):
    """When points become active: exactly one of the keys."""

    after: TermText | None = Field(None, description="So long after the event.")
    day_of_next_month: int | None = Field(
        None, ge=1, le=28, description="At local midnight of that day of the next month."
    )


PostingText = Literal["at_once"] | Posting


class Rule(Doc):
    """Condition and what it gives (K5, K8)."""

    title: str = Field("", description="Display name.")
    on: NameList = Field(..., description="Event types.")
    when: Cel | None = Field(None, description="Only when this holds.")
    lines: Cel | None = Field(None, description="Only the lines for which this holds.")
    base: Cel | None = Field(
        None, description="Money that earns; default: the amount less what was paid in points."
    )
    unit: NameList = Field([], description="One or several units; default: the only one.")
    give: Give = Field(..., description="How much.")
    rounding: Literal["floor", "half_up", "half_even", "ceil"] = Field(
        "floor", description="How a share becomes whole steps of the unit; once for each event."
    )
    posting: PostingText | None = Field(
        None, description="When points become active; default: as the offer or version says."
    )
    expires: TermText | None = Field(
        None, description="Life of its lots; default: as the offer, unit or version says."
    )
    funder: Slug = Field("program", description="Who pays for these points.")
    times: Times | None = Field(None, description="At most so many events earn by this rule.")
    for_everyone: bool = Field(False, description="Membership is not asked.")
    non_purchase_reason: str | None = Field(
        None, description="Why material points for something not bought are right here (S2.238)."
    )


class Cap(Doc):
    """A limit over the points of a rule set (K9)."""

    title: str = Field("", description="Display name.")
    rules: NameList = Field(..., description="The rule set; the order of the file clips.")
    unit: Name | None = Field(None, description="Default: the unit of the rules.")
    when: Cel | None = Field(None, description="Only for events for which this holds.")
    per: Literal["event", "day", "month", "year", "lifetime"] = Field(
        "month", description="What it is counted over."
    )
    at_most: DecimalText | dict[str, str] | None = Field(
        None, description="Points; or a table `by: level.<ladder>`, `none` without a level."
    )
    at_least: DecimalText | None = Field(
        None, description="An event on which the rule set gives less than this gives nothing."
    )
    on_breach: Literal["clip", "refuse"] = Field(
        "clip", description="A gift beyond the room is cut to it, or not given."
    )
    across: Literal["member", "all_members"] = Field(
        "member", description="`all_members` makes it a budget."
    )


class Offer(Doc):
    """A dated rule set (K13)."""

    title: str = Field("", description="Display name.")
    from_: InstantText | None = Field(
        None, alias="from", description="First instant; empty: with the version."
    )
    until: InstantText | None = Field(None, description="Exclusive.")
    when: Cel | None = Field(None, description="Whom it invites; holds for all its rules.")
    rules: dict[Slug, Rule] = Field(..., description="What it gives.")
    caps: dict[Slug, Cap] = Field({}, description="Limits; may name any rule of the version.")
    posting: PostingText | None = Field(None, description="When its points become active.")
    expires: TermText | None = Field(None, description="Life of its lots.")
    funder: Slug | None = Field(None, description="Who pays for its points.")


class Stack(Doc):
    """Rules of which one gives: the best, or the first in the order of the file."""

    mode: Literal["best", "first"] = Field("best", description="Which of them gives.")
    rules: NameList = Field(..., description="The group.")


class SpendingLimit(Doc):
    """What a redemption or a hold must keep to (K9, K11)."""

    title: str = Field("", description="Display name.")
    unit: Name | None = Field(None, description="Default: every spendable unit.")
    when: Cel | None = Field(None, description="Only redemptions for which this holds.")
    only_if: Cel | None = Field(None, description="Refused unless this holds.")
    at_least: DecimalText | None = Field(None, description="Fewest points at once.")
    at_most: DecimalText | None = Field(None, description="Most points at once.")
    share_of_price: RateText | None = Field(
        None, description="Most that points may pay of the price of what they pay."
    )
    times: Times | None = Field(None, description="How many redemptions.")
    on_breach: Literal["refuse", "clip"] = Field(
        "refuse", description="A request beyond the limit is refused, or cut to it."
    )


class Membership(Doc):
    """Who earns (K2, X9)."""

    when: Cel = Field(..., description="Nothing is earned before this holds.")
    before: Literal["nothing", "pending"] = Field(
        "nothing",
        description="`pending`: earned before it holds, released when it does.",
    )


class Holds(Doc):
    """Points set aside for a basket."""

    lapse_after: TermText = Field("never", description="Used when a hold names no `until`.")
    late_capture: Literal["refuse", "if_covered"] = Field(
        "refuse", description="A capture after the hold lapsed."
    )


class Ceiling(Doc):
    """What no offer may exceed (X8)."""

    rate: RateText | None = Field(None, description="Highest share of the base.")
    points: DecimalText | None = Field(None, description="Most points of one award.")


class Late(Doc):
    """Events that are recorded after they occurred."""

    policy: Literal["as_if_on_time", "when_recorded"] = Field(
        "as_if_on_time",
        description="`as_if_on_time`: history is folded again with the event in its place. "
        "`when_recorded`: the event counts from the instant it was recorded.",
    )
    tolerance: TermText = Field(
        "0 days", description="`when_recorded` leaves events alone that are no later than this."
    )
    reject_after: TermText = Field("never", description="Later events are rejected.")


ReturnPolicy = Literal["proportional", "full", "none", "as_if_never_bought"]


class Version(Doc):
    """The rules in force from an instant on (K1)."""

    version: int = Field(..., ge=1, description="Its number; higher than that before it.")
    note: str = Field("", description="What changed and why, for members and staff.")
    effective_from: InstantText | None = Field(None, description="Empty: since ever.")
    published_at: InstantText | None = Field(
        None, description="When it became known; empty: before anything happened."
    )
    membership: Membership | None = Field(None, description="Empty: everyone earns.")
    metrics: dict[Name, Metric] = Field({}, description="What is counted of each member.")
    ladders: dict[Name, Ladder] = Field({}, description="Orders of levels.")
    rules: dict[Slug, Rule] = Field({}, description="What is given for what.")
    offers: dict[Slug, Offer] = Field({}, description="Dated rule sets.")
    stacking: dict[Slug, Stack] = Field(
        {}, description="Groups of rules of which one gives; all others add up."
    )
    caps: dict[Slug, Cap] = Field({}, description="Limits over rule sets.")
    spending: dict[Slug, SpendingLimit] = Field({}, description="Limits of redemptions.")
    posting: PostingText = Field("at_once", description="When points become active.")
    expires: TermText = Field(
        "never", description="Life of lots, from the instant at which they become active."
    )
    returns: ReturnPolicy = Field(
        "proportional",
        description="What a return takes back: the share of what it returns (`proportional`); all "
        "that the event gave (`full`); nothing (`none`); or history is folded again without what "
        "came back (`as_if_never_bought`).",
    )
    holds: Holds = Field(Holds(), description="When holds end.")
    ceiling: Ceiling = Field(Ceiling(), description="What no offer may exceed.")
    migrate: dict[Name, dict[str, str]] = Field(
        {}, description="For each ladder: levels that are gone and what becomes of them."
    )


class Program(Doc):
    """A whole program: what never changes, and its versions in order."""

    program: Slug = Field(..., description="Identity of the program.")
    title: str = Field("", description="Display name.")
    zone: str = Field(..., description="IANA time zone of days, months and terms.")
    currency: str = Field(..., pattern=r"^[A-Z]{3}$", description="ISO 4217.")
    units: dict[Name, Unit] = Field(..., description="Kinds of points; at least one.")
    events: dict[Name, EventType] = Field(
        {}, description="Event types that the program reads, besides those that all know."
    )
    products: NameList = Field([], description="Products that a member may hold.")
    member: dict[Name, AttributeText] = Field({}, description="Attributes of a member.")
    non_purchase_material: Literal["allow", "warn", "deny"] = Field(
        "allow", description="Material points for what was not bought (S2.238)."
    )
    late: Late = Field(Late(), description="What is recorded after it occurred.")
    versions: list[Version] = Field(
        ..., min_length=1, description="All versions, the earliest first."
    )
