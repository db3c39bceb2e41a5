"""The feed: everything that was written, in an order in which a reader misses nothing.

Rows stand by transaction, and are read up to the oldest transaction that is open: what commits
late has a place that nobody has read past. Within a transaction they stand by member and sequence.
A position is a text that sorts as the rows do. The order that is promised is that of a member's
sequence numbers; a reader that wants it exactly compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant
from laurels.ledger.postings import Posting
from laurels.service.answers import first_answer
from laurels.service.desk import STANDINGS, Stored
from laurels.service.ledger_rows import Name, Row, posting_of, wanted
from laurels.service.load import rows_of, run
from laurels.service.names import absorbed_names
from laurels.service.programs import Connection, Running
from laurels.store.rows import numbers

EVENT, DUES, REMINDER, CHANGED = 1, 2, 3, 4
CORRECTION = {"proposed": 5, "approved": 6, "waived": 7, "posted": 8}
PROGRAM = {"preparing": 9, "in-force": 10}
KINDS = {
    EVENT: "event.taken", DUES: "points.due", REMINDER: "points.expiring",
    CHANGED: "member.changed",
    **{number: f"correction.{state}" for state, number in CORRECTION.items()},
    **{number: f"program.{state}" for state, number in PROGRAM.items()},
}  # fmt: skip
"""Of rows, as they are stored: an event was taken; what fell due by itself was posted; a member is
to be told of points that are about to end; a member was blocked, closed, merged, erased or is
called otherwise; a correction; a program."""

MEMBER_MAX, SEQUENCE_MAX = 2**63 - 1, 2**31 - 1
BEGINNING = ""


class Position(NamedTuple):
    """After which row a reader stands."""

    transaction: int
    member: int
    sequence: int

    def text(self) -> str:
        """40 hexadecimal digits; texts sort as positions do."""
        return f"{self.transaction:016x}{self.member:016x}{self.sequence:08x}"


def read_position(text: str) -> Position:
    """A position from its text; the empty one stands before everything.

    Raises: RequestError, code position-wrong
    """
    if text == BEGINNING:
        return Position(-1, 0, 0)
    if len(text) != 40 or not set(text) <= set("0123456789abcdef"):
        raise RequestError(
            "position-wrong", "it is no position of the feed", where="after",
            expected="`next` of an earlier answer",
        )  # fmt: skip
    return Position(int(text[:16], 16), int(text[16:32], 16), int(text[32:], 16))


async def end_of_feed(connection: Connection) -> str:
    """The position after everything that has been written."""
    ((transaction,),) = await rows_of(connection, "feed_end")
    return Position(transaction - 1, MEMBER_MAX, SEQUENCE_MAX).text()


async def stretch(connection: Connection, program: int, since: int, until: int) -> tuple[str, str]:
    """Positions before and after what was recorded in [since, until), in microseconds.

    Events that were recorded between two others stand between them, so the stretch may hold a few
    that were recorded outside of it.
    """
    ((first, last),) = await rows_of(
        connection, "feed_range", program=program, since=since, until=until
    )
    if first is None:
        return BEGINNING, BEGINNING
    before = Position(first - 1, MEMBER_MAX, SEQUENCE_MAX) if first else None
    return (
        before.text() if before else BEGINNING,
        Position(last, MEMBER_MAX, SEQUENCE_MAX).text(),
    )


async def read_feed(
    connection: Connection, running: Running, after: str, limit: int
) -> list[dict[str, Any]]:
    """Rows after a position, each with `position`, program, kind, member, sequence, at, and

    event.taken      event, balances, postings: what was posted when it was taken
    points.due       postings
    member.changed   status: as it is now; sequence 0, for it is none of the member's events
    correction.…     correction: its number; member is empty
    program.…        epoch: the number of the text; member is empty
    points.expiring  expiring: unit, points, expires_at, and how many days ahead it was meant to be
    """
    place = read_position(after)
    found = await rows_of(
        connection, "feed_rows", program=running.number, transaction=place.transaction,
        member=place.member, sequence=place.sequence, limit=limit,
    )  # fmt: skip
    if not found:
        return []
    places = sorted({(row[1], row[2]) for row in found if row[3] <= REMINDER})
    members, sequences = numbers(m for m, _ in places), numbers(s for _, s in places)
    posted: dict[tuple[int, int], list[Row]] = {}
    for raw in await rows_of(
        connection, "postings_of_sequence", members=members, sequences=sequences
    ):
        row = Row(*raw)
        posted.setdefault((row.member, row.sequence), []).append(row)
    named = wanted([row for rows in posted.values() for row in rows]) | set(places)
    events = await _events(connection, named)
    names = _names(events)
    for (member, number), name in (await absorbed_names(connection, named - events.keys())).items():
        names.setdefault(member, {})[number] = name
    reminders = await _reminders(connection, running, members, sequences)
    rows = []
    for transaction, member, sequence, kind, at, name, status in found:
        if kind > REMINDER:
            rows.append(_other(running, transaction, member, sequence, kind, at, name, status))
            continue
        called = name if name is not None else f"~{member}"
        postings = [
            posting_of(running, row, called, names.get(member, {}))
            for row in posted.get((member, sequence), ())
        ]
        said: dict[str, Any] = {
            "position": Position(transaction, member, sequence).text(),
            "program": running.name, "kind": KINDS[kind], "member": called,
            "sequence": sequence, "at": at,
        }  # fmt: skip
        if kind == EVENT:
            said |= _event(running, events[member, sequence], called)
        elif kind == REMINDER:
            said["expiring"] = reminders[member, sequence]
        said["postings"] = [posting_data(each) for each in postings]
        rows.append(said)
    return rows


def _other(
    running: Running, transaction: int, member: int, sequence: int, kind: int, at: int,
    name: str | None, status: int | None,
) -> dict[str, Any]:  # fmt: skip
    """A row about no event of a member."""
    said: dict[str, Any] = {
        "position": Position(transaction, member, sequence).text(), "program": running.name,
        "kind": KINDS[kind], "member": "", "sequence": 0, "at": at,
    }  # fmt: skip
    if kind == CHANGED:
        said["member"] = name if name is not None else f"~{member}"
        said["status"] = STANDINGS[status or 0]
    elif kind in CORRECTION.values():
        said["correction"] = str(sequence)
    else:
        said["epoch"] = sequence
    return said


async def tell(
    connection: Connection, program: int, kind: int, at: int, *, member: int = 0, sequence: int = 0
) -> None:
    """Write down what was done to no event of a member. Part of the caller's transaction."""
    await run(connection, "feed_add", member=member, sequence=sequence, program=program,
              kind=kind, at=at)  # fmt: skip


