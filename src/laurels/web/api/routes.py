"""The routes: one row each. Serving, permissions, the reference and the tests all read this table.

The order matters where two paths could match: the first one does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from laurels.web.api import documents as D
from laurels.web.api import events, holds, moves, programs, sandbox
from laurels.web.api.exchange import Exchange, enter, known_parameters
from laurels.web.api.paths import TextConvertor as _TextConvertor  # registers `text`

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

    def route(self) -> Route:
        """As Starlette takes it."""
        known = tuple(each.name for each in self.parameters)

        async def run(request: Request) -> Response:
            exchange = enter(request, self.command)
            known_parameters(request, *known)
            return await self.handler(exchange)

        return Route(self.path, run, methods=[self.method], name=self.command)


DRY_RUN = Parameter("dry_run", {"type": "boolean", "default": False}, "Say what would come of it.")
PROGRAM = "/v1/programs/{program:text}"
CONFLICT = frozenset({404, 409})

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", PROGRAM + "/events", "send_events", events.send_events, "events",
             D.AnswerOrAnswers, D.EventOrBatch, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/holds", "place_hold", holds.place_hold, "tills",
             D.Answer, D.HoldBody, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/adjustments", "adjust", moves.adjust, "points by hand",
             D.Answer, D.AdjustmentBody, writes=True, also=CONFLICT),
    Endpoint("POST", PROGRAM + "/transfers", "transfer", moves.transfer, "points by hand",
             D.Answer, D.TransferBody, writes=True, also=CONFLICT),
    Endpoint("PUT", PROGRAM, "publish_program", programs.publish_program, "the whole program",
             D.Published, programs.TEXT_TYPES, parameters=(DRY_RUN,), also=frozenset({409})),
    Endpoint("GET", "/v1/key", "read_key", sandbox.read_key, "keys", D.Key),
    Endpoint("GET", "/v1/sandbox/clock", "read_clock", sandbox.read_clock, "sandbox", D.Clock),
)  # fmt: skip

__all__ = ["ENDPOINTS", "Endpoint", "Parameter", "_TextConvertor"]
