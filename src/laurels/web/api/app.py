"""The application: routes behind the shell, opened and closed with the server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from laurels.base.errors import LaurelsError
from laurels.base.outside import now, random_bytes
from laurels.service.keys import LIVE, SANDBOX, KeyRing, secret
from laurels.service.service import Service
from laurels.service.webhooks.commands import Hooks
from laurels.web.api.cursors import Cursors
from laurels.web.api.exchange import Environment
from laurels.web.api.limits import Limiter, Rate
from laurels.web.api.logs import Log
from laurels.web.api.metrics import Metrics
from laurels.web.api.operations import Operations
from laurels.web.api.problems import FAULT, Trouble, problem_of, render
from laurels.web.api.reference import reference_routes
from laurels.web.api.shell import Shell, not_allowed

Opening = Callable[[], AbstractAsyncContextManager[Sequence[Environment]]]
"""Opens the environments when the server starts, and closes them when it stops."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server may set.

    rate  how much one key may send, in one process
    """

    rate: Rate = field(default_factory=Rate)


@asynccontextmanager
async def open_environment(
    name: Literal["live", "sandbox"],
    conninfo: str,
    *,
    pool_size: int = 4,
    limit: Decimal | None = None,
) -> AsyncIterator[Environment]:
    """Open a migrated database for HTTP, and close it in the end."""
    async with await Service.open(conninfo, pool_size=pool_size, limit=limit) as service:
        async with service.pool.connection() as connection:
            signing = await secret(connection, "cursor-secret", random_bytes(32))
        keys = KeyRing(service.pool, SANDBOX if name == "sandbox" else LIVE)
        hooks = Hooks(service.pool, now, random_bytes)
        yield Environment(name, service, keys, Cursors(signing), hooks)


def create_app(opening: Opening, settings: Settings = Settings()) -> ASGIApp:
    """An ASGI application that serves the environments that `opening` opens."""
    environments: dict[str, Environment] = {}
    metrics = Metrics()
    operations = Operations(environments, metrics)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with opening() as opened:
            environments.update({each.keys.prefix: each for each in opened})
            try:
                yield
            finally:
                environments.clear()

    app = Starlette(
        routes=[*operations.routes(), *reference_routes()],
        lifespan=lifespan,
        exception_handlers={
            LaurelsError: _on_error,
            HTTPException: _on_http,
            Exception: _on_fault,
        },
    )
    app.router.redirect_slashes = False
    return Shell(app, environments, Limiter(settings.rate), metrics, Log(sys.stderr))


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, LaurelsError)
    return render(problem_of(error), request.scope["state"]["request_id"])


async def _on_http(request: Request, error: Exception) -> Response:
    """No such route, or not with this method: the only ones that Starlette raises here."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET").split(", ")
        trouble = not_allowed(request.method, allowed)
    else:
        trouble = Trouble("route-unknown", "there is nothing here", hint="see /docs")
    return render(problem_of(trouble), request.scope["state"]["request_id"])


async def _on_fault(request: Request, error: Exception) -> Response:
    del error  # the shell writes it down
    return render(FAULT, request.scope["state"]["request_id"])
