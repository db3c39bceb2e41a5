"""Some members, verified: their rows come out in binary, each member is taken again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from laurels.engine.join import MERGED
from laurels.service.desk import Member, absorbed_by
from laurels.service.programs import Running
from laurels.service.verify.differences import Difference
from laurels.service.verify.retake import FIRST, POINTS, UNIT, Retaken, Stood, Taken
from laurels.store.statements import statement

PARTS = 8
"""Tables that grow with traffic are cut into so many, all by member."""
KEYS = 1 << 60
"""Members' keys are below it, evenly spread."""
SHOWN = 1000
"""Differences of a part that are handed over; the others are only counted."""

MEMBER = ["int2", "int8", "text", "int2", "int4", "int4", "int4", "int4", "int8", "int8", "int8",
          "int8", "text", "int2", "bytea", "bytea", "bytea"]  # fmt: skip
EVENT = ["int8", "int4", "text", "text", "text", "int2", "int8", "int8", "int4", "text", "text",
         "bytea", "bytea", "bytea", "text", "bytea"]  # fmt: skip
POSTING = ["int8", "int4", "int2", "int4", "int4", "int2", "text", "int8", "int2", "int2", "bool",
           "bool", "text", "int4", "text", "int4", "int2", "text", "int8", "int8", "int8", "int8",
           "int8"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """Which members: those of one of the PARTS, in a range of keys; or these alone."""

    number: int
    low: int = 0
    high: int = KEYS
    members: tuple[int, ...] | None = None


@dataclass
class Seen:
    """What was compared, and what differs. Can be added up over parts.

    count   by program and by what: members, events, postings, sealed, states of earlier layouts
    issued  points of all postings, by program and unit, in steps
    drawn   from budgets, by program and purse
    repair  members whose caches are wrong
    """

    count: Counter[tuple[int, str]] = field(default_factory=Counter)
    issued: Counter[tuple[int, str]] = field(default_factory=Counter)
    drawn: Counter[tuple[int, str]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    repair: list[int] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        """Add what was seen elsewhere."""
        self.count.update(other.count)
        self.issued.update(other.issued)
        self.drawn.update(other.drawn)
        self.kinds.update(other.kinds)
        self.differences += other.differences
        self.repair += other.repair


Texts = Mapping[int, list[Running]]
"""The texts of each program; the one in force last."""


def verify_part(
    connection: psycopg.Connection[Any], texts: Texts, part: Part, only: int | None = None
) -> Seen:
    """Verify some members, of one program or of all."""
    seen = Seen()
    for program, stood in stood_of(connection, part, only).values():
        _look(seen, texts.get(program, []), program, stood, connection)
    return seen


def stood_of(
    connection: psycopg.Connection[Any], part: Part, only: int | None = None
) -> dict[int, tuple[int, Stood]]:
    """Everything that is stored of some members: (program, what) by member."""
    members: dict[int, tuple[int, Stood]] = {}
    for program, *said in _rows(connection, "members", MEMBER, part):
        if only is None or program == only:
            members[said[0]] = (program, Stood(Member(*said), [], [], []))
    for row in _rows(connection, "events", EVENT, part):
        if (owner := members.get(row[0])) is not None:
            owner[1].events.append(Taken(*row))
    for row in _rows(connection, "postings", POSTING, part):
        if (owner := members.get(row[0])) is not None:
            owner[1].postings.append(row)
    for member, sequence in _rows(connection, "reminders", ["int8", "int4"], part):
        if (owner := members.get(member)) is not None:
            owner[1].reminders.append(sequence)
    return members


def sides_of(
    connection: psycopg.Connection[Any], running: Running, stood: Stood,
    layouts: Mapping[str, Running],
) -> dict[int, Retaken]:  # fmt: skip
    """Those who became a member, taken again, and those who became them."""
    others = tuple(absorbed_by(e.body) for e in stood.events if e.type == MERGED)
    if not others:
        return {}
    return {
        member: Retaken(running, other, layouts, sides_of(connection, running, other, layouts))
        for member, (_, other) in stood_of(connection, Part(0, members=others)).items()
    }


def _look(
    seen: Seen, texts: list[Running], program: int, stood: Stood,
    connection: psycopg.Connection[Any],
) -> None:  # fmt: skip
    count, row = seen.count, stood.row
    count[program, "members"] += 1
    if not stood.events and not stood.postings and not row.sequence:
        return  # enrolled by name alone
    if not texts:
        found = [Difference("program-unknown", str(program), row.called)]
    else:
        layouts = {each.layout: each for each in texts}
        sides = sides_of(connection, texts[-1], stood, layouts)
        retaken = Retaken(texts[-1], stood, layouts, sides)
        found = retaken.differences
        for purse, drawn in retaken.drawn.drawn.items():
            seen.drawn[program, purse] += drawn
        count[program, "sealed"] += retaken.sealed > 0
        count[program, "earlier layouts"] += row.layout != retaken.running.layout
    count[program, "events"] += len(stood.events)
    count[program, "postings"] += len(stood.postings)
    for posting in stood.postings:
        seen.issued[program, posting[FIRST + UNIT]] += posting[FIRST + POINTS]
    if found:
        count[program, "members that differ"] += 1
        seen.repair.append(row.member)
        seen.kinds.update(each.kind for each in found)
        seen.differences += found[: max(0, SHOWN - len(seen.differences))]


def _rows(
    connection: psycopg.Connection[Any], table: str, types: list[str], part: Part
) -> Iterator[tuple[Any, ...]]:
    if part.members is not None:
        wanted: sql.Composable = sql.SQL("m.member = ANY({}::bigint[])").format(list(part.members))
        name = table
    else:
        name = f"{table}_{part.number}"
        wanted = sql.SQL("true")
        if (part.low, part.high) != (0, KEYS):
            wanted = sql.SQL("m.member >= {} AND m.member < {}").format(part.low, part.high)
    query = sql.SQL(statement(f"out_{table}").decode()).format(
        wanted=wanted, **{table: sql.Identifier(name)}
    )
    with connection.cursor() as cursor, cursor.copy(query) as out:
        out.set_types(types)
        yield from out.rows()
