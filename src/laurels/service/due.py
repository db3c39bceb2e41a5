"""Parked events whose time has come, and desks on which events are decided: for writing and
reading alike, so that a read shows what the next batch will write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from laurels.base.errors import RequestError
from laurels.service.bodies import read_rest
from laurels.service.decide import (
    Budgets,
    Coming,
    More,
    admit,
    date,
    decide,
    look,
    order_of,
    read,
)
from laurels.service.desk import Desk, Member
from laurels.service.load import Loader, names_in, rows_of
from laurels.service.programs import Connection, Running
from laurels.store.rows import numbers

AGAIN = 4
"""How often events are decided anew because more history is needed than was foreseen."""


async def due_of(connection: Connection, rows: Mapping[int, Member], now: int) -> list[Coming]:
    """Parked events of these members whose time has come; the members are told what is left."""
    due = [m for m, row in rows.items() if (row.parked_until or now + 1) <= now]
    if not due:
        return []
    found = []
    for member in due:
        rows[member].parked_until = None
    for member, source, name, due_at, _, actor, body in await rows_of(
        connection, "parked", members=numbers(due)
    ):
        row = rows[member]
        if due_at > now:
            row.parked_until = min(row.parked_until or due_at, due_at)
        else:
            found.append(unparked(row, source, name, due_at, actor, body))
    return found


def unparked(row: Member, source: str, name: str, due: int, actor: str, body: str) -> Coming:
    """A parked event, to be taken now as recorded when its time came."""
    raw = read_rest(body)
    raw |= {"id": name, "source": source, "member": row.called, "type": raw.pop("type_"),
            "occurred_at": raw.pop("at_")}  # fmt: skip
    to = str(raw.get("to") or "")
    receiver = int(to[1:]) if to[:1] == "~" and to[1:].isdecimal() else 0
    return Coming(raw, source, name, row.called, actor, member=row.member, to=receiver, due=due)


def taken_up(
    running: Running, comings: Iterable[Coming], rows: Mapping[int, Member], now: int
) -> list[Coming]:
    """Those of them that can be taken; the others have their `error`."""
    found = []
    for coming in comings:
        try:
            read(running, coming, now)
            admit(coming, rows[coming.member])
        except RequestError as error:
            coming.error = error
        else:
            found.append(coming)
    return found


def stale(row: Member, running: Running) -> bool:
    """Whether a state was saved in a layout that the program has no more."""
    return row.state is not None and row.layout != running.layout


async def decided(
    loader: Loader,
    rows: Mapping[int, Member],
    comings: list[Coming],
    draw: Callable[[list[Coming]], Awaitable[Budgets]],
) -> tuple[dict[int, Desk], Budgets]:
    """Load these members and decide events; once more with more history where it turns out to be
    needed. draw: finds the budgets that events draw on."""
    running = loader.running
    named: dict[int, set[str]] = {member: set() for member in rows}
    for coming in comings:
        assert coming.event is not None
        named[coming.member] |= names_in(coming.event.type, coming.raw)
    late = {m: None for m, row in rows.items() if stale(row, running)}
    found = await loader.load(rows, named, late)
    budgets: Budgets | None = None
    desks = {m: Desk(running, row, found[m]) for m, row in rows.items()}
    for coming in comings:
        date(running, coming, desks[coming.member])
    for _ in range(AGAIN):
        needed = look(sorted(comings, key=order_of), desks)
        if needed:
            found = await loader.load(rows, {}, needed)
            desks |= {m: Desk(running, rows[m], found[m]) for m in needed}
            continue
        if budgets is None:
            budgets = await draw(comings)
        budgets.drawn.clear()
        try:
            decide(comings, desks, budgets)
        except More as more:
            found = await loader.load(rows, {}, {more.member: more.place})
            desks = {m: Desk(running, row, found[m]) for m, row in rows.items()}
            continue
        return desks, budgets
    raise AssertionError("history was loaded and was not enough")
