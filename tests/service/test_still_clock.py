"""A test clock that stands still: what happens at one instant is told apart all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from laurels import load
from laurels.base.instants import parse_instant
from laurels.service.service import Service
from laurels.service.types import Actor
from support.service import OWNER, install, service

MIRED = Path(__file__).parent.parent.parent / "programs/mired-coalition/program.yaml"
SUPPORT = Actor("kim", frozenset({"support"}))


def buy(number: str, amount: str = "1000") -> dict[str, Any]:
    return {"id": number, "member": "anna", "type": "purchase", "partner": "KONDITER44",
            "amount": amount, "occurred_at": "2026-03-01T10:00:00Z"}  # fmt: skip


async def stopped(opened: Service) -> str:
    """A program in a sandbox whose clock was set."""
    name = await install(opened, load(MIRED))
    async with opened.pool.connection() as connection:
        at = parse_instant("2026-03-01T12:00:00Z", "UTC")
        await connection.execute("INSERT INTO clock VALUES (true, %s)", [at])
    return name


def test_everything_that_is_rejected_at_one_instant_is_listed_in_its_order() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await stopped(opened)
            wrong = [buy(str(number), "ten") for number in range(6)]
            for part in (wrong[:1], wrong[1:5], wrong[5:]):
                answers = await opened.take(OWNER, name, part)
                assert {each.status for each in answers} == {"rejected"}
            page = await opened.events(SUPPORT, name, "rejected")
            listed = [str(row["id"]) for row in page.rows]
            assert sorted(listed) == [each["id"] for each in wrong]
            assert [each for each in listed if each in "1234"] == ["1", "2", "3", "4"]

    asyncio.run(work())


def test_staff_who_read_at_one_instant_are_each_written_down() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await stopped(opened)
            await opened.take(OWNER, name, [buy("1")])
            await asyncio.gather(*(opened.member(SUPPORT, name, "anna") for _ in range(12)))
            async with opened.pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT count(*), count(DISTINCT at) FROM audit WHERE actor = 'kim'"
                )
                assert await cursor.fetchone() == (12, 1)

    asyncio.run(work())
