"""Preparing a text whose states are laid out anew: every member's state is folded under it.

A rebuild never changes a balance. Members of whom it would are told, stay as they are (whatever
touches them fails, and nothing of it is written), and the text comes into force only by force.
"""

from __future__ import annotations

from laurels.base.errors import Fault
from laurels.service.audit import audit
from laurels.service.desk import Desk
from laurels.service.load import Loader, read_members, rows_of
from laurels.service.programs import Connection, Programs, Running
from laurels.service.reading import snapshot
from laurels.service.types import Actor

STRIDE = 256


async def differing(connection: Connection, running: Running) -> list[str]:
    """The names of members whose balances a fold under another text would change."""
    found: list[str] = []
    after = -1
    while True:
        async with snapshot(connection):
            rows = await rows_of(
                connection, "members_after", program=running.number, after=after, limit=STRIDE
            )
            if not rows:
                return found
            after = rows[-1][0]
            members = await read_members(connection, [row[0] for row in rows])
            loader = Loader(connection, running, {})
            histories = await loader.load(members, {}, dict.fromkeys(members))
            for member, row in members.items():
                try:
                    Desk(running, row, histories[member]).check()
                except Fault:
                    found.append(row.called)


async def prepare(
    connection: Connection, programs: Programs, actor: Actor, number: int, force: bool
) -> list[str]:
    """Put the latest text in force once every state could be folded under it; returns the members
    of whom it could not. Safe to run twice."""
    cursor = await connection.execute(
        "SELECT epoch FROM program_texts WHERE program = %s AND state = 'preparing'"
        " ORDER BY epoch DESC LIMIT 1",
        [number],
    )
    row = await cursor.fetchone()
    if row is None:
        return []
    running = await programs.running(connection, number, row[0])
    wrong = await differing(connection, running)
    async with connection.transaction():
        ((now, _),) = await rows_of(connection, "moment", program=number)
        for name in wrong:
            await audit(connection, now, actor, "rebuild_differs", number, None, name)
        if not wrong or force:
            await connection.execute(
                "UPDATE program_texts SET state = 'ready', in_force_at = %s"
                " WHERE program = %s AND epoch = %s",
                [now, number, row[0]],
            )
            await audit(connection, now, actor, "in_force", number, None, f"epoch {row[0]}")
    return wrong
