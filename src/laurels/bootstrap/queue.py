"""The job queue of a database: procrastinate over the table of jobs.

No job has a `queueing_lock`: with it, retrying a stalled job would violate the library's unique
index. Two runs of one job at a time do no harm. A job whose process died is found by its heartbeat
and begun again; jobs that are done are deleted after KEPT_HOURS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime

import procrastinate
from procrastinate import RetryStrategy

from laurels.base.outside import now
from laurels.bootstrap.logs import Say
from laurels.service.jobs import JOBS, Job
from laurels.service.service import Service
from laurels.store.jobs import queue_conninfo

KEPT_HOURS = 24 * 14
STALLED_SECONDS = 120
TRIES = RetryStrategy(max_attempts=6, exponential_wait=5)
CONCURRENCY = 2


def queue(conninfo: str, service: Service, say: Say) -> procrastinate.App:
    """The queue, its tasks and their times."""
    connector = procrastinate.PsycopgConnector(
        conninfo=queue_conninfo(conninfo), min_size=1, max_size=3
    )
    app = procrastinate.App(connector=connector)
    for each in JOBS:
        _register(app, each, service, say)
    _register_care(app, say)
    return app


def _register(app: procrastinate.App, job: Job, service: Service, say: Say) -> None:
    @app.periodic(cron=job.cadence, periodic_id=job.name)
    @app.task(name=job.name, retry=TRIES)
    async def run(timestamp: int, day: str | None = None) -> None:
        stands_for = date.fromisoformat(day) if day else day_of(timestamp)
        found = await job.work(service, stands_for)
        level = "error" if found.get("differences") else "info"
        say("job", level, job=job.name, day=stands_for.isoformat(), found=dict(found))


def _register_care(app: procrastinate.App, say: Say) -> None:
    @app.periodic(cron="*/2 * * * *", periodic_id="begin-stalled-again")
    @app.task(name="begin-stalled-again")
    async def begin_again(timestamp: int) -> None:
        del timestamp
        stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
        for each in stalled:
            say("job-stalled", "warning", job=each.task_name)
            await app.job_manager.retry_job(each)

    @app.periodic(cron="20 3 * * *", periodic_id="forget-done")
    @app.task(name="forget-done")
    async def forget_done(timestamp: int) -> None:
        del timestamp
        await app.job_manager.delete_old_jobs(
            nb_hours=KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )


def day_of(timestamp: int) -> date:
    """The date that a run stands for: the UTC date of the minute at which it was due."""
    return datetime.fromtimestamp(timestamp, tz=UTC).date()


async def ask_for(app: procrastinate.App, job: Job, day: date) -> int:
    """Put a run of a job for a date into the queue; its number."""
    task = app.tasks[job.name]
    return int(await task.defer_async(timestamp=now() // 1_000_000, day=day.isoformat()))


def worker(conninfo: str, service: Service, say: Say) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Something that runs jobs until told to stop; the job that is under way is finished."""

    async def run(stopping: asyncio.Event) -> None:
        app = queue(conninfo, service, say)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    concurrency=CONCURRENCY, install_signal_handlers=False,
                    shutdown_graceful_timeout=20,
                )
            )  # fmt: skip
            waiting = asyncio.create_task(stopping.wait())
            await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            working.cancel()
            try:
                await working
            except asyncio.CancelledError:
                if not stopping.is_set():
                    raise

    return run
