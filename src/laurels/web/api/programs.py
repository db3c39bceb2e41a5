"""Programs: publishing a text, and what is in force."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.web.api.exchange import (
    Exchange,
    answer,
    check_media_type,
    instant_of,
    limited_body,
)
from laurels.web.api.problems import Detail, Trouble
from laurels.web.api.shapes import dated, published_data

TEXT_MAX = 1 << 20
TEXT_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/plain")


async def publish_program(exchange: Exchange) -> Response:
    """Check the text of a program file and bring it into force; with `dry_run`, only say."""
    dry_run = flag_of(exchange.request, "dry_run")
    check_media_type(exchange.request.headers.get("content-type", ""), TEXT_TYPES)
    raw = await limited_body(exchange.request, TEXT_MAX)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            "body-encoding", f"byte {error.start} is no UTF-8", expected="a text in UTF-8"
        ) from None
    published = await exchange.service.publish(
        exchange.actor, exchange.program, text, dry_run=dry_run
    )
    return answer(published_data(published))


async def prepare_program(exchange: Exchange) -> Response:
    """Bring a text that is `preparing` into force: every member is folded under it first.

    A rebuild never changes a balance. Where one would, the members are named and the text stays as
    it is, unless `force` is said. It takes its time with many members; sent again, it is harmless.
    """
    force = flag_of(exchange.request, "force")
    differing = await exchange.service.prepare(exchange.actor, exchange.program, force=force)
    state = "in-force" if force or not differing else "preparing"
    return answer({"program": exchange.program, "state": state, "differing": differing})


async def read_program(exchange: Exchange) -> Response:
    """The version in force, now or at an instant, and those to come."""
    at = await instant_of(exchange, "at")
    found = await exchange.service.program(exchange.actor, exchange.program, at=at)
    return answer(dated(found))


def flag_of(request: Request, name: str) -> bool:
    """A parameter that is true or false; absent is false. Raises Trouble."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        detail = Detail("field-value", "it is neither", "", name, "true or false")
        raise Trouble("field-value", f"{name}: it is neither true nor false", details=[detail])
    return text == "true"
