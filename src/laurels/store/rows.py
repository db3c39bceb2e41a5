"""Rows as PostgreSQL's COPY reads them, and arrays as its casts do.

Building the text here is several times cheaper than adapting each value, and these are the
statements that every event pays for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import AsyncConnection

from laurels.store.statements import statement

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text(value: str) -> str:
    """A text as a cell."""
    return value if value.isalnum() else value.translate(ESCAPES)


def numbers(values: Iterable[int | None]) -> str:
    """Integers as an array."""
    return "{" + ",".join(["NULL" if each is None else str(each) for each in values]) + "}"


def octet_array(values: Iterable[bytes | None]) -> str:
    """Bytes as an array."""
    cells = ["NULL" if each is None else f'"\\\\x{each.hex()}"' for each in values]
    return "{" + ",".join(cells) + "}"


Cell = str | int
"""A cell of a row of the tables that every event adds to: a text, a number, bytes as `hexed`."""


def hexed(value: bytes) -> str:
    """Bytes as a text that a cast reads."""
    return "\\x" + value.hex()


def lines(rows: Sequence[tuple[Cell, ...]]) -> str:
    """Rows as COPY reads them."""
    whole = "\n".join(["\t".join(map(str, row)) for row in rows])
    plain = (
        whole.count("\t") == len(rows) * (len(rows[0]) - 1)
        and whole.count("\n") == len(rows) - 1
        and "\r" not in whole
    )
    if plain:  # nearly always: no text of theirs holds what separates cells
        return whole.replace("\\", "\\\\") + "\n"
    cells = [[str(each).translate(ESCAPES) for each in row] for row in rows]
    return "\n".join(["\t".join(row) for row in cells]) + "\n"


def array(values: Sequence[Cell]) -> str:
    """Values of one kind as an array."""
    if not values or type(values[0]) is not str:
        return "{" + ",".join(map(str, values)) + "}"
    quoted = [str(each).replace("\\", "\\\\").replace('"', '\\"') for each in values]
    return '{"' + '","'.join(quoted) + '"}'


async def copy_rows(
    connection: AsyncConnection[Any], name: str, rows: Sequence[tuple[Cell, ...]]
) -> None:
    """Add many rows by the statement `copy_<name>`."""
    if rows:
        async with connection.cursor() as cursor, cursor.copy(statement(f"copy_{name}")) as out:
            await out.write(lines(rows))


async def copy(connection: AsyncConnection[Any], name: str, rows: list[str]) -> None:
    """Add rows, each a line of cells between tabs, by the statement `copy_<name>`."""
    if not rows:
        return
    async with connection.cursor() as cursor, cursor.copy(statement(f"copy_{name}")) as out:
        await out.write("\n".join([*rows, ""]))
