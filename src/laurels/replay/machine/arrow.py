"""Arrow columns as narrow integers: what one column says, row by row, and where it is not plain.

Each function answers the integers and a mask of the rows that it cannot judge; those go through
the door one by one, which also finds the words for what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.base.errors import RequestError
from laurels.base.instants import Calendar
from laurels.replay.machine.build import tool
from laurels.replay.machine.columns import Array
from laurels.replay.machine.parsing import LOCAL, ODD

Mask = NDArray[np.bool_]
WORD_MAX = 18
"""Decimals of so many digits fit into 64 bits."""
AMOUNT_MAX = 10**15


def whole(column: Any) -> Any:
    """A column in one piece; texts as codes of a dictionary."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def coded(column: Any) -> tuple[Array, list[Any], Mask]:
    """Codes, their values, and where nothing stands."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = whole(column)
    nothing = absent(column)
    return column.indices.fill_null(0).to_numpy(), column.dictionary.to_pylist(), nothing


def absent(column: Any) -> Mask:
    """Where nothing stands."""
    if column.null_count == 0:
        return np.zeros(len(column), dtype=bool)
    found: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return found


def nuls(column: Any) -> Mask | None:
    """Where a text holds a character that is none; None where none does."""
    if not is_text(column.type):
        return None
    column = whole(column)
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    ends, letters = texts_of(texts)
    if len(texts) == 0 or not re.search(b"\0", letters[int(ends[0]) : int(ends[-1])].data):
        return None
    found = pc.match_substring(column.cast(texts.type), "\0").fill_null(False)
    mask: Mask = found.to_numpy(zero_copy_only=False)
    return mask


def is_text(kind: Any) -> bool:
    """Whether a column has texts, plain or as codes of a dictionary."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def looked_up(
    column: Any, kinds: Array, tables: dict[int, Callable[[object], int]], types: int, dtype: Any
) -> tuple[Array, Mask, Mask]:
    """Codes by type of event and value: integers, rows that cannot be judged, absent rows."""
    codes, values, nothing = coded(column)
    lut = np.zeros((types, len(values) + 1), dtype=dtype)
    bad = np.zeros((types, len(values) + 1), dtype=bool)
    for kind, read in tables.items():
        for code, value in enumerate(values):
            if value is None or value == "":
                continue
            try:
                lut[kind, code] = read(value)
            except RequestError:
                bad[kind, code] = True
    at = np.where(nothing, len(values), codes).astype(np.int32)
    at += kinds.astype(np.int32) * (len(values) + 1)
    empty = np.array([*[value in (None, "") for value in values], True] * types)
    return lut.ravel()[at], bad.ravel()[at], empty[at]


