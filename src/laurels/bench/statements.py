"""What the database alone needs: the statements of batches, with their rows made in advance.

Batches are decided once over a copy of the database, and what they send is written down. It is
then sent again to another copy, by as many connections as a server has that decide, with nothing
between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, sql

from laurels.base.outside import ticks
from laurels.bench.place import Place
from laurels.bench.traffic import Traffic
from laurels.service.batch import Batch
from laurels.service.decide import Coming
from laurels.service.lanes import MOST
from laurels.service.programs import Programs
from laurels.service.service import WORKERS, coming_of, identity_key, steady
from laurels.service.types import Actor
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.roles import DATABASE, OWNER_ROLE, SERVICE_ROLE
from laurels.web.api.codec import read_event

BATCHES = 16
Sent = tuple[Any, Any, str | None]
"""A statement, its values, and what was copied."""


class Recording(AsyncConnection[Any]):
    """A connection that writes down what is sent."""

    sent: list[Sent]

    async def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
        """Send a statement, and write it down."""
        self.sent.append((query, params, None))
        return await super().execute(query, params, **more)


class RecordingCursor(AsyncCursor[Any]):
    """A cursor that writes down what is copied."""

    @asynccontextmanager
    async def copy(self, statement: Any, *given: Any, **more: Any) -> AsyncIterator[Any]:
        """Copy, and write it down."""
        async with super().copy(statement, *given, **more) as out:
            lines = Lines(out)
            yield lines
        connection = self.connection
        assert isinstance(connection, Recording)
        connection.sent.append((statement, None, "".join(lines.text)))


@dataclass
class Lines:
    """What is being copied."""

    out: Any
    text: list[str] = field(default_factory=list)

    async def write(self, text: str) -> None:
        """Some more of it."""
        self.text.append(text)
        await self.out.write(text)


async def statements_alone(found: Place, traffic: Traffic, program: str) -> float:
    """Events a second that the database writes of batches that are decided already."""
    names = ["bench_first", "bench_again"]
    with psycopg.connect(found.server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        for name in names:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                    *map(sql.Identifier, (name, OWNER_ROLE, DATABASE))
                )
            )
    first, again = (found.server.url(SERVICE_ROLE, name) for name in names)
    lanes = [await _decide(first, traffic, program, lane) for lane in range(WORKERS)]
    connections = [await psycopg.AsyncConnection.connect(again, autocommit=True) for _ in lanes]
    for each in connections:
        await steady(each)
    for each, lane in zip(connections, lanes, strict=True):
        await _send(each, lane[0])  # prepares
    started = ticks()
    await asyncio.gather(
        *(_send(each, [one for batch in lane[1:] for one in batch])
          for each, lane in zip(connections, lanes, strict=True))
    )  # fmt: skip
    seconds = ticks() - started
    for each in connections:
        await each.close()
    return MOST * sum(len(lane) - 1 for lane in lanes) / seconds


async def _decide(url: str, traffic: Traffic, program: str, lane: int) -> list[list[Sent]]:
    """What the batches of one connection send."""
    connection = await Recording.connect(url, autocommit=True, cursor_factory=RecordingCursor)
    connection.sent = []
    await steady(connection)
    key = await identity_key(connection)
    programs = Programs()
    number = await programs.number(connection, program)
    actor = Actor("bench", sources=("shop",))
    found = []
    for _ in range(BATCHES // WORKERS):
        connection.sent = []
        comings: list[Coming] = []
        while len(comings) < MOST:
            coming = coming_of(actor, read_event(traffic.event()))
            if int(coming.named[-7:]) % WORKERS == lane:  # no lane waits for another's members
                comings.append(coming)
        await Batch(connection, programs, number, key, comings).run()
        found.append(connection.sent)
    await connection.close()
    return found


async def _send(connection: AsyncConnection[Any], batch: list[Sent]) -> None:
    for query, values, copied in batch:
        if copied is None:
            await connection.execute(query, values, prepare=values is not None)
            continue
        async with connection.cursor() as cursor, cursor.copy(query) as out:
            await out.write(copied)
