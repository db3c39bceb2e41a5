"""From the service's values to what JSON shows: points and money as text, instants as RFC 3339."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from laurels.base.errors import CODES, Refusal
from laurels.base.instants import format_instant
from laurels.service.types import Answer, MemberView, Published
from laurels.web.api.problems import finding_data, problem_of

Json = dict[str, Any]


def number(value: Decimal) -> str:
    """Decimal text, never with an exponent."""
    return format(value, "f")


NEVER = 4 * 10**18
"""Instants beyond this, either way, mean that there is none: always, or never."""


def instant(value: int | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if value is None or abs(value) > NEVER else format_instant(value)


def plain(value: Any) -> Any:
    """Values within values, as JSON may hold them."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [plain(each) for each in value]
    return value


def dated(value: Any) -> Any:
    """Like `plain`, and integers under a key that is a time (`at`, `until`, …_at) as RFC 3339."""
    if isinstance(value, Mapping):
        return {
            str(key): instant(each) if _is_time(str(key), each) else dated(each)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [dated(each) for each in value]
    return plain(value)


def _is_time(key: str, value: Any) -> bool:
    return type(value) is int and (key in ("at", "until", "now") or key.endswith(("_at", "_from")))


def answer_data(answer: Answer, prefix: str = "") -> Json:
    """What became of an event. A repeated one is told as it was the first time.

    prefix  where the event stands in the body, for the pointers of a problem
    """
    repeated = answer.status == "duplicate"
    data: Json = {
        "status": answer.first if repeated and answer.first else answer.status,
        "source": answer.source,
        "id": answer.id,
    }
    if repeated:
        data["repeated"] = True
    if answer.member:
        data["member"] = answer.member
    if answer.sequence is not None:
        data["sequence"] = answer.sequence
    if answer.recorded_at is not None:
        data["recorded_at"] = format_instant(answer.recorded_at)
    if answer.points is not None:
        data["points"] = number(answer.points)
    if answer.refusal is not None:
        data["refusal"] = refusal_data(answer.refusal)
    if answer.error is not None:
        data["problem"] = problem_of(answer.error, prefix).data()
        return data
    data["postings"] = [posting_data(each) for each in answer.postings]
    data["balances"] = {unit: balance_data(each) for unit, each in answer.balances.items()}
    return data


def refusal_data(refusal: Refusal) -> Json:
    """Why the rules say no."""
    code = refusal.code
    return {"code": code, "detail": CODES[code][1], "params": plain(refusal.params)}


def balance_data(balance: Any) -> Json:
    """Points of a unit by stage."""
    return {
        "active": number(balance.active),
        "pending": number(balance.pending),
        "held": number(balance.held),
        "debt": number(balance.debt),
    }


def posting_data(posting: Any) -> Json:
    """A posting. What is empty is left out; `name` says what it is."""
    data: Json = {
        "name": posting.id,
        "event": posting.event,
        "kind": posting.kind,
        "unit": posting.unit,
        "points": number(posting.points),
        "from": posting.from_account,
        "to": posting.to_account,
        "version": posting.version,
        "semantics": posting.semantics,
        "occurred_at": format_instant(posting.occurred_at),
        "effective_at": format_instant(posting.effective_at),
        "posted_at": format_instant(posting.posted_at),
    }
    for name in ("line", "rule", "funder", "lot", "corrects"):
        text = getattr(posting, name)
        if text:
            data[name] = text
    for name in ("active_at", "expires_at"):
        at = getattr(posting, name)
        if at is not None:
            data[name] = format_instant(at)
    return data


def member_data(view: MemberView, *, personal: bool) -> Json:
    """A member as asked for; `personal`: with what is known of the person."""
    data: Json = {
        "program": view.program,
        "member": view.member,
        "status": view.status,
        "at": instant(view.at),
        "known_at": instant(view.known_at),
        "sequence": view.sequence,
        "balances": {unit: balance_data(each) for unit, each in view.balances.items()},
        "lots": {unit: [lot_data(each) for each in lots] for unit, lots in view.lots.items()},
        "levels": [
            {
                "ladder": each.ladder,
                "level": each.level,
                "until": instant(each.until),
                "missing": [
                    {"what": one.what, "amount": None if one.amount is None else number(one.amount)}
                    for one in each.missing
                ],
            }
            for each in view.levels
        ],
        "next_expiries": [{"unit": unit, **lot_data(lot)} for unit, lot in view.next_expiries],
    }
    if personal:
        data["attributes"] = dict(view.attributes)
        data["identities"] = [{"kind": kind, "value": value} for kind, value in view.identities]
    return data


def lot_data(lot: Any) -> Json:
    """Points with one end and one funder."""
    return {
        "points": number(lot.points),
        "active_at": instant(lot.active_at),
        "expires_at": instant(lot.expires_at),
        "funder": lot.funder,
    }


def published_data(published: Published) -> Json:
    """What came of publishing a program, or of a dry run."""
    return {
        "program": published.program,
        "state": published.state,
        "epoch": published.epoch,
        "published_at": instant(published.published_at),
        "findings": [finding_data(each) for each in published.findings],
        "diff": published.diff,
    }
