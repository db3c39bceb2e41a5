"""The books against a fold of the events: equal, and every way in which hands with every right in
the database can make them differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import date
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from laurels.cli.app import app
from laurels.engine.kernel import layout as K
from laurels.service.bodies import pack_bytes, unpack_bytes
from laurels.service.chain import link
from laurels.service.service import Service
from laurels.service.verify.heads import export_heads, write_heads
from laurels.service.verify.repair import repair_state
from laurels.service.verify.run import Verified
from support.service import OWNER, service
from support.verified import verified

PROGRAM = """\
program: shop
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
      more: {on: purchase, give: {rate: 10%}}
    caps:
      launch: {rules: [more], per: lifetime, across: all_members, at_most: 40}
      month: {rules: [base], per: month, at_most: 500}
    expires: 1 month
    returns: as_if_never_bought
"""
LASTING = PROGRAM.replace("    expires: 1 month\n", "")


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def event(number: str, kind: str, member: str, day: int, **more: Any) -> dict[str, Any]:
    when = f"2026-03-{day:02}T10:00:00Z"
    return {"id": number, "member": member, "type": kind, "occurred_at": when,
            "recorded_at": when} | more  # fmt: skip


EVENTS = [
    event("a1", "purchase", "anna", 1, amount="100"),
    event("a2", "purchase", "anna", 2, amount="60"),
    event("b1", "purchase", "bert", 2, amount="200"),
    event("a3", "redemption", "anna", 3, points="30"),
    event("a4", "redemption", "anna", 4, points="9000"),
    event("a5", "hold", "anna", 5, points="10", hold="h"),
    event("a6", "capture", "anna", 6, hold="h", points="4"),
    event("a7", "return", "anna", 7, returns="a2"),
    event("a8", "transfer", "anna", 8, to="bert", points="5"),
    event("a9", "purchase", "anna", 9, amount="900"),
    event("d0", "sealed", "dora", 9, lines=[{"unit": "point", "points": "70"}]),
    event("c1", "return", "cleo", 9, returns="unheard-of"),
    event("a10", "purchase", "anna", 1, amount="7", recorded_at="2026-03-10T10:00:00Z"),
]


@asynccontextmanager
async def shop(text: str = PROGRAM) -> AsyncIterator[Service]:
    """Some of everything: late, returned, refused, held, given; and what fell due."""
    async with service() as opened:
        await opened.publish(OWNER, "shop", text)
        answers = await opened.take(OWNER, "shop", EVENTS)
        assert {each.status for each in answers} == {"taken", "refused", "waiting"}
        await opened.advance("shop")
        (last,) = await opened.take(OWNER, "shop", [
            {"id": "a11", "member": "anna", "type": "purchase", "amount": "3",
             "occurred_at": "2026-10-01T10:00:00Z"}
        ])  # fmt: skip
        assert last.status == "taken"
        yield opened


async def change(opened: Service, statement: str, *values: object) -> None:
    """By hand, as the role that owns the tables."""
    async with opened.pool.connection() as connection:
        cursor = await connection.execute(statement.encode(), values)
        assert cursor.rowcount > 0, statement


async def ask(opened: Service, query: str) -> Any:
    async with opened.pool.connection() as connection:
        row = await (await connection.execute(query.encode())).fetchone()
        assert row is not None
        return row[0]


def told(found: Verified) -> str:
    return "\n".join(str(each) for each in found.differences)


def catches(statement: str, *kinds: str, text: str = PROGRAM) -> list[Any]:
    """The kinds of difference that a change by hand is told as; the differences."""
    found: list[Verified] = []

    async def work() -> None:
        async with shop(text) as opened:
            before = await verified(opened)
            assert before.equal, told(before)
            await change(opened, statement)
            found.append(await verified(opened))

    run(work())
    assert set(found[0].kinds) == set(kinds), told(found[0])
    return found[0].differences


OF = "member = (SELECT member FROM people WHERE name = 'anna')"
EARNED = f"ctid = (SELECT ctid FROM postings WHERE {OF} AND kind = 1 AND event > 0 LIMIT 1)"


def test_the_books_are_what_the_events_say_and_it_is_said_what_was_compared() -> None:
    async def work() -> None:
        async with shop() as opened:
            found = await verified(opened)
            assert found.equal, told(found)
            seen = found.programs["shop"]
            rows = await ask(opened, "SELECT count(*) FROM postings")
            assert (seen["members"], seen["events"], seen["postings"]) == (4, 15, rows)
            assert set(seen["posted"]) == {"point"}
            alone = await verified(opened, program="shop", members=("anna", "anna"))
            assert (alone.equal, alone.programs["shop"]["members"]) == (True, 1)
            some = await verified(opened, members=("b", "cz"))
            assert (some.equal, some.programs["shop"]["members"]) == (True, 2)

    run(work())


def test_a_posting_that_was_changed() -> None:
    found = catches(f"UPDATE postings SET points = points + 1 WHERE {OF} AND event = 1"
                    " AND rule = 'base' AND NOT corrects",
                    "posting-changed", "balance-differs")  # fmt: skip
    (each,) = [each for each in found if each.kind == "posting-changed"]
    assert (each.member, each.event, each.expected, each.found) == ("anna", "a1", "100", "101")
    assert each.what == "earned by base, point: points"
    assert "nothing in Laurels changes a posting" in each.likely


def test_a_posting_that_was_removed() -> None:
    found = catches(f"DELETE FROM postings WHERE {OF} AND sequence = 3",
                    "posting-missing", "balance-differs")  # fmt: skip
    assert {each.event for each in found} == {"a3", ""}


def test_a_posting_that_was_added() -> None:
    columns = ("event, cause, kind, unit, points, debit, credit, backwards, corrects, rule, line,"
               " line_name, version, semantics, funder, lot_ends, lot_active, occurred_at,"
               " effective_at, posted_at")  # fmt: skip
    found = catches(
        f"INSERT INTO postings (member, sequence, number, {columns}) SELECT member, sequence, 99,"
        f" {columns.replace('points', '77777')} FROM postings WHERE {EARNED}",
        "posting-unexpected", "balance-differs",
    )  # fmt: skip
    assert found[0].found == "77777 steps"


def test_a_posting_that_fell_due_and_was_removed() -> None:
    catches(f"DELETE FROM postings WHERE {OF} AND kind = 4", "posting-missing", "balance-differs",
            "event-missing")  # fmt: skip


@pytest.mark.parametrize("part", ["body = replace(body, '100', '900')", "recorded_at = 1 + "
                                  "recorded_at", "actor = 'nobody'", "epoch = 7"])  # fmt: skip
def test_an_event_that_was_changed(part: str) -> None:
    found = []

    async def work() -> None:
        async with shop() as opened:
            await change(opened, f"UPDATE events SET {part} WHERE id = 'a1'")
            found.append(await verified(opened))

    run(work())
    changed = [each for each in found[0].differences if each.kind == "event-changed"]
    assert [each.event for each in changed] == ["a1"]


def test_an_event_removed_together_with_its_postings_and_its_identity() -> None:
    catches(
        "WITH gone AS (DELETE FROM events WHERE id = 'a3' RETURNING member, sequence),"
        " known AS (DELETE FROM event_ids WHERE id = 'a3')"
        " DELETE FROM postings p USING gone WHERE p.member = gone.member"
        " AND p.sequence = gone.sequence",
        "event-missing", "event-changed", "balance-differs", "state-differs", "outcome-differs",
        "posting-changed",
    )  # fmt: skip


def test_the_last_event_removed_with_all_that_was_its_own_but_its_identity() -> None:
    async def work() -> None:
        async with shop() as opened:
            found = await ask(opened, f"SELECT row_to_json(m) FROM members m WHERE {OF}")
            await opened.take(OWNER, "shop", [
                {"id": "a12", "member": "anna", "type": "purchase", "amount": "50",
                 "occurred_at": "2026-10-02T10:00:00Z"}
            ])  # fmt: skip
            for table in ("events", "postings"):
                await change(opened, f"DELETE FROM {table} WHERE {OF} AND sequence >"
                                     f" {found['sequence']}")  # fmt: skip
            names = ("sequence", "events", "now", "recorded", "next_due", "place", "chain", "state")
            sets = ", ".join(f"{name} = (r.m).{name}" for name in names)
            await change(
                opened,
                f"UPDATE members SET {sets} FROM (SELECT json_populate_record(NULL::members,"
                f" '{json.dumps(found)}') AS m) r WHERE members.member = (r.m).member",
            )
            seen = await verified(opened)
            assert set(seen.kinds) == {"identity-astray", "budget-differs"} or set(seen.kinds) == {
                "identity-astray"
            }, told(seen)

    run(work())


def test_an_identity_that_was_removed() -> None:
    found = catches("DELETE FROM event_ids WHERE id = 'b1'", "event-unregistered")
    assert (found[0].member, found[0].event) == ("bert", "b1")


def test_an_outcome_that_was_changed() -> None:
    catches("UPDATE events SET status = 0 WHERE id = 'a4'", "event-changed", "outcome-differs")


def test_a_semantics_number_that_was_forged() -> None:
    found = catches(f"UPDATE postings SET semantics = 2 WHERE {EARNED}", "posting-semantics")
    assert (found[0].expected, found[0].found) == ("1", "2")


def test_a_lot_that_was_overdrawn() -> None:
    found = catches(
        f"UPDATE postings SET points = 99999 WHERE {OF} AND kind = 3 AND event = 3",
        "posting-changed", "balance-differs", "lot-overdrawn",
    )  # fmt: skip
    (each,) = [each for each in found if each.kind == "lot-overdrawn"]
    assert int(each.found) < 0


async def with_state(opened: Service, turn: Any) -> None:
    """Change a number of anna's saved state."""
    packed = unpack_bytes(await ask(opened, f"SELECT state FROM members WHERE {OF}"))
    turn(packed)
    await change(opened, f"UPDATE members SET state = %s WHERE {OF}", pack_bytes(packed))


