"""Members: what they have, what is known of them, why."""

from __future__ import annotations

from starlette.responses import Response

from laurels.base.messages import LANGUAGES
from laurels.service.permissions import check_member_text
from laurels.web.api.exchange import (
    Exchange,
    answer,
    choice_of,
    instant_of,
    limit_of,
    page_answer,
    place_of,
)
from laurels.web.api.shapes import dated, member_data


def named(exchange: Exchange) -> str:
    """The member that the path names. Raises RequestError: to a till, a phone is nobody's."""
    member: str = exchange.request.path_params["member"]
    check_member_text(exchange.caller, member)
    return member


async def read_member(exchange: Exchange) -> Response:
    """A member now; at a business time, as known now; or as it was known then.

    Personal data is for staff only. Every read by staff is recorded with the key.
    """
    view = await exchange.service.member(
        exchange.actor,
        exchange.program,
        named(exchange),
        at=await instant_of(exchange, "at"),
        known_at=await instant_of(exchange, "known_at"),
    )
    return answer(member_data(view, personal=exchange.caller.role != "till"))


async def list_postings(exchange: Exchange) -> Response:
    """What moved, the newest first."""
    page = await exchange.service.postings(
        exchange.actor,
        exchange.program,
        named(exchange),
        after=place_of(exchange, {}),
        limit=limit_of(exchange.request),
    )
    return page_answer(exchange, page, {}, [dated(row) for row in page.rows])


async def explain_posting(exchange: Exchange) -> Response:
    """Why a posting is what it is, computed to its amount, in the words of a language."""
    explained = await exchange.service.explanation(
        exchange.actor,
        exchange.program,
        named(exchange),
        exchange.request.path_params["posting"],
        choice_of(exchange, "lang", LANGUAGES, "en"),
    )
    return answer(dated(explained))
