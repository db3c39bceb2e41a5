"""What a replay leaves behind: postings, members, a summary, and lists of what was not taken.

Tables are written as they come, 100,000 rows at a time, so that the memory does not grow with the
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
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal
from laurels.replay.raw import Cut, Refused, Unmatched, Waiting
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
ONCE = frozenset({"posting", "event"})
"""Columns whose texts hardly repeat: a dictionary of them takes time and room for nothing, as it
does for instants and points."""
BALANCES = ("active", "pending", "held", "debt")


class Column(NamedTuple):
    """A column of a table: text, instant (microseconds UTC) or points (steps of a unit).

    ``scale`` is the number of decimals in which points are written.
    """

    name: str
    kind: str
    scale: int = 0


def posting_columns(units: Mapping[str, int]) -> list[Column]:
    """The columns of ``postings.parquet``. All points are written with as many decimals as the
    finest unit has; ``units``: decimals of each, {'bonus': 0, 'point': 2}."""
    scale = max(units.values(), default=0)
    return [
        Column(name, "points", scale)
        if name == "points"
        else Column(name, "instant" if name in POSTING_INSTANTS else "text")
        for name in POSTINGS
    ]


def member_columns(units: Mapping[str, int], ladders: Sequence[str]) -> list[Column]:
    """The columns of ``members.parquet``: the member; for each unit ``active_<unit>`` and so on;
    for each ladder ``tier_<ladder>`` and ``tier_<ladder>_until``; ``next_expiry``."""
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
    """Both files while a run goes on: functions that take tables of members and of postings, as
    ``laurels.replay.tables`` makes them (points in steps, instants in microseconds).

    One row group of each is held in memory. The files take their names when all went well.
    """
    wanted = formats_of(formats)
    path = Path(folder)
    with (
        _file(path, "members", member_columns(units, ladders), wanted) as members,
        _file(path, "postings", posting_columns(units), wanted) as postings,
    ):
        yield members, lambda table: postings(_finest(table, units))


def _finest(table: Any, units: Mapping[str, int]) -> Any:
    """Steps of each row's unit as steps of the finest unit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(set(units.values())) < 2:
        return table
    scale = max(units.values())
    names = pa.array(list(units), pa.string())
    factors = [Decimal(10 ** (scale - decimals)) for decimals in units.values()]
    rows = pc.index_in(table["unit"].cast(pa.string()), value_set=names)
    each = pa.array(factors, pa.decimal128(10, 0)).take(rows)
    steps = table["points"].cast(pa.decimal128(19, 0))
    points = pc.multiply(steps, each)
    at = table.column_names.index("points")
    return table.set_column(at, "points", points)


MONTHLY = (
    *("issued", "activated", "spent", "expired", "taken_back", "adjusted", "transferred"),
    *("waived", "carried", "outstanding"),
)


def write_monthly(
    folder: str | Path,
    rows: Iterable[Mapping[str, object]],
    units: Mapping[str, int],
    exponent: int,
    formats: Iterable[str] = ("parquet",),
) -> None:
    """Write ``monthly.parquet`` and, on request, ``monthly.csv``.

    rows      mappings with ``month`` (`2025-03`), ``unit``, ``by``, ``ladder``, ``name``; the
              lines of MONTHLY in steps of the row's unit, absent where a row does not have one;
              ``cost`` in minor units of money
    exponent  decimals of money
    """
    scale = max(units.values(), default=0)
    texts = ("month", "unit", "by", "ladder", "name")
    columns = [Column(name, "text") for name in texts]
    columns += [Column(name, "points", scale) for name in MONTHLY]
    columns.append(Column("cost", "points", exponent))
    found: dict[str, list[object]] = {each.name: [] for each in columns}
    for row in rows:
        factor = 10 ** (scale - units[str(row["unit"])])
        for name, values in found.items():
            value = row.get(name)
            finer = isinstance(value, int) and name != "cost"
            values.append(value * factor if finer and isinstance(value, int) else value)
    write_table(folder, "monthly", columns, found, formats)


