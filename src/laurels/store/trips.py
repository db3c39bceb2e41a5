"""Several named statements in one round trip.

Each is prepared once on a connection. Then one message has them executed one after the other, and
one answer has the rows of each. A round trip costs more than most of these statements do: both
sides wake up for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, errors

from laurels.base.errors import ensure
from laurels.store.rows import Cell, array, hexed, octet_array
from laurels.store.statements import statement

Connection = AsyncConnection[Any]
Asked = tuple[str, Mapping[str, object]]
"""A named statement and its values."""

STANDARD = "SET standard_conforming_strings = on"
"""What a connection must be told before: texts are written as they are, backslashes too."""

_PARAMETER = re.compile(r"%\((\w+)\)s")
_prepared: WeakKeyDictionary[Connection, set[str]] = WeakKeyDictionary()


async def together(connection: Connection, asked: Sequence[Asked]) -> list[list[Any]]:
    """Run statements in their order; the rows of each. What the first of them that fails raises is
    raised, and those after it have not run."""
    if not asked:
        return []
    known = _prepared.get(connection)
    if known is None:
        # what psycopg prepares by itself it also forgets by itself, and all else with it
        connection.prepare_threshold = None
        known = _prepared[connection] = set()
    for name, _ in asked:
        if name not in known and name not in BARE:
            await connection.execute(_preparation(name))
            known.add(name)
    text = ";".join([_call(name, values) for name, values in asked])
    ensure("\0" not in text, "a text holds a character that no database stores")
    try:
        cursor = await connection.execute(text.encode())
    except errors.InvalidSqlStatementName:  # somebody has the connection forget them
        known.clear()
        raise
    found = []
    for _ in asked:
        result = cursor.pgresult
        found.append(await cursor.fetchall() if result is not None and result.nfields else [])
        cursor.nextset()
    return found


def adding(name: str, rows: Sequence[tuple[Cell, ...]]) -> Asked:
    """Rows to be added by the statement `add_<name>`, which takes an array for each column."""
    names = _parameters(f"add_{name}")
    columns = zip(*rows, strict=True)
    return f"add_{name}", {each: array(column) for each, column in zip(names, columns, strict=True)}


BARE = {"begin": "BEGIN", "commit": "COMMIT"}
"""What cannot be prepared, and need not be."""


@cache
def _parameters(name: str) -> tuple[str, ...]:
    """A statement's parameters, in the order in which they first stand."""
    return tuple(dict.fromkeys(_PARAMETER.findall(statement(name).decode())))


@cache
def _preparation(name: str) -> bytes:
    numbers = {each: f"${at}" for at, each in enumerate(_parameters(name), 1)}
    text = _PARAMETER.sub(lambda found: numbers[found[1]], statement(name).decode())
    return f"PREPARE laurels_{name} AS\n{text}".encode()


def _call(name: str, values: Mapping[str, object]) -> str:
    if name in BARE:
        return BARE[name]
    given = ",".join([literal(values[each]) for each in _parameters(name)])
    return f"EXECUTE laurels_{name}({given})" if given else f"EXECUTE laurels_{name}"


def literal(value: object) -> str:
    """A value as SQL has it; lists as arrays."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        value = hexed(value)
    if isinstance(value, list):
        value = octet_array(value) if value and type(value[0]) is bytes else array(value)
    ensure(type(value) is str, f"no literal is made of {type(value).__name__}")
    return "'" + str(value).replace("'", "''") + "'"
