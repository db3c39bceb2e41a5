"""The whole ledger, or a range of it: parts over processes, one snapshot of the database, one
report."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from laurels.base.errors import RequestError
from laurels.service.bodies import identity
from laurels.service.programs import Running, bring_up
from laurels.service.verify.across import verify_budgets, verify_identities, waived
from laurels.service.verify.differences import Difference
from laurels.service.verify.part import KEYS, PARTS, Part, Seen, Texts, verify_part
from laurels.store.statements import statement

MANY = 20_000
"""Events above which more than one process is worth its start."""
EACH = 100_000
"""Events of a part, about."""
Connection = psycopg.Connection[Any]
Text = tuple[int, int, str, str, int]
"""program, epoch, body, instants, published_at"""


@dataclass
class Verified:
    """What was compared, and what differs.

    programs  by name: counts of what was compared, points posted, what was waived
    kinds     how often each kind of difference was found; differences: the first of them
    repair    members whose caches can be made anew
    """

    programs: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    repair: list[int] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether the books are what the events say."""
        return not self.kinds


def verify(
    conninfo: str, *, program: str | None = None, members: tuple[str, str] | None = None,
    connections: int = 1, texts: Texts | None = None,
) -> Verified:  # fmt: skip
    """Fold everybody again and compare, at one snapshot of the database; it may be in use.

    program      one alone; members: those whose external ids stand between two, both included
    connections  processes that read and fold at once, where there is enough for them
    texts        programs that are compiled already
    Raises RequestError for a program or members that are not there.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        rows = [tuple(row) for row in connection.execute(statement("programs_in_force"))]
        only = _number(connection, program)
        wanted = _members(connection, only, members)
        if texts is None:
            texts = brought_up(rows)
        parts = _parts(connection, wanted, connections)
        seen = _over(connection, conninfo, rows, texts, parts, only, connections)
        seen.add(verify_identities(connection, texts, wanted))
        if wanted is None:
            chosen = {n: each for n, each in texts.items() if only in (None, n)}
            seen.add(verify_budgets(connection, chosen, seen.drawn))
        return _report(connection, texts, seen)


def brought_up(rows: Iterable[Text]) -> dict[int, list[Running]]:
    """Texts, compiled, by program; the one in force last. Of texts with one layout the last
    serves for all."""
    found: dict[int, list[Running]] = {}
    for number, epoch, body, instants, published in rows:
        running = bring_up(number, epoch, body, msgspec.json.decode(instants), published)
        others = [each for each in found.get(number, []) if each.layout != running.layout]
        found[number] = [*others, running]
    return found


def _number(connection: Connection, program: str | None) -> int | None:
    if program is None:
        return None
    row = connection.execute("SELECT program FROM programs WHERE name = %s", [program]).fetchone()
    if row is None:
        raise RequestError("program-unknown", f"there is no program `{program}`", where="program")
    return int(row[0])


def _members(
    connection: Connection, program: int | None, span: tuple[str, str] | None
) -> list[int] | None:
    """Members by their names. One that is asked for alone may go by any of its names, and an
    erased one by its stand-in."""
    if span is None:
        return None
    first, last = span
    found = [
        row[0]
        for row in connection.execute(
            "SELECT member FROM people WHERE name >= %s AND name <= %s"
            " AND (%s::smallint IS NULL OR program = %s)",
            [first, last, program, program],
        )
    ]
    if first == last and not found:
        if first[:1] == "~" and first[1:].isdecimal():
            found = [int(first[1:])]
        else:
            row = connection.execute(
                "SELECT value FROM settings WHERE key = 'identity-key'"
            ).fetchone()
            hashed = identity(first, row[0].encode() if row else b"")
            found = [
                row[0]
                for row in connection.execute(
                    "SELECT member FROM identities WHERE identity = %s"
                    " AND (%s::smallint IS NULL OR program = %s)",
                    [hashed, program, program],
                )
            ]
    if not found:
        raise RequestError("member-unknown", "there are no such members", where="members")
    return found


def _parts(connection: Connection, members: list[int] | None, connections: int) -> list[Part]:
    """Parts of about EACH events, enough for all connections."""
    if members is not None:
        each = max(1, 1 + len(members) // (4 * connections))
        return [Part(0, members=tuple(members[at : at + each]))
                for at in range(0, len(members), each)]  # fmt: skip
    row = connection.execute("SELECT coalesce(sum(sequence), 0) FROM members").fetchone()
    assert row is not None
    cuts = 1 + int(row[0]) // (PARTS * EACH)
    step = -(-KEYS // cuts)
    return [Part(number, at, min(KEYS, at + step))
            for number in range(PARTS) for at in range(0, KEYS, step)]  # fmt: skip


def _over(
    connection: Connection, conninfo: str, rows: list[Any], texts: Texts, parts: Sequence[Part],
    only: int | None, connections: int,
) -> Seen:  # fmt: skip
    """All parts, in this process or in several."""
    seen = Seen()
    row = connection.execute("SELECT coalesce(sum(sequence), 0) FROM members").fetchone()
    if connections < 2 or len(parts) < 2 or row is None or row[0] < MANY:
        for part in parts:
            seen.add(verify_part(connection, texts, part, only))
        return seen
    ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
    with ProcessPoolExecutor(
        connections, multiprocessing.get_context("spawn"), _start, (conninfo, snapshot, rows, only)
    ) as pool:
        for each in pool.map(_work, parts):
            seen.add(each)
    return seen


class _Worker:
    """What a process needs for its parts."""

    connection: Connection
    texts: Texts
    only: int | None


def _start(conninfo: str, snapshot: str, rows: list[Any], only: int | None) -> None:
    _Worker.connection = psycopg.connect(conninfo, autocommit=True)
    _Worker.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    _Worker.connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
    _Worker.texts = brought_up(rows)
    _Worker.only = only


def _work(part: Part) -> Seen:
    return verify_part(_Worker.connection, _Worker.texts, part, _Worker.only)


def _report(connection: Connection, texts: Texts, seen: Seen) -> Verified:
    found = Verified(kinds=dict(seen.kinds), differences=seen.differences, repair=seen.repair)
    decided = waived(connection)
    for number, each in texts.items():
        counts = {what: n for (program, what), n in sorted(seen.count.items())
                  if program == number}  # fmt: skip
        if not counts:
            continue
        units = {unit.name: unit.scale for unit in each[-1].compiled.program.units}
        posted = {}
        for (program, unit), steps in sorted(seen.issued.items()):
            if program == number and unit in units:
                posted[unit] = str(Decimal(steps).scaleb(-units[unit]))
        found.programs[each[-1].name] = counts | {"posted": posted} | (
            {"waived": decided[number]} if number in decided else {}
        )  # fmt: skip
    return found
