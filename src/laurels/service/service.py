"""The service of one process: its commands, its queue, its connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError
from laurels.engine.compiled import Compiled
from laurels.engine.explanations import PostingExplanation
from laurels.program.link.reserved import WRITTEN
from laurels.service import advance as advancing
from laurels.service import closing, ledger_days, listing, person, reading
from laurels.service import correct as correcting
from laurels.service import hold as holding
from laurels.service import merge as merging
from laurels.service import prepare as preparing
from laurels.service import publish as publishing
from laurels.service import quote as quoting
from laurels.service import reconcile as reconciling
from laurels.service import remind as reminding
from laurels.service.audit import audit
from laurels.service.correct import Correction
from laurels.service.decide import Coming
from laurels.service.feed import BEGINNING, read_feed
from laurels.service.lanes import Lanes
from laurels.service.load import rows_of
from laurels.service.merge import Merged, Merging
from laurels.service.programs import Connection, Programs, Running
from laurels.service.types import (
    Actor,
    Answer,
    Control,
    MemberView,
    Page,
    Published,
    Quote,
)
from laurels.store.trips import STANDARD

if TYPE_CHECKING:
    from laurels.service.exports import Exported, Progress

WORKERS = 2
CORRECTOR = Actor("correction", frozenset({"owner"}), ("*",))
SETTINGS = (
    # plans must not depend on statistics: every hot statement is a walk along keys
    f"{STANDARD}; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    " SET plan_cache_mode = force_generic_plan; SET jit = off"
)

PATIENCE = 5.0
"""Seconds until the database has to give a connection."""


class Service:
    """Commands of the programs of one database. Made by `Service.open`."""

    def __init__(
        self, conninfo: str, pool: AsyncConnectionPool[Any], deciding: AsyncConnectionPool[Any],
        key: bytes, workers: int, limit: Decimal | None = None,
    ) -> None:  # fmt: skip
        self.pool = pool
        self._limit = limit
        self.conninfo = conninfo
        self.programs = Programs()
        self.differences: dict[str, int] = {}
        """What the last `reconcile` of this process found, by program."""
        self._deciding = deciding
        self._lanes = Lanes(deciding, self.programs, key)
        self._lanes.start(workers)
        self._key = key

    @classmethod
    async def open(
        cls, conninfo: str, *, pool_size: int = 4, workers: int = WORKERS,
        limit: Decimal | None = None,
    ) -> Service:  # fmt: skip
        """Open a database that has been migrated. Let go of it with `stop`.

        limit  points above which an adjustment needs a second key
        """
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=pool_size,
            open=False,
            timeout=PATIENCE,
            configure=plain,
            kwargs={"autocommit": True},
        )
        deciding: AsyncConnectionPool[Any] = AsyncConnectionPool(
            conninfo, min_size=workers, max_size=workers, open=False, timeout=PATIENCE,
            configure=steady,
            kwargs={"autocommit": True, "application_name": "laurels-decides"},
        )  # fmt: skip
        await pool.open()
        await deciding.open()
        async with pool.connection() as connection:
            key = await identity_key(connection)
        return cls(conninfo, pool, deciding, key, workers, limit)

    async def stop(self) -> None:
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
        await self.stop()

    # -- programs ------------------------------------------------------------------------------

    async def publish(
        self, actor: Actor, program: str, text: str, *, dry_run: bool = False
    ) -> Published:
        """Publish a program file; with `dry_run` only say what it would change.

        A text that lays states out anew is `preparing` until `prepare` has run. Raises
        ProgramError with every finding.
        """
        async with self.pool.connection() as connection:
            return await publishing.publish(
                connection, self.programs, actor, program, text, dry_run
            )

    async def prepare(self, actor: Actor, program: str, *, force: bool = False) -> list[str]:
        """Fold every member under the text that is being prepared, then put it in force; returns
        the members whose balances would change: then it is put in force by `force` only."""
        async with self._deciding.connection() as connection:
            number = await self.programs.number(connection, program)
            return await preparing.prepare(connection, actor, number, force)

    async def program(
        self, actor: Actor, program: str, *, at: int | None = None
    ) -> Mapping[str, Any]:
        """The text in force, or the one that was at an instant, and its versions."""
        del actor
        async with self.pool.connection() as connection:
            number = await self.programs.number(connection, program)
            when = at if at is not None else await self._clock(connection)
            return await publishing.describe(connection, self.programs, number, when)

    async def program_names(self) -> list[str]:
        """Every program of the database."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute("SELECT name FROM programs ORDER BY name")
            return [name for (name,) in await cursor.fetchall()]

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
                self._must_be_within(raw)
                comings.append(coming_of(actor, raw))
                places.append(i)
            except RequestError as error:
                name = str(raw.get("id") or "")
                answers[i] = Answer("rejected", str(raw.get("source") or ""), name, error=error)
        for i, answer in zip(places, await self._lanes.submit(number, comings, bulk), strict=True):
            answers[i] = answer
        return [answer for answer in answers if answer is not None]

    async def event(self, actor: Actor, program: str, source: str, identity: str) -> Answer:
        """What became of an event: the truth after an unknown outcome. Raises RequestError."""
        del actor
        async with self._reading(program) as (connection, running):
            return await listing.event(connection, running, source, identity)

    async def events(
        self, actor: Actor, program: str, state: str, *, after: str | None = None, limit: int = 100
    ) -> Page:
        """Events that are parked, wait, or were rejected."""
        async with self._reading(program) as (connection, running):
            page = await listing.events(connection, running, state, after, limit)
        await self._record(actor, f"list_{state}", running.number)
        return page

    async def quote(self, actor: Actor, program: str, event: Mapping[str, Any]) -> Quote:
        """What an event would do if it came now, and what may be paid in points. Posts nothing."""
        coming = coming_of(actor, {"id": "quote", **event})
        async with self._reading(program) as (connection, running):
            now = await self._clock(connection)
            return await quoting.quote(connection, running, self._key, coming, now)

    async def hold_state(
        self, actor: Actor, program: str, member: str, hold: str
    ) -> Mapping[str, Any]:
        """A hold as it stands: see HoldView. Raises RequestError."""
        del actor
        async with self._reading(program) as (connection, running):
            found = await reading.find_member(connection, running.number, self._key, member)
            now = await self._clock(connection)
            return asdict(await holding.hold_state(connection, running, found, hold, now))

    # -- members -------------------------------------------------------------------------------

    async def member(
        self, actor: Actor, program: str, member: str, *, at: int | None = None,
        known_at: int | None = None,
    ) -> MemberView:  # fmt: skip
        """A member now; just before a business time `at`, as known now or just before `known_at`.

        A read by staff is recorded. Raises RequestError.
        """
        async with self._reading(program) as (connection, running):
            found = await reading.find_member(connection, running.number, self._key, member)
            now = await self._clock(connection)
            view = await reading.member_view(connection, running, program, found, now, at, known_at)
        await self._record(actor, "read_member", running.number, found)
        return view

    async def put_member(
        self, actor: Actor, program: str, member: str, change: Mapping[str, Any]
    ) -> list[Answer]:
        """Attributes, products, identities, enrolment: each written as an event with its id and
        time. See `person.events_of`. Raises RequestError."""
        events = person.events_of(change, member)
        identities = change.get("identities") or {}
        answers = await self.take(actor, program, events)
        wrong = next((each.error for each in answers if each.error is not None), None)
        if wrong is None and identities:
            async with self._deciding.connection() as connection, connection.transaction():
                running = await self._running(connection, program)
                found = await reading.find_member(connection, running.number, self._key, member)
                await person.identify(connection, running, self._key, found, identities)
        return answers

    async def block(self, actor: Actor, program: str, member: str) -> str:
        """Nothing can be spent any more; what is earned still counts. Returns the status."""
        return await self._status(actor, program, member, "block")

    async def unblock(self, actor: Actor, program: str, member: str) -> str:
        """As it was before it was blocked."""
        return await self._status(actor, program, member, "unblock")

    async def close(self, actor: Actor, program: str, member: str) -> str:
        """No event is taken any more."""
        return await self._status(actor, program, member, "close")

    async def erase(self, actor: Actor, program: str, member: str) -> str:
        """Forget the person; the books stay, and can still be proved."""
        return await self._status(actor, program, member, "erase")

    async def merge(self, actor: Actor, program: str, asked: Merging) -> Merged:
        """One member becomes another: `asked.absorbed` becomes `asked.member`, who goes by its
        names from now on. Done once for each identity. Raises RequestError."""
        async with self._deciding.connection() as connection:
            number = await self.programs.number(connection, program)
            async with connection.transaction():
                return await merging.merge(
                    connection, self.programs, number, self._key, actor, asked
                )

    async def _status(self, actor: Actor, program: str, member: str, what: str) -> str:
        async with self._deciding.connection() as connection, connection.transaction():
            running = await self._running(connection, program)
            found = await reading.find_member(connection, running.number, self._key, member)
            now = await self._clock(connection)
            return await person.change_status(
                connection, running, self._key, actor, found, what, now
            )

    async def postings(
        self, actor: Actor, program: str, member: str, *, after: str | None = None,
        limit: int = 100,
    ) -> Page:  # fmt: skip
        """A member's postings, the newest first."""
        async with self._reading(program) as (connection, running):
            found = await reading.find_member(connection, running.number, self._key, member)
            page = await listing.postings(connection, running, found, after, limit)
        await self._record(actor, "list_postings", running.number, found)
        return page

    async def explanation(
        self, actor: Actor, program: str, member: str, posting: str
    ) -> PostingExplanation:
        """Why a posting is what it is, as it was known when it was posted. `posting` is the `id`
        that the list of postings shows. Raises RequestError."""
        async with self._reading(program) as (connection, running):
            found = await reading.find_member(connection, running.number, self._key, member)
            explained = await listing.explanation(connection, running, found, posting)
        await self._record(actor, "explain_posting", running.number, found)
        return explained

    # -- the books -----------------------------------------------------------------------------

    async def ledger(
        self, actor: Actor, program: str, *, at: int | None = None
    ) -> list[dict[str, object]]:
        """What every account of every unit holds, by what was posted before an instant."""
        del actor
        async with self._reading(program) as (connection, running):
            return await ledger_days.ledger(connection, running, at)

    async def closings(self, actor: Actor, program: str) -> list[dict[str, Any]]:
        """The months that were closed, the newest first: see `closing.closings`."""
        del actor
        async with self._reading(program) as (connection, running):
            return await closing.closings(connection, running)

    async def close_months(self, program: str, last: str) -> list[str]:
        """Freeze the totals of the months since the last closing, up to one such as `2026-03`, that
        are over; returns those that were closed now. Safe to repeat."""
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            now = await self._clock(connection)
            before = await closing.last_closed(connection, running.number)
            return [month for month in closing.months_between(before, last)
                    if await closing.close(connection, running, month, now)]  # fmt: skip

    async def remind(self, program: str, day: date) -> int:
        """Tell members of points that are about to end; returns of how many. Safe to repeat."""
        async with self._deciding.connection() as connection:
            running = await self._running(connection, program)
            return await reminding.remind(connection, running, day)

    async def roll_up(self, program: str) -> int:
        """Bring the days of the ledger up to date. Safe to repeat."""
        async with self.pool.connection() as connection:
            number = await self.programs.number(connection, program)
            return await ledger_days.roll_up(connection, number)

    async def reconcile(self, program: str) -> Mapping[str, Any]:
        """Hold the books against each other: see `reconcile.Found`."""
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            found = await reconciling.reconcile(connection, running)
        self.differences[program] = found.differences
        return found.data()

    def is_above_limit(self, event: Mapping[str, Any]) -> bool:
        """Whether an adjustment needs a second key."""
        try:
            points = Decimal(str(event.get("points") or 0))
        except ArithmeticError:
            return False  # the door says what is wrong with it
        return self._limit is not None and points > self._limit

    def _must_be_within(self, event: Mapping[str, Any]) -> None:
        if event.get("type") == "adjustment" and self.is_above_limit(event):
            raise RequestError(
                "adjustment-above-limit", "it needs a second key", where="points",
                expected=f"at most {self._limit}", hint="propose it by the route for adjustments",
            )  # fmt: skip

    async def propose_adjustment(
        self, actor: Actor, program: str, event: Mapping[str, Any]
    ) -> Correction:
        """Keep an adjustment above the limit until another key approves it. Raises RequestError."""
        coming = coming_of(actor, {**event, "type": "adjustment"})
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            now = await self._clock(connection)
            number = await correcting.propose_adjustment(
                connection, running, self._key, actor, coming.raw, now
            )
            return await correcting.show(connection, running, number)

    async def propose_correction(
        self, actor: Actor, program: str, version: int, reason: str,
        name: correcting.Name = ("", ""),
    ) -> Correction:  # fmt: skip
        """What everybody would have, had a version been known from the instant from which it is
        in force; kept as a proposal. name: source and id; one of that name is made once. Raises
        RequestError."""
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            now = await self._clock(connection)
            number = await correcting.propose(
                connection, running, actor, version, reason, now, name
            )
            return await correcting.show(connection, running, number)

    async def correction(self, actor: Actor, program: str, number: int) -> Correction:
        """A correction as it stands. Raises RequestError."""
        del actor
        async with self._reading(program) as (connection, running):
            return await correcting.show(connection, running, number)

    async def approve_correction(self, actor: Actor, program: str, number: int) -> Correction:
        """Approve what another proposed, and post it; begun again, it goes on where it stopped."""
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            now = await self._clock(connection)
            await correcting.decide(connection, running, actor, number, True, now)

            async def take(events: list[dict[str, Any]]) -> list[Answer]:
                comings = [coming_of(CORRECTOR, each) for each in events]
                return await self._lanes.submit(running.number, comings, True)

            await correcting.post(connection, number, take)
            return await correcting.show(connection, running, number)

    async def waive_correction(self, actor: Actor, program: str, number: int) -> Correction:
        """Let a difference stand. Raises RequestError."""
        async with self.pool.connection() as connection:
            running = await self._running(connection, program)
            now = await self._clock(connection)
            await correcting.decide(connection, running, actor, number, False, now)
            return await correcting.show(connection, running, number)

    async def export(
        self, actor: Actor, program: str, folder: Path, *, personal: bool, progress: Progress
    ) -> Exported:
        """Write a program's books of one instant as Parquet. See `exports.export`."""
        from laurels.service import exports  # pyarrow is of another extra

        async with self._reading(program) as (connection, running):
            done = await exports.export(connection, running, folder, personal, progress)
        await self._record(actor, "export_personal" if personal else "export", running.number)
        return done

    # -- time ----------------------------------------------------------------------------------

    async def advance(self, program: str, until: int | None = None) -> int:
        """Post what has fallen due for every member, until now or an earlier instant; returns how
        many had something due. Safe to run twice."""
        async with self.pool.connection() as connection:
            number = await self.programs.number(connection, program)
            now = await self._clock(connection)
        when = now if until is None else min(until, now)
        return await advancing.advance(self._deciding, self.programs, number, self._key, when)

    async def feed(
        self, actor: Actor, program: str, *, after: str | None = None, limit: int = 1000
    ) -> Page:
        """Everything that was written, in an order in which a reader misses nothing.

        after  `next` of an earlier page, or `position` of a row; None: from the beginning
        """
        del actor  # it names members, as webhooks do; what a key may read is checked before
        async with self._reading(program) as (connection, running):
            rows = await read_feed(connection, running, after or BEGINNING, limit)
        return Page(tuple(rows), str(rows[-1]["position"]) if rows else None)

    async def move_clock(self, actor: Actor, to: int) -> None:
        """Move the test clock of a sandbox forward: everything that falls due on the way
        happens."""
        async with self.pool.connection() as connection:
            await advancing.move_clock(connection, actor, to)
            cursor = await connection.execute("SELECT name FROM programs ORDER BY program")
            names = [name for (name,) in await cursor.fetchall()]
        for name in names:
            await self.advance(name)

    # -- shared --------------------------------------------------------------------------------

    @asynccontextmanager
    async def _reading(self, program: str) -> AsyncIterator[tuple[Connection, Running]]:
        """A connection that sees one snapshot, and the program in force."""
        async with self.pool.connection() as connection:
            await self.programs.number(connection, program)
            async with reading.snapshot(connection):
                yield connection, await self._running(connection, program)

    async def _clock(self, connection: Connection) -> int:
        rows = await rows_of(connection, "moment", program=0)
        return int(rows[0][0])

    async def _record(
        self, actor: Actor, action: str, program: int, member: int | None = None
    ) -> None:
        """Write down that staff read something."""
        if actor.roles <= {"till"}:
            return
        async with self.pool.connection() as connection, connection.transaction():
            await audit(connection, await self._clock(connection), actor, action, program, member)


async def identity_key(connection: Connection) -> bytes:
    """The key by which names of members are hashed; made when it is first asked for."""
    await connection.execute(
        "INSERT INTO settings (key, value) VALUES"
        " ('identity-key', md5(gen_random_uuid()::text)) ON CONFLICT DO NOTHING"
    )
    cursor = await connection.execute("SELECT value FROM settings WHERE key = 'identity-key'")
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0]).encode()


async def steady(connection: Connection) -> None:
    """Settings of a connection that decides."""
    await connection.execute(SETTINGS.encode())


async def plain(connection: Connection) -> None:
    """Settings of a connection that reads."""
    await connection.execute(STANDARD.encode())


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
    if raw.get("type") in WRITTEN:
        raise RequestError(
            "event-type-reserved", "events of this type come of a command", where="type",
            expected="another type", hint="members are merged by their own route",
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
