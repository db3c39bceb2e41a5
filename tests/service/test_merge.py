"""Two members turn out to be one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from laurels import load
from laurels.base.errors import RequestError
from laurels.base.instants import format_instant, parse_instant
from laurels.replay.run import replay
from laurels.service.merge import Merging
from laurels.service.prepare import differing
from laurels.service.service import Service
from support.service import OWNER, TILL, install, postings, service
from support.verified import verified

RETAIL = load(Path(__file__).parent.parent.parent / "programs/retail-starter/program.yaml")
MERGE = Merging("anna", "bella", "crm", "m-1")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def buy(number: str, member: str, amount: str = "100", at: str = "2026-11-01T10:00:00Z") -> Any:
    return {"id": number, "member": member, "type": "purchase", "amount": amount,
            "occurred_at": at}  # fmt: skip


async def two(opened: Service) -> str:
    """anna with 100 points, bella with 200 and a phone."""
    name = await install(opened, RETAIL)
    await opened.take(TILL, name, [buy("a1", "anna"), buy("b1", "bella", "200")])
    await opened.put_member(OWNER, name, "bella", {
        "id": "k1", "occurred_at": "2026-11-01T11:00:00Z", "identities": {"phone": "+4420"},
        "attributes": {"born": "1990-05-17"},
    })  # fmt: skip
    return name


async def active(opened: Service, name: str, member: str = "anna") -> Decimal:
    return (await opened.member(OWNER, name, member)).balances["point"].active


def test_every_name_leads_to_the_one_who_stays_and_nothing_is_lost() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            done = await opened.merge(OWNER, name, MERGE)
            assert (done.member, done.absorbed, done.repeated) == ("anna", "bella", False)
            assert (await opened.merge(OWNER, name, MERGE)).repeated
            for each in ("anna", "bella", "phone:+4420"):
                seen = await opened.member(OWNER, name, each)
                assert (seen.member, seen.balances["point"].active) == ("anna", 300)
            assert seen.attributes == {"born": "1990-05-17"}
            (late,) = await opened.take(TILL, name, [buy("2", "phone:+4420", "50")])
            assert late.balances["point"].active == 350
            (again,) = await opened.take(TILL, name, [buy("b1", "bella", "200")])
            assert (again.status, again.first) == ("duplicate", "taken")
            totals = {each["account"]: each["points"] for each in await opened.ledger(OWNER, name)}
            assert totals["member:active"] == 350

    run(work())


def test_a_merge_is_refused_where_it_makes_no_sense() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            await opened.take(TILL, name, [buy("c1", "clara")])
            for asked, code in (
                (Merging("anna", "nobody", "crm", "m"), "member-unknown"),
                (Merging("bella", "phone:+4420", "crm", "m"), "merge-same"),
                (Merging("anna", "bella", "shop-1", "a1"), "event-id-conflict"),
            ):
                with pytest.raises(RequestError) as caught:
                    await opened.merge(OWNER, name, asked)
                assert caught.value.code == code
            await opened.close(OWNER, name, "clara")
            with pytest.raises(RequestError, match="closed"):
                await opened.merge(OWNER, name, Merging("anna", "clara", "crm", "m"))
            (made_up,) = await opened.take(OWNER, name, [
                {**buy("x", "anna"), "type": "merged", "absorbed": "bella"}
            ])  # fmt: skip
            assert made_up.error is not None
            assert made_up.error.code == "event-type-reserved"

    run(work())


def test_a_return_of_what_the_other_bought_takes_back_what_it_gave() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            await opened.merge(OWNER, name, MERGE)
            back = {"id": "r", "type": "return", "returns": "b1", "member": "anna",
                    "amount": "50", "occurred_at": "2026-11-03T10:00:00Z"}  # fmt: skip
            (taken,) = await opened.take(TILL, name, [back])
            assert (taken.status, taken.balances["point"].active) == ("taken", 250)
            (second,) = await opened.take(TILL, name, [{**back, "id": "r2", "amount": "30"}])
            assert second.balances["point"].active == 220
            undo = {"id": "w", "type": "withdrawn", "withdraws": "r", "member": "anna",
                    "source": "shop-1", "occurred_at": "2026-11-03T10:00:00Z"}  # fmt: skip
            (undone,) = await opened.take(OWNER, name, [undo])
            assert undone.balances["point"].active == 270
            (gone,) = await opened.take(OWNER, name, [{**undo, "id": "w2", "withdraws": "b1"}])
            assert gone.balances["point"].active == 100
            assert {each.member for each in gone.postings} == {"bella"}
            await proved(opened, name)

    run(work())


def test_what_is_learned_late_is_folded_across_the_merge() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            await opened.merge(OWNER, name, MERGE)
            (late,) = await opened.take(
                TILL, name, [buy("a0", "anna", "30", at="2026-10-31T10:00:00Z")]
            )
            assert (late.status, late.balances["point"].active) == ("taken", 330)
            then = await opened.member(
                OWNER, name, "anna", at=parse_instant("2026-11-01T12:00:00Z", "UTC")
            )
            assert then.balances["point"].active == 130
            await proved(opened, name)
            newest = (await opened.postings(OWNER, name, "anna")).rows[0]
            assert (await opened.explanation(OWNER, name, "anna", str(newest["id"]))).posting

    run(work())


def test_holds_of_both_are_captured_by_their_names() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            moment = await opened.now() - 60_000_000
            lately, later = format_instant(moment), format_instant(moment + 1)
            for member in ("anna", "bella"):
                hold = {"id": f"h-{member}", "type": "hold", "member": member, "points": "100",
                        "occurred_at": lately}  # fmt: skip
                await opened.take(TILL, name, [hold])
            await opened.merge(OWNER, name, MERGE)
            state = await opened.hold_state(OWNER, name, "anna", "h-bella")
            assert (state["state"], state["held"]) == ("open", 100)
            for member in ("bella", "anna"):
                capture = {"id": f"c-{member}", "type": "capture", "hold": f"h-{member}",
                           "member": "anna", "occurred_at": later}  # fmt: skip
                (taken,) = await opened.take(TILL, name, [capture])
                assert taken.points == 100
            assert taken.balances["point"].held == 0
            assert await active(opened, name) == 100
            await proved(opened, name)

    run(work())


def test_the_books_of_a_chain_of_merges_are_proved_by_a_replay() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            await opened.take(TILL, name, [buy("c1", "clara", "400")])
            await opened.merge(OWNER, name, Merging("bella", "clara", "crm", "m-0"))
            await opened.merge(OWNER, name, MERGE)
            back = {"id": "r", "type": "return", "returns": "c1", "member": "clara",
                    "amount": "100", "occurred_at": "2026-11-03T10:00:00Z"}  # fmt: skip
            await opened.take(TILL, name, [back, buy("a2", "bella", "60")])
            assert await active(opened, name) == 660
            await proved(opened, name)

    run(work())


async def proved(opened: Service, name: str) -> None:
    """Every balance is what a fold says, and every posting what a replay as recorded posts."""
    async with opened.pool.connection() as connection:
        running = await opened._running(connection, name)
        assert await differing(connection, running) == {}
        cursor = await connection.execute(
            "SELECT e.source, e.id, e.type, e.occurred_at, e.recorded_at, e.body, p.name,"
            " o.name FROM events e JOIN people p USING (member)"
            " LEFT JOIN merges m ON m.member = e.member AND m.at = e.occurred_at"
            " AND e.type = 'merged' LEFT JOIN people o ON o.member = m.absorbed"
        )
        told = [as_told(*row) for row in await cursor.fetchall()]
    assert (await verified(opened)).differences == []
    assert sorted(await postings(opened, name), key=str) == sorted(again(told), key=str)


def as_told(
    source: str, identity: str, kind: str, occurred: int, recorded: int, body: str, member: str,
    absorbed: str | None,
) -> dict[str, Any]:  # fmt: skip
    """An event as an export has it."""
    import msgspec

    from laurels.base.instants import format_instant

    said = {} if kind == "merged" else msgspec.json.decode(body)
    return {**said, "source": source, "id": identity, "type": kind, "member": member,
            "occurred_at": format_instant(occurred), "recorded_at": format_instant(recorded),
            **({"absorbed": absorbed} if absorbed else {})}  # fmt: skip


def again(told: list[dict[str, Any]]) -> list[Any]:
    """What a replay as recorded posts."""
    found: list[Any] = []
    result = replay(RETAIL, told, as_recorded=True, sink=lambda _, posted: found.extend(posted))
    assert result.rejected == []
    return found


def test_an_erased_member_is_forgotten_under_every_name() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)
            await opened.merge(OWNER, name, MERGE)
            assert await opened.erase(OWNER, name, "anna") == "erased"
            for each in ("anna", "bella", "phone:+4420"):
                with pytest.raises(RequestError, match="no such member"):
                    await opened.member(OWNER, name, each)
            async with opened.pool.connection() as connection:
                for table in ("people", "identities"):
                    cursor = await connection.execute(f"SELECT count(*) FROM {table}".encode())
                    assert await cursor.fetchone() == (0,)

    run(work())


def test_events_that_come_while_members_merge_are_all_taken() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await two(opened)

            async def sell(number: int) -> str:
                who = ("anna", "bella", "phone:+4420")[number % 3]
                (answer,) = await opened.take(TILL, name, [buy(f"n{number}", who, "1")])
                return answer.status

            selling = [asyncio.create_task(sell(n)) for n in range(60)]
            await opened.merge(OWNER, name, MERGE)
            assert set(await asyncio.gather(*selling)) == {"taken"}
            assert await active(opened, name) == 360

    run(work())
