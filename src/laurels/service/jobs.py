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
    """Bring every member over the end of the month before a date."""
    last = day.replace(day=1) - timedelta(days=1)
    return {name: await _until_end_of(service, name, last) for name in await _programs(service)}


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
        "Every member is brought over the end of the month before, in each program's zone, so that"
        " the month's ledger is whole.",
        "A ledger of the month that is read too early lacks what fell due for members whom nobody"
        " asked about.", close_month),
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