def test_a_state_that_was_made_wrong_and_is_repaired_and_no_posting_with_it() -> None:
    async def work() -> None:
        async with shop(LASTING) as opened:

            def more(packed: Any) -> None:
                packed[0][K.HEAD + K.U_ACTIVE] += 500
                packed[1][0][K.A_POINTS] += 500

            await with_state(opened, more)
            await change(
                opened,
                "INSERT INTO event_changes SELECT member, 2, '\\x90' FROM people"
                " WHERE name = 'anna'",
            )
            await change(opened, f"UPDATE members SET waiting = 3, next_due = 5 WHERE {OF}")
            postings = await ask(
                opened, "SELECT md5(array_agg(p ORDER BY p)::text) FROM postings p"
            )
            found = await verified(opened)
            assert set(found.kinds) == {"balance-differs", "state-differs", "memory-differs"}
            texts = {1: list(opened.programs._running.values())}
            assert repair_state(opened.conninfo, found.repair, texts) == 1
            again = await verified(opened)
            assert again.equal, told(again)
            assert postings == await ask(
                opened, "SELECT md5(array_agg(p ORDER BY p)::text) FROM postings p"
            )
            (answer,) = await opened.take(OWNER, "shop", [
                {"id": "a12", "member": "anna", "type": "return", "returns": "a11",
                 "occurred_at": "2026-10-02T10:00:00Z"}
            ])  # fmt: skip
            assert answer.status == "taken"
            assert (await verified(opened)).equal

    run(work())


