"""What is done to a member as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from laurels import load
from laurels.base.errors import RequestError
from laurels.service.chain import covered, link
from laurels.service.service import Service
from support.service import OWNER, TILL, install, postings, service

RETAIL = Path(__file__).parent.parent.parent / "programs/retail-starter/program.yaml"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def buy(number: str, member: str = "anna") -> dict[str, Any]:
    return {"id": number, "member": member, "type": "purchase", "amount": "100",
            "occurred_at": "2026-11-01T10:00:00Z"}  # fmt: skip


async def retail(opened: Service) -> str:
    return await install(opened, load(RETAIL))


async def count(opened: Service, table: str) -> int:
    async with opened.pool.connection() as connection:
        cursor = await connection.execute(f"SELECT count(*) FROM {table}".encode())
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


def test_a_member_goes_by_its_id_and_by_every_identity() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await retail(opened)
            change = {"id": "k1", "occurred_at": "2026-10-01T00:00:00Z",
                      "identities": {"phone": "+4420", "card": "77"}}  # fmt: skip
            answers = await opened.put_member(OWNER, name, "anna", change)
            assert [each.status for each in answers] == ["ignored", "ignored"]
            by_phone, by_id = await opened.take(
                TILL, name, [buy("1", "phone:+4420"), buy("1", "anna")]
            )
            assert (by_phone.status, by_id.status) == ("taken", "duplicate")
            seen = await opened.member(OWNER, name, "card:77")
            assert seen.member == "anna"
            assert seen.identities == (("phone", "+4420"), ("card", "77"))
            with pytest.raises(RequestError, match="another member"):
                await opened.put_member(OWNER, name, "bert", change | {"id": "k2"})

    run(work())


def test_a_blocked_member_earns_and_does_not_spend_and_a_closed_one_takes_nothing() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await retail(opened)
            await opened.take(TILL, name, [buy("1")])
            assert await opened.block(OWNER, name, "anna") == "blocked"
            spend = {"id": "s", "member": "anna", "type": "redemption", "points": "50",
                     "occurred_at": "2026-11-02T10:00:00Z"}  # fmt: skip
            earned, spent = await opened.take(TILL, name, [buy("2"), spend])
            assert (earned.status, spent.error and spent.error.code) == ("taken", "member-blocked")
            assert await opened.unblock(OWNER, name, "anna") == "active"
            assert await opened.close(OWNER, name, "anna") == "closed"
            (late,) = await opened.take(TILL, name, [buy("3")])
            assert late.error is not None
            assert late.error.code == "member-closed"
            with pytest.raises(RequestError):
                await opened.block(OWNER, name, "anna")

    run(work())


def test_erasing_forgets_the_person_and_leaves_books_that_can_be_proved() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await retail(opened)
            change = {"id": "k1", "occurred_at": "2026-10-01T00:00:00Z",
                      "identities": {"phone": "+4420"},
                      "attributes": {"born": "1990-02-03"}}  # fmt: skip
            await opened.put_member(OWNER, name, "anna", change)
            await opened.take(TILL, name, [buy("1")])
            before = [each.points for each in await postings(opened, name)]
            assert await opened.erase(OWNER, name, "phone:+4420") == "erased"
            for table in ("people", "identities", "parked"):
                assert await count(opened, table) == 0
            with pytest.raises(RequestError, match="no such member"):
                await opened.member(OWNER, name, "anna")
            assert [each.points for each in await postings(opened, name)] == before
            async with opened.pool.connection() as connection:
                dump = str(await (await connection.execute(
                    "SELECT array_agg(e::text) || (SELECT array_agg(p::text) FROM personal p)"
                    " FROM events e")).fetchall())  # fmt: skip
                before = None
                cursor = await connection.execute(
                    "SELECT source, id, type, status, occurred_at, recorded_at, epoch, actor,"
                    " e.body, p.body, kept, answer, chain FROM events e"
                    " LEFT JOIN personal p USING (sequence) ORDER BY sequence"
                )
                for *row, body, said, kept, answer, chain in await cursor.fetchall():
                    before = link(before, *row, covered(row[2], body, said), kept, answer)
                    assert before == chain
            assert "1990-02-03" not in dump
            assert "+4420" not in dump
            assert not await count(opened, "checkpoints")
            (again,) = await opened.take(TILL, name, [buy("1")])
            assert again.status == "duplicate"
            assert not await count(opened, "people"), "a repeated event brings nobody back"
            assert not await count(opened, "identities")

    run(work())