def write_table(
    folder: str | Path,
    name: str,
    columns: Sequence[Column],
    values: Mapping[str, Sequence[object]],
    formats: Iterable[str] = ("parquet",),
) -> None:
    """Write a table that is small enough to be whole: ``values`` by column; points in steps,
    instants in microseconds, None where there is nothing."""
    import pyarrow as pa

    types = {"points": pa.decimal128(DIGITS, 0), "instant": pa.int64(), "text": pa.string()}
    arrays = [
        pa.array(_exact(values[each.name]) if each.kind == "points" else values[each.name],
                 types[each.kind])
        for each in columns
    ]  # fmt: skip
    table = pa.Table.from_arrays(arrays, names=[each.name for each in columns])
    with _file(Path(folder), name, columns, formats_of(formats)) as add:
        add(table)


def _exact(values: Iterable[object]) -> list[Decimal | None]:
    return [None if each is None else Decimal(str(each)) for each in values]


def write_summary(
    folder: str | Path, summary: Mapping[str, object], name: str = "summary.json"
) -> None:
    """Write ``summary.json``, keys in the order given. Decimals are text, never floats."""
    with _new_text(Path(folder) / name) as file:
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


def write_cut(folder: str | Path, cut: Iterable[Cut]) -> int:
    """Write ``cut.csv``: returns of more than was left. The number of rows."""
    return _write_list(Path(folder) / "cut.csv", Cut._fields, cut)


Write = Callable[[Any], None]
Add = Callable[[Any], None]


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
def _file(
    folder: Path, name: str, columns: Sequence[Column], formats: Sequence[str]
) -> Iterator[Add]:
    """A table in each of the formats; rows are written a row group at a time, however they come."""
    import pyarrow as pa

    parts: list[Any] = []
    rows = 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(_SINKS[each](folder / f"{name}.{each}", columns))
            for each in formats
        ]

        def add(table: Any) -> None:
            nonlocal parts, rows
            parts.append(table.select([each.name for each in columns]))
            rows += table.num_rows
            if rows < ROW_GROUP:
                return
            whole = pa.concat_tables(parts)
            full = rows - rows % ROW_GROUP
            for at in range(0, full, ROW_GROUP):
                for write in writers:
                    write(whole.slice(at, ROW_GROUP))
            parts, rows = [whole.slice(full)], rows - full

        yield add
        if rows:
            for write in writers:
                write(pa.concat_tables(parts))


@contextmanager
def _parquet_sink(path: Path, columns: Sequence[Column]) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(each.name, _arrow_type(each)) for each in columns])

    def write(table: Any) -> None:
        arrays = [_array(each, table[each.name]) for each in columns]
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=ROW_GROUP)

    coded = [each.name for each in columns if each.kind == "text" and each.name not in ONCE]
    with (
        new_path(path) as unfinished,
        pq.ParquetWriter(unfinished, schema, compression="zstd", use_dictionary=coded) as writer,
    ):
        yield write


def _arrow_type(column: Column) -> Any:
    import pyarrow as pa

    if column.kind == "points":
        return pa.decimal128(DIGITS, column.scale)
    return pa.timestamp("us", "UTC") if column.kind == "instant" else pa.string()


def _array(column: Column, values: Any) -> Any:
    """Values in the type in which they are written; steps become decimals as they are."""
    import pyarrow as pa

    if column.kind != "points":
        return values.cast(_arrow_type(column))
    if pa.types.is_integer(values.type):
        values = values.cast(pa.decimal128(19, 0))
    wide = values.cast(pa.decimal128(DIGITS, 0)).combine_chunks()
    if isinstance(wide, pa.ChunkedArray):  # of no rows at all
        wide = pa.array([], pa.decimal128(DIGITS, 0))
    return pa.Array.from_buffers(_arrow_type(column), len(wide), wide.buffers(), offset=wide.offset)


@contextmanager
def _csv_sink(path: Path, columns: Sequence[Column]) -> Iterator[Write]:
    def write(table: Any) -> None:
        cells = [_cells(each, table[each.name].to_pylist()) for each in columns]
        writer.writerows(zip(*cells, strict=True))

    with _new_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([each.name for each in columns])
        yield write


def _cells(column: Column, values: Sequence[Any]) -> Sequence[str]:
    if column.kind == "text":
        return ["" if value is None else value for value in values]
    if column.kind == "points":
        return ["" if v is None else format_decimal(int(v), column.scale) for v in values]
    return ["" if value is None else format_instant(value) for value in values]


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
        new_path(path) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


@contextmanager
def new_path(path: Path) -> Iterator[Path]:
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
