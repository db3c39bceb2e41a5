"""The shapes of what comes back. Answers may gain fields: skip what you do not know.

Points and money are decimal text, as the server sent them: `Decimal(posting["points"])`.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Status = Literal[
    "taken", "refused", "waiting", "parked", "ignored", "rejected", "conflict", "retry-later"
]


class Balance(TypedDict):
    """Points of a unit by stage."""

    active: str
    pending: str
    held: str
    debt: str


class Refusal(TypedDict):
    """Why the rules said no: a stable code, a sentence, the values in it."""

    code: str
    detail: str
    params: dict[str, Any]


Posting = TypedDict(
    "Posting",
    {
        "id": str,
        "event": str,
        "kind": str,
        "unit": str,
        "points": str,
        "from": str,
        "to": str,
        "version": int,
        "semantics": int,
        "occurred_at": str,
        "effective_at": str,
        "posted_at": str,
    },
)


class _Answered(TypedDict):
    status: Status
    source: str
    id: str


class Answer(_Answered, total=False):
    """What became of an event. `repeated`: it was known, and this is the first answer."""

    repeated: bool
    member: str
    sequence: int
    recorded_at: str
    points: str
    refusal: Refusal
    postings: list[Posting]
    balances: dict[str, Balance]
    problem: dict[str, Any]


class Member(TypedDict, total=False):
    """A member: balances, lots, levels, next expiries."""

    program: str
    member: str
    status: str
    at: str
    known_at: str | None
    sequence: int
    balances: dict[str, Balance]
    lots: dict[str, list[dict[str, Any]]]
    levels: list[dict[str, Any]]
    next_expiries: list[dict[str, Any]]
    attributes: dict[str, str]
    identities: list[dict[str, str]]
