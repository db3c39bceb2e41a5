"""Corrections that need a decision: a version that reaches into the past, or an adjustment.

Proposed with the difference by member; approved by another than who proposed it, and posted in
batches that can be taken up again; or waived. All of it stays on the record. What is posted is an
adjustment of the day on which it is posted, which names the correction: the fold stays what it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from laurels.base.errors import RequestError, Unavailable
from laurels.base.instants import format_instant
from laurels.engine.compiled import compile_program
from laurels.engine.door import door_of
from laurels.engine.kernel import layout as K
from laurels.engine.packed import layout
from laurels.service.audit import audit
from laurels.service.batch import resolve
from laurels.service.bodies import identity
from laurels.service.desk import MERGED
from laurels.service.feed import CORRECTION as TOLD
from laurels.service.feed import tell
from laurels.service.load import Loader, known_ids, read_members, rows_of
from laurels.service.programs import Connection, Running
from laurels.service.reading import history_until, snapshot
from laurels.service.types import Actor, Answer

STRIDE = 128
SOURCE = "correction"


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction and where it stands.

    version      what is corrected; None for an adjustment, of which `event` has source and id
    differences  by member and unit
    posted       members who got or gave all of it
    exceptions   codes of why not, by member and unit: a closed or erased member keeps what it has
    """

    correction: int
    program: str
    state: str
    kind: str
    version: int | None
    event: Mapping[str, str] | None
    reason: str
    proposed_by: str
    decided_by: str | None
    differences: Mapping[str, Mapping[str, Decimal]]
    posted: int
    exceptions: Mapping[str, Mapping[str, str]]


def as_if_known(running: Running, version: int) -> Running:
    """The program, had a version been known from the instant from which it is in force."""
    versions = running.compiled.program.versions
    if version not in [each.number for each in versions]:
        raise RequestError("version-unknown", "there is no such version", where="version")
    known = tuple(
        replace(each, published_at=min(each.published_at, each.effective_from))
        if each.number == version
        else each
        for each in versions
    )
    compiled = compile_program(replace(running.compiled.program, versions=known))
    return replace(running, compiled=compiled, door=door_of(compiled), layout=layout(compiled))


async def propose(
    connection: Connection, running: Running, actor: Actor, version: int, reason: str, now: int,
    name: Name = ("", ""),
) -> int:  # fmt: skip
    """Fold everybody as if a version had been known in time, and keep the differences of what
    they have; returns the number of the proposal. name: its source and id; one of that name is
    the same. Raises RequestError where it is another."""
    body = {"version": version, "reason": reason}
    if (before := await _proposed(connection, running, name, body)) is not None:
        return before
    past = as_if_known(running, version)
    given = await _given(connection, running, version)
    found: list[tuple[int, str]] = []
    after = -1
    while True:
        async with snapshot(connection):
            rows = await rows_of(
                connection, "members_after", program=running.number, after=after, limit=STRIDE
            )
            if not rows:
                break
            after = rows[-1][0]
            members = await read_members(connection, [row[0] for row in rows])
            histories = await Loader(connection, running, {}).load(
                members, {}, dict.fromkeys(members)
            )
            for member, row in members.items():
                if row.status == MERGED:
                    continue  # what it would have is in the one that it became
                known = histories[member]
                difference = _difference(
                    running, _points(running, history_until(running, row, known, now + 1)),
                    _points(past, history_until(past, row, known, now + 1)),
                )  # fmt: skip
                for unit, points in given.get(member, {}).items():
                    left = Decimal(difference.pop(unit, "0")) - points
                    if left:
                        difference[unit] = str(left)
                if difference:
                    found.append((member, msgspec.json.encode(difference).decode()))
    return await _write(connection, running, actor, "version", body, now, found, name)


async def propose_adjustment(
    connection: Connection, running: Running, key: bytes, actor: Actor, event: Mapping[str, Any],
    now: int,
) -> int:  # fmt: skip
    """Keep an adjustment above the limit as a proposal; returns its number. Raises RequestError."""
    read = running.door.read(event, now)
    name = (read.source, read.id)
    body = {"event": dict(event), "reason": str(event.get("reason") or "")}
    if (known := await _proposed(connection, running, name, body)) is not None:
        return known
    called = str(event["member"])
    found = await resolve(connection, running.number, {called: identity(called, key)})
    if called not in found:
        raise RequestError("member-unknown", "there is no such member", where="member")
    if name in await known_ids(connection, running.number, [read.id]):
        raise RequestError(
            "event-id-conflict", "the identity is of another event", where="id",
            expected="another id",
        )  # fmt: skip
    unit = running.compiled.program.units[read.row[K.E_UNIT]].name
    sign = "-" if event.get("direction") == "debit" else ""
    difference = msgspec.json.encode({unit: f"{sign}{event['points']}"}).decode()
    changed = [(found[called], difference)]
    return await _write(connection, running, actor, "adjustment", body, now, changed, name)


