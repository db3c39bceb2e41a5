"""A member's book as stories open it, kept by the service on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from laurels import Compiled, load
from laurels.ledger.postings import Posting
from laurels.service.desk import Desk
from laurels.service.reading import find_member, open_desk, snapshot
from laurels.service.service import Service
from support.service import OWNER, install, postings

COUNT = itertools.count(1)


@cache
def program_of(path: Path) -> Compiled:
    """A program is compiled once for all of its stories."""
    return load(path)


class ToldBook:
    """What a story needs of a book. Every word goes through the database."""

    def __init__(self, loop: asyncio.AbstractEventLoop, opened: Service, path: Path, member: str):
        self._run = loop.run_until_complete
        self._service = opened
        self._member = member
        self._seen = 0
        self._book: Any = None
        name = f"story-{next(COUNT)}"
        self._program: str = self._run(install(opened, program_of(path.resolve()), name=name))

    def advance(self, until: int) -> list[Posting]:
        """Time passes; what was posted."""
        return self._run(self._advance(until))

    def take(self, event: dict[str, Any]) -> Any:
        """Take an event at the present time of the test clock."""
        return self._run(self._take(event))

    async def _advance(self, until: int) -> list[Posting]:
        async with self._service.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO clock VALUES (true, %s)"
                " ON CONFLICT (one) DO UPDATE SET at = excluded.at",
                [until],
            )
        self._book = None
        moved = await self._service.advance(self._program, until)
        return await self._news() if moved else []

    async def _news(self) -> list[Posting]:
        every = await postings(self._service, self._program)
        found = every[self._seen :]
        self._seen = len(every)
        return found

    async def _take(self, event: dict[str, Any]) -> Any:
        self._book = None
        if event.get("type") == "transfer":
            await self._enrol(event)
        (answer,) = await self._service.take(OWNER, self._program, [event])
        if answer.error is not None:
            raise answer.error
        if answer.status == "duplicate":
            return replace(answer, postings=())
        self._seen += len(answer.postings)
        return answer

    async def _enrol(self, transfer: dict[str, Any]) -> None:
        """Who is given points is a member: a story tells of the giver alone."""
        known = {**transfer, "id": f"known-{transfer['id']}", "type": "member",
                 "member": transfer["to"]}  # fmt: skip
        for name in ("to", "points", "unit"):
            known.pop(name, None)
        (answer,) = await self._service.take(OWNER, self._program, [known])
        assert answer.error is None, answer.error

    async def _desk(self) -> Desk:
        opened = self._service
        async with opened.pool.connection() as connection, snapshot(connection):
            running = await opened._running(connection, self._program)
            member = await find_member(connection, running.number, opened._key, self._member)
            return await open_desk(connection, running, member, await opened._clock(connection))

    def __getattr__(self, name: str) -> Any:
        if self._book is None:
            self._book = self._run(self._desk()).book
        return getattr(self._book, name)
