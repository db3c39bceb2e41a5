"""Making wrong caches anew: states, checkpoints, and what is kept beside events. Events, postings
and answers are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from laurels.engine import packed as P
from laurels.engine.kernel import layout as K
from laurels.service.bodies import pack_bytes
from laurels.service.desk import SEMANTICS, places
from laurels.service.verify.differences import CACHES
from laurels.service.verify.part import Part, Texts, sides_of, stood_of
from laurels.service.verify.retake import Retaken, Stood
from laurels.service.verify.run import brought_up
from laurels.store.rows import numbers, octet_array
from laurels.store.statements import statement

EVERY = 200
"""Members that are locked at once."""


def repair_state(conninfo: str, members: Sequence[int], texts: Texts | None = None) -> int:
    """Fold these members again and save what the fold comes to; returns how many were wrong."""
    done = 0
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if texts is None:
            texts = brought_up(connection.execute(statement("programs_in_force")).fetchall())
        ordered = sorted(members)
        for at in range(0, len(ordered), EVERY):
            with connection.transaction():
                done += _some(connection, texts, ordered[at : at + EVERY])
    return done


def _some(connection: psycopg.Connection[Any], texts: Texts, members: Sequence[int]) -> int:
    query = sql.SQL("SELECT 1 FROM members WHERE member = ANY(%s) ORDER BY member FOR UPDATE")
    connection.execute(query, [list(members)])
    done = 0
    for program, stood in stood_of(connection, Part(0, members=tuple(members))).values():
        running = texts[program][-1]
        layouts = {each.layout: each for each in texts[program]}
        sides = sides_of(connection, running, stood, layouts)
        retaken = Retaken(running, stood, layouts, sides)
        if any(each.kind in CACHES for each in retaken.differences) and retaken.desk is not None:
            _save(connection, stood, retaken)
            done += 1
    return done


def _save(connection: psycopg.Connection[Any], stood: Stood, retaken: Retaken) -> None:
    """What the fold comes to, in the place of what was saved."""
    row, desk, running = stood.row, retaken.desk, retaken.running
    assert desk is not None
    book = desk.book
    values: dict[str, Any] = {
        "now": book.now, "recorded": max(desk.recorded, min(row.recorded, book.now)),
        "due": book.state.s[K.NEXT_DUE], "layout": running.layout, "semantics": SEMANTICS,
        "state": pack_bytes(P.pack(book.state)), "member": row.member,
        "events": row.events, "holds": row.holds, "waiting": row.waiting, "place": row.place,
    }  # fmt: skip
    if not retaken.sealed:
        in_history = {id(event) for event in book.history}
        standing = [desk.standing_of(new.event, in_history) for _, new in retaken.taken]
        values |= {
            "events": len(stood.events), "holds": retaken.holds,
            "waiting": standing.count(P.WAITING), "place": places(book.last, desk.taken),
        }  # fmt: skip
        kept = [pack_bytes(P.kept(new.event, stands, running.budgets))
                for (_, new), stands in zip(retaken.taken, standing, strict=True)]  # fmt: skip
        sequences = [taken.sequence for taken, _ in retaken.taken]
        connection.execute(statement("write_changes"), {
            "members": numbers([row.member] * len(kept)), "sequences": numbers(sequences),
            "kept": octet_array(kept),
        })  # fmt: skip
    connection.execute(statement("repair_member"), values)
    connection.execute("DELETE FROM checkpoints WHERE member = %s", [row.member])
