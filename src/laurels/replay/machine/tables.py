"""Native files as a source of columns, where they are plain enough for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from laurels.engine.compiled import Compiled
from laurels.replay.machine.source import File, Source, parquet_file, table_file
from laurels.replay.machine.textual import ONCE, table_of
from laurels.replay.readers import PARQUET_ENDINGS

ALWAYS = ("id", "member", "type", "occurred_at")
NAMES = ("id", "member", "type", "source", "returns", "pays", "unit", "outcome", "currency",
         "product")  # fmt: skip
NUMBERS = frozenset({"money", "integer", "points"})


def open_source(program: Compiled, paths: Sequence[Path]) -> Source | None:
    """Files as one source of columns; None where what they hold must be judged event by event."""
    files = []
    for path in paths:
        file = _opened(program, path)
        if file is None or not file.rows or not _is_plain(program, file.schema):
            return None
        files.append(file)
    try:
        pa.unify_schemas([_plain_schema(file.schema) for file in files])
    except pa.ArrowException:  # a column has another type in another file
        return None
    return Source(files)


def _opened(program: Compiled, path: Path) -> File | None:
    if not path.name.lower().endswith(PARQUET_ENDINGS):
        table = table_of(path, ONCE | _numbers(program))
        return None if table is None else table_file(str(path), table)
    try:
        file = parquet_file(str(path))
    except (pa.ArrowException, OSError):
        return None  # the readers say what is wrong with it
    return file if len(set(file.schema.names)) == len(file.schema.names) else None


def _plain_schema(schema: Any) -> Any:
    """A schema in which codes of texts are texts."""
    fields = []
    for field in schema:
        kind = field.type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _numbers(program: Compiled) -> frozenset[str]:
    """Columns that are numbers for any type of event."""
    return frozenset({"amount", "points"}) | {
        name
        for kind in program.program.events.values()
        for name, attribute in kind.attributes.items()
        if attribute.type in NUMBERS
    }


def _is_plain(program: Compiled, schema: Any) -> bool:
    """Whether every column has a type whose values mean what they mean to the readers."""
    if set(ALWAYS) - set(schema.names):
        return False
    numbers = _numbers(program)
    words = {
        name
        for kind in program.program.events.values()
        for name, attribute in kind.attributes.items()
        if attribute.type not in NUMBERS
    }
    for field in schema:
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
    return True
