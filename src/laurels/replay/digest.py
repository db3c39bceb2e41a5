"""A digest of what a run left: two runs that left the same rows have the same digest.

Every row has a number, made of everything that stands in it; the digest of a table is the sum of
the numbers, so it does not depend on the order of rows, nor on how they were divided among parts,
processes or engines. It tells results apart that should be equal; it is no signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from laurels.engine.kernel.layout import NEVER
from laurels.replay.machine.build import tool
from laurels.replay.tables import Books

BITS = 64


@dataclass
class Digest:
    """Books that are added up on their way to others.

    members, postings  the sums so far, below 2^64; postings: None where none were asked for
    """

    books: Books | None = None
    members: int = 0
    postings: int | None = None

    def add(self, members: Any | None, postings: Any | None) -> None:
        """Take a part, and hand it on."""
        if members is not None:
            self.members = (self.members + total(members)) % (1 << BITS)
        if postings is not None:
            self.postings = ((self.postings or 0) + total(postings)) % (1 << BITS)
        if self.books is not None:
            self.books.add(members, postings)

    def as_data(self) -> dict[str, str | None]:
        """The sums as 16 hexadecimal digits each, for ``summary.json``."""
        postings = None if self.postings is None else f"{self.postings:016x}"
        return {"members": f"{self.members:016x}", "postings": postings}


def total(table: Any) -> int:
    """The sum of the numbers of a table's rows, below 2^64."""
    numbers = np.zeros(table.num_rows, dtype=np.int64)
    for name in table.column_names:
        column = table[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # of no rows at all
            continue
        if pa.types.is_integer(column.type):
            values = column.fill_null(NEVER).cast(pa.int64()).to_numpy()
            tool("mix_numbers")(len(values), np.ascontiguousarray(values), numbers)
        else:
            ends, letters = _letters(column.fill_null(""))
            tool("mix_texts")(len(column), ends, letters, numbers)
    return int(numbers.view(np.uint64).sum(dtype=np.uint64))


def _letters(column: Any) -> tuple[Any, Any]:
    column = column.cast(pa.large_string())
    _, ends, letters = column.buffers()
    where = np.frombuffer(ends, dtype=np.int64)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(letters, dtype=np.int8) if letters else np.zeros(1, dtype=np.int8)
    return where, text
