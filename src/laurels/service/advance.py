"""Time passes: what falls due is posted at its own instant, parked events are taken.

Correctness never waits for this: whoever reads or takes an event brings the member to the instant.
It is for the books, the feed and the reminders. Safe to run twice, and from several processes.
"""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError, Unavailable
from laurels.service.audit import audit
from laurels.service.batch import Batch
from laurels.service.faults import DATABASE_FAILS, told
from laurels.service.lanes import LOST
from laurels.service.load import rows_of
from laurels.service.programs import Connection, Programs
from laurels.service.types import Actor

STRIDE = 256
"""Members in a transaction."""
CLERK = Actor("advance")
ROUNDS = 20
"""How often members are tried again that were not free."""


async def advance(
    pool: AsyncConnectionPool[Any], programs: Programs, number: int, key: bytes, until: int
) -> int:
    """Bring every member of a program to an instant that is not after the clock; returns how many
    had something due. Members that stay busy are left to the next run."""
    done = 0
    failed: set[int] = set()
    for _ in range(ROUNDS):
        after, missed = -1, 0
        while True:
            async with pool.connection() as connection:
                ((_, epoch),) = await rows_of(connection, "moment", program=number)
                running = await programs.running(connection, number, epoch)
                rows = await rows_of(
                    connection, "due_members", program=number, after=after, until=until,
                    layout=running.layout, limit=STRIDE,
                )  # fmt: skip
            if not rows:
                break
            after = rows[-1][0]
            members = [row[0] for row in rows if row[0] not in failed]
            brought, left = await _bring(pool, programs, number, key, members, until, failed)
            done += brought
            missed += left
        if not missed:
            break
    return done


async def _bring(
    pool: AsyncConnectionPool[Any], programs: Programs, number: int, key: bytes,
    members: list[int], until: int, failed: set[int],
) -> tuple[int, int]:  # fmt: skip
    """Bring members on; where that fails, halves of them, until the one that fails is alone. It is
    passed over and stands in the audit. Returns how many were brought, how many were not free."""
    if not members:
        return 0, 0
    try:
        async with pool.connection() as connection:
            batch = Batch(connection, programs, number, key, [], members, until)
            await batch.run()
            return batch.brought, len(members) - batch.brought
    except LOST:
        return 0, len(members)
    except (Unavailable, *DATABASE_FAILS):
        raise
    except Exception as error:
        if len(members) == 1:
            failed.update(members)
            found = told(error, "a member could not be brought on")
            async with pool.connection() as connection:
                ((now, _),) = await rows_of(connection, "moment", program=number)
                await audit(connection, now, CLERK, "advance_failed", number, members[0],
                            found.code)  # fmt: skip
            return 0, 0
    middle = len(members) // 2
    halves = [members[:middle], members[middle:]]
    done = [await _bring(pool, programs, number, key, half, until, failed) for half in halves]
    return sum(each[0] for each in done), sum(each[1] for each in done)


async def move_clock(connection: Connection, actor: Actor, to: int) -> None:
    """Set the test clock of a sandbox. Raises RequestError elsewhere, and where it would go
    back."""
    async with connection.transaction():
        if not await is_sandbox(connection):
            raise RequestError("sandbox-only", "this is no sandbox: time cannot be moved")
        ((now, _),) = await rows_of(connection, "moment", program=0)
        cursor = await connection.execute("SELECT at FROM clock FOR UPDATE")
        if await cursor.fetchone() is not None and to < now:
            raise RequestError("clock-back", "the clock only goes forward", where="now",
                               expected="a later instant")  # fmt: skip
        await connection.execute(
            "INSERT INTO clock (one, at) VALUES (true, %s)"
            " ON CONFLICT (one) DO UPDATE SET at = excluded.at",
            [to],
        )
        await audit(connection, to, actor, "move_clock", None)


async def is_sandbox(connection: Connection) -> bool:
    """Whether the database was made to be one."""
    cursor = await connection.execute("SELECT value FROM settings WHERE key = 'sandbox'")
    row = await cursor.fetchone()
    return row is not None and row[0] == "true"
