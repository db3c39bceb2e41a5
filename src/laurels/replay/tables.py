"""What an engine hands on of its members: tables of members and of their postings.

Points are integers of steps of their unit, instants integers of microseconds, names are texts;
what is absent is null. Members come in the order of their ids and so do postings, those of one
member as they were posted; in as many parts as an engine likes, and not always together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

import pyarrow as pa

from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.ledger.postings import Posting
from laurels.replay.run import member_row, posting_row
from laurels.replay.writers import Column, member_columns, posting_columns

PART = 50_000
"""Postings of a part that is made of books."""


class Books(Protocol):
    """Takes what a run leaves of its members, part by part."""

    def add(self, members: Any | None, postings: Any | None) -> None:
        """Take a part of either, or of both."""


class Kept:
    """Books that stay in memory, as two tables."""

    def __init__(self, program: Compiled) -> None:
        self._members: list[Any] = [empty_members(program)]
        self._postings: list[Any] = [empty_postings(program)]

    def add(self, members: Any | None, postings: Any | None) -> None:
        """Take a part."""
        if members is not None:
            self._members.append(members)
        if postings is not None:
            self._postings.append(postings)

    @property
    def members(self) -> Any:
        """All members."""
        return pa.concat_tables(self._members)

    @property
    def postings(self) -> Any:
        """All postings."""
        return pa.concat_tables(self._postings)


class Rows:
    """Books of the online engine on their way into tables."""

    def __init__(self, program: Compiled, books: Books, net: bool, postings: bool = True) -> None:
        self._program = program
        self._books = books
        self._net = net
        self._wanted = postings
        self._scales = {unit.name: unit.scale for unit in program.program.units}
        self._members: list[Mapping[str, object]] = []
        self._postings: list[Mapping[str, object]] = []

    def take(self, book: Book, postings: Sequence[Posting]) -> None:
        """Take a finished book."""
        self._members.append(member_row(book))
        if self._wanted:
            self._postings += (
                posting_row(each, self._scales[each.unit], self._net) for each in postings
            )
        if max(len(self._postings), len(self._members)) >= PART:
            self.close()

    def close(self) -> None:
        """Hand on what is left."""
        members = members_of(self._program, self._members)
        postings = postings_of(self._program, self._postings) if self._wanted else None
        self._books.add(members, postings)
        self._members, self._postings = [], []


def members_of(program: Compiled, rows: Iterable[Mapping[str, object]]) -> Any:
    """Rows of members as a table."""
    return pa.Table.from_pylist(list(rows), empty_members(program).schema)


def postings_of(program: Compiled, rows: Iterable[Mapping[str, object]]) -> Any:
    """Rows of postings as a table."""
    return pa.Table.from_pylist(list(rows), empty_postings(program).schema)


@cache
def empty_members(program: Compiled) -> Any:
    """The table of no members."""
    linked = program.program
    units = {unit.name: unit.scale for unit in linked.units}
    return empty_of(member_columns(units, [ladder.name for ladder in linked.ladders]))


@cache
def empty_postings(program: Compiled) -> Any:
    """The table of no postings."""
    units = {unit.name: unit.scale for unit in program.program.units}
    return empty_of(posting_columns(units))


def empty_of(columns: Iterable[Column]) -> Any:
    """A table of no rows, with these columns."""
    types = {"text": pa.string(), "points": pa.int64(), "instant": pa.int64()}
    return pa.schema([(each.name, types[each.kind]) for each in columns]).empty_table()