def test_a_repair_leaves_postings_that_were_changed_as_they_are() -> None:
    async def work() -> None:
        async with shop() as opened:
            await change(opened, f"UPDATE postings SET points = points + 1 WHERE {EARNED}")
            found = await verified(opened)
            texts = {1: list(opened.programs._running.values())}
            assert repair_state(opened.conninfo, found.repair, texts) == 0
            assert (await verified(opened)).kinds == found.kinds

    run(work())


def test_a_members_cap_that_was_exceeded() -> None:
    """Posting and state agree with each other, and say more than the cap lets be given."""

    async def work() -> None:
        async with shop(LASTING) as opened:

            def more(packed: Any) -> None:
                packed[0][K.HEAD + K.U_ACTIVE] += 40
                packed[1][0][K.A_POINTS] += 40

            await with_state(opened, more)
            await change(opened, f"UPDATE postings SET points = points + 40 WHERE {OF}"
                                 " AND posted_at = (SELECT max(posted_at) FROM postings)"
                                 " AND rule = 'base'")  # fmt: skip
            found = await verified(opened)
            assert set(found.kinds) == {"posting-changed", "state-differs"}, told(found)

    run(work())


def test_a_budget_that_was_exceeded_by_one_who_made_everything_else_fit() -> None:
    """The event is told of more room, the posting, the state and the hashes are made to fit: what
    all members together drew shows it, and a head that was exported before."""

    async def work() -> None:
        async with shop(LASTING) as opened:
            other = await exported(opened)
            await change(opened, "UPDATE program_texts SET body = replace(body, 'at_most: 40',"
                                 " 'at_most: 900')")  # fmt: skip
            async with await Service.open(opened.conninfo) as second:
                (answer,) = await second.take(OWNER, "shop", [
                    {"id": "d1", "member": "erik", "type": "purchase", "amount": "300",
                     "occurred_at": "2026-10-02T10:00:00Z"}
                ])  # fmt: skip
                assert sum(each.points for each in answer.postings) == 330
            await change(opened, "UPDATE program_texts SET body = replace(body, 'at_most: 900',"
                                 " 'at_most: 40')")  # fmt: skip
            found = await verified(opened)
            assert set(found.kinds) == {"cap-exceeded"}, told(found)
            (each,) = found.differences
            assert each.what.startswith("launch/")
            assert len(msgspec.json.decode(other)["heads"]) == 1

    run(work())


