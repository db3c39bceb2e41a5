"""Where a history is read from: Parquet files or tables, piece by piece and by row.

A piece is a row group of a file, so that several can be read at once and none needs to be kept:
what few rows are asked for later (texts of what is listed) is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laurels.replay.machine.textual import ONCE
from laurels.replay.raw import Place

PIECE = 1 << 20
"""Rows of a table that are encoded at once."""
DENSE = 7
"""Bytes a value: below it, a column's texts are worth reading as codes of a dictionary."""

ROW = "laurels.row"
"""In the files of a part: the number of each row in the whole history."""

Column = Callable[[str], Any]


class File(NamedTuple):
    """A file: its rows, or where they are read (``table`` None)."""

    path: str
    schema: Any
    rows: int
    groups: tuple[int, ...]
    table: Any = None


class Piece(NamedTuple):
    """Rows that belong together: the number of the first in the whole history, and how many."""

    first: int
    rows: int
    file: File
    group: int
    number: int


class Source:
    """Files in a row. ``names``: the columns of any; ``rows``: of all.

    origin  of a part: the whole history, where its rows stand
    """

    def __init__(self, files: Sequence[File], origin: Source | None = None) -> None:
        self.files = files
        self.origin = origin
        self.pieces: list[Piece] = []
        first = 0
        for number, file in enumerate(files):
            for group, rows in enumerate(file.groups):
                self.pieces.append(Piece(first, rows, file, group, number))
                first += rows
        self.rows = first
        self.names = {name for file in files for name in file.schema.names}

    def paths(self) -> list[str]:
        """The files that a history was given in."""
        return [file.path for file in (self.origin or self).files]

    def types(self, name: str) -> list[Any]:
        """The types that a column has in the files that have it."""
        return [each.schema.field(name).type for each in self.files if name in each.schema.names]

    def take(self, rows: Any, names: Sequence[str], threads: int = 1) -> Any:
        """Rows by their numbers, in the order given; columns that no file has are left out."""
        order = np.argsort(rows, kind="stable")
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        rising = np.asarray(rows)[order]

        def taken(piece: Piece) -> Any:
            low, high = np.searchsorted(rising, [piece.first, piece.first + piece.rows])
            if low == high:
                return None
            here = pa.array(rising[low:high] - piece.first)
            with reading(piece, plain=True) as column:
                found = {name: column(name) for name in names}
            return pa.table({
                name: each.take(here) for name, each in found.items() if each is not None
            })  # fmt: skip

        with ThreadPoolExecutor(max(1, threads)) as pool:
            parts = [each for each in pool.map(taken, self.pieces) if each is not None]
        table = pa.concat_tables(parts, promote_options="default")
        return table.take(pa.array(back))

    def texts(self, name: str) -> Any:
        """A whole column as texts."""
        parts: list[Any] = []
        for piece in self.pieces:
            with reading(piece, plain=True) as column:
                found = column(name)
            kind = pa.large_string()
            found = pa.nulls(piece.rows, kind) if found is None else found.cast(kind)
            parts += found.chunks if isinstance(found, pa.ChunkedArray) else [found]
        return pa.chunked_array(parts, pa.large_string()).combine_chunks()

    def places(self, rows: Any) -> list[Place]:
        """Where rows stand: file, and row counted from 1."""
        if self.origin is not None:
            whole = self.take(rows, [ROW])[ROW] if len(rows) else pa.array([], pa.int64())
            return self.origin.places(whole.to_numpy())
        ends = np.cumsum([file.rows for file in self.files])
        file = np.searchsorted(ends, rows, side="right")
        first = np.concatenate([[0], ends[:-1]])[file]
        numbers = (rows - first + 1).tolist()
        return [
            Place(self.files[f].path, n) for f, n in zip(file.tolist(), numbers, strict=True)
        ]  # fmt: skip


def table_file(path: str, table: Any) -> File:
    """A file whose rows are in memory."""
    whole, rest = divmod(table.num_rows, PIECE)
    groups = (PIECE,) * whole + ((rest,) if rest else ())
    return File(path, table.schema, table.num_rows, groups, table)


def parquet_file(path: str) -> File:
    """A Parquet file. Raises ArrowException or OSError where it is none."""
    with pq.ParquetFile(path) as file:
        meta = file.metadata
        groups = tuple(meta.row_group(number).num_rows for number in range(meta.num_row_groups))
        return File(path, file.schema_arrow, meta.num_rows, groups)


@contextmanager
def reading(piece: Piece, plain: bool = False) -> Iterator[Column]:
    """What reads a column of a piece; None where its file has none. One at a time, so that not
    all of them are held. ``plain``: as it stands there, not as codes."""
    names = piece.file.schema.names
    if piece.file.table is not None:
        part = piece.file.table.slice(piece.group * PIECE, piece.rows)
        yield lambda name: part[name] if name in names else None
        return
    coded: list[str] = []
    if not plain:
        with pq.ParquetFile(piece.file.path) as file:
            coded = _dense(file.metadata.row_group(piece.group), piece.file.schema)
    with pq.ParquetFile(piece.file.path, read_dictionary=coded) as file:

        def column(name: str) -> Any:
            if name not in names:
                return None
            return file.read_row_group(piece.group, [name], use_threads=False)[name]

        yield column


def batches(piece: Piece, rows: int) -> Iterator[tuple[int, int, Column]]:
    """A piece some rows at a time: the number of the first, how many, and what reads a column."""
    if piece.file.table is not None:
        with reading(piece) as column:
            for low in range(0, piece.rows, rows):
                yield piece.first + low, min(rows, piece.rows - low), _part(column, low, rows)
        return
    with pq.ParquetFile(piece.file.path) as file:
        coded = _dense(file.metadata.row_group(piece.group), piece.file.schema)
    with pq.ParquetFile(piece.file.path, read_dictionary=coded) as file:
        large = {
            name: file.read_row_group(piece.group, [name], use_threads=False)[name]
            for name in coded
        }  # whose dictionaries would be made again for each batch
        others = [name for name in piece.file.schema.names if name not in large]
        low = 0
        for batch in file.iter_batches(rows, [piece.group], others, use_threads=False):

            def column(name: str, batch: Any = batch, low: int = low) -> Any:
                if name in large:
                    return large[name].slice(low, batch.num_rows)
                return batch[name] if name in others else None

            yield piece.first + low, batch.num_rows, column
            low += batch.num_rows


def _part(column: Column, low: int, rows: int) -> Column:
    """A column's rows from ``low`` on."""

    def part(name: str) -> Any:
        whole = column(name)
        return None if whole is None else whole.slice(low, rows)

    return part


def _dense(group: Any, schema: Any) -> list[str]:
    """Columns of texts that a file keeps as codes already."""
    found = []
    for number in range(group.num_columns):
        column = group.column(number)
        name = column.path_in_schema
        if (
            name not in schema.names
            or name in ONCE
            or not pa.types.is_string(schema.field(name).type)
        ):
            continue
        if column.total_uncompressed_size < DENSE * max(1, group.num_rows):
            found.append(name)
    return found
