"""A program's books go out: events, postings and members as Parquet, all of one instant.

One transaction sees one snapshot, however long it takes; members come out some at a time, so that
memory does not depend on how many there are. The files are those that a replay reads and leaves:
`laurels replay --as-recorded` over the events gives the postings, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from laurels.base.instants import format_instant
from laurels.engine.join import BECAME
from laurels.replay.output import books_in
from laurels.replay.run import member_row, posting_row
from laurels.replay.tables import Books, members_of, postings_of
from laurels.replay.writers import new_path
from laurels.service.batch import called
from laurels.service.bodies import read_rest
from laurels.service.desk import Desk, Member, Stored
from laurels.service.due import stale
from laurels.service.ledger_rows import Name, Row, posting_of, wanted
from laurels.service.load import Loader, read_members, rows_of
from laurels.service.names import absorbed_names
from laurels.service.programs import Connection, Running
from laurels.service.types import STATUSES
from laurels.store.rows import numbers

STRIDE = 256
"""Members that are read at once."""
FIRST = ("id", "source", "type", "member", "occurred_at", "recorded_at")
FREE = ("reason", "author")
"""What people write by hand: it may name somebody."""
IGNORED = STATUSES.index("ignored")
Progress = Callable[[int, int], None]


@dataclass
class Exported:
    """How many rows of each went out."""

    members: int = 0
    events: int = 0
    postings: int = 0


async def export(
    connection: Connection, running: Running, folder: Path, personal: bool, progress: Progress
) -> Exported:
    """Write `events.parquet`, `postings.parquet` and `members.parquet` of one snapshot.

    personal  with ids and attributes of members; else members go by numbers, and what was kept
              of the person or written by hand is left out
    Part of a transaction that reads one snapshot. Raises RequestError where nothing can be written.
    """
    done = Exported()
    ((count,),) = await rows_of(connection, "export_count", program=running.number)
    fields = await _fields(connection, running, personal)
    with books_in(folder, running.compiled, ["parquet"]) as books, _events(folder, fields) as add:
        after = -1
        while True:
            rows = await rows_of(
                connection, "members_after", program=running.number, after=after, limit=STRIDE
            )
            if not rows:
                return done
            after = rows[-1][0]
            members = await read_members(connection, [row[0] for row in rows])
            names = {
                number: row.called if personal else f"~{number}" for number, row in members.items()
            }
            done.events += add(await _told(connection, members, names, personal))
            done.postings += await _posted(connection, running, names, personal, books)
            await _stand(connection, running, members, names, books)
            done.members += len(members)
            progress(done.members, count)


# -- events --------------------------------------------------------------------------------------


async def _fields(
    connection: Connection, running: Running, personal: bool
) -> tuple[list[str], list[str]]:
    """Every field that an event has, and every one that a line has."""
    rows = await rows_of(
        connection, "export_fields", program=running.number, personal=personal
    )  # fmt: skip
    events = sorted(name for name, of_line in rows if not of_line and name not in FIRST)
    lines = sorted(name for name, of_line in rows if of_line)
    if not personal:
        events = [name for name in events if name not in FREE]
    return [*FIRST, *events, *(["absorbed"] if "absorbed" not in events else [])], lines


@contextmanager
def _events(
    folder: Path, fields: tuple[list[str], list[str]]
) -> Iterator[Callable[[list[dict[str, Any]]], int]]:
    line = pa.struct([(name, pa.string()) for name in fields[1]])
    schema = pa.schema([
        (name, pa.list_(line) if name == "lines" else pa.string()) for name in fields[0]
    ])  # fmt: skip
    with (
        new_path(folder / "events.parquet") as unfinished,
        pq.ParquetWriter(unfinished, schema, compression="zstd") as writer,
    ):

        def add(rows: list[dict[str, Any]]) -> int:
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))
            return len(rows)

        yield add


async def _told(
    connection: Connection, members: Mapping[int, Member], names: Mapping[int, str], personal: bool
) -> list[dict[str, Any]]:
    """Events as they were sent, with the time at which each was recorded."""
    every = [
        Stored(*row)
        for row in await rows_of(
            connection, "events_since", members=numbers(members),
            sequences=numbers([1] * len(members)),
        )
    ]  # fmt: skip
    every.sort(key=lambda each: (each.member, each.sequence))
    every = [
        each for each in every
        if each.type != BECAME and not (each.type == "sealed" and each.status == IGNORED)
    ]  # fmt: skip
    bodies = [read_rest(each.body) for each in every]
    others = {int(str(body[key])[1:]) for body in bodies for key in ("to", "absorbed")
              if str(body.get(key, "")).startswith("~")}  # fmt: skip
    known = await called(connection, others) if personal else {n: f"~{n}" for n in others}
    return [
        _row(each, body, names[each.member], known, personal)
        for each, body in zip(every, bodies, strict=True)
    ]


def _row(
    stored: Stored, body: dict[str, Any], member: str, others: Mapping[int, str], personal: bool
) -> dict[str, Any]:
    if stored.type == "member" and (not personal or "erased" in body):
        body = {}
    for key in ("to", "absorbed"):
        said = str(body.get(key, ""))
        if said.startswith("~"):
            body[key] = others[int(said[1:])]
    row = {name: _text(value) for name, value in body.items()}
    return row | {
        "id": stored.id, "source": stored.source or None, "type": stored.type, "member": member,
        "occurred_at": format_instant(stored.occurred_at),
        "recorded_at": format_instant(stored.recorded_at),
    }  # fmt: skip


def _text(value: Any) -> Any:
    """A value as a cell: text, or lines of texts."""
    if isinstance(value, list):
        return [{name: _text(each) for name, each in line.items()} for line in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


# -- postings and members ------------------------------------------------------------------------


async def _posted(
    connection: Connection, running: Running, names: Mapping[int, str], personal: bool,
    books: Books,
) -> int:  # fmt: skip
    rows = [
        Row(*each)
        for each in await rows_of(connection, "postings_of_members", members=numbers(names))
    ]
    said = await _names(connection, rows, personal)
    scales = {unit.name: unit.scale for unit in running.compiled.program.units}
    postings = (posting_of(running, row, names[row.member], said.get(row.member, {}))
                for row in rows)  # fmt: skip
    books.add(None, postings_of(
        running.compiled, (posting_row(each, scales[each.unit], False) for each in postings)
    ))  # fmt: skip
    return len(rows)


async def _names(
    connection: Connection, rows: Sequence[Row], personal: bool
) -> dict[int, dict[int, Name]]:
    """The names of the events that postings are about."""
    asked = wanted(list(rows))
    ordered = sorted(asked)
    found: dict[tuple[int, int], Name] = {
        (member, sequence): (source, identity)
        for member, sequence, source, identity in await rows_of(
            connection, "event_names", members=numbers(m for m, _ in ordered),
            sequences=numbers(s for _, s in ordered),
        )
    }  # fmt: skip
    found |= await absorbed_names(connection, asked - found.keys(), personal)
    said: dict[int, dict[int, Name]] = {}
    for (member, sequence), name in found.items():
        said.setdefault(member, {})[sequence] = name
    return said


async def _stand(
    connection: Connection, running: Running, members: Mapping[int, Member],
    names: Mapping[int, str], books: Books,
) -> None:  # fmt: skip
    """Members as their states were saved: what has fallen due since is not posted yet."""
    old: Iterable[int] = [number for number, row in members.items() if stale(row, running)]
    late = dict.fromkeys(old)
    loaded = await Loader(connection, running, {}).load(members, {}, late)
    rows = [
        {**member_row(Desk(running, row, loaded[number]).book), "member": names[number]}
        for number, row in members.items()
    ]
    books.add(members_of(running.compiled, rows), None)
