"""What the service tells: members, postings, explanations, quotes, holds, the ledger."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from laurels import load
from laurels.base.errors import RequestError
from laurels.base.instants import parse_instant
from laurels.service.service import Service
from laurels.service.types import Actor
from support.books import play, state
from support.programs import compiled, history, program_text
from support.service import OWNER, TILL, in_order, install, postings, service

MIRED = Path(__file__).parent.parent.parent / "programs/mired-coalition/program.yaml"
SUPPORT = Actor("kim", frozenset({"support"}))


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def at(text: str) -> int:
    return parse_instant(text, "UTC")


def buy(number: str, when: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "member": "anna", "type": "purchase", "partner": "KONDITER44",
            "amount": "1000", "occurred_at": when, "recorded_at": when} | more  # fmt: skip


async def mired(opened: Service) -> str:
    return await install(opened, load(MIRED))


def test_a_member_can_be_seen_as_it_was_and_as_it_was_known() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            late = buy("2", "2025-03-02T10:00:00Z", recorded_at="2025-03-20T10:00:00Z")
            await opened.take(
                OWNER, name, [buy("1", "2025-03-01T10:00:00Z"), buy("3", "2025-03-05T10:00:00Z"),
                              late],
            )  # fmt: skip

            async def active(when: str | None, known: str | None) -> Decimal:
                view = await opened.member(
                    SUPPORT, name, "anna", at=at(when) if when else None,
                    known_at=at(known) if known else None,
                )  # fmt: skip
                return view.balances["point"].active

            assert await active("2025-03-03T00:00:00Z", None) == 100
            assert await active("2025-03-03T00:00:00Z", "2025-03-10T00:00:00Z") == 50
            assert await active("2025-04-01T00:00:00Z", None) == 150
            assert await active("2025-04-01T00:00:00Z", "2025-03-20T00:00:00Z") == 100
            assert await active(None, "2025-03-04T00:00:00Z") == 50
            assert await active("2025-03-01T10:00:00Z", None) == 0, "until: just before"
            assert await active("2030-01-01T00:00:00Z", None) == 0, "expired by then"

    run(work())


@pytest.mark.parametrize("seed", [7, 8])
def test_what_is_seen_of_a_generated_member_is_what_its_book_shows(seed: int) -> None:
    async def work() -> None:
        rng = random.Random(seed)
        program = compiled(program_text(rng))
        raws = in_order(program, history(rng, program, 40))
        async with service() as opened:
            name = await install(opened, program)
            await opened.take(OWNER, name, raws)
            now = await opened.now()
            seen = await opened.member(OWNER, name, "m")
            whole = play(program, raws, now)
            assert seen.balances == {
                unit.name: whole.balance(unit.name) for unit in program.program.units
            }
            assert {each.ladder: (each.level, each.until) for each in seen.levels} == {
                each.name: (whole.level(each.name).name, whole.level(each.name).until)
                for each in program.program.ladders
            }
            middle = at(raws[len(raws) // 2]["recorded_at"])
            known = [raw for raw in raws if at(raw["recorded_at"]) < middle]
            then = await opened.member(OWNER, name, "m", known_at=middle)
            before = state(play(program, known, middle))
            for unit in program.program.units:
                assert then.balances[unit.name] == before[unit.name]

    run(work())


def test_postings_come_newest_first_in_pages_and_each_explains_itself() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            raws = [buy(str(n), f"2025-03-{n:02}T10:00:00Z") for n in range(1, 8)]
            await opened.take(OWNER, name, raws)
            back = {"id": "r", "member": "anna", "type": "return", "returns": "3",
                    "occurred_at": "2025-03-09T10:00:00Z",
                    "recorded_at": "2025-03-09T10:00:00Z"}  # fmt: skip
            await opened.take(OWNER, name, [back])
            rows: list[Any] = []
            place = None
            while True:
                page = await opened.postings(SUPPORT, name, "anna", after=place, limit=3)
                rows += page.rows
                place = page.next
                if place is None:
                    break
            every = await postings(opened, name)
            assert [row["name"] for row in rows] == [each.id for each in reversed(every)]
            assert rows[0]["corrects"]
            for row in rows:
                explained = await opened.explanation(SUPPORT, name, "anna", row["id"])
                assert explained.posting.id == row["name"]
                assert explained.posting.points == row["points"]
                assert explained.computes()
            with pytest.raises(RequestError):
                await opened.explanation(SUPPORT, name, "anna", "99.1")

    run(work())


def test_a_quote_says_what_would_be_earned_and_paid_and_changes_nothing() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            await opened.take(OWNER, name, [buy("1", "2026-11-01T10:00:00Z")])
            basket = {"member": "anna", "type": "purchase", "partner": "KONDITER44",
                      "amount": "200", "occurred_at": "2026-11-02T10:00:00Z"}  # fmt: skip
            quoted = await opened.quote(TILL, name, basket)
            assert [each.points for each in quoted.answer.postings] == [10]
            assert [(each.unit, each.points) for each in quoted.payable] == [("point", 50)]
            elsewhere = await opened.quote(TILL, name, {**basket, "partner": "OTHER"})
            assert elsewhere.payable[0].points == 0
            assert elsewhere.payable[0].refusal is not None
            stranger = await opened.quote(TILL, name, {**basket, "member": "nobody"})
            assert stranger.answer.balances["point"].active == 10
            assert len(await postings(opened, name)) == 1
            with pytest.raises(RequestError, match="no such member"):
                await opened.member(OWNER, name, "nobody")

    run(work())


def test_a_hold_is_seen_as_it_is_captured_and_given_back() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            await opened.take(OWNER, name, [buy("1", "2026-11-01T10:00:00Z")])

            async def after(kind: str, number: str, **more: Any) -> tuple[str, int, int, int]:
                minute = {"hold": 1, "capture": 2, "void": 3}[kind]
                event = {"id": number, "member": "anna", "type": kind,
                         "occurred_at": f"2026-11-02T10:0{minute}:00Z", **more}  # fmt: skip
                (answer,) = await opened.take(TILL, name, [event])
                assert answer.status == "taken"
                seen = await opened.hold_state(TILL, name, "anna", "h")
                return seen["state"], int(seen["held"]), int(seen["captured"]), int(seen["voided"])

            assert await after("hold", "h", points="40") == ("open", 40, 0, 0)
            assert await after("capture", "c", hold="h", points="15") == ("open", 25, 15, 0)
            assert await after("void", "v", hold="h") == ("closed", 0, 15, 25)
            with pytest.raises(RequestError, match="no such hold"):
                await opened.hold_state(TILL, name, "anna", "other")

    run(work())


def test_every_unit_of_the_ledger_sums_to_zero_at_any_instant() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            raws = [buy(str(n), f"2025-03-{n:02}T10:00:00Z") for n in range(1, 8)]
            await opened.take(OWNER, name, raws)
            for when, active in ((None, 350), (at("2025-03-04T00:00:00Z"), 150)):
                rows = await opened.ledger(OWNER, name, at=when)
                assert sum(row["points"] for row in rows) == 0  # type: ignore[misc]
                found = {row["account"]: row["points"] for row in rows}
                assert found["member:active"] == active

    run(work())


def test_a_sandbox_clock_moves_forward_and_what_was_parked_is_taken() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            with pytest.raises(RequestError, match="no sandbox"):
                await opened.move_clock(OWNER, at("2025-01-01T00:00:00Z"))
            async with opened.pool.connection() as connection:
                await connection.execute("INSERT INTO settings VALUES ('sandbox', 'true')")
            await opened.move_clock(OWNER, at("2025-01-01T00:00:00Z"))
            now = buy("1", "2025-01-01T00:00:00Z")
            ahead = buy("2", "2025-06-01T00:00:00Z")
            del now["recorded_at"], ahead["recorded_at"]
            one, two = await opened.take(TILL, name, [now, ahead])
            assert (one.status, two.status) == ("taken", "parked")
            page = await opened.events(OWNER, name, "parked")
            assert [row["id"] for row in page.rows] == ["2"]
            await opened.move_clock(OWNER, at("2026-01-02T00:00:00Z"))
            (again,) = await opened.take(TILL, name, [ahead])
            assert (again.status, again.first) == ("duplicate", "taken")
            kinds = [each.kind for each in await postings(opened, name)]
            assert sorted(kinds) == ["earned", "earned", "expired"]
            assert not (await opened.events(OWNER, name, "parked")).rows
            with pytest.raises(RequestError, match="forward"):
                await opened.move_clock(OWNER, at("2025-01-01T00:00:00Z"))

    run(work())


def test_reads_by_staff_are_on_the_record_and_those_of_tills_are_not() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            await opened.take(OWNER, name, [buy("1", "2026-11-01T10:00:00Z")])
            await opened.member(SUPPORT, name, "anna")
            await opened.member(TILL, name, "anna")
            async with opened.pool.connection() as connection:
                cursor = await connection.execute("SELECT actor, action FROM audit")
                assert await cursor.fetchall() == [("kim", "read_member")]

    run(work())


def test_an_event_is_found_by_its_identity_whatever_became_of_it() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            ahead = buy("2", "2099-06-01T00:00:00Z", recorded_at=None, source="shop-1")
            sent = [buy("1", "2026-11-01T10:00:00Z", source="shop-1"), ahead]
            first, _ = await opened.take(OWNER, name, sent)
            found = await opened.event(TILL, name, "shop-1", "1")
            assert found.status == "taken"
            assert found.postings == first.postings
            assert (await opened.event(TILL, name, "shop-1", "2")).status == "parked"
            with pytest.raises(RequestError, match="no such event"):
                await opened.event(TILL, name, "shop-2", "1")

    run(work())
