"""Two members turn out to be one: one stays, and what the other was called is now called it.

Both are brought to one instant and their states are joined (`engine.join`); the merge is an event
of both. Events and postings stay where they were written. The other's row keeps the state that was
joined, so that it can be joined again where the history of the one who stays changes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laurels.base.errors import RequestError, ensure
from laurels.base.instants import format_instant
from laurels.engine.join import BECAME, Joined
from laurels.engine.join import MERGED as MERGE
from laurels.engine.kernel import layout as K
from laurels.engine.standing import read_standing
from laurels.service.audit import audit
from laurels.service.batch import fetch, resolve
from laurels.service.bodies import identity, rest_of
from laurels.service.decide import Budgets
from laurels.service.desk import BLOCKED, CLOSED, MERGED, STANDINGS, Desk, Member
from laurels.service.due import decided
from laurels.service.feed import CHANGED, tell
from laurels.service.load import Loader, known_ids, rows_of, run
from laurels.service.person import lock_members_now, names_under
from laurels.service.programs import Connection, Programs, Running
from laurels.service.types import Actor
from laurels.service.write import Rows


@dataclass(frozen=True, slots=True)
class Merging:
    """What is asked for: `absorbed` becomes `member`; source and id are the identity of it.

    given  when it was recorded, where an import says so; else the clock's instant
    """

    member: str
    absorbed: str
    source: str
    id: str
    given: int | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of it: the member who stays, and the instant. repeated: it had been done."""

    member: str
    absorbed: str
    at: int
    repeated: bool


async def merge(
    connection: Connection, programs: Programs, number: int, key: bytes, actor: Actor,
    asked: Merging,
) -> Merged:  # fmt: skip
    """Merge two members, or say that it has been done. Part of the caller's transaction.

    Raises RequestError: member-unknown, member-closed, merge-same, event-id-conflict.
    """
    await run(connection, "share_program", program=number)
    ((now, epoch),) = await rows_of(connection, "moment", program=number)
    running = await programs.running(connection, number, epoch)
    named = {name: identity(name, key) for name in (asked.member, asked.absorbed)}
    found = await resolve(connection, number, named)
    done = await _done(connection, running, asked, found)
    if done is not None:
        return done
    stays, goes = (_known(found, name, where) for name, where in
                   ((asked.member, "member"), (asked.absorbed, "absorbed")))  # fmt: skip
    if stays == goes:
        raise RequestError("merge-same", "both are names of one member", where="absorbed")
    rows = await lock_members_now(connection, stays, goes)
    for member, where in ((stays, "member"), (goes, "absorbed")):
        if rows[member].status >= CLOSED:
            raise RequestError(
                "member-closed", f"the member is {STANDINGS[rows[member].status]}", where=where
            )
    at = asked.given or now
    at = max(at, *(1 + max(row.recorded, row.now) for row in rows.values()))
    await _write(connection, running, actor, asked, rows[stays], rows[goes], at)
    await _hand_over(connection, running, key, rows[stays], rows[goes])
    await audit(connection, now, actor, "merge_members", number, stays, f"member {goes}")
    await audit(connection, now, actor, "merge_members", number, goes, f"into member {stays}")
    for member in (stays, goes):
        await tell(connection, number, CHANGED, now, member=member)
    return Merged(rows[stays].called, rows[goes].called, at, repeated=False)


def _known(found: Mapping[str, int], name: str, where: str) -> int:
    if name not in found:
        raise RequestError("member-unknown", "there is no such member", where=where)
    return found[name]


async def _done(
    connection: Connection, running: Running, asked: Merging, found: Mapping[str, int]
) -> Merged | None:
    """The merge of that identity. Raises RequestError where something else has it."""
    place = (await known_ids(connection, running.number, [asked.id])).get((asked.source, asked.id))
    if place is None:
        return None
    stored = (await fetch(connection, [place])).get(place)
    both = {found.get(asked.member), found.get(asked.absorbed)}
    if stored is None or stored.type != MERGE or len(both) != 1 or None in both:
        raise RequestError(
            "event-id-conflict", "the identity is of another event", where="id",
            expected="another id",
        )  # fmt: skip
    return Merged(asked.member, asked.absorbed, stored.occurred_at, repeated=True)


