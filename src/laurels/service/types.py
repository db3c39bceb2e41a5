"""What goes into the service's commands and comes out of them.

Points and money are Decimal, instants microseconds UTC; texts for people are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

from laurels.base.errors import Finding, LaurelsError, Refusal
from laurels.engine.views import Balance, LotView, Missing
from laurels.ledger.postings import Posting

Role = Literal["till", "back-office", "support", "owner", "read-only"]
Status = Literal[
    "taken",  # decided and written
    "refused",  # the rules say no; remembered like a taken one
    "duplicate",  # the same identity and body: `first` and the rest are the first answer
    "conflict",  # the same identity with another body
    "waiting",  # what it names has not come
    "parked",  # dated ahead; taken when its time comes
    "ignored",  # the program does not read its type; remembered
    "rejected",  # wrong in itself; not remembered
    "retry-later",  # the world was not there; not remembered
]

STATUSES: tuple[Status, ...] = get_args(Status)
"""In the order in which the store numbers them."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls. Every write, and every read of a person by staff, is recorded under the name.

    sources  the event sources that the caller may speak for; "*" is any. An event that names no
             source is of the first of them ("" where that is "*")
    """

    name: str
    roles: frozenset[Role] = frozenset({"owner"})
    sources: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Control:
    """What the sender of a batch counted: events, and the sum of their amounts."""

    count: int | None = None
    sum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one event.

    sequence   the member's sequence number of the event; None where nothing was written
    first      of a duplicate: what had become of it
    points     that a redemption, hold, capture, void or transfer moved
    postings   what was posted when it was taken, dues that came first included
    balances   by unit, as they stood after it
    error      of what is rejected, in conflict, or to be sent again later
    """

    status: Status
    source: str
    id: str
    member: str = ""
    sequence: int | None = None
    recorded_at: int | None = None
    first: Status | None = None
    points: Decimal | None = None
    refusal: Refusal | None = None
    error: LaurelsError | None = None
    postings: tuple[Posting, ...] = ()
    balances: Mapping[str, Balance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `next` continues it; None at its end."""

    rows: tuple[Mapping[str, object], ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing a program file, or of trying to.

    state   checked (a dry run), preparing, ready, in-force
    diff    what changes against the text before, as unified text lines
    """

    program: str
    epoch: int | None
    state: Literal["checked", "preparing", "ready", "in-force"]
    findings: tuple[Finding, ...]
    diff: str = ""
    published_at: int | None = None


@dataclass(frozen=True, slots=True)
class LevelStanding:
    """A level, its exclusive end, and what is missing to the next one."""

    ladder: str
    level: str | None
    until: int | None
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as asked for: now, at a business time, as known then."""

    program: str
    member: str
    status: Literal["active", "blocked", "closed", "erased", "merged"]
    at: int
    known_at: int | None
    sequence: int
    balances: Mapping[str, Balance]
    lots: Mapping[str, tuple[LotView, ...]]
    levels: tuple[LevelStanding, ...]
    next_expiries: tuple[tuple[str, LotView], ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    identities: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Payable:
    """How many points of a unit may be paid towards an event; `refusal` says why none may."""

    unit: str
    points: Decimal
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Quote:
    """What an event would do if it came at `at`, by the program text of an epoch. Nothing is
    posted, nothing is kept."""

    answer: Answer
    payable: tuple[Payable, ...]
    at: int
    epoch: int


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold: how many points it set aside, what has become of them, what it still has.

    state  refused, open, or closed: everything was captured, given back, or has lapsed
    """

    hold: str
    member: str
    unit: str
    state: Literal["refused", "open", "closed"]
    points: Decimal
    held: Decimal
    captured: Decimal
    voided: Decimal
    until: int | None
