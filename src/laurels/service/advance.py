"""Time passes: what falls due is posted at its own instant, parked events are taken.

Correctness never waits for this: whoever reads or takes an event brings the member to the instant.
It is for the books, the feed and the reminders. Safe to run twice, and from several processes.
"""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError
from laurels.service.audit import audit
from laurels.service.batch import Batch
from laurels.service.load import rows_of
from laurels.service.programs import Connection, Programs
from laurels.service.types import Actor

STRIDE = 256
"""Members in a transaction."""
ROUNDS = 20
"""How often members are tried again that were not free."""


async def advance(
    pool: AsyncConnectionPool[Any], programs: Programs, number: int, key: bytes, until: int
) -> int:
    """Bring every member of a program to an instant that is not after the clock; returns how many
    had something due. Members that stay busy are left to the next run."""
    done = 0
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
                members = [row[0] for row in rows]
                after = members[-1]
                batch = Batch(connection, programs, number, key, [], members, until)
                await batch.run()
                done += batch.brought
                missed += len(members) - batch.brought
        if not missed:
            break
    return done


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
