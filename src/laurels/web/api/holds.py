"""Holds: points set aside for a basket, then taken or given back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.service.permissions import check_member_text, source_for
from laurels.service.types import Answer
from laurels.web.api.documents import CaptureBody, CloseHoldBody, HoldBody
from laurels.web.api.events import hidden, told
from laurels.web.api.exchange import Exchange, answer, identified
from laurels.web.api.quotes import check_quote
from laurels.web.api.shapes import dated
from laurels.web.api.strict import body_as


async def place_hold(exchange: Exchange) -> Response:
    """Set points aside. Refused by the rules, it is an answer: `status: refused`."""
    event = identified(exchange, (await body_as(exchange, HoldBody)).fields())
    check_member_text(exchange.caller, event["member"])
    return told(exchange, await _take(exchange, {**event, "type": "hold"}))


async def read_hold(exchange: Exchange) -> Response:
    """A hold as it stands: what is held, captured, given back, and until when."""
    source = source_for(exchange.caller, exchange.request.query_params.get("source"))
    hold = exchange.request.path_params["hold"]
    member = await member_of(exchange, source, hold)
    state = await exchange.service.hold_state(exchange.actor, exchange.program, member, hold)
    return answer(dated({"source": source, "hold": hold, "member": member, **state}))


async def capture_hold(exchange: Exchange) -> Response:
    """Take what a hold set aside: all that it still has, or `points` of it.

    With the `quote` that the basket was shown with, and the `basket`, it says when the terms have
    changed since: `quote-stale`, with the new ones, and nothing is taken.
    """
    body = await body_as(exchange, CaptureBody)
    if body.quote is not None:
        if body.basket is None:
            raise RequestError("field-missing", "it is missing", where="basket",
                               expected="what was quoted")  # fmt: skip
        await check_quote(exchange, body.quote, body.basket)
    return await _closed(exchange, "capture", body)


async def void_hold(exchange: Exchange) -> Response:
    """Give back what a hold set aside: all that it still has, or `points` of it."""
    return await _closed(exchange, "void", await body_as(exchange, CloseHoldBody))


async def _closed(exchange: Exchange, kind: str, body: CloseHoldBody) -> Response:
    fields = body.model_dump(exclude={"quote", "basket"}, exclude_none=True)
    event = identified(exchange, fields)
    event |= {"type": kind, "hold": exchange.request.path_params["hold"]}
    event["member"] = await member_of(exchange, str(event["source"]), event["hold"])
    taken = await _take(exchange, event)
    if exchange.caller.role == "till" and "taken" not in (taken.status, taken.first):
        taken = hidden(taken, "")  # perhaps it was no hold, and the member was named by a guess
    return told(exchange, taken)


async def _take(exchange: Exchange, event: dict[str, Any]) -> Answer:
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
