"""A history goes in through `laurels import`: the postings are those of the replay, bit for bit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from laurels import load
from laurels.base.errors import Unavailable
from laurels.cli.app import app
from laurels.engine.compiled import Compiled
from laurels.ledger.postings import Posting
from laurels.replay.options import Files
from laurels.replay.run import replay
from laurels.service import imports, lanes
from laurels.service.imports import import_events
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.testing import throwaway_database
from support.service import postings as stored_postings

ROOT = Path(__file__).parent.parent.parent
OWNER = Actor("owner")
STARTER = ROOT / "programs/retail-starter/program.yaml"


def history() -> list[dict[str, Any]]:
    """Purchases, returns, late ones, a redemption, one that no door lets in."""
    events: list[dict[str, Any]] = []
    for number in range(240):
        month, day, hour = 1 + number // 40, 1 + number % 27, 8 + number % 12
        event = {"id": f"e{number}", "member": f"m{number % 7}", "type": "purchase",
                 "amount": f"{10 + number * 7 % 400}.{number % 100:02}",
                 "occurred_at": f"2026-{month:02}-{day:02}T{hour:02}:00:00Z"}  # fmt: skip
        if number % 11 == 5:
            event["recorded_at"] = f"2026-{month:02}-{day + 1:02}T23:00:00Z"
        events.append(event)
        if number % 13 == 7:
            events.append({
                "id": f"r{number}", "member": event["member"], "type": "return",
                "returns": event["id"], "amount": "5.00",
                "occurred_at": f"2026-{month:02}-{day:02}T22:00:00Z",
            })  # fmt: skip
        if number % 29 == 11:
            events.append({
                "id": f"s{number}", "member": event["member"], "type": "redemption",
                "points": "20", "occurred_at": f"2026-{month:02}-{day:02}T21:00:00Z",
            })  # fmt: skip
    events.append({"id": "bad", "member": "m1", "type": "purchase", "amount": "ten",
                   "occurred_at": "2026-03-01T08:00:00Z"})  # fmt: skip
    return events


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in history()))
    return path


def replayed(compiled: Compiled, file: Path) -> list[Posting]:
    found: list[Posting] = []
    events = Files((file,)).read(compiled)
    replay(compiled, events, as_recorded=True, sink=lambda book, rows: found.extend(rows))
    return found


def test_what_was_imported_is_what_the_replay_as_recorded_gives_bit_for_bit(file: Path) -> None:
    async def go() -> None:
        compiled = load(STARTER)
        async with await Service.open(throwaway_database().service) as service:
            await service.publish(OWNER, compiled.name, STARTER.read_text())
            told: list[tuple[int, int]] = []
            done = await import_events(
                service, OWNER, compiled.name, Files((file,)).read(compiled),
                lambda *each: told.append(each),
            )  # fmt: skip
            assert [each.reason for each in done.rejected] == ["decimal-invalid"]
            assert told[-1][0] == told[-1][1] == len(history()) - 1
            expected = replayed(compiled, file)
            # The books stand just after the last event in a replay, at the clock in a service:
            # what has fallen due since then is not compared.
            end = max(each.posted_at for each in expected)
            stored = [each for each in await stored_postings(service, compiled.name)
                      if each.posted_at <= end]  # fmt: skip
            assert sorted(stored, key=lambda p: p.id) == sorted(expected, key=lambda p: p.id)
            assert any(each.corrects for each in stored)

    asyncio.run(go())


def test_an_import_that_is_begun_again_passes_over_what_is_there(file: Path) -> None:
    async def go() -> None:
        compiled = load(STARTER)
        async with await Service.open(throwaway_database().service) as service:
            await service.publish(OWNER, compiled.name, STARTER.read_text())
            half = Files((file,)).read(compiled)
            half.bodies, half.places = half.bodies[:100], half.places[:100]
            await import_events(service, OWNER, compiled.name, half, lambda *_: None)
            whole = Files((file,)).read(compiled)
            done = await import_events(service, OWNER, compiled.name, whole, lambda *_: None)
            assert done.counts["duplicate"] == 100
            postings = await stored_postings(service, compiled.name)
            again = await import_events(service, OWNER, compiled.name, whole, lambda *_: None)
            assert set(again.counts) == {"duplicate", "rejected"}
            assert await stored_postings(service, compiled.name) == postings

    asyncio.run(go())


@asynccontextmanager
async def busy(service: Service, called: str) -> AsyncIterator[None]:
    """Somebody else holds a member."""
    async with service.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT FROM members m JOIN people p USING (member) WHERE p.name = %s FOR UPDATE OF m",
            [called],
        )
        yield


async def other_purchases(service: Service) -> int:
    async with service.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM events WHERE id LIKE 'e%%'", [])
        return int((await cursor.fetchall())[0][0])


async def known(service: Service, program: str) -> None:
    """A member that is there before the import."""
    await service.publish(OWNER, program, STARTER.read_text())
    first = {"id": "first", "member": "m3", "type": "purchase", "amount": "1.00",
             "occurred_at": "2025-12-01T08:00:00Z"}  # fmt: skip
    assert (await service.take(OWNER, program, [first]))[0].status == "taken"


def test_what_could_not_be_taken_at_once_is_taken_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "TRIES", 0)

    async def go() -> None:
        compiled = load(STARTER)
        async with await Service.open(throwaway_database().service) as service:
            await known(service, compiled.name)
            async with busy(service, "m3"):
                events = Files((file,)).read(compiled)
                work = asyncio.create_task(
                    import_events(service, OWNER, compiled.name, events, lambda *_: None)
                )
                while not work.done() and not await other_purchases(service):
                    await asyncio.sleep(0.05)
            done = await work
            assert done.counts["retry-later"] == 0
            assert sum(done.counts.values()) == len(history())

    asyncio.run(go())


def test_an_import_that_left_events_out_does_not_end_well(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "TRIES", 0)
    monkeypatch.setattr(imports, "AGAIN", 2)

    async def go() -> None:
        compiled = load(STARTER)
        async with await Service.open(throwaway_database().service) as service:
            await known(service, compiled.name)
            async with busy(service, "m3"):
                events = Files((file,)).read(compiled)
                with pytest.raises(Unavailable, match="import again"):
                    await import_events(service, OWNER, compiled.name, events, lambda *_: None)
            assert await other_purchases(service) > 100

    asyncio.run(go())


def test_the_command_says_what_became_of_the_rows_and_lists_the_rejected(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = throwaway_database()

    async def publish() -> None:
        async with await Service.open(database.service) as service:
            await service.publish(OWNER, "retail-starter", STARTER.read_text())

    asyncio.run(publish())
    monkeypatch.setenv("LAURELS_DATABASE_URL", database.service)
    out = tmp_path / "out"
    ran = CliRunner().invoke(
        app, ["import", "retail-starter", str(file), "--out", str(out), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["rejected"] == 1
    assert found["events"]["rejected"] == 1
    assert found["events"]["taken"] > 200
    assert "decimal-invalid" in (out / "rejected.csv").read_text()
