"""Holds: points set aside for a basket, then taken or given back."""

from __future__ import annotations

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.service.permissions import check_member_text, source_for
from laurels.service.types import Answer
from laurels.web.api.codec import Event, read_event
from laurels.web.api.events import prepared, told
from laurels.web.api.exchange import (
    Exchange,
    answer,
    body_of,
    idempotency_key,
)
from laurels.web.api.shapes import dated

HOLD_FIELDS = frozenset({"id", "source", "member", "occurred_at", "points", "unit", "until"})
CLOSE_FIELDS = frozenset({"id", "source", "occurred_at", "points"})


async def place_hold(exchange: Exchange) -> Response:
    """Set points aside. Refused by the rules, it is an answer: `status: refused`."""
    event = await _written(exchange, HOLD_FIELDS, "hold")
    check_member_text(exchange.caller, event.get("member"))
    return told(exchange, await _take(exchange, event))


async def read_hold(exchange: Exchange) -> Response:
    """A hold as it stands: what is held, captured, given back, and until when."""
    source = source_for(exchange.caller, exchange.request.query_params.get("source"))
    hold = exchange.request.path_params["hold"]
    member = await member_of(exchange, source, hold)
    state = await exchange.service.hold_state(exchange.actor, exchange.program, member, hold)
    return answer(dated({"source": source, "hold": hold, "member": member, **state}))


async def capture_hold(exchange: Exchange) -> Response:
    """Take what a hold set aside: all that it still has, or `points` of it."""
    return await _closed(exchange, "capture")


async def void_hold(exchange: Exchange) -> Response:
    """Give back what a hold set aside: all that it still has, or `points` of it."""
    return await _closed(exchange, "void")


async def _closed(exchange: Exchange, kind: str) -> Response:
    event = await _written(exchange, CLOSE_FIELDS, kind)
    hold = exchange.request.path_params["hold"]
    event["hold"] = hold
    event["member"] = await member_of(exchange, str(event["source"]), hold)
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


async def member_of(exchange: Exchange, source: str, hold: str) -> str:
    """Whose hold it is. Raises RequestError `hold-unknown`; a foreign one is told alike."""
    try:
        found = await exchange.service.event(exchange.actor, exchange.program, source, hold)
    except RequestError as error:
        if error.code != "event-unknown":
            raise
        raise RequestError("hold-not-found", "there is no such hold", where="hold") from None
    return found.member
