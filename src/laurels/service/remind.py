"""Reminders: a member is told of points before they end, once for each end and notice.

A reminder is a row of the feed, and so a message to webhooks, of kind `points.expiring`; whoever
reads it tells the member. It takes the member's next sequence number and posts nothing. The most
urgent notice that applies is given, and no less urgent one after it; so runs may be left out,
repeated, and made for a date in the past.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from laurels.engine.kernel import layout as K
from laurels.service.bodies import unpack_bytes
from laurels.service.desk import Member
from laurels.service.load import lock_members, read_members, rows_of, run
from laurels.service.programs import Connection, Running
from laurels.service.reading import open_desk
from laurels.store.rows import numbers

NOTICES = (30, 7)
"""Days before the end of which a member is told; the longest first."""
STRIDE = 256

Given = dict[tuple[int, str, int], int]
"""(member, unit, end) -> the most urgent notice that was given."""


class Reminder(NamedTuple):
    """Points of a unit, in steps, that end at an instant; days: of the notice."""

    member: int
    unit: str
    ends_at: int
    days: int
    sequence: int
    points: int


async def remind(connection: Connection, running: Running, day: date) -> int:
    """Write the reminders of a local day; returns how many. Members that are busy are left to the
    next run."""
    bounds = ends_of(day, running.compiled.program.zone)
    written, after = 0, -1
    while True:
        async with connection.transaction():
            ((now, _),) = await rows_of(connection, "moment", program=running.number)
            rows = await rows_of(
                connection, "ending_soon", program=running.number, after=after,
                until=max(bounds.values()), limit=STRIDE,
            )  # fmt: skip
            if not rows:
                return written
            members = [row[0] for row in rows]
            after = members[-1]
            given: Given = {}
            for member, unit, ends, days in await rows_of(
                connection, "reminded", members=numbers(members)
            ):
                key = member, unit, ends
                given[key] = min(days, given.get(key, days))
            states = await read_members(connection, members)
            wanted = [m for m, row in states.items() if soon(running, row, bounds, given, now)]
            locked = await lock_members(connection, wanted)
            found: list[Reminder] = []
            for member, row in sorted(locked.items()):
                found += await _of_member(connection, running, member, row.sequence, bounds, given,
                                          now)  # fmt: skip
            if found:
                await _write(connection, running.number, found, now)
            written += len(found)


def ends_of(day: date, zone: str) -> dict[int, int]:
    """For each notice the instant before which points must end to be told of: midnight after so
    many days."""
    found = {}
    for days in NOTICES:
        last = day + timedelta(days=days + 1)
        midnight = datetime(last.year, last.month, last.day, tzinfo=ZoneInfo(zone))
        found[days] = int(midnight.timestamp()) * 1_000_000
    return found


def soon(
    running: Running, row: Member, bounds: dict[int, int], given: Given, now: int
) -> bool:  # fmt: skip
    """Whether a member's saved lots may hold something to tell of: most hold nothing, and need
    neither a lock nor a book. What is pending or parked is told of once it is active."""
    if row.state is None or row.layout != running.layout:
        return False
    active = unpack_bytes(row.state)[1]
    for unit in running.compiled.program.units:
        for ends in active[unit.index][:: K.ACTIVE_LOT]:
            if ends > now and _notice((row.member, unit.name, ends), bounds, given) is not None:
                return True
    return False


def _notice(lot: tuple[int, str, int], bounds: dict[int, int], given: Given) -> int | None:
    """The notice that is due of points of a member with one end: the most urgent that applies, if
    none as urgent was given."""
    for days in sorted(bounds):
        if lot[2] <= bounds[days]:
            return days if given.get(lot, days + 1) > days else None
    return None


async def _of_member(
    connection: Connection, running: Running, member: int, sequence: int, bounds: dict[int, int],
    given: Given, now: int,
) -> list[Reminder]:  # fmt: skip
    """What a member is to be told of."""
    desk = await open_desk(connection, running, member, now)
    desk.book.advance(now)
    found = []
    for unit, ends, points in ending(running, desk.book):
        days = _notice((member, unit, ends), bounds, given)
        if days is not None:
            sequence += 1
            found.append(Reminder(member, unit, ends, days, sequence, points))
    return found


def ending(running: Running, book: Any) -> Iterator[tuple[str, int, int]]:
    """Active points by unit and end, in steps, in leaving order; those of all funders together."""
    for unit in running.compiled.program.units:
        sums: dict[int, int] = {}
        for lot in book.lots(unit.name):
            if lot.active_at is None and lot.expires_at is not None:
                steps = int(lot.points.scaleb(unit.scale))
                sums[lot.expires_at] = sums.get(lot.expires_at, 0) + steps
        yield from ((unit.name, ends, steps) for ends, steps in sums.items())


async def _write(connection: Connection, program: int, reminders: list[Reminder], now: int) -> None:
    members, units, ends, days, sequences, points = zip(*reminders, strict=True)
    await run(
        connection, "remind", program=program, at=now, members=numbers(members),
        units=list(units), ends=numbers(ends), days=numbers(days), sequences=numbers(sequences),
        points=numbers(points),
    )  # fmt: skip
