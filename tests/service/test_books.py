"""The books of a service: its daily roll-up, months that are closed, what must agree."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

from laurels.base.instants import parse_instant
from laurels.ledger.accounts import ACCOUNTS
from laurels.service import jobs as J
from laurels.service.ledger_days import DAY
from laurels.service.merge import Merging
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.testing import throwaway_database
from support.verified import verified

OWNER = Actor("owner", frozenset({"owner"}))
PROGRAM = """\
program: shop
zone: Asia/Almaty
currency: EUR
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {title: A point for each euro, on: purchase, give: {points: 1, per: 1}}
    expires: 20 days
    returns: as_if_never_bought
"""


def at(text: str) -> int:
    return parse_instant(text, "UTC", "at")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@asynccontextmanager
async def shop() -> AsyncIterator[tuple[str, Service]]:
    """A sandbox on the first of January 2026."""
    database = throwaway_database("sandbox")
    async with await Service.open(database.service) as service:
        await set_clock(service, "2026-01-01T00:00:00Z")
        await service.publish(OWNER, "shop", PROGRAM)
        yield database.owner, service


async def set_clock(service: Service, to: str) -> None:
    """Nobody is brought along, as `move_clock` would."""
    async with service.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO clock VALUES (true, %s) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
            [at(to)],
        )


def bought(identity: str, member: str, when: str, amount: str = "10.00") -> dict[str, Any]:
    return {"id": identity, "member": member, "type": "purchase", "amount": amount,
            "occurred_at": when}  # fmt: skip


async def plain_sums(service: Service, until: int | None) -> dict[tuple[str, str], tuple[int, int]]:
    """The totals, from all postings, one after the other."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    async with service.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT unit, debit, credit, points, posted_at FROM postings"
        )
        for unit, debit, credit, points, posted in await cursor.fetchall():
            if until is None or posted < until:
                for account, moved in ((debit, -points), (credit, points)):
                    key = unit, ACCOUNTS[account]
                    steps, count = found.get(key, (0, 0))
                    found[key] = steps + moved, count + 1
    return found


async def told(service: Service, until: int | None) -> dict[tuple[str, str], tuple[int, int]]:
    rows = await service.ledger(OWNER, "shop", at=until)
    return {(str(each["unit"]), str(each["account"])): (int(str(each["points"])),
            int(str(each["postings"]))) for each in rows}  # fmt: skip


