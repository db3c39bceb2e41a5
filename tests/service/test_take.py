"""Taking events: through a real PostgreSQL, the postings are those of the book."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from laurels import Book, load
from laurels.base.errors import RequestError, Unavailable
from laurels.ledger.postings import Posting
from laurels.service.service import Service
from laurels.service.types import Actor, Control
from support.programs import compiled, history, program_text
from support.service import OWNER, TILL, in_order, install, postings, service

MIRED = Path(__file__).parent.parent.parent / "programs/mired-coalition/program.yaml"


def key(posting: Posting) -> tuple[int, str]:
    return posting.posted_at, posting.id


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def buy(number: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "member": "anna", "type": "purchase", "partner": "KONDITER44",
            "amount": "1000", "occurred_at": "2026-03-01T10:00:00Z"} | more  # fmt: skip


async def mired(opened: Service) -> str:
    return await install(opened, load(MIRED))


async def compare(opened: Service, seed: int, size: int) -> None:
    """A generated history through the service, in batches cut anywhere, and through a book."""
    rng = random.Random(seed)
    program = compiled(program_text(rng).replace("program: ", f"program: s{seed}-", 1))
    name = await install(opened, program)
    raws = in_order(program, history(rng, program, size))
    book = Book(program, "m")
    expected = []
    for raw in raws:
        try:
            expected.append(book.take(raw).status)
        except RequestError as error:
            expected.append(error.code)
    other = {"id": "first", "member": "other", "type": "product_closed", "product": "card"}
    times = dict.fromkeys(("occurred_at", "recorded_at"), raws[0]["recorded_at"])
    await opened.take(OWNER, name, [other | times])
    got: list[str] = []
    while len(got) < len(raws):
        part = raws[len(got) : len(got) + rng.choice([1, 1, 2, 3, 7])]
        for answer in await opened.take(OWNER, name, part):
            got.append(answer.error.code if answer.error is not None else answer.status)
    assert got == expected
    mine = [each for each in await postings(opened, name) if each.member == "m"]
    assert sorted(mine, key=key) == sorted(book.postings(), key=key)


@pytest.mark.parametrize("first", [0, 100, 200])
def test_generated_histories_are_posted_as_the_book_posts_them(first: int) -> None:
    async def work() -> None:
        async with service() as opened:
            for seed in range(first, first + 2):
                await compare(opened, seed, 60)

    run(work())


def test_the_same_event_again_gets_the_first_answer_and_another_body_a_conflict() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            (first,) = await opened.take(TILL, name, [buy("1")])
            (again,) = await opened.take(TILL, name, [buy("1")])
            assert (first.status, again.status, again.first) == ("taken", "duplicate", "taken")
            assert again.postings == first.postings
            assert again.balances == first.balances
            assert again.balances["point"].active == 50
            (other,) = await opened.take(TILL, name, [buy("1", amount="999")])
            assert other.status == "conflict"
            (theirs,) = await opened.take(OWNER, name, [buy("1", amount="999")])
            assert theirs.status == "taken", "another source has ids of its own"

    run(work())


def test_twins_in_one_request_and_twins_at_once_are_taken_once() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            answers = await opened.take(TILL, name, [buy("1"), buy("1"), buy("1", amount="5")])
            assert [each.status for each in answers] == ["taken", "duplicate", "conflict"]
            found = await asyncio.gather(*[opened.take(TILL, name, [buy("2")]) for _ in range(40)])
            statuses = sorted(each.status for (each,) in found)
            assert statuses == ["duplicate"] * 39 + ["taken"]
            assert len(await postings(opened, name)) == 2

    run(work())


def test_two_processes_take_an_event_once_and_lose_none() -> None:
    async def work() -> None:
        async with service() as one:
            name = await mired(one)
            async with await Service.open(one.pool.conninfo) as two:
                await install_again(one, two)
                events = [buy(str(number), member=f"m{number % 7}") for number in range(60)]
                calls = [each.take(TILL, name, [raw]) for raw in events for each in (one, two)]
                answers = [answer for (answer,) in await asyncio.gather(*calls)]
            assert sorted(each.status for each in answers) == ["duplicate"] * 60 + ["taken"] * 60
            assert sum(each.points for each in await postings(one, name)) == 60 * 50

    run(work())


def test_connections_that_die_lose_no_event_and_double_none() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)

            async def sent(number: int) -> str:
                while True:
                    try:
                        (answer,) = await opened.take(TILL, name, [buy(str(number))])
                    except Unavailable:
                        continue
                    if answer.status != "retry-later":
                        return answer.status

            async def kill() -> None:
                kills = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                where = "datname = current_database() AND application_name = 'laurels-decides'"
                for _ in range(8):
                    async with opened.pool.connection() as connection:
                        await connection.execute(f"{kills}{where}".encode())
                    await asyncio.sleep(0.02)

            statuses, _ = await asyncio.gather(
                asyncio.gather(*[sent(number) for number in range(40)]), kill()
            )
            assert set(statuses) <= {"taken", "duplicate"}
            found = await postings(opened, name)
            assert sorted(int(each.event) for each in found) == list(range(40))
            seen = await opened.member(OWNER, name, "anna")
            assert seen.balances["point"].active == 40 * 50

    run(work())


async def install_again(one: Service, two: Service) -> None:
    """The same programs in another process."""
    two.programs._running.update(one.programs._running)


def test_what_is_wrong_is_not_remembered_and_what_the_rules_refuse_is() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            spend = {"id": "s", "member": "anna", "type": "redemption", "points": "70",
                     "partner": "KONDITER44", "occurred_at": "2026-03-02T10:00:00Z"}  # fmt: skip
            bad, refused = await opened.take(
                TILL, name, [buy("1", amount="a lot"), {**spend, "points": "70"}]
            )
            assert (bad.status, bad.error and bad.error.code) == ("rejected", "decimal-invalid")
            assert (refused.status, refused.refusal and refused.refusal.code) == (
                "refused", "not-covered",
            )  # fmt: skip
            right, again = await opened.take(TILL, name, [buy("1"), spend])
            assert right.status == "taken"
            assert (again.status, again.first) == ("duplicate", "refused")
            assert again.refusal == refused.refusal

    run(work())


def test_a_till_speaks_for_its_own_source_only() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            (mine, theirs, timed) = await opened.take(
                TILL, name,
                [buy("1"), buy("2", source="shop-2"), buy("3", recorded_at="2026-03-01T10:00:00Z")],
            )  # fmt: skip
            assert (mine.status, mine.source) == ("taken", "shop-1")
            assert theirs.error is not None
            assert theirs.error.code == "not-your-source"
            assert timed.error is not None
            assert timed.error.code == "recorded-at-not-yours"

    run(work())


def test_a_batch_that_is_not_what_its_sender_counted_is_not_taken() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            for control in (Control(count=3), Control(sum=2001)):
                with pytest.raises(RequestError):
                    await opened.take(TILL, name, [buy("1"), buy("2")], control=control)
            assert not await postings(opened, name)
            control = Control(2, 2000)
            answers = await opened.take(TILL, name, [buy("1"), buy("2")], control=control)
            assert [each.status for each in answers] == ["taken", "taken"]

    run(work())


def test_an_event_dated_ahead_is_parked_and_answers_so_again() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            ahead = buy("1", occurred_at="2099-01-01T00:00:00Z")
            (first,) = await opened.take(TILL, name, [ahead])
            (again,) = await opened.take(TILL, name, [ahead])
            (other,) = await opened.take(TILL, name, [{**ahead, "amount": "1"}])
            assert (first.status, again.status, again.first) == ("parked", "duplicate", "parked")
            assert other.status == "conflict"

    run(work())


def test_a_return_waits_for_its_purchase() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            back = {"id": "r", "member": "anna", "type": "return", "returns": "1",
                    "amount": "400", "occurred_at": "2026-03-03T10:00:00Z"}  # fmt: skip
            (waits,) = await opened.take(TILL, name, [back])
            assert waits.status == "waiting"
            (came,) = await opened.take(TILL, name, [buy("1")])
            assert came.balances["point"].active == 30
            assert {each.corrects != "" for each in came.postings} == {False, True}

    run(work())


def test_a_stranger_in_sources_is_an_actor_like_any_other() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            importer = Actor("import", frozenset({"owner"}), ("old-system", "*"))
            (answer,) = await opened.take(
                importer, name, [buy("1", recorded_at="2026-03-01T10:00:00Z")]
            )
            assert (answer.source, answer.recorded_at) == ("old-system", 1772359200000000)

    run(work())


def test_an_identity_that_comes_again_for_another_member_is_a_conflict() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            first = await opened.take(OWNER, name, [buy("1"), buy("1"), buy("1", member="bert")])
            assert [each.status for each in first] == ["taken", "duplicate", "conflict"]
            again = await opened.take(OWNER, name, [buy("1", member="bert")])
            assert (again[0].status, again[0].balances, again[0].postings) == ("conflict", {}, ())
            ahead = buy("2", occurred_at="2100-01-01T00:00:00Z")
            for member, status in (("anna", "parked"), ("anna", "duplicate"), ("bert", "conflict")):
                (answer,) = await opened.take(OWNER, name, [ahead | {"member": member}])
                assert answer.status == status

    run(work())


def test_a_member_may_be_named_otherwise_when_an_event_comes_again() -> None:
    async def work() -> None:
        async with service() as opened:
            name = await mired(opened)
            await opened.take(OWNER, name, [buy("1")])
            change = {"id": "c", "occurred_at": "2026-03-01T10:00:00Z",
                      "identities": {"card": "4000"}}  # fmt: skip
            await opened.put_member(OWNER, name, "anna", change)
            card = buy("1", member="card:4000")
            (answer,) = await opened.take(OWNER, name, [card])
            assert (answer.status, answer.first) == ("duplicate", "taken")
            two = await opened.take(OWNER, name, [buy("2"), buy("2", member="card:4000")])
            assert [each.status for each in two] == ["taken", "duplicate"]

    run(work())
