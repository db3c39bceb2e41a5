"""Quotes: what a basket would earn, what of it may be paid in points. Nothing is posted or kept.

A quote carries a token: a signed digest of the basket and of what it would earn. Whoever captures a
hold with that token and the basket is told when the terms have changed meanwhile, before any point
moves. The server keeps nothing for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

import msgspec
from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.outside import fresh_id
from laurels.service.permissions import check_member_text
from laurels.service.types import Quote
from laurels.web.api.codec import Event, read_event
from laurels.web.api.events import prepared
from laurels.web.api.exchange import Exchange, answer, body_of
from laurels.web.api.problems import Trouble, problem_of, render
from laurels.web.api.shapes import Json, answer_data, instant, number, refusal_data

_SIZE = 16
_pack = msgspec.msgpack.Encoder(order="sorted").encode


async def quote(exchange: Exchange) -> Response:
    """What a basket would earn, what of it may be paid in points, and why. Posts nothing."""
    event = prepared(exchange, read_event(await body_of(exchange.request)), None)
    check_member_text(exchange.caller, event.get("member"))
    quoted = await _quoted(exchange, event)
    if quoted.answer.error is not None:
        request_id = exchange.request.scope["state"]["request_id"]
        return render(problem_of(quoted.answer.error), request_id)
    return answer(quote_data(exchange, event, quoted))


async def _quoted(exchange: Exchange, event: Event) -> Quote:
    """A quote is of no event that there is, whatever id the basket has already."""
    asked = {**event, "id": fresh_id()}
    return await exchange.service.quote(exchange.actor, exchange.program, asked)


def quote_data(exchange: Exchange, event: Event, quoted: Quote) -> Json:
    """A quote, with its token."""
    data = answer_data(quoted.answer)
    del data["id"]
    data["payable"] = [
        {
            "unit": each.unit,
            "points": number(each.points),
            **({} if each.refusal is None else {"refusal": refusal_data(each.refusal)}),
        }
        for each in quoted.payable
    ]
    data["at"] = instant(quoted.at)
    data["quote"] = _token(exchange, event, quoted)
    return data


async def check_quote(exchange: Exchange, token: str, basket: Event) -> None:
    """Raise Trouble `quote-stale`, with the quote as it would be now, where terms have changed.

    Raises: RequestError `field-value` where the token is none of ours or of another basket.
    """
    try:
        given = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (binascii.Error, UnicodeEncodeError, ValueError):
        given = b""
    event = prepared(exchange, basket, None)
    check_member_text(exchange.caller, event.get("member"))
    if not hmac.compare_digest(given[:_SIZE], _seal(exchange, given[_SIZE:])) or not (
        given[_SIZE : 2 * _SIZE] == _digest(_named(event))
    ):
        raise RequestError(
            "field-value", "it is no quote of this basket", where="quote",
            expected="the `quote` of the answer to this very basket",
        )  # fmt: skip
    quoted = await _quoted(exchange, event)
    if quoted.answer.error is not None or given[2 * _SIZE :] != _digest(_terms(quoted)):
        raise Trouble(
            "quote-stale",
            "the basket would not earn any more what was quoted",
            hint="show the new terms, and capture with their quote",
            extra={"quote": quote_data(exchange, event, quoted)},
        )


def _token(exchange: Exchange, event: Event, quoted: Quote) -> str:
    content = _digest(_named(event)) + _digest(_terms(quoted))
    sealed = _seal(exchange, content) + content
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _named(event: Event) -> dict[str, Any]:
    """The basket as far as it is one: an id may come later."""
    return {name: value for name, value in event.items() if name != "id" and value is not None}


def _terms(quoted: Quote) -> list[tuple[str, str, str]]:
    """What was promised: what each rule would give. Balances change without breaking a word."""
    return [
        (each.rule, each.unit, number(each.points))
        for each in quoted.answer.postings
        if each.kind == "earned"
    ]


def _digest(value: Any) -> bytes:
    return hashlib.sha256(_pack(value)).digest()[:_SIZE]


def _seal(exchange: Exchange, content: bytes) -> bytes:
    return exchange.environment.cursors.seal(b"quote" + content)[:_SIZE]
