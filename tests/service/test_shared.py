"""What members share: budgets, transfers; and programs that change while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from typing import Any

import pytest

from laurels import Book, loads
from laurels.base.errors import ProgramError, RequestError
from laurels.service.service import Service
from laurels.service.types import Actor
from support.purchases import buy, buys
from support.service import OWNER, postings, service

OTHER = Actor("other")

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
    caps:
      launch: {rules: [base], per: lifetime, across: all_members, at_most: 1005}
"""
SECOND = """\
  - version: 2
    effective_from: 2026-06-01
    metrics:
      spent: {of: purchase, sum: event.amount, window: month}
    ladders:
      tier:
        period: month
        levels: {silver: {spent: 50}, gold: {spent: 500}}
    rules:
      base: {on: purchase, give: {rate: 200%}}
"""


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def second(one: Service) -> Service:
    return await Service.open(one.pool.conninfo)


def test_a_budget_is_given_to_the_last_point_and_not_beyond_from_two_processes() -> None:
    """Of 1200 points that two processes ask for at the same time, the 1005 that there are."""

    async def work() -> None:
        async with service() as one:
            await one.publish(OWNER, "shared", PROGRAM)
            with ProcessPoolExecutor(2, get_context("spawn")) as pool:
                sent = pool.map(buys, [one.pool.conninfo] * 2, (0, 1))
                statuses = await asyncio.to_thread(lambda: [s for each in sent for s in each])
            assert statuses == ["taken"] * 120
            given = [each.points for each in await postings(one, "shared")]
            assert sum(given) == 1005
            assert sorted(set(given)) == [Decimal(5), Decimal(10)]
            async with one.pool.connection() as connection:
                cursor = await connection.execute("SELECT used FROM budgets")
                assert await cursor.fetchall() == [(1005,)]

    run(work())


