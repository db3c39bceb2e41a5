"""The bodies of requests and answers, as the reference shows them and as requests are read.

Bodies of requests are strict: no unknown field, nothing converted. Bodies of answers may gain
fields in any release; whoever reads them skips what they do not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

DECIMAL = r"^-?[0-9]{1,16}(\.[0-9]{1,9})?$"
POSITIVE = r"^[0-9]{1,16}(\.[0-9]{1,9})?$"
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*$"

Decimal = Annotated[str, Field(pattern=DECIMAL, description="Decimal text.", examples=["480.00"])]
Points = Annotated[
    str, Field(pattern=POSITIVE, description="Points, as decimal text.", examples=["480"])
]
Instant = Annotated[
    str,
    Field(
        max_length=40,
        description="RFC 3339; without an offset it is a local time of the program's zone.",
        examples=["2025-03-01T12:00:00Z"],
    ),
]
Id = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=PRINTABLE,
        description="With program and source the identity of a write, for ever.",
        examples=["receipt-2025-03-01-0001"],
    ),
]
Source = Annotated[
    str,
    Field(
        max_length=200,
        pattern=PRINTABLE,
        description="Where it comes from; default: the first source of the key.",
        examples=["till-7"],
    ),
]
MemberName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=PRINTABLE,
        description="A member's id, or one of its identities: card:…, phone:…, email:….",
        examples=["anna"],
    ),
]
Unit = Annotated[
    str, Field(max_length=80, description="A unit of the program.", examples=["point"])
]
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\u0000-\u0008\u007f-\u009f]*$")]


class Body(BaseModel):
    """What is read strictly."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shown(BaseModel):
    """What is shown; it may gain fields."""

    model_config = ConfigDict(extra="allow")


class Write(Body):
    """What every write has: its identity and its time."""

    id: Id | None = Field(None, description="Or in the header `Idempotency-Key`.")
    source: Source | None = None
    occurred_at: Instant

    def fields(self) -> dict[str, Any]:
        """What was sent, without what was not."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class AdjustmentBody(Write):
    """Points given or taken by hand."""

    member: MemberName
    direction: Literal["credit", "debit"]
    points: Points
    unit: Unit | None = None
    reason: Text = Field(min_length=1, description="Why; it stays on the record.")
    author: Text | None = Field(None, description="Who; default: the key.")


class TransferBody(Write):
    """Points from one member to another, where the unit allows it."""

    member: MemberName
    to: MemberName
    points: Points
    unit: Unit | None = None


class HoldBody(Write):
    """Points to set aside for a basket."""

    member: MemberName
    points: Points
    unit: Unit | None = None
    until: Instant | None = Field(None, description="When it lapses; default: the program's term.")


class CloseHoldBody(Write):
    """What to take or give back of a hold: all that it still has, or a part."""

    points: Points | None = None


class CaptureBody(CloseHoldBody):
    """What to take of a hold; with a quote it says when the terms have changed since."""

    quote: str | None = Field(None, max_length=200, description="Of the answer to the basket.")
    basket: dict[str, Any] | None = Field(None, description="What was quoted.")


class MemberBody(Write):
    """What is to be known of a member. What is not named stays."""

    attributes: dict[str, str] | None = Field(None, examples=[{"born": "1990-05-17"}])
    products: dict[str, bool] | None = Field(None, description="Held from now on, or no more.")
    identities: dict[str, str] | None = Field(None, examples=[{"phone": "+37120000001"}])
    enrolment: list[str] | None = Field(None, examples=[["enrolled"]])


class MergeBody(Body):
    """Who becomes the member of the path."""

    absorbed: MemberName = Field(description="Who ends; any of its names.")
    id: Id | None = Field(None, description="Or in the header `Idempotency-Key`.")
    source: Source | None = None

    def fields(self) -> dict[str, Any]:
        """What was sent, without what was not."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


class CorrectionBody(Body):
    """What to correct: a version that reaches into the past."""

    version: int = Field(ge=1, lt=2**31)
    reason: Text = Field(min_length=1, description="Why; it stays on the record.")
    id: Id | None = Field(None, description="Or in the header `Idempotency-Key`.")
    source: Source | None = None


class Line(Shown):
    """A line of a purchase or of a return; with attributes that the program declares."""

    line: str | None = Field(None, description="Its name within the event.")
    amount: Decimal