def _event(running: Running, stored: Stored, called: str) -> dict[str, Any]:
    answer = first_answer(running, stored, called, (), again=False)
    event: dict[str, Any] = {
        "source": stored.source,
        "id": stored.id,
        "type": stored.type,
        "status": answer.status,
        "occurred_at": format_instant(stored.occurred_at),
        "recorded_at": format_instant(stored.recorded_at),
    }
    if answer.refusal:
        event["refusal"] = answer.refusal.code
    balances = {
        unit: {name: getattr(each, name) for name in ("active", "pending", "held", "debt")}
        for unit, each in answer.balances.items()
    }
    return {"event": event, "balances": balances}


async def _reminders(
    connection: Connection, running: Running, members: str, sequences: str
) -> dict[tuple[int, int], dict[str, Any]]:
    scales = {unit.name: unit.scale for unit in running.compiled.program.units}
    return {
        (member, sequence): {
            "unit": unit, "points": Decimal(points).scaleb(-scales[unit]),
            "expires_at": format_instant(ends), "days": days,
        }
        for member, sequence, unit, points, ends, days in await rows_of(
            connection, "reminders_of", members=members, sequences=sequences
        )
    }  # fmt: skip


def posting_data(posting: Posting) -> dict[str, Any]:
    """A posting in plain values: texts and decimals; what is empty is left out."""
    data: dict[str, Any] = {
        "id": posting.id, "kind": posting.kind, "unit": posting.unit, "points": posting.points,
        "from": posting.from_account, "to": posting.to_account, "rule": posting.rule,
        "event": posting.event, "line": posting.line, "funder": posting.funder,
        "version": posting.version, "semantics": posting.semantics, "lot": posting.lot,
        "corrects": posting.corrects,
    }  # fmt: skip
    for name in ("occurred_at", "effective_at", "posted_at", "active_at", "expires_at"):
        at = getattr(posting, name)
        if at is not None:
            data[name] = format_instant(at)
    return {name: each for name, each in data.items() if each != ""}


async def _events(
    connection: Connection, places: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Stored]:
    ordered = sorted(places)
    rows = await rows_of(
        connection, "events", members=numbers(m for m, _ in ordered),
        sequences=numbers(s for _, s in ordered),
    )  # fmt: skip
    return {(row[0], row[1]): Stored(*row) for row in rows}


def _names(events: Mapping[tuple[int, int], Stored]) -> dict[int, dict[int, Name]]:
    names: dict[int, dict[int, Name]] = {}
    for (member, sequence), stored in events.items():
        names.setdefault(member, {})[sequence] = (stored.source, stored.id)
    return names
