"""Members as codes, one number for each in the order in which they are first seen; and ids that
may have been given twice."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from laurels.replay.machine import arrow
from laurels.replay.machine.build import tool
from laurels.replay.machine.columns import Array

LETTERS = 16
"""Letters of a name for which there is room at first."""
LONG = 200
FIRST = 1 << 12


class Coder:
    """Codes of members; several threads may ask.

    numbers  all ids of members are integers
    """

    def __init__(self, numbers: bool) -> None:
        self.numbers = numbers
        self._lock = threading.Lock()
        self._c = np.array([0, FIRST, FIRST * LETTERS], dtype=np.int64)
        self._known = np.empty(FIRST, dtype=np.int64)
        self._ends = np.zeros(FIRST + 1, dtype=np.int64)
        self._letters = np.empty(FIRST * LETTERS, dtype=np.int8)
        self._table = np.full(2 * FIRST, -1, dtype=np.int32)

    def __len__(self) -> int:
        return int(self._c[0])

    def code(self, column: Any) -> tuple[Array, Array]:
        """The codes of a column, and the rows that name no member."""
        column = arrow.whole(column)
        if pa.types.is_dictionary(column.type):
            codes, odd = self.code(column.dictionary)
            at = column.indices.fill_null(0).to_numpy()
            if not len(codes):
                codes, odd = self.code(pa.array([""]))
            odd = odd[at]
            odd[arrow.absent(column)] = 1
            return codes[at], odd
        if self.numbers:
            odd = arrow.absent(column).astype(np.int8)
            values = column.fill_null(0).cast(pa.int64()).to_numpy()
            return self._numbers(values), odd
        if not pa.types.is_string(column.type):
            column = column.cast(pa.large_string())
        return self._texts(column)

    def _texts(self, column: Any) -> tuple[Array, Array]:
        hashed, odd = arrow.hashes(column)
        ends, letters = arrow.texts_of(column)
        out = np.empty(len(column), dtype=np.int32)
        find = tool(f"code_texts.{8 * ends.dtype.itemsize}")
        at = 0
        with self._lock:
            while at < len(out):
                at = find(
                    at, len(out), ends, letters, hashed, out, self._table, len(self._table),
                    self._known, self._ends, self._letters, self._c,
                )  # fmt: skip
                if at < len(out):
                    self._grow(int(ends[at + 1] - ends[at]))
        if odd.any():
            _judge(column, out, odd)
        return out, odd

    def _numbers(self, values: NDArray[np.int64]) -> Array:
        out = np.empty(len(values), dtype=np.int32)
        at = 0
        with self._lock:
            while at < len(out):
                at = tool("code_numbers")(
                    at, len(out), values, out, self._table, len(self._table), self._known, self._c
                )
                if at < len(out):
                    self._grow(0)
        return out

    def _grow(self, letters: int) -> None:
        """More room: for more names, or for one of so many letters."""
        count, room, most = self._c.tolist()
        if count < room:
            most = max(2 * most, int(self._ends[count]) + letters)
            self._letters = _longer(self._letters, most)
        else:
            room *= 4
            self._known = _longer(self._known, room)
            self._ends = _longer(self._ends, room + 1)
            self._table = np.full(2 * room, -1, dtype=np.int32)
            tool("seat_codes")(
                count, self._known, len(self._table), self._table, int(not self.numbers)
            )
        self._c[1:] = room, most

    def names(self) -> Any:
        """All members, in the order of their codes."""
        count = len(self)
        if self.numbers:
            return pa.array(self._known[:count]).cast(pa.string())
        ends = self._ends[: count + 1]
        kind = pa.string() if ends[-1] < 2**31 else pa.large_string()
        ends = ends.astype(np.int32 if kind == pa.string() else np.int64)
        letters = self._letters[: int(ends[-1])].copy()
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters)]
        return pa.Array.from_buffers(kind, count, buffers)


class Names:
    """Numbers of ids that were seen, and those that may have been seen twice."""

    def __init__(self, rows: int) -> None:
        self._lock = threading.Lock()
        self._seen = np.zeros(power_of_two(max(8, rows // 4)), dtype=np.int64)
        self._suspects = np.empty(FIRST, dtype=np.int64)
        self._found = 0

    def note(self, names: NDArray[np.int64]) -> None:
        """These were seen."""
        with self._lock:
            if len(self._suspects) < self._found + len(names):
                self._suspects = _longer(self._suspects, 2 * (self._found + len(names)))
            self._found = tool("note_names")(
                len(names), names, self._seen, len(self._seen), self._suspects, self._found,
                len(self._suspects),
            )  # fmt: skip

    def listed(self) -> NDArray[np.int64]:
        """Those that may be there twice."""
        return np.unique(self._suspects[: self._found])

    def suspects(self) -> NDArray[np.int64]:
        """A table of those that may be there twice, for ``check_members``."""
        table = np.zeros(power_of_two(2 * self._found + 1), dtype=np.int64)
        tool("seat_names")(self._found, self._suspects, len(table), table)
        return table


def power_of_two(least: int) -> int:
    """The first power of two that is not below ``least``."""
    return 1 << max(0, least - 1).bit_length()


def _longer(values: Array, size: int) -> Array:
    found = np.empty(size, dtype=values.dtype)
    found[: len(values)] = values
    return found


def _judge(column: Any, codes: Array, odd: Array) -> None:
    """Of names that are more than plain ASCII, those that are none stay odd."""
    rows = np.flatnonzero(odd)
    _, first, which = np.unique(codes[rows], return_index=True, return_inverse=True)
    names = column.take(pa.array(rows[first])).to_pylist()
    odd[rows] = np.array([not plain(name) for name in names], dtype=np.int8)[which]


def plain(name: object) -> bool:
    """Whether a text may be the id of a member."""
    return isinstance(name, str) and 0 < len(name) <= LONG and name.isprintable()