class Event(Shown):
    """A fact about a member: these fields, and the attributes that the program declares.

    Numbers are decimal text. Every value is a text or a flag, but for `lines`.
    """

    id: Id | None = Field(None, description="Or in the header `Idempotency-Key`.")
    source: Source | None = None
    type: str = Field(examples=["purchase"])
    member: MemberName
    occurred_at: Instant
    amount: Decimal | None = None
    currency: str | None = Field(None, description="Default: the program's.", examples=["EUR"])
    lines: list[Line] | None = None


class Basket(Event):
    """An event that may come: what is on the counter."""

    id: str | None = Field(None, description="Not read: a quote is of no event yet.")


class Control(Body):
    """What a batch adds up to. Where its events do not, none of them is taken."""

    count: int | None = Field(None, ge=0)
    sum: Decimal | None = Field(None, description="Of the amounts, whatever their type.")


class Batch(Body):
    """Up to 10,000 events, each answered by itself: one that is wrong holds up no other."""

    events: list[dict[str, Any]] = Field(
        min_length=1, max_length=10_000, description="Each an `Event`."
    )
    control: Control | None = None


class EventOrBatch(RootModel[Event | Batch]):
    """One event, or many."""


class Posting(Shown):
    """Points that moved from one account to another."""

    id: str | None = Field(None, description="In a list: ask for its explanation by this.")
    name: str = Field(description="Says what it is; the same in every replay.")
    event: str | None = None
    kind: str = Field(examples=["earned"])
    unit: str
    points: Decimal
    from_: str = Field(alias="from", examples=["program:issued"])
    to: str = Field(examples=["member:active"])
    rule: str | None = None
    version: int
    semantics: int
    occurred_at: Instant
    effective_at: Instant
    posted_at: Instant


class Balance(Shown):
    """Points of a unit by stage."""

    active: Decimal
    pending: Decimal
    held: Decimal
    debt: Decimal


class Refusal(Shown):
    """Why the rules said no."""

    code: str = Field(examples=["not-covered"])
    detail: str
    params: dict[str, Any]


class ErrorDetail(Shown):
    """What is wrong at one place of a request."""

    code: str
    detail: str
    pointer: str | None = Field(None, description="A JSON pointer into the body.")
    parameter: str | None = Field(None, description="A parameter or header, by name.")
    expected: str | None = None
    hint: str | None = None