def test_a_budgets_row_that_was_changed() -> None:
    catches("UPDATE budgets SET used = used - 1", "budget-differs")


async def exported(opened: Service, day: date = date(2026, 11, 1)) -> str:
    written = await asyncio.to_thread(write_heads, opened.conninfo, day)
    assert set(written) <= {"shop"}
    return await asyncio.to_thread(export_heads, opened.conninfo)


def test_a_daily_head_is_held_against_the_books_later(tmp_path) -> None:
    """Every hash after the changed event is made anew, state and postings fit: only the head,
    which left the database before, shows it."""

    async def work() -> None:
        async with shop() as opened:
            (tmp_path / "one").write_text(await exported(opened))
            assert await exported(opened) == (tmp_path / "one").read_text(), "one head a day"
            await opened.take(OWNER, "shop", [
                {"id": "a12", "member": "anna", "type": "purchase", "amount": "50",
                 "occurred_at": "2026-10-02T10:00:00Z"}
            ])  # fmt: skip
            (tmp_path / "two").write_text(await exported(opened, date(2026, 11, 2)))
            for name in ("one", "two"):
                checked = verify_with(opened, str(tmp_path / name))
                assert checked.exit_code == 0, checked.output
            await forge_actor(opened)
            assert verify_with(opened).exit_code == 0, "the chain itself is sound"
            for days, name in enumerate(("one", "two"), 1):
                checked = verify_with(opened, str(tmp_path / name))
                assert checked.exit_code == 1
                kinds = json.loads(checked.stdout)["kinds"]
                assert kinds == {"head-differs": days}

    run(work())


def verify_with(opened: Service, heads: str = "") -> Any:
    asked = ["verify", "--json", "--url", opened.conninfo, "--connections", "1"]
    return CliRunner().invoke(app, [*asked, *(["--heads", heads] if heads else [])])


