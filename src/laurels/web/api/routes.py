"""The routes: one row each. Serving, permissions, the reference and the tests all read this table.

They are found by `paths`, and not by Starlette's list of patterns, which would cost an event as
much as reading it does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from laurels.base.messages import LANGUAGES
from laurels.web.api import (
    books,
    corrections,
    events,
    holds,
    members,
    moves,
    programs,
    quotes,
    sandbox,
    webhooks,
)
from laurels.web.api import documents as D
from laurels.web.api import hooked as H
from laurels.web.api.cursors import LIMIT_DEFAULT, LIMIT_MAX
from laurels.web.api.exchange import Exchange, enter, known_parameters
from laurels.web.api.paths import Paths

Handler = Callable[[Exchange], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a query, with its JSON schema."""

    name: str
    schema: dict[str, object]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route.

    command   what it does: the key of its permission, and its `operationId`
    body      what it reads: a model of JSON, or media types of text
    answer    what it answers with status 200
    writes    it takes an `Idempotency-Key`
    also      statuses of problems beside those that every route has
    """

    method: str
    path: str
    command: str
    handler: Handler
    tag: str
    answer: type[BaseModel]
    body: type[BaseModel] | tuple[str, ...] | None = None
    parameters: tuple[Parameter, ...] = ()
    writes: bool = False
    also: frozenset[int] = field(default_factory=frozenset)

    async def answer_to(self, request: Request) -> Response:
        """Let a request in, and answer it."""
        exchange = enter(request, self.command)
        known_parameters(request, *(each.name for each in self.parameters))
        return await self.handler(exchange)


def _instant(name: str, description: str) -> Parameter:
    return Parameter(name, {"type": "string", "maxLength": 40}, description)


AT = _instant("at", "Business time, as known now.")
KNOWN_AT = _instant("known_at", "As it was known then.")
LIMIT = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    "Rows of a page.",
)
CURSOR = Parameter("cursor", {"type": "string", "maxLength": 1000}, "`next` of the page before it.")
AFTER = Parameter(
    "after", {"type": "string", "maxLength": 1000}, "`next` of a page, or `position` of a row."
)
STATE = Parameter(
    "state", {"type": "string", "enum": list(events.STATES)}, "Which events.", required=True
)
LANG = Parameter(
    "lang", {"type": "string", "enum": list(LANGUAGES), "default": "en"}, "The language."
)
DRY_RUN = Parameter("dry_run", {"type": "boolean", "default": False}, "Say what would come of it.")
FORCE = Parameter("force", {"type": "boolean", "default": False}, "Although balances would change.")
SOURCE = Parameter(
    "source", {"type": "string", "maxLength": 200}, "Of the hold; default: that of the key."
)

PROGRAM = "/v1/programs/{program}"
MEMBER = PROGRAM + "/members/{member}"
HOLD = PROGRAM + "/holds/{hold}"
CORRECTION = PROGRAM + "/corrections/{correction}"
HOOKS = PROGRAM + "/webhooks"
HOOK = HOOKS + "/{webhook}"
FOUND = frozenset({404})
CONFLICT = frozenset({404, 409})

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", PROGRAM + "/events", "send_events", events.send_events, "events",
             D.AnswerOrAnswers, D.EventOrBatch, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/quotes", "quote", quotes.quote, "tills",
             D.Quote, D.Basket, also=FOUND),
    Endpoint("POST", PROGRAM + "/holds", "place_hold", holds.place_hold, "tills",
             D.Answer, D.HoldBody, writes=True, also=CONFLICT),
    Endpoint("POST", HOLD + "/capture", "capture_hold", holds.capture_hold, "tills",
             D.Answer, D.CaptureBody, writes=True, also=CONFLICT),
    Endpoint("POST", HOLD + "/void", "void_hold", holds.void_hold, "tills",
             D.Answer, D.CloseHoldBody, writes=True, also=CONFLICT),
    Endpoint("GET", HOLD, "read_hold", holds.read_hold, "tills",
             D.HoldState, parameters=(SOURCE,), also=FOUND),
    Endpoint("GET", PROGRAM + "/events/{source}/{event}", "read_event",
             events.what_became, "events", D.Answer, also=FOUND),
    Endpoint("GET", PROGRAM + "/events", "list_events", events.list_events, "events",
             D.Rows, parameters=(STATE, LIMIT, CURSOR), also=FOUND),
    Endpoint("GET", MEMBER, "read_member", members.read_member, "members",
             D.Member, parameters=(AT, KNOWN_AT), also=FOUND),
    Endpoint("GET", MEMBER + "/postings", "list_postings", members.list_postings, "members",
             D.PostingRows, parameters=(LIMIT, CURSOR), also=FOUND),
    Endpoint("GET", MEMBER + "/postings/{posting}/explanation", "explain_posting",
             members.explain_posting, "members", D.Explanation, parameters=(LANG,), also=FOUND),
    Endpoint("PUT", MEMBER, "write_member", members.write_member, "members",
             D.Answers, D.MemberBody, writes=True, also=CONFLICT),
    Endpoint("POST", MEMBER + "/block", "block_member", members.block_member, "members",
             D.Standing, also=CONFLICT),
    Endpoint("POST", MEMBER + "/unblock", "unblock_member", members.unblock_member, "members",
             D.Standing, also=CONFLICT),
    Endpoint("POST", MEMBER + "/merge", "merge_members", members.merge_members, "members",
             D.MergeDone, D.MergeBody, writes=True, also=CONFLICT),
    Endpoint("POST", MEMBER + "/close", "close_member", members.close_member, "members",
             D.Standing, also=CONFLICT),
    Endpoint("DELETE", MEMBER, "erase_member", members.erase_member, "members",
             D.Standing, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/adjustments", "adjust", moves.adjust, "points by hand",
             D.Answer, D.AdjustmentBody, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/transfers", "transfer", moves.transfer, "points by hand",
             D.Answer, D.TransferBody, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/corrections", "propose_correction",
             corrections.propose_correction, "corrections", D.Correction, D.CorrectionBody,
             writes=True, also=CONFLICT),
    Endpoint("GET", CORRECTION, "read_correction", corrections.read_correction, "corrections",
             D.Correction, also=FOUND),
    Endpoint("POST", CORRECTION + "/approve", "approve_correction",
             corrections.approve_correction, "corrections", D.Correction, also=CONFLICT),
    Endpoint("POST", CORRECTION + "/waive", "waive_correction", corrections.waive_correction,
             "corrections", D.Correction, also=CONFLICT),
    Endpoint("GET", PROGRAM + "/ledger", "read_ledger", books.read_ledger, "the whole program",
             D.Ledger, parameters=(AT,), also=FOUND),
    Endpoint("GET", PROGRAM + "/closings", "read_closings", books.read_closings,
             "the whole program", D.Closings, also=FOUND),
    Endpoint("GET", PROGRAM + "/feed", "read_feed", books.read_feed, "the whole program",
             D.Rows, parameters=(AFTER, LIMIT), also=FOUND),
    Endpoint("PUT", PROGRAM, "publish_program", programs.publish_program, "the whole program",
             D.Published, programs.TEXT_TYPES, parameters=(DRY_RUN,), also=frozenset({409})),
    Endpoint("POST", PROGRAM + "/prepare", "prepare_program", programs.prepare_program,
             "the whole program", D.Prepared, parameters=(FORCE,), also=FOUND),
    Endpoint("GET", PROGRAM, "read_program", programs.read_program, "the whole program",
             D.ProgramState, parameters=(AT,), also=FOUND),
    Endpoint("POST", HOOKS, "add_webhook", webhooks.add_webhook, "webhooks",
             H.WebhookMade, H.WebhookBody, also=FOUND),
    Endpoint("GET", HOOKS, "list_webhooks", webhooks.list_webhooks, "webhooks",
             H.Webhooks, also=FOUND),
    Endpoint("GET", HOOK, "read_webhook", webhooks.read_webhook, "webhooks",
             H.Webhook, also=FOUND),
    Endpoint("PUT", HOOK, "change_webhook", webhooks.change_webhook, "webhooks",
             H.Webhook, H.WebhookChange, also=FOUND),
    Endpoint("POST", HOOK + "/pause", "pause_webhook", webhooks.pause_webhook, "webhooks",
             H.Webhook, also=FOUND),
    Endpoint("POST", HOOK + "/resume", "resume_webhook", webhooks.resume_webhook, "webhooks",
             H.Webhook, also=FOUND),
    Endpoint("POST", HOOK + "/rotate", "rotate_webhook", webhooks.rotate_webhook, "webhooks",
             H.WebhookSecret, also=FOUND),
    Endpoint("POST", HOOK + "/replay", "replay_webhook", webhooks.replay_webhook, "webhooks",
             H.WebhookReplay, H.ReplayBody, also=FOUND),
    Endpoint("DELETE", HOOK, "drop_webhook", webhooks.drop_webhook, "webhooks",
             H.WebhookGone, also=FOUND),
    Endpoint("GET", "/v1/key", "read_key", sandbox.read_key, "keys", D.Key),
    Endpoint("GET", "/v1/sandbox/clock", "read_clock", sandbox.read_clock, "sandbox", D.Clock),
    Endpoint("PUT", "/v1/sandbox/clock", "move_clock", sandbox.move_clock, "sandbox",
             D.Clock, D.ClockBody, also=frozenset({409})),
)  # fmt: skip

PATHS = Paths((each.method, each.path, each) for each in ENDPOINTS)
