"""`laurels jobs`: what is done at set times, and doing it now."""

from __future__ import annotations

import asyncio
import importlib.util
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from laurels.base.errors import RequestError
from laurels.base.outside import now
from laurels.cli.problems import WRONG_INPUT, print_json, told, usage

jobs = typer.Typer(
    name="jobs", no_args_is_help=True, help="What is done at set times.", rich_markup_mode=None
)

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the embedded server.")
]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="A PostgreSQL of your own, instead.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@jobs.callback()
def needs() -> None:
    """What is done at set times."""
    if importlib.util.find_spec("procrastinate") is None:
        usage("this needs laurels[service], or laurels[service,embedded] with a server of its own")


@jobs.command(name="list")
def list_jobs(as_json: AsJson = False) -> None:
    """Every job: when it runs (cron, UTC), what it does, what a missed run means."""
    from laurels.service.jobs import JOBS

    if as_json:
        names = ("name", "cadence", "what", "missed")
        print_json({"ok": True, "jobs": [{n: getattr(each, n) for n in names} for each in JOBS]})
        return
    for each in JOBS:
        typer.echo(f"{each.name}   {each.cadence}\n  {each.what}\n  When missed: {each.missed}")


@jobs.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    day: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="It stands for; else today.")
    ] = None,
    data: Data = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Do a job now, for a date. Safe to repeat, and for a date in the past.

    Exit 1 where the books were held against each other and something differs.
    """
    from laurels.cli.database import reached, settings
    from laurels.service.jobs import JOBS, job
    from laurels.service.service import Service
    from laurels.store.roles import DATABASE, SERVICE_ROLE

    with told(as_json):
        wanted = job(name)
        if wanted is None:
            usage(f"there is no job `{name}`: {', '.join(each.name for each in JOBS)}", "NAME")
        stands_for = _date(day)

        async def work(place: str) -> dict[str, Any]:
            async with await Service.open(place) as service:
                return dict(await wanted.work(service, stands_for))

        with reached(settings(data, url), DATABASE, SERVICE_ROLE) as (_, place):
            found = asyncio.run(work(place))
        if as_json:
            print_json({"ok": not found.get("differences"), "job": name,
                        "date": stands_for.isoformat(), "found": found})  # fmt: skip
        else:
            typer.echo(f"{name} for {stands_for}: {found}")
        if found.get("differences"):
            raise typer.Exit(WRONG_INPUT)


def _date(text: str | None) -> date:
    if text is None:
        return datetime.fromtimestamp(now() / 1_000_000, tz=UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(
            "event-date", f"`{text}` is no date", where="--date", expected="such as 2026-03-01"
        ) from None
