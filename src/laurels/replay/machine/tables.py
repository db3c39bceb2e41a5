"""Native files as one Arrow table, where they are plain enough for columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from laurels.engine.compiled import Compiled
from laurels.replay.machine.textual import ONCE, table_of
from laurels.replay.readers import PARQUET_ENDINGS

ALWAYS = ("id", "member", "type", "occurred_at")
NAMES = ("id", "member", "type", "source", "returns", "pays", "unit", "outcome", "currency",
         "product")  # fmt: skip
NUMBERS = frozenset({"money", "integer", "points"})


def read_table(program: Compiled, paths: Sequence[Path]) -> tuple[Any, list[int]] | None:
    """Files as one table, texts that repeat as codes, and the rows of each file; None where what
    they hold must be judged event by event."""
    tables = []
    for path in paths:
        parquet = path.name.lower().endswith(PARQUET_ENDINGS)
        table = _parquet(path) if parquet else table_of(path, ONCE | _numbers(program))
        if table is None or not _is_plain(program, table):
            return None
        tables.append(table)
    try:
        whole = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException:  # a column has another type in another file
        return None
    return whole, [each.num_rows for each in tables]


def _parquet(path: Path) -> Any | None:
    try:
        schema = pq.read_schema(path)
        if len(set(schema.names)) < len(schema.names):
            return None
        texts = [f.name for f in schema if pa.types.is_string(f.type) and f.name not in ONCE]
        return pq.read_table(path, read_dictionary=texts, partitioning=None)
    except (pa.ArrowException, OSError):
        return None  # the readers say what is wrong with it


def _numbers(program: Compiled) -> frozenset[str]:
    """Columns that are numbers for any type of event."""
    return frozenset({"amount", "points"}) | {
        name
        for kind in program.program.events.values()
        for name, attribute in kind.attributes.items()
        if attribute.type in NUMBERS
    }


def _is_plain(program: Compiled, table: Any) -> bool:
    """Whether every column has a type whose values mean what they mean to the readers."""
    if set(ALWAYS) - set(table.column_names) or not table.num_rows:
        return False
    numbers = _numbers(program)
    words = {
        name
        for kind in program.program.events.values()
        for name, attribute in kind.attributes.items()
        if attribute.type not in NUMBERS
    }
    for field in table.schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        whole = pa.types.is_signed_integer(kind)
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return False
        if field.name in NAMES and not text and not (whole and field.name in ("id", "member")):
            return False
        if field.name in words and not (text or whole or pa.types.is_boolean(kind)):
            return False
        if field.name in numbers and not (
            text or whole or pa.types.is_float64(kind) or pa.types.is_decimal128(kind)
        ):
            return False
        if text and _has_nul(table[field.name]):
            return False
    return True


def _has_nul(column: Any) -> bool:
    """Whether a text holds a character that is none."""
    import pyarrow.compute as pc

    for chunk in column.chunks:
        if pa.types.is_dictionary(chunk.type):
            chunk = chunk.dictionary
        if pc.any(pc.match_substring(chunk, "\0")).as_py():
            return True
    return False
