"""The relay: what was written goes out, in order, to everybody who wants it.

Any number of processes may run one. Each claims the endpoint that has waited longest (SKIP LOCKED,
so nobody waits for another), reads the feed from its cursor, sends, and moves the cursor as far as
everything was delivered. A claim is a lease: a process that dies gives it back by time, and one
that comes back late cannot move a cursor that is another's.

One member's messages go one after the other; those of different members side by side. When one
fails the endpoint stops as a whole and goes on from its cursor when the schedule says. A message
may therefore come twice, with the same id; none is left out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.service.webhooks import signing
from laurels.service.webhooks.endpoints import ID_BYTES, read_secrets
from laurels.service.webhooks.envelope import envelope, message_id
from laurels.service.webhooks.schedule import wait_before
from laurels.service.webhooks.sender import Outcome, Sender
from laurels.service.webhooks.signing import Secret
from laurels.store.statements import statement

PAGE = 200
SIDE_BY_SIDE = 16
LEASE_SECONDS = 120
TURN_SECONDS = 60
"""A turn starts no attempt after this; with the time of one attempt it ends before the lease."""

IDLE_SECONDS = 1.0
RELAY = Actor("relay")

Row = Mapping[str, Any]
Pool = AsyncConnectionPool[AsyncConnection[Any]]


class Feed(Protocol):
    """What the relay reads: rows in order, each with the position after it."""

    async def rows(self, program: str, after: str, limit: int) -> Sequence[Row]:
        """Rows after a position, in an order in which a reader misses nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceFeed:
    """The feed of a service's database."""

    service: Service

    async def rows(self, program: str, after: str, limit: int) -> Sequence[Row]:
        """Rows after a position."""
        return (await self.service.feed(RELAY, program, after=after, limit=limit)).rows


@dataclass(frozen=True, slots=True)
class Claim:
    """An endpoint that is ours for as long as its lease lasts."""

    webhook: str
    program: str
    url: str
    kinds: frozenset[str]
    secrets: tuple[Secret, ...]
    cursor: str
    attempts: int
    lease: str


