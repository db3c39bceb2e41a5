"""The service of one process: its commands, its queue, its connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any

from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError
from laurels.engine.compiled import Compiled
from laurels.service import publish as publishing
from laurels.service.decide import Coming
from laurels.service.lanes import Lanes
from laurels.service.load import rows_of
from laurels.service.programs import Connection, Programs, Running
from laurels.service.types import Actor, Answer, Control, Published

WORKERS = 2
SETTINGS = (
    # plans must not depend on statistics: every hot statement is a walk along keys
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET plan_cache_mode = force_generic_plan; SET jit = off"
)


class Service:
    """Commands of the programs of one database. Made by `Service.open`."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], deciding: AsyncConnectionPool[Any], key: bytes,
        workers: int,
    ) -> None:  # fmt: skip
        self.pool = pool
        self.programs = Programs()
        self._deciding = deciding
        self._lanes = Lanes(deciding, self.programs, key)
        self._lanes.start(workers)
        self._key = key

    @classmethod
    async def open(cls, conninfo: str, *, pool_size: int = 4, workers: int = WORKERS) -> Service:
        """Open a database that has been migrated. Close it with `close`."""
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo, min_size=1, max_size=pool_size, open=False, kwargs={"autocommit": True}
        )
        deciding: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo, min_size=workers, max_size=workers, open=False, configure=steady,
            kwargs={"autocommit": True},
        )  # fmt: skip
        await pool.open()
        await deciding.open()
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO settings (key, value) VALUES"
                " ('identity-key', md5(gen_random_uuid()::text)) ON CONFLICT DO NOTHING"
            )
            cursor = await connection.execute(
                "SELECT value FROM settings WHERE key = 'identity-key'"
            )
            row = await cursor.fetchone()
        assert row is not None
        return cls(pool, deciding, row[0].encode(), workers)

    async def close(self) -> None:
        """Stop taking, and let go of the database."""
        await self._lanes.stop()
        await self._deciding.close()
        await self.pool.close()

    async def __aenter__(self) -> Service:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # -- programs ------------------------------------------------------------------------------

    async def publish(
        self, actor: Actor, program: str, text: str, *, dry_run: bool = False
    ) -> Published:
        """Publish a program file; with `dry_run` only say what it would change.

        Raises ProgramError with every finding.
        """
        async with self.pool.connection() as connection:
            return await publishing.publish(
                connection, self.programs, actor, program, text, dry_run
            )

    async def compiled(self, program: str) -> Compiled:
        """The engine's program that is in force."""
        async with self.pool.connection() as connection:
            return (await self._running(connection, program)).compiled

    async def _running(self, connection: Connection, program: str) -> Running:
        number = await self.programs.number(connection, program)
        rows = await rows_of(connection, "moment", program=number)
        return await self.programs.running(connection, number, rows[0][1])

    async def now(self) -> int:
        """The clock that events are recorded by."""
        async with self.pool.connection() as connection:
            rows = await rows_of(connection, "moment", program=0)
            return int(rows[0][0])

    # -- events --------------------------------------------------------------------------------

    async def take(
        self,
        actor: Actor,
        program: str,
        events: Sequence[Mapping[str, Any]],
        *,
        control: Control | None = None,
        bulk: bool = False,
    ) -> list[Answer]:
        """Take events, each answered in its place. Events of one member keep their order.

        Raises RequestError for a batch that is not what its sender counted, Unavailable or Fault
        where nothing could be written.
        """
        if control is not None:
            must_count(events, control)
        async with self.pool.connection() as connection:
            number = await self.programs.number(connection, program)
        answers: list[Answer | None] = [None] * len(events)
        comings = []
        places = []
        for i, raw in enumerate(events):
            try:
                comings.append(coming_of(actor, raw))
                places.append(i)
            except RequestError as error:
                name = str(raw.get("id") or "")
                answers[i] = Answer("rejected", str(raw.get("source") or ""), name, error=error)
        for i, answer in zip(places, await self._lanes.submit(number, comings, bulk), strict=True):
            answers[i] = answer
        return [answer for answer in answers if answer is not None]


async def steady(connection: Connection) -> None:
    """Settings of a connection that decides."""
    await connection.execute(SETTINGS.encode())


def coming_of(actor: Actor, raw: Mapping[str, Any]) -> Coming:
    """An event as somebody sends it: its source is theirs, and only an owner says when it was
    recorded. Raises RequestError."""
    source = raw.get("source")
    if source is None or source == "":
        source = "" if actor.sources[0] == "*" else actor.sources[0]
    elif "*" not in actor.sources and source not in actor.sources:
        raise RequestError(
            "not-your-source", f"you cannot speak for `{str(source)[:40]}`", where="source",
            expected="one of " + ", ".join(actor.sources),
        )  # fmt: skip
    given = raw.get("recorded_at")
    if given is not None and given != "" and "owner" not in actor.roles:
        raise RequestError(
            "recorded-at-not-yours", "when an event is recorded is not for the sender to say",
            where="recorded_at", expected="nothing",
        )  # fmt: skip
    source = str(source)
    body = {**raw, "source": source}
    body.pop("recorded_at", None)
    return Coming(body, source, str(raw.get("id") or ""), str(raw.get("member") or ""),
                  actor.name, given or None)  # fmt: skip


def must_count(events: Sequence[Mapping[str, Any]], control: Control) -> None:
    """A batch is what its sender counted. Raises RequestError."""
    if control.count is not None and control.count != len(events):
        raise RequestError(
            "batch-count", f"there are {len(events)} events", where="control.count",
            expected=str(control.count),
        )  # fmt: skip
    if control.sum is not None:
        total = sum((Decimal(str(each.get("amount") or 0)) for each in events), Decimal(0))
        if total != control.sum:
            raise RequestError(
                "batch-sum", f"the amounts come to {total}", where="control.sum",
                expected=str(control.sum),
            )  # fmt: skip
