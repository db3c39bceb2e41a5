"""A hold as it stands: what it set aside, what was captured or given back, what it still has."""

from __future__ import annotations

from laurels.base.errors import RequestError
from laurels.engine.kernel import layout as K
from laurels.service.answers import scaled
from laurels.service.desk import Desk
from laurels.service.due import stale
from laurels.service.load import Loader, read_members
from laurels.service.programs import Connection, Running
from laurels.service.types import HoldView


async def hold_state(
    connection: Connection, running: Running, member: int, hold: str, now: int
) -> HoldView:
    """A hold of a member, by its name. Raises RequestError."""
    rows = await read_members(connection, [member])
    loader = Loader(connection, running, {})
    late = {member: None} if stale(rows[member], running) else {}
    found = await loader.load(rows, {member: {hold}}, late)
    desk = Desk(running, rows[member], found[member])
    book = desk.book
    book.advance(now)
    holds = book.holds.get(hold)
    if not holds:
        raise RequestError("hold-not-found", "there is no such hold", where="hold")
    event = holds[-1]
    unit = event.row[K.E_UNIT]
    parts = [
        book.state.lh[at : at + K.HELD_LOT]
        for at in range(0, book.state.s[K.HOLDS] * K.HELD_LOT, K.HELD_LOT)
    ]
    mine = [part for part in parts if part[K.H_HOLD] == event.number + event.shift]
    moved = {"capture": 0, "void": 0}
    for each in desk.events.values():
        if each.refers == hold and each.type in moved and not each.refusal:
            moved[each.type] += each.row[K.E_POINTS]
    held = sum(part[K.H_POINTS] for part in mine)
    until = min((part[K.H_UNTIL] for part in mine), default=0)
    return HoldView(
        hold,
        rows[member].called,
        running.compiled.program.units[unit].name,
        "refused" if event.refusal else "open" if held else "closed",
        scaled(running, unit, event.row[K.E_POINTS] if not event.refusal else event.asked),
        scaled(running, unit, held),
        scaled(running, unit, moved["capture"]),
        scaled(running, unit, moved["void"]),
        until if 0 < until < K.NEVER else None,
    )
