"""Webhooks: who is told what was written. An endpoint hears a program's whole feed, so all of this
is for its owner."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from laurels.base.instants import parse_instant
from laurels.service.webhooks.endpoints import Endpoint
from laurels.web.api.exchange import Exchange, answer
from laurels.web.api.hooked import ReplayBody, WebhookBody, WebhookChange
from laurels.web.api.shapes import instant
from laurels.web.api.strict import body_as


async def add_webhook(exchange: Exchange) -> Response:
    """Tell an endpoint what is written from now on; `secret` signs, and is shown this once."""
    body = await body_as(exchange, WebhookBody)
    made, secret = await exchange.environment.hooks.add(
        exchange.actor, exchange.program, body.url, label=body.label, kinds=tuple(body.kinds),
        everything=body.from_the_beginning,
    )  # fmt: skip
    return answer({**shown(made), "secret": secret})


async def list_webhooks(exchange: Exchange) -> Response:
    """The endpoints of a program: where, how they do, why one is not told."""
    found = await exchange.environment.hooks.every(exchange.program)
    return answer({"rows": [shown(each) for each in found], "next": None})


async def read_webhook(exchange: Exchange) -> Response:
    """An endpoint as it stands."""
    return answer(shown(await exchange.environment.hooks.one(exchange.program, _webhook(exchange))))


async def change_webhook(exchange: Exchange) -> Response:
    """Change where it is, what it is called, what it hears. What is not named stays."""
    body = await body_as(exchange, WebhookChange)
    return await _changed(
        exchange, url=body.url, label=body.label,
        kinds=None if body.kinds is None else tuple(body.kinds),
    )  # fmt: skip


async def pause_webhook(exchange: Exchange) -> Response:
    """Tell it nothing for now; nothing is lost."""
    return await _changed(exchange, active=False)


async def resume_webhook(exchange: Exchange) -> Response:
    """Go on from where it stopped, at once; also where it was disabled."""
    return await _changed(exchange, active=True)


async def rotate_webhook(exchange: Exchange) -> Response:
    """A new secret, shown this once; for a day the old one signs beside it."""
    name = _webhook(exchange)
    secret = await exchange.environment.hooks.rotate(exchange.actor, exchange.program, name)
    return answer({"webhook": name, "secret": secret})


async def replay_webhook(exchange: Exchange) -> Response:
    """Send again what was recorded from an instant to just before another. Ids stay."""
    body = await body_as(exchange, ReplayBody)
    name = _webhook(exchange)
    since, until = (parse_instant(each, "UTC", where) for each, where in
                    ((body.since, "since"), (body.until, "until")))  # fmt: skip
    replay = await exchange.environment.hooks.replay(
        exchange.actor, exchange.program, name, since, until
    )
    return answer({"webhook": name, "replay": replay})


async def drop_webhook(exchange: Exchange) -> Response:
    """Forget an endpoint."""
    name = _webhook(exchange)
    await exchange.environment.hooks.drop(exchange.actor, exchange.program, name)
    return answer({"webhook": name})


async def _changed(exchange: Exchange, **change: Any) -> Response:
    found = await exchange.environment.hooks.change(
        exchange.actor, exchange.program, _webhook(exchange), **change
    )
    return answer(shown(found))


def _webhook(exchange: Exchange) -> str:
    return str(exchange.request.path_params["webhook"])


def shown(each: Endpoint) -> dict[str, Any]:
    """An endpoint, without its secrets."""
    return {
        "webhook": each.webhook, "url": each.url, "label": each.label, "kinds": list(each.kinds),
        "state": each.state, "reason": each.reason, "failed_in_a_row": each.attempts,
        "next_attempt_at": instant(each.next_attempt_at),
        "delivered_at": instant(each.delivered_at), "created_at": instant(each.created_at),
        "created_by": each.created_by, "secrets": len(each.secrets),
    }  # fmt: skip
