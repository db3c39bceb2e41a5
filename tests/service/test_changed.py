"""Programs that change while events come in: what was decided before is found again after."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from laurels.base.errors import ProgramError
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
SECOND = """\
  - version: 2
    effective_from: 2026-01-01
    rules:
      base: {on: purchase, give: {rate: 200%}}
"""


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def buy(number: int, member: str, when: str) -> dict[str, Any]:
    return {"id": f"e{number}", "member": member, "type": "purchase", "amount": "10",
            "occurred_at": when}  # fmt: skip


async def set_clock(one: Service, text: str) -> None:
    """Where a test stands in time."""
    at = int(datetime.fromisoformat(text).timestamp()) * 1_000_000
    async with one.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO settings VALUES ('sandbox', 'true') ON CONFLICT DO NOTHING"
        )
        await connection.execute(
            "INSERT INTO clock VALUES (true, %s) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
            [at],
        )


async def points(one: Service, member: str) -> Decimal:
    return (await one.member(OWNER, "shared", member)).balances["point"].active


def test_what_is_taken_while_a_text_is_prepared_is_the_old_versions_and_hinders_nothing() -> None:
    async def work() -> None:
        async with service() as one:
            await set_clock(one, "2026-03-01T09:00:00Z")
            await one.publish(OWNER, "shared", PROGRAM)
            await set_clock(one, "2026-03-01T12:00:00Z")
            assert (await one.publish(OWNER, "shared", PROGRAM + SECOND)).state == "preparing"
            await set_clock(one, "2026-03-01T12:10:00Z")
            await one.take(OWNER, "shared", [buy(1, "anna", "2026-03-01T12:05:00Z")])
            assert await points(one, "anna") == 10
            assert await one.prepare(OWNER, "shared") == []
            await set_clock(one, "2026-03-01T12:20:00Z")
            (answer,) = await one.take(OWNER, "shared", [buy(2, "anna", "2026-03-01T12:15:00Z")])
            assert answer.status == "taken"
            assert await points(one, "anna") == 30, "the first by version 1, the second by 2"

    run(work())


def test_what_is_dated_a_little_ahead_keeps_the_version_that_decided_it() -> None:
    async def work() -> None:
        async with service() as one:
            await set_clock(one, "2026-03-01T12:00:00Z")
            await one.publish(OWNER, "shared", PROGRAM)
            await one.take(OWNER, "shared", [buy(1, "anna", "2026-03-01T12:04:00Z")])
            await one.publish(OWNER, "shared", PROGRAM + SECOND)
            assert await one.prepare(OWNER, "shared") == []
            await set_clock(one, "2026-03-01T12:10:00Z")
            (answer,) = await one.take(OWNER, "shared", [buy(2, "anna", "2026-03-01T12:09:00Z")])
            assert answer.status == "taken"
            assert await points(one, "anna") == 30

    run(work())


def test_no_text_comes_into_force_while_a_batch_runs() -> None:
    async def work() -> None:
        async with service() as one:
            await one.publish(OWNER, "shared", PROGRAM)
            await one.publish(OWNER, "shared", PROGRAM + SECOND)
            async with one.pool.connection() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock_shared(4713, 1)")
                coming = asyncio.create_task(one.prepare(OWNER, "shared"))
                done, _ = await asyncio.wait([coming], timeout=0.3)
                assert not done, "a batch holds the program"
            assert await coming == []

    run(work())


@pytest.mark.parametrize(
    "tightened",
    [
        PROGRAM.replace("{amount: required}", "{amount: required, attributes: "
                        "{shop: {type: text, required: true}, channel: {type: text, "
                        "values: [app]}, size: {type: integer, at_most: 3}}}"),
        PROGRAM + "late: {reject_after: 1 hours}\n",
    ],
    ids=["attributes", "late"],
)  # fmt: skip
def test_a_text_that_asks_more_of_events_still_reads_those_that_were_taken(tightened: str) -> None:
    loose = PROGRAM.replace("{amount: required}", "{amount: required, attributes: "
                            "{channel: {type: text}, size: {type: integer}}}")  # fmt: skip

    async def work() -> None:
        async with service() as one:
            await set_clock(one, "2026-03-01T09:00:00Z")
            await one.publish(OWNER, "shared", loose)
            await set_clock(one, "2026-03-01T12:00:00Z")
            said = {"channel": "web", "size": "5"}
            old = [buy(1, "anna", "2026-03-01T10:30:00Z") | said,
                   buy(2, "bert", "2026-03-01T14:00:00Z") | said]  # fmt: skip
            answers = await one.take(OWNER, "shared", old)
            assert [each.status for each in answers] == ["taken", "parked"]
            await set_clock(one, "2026-03-01T13:00:00Z")
            await one.publish(OWNER, "shared", tightened)
            await one.prepare(OWNER, "shared")
            back = {"id": "r1", "member": "anna", "type": "return", "returns": "e1",
                    "amount": "4", "occurred_at": "2026-03-01T12:59:00Z"}  # fmt: skip
            given = {"id": "a1", "member": "cleo", "type": "adjustment", "direction": "credit",
                     "points": "5", "occurred_at": "2026-03-01T12:59:00Z"}  # fmt: skip
            answers = await one.take(OWNER, "shared", [back, given])
            assert [each.status for each in answers] == ["taken", "taken"]
            assert await points(one, "anna") == 6
            await set_clock(one, "2026-03-01T20:00:00Z")
            await one.advance("shared")
            assert await points(one, "bert") == 10

    run(work())


def test_what_events_say_and_when_they_count_never_changes() -> None:
    async def work() -> None:
        async with service() as one:
            said = "{amount: required, attributes: {size: {type: %s}}}"
            text = PROGRAM.replace("{amount: required}", said % "integer")
            await one.publish(OWNER, "shared", text)
            for other in (
                text.replace(said % "integer", said % "text"),
                text + "late: {policy: when_recorded, tolerance: 1 hours}\n",
            ):
                with pytest.raises(ProgramError, match="never change"):
                    await one.publish(OWNER, "shared", other)

    run(work())
