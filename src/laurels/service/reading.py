"""Reading a member: as it is now, as it was at a business time, as it was known then.

Reads are one snapshot and never write. What is due by now and has not been posted yet has happened
for whoever reads: the state is brought to the instant in memory.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from laurels.base.errors import RequestError
from laurels.engine.book import Book
from laurels.engine.join import BECAME, MERGED
from laurels.engine.merge import meet
from laurels.engine.resumed import Resumed
from laurels.engine.views import LotView, Views
from laurels.service.batch import resolve
from laurels.service.bodies import identity, unpack_bytes
from laurels.service.decide import Budgets, Coming
from laurels.service.desk import (
    STANDINGS,
    Desk,
    Found,
    Member,
    Stored,
    absorbed_by,
    read_stored,
    refolded,
)
from laurels.service.due import decided, due_of, taken_up
from laurels.service.load import Loader, read_members, rows_of
from laurels.service.programs import Connection, Running
from laurels.service.types import LevelStanding, MemberView

SOON = 5
"""Expiries shown of each unit."""


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """One snapshot for several statements that read."""
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        await connection.execute("ROLLBACK")


async def find_member(connection: Connection, number: int, key: bytes, name: str) -> int:
    """The member that goes by a name. Raises RequestError."""
    found = await resolve(connection, number, {name: identity(name, key)})
    if name not in found:
        raise RequestError("member-unknown", "there is no such member", where="member")
    return found[name]


async def open_desk(connection: Connection, running: Running, member: int, now: int) -> Desk:
    """A member as it is saved, with what was parked until now taken in memory."""
    rows = await read_members(connection, [member])
    comings = taken_up(running, await due_of(connection, rows, now), rows, now)

    async def draw(comings: list[Coming]) -> Budgets:
        budgets = Budgets(running)
        if purses := budgets.purses(comings):
            budgets.used = dict(
                await rows_of(connection, "read_budgets", program=running.number, purses=purses)
            )
        return budgets

    desks, _ = await decided(Loader(connection, running, {}), rows, comings, draw)
    return desks[member]


async def whole_history(connection: Connection, running: Running, row: Member) -> Found:
    """Every event of a member, as it was taken."""
    loader = Loader(connection, running, {})
    found = await loader.load({row.member: row}, {}, {row.member: None})
    return found[row.member]


def told_again(running: Running, row: Member, found: Found, until: int | None = None) -> Book:
    """A book that takes a member's events as they were taken, up to a sequence number or to what
    was recorded before an instant."""
    book = Book(running.compiled, row.called, running.door)
    for _, stored in sorted(found.events.items()):
        if until is not None and stored.recorded_at >= until:
            break
        if stored.type == BECAME:
            break  # from here on it is told by the other
        event = taken_then(running, row, stored)
        if stored.type == MERGED:
            side = found.sides[absorbed_by(stored.body)]
            meet(book, told_again(running, side.row, side.found), event)
        book.take_event(event)
    return book


def taken_then(running: Running, row: Member, stored: Stored) -> Any:
    """An event as it was when it was taken: with the room that budgets had."""
    event = read_stored(running, stored, row.called)
    kept = unpack_bytes(stored.kept) if stored.kept else []
    for column, room in zip(running.budgets, (kept[11] if len(kept) > 11 else []), strict=False):
        event.row[column] = room
    return event


def history_until(running: Running, row: Member, found: Found, at: int) -> Resumed:
    """The fold of a member's history as known now, just before an instant."""
    return refolded(running, row, found, at - 1, at).book


def known_then(running: Running, row: Member, found: Found, known_at: int, at: int) -> Book:
    """A member at an instant, as it was known at another."""
    book = told_again(running, row, found, known_at)
    if at >= book.now:
        book.advance(at)
        return book
    resumed = Resumed(running.compiled, row.called, running.door)
    resumed.events, resumed.holds, resumed.withdrawn = book.events, book.holds, book.withdrawn
    resumed.follow(book.history, at - 1, None, at)
    return resumed


async def member_view(
    connection: Connection, running: Running, program: str, member: int, now: int,
    at: int | None, known_at: int | None,
) -> MemberView:  # fmt: skip
    """A member as asked for."""
    rows = await read_members(connection, [member])
    row = rows[member]
    book: Views
    if at is None and known_at is None:
        desk = await open_desk(connection, running, member, now)
        desk.book.advance(now)
        book = desk.book
    else:
        found = await whole_history(connection, running, row)
        when = at if at is not None else known_at
        assert when is not None
        if known_at is not None:
            book = known_then(running, row, found, known_at, when)
        else:
            book = history_until(running, row, found, when)
    return await _view(connection, running, program, row, book, at or known_at or now, known_at)


async def _view(
    connection: Connection, running: Running, program: str, row: Member, book: Views, at: int,
    known_at: int | None,
) -> MemberView:  # fmt: skip
    units = [unit.name for unit in running.compiled.program.units]
    lots = {unit: book.lots(unit) for unit in units}
    levels = []
    for ladder in running.compiled.program.ladders:
        level = book.level(ladder.name)
        levels.append(
            LevelStanding(ladder.name, level.name, level.until, book.progress(ladder.name))
        )
    person = await rows_of(connection, "person", member=row.member)
    attributes, identities = person[0] if person else ("{}", "[]")
    return MemberView(
        program, row.called, STANDINGS[row.status], at, known_at, row.sequence,  # type: ignore[arg-type]
        {unit: book.balance(unit) for unit in units}, lots, tuple(levels), expiries(lots),
        msgspec.json.decode(attributes),
        tuple((kind, value) for kind, value in msgspec.json.decode(identities)),
    )  # fmt: skip


def expiries(lots: dict[str, tuple[LotView, ...]]) -> tuple[tuple[str, LotView], ...]:
    """The next active lots to expire, of each unit."""
    found = []
    for unit, each in lots.items():
        ending = [lot for lot in each if lot.active_at is None and lot.expires_at is not None]
        found += [(unit, lot) for lot in ending[:SOON]]
    return tuple(sorted(found, key=lambda pair: pair[1].expires_at or 0))
