"""The caller's own key, and the clock of a sandbox."""

from __future__ import annotations

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant, parse_instant
from laurels.web.api.documents import ClockBody
from laurels.web.api.exchange import Exchange, answer
from laurels.web.api.strict import body_as


async def read_key(exchange: Exchange) -> Response:
    """What the key that a request carries is, and may touch."""
    caller = exchange.caller
    return answer(
        {
            "key": caller.key,
            "role": caller.role,
            "environment": exchange.environment.name,
            "programs": list(caller.programs),
            "sources": list(caller.sources),
        }
    )


async def read_clock(exchange: Exchange) -> Response:
    """What time it is in a sandbox."""
    _must_be_sandbox(exchange)
    return answer({"now": format_instant(await exchange.service.now())})


async def move_clock(exchange: Exchange) -> Response:
    """Move the clock of a sandbox forward: points expire, months close, levels end on the way."""
    _must_be_sandbox(exchange)
    body = await body_as(exchange, ClockBody)
    await exchange.service.move_clock(exchange.actor, parse_instant(body.now, "UTC", "now"))
    return answer({"now": format_instant(await exchange.service.now())})


def _must_be_sandbox(exchange: Exchange) -> None:
    if exchange.environment.name != "sandbox":
        raise RequestError(
            "sandbox-only", "this is no sandbox", expected="a key of a sandbox: it begins with lt_"
        )
