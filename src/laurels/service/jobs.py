"""Jobs: what is done at set times, as a table.

Nothing waits for a job to be correct: whoever reads a member or takes an event brings that member
to the instant. Jobs are for those who read the books and the feed. Each carries the date that it
stands for, can run twice, and can run for a date in the past: `laurels jobs run NAME --date DATE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from laurels.service.remind import NOTICES
from laurels.service.service import Service
from laurels.service.verify.heads import write_heads
from laurels.store.statements import statement

REJECTED_DAYS = 90
"""How long it is kept what was wrong with an event that was not taken."""

Work = Callable[[Service, date], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the table.

    cadence  a cron expression, UTC
    missed   what it means when a run was left out
    work     does it for a date; returns counts for the log
    """

    name: str
    cadence: str
    what: str
    missed: str
    work: Work


async def advance(service: Service, day: date) -> Mapping[str, Any]:
    """Post everything that falls due by the end of a day, of every program's own zone."""
    return {name: await _until_end_of(service, name, day) for name in await _programs(service)}


async def close_month(service: Service, day: date) -> Mapping[str, Any]:
    """Bring every member over the end of the month before a date, and freeze its totals; months
    that were left out since the last closing come first."""
    last = day.replace(day=1) - timedelta(days=1)
    found: dict[str, Any] = {}
    for name in await _programs(service):
        due = await _until_end_of(service, name, last)
        found[name] = {"due": due, "closed": await service.close_months(name, f"{last:%Y-%m}")}
    return found


async def remind(service: Service, day: date) -> Mapping[str, Any]:
    """Tell members of points that are about to end."""
    return {name: await service.remind(name, day) for name in await _programs(service)}


async def roll_up(service: Service, day: date) -> Mapping[str, Any]:
    """Sum what was written to the ledger into its days."""
    del day
    return {name: await service.roll_up(name) for name in await _programs(service)}


async def reconcile(service: Service, day: date) -> Mapping[str, Any]:
    """Hold postings, states and the roll-up against each other; what differs is an error in the
    log, and counted."""
    del day
    found = {name: await service.reconcile(name) for name in await _programs(service)}
    return {"differences": sum(each["differences"] for each in found.values()), **found}


async def forget_rejected(service: Service, day: date) -> Mapping[str, Any]:
    """Forget rejections that are REJECTED_DAYS old."""
    before = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=REJECTED_DAYS)
    async with service.pool.connection() as connection:
        cursor = await connection.execute(
            statement("drop_rejected"), {"before": int(before.timestamp()) * 1_000_000}
        )
        return {"rows": cursor.rowcount}


async def chain_heads(service: Service, day: date) -> Mapping[str, Any]:
    """Write the daily head of every program's chains."""
    return await asyncio.to_thread(write_heads, service.conninfo, day)


JOBS: tuple[Job, ...] = (
    Job("advance", "5 * * * *",
        "Points expire and become active, periods close and levels end for members whom nobody"
        " asked about.",
        "Totals of the ledger, the feed and webhooks learn of it later; no balance that anybody"
        " is told is wrong.", advance),
    Job("chain-heads", "10 0 * * *",
        "A hash over every event that was written since the last one, day by day, which `laurels"
        " chain export` saves and `laurels verify --heads` checks.",
        "The next head covers two days.", chain_heads),
    Job("close-month", "30 */6 * * *",
        "Every member is brought over the end of the month before, in each program's zone, and the"
        " month's totals are frozen (`GET …/closings`). What comes later with an earlier date is"
        " in the next month's, as `late`.",
        "The month is closed by the next run, with whatever came until then; months that were left"
        " out are closed one after the other.", close_month),
    Job("remind", "15 6 * * *",
        f"Points that end within {NOTICES[0]} days, and again within {NOTICES[1]}, are told of in"
        " the feed and to webhooks (`points.expiring`), once for each end and notice.",
        "Members are told a day later, with the notice that applies then; points that ended"
        " meanwhile are not told of.", remind),
    Job("roll-up", "*/10 * * * *",
        "What was posted is summed into the days of the ledger.",
        "Nothing is wrong: reading the ledger sums what is missing, and takes longer.", roll_up),
    Job("reconcile", "50 1 * * *",
        "Postings, states and the roll-up of the ledger are held against each other. A difference"
        " is an error in the log, in the metric `laurels_reconcile_differences`, and in the exit"
        " code of `laurels jobs run reconcile`. The roll-up is summed again where it is wrong;"
        " nothing else is changed.",
        "A difference is found a day later.", reconcile),
    Job("forget-rejected", "40 2 * * *",
        f"What was wrong with rejected events is forgotten after {REJECTED_DAYS} days.",
        "The list of rejected events is longer.", forget_rejected),
)  # fmt: skip


def job(name: str) -> Job | None:
    """The job of a name."""
    return next((each for each in JOBS if each.name == name), None)


async def _programs(service: Service) -> list[str]:
    async with service.pool.connection() as connection:
        rows = await connection.execute("SELECT name FROM programs ORDER BY name")
        return [str(row[0]) for row in await rows.fetchall()]


async def _until_end_of(service: Service, program: str, day: date) -> int:
    """Bring a program's members to the end of a local day, or to now where that is sooner."""
    zone = ZoneInfo((await service.compiled(program)).program.zone)
    after = day + timedelta(days=1)
    midnight = datetime(after.year, after.month, after.day, tzinfo=zone)
    until = min(int(midnight.timestamp() * 1_000_000), await service.now())
    return await service.advance(program, until)