class Finding(Shown):
    """Something about a program, with its place in the file."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    line: int
    column: int
    expected: str
    hint: str


class Problem(Shown):
    """A problem (RFC 9457)."""

    type: str = Field(description="The identity of the problem; a page of this server.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(description="Stable; the end of `type`.")
    instance: str | None = Field(None, description="This occurrence; the log has it too.")
    errors: list[ErrorDetail] | None = None
    findings: list[Finding] | None = None


Status = Literal[
    "taken",
    "refused",
    "waiting",
    "parked",
    "ignored",
    "rejected",
    "conflict",
    "retry-later",
    "proposed",
]


class Answer(Shown):
    """What became of an event."""

    status: Status
    source: str
    id: str
    repeated: bool | None = Field(None, description="It was known: this is the first answer.")
    member: str | None = None
    sequence: int | None = Field(None, description="The member's sequence number of the event.")
    recorded_at: Instant | None = None
    points: Decimal | None = None
    refusal: Refusal | None = None
    postings: list[Posting] | None = None
    balances: dict[str, Balance] | None = None
    problem: Problem | None = None
    correction: str | None = Field(None, description="Of what is proposed: what to approve.")


class Answers(Shown):
    """One answer for each event of a batch, in their order."""

    answers: list[Answer]


class AnswerOrAnswers(RootModel[Answer | Answers]):
    """The answer to one event, or to each of many."""


class Payable(Shown):
    """How many points of a unit may be paid; with a refusal where none may."""

    unit: str
    points: Decimal
    refusal: Refusal | None = None


class Quote(Shown):
    """What a basket would earn and what of it may be paid in points."""

    status: Literal["taken", "refused", "waiting", "parked", "ignored"]
    source: str
    member: str | None = None
    refusal: Refusal | None = None
    postings: list[Posting]
    balances: dict[str, Balance]
    payable: list[Payable]
    at: Instant
    quote: str = Field(description="For the capture: is this still so?")


class Lot(Shown):
    """Points with one end and one funder."""

    points: Decimal
    active_at: Instant | None
    expires_at: Instant | None
    funder: str


class Expiry(Lot):
    """A lot that ends soon."""

    unit: str


class Missing(Shown):
    """What is missing to the next level."""

    what: str
    amount: Decimal | None


class Level(Shown):
    """A level, its exclusive end, what is missing to the next."""

    ladder: str
    level: str | None
    until: Instant | None
    missing: list[Missing]


class Identity(Shown):
    """What else a member is known by."""

    kind: str
    value: str


class Member(Shown):
    """A member: balances, lots, levels; personal data for the roles that may see it."""

    program: str
    member: str
    status: Literal["active", "blocked", "closed", "erased", "merged"]
    at: Instant
    known_at: Instant | None
    sequence: int
    balances: dict[str, Balance]
    lots: dict[str, list[Lot]]
    levels: list[Level]
    next_expiries: list[Expiry]
    attributes: dict[str, str] | None = None
    identities: list[Identity] | None = None


class Key(Shown):
    """The key that a request carries."""

    key: str
    role: str
    environment: Literal["live", "sandbox"]
    programs: list[str]
    sources: list[str]


class Clock(Shown):
    """The clock of a sandbox."""

    now: Instant


class ClockBody(Body):
    """Where to move the clock of a sandbox."""

    now: Instant = Field(description="Not before where it stands.")


class Published(Shown):
    """What came of publishing a program."""

    program: str
    state: Literal["checked", "preparing", "ready", "in-force"]
    epoch: int | None
    published_at: Instant | None
    findings: list[Finding]
    diff: str


class Prepared(Shown):
    """What came of preparing a text."""

    program: str
    state: Literal["preparing", "in-force"]
    differing: list[str] = Field(description="Members whose balances it would change.")


class Rows(Shown):
    """A page of a list; the header `Link` leads to the next."""

    rows: list[dict[str, Any]]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class PostingRows(Rows):
    """A page of postings."""

    rows: list[Posting]  # type: ignore[assignment]


class Explanation(Shown):
    """Why a posting is what it is."""

    sentences: list[str]


class HoldState(Shown):
    """A hold as it stands."""

    source: str
    hold: str
    member: str
    unit: str
    state: Literal["refused", "open", "closed"]
    points: Decimal
    held: Decimal
    captured: Decimal
    voided: Decimal
    until: Instant | None


class Standing(Shown):
    """What a member is now."""

    member: str
    status: Literal["active", "blocked", "closed", "erased", "merged"]


class MergeDone(Shown):
    """What came of a merge."""

    member: str = Field(description="Who stays.")
    absorbed: str = Field(description="Who ended.")
    at: Instant = Field(description="From when on they are one.")
    repeated: bool = Field(description="It had been done under this id.")


class Total(Shown):
    """What an account holds of a unit."""

    unit: str
    account: str
    points: Decimal
    postings: int


class Ledger(Shown):
    """Totals by account and unit."""

    program: str
    at: Instant | None
    totals: list[Total]
    sums: dict[str, Decimal] = Field(description="Over all accounts, by unit: zero.")


class Closing(Shown):
    """A month whose totals were frozen when it was closed."""

    month: str
    until: Instant
    closed_at: Instant
    totals: list[Total]
    late: list[Total] = Field(
        description="Of these, what came after the month before was closed and is dated in it or"
        " earlier."
    )
    since: list[Total] = Field(
        description="Of the newest: what has come with such a date since it was closed."
    )


class Closings(Shown):
    """Months that were closed, the newest first."""

    program: str
    closings: list[Closing]


class Version(Shown):
    """A version of a program."""

    version: int
    note: str | None
    effective_from: Instant | None
    published_at: Instant | None
    state: Literal["in-force", "coming", "past"]


class ProgramState(Shown):
    """A program: its text, the version in force, those that were and those to come."""

    program: str
    title: str | None
    epoch: int
    published_at: Instant | None
    text: str
    version: int | None
    versions: list[Version]


class Correction(Shown):
    """A correction and where it stands."""

    correction: str
    program: str
    state: Literal["proposed", "approved", "posted", "waived"]
    kind: Literal["version", "adjustment"]
    version: int | None = Field(description="What is corrected, of that kind.")
    event: dict[str, str] | None = Field(description="Source and id of the adjustment.")
    reason: str
    proposed_by: str
    decided_by: str | None
    differences: dict[str, dict[str, Decimal]] = Field(description="By member and unit.")
    posted: int = Field(description="Members who got or gave all of it.")
    exceptions: dict[str, dict[str, str]] = Field(
        description="Codes of why not, by member and unit."
    )
