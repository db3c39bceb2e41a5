"""What a replay leaves behind: postings, members, a summary, and lists of what was not taken.

Rows are written as they come, 100,000 at a time, so that the memory does not grow with the
history. The same rows give the same bytes: nothing of the clock or the machine goes in. A file
appears under its name when it is complete, never half.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal
from laurels.replay.raw import Refused, Unmatched, Waiting
from laurels.replay.values import Rejected

ROW_GROUP = 100_000
DIGITS = 38
FORMATS = frozenset({"parquet", "csv"})

POSTINGS = (
    *("posting", "member", "event", "line", "kind", "unit", "points", "from_account"),
    *("to_account", "rule", "version", "funder", "occurred_at", "effective_at", "posted_at"),
    *("active_at", "expires_at", "lot", "corrects"),
)
POSTING_INSTANTS = frozenset(
    {"occurred_at", "effective_at", "posted_at", "active_at", "expires_at"}
)
BALANCES = ("active", "pending", "held", "debt")

Row = Mapping[str, object]


class Column(NamedTuple):
    """A column of a table: text, instant (microseconds UTC) or points (steps of a unit).

    ``scale`` is the number of decimals in which points are written.
    """

    name: str
    kind: str
    scale: int = 0


def write_postings(
    folder: str | Path,
    rows: Iterable[Row],
    units: Mapping[str, int],
    formats: Iterable[str] = ("parquet",),
) -> int:
    """Write ``postings.parquet`` and, on request, ``postings.csv``; the number of postings.

    rows     mappings with the keys of POSTINGS; absent keys and None are empty cells. ``points``
             is an integer of steps of the row's ``unit``, above zero; instants are integers of
             microseconds
    units    decimals of each unit: {'bonus': 0, 'point': 2}. All points are written with as many
             decimals as the finest unit has.
    """
    columns, scaled = _postings_layout(units)
    return write_table(Path(folder), "postings", columns, map(scaled, rows), formats)


def _postings_layout(units: Mapping[str, int]) -> tuple[list[Column], Callable[[Row], Row]]:
    """The columns, and what turns steps of a row's unit into steps of the finest one."""
    scale = max(units.values(), default=0)
    factors = {unit: 10 ** (scale - decimals) for unit, decimals in units.items()}
    columns = [
        Column(name, "points", scale)
        if name == "points"
        else Column(name, "instant" if name in POSTING_INSTANTS else "text")
        for name in POSTINGS
    ]

    def scaled(row: Row) -> Row:
        points, unit = row["points"], str(row["unit"])
        if not isinstance(points, int):
            raise TypeError("points are an integer of steps")
        return row if factors[unit] == 1 else {**row, "points": points * factors[unit]}

    return columns, scaled


def write_members(
    folder: str | Path,
    rows: Iterable[Row],
    units: Mapping[str, int],
    ladders: Sequence[str],
    formats: Iterable[str] = ("parquet",),
) -> int:
    """Write ``members.parquet`` and, on request, ``members.csv``; the number of members.

    rows     mappings with ``member``; for each unit ``active_<unit>`` and so on, steps; for each
             ladder ``tier_<ladder>`` and ``tier_<ladder>_until``; ``next_expiry``
    """
    columns = _member_columns(units, ladders)
    return write_table(Path(folder), "members", columns, rows, formats)


def _member_columns(units: Mapping[str, int], ladders: Sequence[str]) -> list[Column]:
    columns = [Column("member", "text")]
    for unit, decimals in units.items():
        columns += [Column(f"{balance}_{unit}", "points", decimals) for balance in BALANCES]
    for ladder in ladders:
        columns.append(Column(f"tier_{ladder}", "text"))
        columns.append(Column(f"tier_{ladder}_until", "instant"))
    columns.append(Column("next_expiry", "instant"))
    return columns


@contextmanager
def open_books(
    folder: str | Path,
    units: Mapping[str, int],
    ladders: Sequence[str],
    formats: Iterable[str] = ("parquet",),
) -> Iterator[tuple[Add, Add]]:
    """Both tables while a run goes on: functions that take rows of postings and of members.

    One row group of each is held in memory. The files take their names when all went well.
    """
    wanted = formats_of(formats)
    columns, scaled = _postings_layout(units)
    path = Path(folder)
    with (
        _table(path, "members", _member_columns(units, ladders), wanted) as members,
        _table(path, "postings", columns, wanted) as postings,
    ):
        yield lambda rows: postings(map(scaled, rows)), members


def write_summary(folder: str | Path, summary: Mapping[str, object]) -> None:
    """Write ``summary.json``, keys in the order given. Decimals are text, never floats."""
    with _new_text(Path(folder) / "summary.json") as file:
        file.write(json.dumps(summary, ensure_ascii=False, indent=2, default=_plain) + "\n")


def write_rejected(folder: str | Path, rejected: Iterable[Rejected]) -> int:
    """Write ``rejected.csv``: file, row, column, reason, expected, value. The number of rows."""
    return _write_list(Path(folder) / "rejected.csv", Rejected._fields, rejected)