def test_the_ledger_is_the_sum_of_the_postings_at_any_instant_however_much_is_rolled_up() -> None:
    async def work() -> None:
        chance = random.Random(4)
        async with shop() as (_, service):
            await set_clock(service, "2026-03-01T00:00:00Z")
            asked: list[int | None] = [None]
            for turn in range(6):
                events = []
                for n in range(12):
                    day, hour = chance.randrange(1, 29), chance.randrange(24)
                    when = f"2026-{chance.choice(('01', '02'))}-{day:02}T{hour:02}:00:00Z"
                    events.append(bought(f"{turn}-{n}", f"m{chance.randrange(5)}", when)
                                  | {"recorded_at": when})  # fmt: skip
                    asked += [at(when), at(when) + 1, at(when) // DAY * DAY]
                await service.take(OWNER, "shop", events)
                if turn in (1, 2, 4):
                    assert (await service.roll_up("shop") > 0) == (turn != 99)
                if turn == 3:
                    await service.advance("shop")
                for until in asked[:: 1 + len(asked) // 15]:
                    assert await told(service, until) == await plain_sums(service, until)
            assert await service.roll_up("shop") > 0
            assert (await service.reconcile("shop"))["differences"] == 0
            for until in asked[::5]:
                assert await told(service, until) == await plain_sums(service, until)

    run(work())


def test_a_roll_up_that_is_wrong_is_found_and_summed_again_and_a_wrong_state_is_found() -> None:
    async def work() -> None:
        async with shop() as (_, service):
            await set_clock(service, "2026-01-05T00:00:00Z")
            await service.take(OWNER, "shop", [bought("e1", "anna", "2026-01-03T00:00:00Z")])
            await service.roll_up("shop")
            async with service.pool.connection() as connection:
                await connection.execute("UPDATE ledger_days SET points = points + 1")
            found = await J.reconcile(service, date(2026, 1, 5))
            assert (found["differences"], found["shop"]["days_wrong"]) == (1, 1)
            assert await J.reconcile(service, date(2026, 1, 5)) == {
                "differences": 0, "shop": {"members": 1, "differences": 0, "members_wrong": 0,
                                           "wrong": [], "days_wrong": 0},
            }  # fmt: skip
            assert await told(service, None) == await plain_sums(service, None)
            await service.take(OWNER, "shop", [bought("e2", "bea", "2026-01-03T00:00:00Z", "7")])
            async with service.pool.connection() as connection:
                await connection.execute(
                    "UPDATE members SET state = (SELECT o.state FROM members o"
                    " WHERE o.member <> members.member)"
                )
            found = await J.reconcile(service, date(2026, 1, 5))
            assert found["shop"]["members_wrong"] == 2
            assert service.differences == {"shop": 2}

    run(work())


def test_members_that_became_one_are_counted_with_the_one_who_stays() -> None:
    async def work() -> None:
        async with shop() as (_, service):
            await set_clock(service, "2026-01-05T00:00:00Z")
            names = ("anna", "bea", "clara")
            for name in names:
                await service.take(OWNER, "shop", [bought(name, name, "2026-01-03T00:00:00Z")])
            for number, (stays, goes) in enumerate((("bea", "clara"), ("anna", "bea"))):
                asked = Merging(stays, goes, "crm", f"m{number}")
                await service.merge(OWNER, "shop", asked)
            await service.take(OWNER, "shop", [bought("e", "clara", "2026-01-04T00:00:00Z")])
            assert (await service.reconcile("shop"))["differences"] == 0
            assert (await told(service, None))["point", "member:active"][0] == 40

    run(work())


def active(rows: list[dict[str, Any]]) -> int:
    return sum(int(each["points"]) for each in rows if each["account"] == "member:active")


def test_a_closed_month_stays_and_what_comes_later_is_in_the_next_one() -> None:
    async def work() -> None:
        async with shop() as (_, service):
            await set_clock(service, "2026-02-10T00:00:00Z")
            first = bought("e1", "anna", "2026-01-28T00:00:00Z")
            await service.take(OWNER, "shop", [first | {"recorded_at": first["occurred_at"]}])
            assert (await J.close_month(service, date(2026, 2, 10)))["shop"]["closed"] == [
                "2026-01"
            ]
            assert (await J.close_month(service, date(2026, 2, 10)))["shop"]["closed"] == []
            late = bought("e2", "bea", "2026-01-30T00:00:00Z", "5.00")
            await service.take(OWNER, "shop", [late | {"recorded_at": late["occurred_at"]}])
            (january,) = await service.closings(OWNER, "shop")
            assert (active(january["totals"]), active(january["since"])) == (10, 5)

            await set_clock(service, "2026-04-02T00:00:00Z")
            found = await J.close_month(service, date(2026, 4, 2))
            assert found["shop"] == {"due": 2, "closed": ["2026-02", "2026-03"]}
            march, february, january = await service.closings(OWNER, "shop")
            assert active(january["totals"]) == 10, "it is frozen"
            assert active(february["late"]) == 5, "it came after January was closed"
            assert active(february["totals"]) == 0, "all of it has ended since"
            assert (march["month"], march["late"], march["since"]) == ("2026-03", [], [])
            # a month is that of the program's zone, five hours ahead of UTC
            assert march["until"] == at("2026-03-31T19:00:00Z")

    run(work())


def test_a_month_that_is_not_over_is_not_closed() -> None:
    async def work() -> None:
        async with shop() as (_, service):
            await set_clock(service, "2026-01-31T18:59:59Z")
            assert await service.close_months("shop", "2026-01") == []
            await set_clock(service, "2026-01-31T19:00:00Z")
            assert await service.close_months("shop", "2026-01") == ["2026-01"]

    run(work())


def test_a_member_is_told_once_for_each_end_and_notice_even_for_a_past_date() -> None:
    async def work() -> None:
        async with shop() as (_, service):
            await set_clock(service, "2026-01-10T08:00:00Z")
            # they end on 30 January: within 30 days at once, within 7 from the 23rd on
            for number, when in enumerate(("2026-01-10T07:00:00Z", "2026-01-10T07:30:00Z")):
                await service.take(OWNER, "shop", [bought(f"e{number}", "anna", when)])
            told = await J.remind(service, date(2026, 1, 10))
            assert told == {"shop": 1}
            assert await J.remind(service, date(2026, 1, 10)) == {"shop": 0}
            assert await J.remind(service, date(2026, 1, 9)) == {"shop": 0}
            await set_clock(service, "2026-01-26T08:00:00Z")
            assert await J.remind(service, date(2026, 1, 20)) == {"shop": 0}
            assert await J.remind(service, date(2026, 1, 26)) == {"shop": 1}
            assert await J.remind(service, date(2026, 1, 10)) == {"shop": 0}
            # life goes on after it, and what has ended is not told of
            (answer,) = await service.take(
                OWNER, "shop", [bought("e3", "anna", "2026-01-26T07:00:00Z")]
            )
            assert answer.status == "taken"
            await set_clock(service, "2026-02-26T08:00:00Z")
            assert await J.remind(service, date(2026, 1, 28)) == {"shop": 0}
            rows = (await service.feed(OWNER, "shop")).rows
            said = [each for each in rows if each["kind"] == "points.expiring"]
            assert [(each["member"], str(each["expiring"]["points"]), each["expiring"]["days"])
                    for each in said] == [("anna", "20", 30), ("anna", "20", 7)]  # fmt: skip
            assert said[0]["expiring"]["expires_at"].startswith("2026-01-3")
            assert [each["sequence"] for each in rows] == sorted(
                {each["sequence"] for each in rows}
            ), "in the member's own order, none twice"
            assert (await service.reconcile("shop"))["differences"] == 0
            assert (await verified(service)).differences == [], "a reminder's place is taken by it"

    run(work())
