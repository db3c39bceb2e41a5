"""Corrections that need a decision: proposed by one key, approved by another, or waived."""

from __future__ import annotations

from dataclasses import asdict

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.service.correct import Correction
from laurels.service.permissions import source_for
from laurels.web.api.documents import CorrectionBody
from laurels.web.api.exchange import Exchange, answer, idempotency_key
from laurels.web.api.shapes import dated
from laurels.web.api.strict import body_as


async def propose_correction(exchange: Exchange) -> Response:
    """Propose what everybody would have, had a version been known from its first instant on.

    The answer holds the difference of each member. Nothing moves before another key approves.
    """
    body = await body_as(exchange, CorrectionBody)
    identity = body.id or idempotency_key(exchange.request) or ""
    name = (source_for(exchange.caller, body.source), identity) if identity else ("", "")
    proposed = await exchange.service.propose_correction(
        exchange.actor, exchange.program, body.version, body.reason, name
    )
    return _shown(proposed)


async def read_correction(exchange: Exchange) -> Response:
    """A correction as it stands, with the difference of each member."""
    found = await exchange.service.correction(exchange.actor, exchange.program, _number(exchange))
    return _shown(found)


async def approve_correction(exchange: Exchange) -> Response:
    """Approve what another key proposed, and post it. Sent again, it goes on where it stopped."""
    number = _number(exchange)
    done = await exchange.service.approve_correction(exchange.actor, exchange.program, number)
    return _shown(done)


async def waive_correction(exchange: Exchange) -> Response:
    """Let the difference stand; the decision stays on the record."""
    number = _number(exchange)
    return _shown(await exchange.service.waive_correction(exchange.actor, exchange.program, number))


def _number(exchange: Exchange) -> int:
    text: str = exchange.request.path_params["correction"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RequestError("correction-unknown", "there is no such correction", where="correction")
    return int(text)


def _shown(correction: Correction) -> Response:
    data = dated(asdict(correction))
    # beyond 2^53 a reader of JSON may round a number: an id is a text
    return answer({**data, "correction": str(correction.correction)})
