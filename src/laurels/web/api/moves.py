"""What moves points by hand: adjustments, transfers. Each is written as an event."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from laurels.web.api.documents import AdjustmentBody, TransferBody
from laurels.web.api.events import told
from laurels.web.api.exchange import Exchange, answer, identified
from laurels.web.api.strict import body_as


async def adjust(exchange: Exchange) -> Response:
    """Give or take points by hand, with a reason that stays on the record.

    Above the server's limit it is `proposed`: it is posted when another key approves `correction`.
    """
    fields = identified(exchange, (await body_as(exchange, AdjustmentBody)).fields())
    fields.setdefault("author", exchange.caller.key)
    if not exchange.service.is_above_limit(fields):
        return await _taken(exchange, {**fields, "type": "adjustment"})
    proposed = await exchange.service.propose_adjustment(exchange.actor, exchange.program, fields)
    said = {"status": "proposed", "source": fields["source"], "id": fields["id"]}
    return answer({**said, "correction": str(proposed.correction)})


async def transfer(exchange: Exchange) -> Response:
    """Give points of one member to another, where the unit allows it."""
    fields = identified(exchange, (await body_as(exchange, TransferBody)).fields())
    return await _taken(exchange, {**fields, "type": "transfer"})


async def _taken(exchange: Exchange, event: dict[str, Any]) -> Response:
    (taken,) = await exchange.service.take(exchange.actor, exchange.program, [event])
    return told(exchange, taken)
