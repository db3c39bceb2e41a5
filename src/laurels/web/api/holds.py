"""Holds: points set aside for a basket, then taken or given back."""

from __future__ import annotations

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.service.permissions import check_member_text
from laurels.service.types import Answer
from laurels.web.api.codec import Event, read_event
from laurels.web.api.events import prepared, told
from laurels.web.api.exchange import (
    Exchange,
    body_of,
    idempotency_key,
)

HOLD_FIELDS = frozenset({"id", "source", "member", "occurred_at", "points", "unit", "until"})


async def place_hold(exchange: Exchange) -> Response:
    """Set points aside. Refused by the rules, it is an answer: `status: refused`."""
    event = await _written(exchange, HOLD_FIELDS, "hold")
    check_member_text(exchange.caller, event.get("member"))
    return told(exchange, await _take(exchange, event))


async def _written(exchange: Exchange, known: frozenset[str], kind: str) -> Event:
    """The body as an event of a type. Raises RequestError for a field that it does not have."""
    event = read_event(await body_of(exchange.request))
    unknown = [name for name in event if name not in known]
    if unknown:
        raise RequestError(
            "field-unknown",
            "there is no such field",
            where=unknown[0][:80],
            expected="one of " + ", ".join(sorted(known)),
        )
    event["type"] = kind
    return prepared(exchange, event, idempotency_key(exchange.request))


async def _take(exchange: Exchange, event: Event) -> Answer:
    (taken,) = await exchange.service.take(exchange.actor, exchange.program, [event])
    return taken
