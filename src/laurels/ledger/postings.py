"""Postings: one row each, a debit and a credit account and points above zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from laurels.base.errors import ensure
from laurels.ledger.accounts import FLOWS


@dataclass(frozen=True, slots=True)
class Posting:
    """One row of the ledger.

    id            derives from what the posting is, never from the order of a run
    points        in the unit, above zero
    effective_at  when it takes effect; posted_at: when it was written; microseconds UTC
    active_at, expires_at, lot   of the lot that it made or touched; None where there is none
    corrects      id of the posting that it corrects, else empty
    """

    id: str
    member: str
    event: str
    line: str
    kind: str
    unit: str
    points: Decimal
    from_account: str
    to_account: str
    rule: str
    version: int
    semantics: int
    funder: str
    occurred_at: int
    effective_at: int
    posted_at: int
    active_at: int | None
    expires_at: int | None
    lot: str
    corrects: str = ""


def check_posting(posting: Posting) -> None:
    """A posting moves points above zero between two legal accounts. Raises Fault."""
    ensure(posting.points > 0, f"posting {posting.id} moves nothing")
    move = (posting.from_account, posting.to_account)
    legal = move in FLOWS[posting.kind] or (
        posting.corrects != "" and move[::-1] in FLOWS[posting.kind]
    )
    ensure(legal, f"posting {posting.id}: {posting.kind} may not move points {move}")


def totals(postings: Iterable[Posting]) -> dict[tuple[str, str], Decimal]:
    """Sums by unit and account; every unit sums to zero."""
    found: dict[tuple[str, str], Decimal] = {}
    for posting in postings:
        out, into = (posting.unit, posting.from_account), (posting.unit, posting.to_account)
        found[out] = found.get(out, Decimal(0)) - posting.points
        found[into] = found.get(into, Decimal(0)) + posting.points
    return found
