"""What moves points by hand: adjustments, transfers. Each is written as an event."""

from __future__ import annotations

from starlette.responses import Response

from laurels.web.api.documents import AdjustmentBody, TransferBody
from laurels.web.api.events import told
from laurels.web.api.exchange import Exchange, identified
from laurels.web.api.strict import body_as


async def adjust(exchange: Exchange) -> Response:
    """Give or take points by hand, with a reason that stays on the record.

    Above the limit for adjustments it becomes a correction, which another key must approve.
    """
    fields = identified(exchange, (await body_as(exchange, AdjustmentBody)).fields())
    fields.setdefault("author", exchange.caller.key)
    return told(exchange, await exchange.service.adjust(exchange.actor, exchange.program, fields))


async def transfer(exchange: Exchange) -> Response:
    """Give points of one member to another, where the unit allows it."""
    fields = identified(exchange, (await body_as(exchange, TransferBody)).fields())
    return told(exchange, await exchange.service.transfer(exchange.actor, exchange.program, fields))
