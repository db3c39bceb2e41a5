"""The order of one member's events, and what becomes of events that are dated ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from laurels.base.errors import Fault, Unavailable
from laurels.base.instants import parse_instant
from laurels.service import lanes
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


def test_a_transfer_that_was_parked_gives_when_its_time_comes_and_keeps_no_name() -> None:
    async def work() -> None:
        async with shop() as one:
            (sent,) = await one.take(OWNER, "shared", [give("t", "12:10", "3")])
            (again,) = await one.take(OWNER, "shared", [give("t", "12:10", "3")])
            assert (sent.status, again.status, again.first) == ("parked", "duplicate", "parked")
            assert await bodies(one, "parked") == 0
            await clock(one, "12:30")
            assert await points(one, "anna") == (7, 0), "a read sees it before it is written"
            assert await one.advance("shared") > 0
            assert await points(one, "anna") == (7, 0)
            assert await points(one, "bert") == (13, 0)
            assert await bodies(one, "events") == 0

    run(work())


async def bodies(opened: Service, table: str) -> int:
    """How many rows of a table name bert."""
    async with opened.pool.connection() as connection:
        cursor = await connection.execute(
            f"SELECT count(*) FROM {table} WHERE body LIKE '%bert%'".encode()
        )
        ((count,),) = await cursor.fetchall()
        return int(count)


def test_a_parked_transfer_waits_for_a_receiver_that_is_not_free() -> None:
    async def work() -> None:
        async with shop() as one:
            await one.take(OWNER, "shared", [give("t", "12:10")])
            await clock(one, "12:30")
            async with one.pool.connection() as other, other.transaction():
                await other.execute(
                    "SELECT 1 FROM members JOIN people USING (member) WHERE name = 'bert'"
                    " FOR UPDATE OF members"
                )
                assert await one.advance("shared") == 0
            await one.advance("shared")
            assert await points(one, "anna") == (0, 0)
            assert await points(one, "bert") == (20, 0)

    run(work())


def test_a_parked_event_that_comes_due_after_a_later_one_is_read_as_it_will_be_written() -> None:
    async def work() -> None:
        async with shop() as one:
            await one.take(OWNER, "shared", [buy("1", "anna", "12:06")])
            await clock(one, "12:05")
            (near,) = await one.take(OWNER, "shared", [buy("2", "anna", "12:08")])
            assert near.status == "taken"
            await clock(one, "12:07")
            assert await points(one, "anna") == (30, 0)
            await clock(one, "12:09")
            await one.advance("shared")
            assert await points(one, "anna") == (30, 0)

    run(work())


def test_a_parked_return_is_read_as_it_will_be_written() -> None:
    async def work() -> None:
        async with shop() as one:
            back = {"id": "r", "member": "anna", "type": "return", "returns": "a", "amount": "4",
                    "occurred_at": day("12:20")}  # fmt: skip
            await one.take(OWNER, "shared", [back])
            await clock(one, "12:30")
            assert await points(one, "anna") == (6, 0)
            await one.advance("shared")
            assert await points(one, "anna") == (6, 0)

    run(work())


def test_a_parked_event_of_a_closed_member_is_rejected_and_its_identity_stays_known() -> None:
    async def work() -> None:
        async with shop() as one:
            late = buy("1", "anna", "12:20")
            await one.take(OWNER, "shared", [late])
            await one.close(OWNER, "shared", "anna")
            await clock(one, "12:30")
            before = await points(one, "anna")
            await one.advance("shared")
            assert await points(one, "anna") == before
            assert (await one.event(OWNER, "shared", "", "1")).status == "rejected"
            page = await one.events(OWNER, "shared", "rejected")
            assert [(row["id"], row["code"]) for row in page.rows] == [("1", "member-closed")]
            (again,) = await one.take(OWNER, "shared", [late])
            assert (again.status, again.first) == ("duplicate", "rejected")
            assert not (await one.events(OWNER, "shared", "parked")).rows

    run(work())


async def spoil(opened: Service, member: str) -> None:
    """Make what is saved of a member unreadable."""
    async with opened.pool.connection() as connection:
        await connection.execute(
            "UPDATE members SET state = decode('c1', 'hex') FROM people"
            " WHERE people.member = members.member AND name = %s",
            [member],
        )


def test_a_member_whose_state_is_spoilt_fails_alone_and_the_failure_is_told_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        async with shop() as one:
            await spoil(one, "anna")
            events = [buy("1", "anna", "11:00"), buy("2", "bert", "11:00")]
            bad, good = await one.take(OWNER, "shared", events)
            assert (bad.status, bad.error and bad.error.code) == ("retry-later", "fault")
            assert good.status == "taken"
            with pytest.raises(Fault):
                await one.take(OWNER, "shared", [buy("1", "anna", "11:00")])
            assert len(caplog.records) == 2

    run(work())


def test_a_member_whose_state_is_spoilt_does_not_stop_time_for_the_others() -> None:
    async def work() -> None:
        async with shop() as one:
            await one.take(
                OWNER, "shared", [buy(name, name, "12:20") for name in ("anna", "bert", "zoe")]
            )
            await clock(one, "12:30")
            await spoil(one, "anna")
            await one.advance("shared")
            assert (await one.event(OWNER, "shared", "", "bert")).status == "taken"
            assert (await one.event(OWNER, "shared", "", "zoe")).status == "taken"
            async with one.pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT detail FROM audit WHERE action = 'advance_failed'"
                )
                assert await cursor.fetchall() == [("fault",)]

    run(work())


def test_who_waits_for_a_member_is_told_when_the_service_stops_and_no_more_wait_than_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        async with shop() as one:
            monkeypatch.setattr(lanes, "WAITING_MOST", 2)
            async with one.pool.connection() as other, other.transaction():
                await other.execute(
                    "SELECT 1 FROM members JOIN people USING (member) WHERE name = 'anna'"
                    " FOR UPDATE OF members"
                )
                calls = [
                    asyncio.create_task(one.take(OWNER, "shared", [buy(str(n), "anna", "11:00")]))
                    for n in range(40)
                ]
                await asyncio.sleep(0.2)
                two = await Service.open(one.pool.conninfo)
                held = asyncio.create_task(two.take(OWNER, "shared", [buy("x", "anna", "11:00")]))
                await asyncio.sleep(0.1)
                await two.stop()
                with pytest.raises(Unavailable, match="stopping"):
                    await held
            found = await asyncio.gather(*calls, return_exceptions=True)
            codes = {each.code if isinstance(each, Unavailable) else "taken" for each in found}
            assert codes == {"taken", "service-overloaded"}

    run(work())
