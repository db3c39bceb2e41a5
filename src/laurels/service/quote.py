"""Quotes: what an event would do if it came now, and what may be paid in points. Posts nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from laurels.base.errors import Refusal
from laurels.base.instants import format_instant
from laurels.engine.kernel import layout as K
from laurels.engine.resumed import Earlier
from laurels.service.answers import answer_of, scaled
from laurels.service.batch import resolve
from laurels.service.bodies import identity
from laurels.service.decide import Budgets, Coming, admit, date, read
from laurels.service.desk import Desk, Found, Member
from laurels.service.due import stale
from laurels.service.load import Loader, names_in, read_members, rows_of
from laurels.service.programs import Connection, Running
from laurels.service.types import Payable, Quote

TRIES = 8
PAYING = "quote/payment"


async def quote(
    connection: Connection, running: Running, key: bytes, coming: Coming, now: int
) -> Quote:
    """What an event would do. Raises RequestError for one that would be rejected."""
    read(running, coming, now)
    assert coming.event is not None
    found = await resolve(connection, running.number, {coming.named: identity(coming.named, key)})
    row = NOBODY
    if coming.named in found:
        coming.member = found[coming.named]
        row = (await read_members(connection, [coming.member]))[coming.member]
        admit(coming, row)
    else:
        row = replace(NOBODY, name=coming.named)
    loaded = await _load(connection, running, row, coming)
    desk, budgets = await _taken(connection, running, row, loaded, coming)
    new = coming.new
    assert new is not None
    answer = answer_of(running, new, coming.named)
    if coming.event.row[K.E_TYPE] and coming.event.amounts:
        payable = tuple(
            _payable(running, row, loaded, coming, unit.index, desk)
            for unit in running.compiled.program.units
            if unit.spendable
        )
    else:
        payable = ()
    del budgets
    return Quote(replace(answer, sequence=None), payable, now, running.epoch)


NOBODY = Member(
    0, None, 0, 0, 0, 0, 0, None, -K.FAR, -K.FAR, K.NEVER, "", 1, None, None, None
)  # fmt: skip


async def _load(connection: Connection, running: Running, row: Member, coming: Coming) -> Found:
    """What the event names, and as much history as it takes to decide it."""
    if not row.member:
        return Found()
    assert coming.event is not None
    loader = Loader(connection, running, {})
    late: dict[int, Any] = {row.member: None} if stale(row, running) else {}
    named = {row.member: names_in(coming.event.type, coming.raw)}
    found = await loader.load({row.member: row}, named, late)
    for _ in range(TRIES):
        desk = Desk(running, row, found[row.member])
        date(running, coming, desk)
        try:
            desk.book.look(coming.event)
        except Earlier as earlier:
            found = await loader.load({row.member: row}, {}, {row.member: earlier.place})
            continue
        break
    return found[row.member]


async def _taken(
    connection: Connection, running: Running, row: Member, found: Found, coming: Coming
) -> tuple[Desk, Budgets]:
    desk = Desk(running, row, found)
    assert coming.event is not None
    date(running, coming, desk)
    budgets = Budgets(running)
    if running.budgets:
        names = [name for cap, name in budgets.of(coming.event) if cap.per != "event"]
        budgets.used = dict(
            await rows_of(connection, "read_budgets", program=running.number, purses=names)
        )
        budgets.tell(coming.event)
    coming.new = desk.take(coming.event, coming.body, coming.actor)
    return desk, budgets


def _payable(
    running: Running, row: Member, found: Found, coming: Coming, unit: int, desk: Desk
) -> Payable:
    """The most points of a unit that may be paid towards the event, as a redemption would find.

    Too many is too many for whatever is above it, so a few trials find the most that is not.
    """
    name = running.compiled.program.units[unit].name
    # what the event itself would give cannot pay for it
    most = min(desk.balances()[4 * unit], _before(running, row, found, coming)[4 * unit])
    if most < 1:
        return Payable(name, Decimal(0), Refusal("not-covered", {"unit": name, "points": 1}))
    moved, why = _pay(running, row, found, coming, unit, most)
    if why is None or why.code not in TOO_MANY:
        return Payable(name, scaled(running, unit, moved), why)
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        _, said = _pay(running, row, found, coming, unit, middle)
        if said is not None and said.code in TOO_MANY:
            high = middle
        else:
            low = middle
    if not low:
        return Payable(name, Decimal(0), why)
    moved, why = _pay(running, row, found, coming, unit, low)
    return Payable(name, scaled(running, unit, moved), why)


def _before(running: Running, row: Member, found: Found, coming: Coming) -> list[int]:
    """The balances of a member just before the event would be taken."""
    desk = Desk(running, row, found)
    assert coming.event is not None
    desk.book.advance(max(coming.event.acts, coming.event.recorded))
    return desk.balances()


TOO_MANY = frozenset({"above-limit", "not-covered"})


def _pay(
    running: Running, row: Member, found: Found, coming: Coming, unit: int, steps: int
) -> tuple[int, Refusal | None]:
    """What a redemption of so many points towards the event would be given."""
    desk = Desk(running, row, found)
    first = Coming(coming.raw, coming.source, coming.id, coming.named, coming.actor)
    assert coming.event is not None
    read(running, first, coming.event.recorded)
    assert first.event is not None
    date(running, first, desk)
    desk.take(first.event, first.body, first.actor)
    raw = {
        **{key: each for key, each in coming.raw.items() if key not in ("lines", "amount")},
        "id": PAYING, "type": "redemption", "pays": coming.id, "unit":
        running.compiled.program.units[unit].name, "points": str(scaled(running, unit, steps)),
        "occurred_at": format_instant(max(first.event.acts, first.event.recorded)),
    }  # fmt: skip
    event = running.door.read(raw, max(first.event.acts, first.event.recorded))
    new = desk.take(event, "", coming.actor)
    return (0, new.decision.refusal) if event.refusal else (event.row[K.E_POINTS], None)
