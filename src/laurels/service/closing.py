"""A month is closed: its totals are written down, and never change again.

What is posted later with a date of a closed month (a late event, a correction of an owner's import)
does not change that month: the next closing has it, as `late`. So the frozen totals of two closings
differ by what the books of the month between them took up, wherever it was dated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from laurels.ledger.accounts import ACCOUNTS
from laurels.service.ledger_days import totals
from laurels.service.programs import Connection, Running

Frozen = dict[tuple[str, int], tuple[int, int]]
"""(unit, account) -> (steps, postings)"""
SHOWN = 120
"""Closings of a list, at most: ten years."""


def month_end(zone: str, month: str) -> int:
    """The first instant after a month, µs UTC. month: `2026-03`."""
    year, number = int(month[:4]), int(month[5:])
    year, number = (year + 1, 1) if number == 12 else (year, number + 1)
    return int(datetime(year, number, 1, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def months_between(after: str | None, last: str) -> Iterator[str]:
    """The months after one, up to another; that one alone where none is before it."""
    if after is None:
        yield last
        return
    month = after
    while month < last:
        year, number = int(month[:4]), int(month[5:])
        month = f"{year + number // 12:04}-{number % 12 + 1:02}"
        yield month


async def last_closed(connection: Connection, program: int) -> str | None:
    """The month that was closed last."""
    cursor = await connection.execute(
        "SELECT max(month) FROM closings WHERE program = %s", [program]
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def close(connection: Connection, running: Running, month: str, now: int) -> bool:
    """Freeze a month's totals; False where that was done before, or the month is not over."""
    until = month_end(running.compiled.program.zone, month)
    if until > now:
        return False
    async with connection.transaction():
        before = await _frozen_before(connection, running.number, month)
        body: dict[str, object] = {
            "totals": [list(each) for each in await totals(connection, running.number, until)]
        }
        if before is not None:
            body["late"] = await _late(connection, running.number, *before)
        cursor = await connection.execute(
            "INSERT INTO closings (program, month, until, closed_at, body)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [running.number, month, until, now, msgspec.json.encode(body).decode()],
        )
        return cursor.rowcount == 1


async def closings(connection: Connection, running: Running) -> list[dict[str, Any]]:
    """The closed months, the newest first, each with

    totals  by unit and account, as they were when it was closed
    late    of these, what came after the month before was closed and is dated in it or earlier
    since   of the newest: what has come with such a date since it was closed
    """
    cursor = await connection.execute(
        "SELECT month, until, closed_at, body FROM closings WHERE program = %s"
        " ORDER BY month DESC LIMIT %s",
        [running.number, SHOWN],
    )
    scales = {unit.name: unit.scale for unit in running.compiled.program.units}
    found: list[dict[str, Any]] = []
    for month, until, closed_at, body in await cursor.fetchall():
        said = msgspec.json.decode(body)
        own = {"month": month, "until": until, "closed_at": closed_at,
               "totals": shown(said["totals"], scales), "late": shown(said.get("late", ()), scales),
               "since": []}  # fmt: skip
        if not found:
            late = await _late(connection, running.number, until, _by_account(said["totals"]))
            own["since"] = shown(late, scales)
        found.append(own)
    return found


def shown(rows: Iterable[Any], scales: dict[str, int]) -> list[dict[str, object]]:
    """Rows of totals as readers see them."""
    return [{"unit": unit, "account": ACCOUNTS[account], "postings": count,
             "points": Decimal(steps).scaleb(-scales[unit])}
            for unit, account, steps, count in rows]  # fmt: skip


async def _frozen_before(
    connection: Connection, program: int, month: str
) -> tuple[int, Frozen] | None:
    cursor = await connection.execute(
        "SELECT until, body FROM closings WHERE program = %s AND month < %s"
        " ORDER BY month DESC LIMIT 1",
        [program, month],
    )
    row = await cursor.fetchone()
    return (row[0], _by_account(msgspec.json.decode(row[1])["totals"])) if row else None


def _by_account(rows: Iterable[Any]) -> Frozen:
    return {(unit, account): (steps, count) for unit, account, steps, count in rows}


async def _late(
    connection: Connection, program: int, until: int, frozen: Frozen
) -> list[list[object]]:
    """What the totals before an instant are now, less what they were when they were frozen."""
    moved: list[list[object]] = []
    now = {(unit, account): (steps, count)
           for unit, account, steps, count in await totals(connection, program, until)}  # fmt: skip
    for key in sorted(now.keys() | frozen.keys()):
        steps, count = (a - b for a, b in zip(now.get(key, (0, 0)), frozen.get(key, (0, 0)),
                                              strict=True))  # fmt: skip
        if count:
            moved.append([*key, steps, count])
    return moved
