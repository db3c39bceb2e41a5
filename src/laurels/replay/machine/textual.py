"""CSV and JSON lines as Arrow tables, where that is sure to mean what ``readers`` read.

Everything that could be read in two ways (quotes, other encodings, ragged rows, numbers that no
float holds, keys given twice, nested values) makes a file not plain: it is left to the readers.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.json as pa_json

from laurels.replay.readers import JSON_ENDINGS, TEXT_ENDINGS, header_of

ONCE = frozenset({"id", "returns", "pays", "occurred_at", "recorded_at"})
"""Columns whose texts hardly repeat."""
SEEN = 1_000
"""Lines of JSON that are looked through for the names of its fields."""
BLOCK = 1 << 24
UNSURE = re.compile(
    rb"\\u0000|\\u[dD][89a-fA-F]|:\s*-?[0-9][0-9.eE+-]{15}|[:,]\s*-?(?:NaN|Inf)|\}[ \t]*\{"
)
"""In JSON: characters that are no text, numbers of more digits than a float holds or none at all,
two objects on a line."""


def table_of(path: Path, once: frozenset[str]) -> Any | None:
    """A file as a table of texts (of JSON, of numbers too); None where it is not plain.

    once  columns whose texts hardly repeat, which are not kept as codes
    """
    name = path.name.lower()
    try:
        if name.endswith(TEXT_ENDINGS):
            return _csv(path, once)
        return _json(path) if name.endswith(JSON_ENDINGS) else None
    except (OSError, UnicodeDecodeError):
        return None  # the readers say what is wrong with it


def _csv(path: Path, once: frozenset[str]) -> Any | None:
    data = pa.memory_map(str(path)).read_buffer() if path.stat().st_size else None
    if data is None or _has(data, b"\0"):
        return None
    found = header_of(path)
    if found is None:
        return None
    columns, delimiter = found
    quoted = _has(data, b'"')
    if quoted and not _well_quoted(data, delimiter):
        return None
    types = {
        each: pa.string() if each in once else pa.dictionary(pa.int32(), pa.string())
        for each in columns
    }
    try:
        table = pc_csv.read_csv(
            pa.BufferReader(data),
            pc_csv.ReadOptions(column_names=list(columns), skip_rows=1, block_size=BLOCK),
            pc_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoted else False,
                double_quote=quoted,
                ignore_empty_lines=True,
            ),
            pc_csv.ConvertOptions(
                column_types=types, null_values=[""], strings_can_be_null=True, check_utf8=True
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    return table if table.num_rows == _lines(data) - 1 else None


def _json(path: Path) -> Any | None:
    data = pa.memory_map(str(path)).read_buffer() if path.stat().st_size else None
    if data is None or bytes(data[:3]) == b"\xef\xbb\xbf" or _has(data, b"\0"):
        return None
    if UNSURE.search(memoryview(data)):
        return None
    texts: dict[str, Any] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for line in islice(file, SEEN):
                texts |= _texts_in(json.loads(line))
        table = _parsed(data, texts)
        late = {each.name: pa.string() for each in table.schema if _is_time(each.type)}
        if late:  # a text that was first seen further down, and taken for a time
            table = _parsed(data, texts | late)
    except (pa.ArrowException, ValueError, AttributeError):
        return None
    return table if table.num_rows == _lines(data) else None


def _parsed(data: Any, texts: dict[str, Any]) -> Any:
    return pa_json.read_json(
        pa.BufferReader(data),
        pa_json.ReadOptions(block_size=BLOCK),
        pa_json.ParseOptions(explicit_schema=pa.schema(list(texts.items()))),
    )


def _texts_in(found: dict[str, object]) -> dict[str, Any]:
    return {name: pa.string() for name, value in found.items() if isinstance(value, str)}


def _is_time(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def _has(data: Any, what: bytes) -> bool:
    return re.search(re.escape(what), memoryview(data)) is not None


def _well_quoted(data: Any, delimiter: str) -> bool:
    """Whether every quote opens or closes a whole cell of one line, or stands twice within one:
    all that everybody reads alike."""
    between = re.escape(delimiter.encode())
    cell = re.compile(
        rb"(?:^|(?<=[\n" + between + rb']))"(?:[^"\r\n]|"")*"(?=[\r\n' + between + rb"]|$)"
    )
    view = memoryview(data)
    quotes = sum(bytes(view[at : at + BLOCK]).count(b'"') for at in range(0, len(view), BLOCK))
    return sum(each.group().count(b'"') for each in cell.finditer(view)) == quotes


def _lines(data: Any) -> int:
    """Lines that a file has, if none is empty."""
    view = memoryview(data)
    breaks = sum(bytes(view[at : at + BLOCK]).count(b"\n") for at in range(0, len(view), BLOCK))
    return breaks + (view[-1] != 10)
