"""A history in parts: its members divided among files on disk, so that each part fits in memory.

A row goes to the part that the number of its member's id says. Members of whom an event has the
id of another member's event go to the first part together, for only both show which stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from laurels.base.instants import Calendar
from laurels.replay.machine import arrow
from laurels.replay.machine.coding import Names
from laurels.replay.machine.encode import Plan
from laurels.replay.machine.source import ROW, File, Piece, Source, parquet_file, reading

BASE = 350 << 20
"""Bytes of a process that has decided nothing yet, and of what it reads at once."""
LEAST = 100 << 20
EVENT, POSTED = 160, 800
"""Bytes of an event of a part in memory, without postings and with them."""


def parts_for(events: int, memory: int | None, workers: int, postings: bool) -> int:
    """How many parts a history needs so that workers together stay below so many bytes."""
    if memory is None:
        return max(1, workers)
    room = max(LEAST, memory // max(1, workers) - BASE)
    needed = -(-events * (POSTED if postings else EVENT) // room)
    return max(1, workers, needed)


def part_source(folder: Path, origin: Source, part: int) -> Source:
    """A part as a source."""
    paths = [folder / f"{part}-{number}.parquet" for number in range(len(origin.files))]
    return Source([parquet_file(str(path)) for path in paths if path.exists()], origin)


def known_source(files: Sequence[tuple[str, int]]) -> Source:
    """Files of which only names and numbers of rows matter any more."""
    return Source([File(path, pa.schema([]), rows, ()) for path, rows in files])


def split(source: Source, plan: Plan, folder: Path, parts: int, local: Calendar) -> int | None:
    """Write the parts of a source. Returns the latest instant of any row; None where no row has
    one that can be read."""
    folder.mkdir(parents=True, exist_ok=True)
    together = members_together(source, plan)
    last: int | None = None
    with ExitStack() as stack:
        writers: dict[Path, Any] = {}
        for piece in source.pieces:
            table = _table(piece)
            at, bad = arrow.instants(table["occurred_at"], local)
            if not bad.all():
                last = max(int(at[~bad].max()), last if last is not None else -(2**62))
            numbers = _parts_of(table["member"], parts, together)
            order = np.argsort(numbers, kind="stable")
            table = table.take(pa.array(order))
            ends = np.searchsorted(numbers[order], np.arange(parts + 1))
            for part in range(parts):
                low, high = int(ends[part]), int(ends[part + 1])
                if low == high:
                    continue
                path = folder / f"{part}-{piece.number}.parquet"
                if path not in writers:
                    writer = pq.ParquetWriter(path, table.schema, compression="lz4")
                    writers[path] = stack.enter_context(writer)
                writers[path].write_table(table.slice(low, high - low))
    return last


def _table(piece: Piece) -> Any:
    """All columns of a piece, and where each row stood."""
    with reading(piece, plain=True) as column:
        found = {name: column(name) for name in piece.file.schema.names}
    found[ROW] = pa.array(np.arange(piece.first, piece.first + piece.rows))
    return pa.table(found)


def _parts_of(members: Any, parts: int, together: Any) -> NDArray[np.int32]:
    """The part of each row."""
    texts = _texts(members)
    hashed, _ = arrow.hashes(texts)
    found = ((hashed >> 20) & 0xFFFFFFFF) % parts
    if len(together):
        found[pc.is_in(texts, value_set=together).to_numpy(zero_copy_only=False)] = 0
    return found.astype(np.int32)


def _texts(column: Any) -> Any:
    """A column as texts: integers too, so that files of both kinds agree."""
    return arrow.whole(column.cast(pa.large_string()))


def members_together(source: Source, plan: Plan) -> Any:
    """Members of whom an event has the id of another member's event."""
    names = Names(source.rows)
    for piece in source.pieces:
        with reading(piece) as column:
            names.note(plan.hashes(column("id"))[0])
    wanted = names.listed()
    rows, hashed = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for piece in source.pieces if len(wanted) else []:
        with reading(piece) as column:
            here = plan.hashes(column("id"))[0]
        hit = np.flatnonzero(np.isin(here, wanted))
        rows.append(hit + piece.first)
        hashed.append(here[hit])
    row, number = np.concatenate(rows), np.concatenate(hashed)
    order = np.argsort(number, kind="stable")
    row, number = row[order], number[order]
    same = np.zeros(len(row), dtype=bool)
    same[1:] = number[1:] == number[:-1]
    same[:-1] |= same[1:]
    if not same.any():
        return pa.array([], pa.large_string())
    members = _texts(source.take(row[same], ["member"])["member"])
    codes = members.dictionary_encode().indices.fill_null(-1).to_numpy()
    run = np.cumsum(np.concatenate([[True], np.diff(number[same]) != 0]))
    first = np.concatenate([[0], np.flatnonzero(np.diff(run)) + 1])
    mixed = np.isin(run, run[codes != np.repeat(codes[first], np.diff([*first, len(run)]))])
    return members.filter(pa.array(mixed)).unique().drop_null()
