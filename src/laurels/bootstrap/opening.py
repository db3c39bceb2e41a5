"""What a process holds open for each database: the service, keys, the relay of webhooks, jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from laurels.base.errors import LaurelsError, RequestError
from laurels.base.outside import now, random_bytes, ticks
from laurels.bootstrap.databases import Database
from laurels.bootstrap.logs import Say
from laurels.bootstrap.queue import worker
from laurels.config import Settings
from laurels.program.loader import parse_document
from laurels.service.keys import ENTROPY, LIVE, SANDBOX, KeyRing, add_key, list_keys, secret
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.service.webhooks.addresses import networks
from laurels.service.webhooks.commands import Hooks
from laurels.service.webhooks.relay import Relay, ServiceFeed
from laurels.service.webhooks.sender import Sender
from laurels.web.api.cursors import Cursors
from laurels.web.api.exchange import Environment

SERVER = Actor("server")
PREFIXES = {"live": LIVE, "sandbox": SANDBOX}
PAUSE = 5.0
"""Seconds before what has failed in the background is begun again."""


def opening(
    databases: Sequence[Database], settings: Settings, say: Say
) -> Callable[[], AbstractAsyncContextManager[Sequence[Environment]]]:
    """What an application opens when it starts, and closes when it stops."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Sequence[Environment]]:
        async with AsyncExitStack() as stack:
            found = [
                await stack.enter_async_context(environment(each, settings)) for each in databases
            ]
            for each, database in zip(found, databases, strict=True):
                await stack.enter_async_context(background(each, database, settings, say))
            yield found

    return opened


@asynccontextmanager
async def environment(database: Database, settings: Settings) -> AsyncIterator[Environment]:
    """A database behind its keys, for as long as the block lasts."""
    service = await Service.open(
        database.service, pool_size=settings.pool_size, limit=settings.adjustment_limit
    )
    async with service:
        async with service.pool.connection() as connection:
            signing = await secret(connection, "cursors", random_bytes(32))
        keys = KeyRing(service.pool, PREFIXES[database.name])
        hooks = Hooks(
            service.pool, now, random_bytes, networks(settings.webhook_networks),
            settings.webhook_key,
        )  # fmt: skip
        yield Environment(database.name, service, keys, Cursors(signing), hooks)


@asynccontextmanager
async def background(
    environment: Environment, database: Database, settings: Settings, say: Say
) -> AsyncIterator[None]:
    """The relay of webhooks, and jobs, while the block lasts. What is under way is finished."""
    stopping = asyncio.Event()
    sender = Sender(networks(settings.webhook_networks))
    service = environment.service

    def told(webhook: str, sent: int, failure: str) -> None:
        # What a receiver answered may hold anything, so only that it failed is logged.
        level = "warning" if failure else "debug"
        event = "webhook-failed" if failure else "webhook"
        say(event, level, webhook=webhook, sent=sent, environment=environment.name)

    relay = Relay(service.pool, ServiceFeed(service), sender, now, ticks, random_bytes, told,
                  settings.webhook_key)  # fmt: skip
    tasks = []
    if settings.webhooks:
        tasks.append(asyncio.create_task(_kept_up("webhooks", relay.run, stopping, say)))
    if settings.jobs:
        run_jobs = worker(database.service, service, say)
        tasks.append(asyncio.create_task(_kept_up("jobs", run_jobs, stopping, say)))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*tasks)
        await sender.close()


async def _kept_up(
    name: str, run: Callable[[asyncio.Event], Awaitable[None]], stopping: asyncio.Event, say: Say
) -> None:
    """Run something until told to stop; when it fails, say so, wait, and begin again."""
    while not stopping.is_set():
        try:
            await run(stopping)
        except Exception as error:  # the database may be away: nothing else may stop for it
            say("background-failed", "error", what=name, error=type(error).__name__)
            try:
                async with asyncio.timeout(PAUSE):
                    await stopping.wait()
            except TimeoutError:
                continue


async def first_key(environment: Environment) -> str | None:
    """An owner's key for a database that has none yet. It is not shown again."""
    async with environment.service.pool.connection() as connection:
        if await list_keys(connection):
            return None
        return await add_key(
            connection, environment.keys.prefix, label="first key", role="owner", programs=(),
            sources=(), by=SERVER.name, now=now(), entropy=random_bytes(ENTROPY),
        )  # fmt: skip


def program_files(folder: Path) -> list[Path]:
    """The program files of a folder: its `program.yaml` (others beside it are variants of it), else
    its `*.yaml`, and `program.yaml` of each folder in it.

    Raises: RequestError, code file-missing
    """
    if not folder.is_dir():
        raise RequestError("file-missing", "there is no such folder", where=str(folder))
    if (folder / "program.yaml").is_file():
        return [folder / "program.yaml"]
    found = sorted([*folder.glob("*.yaml"), *folder.glob("*/program.yaml")])
    if not found:
        raise RequestError(
            "file-missing", "there are no program files here", where=str(folder),
            expected="a *.yaml, or folders with a program.yaml",
        )  # fmt: skip
    return found


async def publish_files(service: Service, files: Sequence[Path]) -> list[tuple[str, bool]]:
    """Publish program files, those that changed; returns (program, whether it was new).

    Raises: ProgramError with every finding of the first file that is wrong
    """
    published = []
    for file in files:
        text = file.read_text("utf-8-sig")
        name = parse_document(text, str(file)).program.program
        before = now()
        try:
            found = await service.publish(SERVER, name, text)
            if found.state == "preparing":
                await service.prepare(SERVER, name)
        except LaurelsError as error:
            error.add_note(str(file))
            raise
        published.append((name, found.published_at is not None and found.published_at >= before))
    return published