async def _write(
    connection: Connection, running: Running, actor: Actor, asked: Merging, stays: Member,
    goes: Member, at: int,
) -> None:  # fmt: skip
    """The events of the merge, with everything that falls due before it."""
    rows = {stays.member: stays, goes.member: goes}
    loader = Loader(connection, running, {})

    async def none(_: object) -> Budgets:
        return Budgets(running)

    desks, _ = await decided(loader, rows, [], none)
    one, other = desks[stays.member], desks[goes.member]
    _take(other, asked, actor, BECAME, {"into": f"~{stays.member}"}, at)
    one.advance(at)
    base, last = one.sequence + 1, other.sequence
    one.sequence = base + last
    joined = Joined(other.book.state.snapshot())
    one.gained = other.balances()
    event = _take(one, asked, actor, MERGE, {"absorbed": f"~{goes.member}"}, at, joined)
    holds = one.row.holds
    one.row.holds += other.row.holds
    ensure(event.number == holds, "holds of a merge are not numbered from where they stand")
    written = Rows(running)
    for desk in (one, other):
        desk.check()
        written.add(desk)
    await written.write(connection)
    await connection.execute(
        "INSERT INTO merges (member, absorbed, base, last, shift, at, source, id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [stays.member, goes.member, base, last, holds, at, event.source, event.id],
    )
    await connection.execute(
        "INSERT INTO mentions (member, refers, sequence)"
        " SELECT %s, refers, %s + sequence FROM mentions WHERE member = %s",
        [stays.member, base, goes.member],
    )


def _take(
    desk: Desk, asked: Merging, actor: Actor, kind: str, says: Mapping[str, str], at: int,
    joined: Joined | None = None,
) -> Any:  # fmt: skip
    """Take an event of the merge."""
    name = asked.id if joined else f"{asked.id}/{BECAME}"
    raw = {"id": name, "source": asked.source, "member": desk.row.called, "type": kind,
           "occurred_at": format_instant(at), **says}  # fmt: skip
    event = read_standing(desk.running.door, raw, at)
    event.joined = joined
    desk.take(event, rest_of(raw), actor.name)
    return event


async def _hand_over(
    connection: Connection, running: Running, key: bytes, stays: Member, goes: Member
) -> None:
    """Names, what is known of the person, parked events: all of it is of the one who stays."""
    names = await names_under(connection, goes.member, key)
    await connection.execute(
        "UPDATE identities SET member = %s WHERE program = %s AND identity = ANY(%s)"
        " AND member = %s",
        [stays.member, running.number, names, goes.member],
    )
    await connection.execute(
        "UPDATE people p SET attributes = (o.attributes::jsonb || p.attributes::jsonb)::text,"
        " identities = (p.identities::jsonb || o.identities::jsonb)::text"
        " FROM people o WHERE p.member = %s AND o.member = %s",
        [stays.member, goes.member],
    )
    await connection.execute(
        "UPDATE event_ids e SET member = %s FROM parked k WHERE k.member = %s"
        " AND e.program = k.program AND e.source = k.source AND e.id = k.id AND e.sequence = 0",
        [stays.member, goes.member],
    )
    await connection.execute(
        "UPDATE parked SET member = %s WHERE member = %s", [stays.member, goes.member]
    )
    to = [f'"to":"~{each.member}"' for each in (goes, stays)]
    await connection.execute(
        "UPDATE parked SET body = replace(body, %s, %s) WHERE program = %s AND body LIKE %s",
        [*to, running.number, f"%{to[0]}%"],
    )
    await connection.execute(
        "UPDATE members SET status = %s, next_due = %s, parked_until = NULL WHERE member = %s",
        [MERGED, K.NEVER, goes.member],
    )
    await connection.execute(
        "UPDATE members SET status = %s, parked_until = least(parked_until, %s)"
        " WHERE member = %s",
        [max(stays.status, BLOCKED if goes.status == BLOCKED else 0), goes.parked_until,
         stays.member],
    )  # fmt: skip