def write_unmatched(folder: str | Path, unmatched: Iterable[Unmatched]) -> int:
    """Write ``unmatched.csv``: returns for which no purchase was found. The number of rows."""
    return _write_list(Path(folder) / "unmatched.csv", Unmatched._fields, unmatched)


def write_waiting(folder: str | Path, waiting: Iterable[Waiting]) -> int:
    """Write ``waiting.csv``: events that name what has not come. The number of rows."""
    return _write_list(Path(folder) / "waiting.csv", Waiting._fields, waiting)


def write_refused(folder: str | Path, refused: Iterable[Refused]) -> int:
    """Write ``refused.csv``: requests that the rules refused. The number of rows."""
    return _write_list(Path(folder) / "refused.csv", Refused._fields, refused)


def write_table(
    folder: Path, name: str, columns: Sequence[Column], rows: Iterable[Row], formats: Iterable[str]
) -> int:
    """Write one table in each of the formats. Raises RequestError for an unknown format."""
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is the answer
            yield row

    with _table(folder, name, columns, formats_of(formats)) as add:
        add(counted())
    return count


Write = Callable[[list[Row]], None]
Add = Callable[[Iterable[Row]], None]


def formats_of(formats: Iterable[str]) -> list[str]:
    """The formats, sorted. Raises RequestError for an unknown one, or none."""
    wanted = set(formats)
    if not wanted or wanted - FORMATS:
        raise RequestError(
            "format-unknown",
            f"{', '.join(sorted(wanted - FORMATS)) or 'nothing'} is no format to write",
            where="formats",
            expected=", ".join(sorted(FORMATS)),
        )
    return sorted(wanted)


@contextmanager
def _table(
    folder: Path, name: str, columns: Sequence[Column], formats: Sequence[str]
) -> Iterator[Add]:
    """A table in each of the formats; rows are written a row group at a time."""
    batch: list[Row] = []
    with ExitStack() as stack:
        writers = [
            stack.enter_context(_SINKS[each](folder / f"{name}.{each}", columns))
            for each in formats
        ]

        def flush() -> None:
            for write in writers:
                write(batch)
            batch.clear()

        def add(rows: Iterable[Row]) -> None:
            remaining = iter(rows)
            while part := list(islice(remaining, ROW_GROUP - len(batch))):
                batch.extend(part)
                if len(batch) == ROW_GROUP:
                    flush()

        yield add
        if batch:
            flush()


@contextmanager
def _parquet_sink(path: Path, columns: Sequence[Column]) -> Iterator[Write]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise RequestError(
            "format-unknown",
            "Parquet files need pyarrow",
            where="formats",
            expected="the extra 'replay'",
            hint="pip install laurels[replay]",
        ) from None
    schema = pa.schema([pa.field(each.name, _arrow_type(each)) for each in columns])

    def write(batch: list[Row]) -> None:
        arrays = [_array(each, [row.get(each.name) for row in batch]) for each in columns]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=ROW_GROUP)

    with (
        _new_path(path) as unfinished,
        pq.ParquetWriter(unfinished, schema, compression="zstd") as writer,
    ):
        yield write


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    if column.kind == "points":
        return pa.decimal128(DIGITS, column.scale)
    return pa.timestamp("us", "UTC") if column.kind == "instant" else pa.string()


def _array(column: Column, values: list[object]) -> Any:
    import pyarrow as pa

    if column.kind == "points":
        return pa.array([_points(each, column.scale) for each in values], _arrow_type(column))
    if column.kind == "text":
        return pa.array([None if each is None else str(each) for each in values], pa.string())
    return pa.array(values, pa.int64()).cast(_arrow_type(column))


def _points(steps: object, scale: int) -> Decimal | None:
    if steps is None:
        return None
    if not isinstance(steps, int):
        raise TypeError("points are an integer of steps")
    return Decimal(format_decimal(steps, scale))


@contextmanager
def _csv_sink(path: Path, columns: Sequence[Column]) -> Iterator[Write]:
    def write(batch: list[Row]) -> None:
        writer.writerows([_cell(each, row.get(each.name)) for each in columns] for row in batch)

    with _new_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([each.name for each in columns])
        yield write


def _cell(column: Column, value: object) -> str:
    if value is None:
        return ""
    if column.kind == "text":
        return str(value)
    if not isinstance(value, int):
        raise TypeError(f"{column.name} is an integer")
    if column.kind == "points":
        return format_decimal(value, column.scale)
    return format_instant(value)


_SINKS = {"parquet": _parquet_sink, "csv": _csv_sink}


def _write_list(path: Path, names: Sequence[str], rows: Iterable[tuple[object, ...]]) -> int:
    count = 0
    with _new_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is the answer
            writer.writerow(row)
    return count


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a summary")


@contextmanager
def _new_text(path: Path) -> Iterator[TextIO]:
    with (
        _new_path(path) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


@contextmanager
def _new_path(path: Path) -> Iterator[Path]:
    """A path beside the wanted one, which takes its name when all went well.

    Raises RequestError when the folder cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
    except OSError as error:
        raise RequestError(
            "folder-not-writable",
            f"nothing can be written here: {error.strerror or error}",
            where=str(path.parent),
            expected="a folder",
        ) from error
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
