"""What `laurels db` works with: a server, ours or the owner's, and PostgreSQL's own programs."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection

from laurels.base.errors import Unavailable
from laurels.bootstrap.databases import SANDBOX_DATABASE
from laurels.cli.problems import usage
from laurels.config import Settings, read_settings
from laurels.store.embedded import Binaries, EmbeddedServer, available, default_folder, locate
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.roles import DATABASE, OWNER_ROLE, SERVICE_ROLE


def settings(data: Path | None = None, url: str | None = None) -> Settings:
    """The environment's settings with those of the command line; --data means the embedded one."""
    found = read_settings(os.environ).changed(data=data, database_url=url)
    return found.changed(database_url="") if data and not url else found


def embedded(found: Settings) -> EmbeddedServer:
    """The embedded server that the settings name; not started."""
    return EmbeddedServer(found.data or default_folder())


@contextmanager
def reached(
    found: Settings, database: str, role: str
) -> Iterator[tuple[EmbeddedServer | None, str]]:
    """The embedded server, in use, and how to connect; or an owner's own."""
    if found.database_url:
        owner = role in {OWNER_ROLE, SUPERUSER} and found.owner_database_url
        yield None, owner or found.database_url
        return
    with embedded(found) as server:
        yield server, server.url(role, database)


def run_program(
    server: EmbeddedServer | None, program: str, arguments: Sequence[str],
    *, given: int | None = None, out: int | None = None,
) -> int:  # fmt: skip
    """Run a program of PostgreSQL with our streams; its exit code."""
    binaries = server.binaries if server else _client_programs(arguments)
    switch = server.ground.switch() if server else {}
    try:
        return subprocess.run(
            [binaries.command(program), *arguments], stdin=given, stdout=out, check=False, **switch
        ).returncode
    except FileNotFoundError:
        raise Unavailable(
            "database-binaries-missing", f"{program} is not installed in {binaries.folder}"
        ) from None


def _client_programs(arguments: Sequence[str]) -> Binaries:
    """Programs for a server elsewhere: pg_dump refuses one that is newer than itself."""
    place = next(each for each in arguments if each.startswith("postgres"))
    with psycopg.connect(place) as connection:
        major = connection.info.server_version // 10_000
    fitting = [each for each in available() if each.major >= major]
    return locate(None, sorted(fitting, key=lambda each: each.major))


Result = TypeVar("Result")


def on_database(
    sandbox: bool, data: Path | None, url: str | None,
    doing: Callable[[AsyncConnection[Any]], Awaitable[Result]],
) -> Result:  # fmt: skip
    """Run something on the database, live or sandbox, as the service's role."""

    async def run(place: str) -> Result:
        try:
            connecting = await AsyncConnection.connect(place, autocommit=True)
        except psycopg.OperationalError as error:
            raise Unavailable("store-unreachable", f"no database answers: {error}") from None
        async with connecting as connection:
            return await doing(connection)

    with chosen(sandbox, data, url) as place:
        return asyncio.run(run(place))


@contextmanager
def chosen(sandbox: bool, data: Path | None, url: str | None) -> Iterator[str]:
    """How to connect to the database, live or sandbox, as the service's role. Never the live one
    where the sandbox was asked for."""
    found = settings(data, url)
    if sandbox and found.database_url:
        if not found.sandbox_database_url and not url:
            usage("there is no LAURELS_SANDBOX_DATABASE_URL", "--sandbox")
        found = found.changed(database_url=url or found.sandbox_database_url)
    with reached(found, SANDBOX_DATABASE if sandbox else DATABASE, SERVICE_ROLE) as (_, place):
        yield place


def who() -> str:
    """The account that does something, for the record."""
    return pwd.getpwuid(os.geteuid()).pw_name
