"""The ledger's totals: from days that are rolled up, and what was written since.

The roll-up is a cache of postings. It follows the feed, not the clock: a posting that is written
today with a date of last month is added to its day when the roll-up reaches it, and until then it
is found in the feed. So totals are exact at any instant whether or not the job ran; without it they
only cost more.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from laurels.ledger.accounts import ACCOUNTS
from laurels.service.load import rows_of, run
from laurels.service.programs import Connection, Running

DAY = 86_400_000_000
"""Microseconds. Days of the roll-up are UTC days: they are of no business, only of the cache."""


class Total(NamedTuple):
    """What an account of a unit holds, in steps; postings: how many moved it."""

    unit: str
    account: int
    steps: int
    postings: int


async def totals(connection: Connection, program: int, at: int | None) -> list[Total]:
    """What every account holds by what was posted before an instant; None: by everything."""
    day = None if at is None else at // DAY
    rows = await rows_of(
        connection, "ledger", program=program, at=at, day=day,
        midnight=None if day is None else day * DAY,
    )  # fmt: skip
    return [Total(unit, account, int(steps), count) for unit, account, steps, count in rows]


async def ledger(
    connection: Connection, running: Running, at: int | None
) -> list[dict[str, object]]:
    """The same as readers see it. A unit sums to zero."""
    scales = {unit.name: unit.scale for unit in running.compiled.program.units}
    return [
        {
            "unit": each.unit,
            "account": ACCOUNTS[each.account],
            "points": Decimal(each.steps).scaleb(-scales[each.unit]),
            "postings": each.postings,
        }
        for each in await totals(connection, running.number, at)
    ]


async def roll_up(connection: Connection, program: int) -> int:
    """Bring the days up to the oldest transaction that is open; returns how many transactions'
    numbers that was. Safe to repeat, and from several processes."""
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO ledger_until VALUES (%s, 0) ON CONFLICT DO NOTHING", [program]
        )
        cursor = await connection.execute(
            "SELECT transaction FROM ledger_until WHERE program = %s FOR UPDATE", [program]
        )
        ((since,),) = await cursor.fetchall()
        ((until,),) = await rows_of(connection, "feed_end")
        if until <= since:
            return 0
        await run(connection, "roll_up", program=program, since=since, until=until)
        await connection.execute(
            "UPDATE ledger_until SET transaction = %s WHERE program = %s", [until, program]
        )
        return int(until - since)


async def rebuild(connection: Connection, program: int) -> None:
    """Throw the days away and sum them again."""
    async with connection.transaction():
        await connection.execute(
            "SELECT 1 FROM ledger_until WHERE program = %s FOR UPDATE", [program]
        )
        await connection.execute("DELETE FROM ledger_days WHERE program = %s", [program])
        await connection.execute(
            "UPDATE ledger_until SET transaction = 0 WHERE program = %s", [program]
        )
        await roll_up(connection, program)
