"""Rows and statements as text: whatever a sender wrote arrives as it was written."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import psycopg
import pytest
from psycopg import errors

from laurels.base.errors import Fault
from laurels.store.rows import copy_rows
from laurels.store.trips import STANDARD, adding, together
from support.postgres import fresh_database

ODD = ["plain", "it's", '"', "\\", "\\N", "\\x41", "a\tb", "a\nb", "a\rb", "{x,y}", "NULL", "", " ",
       "Гүл 🌷", "'; DROP TABLE feed; --", "$1", "%s"]  # fmt: skip


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def connect() -> psycopg.AsyncConnection[Any]:
    connection = await psycopg.AsyncConnection.connect(fresh_database(), autocommit=True)
    await connection.execute(STANDARD.encode())
    return connection


def rows(program: int) -> list[tuple[Any, ...]]:
    return [(program, text, source, 7, 1) for text in ODD for source in ODD]


@pytest.mark.parametrize("copied", [True, False])
def test_every_text_arrives_as_it_was_sent(copied: bool) -> None:
    async def work() -> None:
        async with await connect() as connection:
            given = rows(1)
            if copied:
                await copy_rows(connection, "event_ids", given)
            else:
                await together(connection, [adding("event_ids", given)])
            (known,) = await together(connection, [("known_ids", {"program": 1, "ids": ODD})])
            assert sorted(known) == sorted((text, source, 7, 1) for _, text, source, *_ in given)

    run(work())


def test_statements_after_one_that_fails_do_not_run_and_a_rollback_forgets_nothing() -> None:
    async def work() -> None:
        async with await connect() as connection:
            twice = adding("event_ids", [(1, "a", "till", 7, 1)])
            with pytest.raises(errors.UniqueViolation):
                await together(connection, [("begin", {}), twice, twice, ("commit", {})])
            await connection.rollback()
            (known,) = await together(connection, [("known_ids", {"program": 1, "ids": ["a"]})])
            assert known == []
            await together(connection, [("begin", {}), twice, ("commit", {})])
            (known,) = await together(connection, [("known_ids", {"program": 1, "ids": ["a"]})])
            assert known == [("a", "till", 7, 1)]

    run(work())


def test_a_connection_that_has_forgotten_its_statements_is_told_them_again() -> None:
    async def work() -> None:
        async with await connect() as connection:
            asked = [("known_ids", {"program": 1, "ids": ["a"]})]
            assert await together(connection, asked) == [[]]
            await connection.execute("DEALLOCATE ALL")
            with pytest.raises(errors.InvalidSqlStatementName):
                await together(connection, asked)
            assert await together(connection, asked) == [[]]

    run(work())


def test_half_a_text_is_never_sent() -> None:
    async def work() -> None:
        async with await connect() as connection:
            with pytest.raises(Fault):
                await together(connection, [("known_ids", {"program": 1, "ids": ["a\0b"]})])

    run(work())
