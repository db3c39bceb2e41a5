"""The service on a database of its own, and what of it can be compared with a book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from laurels import Compiled
from laurels.base.errors import RequestError
from laurels.engine.door import Door
from laurels.engine.packed import layout
from laurels.ledger.postings import Posting
from laurels.service.batch import called, names_of
from laurels.service.ledger_rows import Row, posting_of
from laurels.service.programs import Running
from laurels.service.service import Service
from laurels.service.types import Actor
from support.postgres import fresh_database

OWNER = Actor("owner")
TILL = Actor("till-7", frozenset({"till"}), ("shop-1",))


@asynccontextmanager
async def service() -> AsyncIterator[Service]:
    """A service on a fresh database."""
    async with await Service.open(fresh_database()) as opened:
        yield opened


async def install(opened: Service, program: Compiled, epoch: int = 1, name: str = "") -> str:
    """Put a compiled program in force without linting it: generated ones are odd. Its name."""
    name = name or program.name
    async with opened.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO programs SELECT 1 + coalesce(max(program), 0), %s FROM programs"
            " ON CONFLICT (name) DO NOTHING",
            [name],
        )
        number = await opened.programs.number(connection, name)
        await connection.execute(
            "INSERT INTO program_texts (program, epoch, body, state, layout, published_at,"
            " published_by, in_force_at) VALUES (%s, %s, '', 'ready', '', 0, 'test', 0)",
            [number, epoch],
        )
    columns = program.slots.columns
    budgets = [columns[f"E_BUDGET_{cap.index}"] for cap in program.program.caps if cap.budget]
    opened.programs._running[number, epoch] = Running(
        number, epoch, program, Door(program), layout(program), "", 0, budgets
    )
    return name


async def postings(opened: Service, program: str) -> list[Posting]:
    """Everything that was posted, in the order in which it was."""
    async with opened.pool.connection() as connection:
        running = await opened._running(connection, program)
        cursor = await connection.execute(
            "SELECT p.* FROM postings p JOIN members m USING (member) WHERE m.program = %s"
            " ORDER BY p.member, sequence, number",
            [running.number],
        )
        rows = [Row(*each) for each in await cursor.fetchall()]
        names = await names_of(connection, rows)
        members = await called(connection, {row.member for row in rows})
    return [
        posting_of(running, row, members[row.member], names.get(row.member, {})) for row in rows
    ]


def in_order(program: Compiled, raws: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as they are recorded: each with the time at which it was, the bad ones left out."""
    door = Door(program)
    found = []
    for raw in raws:
        raw = msgspec.json.decode(msgspec.json.encode(raw))
        raw.setdefault("recorded_at", raw["occurred_at"])
        try:
            event = door.read(raw)
        except RequestError:
            continue
        found.append(((max(event.acts, event.recorded), event.place), len(found), raw))
    return [raw for _, _, raw in sorted(found, key=lambda each: each[:2])]
