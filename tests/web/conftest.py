"""A server in the process of the test, on a real PostgreSQL, with a key of each role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

import httpx2
import psycopg
import pytest

from laurels.base.instants import format_instant
from laurels.base.outside import now, random_bytes
from laurels.service.keys import ENTROPY, add_key
from laurels.service.permissions import ROLES
from laurels.service.types import Actor
from laurels.store.roles import SERVICE_ROLE
from laurels.web.api.app import Settings, create_app, open_environment
from laurels.web.api.exchange import Environment
from support.postgres import fresh_database

Result = TypeVar("Result")

PROGRAM = """\
program: shop
zone: Europe/Riga
currency: EUR
units:
  point:
    worth: 0.01
events:
  purchase:
    amount: required
    attributes: {channel: text, gift: flag}
    line: {item: text}
versions:
  - version: 1
    metrics:
      spend: {of: purchase, sum: event.amount, window: {months: 12}, net_of_returns: true}
    ladders:
      club: {period: month, levels: {green: {}, gold: {spend: 500}}}
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    expires: 12 months
    returns: proportional
    holds: {lapse_after: 7 days}
"""


LATELY = format_instant(now() - 3_600_000_000)
"""An hour ago: nothing that is earned then has expired."""
LATER = format_instant(now() - 1_800_000_000)
"""Half an hour ago."""
NOW = format_instant(now())


@dataclass
class Server:
    """A running application, and keys to it."""

    loop: asyncio.AbstractEventLoop
    environment: Environment
    http: httpx2.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    def run(self, doing: Awaitable[Result]) -> Result:
        return self.loop.run_until_complete(doing)  # type: ignore[arg-type]

    def ask(self, method: str, path: str, role: str = "owner", **more: Any) -> httpx2.Response:
        """A request with the key of a role; a path that begins with a name is of the program."""
        if not path.startswith("/"):
            path = f"/v1/programs/shop/{path}"
        headers = dict(more.pop("headers", {}))
        if role:
            headers.setdefault("Authorization", f"Bearer {self.keys[role]}")
        return self.run(self.http.request(method, path, headers=headers, **more))

    def key(self, role: str, *, programs: Sequence[str] = (), sources: Sequence[str] = ()) -> str:
        async def adding() -> str:
            async with self.environment.service.pool.connection() as connection:
                return await add_key(
                    connection, self.environment.keys.prefix, label="test", role=role,
                    programs=tuple(programs), sources=tuple(sources), by="test", now=now(),
                    entropy=random_bytes(ENTROPY),
                )  # fmt: skip

        return self.run(adding())


@contextmanager
def serving(
    name: Literal["live", "sandbox"], settings: Settings = Settings(), program: str = PROGRAM,
    limit: Decimal | None = None,
) -> Iterator[Server]:  # fmt: skip
    database = fresh_database(role=SERVICE_ROLE)
    if name == "sandbox":
        with psycopg.connect(database) as connection:
            connection.execute("INSERT INTO settings (key, value) VALUES ('sandbox', 'true')")
    loop = asyncio.new_event_loop()

    @asynccontextmanager
    async def opening() -> AsyncIterator[list[Environment]]:
        async with open_environment(name, database, limit=limit) as environment:
            opened.append(environment)
            yield [environment]

    opened: list[Environment] = []
    app = create_app(opening, settings)
    started, stop = asyncio.Event(), asyncio.Event()
    life = loop.create_task(lifespan(app, started, stop))
    loop.run_until_complete(started.wait())
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server")
    server = Server(loop, opened[0], http)
    for role in ROLES:
        server.keys[role] = server.key(role, sources=["till-7"] if role == "till" else [])
    service = opened[0].service
    server.run(service.publish(Actor("test"), "shop", program))
    try:
        yield server
    finally:
        stop.set()
        loop.run_until_complete(life)
        loop.run_until_complete(http.aclose())
        loop.close()


async def lifespan(app: Any, started: asyncio.Event, stop: asyncio.Event) -> None:
    """What a server does with an application: starts it, and stops it."""
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})

    async def send(message: dict[str, Any]) -> None:
        if message["type"].endswith("failed"):
            raise AssertionError(message["message"])
        if message["type"] == "lifespan.startup.complete":
            started.set()

    running = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, messages.get, send))
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        started.set()
    waiting.cancel()
    messages.put_nowait({"type": "lifespan.shutdown"})
    await running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A live server with the program `shop`, for the tests of a module."""
    with serving("live") as found:
        yield found
