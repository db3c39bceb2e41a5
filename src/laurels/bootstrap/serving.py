"""The server: databases, programs, a first key, HTTP; and the way back down."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server as Granian
from starlette.types import ASGIApp

from laurels import __version__
from laurels.base.errors import LaurelsError, RequestError
from laurels.bootstrap.databases import Database, databases
from laurels.bootstrap.logs import Say, log_to_stderr
from laurels.bootstrap.opening import environment, first_key, opening, program_files, publish_files
from laurels.config import Settings
from laurels.store.embedded import EmbeddedServer
from laurels.web.api.app import create_app

STOP_SECONDS = 30
"""How long requests that are under way may take when the server is asked to stop."""

WATCH_SECONDS = 1.0


@dataclass(slots=True)
class Started:
    """What a start came to, for whoever started it.

    keys      by database: the first owner's key, where one was made
    programs  by name: whether its text is newly published
    """

    url: str
    database: str
    keys: dict[str, str] = field(default_factory=dict)
    programs: dict[str, bool] = field(default_factory=dict)


def serve(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM or SIGINT).

    Raises: LaurelsError of whatever keeps the server from starting
    """
    say = log_to_stderr(settings.log_level)
    with databases(settings) as (embedded, found), watched(embedded, say):
        port = settings.port or free_port(settings.host)
        check_free(settings.host, port)
        started = asyncio.run(prepared(settings, found))
        started.url = f"http://{_bracketed(settings.host)}:{port}"
        server = Granian(
            "laurels", settings.host, port, interface=Interfaces.ASGI, workers=settings.workers,
            loop=Loops.uvloop, http=HTTPModes.http1, websockets=False, log_enabled=False,
            respawn_failed_workers=True, workers_kill_timeout=STOP_SECONDS,
        )  # fmt: skip

        @server.on_startup
        def announce() -> None:
            say("started", url=started.url, database=started.database, version=__version__)
            print(page(started), flush=True)

        server.serve(target_loader=partial(application, found, settings))
        say("stopped")


def application(
    found: Sequence[Database], settings: Settings, *_: Any, say: Say | None = None
) -> ASGIApp:
    """The application of one process."""
    spare_the_collector()
    return create_app(opening(found, settings, say or log_to_stderr(settings.log_level)))


def spare_the_collector() -> None:
    """What was loaded by now stays as long as the process, so it is not looked through again; and
    what a batch makes goes with the batch, by count of references. Without this the search for
    cycles takes longer than the events."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def prepared(settings: Settings, found: Sequence[Database]) -> Started:
    """Publish the programs of the folder, in each database, and make the first keys."""
    files = program_files(settings.programs) if settings.programs else []
    started = Started("", "")
    for each in found:
        async with environment(each, settings) as opened:
            names = await publish_files(opened.service, files)
            if each.name == "live":
                started.programs = dict(names)
                async with opened.service.pool.connection() as connection:
                    info = connection.info
                    version = info.server_version
                    started.database = (
                        f"PostgreSQL {version // 10_000}.{version % 10_000}, {info.host}"
                    )
            key = await first_key(opened)
            if key:
                started.keys[each.name] = key
    return started


def page(started: Started) -> str:
    """What is shown when the server answers."""
    rows = [("docs", f"{started.url}/docs"), ("database", started.database)]
    for name, is_new in started.programs.items():
        rows.append(("program", f"{name}, published now" if is_new else name))
    for name, key in started.keys.items():
        rows.append((f"{name} key", f"{key}   an owner's, shown this once; more: laurels keys"))
    lines = [f"Laurels {__version__} answers on {started.url}"]
    return "\n".join(lines + [f"  {name:<12} {text}" for name, text in rows])


@contextmanager
def watched(embedded: EmbeddedServer | None, say: Say) -> Iterator[None]:
    """The embedded server is started again when it dies, while the block lasts."""
    if embedded is None:
        yield
        return
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(WATCH_SECONDS):
            try:
                if embedded.ensure_running():
                    say("database-restarted", "warning")
            except LaurelsError as error:
                say("database-down", "error", code=error.code)

    thread = threading.Thread(target=watch, name="database", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def free_port(host: str) -> int:
    """A port that nobody uses at this moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def check_free(host: str, port: int) -> None:
    """Raise RequestError, code port-taken, where nothing can listen on a port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise RequestError(
                "port-taken", f"nothing can listen on {host} port {port}: {error.strerror}",
                hint="--port takes another; 0 takes any that is free",
            ) from None  # fmt: skip


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
