"""The order of one member's events, and what becomes of events that are dated ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from laurels.base.instants import parse_instant
from laurels.service.service import Service
from support.service import OWNER, service

PROGRAM = """\
program: shared
zone: Europe/London
currency: GBP
units:
  point: {precision: 1, transferable: true}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {on: purchase, give: {rate: 100%}}
"""


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def day(time: str) -> str:
    return f"2026-03-01T{time}:00Z"


def buy(number: str, member: str, time: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "member": member, "type": "purchase", "amount": "10",
            "occurred_at": day(time)} | more  # fmt: skip


def give(number: str, time: str, points: str = "10") -> dict[str, Any]:
    return {"id": number, "member": "anna", "to": "bert", "type": "transfer", "points": points,
            "occurred_at": day(time)}  # fmt: skip


@asynccontextmanager
async def shop() -> AsyncIterator[Service]:
    """A service at noon, in which anna and bert have ten points each."""
    async with service() as opened:
        await clock(opened, "09:00")
        await opened.publish(OWNER, "shared", PROGRAM)
        await clock(opened, "12:00")
        events = [buy("a", "anna", "10:00"), buy("b", "bert", "10:00")]
        await opened.take(OWNER, "shared", events)
        yield opened


async def clock(opened: Service, time: str) -> None:
    instant = parse_instant(day(time), "UTC", "now")
    async with opened.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO settings VALUES ('sandbox', 'true') ON CONFLICT DO NOTHING"
        )
        await connection.execute(
            "INSERT INTO clock VALUES (true, %s) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
            [instant],
        )


async def points(opened: Service, member: str) -> tuple[int, int]:
    """Active points and debt."""
    found = (await opened.member(OWNER, "shared", member)).balances["point"]
    return int(found.active), int(found.debt)


def test_what_comes_after_an_event_that_is_put_back_waits_behind_it() -> None:
    async def work() -> None:
        async with shop() as one:
            spend = {"id": "s", "member": "anna", "type": "redemption", "points": "10",
                     "occurred_at": day("11:41")}  # fmt: skip
            async with one.pool.connection() as other, other.transaction():
                await other.execute(
                    "SELECT 1 FROM members JOIN people USING (member) WHERE name = 'bert'"
                    " FOR UPDATE OF members"
                )
                sent = asyncio.create_task(
                    one.take(OWNER, "shared", [give("t", "11:40"), spend, buy("z", "zoe", "11:42")])
                )
                later = asyncio.create_task(one.take(OWNER, "shared", [{**spend, "id": "s2"}]))
                while not await known(other, "z"):
                    await asyncio.sleep(0.01)
            statuses = [each.status for each in [*await sent, *await later]]
            assert statuses == ["taken", "refused", "taken", "refused"]
            assert await points(one, "anna") == (0, 0)
            assert await points(one, "bert") == (20, 0)

    run(work())


async def known(connection: Any, name: str) -> bool:
    """Whether an event has been taken."""
    cursor = await connection.execute("SELECT 1 FROM event_ids WHERE id = %s", [name])
    return await cursor.fetchone() is not None