Name = tuple[str, str]
"""Source and id; without an id it is none."""


async def _proposed(
    connection: Connection, running: Running, name: Name, body: Mapping[str, Any]
) -> int | None:
    """The proposal of this name. Raises RequestError where it says something else."""
    if not name[1]:
        return None
    cursor = await connection.execute(
        "SELECT correction, body FROM corrections WHERE program = %s AND source = %s AND id = %s"
        " AND id <> ''",
        [running.number, *name],
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if msgspec.json.decode(row[1]) != msgspec.json.decode(msgspec.json.encode(body)):
        raise RequestError("event-id-conflict", "the identity is of another proposal", where="id",
                           expected="another id")  # fmt: skip
    return int(row[0])


async def _given(
    connection: Connection, running: Running, version: int
) -> dict[int, dict[str, Decimal]]:
    """What earlier corrections for the same version gave, by member and unit."""
    cursor = await connection.execute(
        "SELECT m.member, m.differences, m.problems, c.body FROM correction_members m"
        " JOIN corrections c USING (correction)"
        " WHERE c.program = %s AND c.state IN ('approved', 'posted')",
        [running.number],
    )
    found: dict[int, dict[str, Decimal]] = {}
    for member, text, problems, body in await cursor.fetchall():
        if msgspec.json.decode(body).get("version") == version:
            units = found.setdefault(member, {})
            wrong = msgspec.json.decode(problems)
            for unit, points in msgspec.json.decode(text).items():
                if unit in wrong:
                    continue
                units[unit] = units.get(unit, Decimal(0)) + Decimal(points)
    return found


def _points(running: Running, book: Any) -> list[int]:
    """What a member has of each unit: active and pending, less debt."""
    s = book.state.s
    blocks = [K.HEAD + unit.index * K.UNIT for unit in running.compiled.program.units]
    return [s[b + K.U_ACTIVE] + s[b + K.U_PENDING] + s[b + K.U_HELD] - s[b + K.U_DEBT]
            for b in blocks]  # fmt: skip


def _difference(running: Running, was: list[int], should: list[int]) -> dict[str, str]:
    units = running.compiled.program.units
    return {
        unit.name: str(Decimal(new - old).scaleb(-unit.scale))
        for unit, old, new in zip(units, was, should, strict=True)
        if new != old
    }


async def _write(
    connection: Connection, running: Running, actor: Actor, kind: str, body: Mapping[str, Any],
    now: int, found: list[tuple[int, str]], name: Name,
) -> int:  # fmt: skip
    async with connection.transaction():
        await connection.execute("LOCK TABLE corrections IN SHARE ROW EXCLUSIVE MODE")
        if (known := await _proposed(connection, running, name, body)) is not None:
            return known  # it came twice at once
        cursor = await connection.execute(
            "INSERT INTO corrections (correction, program, state, kind, body, proposed_at,"
            " proposed_by, source, id) SELECT 1 + coalesce(max(correction), 0), %s, 'proposed',"
            " %s, %s, %s, %s, %s, %s FROM corrections RETURNING correction",
            [running.number, kind, msgspec.json.encode(body).decode(), now, actor.name, *name],
        )
        row = await cursor.fetchone()
        assert row is not None
        async with connection.cursor() as writing:
            await writing.executemany(
                "INSERT INTO correction_members (correction, member, differences)"
                " VALUES (%s, %s, %s)",
                [(row[0], member, text) for member, text in found],
            )
        await audit(connection, now, actor, "propose_correction", running.number, None,
                    f"correction {row[0]}")  # fmt: skip
        await tell(connection, running.number, TOLD["proposed"], now, sequence=row[0])
    return int(row[0])


async def decide(
    connection: Connection, running: Running, actor: Actor, number: int, approve: bool, now: int
) -> None:
    """Approve or waive a proposal. Raises RequestError for one that is decided, and for who
    approves what they proposed themselves."""
    async with connection.transaction():
        cursor = await connection.execute(
            "SELECT state, proposed_by FROM corrections"
            " WHERE correction = %s AND program = %s FOR UPDATE",
            [number, running.number],
        )
        row = await cursor.fetchone()
        if row is None:
            raise RequestError("correction-unknown", "there is no such correction", where="id")
        state, proposed_by = row
        wanted = "approved" if approve else "waived"
        if state == wanted or (approve and state == "posted"):
            return
        if state != "proposed":
            raise RequestError("correction-decided", f"the correction is {state}", where="id")
        if approve and proposed_by == actor.name:
            raise RequestError(
                "correction-own", "nobody approves what they proposed", where="id",
                expected="another key",
            )  # fmt: skip
        await connection.execute(
            "UPDATE corrections SET state = %s, decided_at = %s, decided_by = %s"
            " WHERE correction = %s",
            [wanted, now, actor.name, number],
        )
        await audit(connection, now, actor, "approve_correction" if approve else
                    "waive_correction", running.number, None, f"correction {number}")  # fmt: skip
        await tell(connection, running.number, TOLD[wanted], now, sequence=number)


Take = Callable[[list[dict[str, Any]]], Awaitable[list[Answer]]]


async def post(connection: Connection, number: int, take: Take) -> int:
    """Post an approved correction, each member once however often this is begun; returns how many
    members are done. Of whom it cannot be posted (a closed or erased member, what a debit is
    refused), that is kept beside the difference, and the others go on. `take` takes events.

    Raises Unavailable where the database could not take them now.
    """
    done = 0
    cursor = await connection.execute(
        "SELECT decided_at, body FROM corrections WHERE correction = %s", [number]
    )
    ((decided_at, body),) = await cursor.fetchall()
    asked = msgspec.json.decode(body).get("event")
    while True:
        cursor = await connection.execute(
            "SELECT c.member, c.differences, coalesce(p.name, '') FROM correction_members c"
            " LEFT JOIN people p USING (member) WHERE c.correction = %s AND NOT c.posted"
            " ORDER BY c.member LIMIT %s",
            [number, STRIDE],
        )
        rows = await cursor.fetchall()
        if not rows:
            break
        problems: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
        events, places = [], []
        for member, text, name in rows:
            for unit, points in msgspec.json.decode(text).items():
                if not name:
                    problems[member][unit] = "member-unknown"  # erased since
                    continue
                event = _adjustment(number, name, unit, Decimal(points), decided_at)
                events.append(asked or {**event, "id": f"{number}/{unit}/{member}"})
                places.append((member, unit))
        for (member, unit), answer in zip(places, await take(events), strict=True):
            if answer.status == "retry-later":
                raise Unavailable("store-unreachable", "not all of it could be posted now")
            problem = why_not(answer)
            if problem:
                problems[member][unit] = problem
        await connection.execute(
            "UPDATE correction_members m SET posted = true, problems = v.problems"
            " FROM unnest(%s::bigint[], %s::text[]) v (member, problems)"
            " WHERE m.correction = %s AND m.member = v.member",
            [list(problems), [msgspec.json.encode(each).decode() for each in problems.values()],
             number],
        )  # fmt: skip
        done += len(rows)
    async with connection.transaction():
        cursor = await connection.execute(
            "UPDATE corrections SET state = 'posted' WHERE correction = %s AND state = 'approved'"
            " RETURNING program",
            [number],
        )
        if (found := await cursor.fetchone()) is not None:
            ((now, _),) = await rows_of(connection, "moment", program=found[0])
            await tell(connection, found[0], TOLD["posted"], now, sequence=number)
    return done


def why_not(answer: Answer) -> str:
    """The code of what kept an event from being taken; empty where it was, now or before."""
    if answer.error is not None:
        return answer.error.code
    if answer.refusal is not None:
        return answer.refusal.code
    status = answer.first if answer.status == "duplicate" else answer.status
    return "" if status == "taken" else str(status)


def _adjustment(number: int, member: str, unit: str, points: Decimal, now: int) -> dict[str, Any]:
    """What a member gets or gives back. Its time is that of the approval, so that posting it again
    is the same event."""
    return {
        "source": SOURCE,
        "member": member,
        "type": "adjustment",
        "occurred_at": format_instant(now),
        "unit": unit,
        "points": str(abs(points)),
        "direction": "credit" if points > 0 else "debit",
        "reason": f"correction {number}",
    }


async def show(connection: Connection, running: Running, number: int) -> Correction:
    """A correction. Raises RequestError."""
    cursor = await connection.execute(
        "SELECT state, body, proposed_by, decided_by, kind, source, id FROM corrections"
        " WHERE correction = %s AND program = %s",
        [number, running.number],
    )
    row = await cursor.fetchone()
    if row is None:
        raise RequestError("correction-unknown", "there is no such correction", where="id")
    state, body, proposed_by, decided_by, kind, *name = row
    said = msgspec.json.decode(body)
    cursor = await connection.execute(
        "SELECT coalesce(p.name, '~' || c.member), c.differences, c.posted, c.problems"
        " FROM correction_members c LEFT JOIN people p USING (member) WHERE c.correction = %s"
        " ORDER BY 1",
        [number],
    )
    rows = await cursor.fetchall()
    differences = {
        name: {unit: Decimal(points) for unit, points in msgspec.json.decode(text).items()}
        for name, text, *_ in rows
    }
    exceptions = {name: wrong for name, *_, problems in rows
                  if (wrong := msgspec.json.decode(problems))}  # fmt: skip
    done = sum(posted for name, _, posted, _ in rows if name not in exceptions)
    event = dict(zip(("source", "id"), name, strict=True)) if kind == "adjustment" else None
    return Correction(number, running.name, state, kind, said.get("version"), event,
                      said["reason"], proposed_by, decided_by, differences, done,
                      exceptions)  # fmt: skip