def test_transfers_in_both_directions_at_once_lose_no_point() -> None:
    async def work() -> None:
        async with service() as one, await second(one) as two:
            text = PROGRAM.partition("    caps:")[0]
            await one.publish(OWNER, "shared", text)
            await one.take(OWNER, "shared", [buy(1, "anna"), buy(2, "bert")])
            calls = []
            for number in range(40):
                pair = ("anna", "bert") if number % 2 else ("bert", "anna")
                event = {"id": f"t{number}", "member": pair[0], "to": pair[1], "type": "transfer",
                         "points": "3", "occurred_at": "2026-03-02T10:00:00Z"}  # fmt: skip
                calls.append((one, two)[number // 2 % 2].take(OWNER, "shared", [event]))
            answers = [answer for (answer,) in await asyncio.gather(*calls)]
            moved = [each for each in answers if each.status == "taken"]
            assert {each.status for each in answers} <= {"taken", "refused"}
            assert moved
            seen = [await one.member(OWNER, "shared", name) for name in ("anna", "bert")]
            assert sum(each.balances["point"].active for each in seen) == 20
            kinds = [each.kind for each in await postings(one, "shared")]
            assert kinds.count("transferred") >= 2 * len(moved)

    run(work())


def test_a_new_version_with_a_new_ladder_sees_what_was_before_it() -> None:
    async def work() -> None:
        async with service() as one, await second(one) as two:
            text = PROGRAM.partition("    caps:")[0]
            first = await one.publish(OWNER, "shared", text)
            assert (first.epoch, first.state) == (1, "in-force")
            raws = [buy(n, "anna", f"2026-05-{n:02}T10:00:00Z") for n in range(1, 8)]
            await two.take(OWNER, "shared", raws)
            tried = await one.publish(OWNER, "shared", text + SECOND, dry_run=True)
            assert tried.epoch is None
            assert "+  - version: 2" in tried.diff
            published = await one.publish(OWNER, "shared", text + SECOND)
            assert (published.epoch, published.state) == (2, "preparing")
            (early,) = await two.take(OWNER, "shared", [buy(8, "anna", "2026-05-20T10:00:00Z")])
            assert early.status == "taken"
            assert await one.prepare(OWNER, "shared") == []
            assert await one.prepare(OWNER, "shared") == []
            again = await one.publish(OWNER, "shared", text + SECOND)
            assert again.epoch == 2, "the same text is no new epoch"
            later = buy(9, "anna", "2026-12-24T10:00:00Z")
            (answer,) = await two.take(OWNER, "shared", [later])
            assert answer.status == "taken"
            assert [each.points for each in answer.postings if each.event] == [20]
            seen = await two.member(OWNER, "shared", "anna", at=1798149600000000)
            assert seen.balances["point"].active == 100

            book = Book(await one.compiled("shared"), "anna")
            for raw in [*raws, buy(8, "anna", "2026-05-20T10:00:00Z"), later]:
                book.take(raw)
            found = {(each.id, each.points, each.posted_at) for each in book.postings()}
            assert found == {
                (each.id, each.points, each.posted_at) for each in await postings(one, "shared")
            }

    run(work())


def test_a_version_that_reaches_into_the_past_acts_by_an_approved_correction_only() -> None:
    async def work() -> None:
        async with service() as one:
            text = PROGRAM.partition("    caps:")[0]
            await one.publish(OWNER, "shared", text)
            raws = [buy(1, "anna", "2026-07-01T10:00:00Z"), buy(2, "bert", "2026-07-02T10:00:00Z"),
                    buy(3, "cleo", "2026-05-01T10:00:00Z")]  # fmt: skip
            await one.take(OWNER, "shared", raws)
            await one.publish(OWNER, "shared", text + SECOND)
            await one.prepare(OWNER, "shared")
            before = await postings(one, "shared")
            proposed = await one.propose_correction(OWNER, "shared", 2, "it was promised for June")
            assert proposed.differences == {"anna": {"point": 10}, "bert": {"point": 10}}
            assert await postings(one, "shared") == before
            with pytest.raises(RequestError, match="nobody approves"):
                await one.approve_correction(OWNER, "shared", proposed.correction)
            for _ in range(2):
                done = await one.approve_correction(OTHER, "shared", proposed.correction)
                assert (done.state, done.posted, done.decided_by) == ("posted", 2, "other")
            new = await postings(one, "shared")
            assert [each.kind for each in new if each not in before] == ["adjusted", "adjusted"]
            with pytest.raises(RequestError, match="is posted"):
                await one.waive_correction(OTHER, "shared", proposed.correction)
            second = await one.propose_correction(OWNER, "shared", 2, "once more")
            assert not second.differences, "nothing is given twice"
            waived = await one.waive_correction(OTHER, "shared", second.correction)
            assert (waived.state, waived.posted) == ("waived", 0)

    run(work())


def test_a_correction_passes_over_members_who_were_closed_or_forgotten() -> None:
    async def work() -> None:
        async with service() as one:
            text = PROGRAM.partition("    caps:")[0]
            await one.publish(OWNER, "shared", text)
            names = ["anna", "bert", "cleo"]
            raws = [buy(n, name, "2026-07-01T10:00:00Z") for n, name in enumerate(names)]
            await one.take(OWNER, "shared", raws)
            await one.publish(OWNER, "shared", text + SECOND)
            await one.prepare(OWNER, "shared")
            proposed = await one.propose_correction(OWNER, "shared", 2, "it was promised for June")
            await one.close(OWNER, "shared", "anna")
            await one.erase(OWNER, "shared", "bert")
            for _ in range(2):
                done = await one.approve_correction(OTHER, "shared", proposed.correction)
                assert (done.state, done.posted) == ("posted", 1)
                found = sorted(done.exceptions.values(), key=str)
                assert found == [{"point": "member-closed"}, {"point": "member-unknown"}]
            seen = await one.member(OWNER, "shared", "cleo")
            assert seen.balances["point"].active == 20

    run(work())


def test_what_was_published_cannot_change() -> None:
    async def work() -> None:
        async with service() as one:
            await one.publish(OWNER, "shared", PROGRAM)
            for changed in (
                PROGRAM.replace("100%", "90%"),
                PROGRAM.replace("precision: 1,", "precision: 0.1,"),
                PROGRAM.replace("Europe/London", "Europe/Paris"),
            ):
                with pytest.raises(ProgramError) as caught:
                    await one.publish(OWNER, "shared", changed)
                assert {each.code for each in caught.value.findings} == {"program-published"}
            with pytest.raises(ProgramError):
                await one.publish(OWNER, "shared", PROGRAM.replace("rate:", "rte:"))

    run(work())


def test_the_texts_above_are_programs() -> None:
    assert loads(PROGRAM).name == loads(PROGRAM.partition("    caps:")[0] + SECOND).name


def test_a_gift_to_nobody_or_to_who_is_closed_is_rejected_and_makes_no_member() -> None:
    async def work() -> None:
        async with service() as opened:
            name = "shared"
            await opened.publish(OWNER, name, PROGRAM)
            credit = [{"id": f"c-{who}", "member": who, "type": "adjustment", "points": "50",
                       "direction": "credit", "reason": "start",
                       "occurred_at": "2026-11-01T10:00:00Z"}
                      for who in ("anna", "bert")]  # fmt: skip
            await opened.take(OWNER, name, credit)
            await opened.close(OWNER, name, "bert")
            gift = {"id": "t1", "member": "anna", "type": "transfer", "points": "5",
                    "occurred_at": "2026-11-02T10:00:00Z"}  # fmt: skip
            answers = await opened.take(
                OWNER, name, [{**gift, "to": "nobody"}, {**gift, "id": "t2", "to": "bert"}]
            )
            assert [(each.status, each.error and each.error.code) for each in answers] == [
                ("rejected", "member-unknown"), ("rejected", "member-closed")
            ]  # fmt: skip
            with pytest.raises(RequestError, match="no such member"):
                await opened.member(OWNER, name, "nobody")
            assert (await opened.member(OWNER, name, "anna")).balances["point"].active == 50

    run(work())
