"""Rows as PostgreSQL's COPY reads them, and arrays as its casts do.

Building the text here is several times cheaper than adapting each value, and these are the
statements that every event pays for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import AsyncConnection

from laurels.store.statements import statement

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL = "\\N"


def text(value: str) -> str:
    """A text as a cell."""
    return value if value.isalnum() else value.translate(ESCAPES)


def octets(value: bytes | None) -> str:
    """Bytes as a cell."""
    return NULL if value is None else "\\\\x" + value.hex()


def numbers(values: Iterable[int | None]) -> str:
    """Integers as an array."""
    return "{" + ",".join(["NULL" if each is None else str(each) for each in values]) + "}"


def octet_array(values: Iterable[bytes | None]) -> str:
    """Bytes as an array."""
    cells = ["NULL" if each is None else f'"\\\\x{each.hex()}"' for each in values]
    return "{" + ",".join(cells) + "}"


async def copy(connection: AsyncConnection[Any], name: str, rows: list[str]) -> None:
    """Add rows, each a line of cells between tabs, by the statement `copy_<name>`."""
    if not rows:
        return
    async with connection.cursor() as cursor, cursor.copy(statement(f"copy_{name}")) as out:
        await out.write("\n".join([*rows, ""]))
