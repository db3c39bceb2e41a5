"""Lists and single finds: postings, events, the ledger's totals, explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from laurels.base.errors import RequestError
from laurels.engine.explain import explain_posting
from laurels.engine.explanations import PostingExplanation
from laurels.ledger.postings import Posting
from laurels.service.batch import called, describe, fetch, names_of
from laurels.service.bodies import read_rest
from laurels.service.desk import Found
from laurels.service.ledger_rows import Row, posting_of
from laurels.service.load import known_ids, read_members, rows_of
from laurels.service.programs import Connection, Running
from laurels.service.reading import told_again, whole_history
from laurels.service.types import Answer, Page
from laurels.store.rows import numbers

MOST = 1000
"""Rows of a page, at most."""


def bounded(limit: int) -> int:
    """A page's size. Raises RequestError."""
    if not 1 <= limit <= MOST:
        raise RequestError("limit-wrong", "a page cannot be so long", where="limit",
                           expected=f"1 to {MOST}")  # fmt: skip
    return limit


def cursor_of(text: str | None, parts: int) -> list[int]:
    """A place in a list, as `next` of an earlier page said it. Raises RequestError."""
    if text is None:
        return []
    try:
        found = [int(part) for part in text.split(".")]
    except ValueError:
        found = []
    if len(found) != parts or max(map(abs, found), default=0) >= 2**63:
        raise RequestError("position-wrong", "it is no place in this list", where="after",
                           expected="`next` of an earlier page")  # fmt: skip
    return found


# -- events --------------------------------------------------------------------------------------


async def event(connection: Connection, running: Running, source: str, identity: str) -> Answer:
    """What became of an event. Raises RequestError where it is not known."""
    known = (await known_ids(connection, running.number, [identity])).get((source, identity))
    if known is None:
        raise RequestError("event-unknown", "there is no such event", where="id")
    member, sequence = known
    if sequence:
        stored = await fetch(connection, [known])
        answers = await describe(connection, running, list(stored.values()), again=False)
        return answers[known]
    name = (await called(connection, [member]))[member]
    parked = await rows_of(connection, "parked", members=numbers([member]))
    status: Any = "parked" if any(row[1:3] == (source, identity) for row in parked) else "rejected"
    return Answer(status, source, identity, name)


async def events(
    connection: Connection, running: Running, state: str, after: str | None, limit: int
) -> Page:
    """Events that wait, that are parked, or that were wrong in themselves; the oldest first."""
    if state not in ("parked", "waiting", "rejected"):
        raise RequestError("state-unknown", "there is no such state", where="state",
                           expected="parked, waiting or rejected")  # fmt: skip
    count = bounded(limit)
    (offset,) = cursor_of(after, 1) or (0,)
    rows = await rows_of(
        connection, f"list_{state}", program=running.number, offset=max(0, offset), limit=count + 1
    )
    found = [EVENT_LISTS[state](row) for row in rows[:count]]
    return Page(tuple(found), str(offset + count) if len(rows) > count else None)


def _parked(row: tuple[Any, ...]) -> Mapping[str, object]:
    member, name, source, identity, due, came, body = row
    rest = read_rest(body)
    return {"source": source, "id": identity, "member": name or f"~{member}",
            "type": rest.get("type_"), "due_at": due, "came_at": came}  # fmt: skip


def _waiting(row: tuple[Any, ...]) -> Mapping[str, object]:
    member, name, source, identity, kind, occurred, recorded, refers = row
    return {"source": source, "id": identity, "member": name or f"~{member}", "type": kind,
            "occurred_at": occurred, "recorded_at": recorded, "waits_for": refers}  # fmt: skip


def _rejected(row: tuple[Any, ...]) -> Mapping[str, object]:
    at, source, identity, actor, code, where, message = row
    return {"source": source, "id": identity, "at": at, "actor": actor, "code": code,
            "where": where, "message": message}  # fmt: skip