async def forge_actor(opened: Service) -> None:
    """Say that another took anna's first event, and make all her hashes fit."""
    await change(opened, f"UPDATE events SET actor = 'nobody' WHERE {OF} AND sequence = 1")
    async with opened.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT source, id, type, status, occurred_at, recorded_at, epoch, actor, body, kept,"
            f" answer, sequence FROM events WHERE {OF} ORDER BY sequence".encode()
        )
        made = None
        for *row, sequence in await cursor.fetchall():
            made = link(made, *row)
            await connection.execute(
                f"UPDATE events SET chain = %s WHERE {OF} AND sequence = %s".encode(),
                [made, sequence],
            )
    await change(opened, f"UPDATE members SET chain = %s WHERE {OF}", made)


def test_the_command_says_what_differs_and_how_to_go_on(tmp_path) -> None:
    async def work() -> None:
        async with shop() as opened:
            await change(opened, f"UPDATE members SET state = '\\x90' WHERE {OF}")
            place = ["--url", opened.conninfo]
            found = CliRunner().invoke(app, ["verify", *place])
            assert found.exit_code == 1
            assert "likely:" in found.output
            assert "--repair state" in found.output
            repaired = CliRunner().invoke(app, ["verify", *place, "--repair", "state", "--json"])
            assert (repaired.exit_code, json.loads(repaired.stdout)["repaired"]) == (0, 1)
            wrong = CliRunner().invoke(app, ["verify", *place, "--repair", "postings"])
            assert wrong.exit_code == 2
            nobody = CliRunner().invoke(app, ["verify", *place, "--member", "nobody"])
            assert nobody.exit_code == 1
            none = CliRunner().invoke(app, ["chain", "export", *place, str(tmp_path / "heads")])
            assert "laurels jobs run chain-heads" in none.stderr

    run(work())


def test_an_erased_member_is_proved_from_the_seal_on() -> None:
    async def work() -> None:
        async with shop() as opened:
            about = {"id": "k", "occurred_at": "2026-03-01T00:00:00Z",
                     "attributes": {"born": "1990-03-04"}}  # fmt: skip
            await opened.put_member(OWNER, "shop", "anna", about)
            number = await ask(opened, "SELECT member FROM people WHERE name = 'anna'")
            await opened.erase(OWNER, "shop", "anna")
            found = await verified(opened)
            assert found.equal, told(found)
            assert found.programs["shop"]["sealed"] == 1
            alone = await verified(opened, members=(f"~{number}", f"~{number}"))
            assert alone.equal
            await change(opened, f"UPDATE postings SET points = points + 1 WHERE member = {number}"
                                 " AND event = 1 AND rule = 'base' AND NOT corrects")  # fmt: skip
            assert "seal-wrong" in (await verified(opened)).kinds

    run(work())


def test_what_was_waived_is_said_and_is_no_difference() -> None:
    async def work() -> None:
        async with shop(LASTING) as opened:
            later = (
                LASTING
                + """\
  - version: 2
    effective_from: 2026-03-01
    rules:
      base: {on: purchase, give: {rate: 200%}}
    returns: as_if_never_bought
"""
            )
            await opened.publish(OWNER, "shop", later)
            await opened.prepare(OWNER, "shop")
            proposed = await opened.propose_correction(OWNER, "shop", 2, "it was promised")
            assert proposed.differences
            await opened.waive_correction(OWNER, "shop", proposed.correction)
            found = await verified(opened)
            assert found.equal, told(found)
            assert found.programs["shop"]["waived"]["corrections"] == 1
            assert found.programs["shop"]["earlier layouts"] >= 0

    run(work())


def test_the_migration_makes_the_same_links_as_the_service() -> None:
    async def work() -> None:
        async with shop() as opened:
            await opened.put_member(
                OWNER, "shop", "anna",
                {"id": "k", "occurred_at": "2026-03-01T00:00:00Z",
                 "attributes": {"born": "1990-03-04"}},
            )  # fmt: skip
            await change(opened, "UPDATE events SET chain = ''")
            await change(opened, "UPDATE members SET chain = NULL")
            assert not (await verified(opened)).equal
            script = files("laurels.store") / "migrations" / "versions" / "0006_chain.sql"
            async with opened.pool.connection() as connection:
                await connection.execute(script.read_bytes())
            found = await verified(opened)
            assert found.equal, told(found)

    run(work())