def read_codes(
    column: Any, kinds: Array, tables: dict[int, Callable[[object], int]], required: Array,
    dtype: Any, odd: Array,
) -> Array:  # fmt: skip
    """The same where types read a value differently and may require it, in one walk over the
    rows; those that cannot be judged are marked in ``odd``."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = whole(column)
    values = column.dictionary.to_pylist()
    width = len(values) + 1
    lut = np.zeros((len(required), width), dtype=dtype)
    flags = np.zeros((len(required), width), dtype=np.int8)
    for code, value in enumerate([*values, None]):
        if value is None or value == "":
            flags[:, code] = required
            continue
        if isinstance(value, str) and "\0" in value:
            flags[:, code] = 1
            continue
        for kind, read in tables.items():
            try:
                lut[kind, code] = read(value)
            except RequestError:
                flags[kind, code] = 1
    codes = column.indices.cast(pa.int32())
    if codes.null_count:
        codes = codes.fill_null(len(values))
    found = np.empty(len(column), dtype=dtype)
    tool(f"look_up.{8 * found.itemsize}")(
        len(found), codes.to_numpy(), kinds, width, lut, flags, found, odd
    )
    return found


def numbers(column: Any, scale: int) -> tuple[Array, Mask, Mask]:
    """Decimals as integers of the smallest step: values, rows that cannot be judged, absent."""
    column = whole(column)
    nothing = absent(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return decimal_texts(column, scale)
    if pa.types.is_integer(kind):
        found = column.fill_null(0).cast(pa.int64()).to_numpy()
        large = np.abs(found) > AMOUNT_MAX // 10**scale
        return np.where(large, 0, found) * 10**scale, large, nothing
    if pa.types.is_decimal128(kind) and kind.precision <= WORD_MAX:
        return decimals(column, kind.scale, scale, nothing)
    if pa.types.is_float64(kind):
        return floats(column, scale, nothing)
    return np.zeros(len(column), dtype=np.int64), ~nothing, nothing


def decimal_texts(column: Any, scale: int) -> tuple[Array, Mask, Mask]:
    """Decimals in texts."""
    ends, letters = letters_of(column)
    found, odd = np.zeros(len(column), dtype=np.int64), np.zeros(len(column), dtype=np.int8)
    tool("read_decimals")(len(column), ends, letters, scale, found, odd)
    nothing = absent(column) | (np.diff(ends) == 0)
    return found, (odd != 0) & ~nothing, nothing


def letters_of(column: Any) -> tuple[Array, Array]:
    """Where each text begins, and the last ends; and all letters."""
    column = column.cast(pa.large_string())
    _, ends, letters = column.buffers()
    if ends is None:
        return np.zeros(len(column) + 1, dtype=np.int64), np.zeros(1, dtype=np.int8)
    where = np.frombuffer(ends, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(letters, dtype=np.int8) if letters else np.zeros(1, dtype=np.int8)
    return where, text


def decimals(column: Any, has: int, scale: int, nothing: Mask) -> tuple[Array, Mask, Mask]:
    """Decimals of 128 bits whose upper half only repeats the sign."""
    words = np.frombuffer(column.buffers()[1], dtype=np.int64)
    words = words[2 * column.offset : 2 * (column.offset + len(column))]
    found = np.empty(len(column), dtype=np.int64)
    odd = np.zeros(len(column), dtype=np.int8)
    factor = 10 ** max(0, scale - has)
    tool("narrow_decimals")(len(found), words, AMOUNT_MAX // factor, factor, found, odd)
    bad = odd.view(np.bool_)
    if column.null_count:
        found[nothing] = 0
        bad &= ~nothing
    if has > scale:
        found, rest = np.divmod(found, 10 ** (has - scale))
        bad |= rest != 0
    return found, bad, nothing


def floats(column: Any, scale: int, nothing: Mask) -> tuple[Array, Mask, Mask]:
    """Floats whose shortest text has no more decimals than the unit."""
    values = column.fill_null(0.0).to_numpy()
    steps = np.rint(values * 10**scale)
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(steps) < 2**50) | (steps / 10**scale != values)
    return np.where(bad, 0, steps).astype(np.int64), bad, nothing


def instants(column: Any, local: Calendar) -> tuple[Array, Mask]:
    """Instants in microseconds UTC, and rows that cannot be judged here. Times without offset are
    those of the calendar; one that never happened is not judged."""
    column = whole(column)
    bad = absent(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(pa.string()), pa.string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found, form = np.zeros(len(column), dtype=np.int64), np.zeros(len(column), dtype=np.int8)
        tool("read_instants")(len(column), *letters_of(column), found, form)
        walls = np.flatnonzero(form == LOCAL)
        bad |= form == ODD
    elif pa.types.is_timestamp(kind) and kind.unit != "ns":
        unit = pa.timestamp("us", kind.tz)
        found = column.cast(unit).cast(pa.int64()).fill_null(0).to_numpy()
        walls = np.arange(0 if kind.tz else len(found))
    else:
        return np.zeros(len(column), dtype=np.int64), np.ones(len(column), dtype=bool)
    if len(walls):
        found = found.copy()
        found[walls], never = of_walls(found[walls], local)
        bad[walls[never]] = True
    return found, bad


def of_walls(walls: Array, local: Calendar) -> tuple[Array, Mask]:
    """The first instants at which a local clock shows these times, and which it never did."""
    switches, gaps, offsets = (np.array(each, dtype=np.int64) for each in local.walls)
    index = np.searchsorted(switches, walls, side="right")
    ahead = np.append(switches, 2**62)[index] - np.append(gaps, 0)[index]
    return walls - offsets[index], (walls >= ahead) & (index < len(gaps))


def hashes(column: Any) -> tuple[Array, NDArray[np.int8]]:
    """Numbers of texts (equal ones for equal texts), and which are no plain texts."""
    column = whole(column)
    size = len(column)
    odd = absent(column).astype(np.int8)
    if pa.types.is_integer(column.type):
        found = column.fill_null(0).cast(pa.int64()).to_numpy().copy()
        tool("mix_numbers")(size, found.copy(), found)
        found[found == 0] = 1
        return found, odd
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = np.empty(size, dtype=np.int64)
    if size == 0:
        return found, odd
    ends, letters = texts_of(column)
    tool(f"hash_texts.{8 * ends.dtype.itemsize}")(size, ends, letters, found, odd)
    return found, odd


def texts_of(column: Any) -> tuple[Array, NDArray[np.int8]]:
    """Where each text of a column begins (and the last ends), and their letters."""
    wide = pa.types.is_large_string(column.type)
    _, ends, letters = column.buffers()
    if ends is None:
        return np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int8)
    first = np.frombuffer(ends, dtype=np.int64 if wide else np.int32)
    text = np.frombuffer(letters, dtype=np.int8) if letters else np.zeros(1, dtype=np.int8)
    return first[column.offset : column.offset + len(column) + 1], text
