"""Jobs: a table, safe to repeat, for any date; the queue that runs them is a real one."""

import asyncio
import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from laurels.base.instants import parse_instant
from laurels.bootstrap.queue import ask_for, day_of, queue, worker
from laurels.service import jobs as J
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.store.jobs import prepare_jobs
from laurels.testing import throwaway_database

ROOT = Path(__file__).parent.parent.parent
OWNER = Actor("owner")
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
    expires: 1 month
    returns: proportional
"""


def at(text: str) -> int:
    return parse_instant(text, "UTC", "at")


@asynccontextmanager
async def shop() -> AsyncIterator[tuple[str, Service]]:
    """A sandbox in which anna has points that expire at the end of February in Almaty."""
    database = throwaway_database("sandbox")
    async with await Service.open(database.service) as service:
        await service.move_clock(OWNER, at("2026-01-30T12:00:00Z"))
        await service.publish(OWNER, "shop", PROGRAM)
        (answer,) = await service.take(OWNER, "shop", [
            {"id": "e1", "member": "anna", "type": "purchase", "amount": "10.00",
             "occurred_at": "2026-01-30T10:00:00Z"},
        ])  # fmt: skip
        assert answer.status == "taken"
        yield database.service, service


async def time_passes(service: Service, to: str) -> None:
    """As it does by itself: nobody is brought along, as `move_clock` would."""
    async with service.pool.connection() as connection:
        await connection.execute("UPDATE clock SET at = %s", [at(to)])


def test_the_page_is_that_of_the_table() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "jobs_page.py"))["page"]()
    assert (ROOT / "docs" / "jobs.md").read_text("utf-8") == page, "make docs"


def test_every_job_says_what_a_missed_run_means_and_no_two_share_a_name() -> None:
    assert len({each.name for each in J.JOBS}) == len(J.JOBS)
    assert all(each.missed and each.what and len(each.cadence.split()) == 5 for each in J.JOBS)


def test_advance_posts_what_fell_due_once_however_often_it_runs_and_for_a_past_date() -> None:
    async def go() -> None:
        async with shop() as (_, service):
            await time_passes(service, "2026-04-01T00:00:00Z")
            assert await J.advance(service, date(2026, 2, 1)) == {"shop": 0}
            assert await J.advance(service, date(2026, 3, 5)) == {"shop": 1}
            assert await J.advance(service, date(2026, 3, 5)) == {"shop": 0}
            assert await J.advance(service, date(2026, 4, 1)) == {"shop": 0}

    asyncio.run(go())


def test_a_date_ahead_of_the_clock_advances_to_the_clock() -> None:
    async def go() -> None:
        async with shop() as (_, service):
            assert await J.advance(service, date(2030, 1, 1)) == {"shop": 0}

    asyncio.run(go())


def test_the_month_is_closed_where_the_program_is() -> None:
    """Points that end at 00:00 of 1 March in Almaty end on 28 February in UTC, and in March."""

    async def go() -> None:
        async with shop() as (_, service):
            await time_passes(service, "2026-04-10T00:00:00Z")
            for day, due, closed in ((3, 0, ["2026-02"]), (4, 1, ["2026-03"]), (4, 0, [])):
                found = await J.close_month(service, date(2026, day, 10))
                assert found == {"shop": {"due": due, "closed": closed}}

    asyncio.run(go())


def test_a_job_in_the_queue_is_done_by_a_worker_for_its_date() -> None:
    async def go() -> None:
        async with shop() as (conninfo, service):
            await time_passes(service, "2026-04-01T00:00:00Z")
            said: list[dict[str, Any]] = []
            stopping = asyncio.Event()

            def say(event: str, level: str = "info", **fields: Any) -> None:
                said.append({"event": event, **fields})
                if event == "job" and (fields["job"], fields["day"]) == ("advance", "2026-03-05"):
                    stopping.set()

            job = J.job("advance")
            assert job is not None
            app = queue(conninfo, service, say)
            async with app.open_async():
                await ask_for(app, job, date(2026, 3, 5))
            async with asyncio.timeout(60):
                await worker(conninfo, service, say)(stopping)
            # the worker's own hour may strike meanwhile, for a later day: whoever comes first
            # finds what was due until then
            done = [each for each in said if each.get("job") == "advance"]
            assert done[-1]["day"] == "2026-03-05"
            assert done[0]["found"]["shop"] == 1

    asyncio.run(go())


def test_a_run_stands_for_the_day_at_which_it_was_due() -> None:
    assert day_of(1_767_225_599) == date(2025, 12, 31)
    assert day_of(1_767_225_600) == date(2026, 1, 1)


def test_old_rejections_are_forgotten_and_younger_ones_kept() -> None:
    async def go() -> None:
        async with shop() as (_, service):
            async with service.pool.connection() as connection:
                for number, text in enumerate(("2025-10-01", "2026-01-20")):
                    await connection.execute(
                        "INSERT INTO rejected VALUES (1, %s, %s, '', '', '', '', '', '')",
                        [at(f"{text}T00:00:00Z"), number],
                    )
            assert await J.forget_rejected(service, date(2026, 1, 30)) == {"rows": 1}
            assert await J.forget_rejected(service, date(2026, 1, 30)) == {"rows": 0}

    asyncio.run(go())


def test_the_tables_of_the_queue_are_made_once_and_the_service_may_not_drop_them() -> None:
    database = throwaway_database()
    prepare_jobs(database.owner)
    with psycopg.connect(database.service, autocommit=True) as connection:
        connection.execute("SELECT 1 FROM jobs.procrastinate_jobs")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE jobs.procrastinate_jobs")
