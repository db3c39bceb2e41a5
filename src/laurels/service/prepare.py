"""Preparing a text whose states are laid out anew: every member's state is folded under it.

A rebuild never changes a balance. Members of whom it would are told, stay as they are (whatever
touches them fails, and nothing of it is written), and the text comes into force only by force.
"""

from __future__ import annotations

import asyncio

import msgspec

from laurels.base.errors import Fault
from laurels.program.check import check
from laurels.program.loader import parse_document
from laurels.service.audit import audit
from laurels.service.desk import MERGED, Desk
from laurels.service.feed import PROGRAM, tell
from laurels.service.load import Loader, read_members, rows_of, run
from laurels.service.programs import Connection, Running, bring_up, known_since
from laurels.service.reading import snapshot
from laurels.service.types import Actor

STRIDE = 256
MARGIN = 6 * 60 * 1_000_000
"""An event may be recorded so far ahead of the clock, and a little more: see `decide.AHEAD`."""
NOT_YET = 366 * 86_400 * 1_000_000
"""While a text is prepared, its new versions are known to nothing that is being recorded."""


async def differing(connection: Connection, running: Running) -> dict[int, str]:
    """The members whose balances a fold under another text would change, and their names."""
    found: dict[int, str] = {}
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
                if row.status == MERGED:
                    continue  # its state is of use in the one that it became only
                try:
                    Desk(running, row, histories[member]).check()
                except Fault:
                    found[member] = row.called


async def take_hold(connection: Connection, number: int) -> tuple[int, int]:
    """Keep batches of a program from running until the transaction ends; returns the clock, and
    the first instant after everything that is recorded.

    What is decided under one text must be found again by a fold under the next: so a version is
    known only after all that was decided without it.
    """
    await run(connection, "hold_program", program=number)
    ((now, _),) = await rows_of(connection, "moment", program=number)
    ((last,),) = await rows_of(connection, "recorded_last", program=number, until=now + MARGIN)
    return now, max(now, last + 1)


async def prepare(connection: Connection, actor: Actor, number: int, force: bool) -> list[str]:
    """Put the latest text in force once every state could be folded under it; returns the members
    of whom it could not. Safe to run twice."""
    cursor = await connection.execute(
        "SELECT epoch, body, instants, published_at, state FROM program_texts"
        " WHERE program = %s ORDER BY epoch DESC LIMIT 1",
        [number],
    )
    row = await cursor.fetchone()
    if row is None or row[4] != "preparing":
        return []
    epoch, text, said, published, _ = row
    instants = msgspec.json.decode(said)
    linked = await asyncio.to_thread(lambda: check(parse_document(text, "program.yaml")))
    ((now, _),) = await rows_of(connection, "moment", program=number)
    running = await asyncio.to_thread(
        bring_up, number, epoch, text, instants, published, now + NOT_YET
    )
    wrong = await differing(connection, running)
    async with connection.transaction():
        now, moment = await take_hold(connection, number)
        for member in wrong:
            await audit(connection, now, actor, "rebuild_differs", number, member)
        if not wrong or force:
            known = known_since(linked, instants, moment)
            await connection.execute(
                "UPDATE program_texts SET state = 'ready', in_force_at = %s, instants = %s"
                " WHERE program = %s AND epoch = %s AND state = 'preparing'",
                [now, msgspec.json.encode(known).decode(), number, epoch],
            )
            await audit(connection, now, actor, "in_force", number, None, f"epoch {epoch}")
            await tell(connection, number, PROGRAM["in-force"], now, sequence=epoch)
    return list(wrong.values())