EVENT_LISTS = {"parked": _parked, "waiting": _waiting, "rejected": _rejected}


# -- postings ------------------------------------------------------------------------------------


async def postings(
    connection: Connection, running: Running, member: int, after: str | None, limit: int
) -> Page:
    """A member's postings, the newest first; then those of whoever became the member."""
    count = bounded(limit)
    turn, sequence, number = cursor_of(after, 3) or (0, *NEWEST)
    spans = await rows_of(connection, "absorbed", members=numbers([member]))
    bases = {member: 0, **{span[1]: span[2] for span in spans}}
    rows: list[Row] = []
    for each in list(bases)[max(0, turn) :]:
        found = await rows_of(
            connection, "postings_before", member=each, sequence=sequence, number=number,
            limit=count + 1 - len(rows),
        )  # fmt: skip
        rows += [Row(*row) for row in found]
        sequence, number = NEWEST
        if len(rows) > count:
            break
    said = await say(connection, running, rows[:count])
    shown = [
        posting_data(row, posting, bases[row.member])
        for row, posting in zip(rows[:count], said, strict=True)
    ]
    last = rows[count - 1] if len(rows) > count else None
    place = f"{list(bases).index(last.member)}.{last.sequence}.{last.number}" if last else None
    return Page(tuple(shown), place)


NEWEST = (2**31 - 1, 2**15 - 1)


async def say(connection: Connection, running: Running, rows: list[Row]) -> list[Posting]:
    """Rows as postings."""
    names = await names_of(connection, rows)
    members = await called(connection, {row.member for row in rows})
    return [
        posting_of(running, row, members[row.member], names.get(row.member, {})) for row in rows
    ]


def posting_data(row: Row, posting: Posting, base: int) -> dict[str, object]:
    """A posting as a reader gets it. `id` names it within its member; `name` says what it is.
    base: where the numbers begin of one who became the member."""
    return {
        "id": f"{base + row.sequence}.{row.number}",
        "name": posting.id,
        "member": posting.member,
        "event": posting.event or None,
        "line": posting.line or None,
        "kind": posting.kind,
        "unit": posting.unit,
        "points": posting.points,
        "from": posting.from_account,
        "to": posting.to_account,
        "rule": posting.rule or None,
        "version": posting.version,
        "semantics": posting.semantics,
        "funder": posting.funder or None,
        "occurred_at": posting.occurred_at,
        "effective_at": posting.effective_at,
        "posted_at": posting.posted_at,
        "active_at": posting.active_at,
        "expires_at": posting.expires_at,
        "lot": posting.lot or None,
        "corrects": posting.corrects or None,
    }


async def explanation(
    connection: Connection, running: Running, member: int, identity: str
) -> PostingExplanation:
    """Why a posting is what it is, as it was known when it was posted."""
    sequence, number = cursor_of(identity, 2)
    for _, absorbed, base, last, *_ in reversed(
        await rows_of(connection, "absorbed", members=numbers([member]))
    ):
        if base < sequence <= base + last:
            member, sequence = absorbed, sequence - base
            break
    rows = [
        Row(*each)
        for each in await rows_of(
            connection, "postings_of_sequence", members=numbers([member]),
            sequences=numbers([sequence]),
        )
    ]  # fmt: skip
    row = next((each for each in rows if each.number == number), None)
    if row is None:
        raise RequestError("posting-unknown", "there is no such posting", where="posting")
    (posting,) = await say(connection, running, [row])
    known = (await read_members(connection, [member]))[member]
    found = await whole_history(connection, running, known)
    book = told_again(running, known, _until(found, sequence))
    book.advance(max(book.now, row.posted_at) + 1)
    return explain_posting(book, posting.id)


def _until(found: Found, sequence: int) -> Found:
    """What had been taken when something was posted."""
    return replace(found, events={n: e for n, e in found.events.items() if n <= sequence})