@dataclass(slots=True)
class Turn:
    """What one turn of an endpoint came to.

    cursor   everything up to here is delivered
    failure  what stopped it; None: nothing did
    """

    cursor: str
    sent: int = 0
    failure: Outcome | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """The loop over all endpoints of a database.

    clock   microseconds UTC, this instant; ticks: seconds of a clock that never goes back
    chance  so many random bytes
    told    what became of each turn, for logs and counts: (endpoint, messages, failure or "")
    key     of the server, from which secrets are made
    """

    pool: Pool
    feed: Feed
    sender: Sender
    clock: Callable[[], int]
    ticks: Callable[[], float]
    chance: Callable[[int], bytes]
    told: Callable[[str, int, str], None]
    key: bytes = b""

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve endpoints until told to stop; the turn that is under way is finished."""
        while not stopping.is_set():
            if not await self.turn():
                await _rest(stopping, IDLE_SECONDS)

    async def turn(self) -> bool:
        """Serve the endpoint that has waited longest. False when none was due."""
        claim = await self._claim()
        if claim is None:
            return False
        started = self.ticks()

        def open_still() -> bool:
            return self.ticks() - started < TURN_SECONDS

        turn = Turn(claim.cursor)
        try:
            turn = await self._deliver(claim, claim.cursor, None, open_still)
            if turn.failure is None:
                again = await self._replay(claim, open_still)
                turn.sent, turn.failure = turn.sent + again.sent, again.failure
                turn.full = turn.full or again.full
        finally:
            await self._release(claim, turn)
        self.told(claim.webhook, turn.sent, turn.failure.detail if turn.failure else "")
        return turn.full

    async def _claim(self) -> Claim | None:
        now = self.clock()
        lease = self.chance(ID_BYTES).hex()
        until = now + LEASE_SECONDS * 1_000_000
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                statement("webhook_claim"), {"lease": lease, "until": until, "now": now}
            )
            row = await cursor.fetchone()
        if row is None:
            return None
        webhook, program, url, kinds, secrets, position, attempts = row
        return Claim(webhook, program, url, frozenset(json.loads(kinds)), read_secrets(secrets),
                     position, attempts, lease)  # fmt: skip

    async def _replay(self, claim: Claim, open_still: Callable[[], bool]) -> Turn:
        """A page of what the endpoint wants again."""
        async with self.pool.connection() as connection:
            found = await connection.execute(statement("replay_next"), {"webhook": claim.webhook})
            row = await found.fetchone()
        if row is None:
            return Turn("")
        replay, position, until = row
        turn = await self._deliver(claim, position, until, open_still)
        done = turn.failure is None and not turn.full
        async with self.pool.connection() as connection:
            await connection.execute(
                statement("replay_done" if done else "replay_move"),
                {"webhook": claim.webhook, "replay": replay, "cursor": turn.cursor},
            )
        turn.full = turn.failure is None
        return turn

    async def _deliver(
        self, claim: Claim, after: str, until: str | None, open_still: Callable[[], bool]
    ) -> Turn:
        """Send a page of the feed."""
        rows = list(await self.feed.rows(claim.program, after, PAGE))
        full = len(rows) == PAGE
        if until is not None:
            within = [row for row in rows if row["position"] <= until]
            full = full and len(within) == len(rows)
            rows = within
        wanted = [row for row in rows if not claim.kinds or row["kind"] in claim.kinds]

        async def send(row: Row) -> Outcome:
            return await self._send(claim, row)

        unsent, failure = await send_in_order(wanted, send, open_still)
        turn = Turn(after, sent=len(wanted) - len(unsent), failure=failure, full=full)
        # The cursor stops before the first that was not delivered; what comes after it and was
        # delivered will come again.
        lost = {id(row) for row in unsent}
        for row in rows:
            if id(row) in lost:
                turn.full = True
                break
            turn.cursor = row["position"]
        return turn

    async def _send(self, claim: Claim, row: Row) -> Outcome:
        body = envelope(row)
        now = self.clock()
        secrets = [replace(s, text=signing.opened(s.text, self.key)) for s in claim.secrets]
        headers = signing.headers(body, message_id(row), secrets, now)
        return await self.sender.send(claim.url, body, headers, now)

    async def _release(self, claim: Claim, turn: Turn) -> None:
        """Give the endpoint back: where it stands now, and when it is to be tried again."""
        now = self.clock()
        attempts, state, reason = 0, "active", ""
        wait: int | None = 0 if turn.full else int(IDLE_SECONDS * 1_000_000)
        if turn.failure is not None:
            # What was delivered before the failure shows that the endpoint lives.
            attempts = 1 if turn.cursor != claim.cursor else claim.attempts + 1
            wait = wait_before(attempts, int.from_bytes(self.chance(2), "big"))
            reason = turn.failure.detail
            if turn.failure.kind == "gone" or wait is None:
                state, wait = "disabled", 0
            wait = max(wait, turn.failure.wait * 1_000_000)
        async with self.pool.connection() as connection:
            await connection.execute(statement("webhook_release"), {
                "webhook": claim.webhook, "lease": claim.lease, "cursor": turn.cursor,
                "attempts": attempts, "next": now + (wait or 0), "reason": reason[:500],
                "state": state, "delivered": now if turn.sent else None,
            })  # fmt: skip


async def send_in_order(
    rows: Sequence[Row], send: Callable[[Row], Awaitable[Outcome]], open_still: Callable[[], bool]
) -> tuple[list[Row], Outcome | None]:
    """Send rows, those of one member one after the other, up to SIDE_BY_SIDE members at once.

    Returns the rows that were not delivered, in order, and the first failure. After a failure no
    attempt is started; those under way are waited for.
    """
    lanes: dict[str, list[Row]] = {}
    for row in rows:
        lanes.setdefault(str(row["member"]), []).append(row)
    waiting = iter([sorted(lane, key=lambda row: int(row["sequence"])) for lane in lanes.values()])
    delivered: set[int] = set()
    failures: list[Outcome] = []

    async def worker() -> None:
        for lane in waiting:
            for row in lane:
                if failures or not open_still():
                    return
                outcome = await send(row)
                if outcome.kind != "delivered":
                    failures.append(outcome)
                    return
                delivered.add(id(row))

    await asyncio.gather(*(worker() for _ in range(min(SIDE_BY_SIDE, len(lanes)))))
    gone = [each for each in failures if each.kind == "gone"]
    unsent = [row for row in rows if id(row) not in delivered]
    return unsent, next(iter(gone + failures), None)


async def _rest(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
