"""Members: what they have, what is known of them, why."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.responses import Response

from laurels.base.errors import RequestError
from laurels.base.messages import LANGUAGES
from laurels.service.merge import Merging
from laurels.service.permissions import check_member_text
from laurels.service.said import said
from laurels.service.types import Actor
from laurels.web.api.documents import MemberBody, MergeBody
from laurels.web.api.events import told
from laurels.web.api.exchange import (
    Exchange,
    answer,
    choice_of,
    identified,
    instant_of,
    limit_of,
    page_answer,
    place_of,
)
from laurels.web.api.shapes import answer_data, dated, member_data
from laurels.web.api.strict import body_as


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
    lang = choice_of(exchange, "lang", LANGUAGES, "en")
    posting = exchange.request.path_params["posting"]
    if POSTING.fullmatch(posting) is None:
        raise RequestError("posting-unknown", "there is no such posting", where="posting")
    explained = await exchange.service.explanation(
        exchange.actor, exchange.program, named(exchange), posting
    )
    return answer(dated(said(explained, lang)))


async def write_member(exchange: Exchange) -> Response:
    """Attributes, products, identities, enrolment: each is written as an event with its time.

    What is not named stays as it is.
    """
    fields = identified(exchange, (await body_as(exchange, MemberBody)).fields())
    answers = await exchange.service.put_member(
        exchange.actor, exchange.program, named(exchange), fields
    )
    wrong = next((each for each in answers if each.error is not None), None)
    if wrong is not None:
        return told(exchange, wrong)
    return answer({"answers": [answer_data(each) for each in answers]})


async def block_member(exchange: Exchange) -> Response:
    """Nothing can be spent any more; what is earned still counts."""
    return await _standing(exchange, exchange.service.block)


async def unblock_member(exchange: Exchange) -> Response:
    """As it was before the member was blocked."""
    return await _standing(exchange, exchange.service.unblock)


async def merge_members(exchange: Exchange) -> Response:
    """Another member turns out to be this one: its names, points, levels and history are its own
    from now on. Nothing that was posted changes."""
    fields = identified(exchange, (await body_as(exchange, MergeBody)).fields())
    asked = Merging(named(exchange), fields["absorbed"], fields["source"], fields["id"])
    return answer(dated(asdict(await exchange.service.merge(
        exchange.actor, exchange.program, asked
    ))))  # fmt: skip


async def close_member(exchange: Exchange) -> Response:
    """No event of the member is taken any more."""
    return await _standing(exchange, exchange.service.close)


async def erase_member(exchange: Exchange) -> Response:
    """Forget the person for good. The books stay, and can still be proved."""
    return await _standing(exchange, exchange.service.erase)


POSTING = re.compile(r"[0-9]{1,9}\.[0-9]{1,4}")
"""The id of a posting within its member."""
Change = Callable[[Actor, str, str], Awaitable[str]]


async def _standing(exchange: Exchange, change: Change) -> Response:
    member = named(exchange)
    status = await change(exchange.actor, exchange.program, member)
    return answer({"member": member, "status": status})
