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

PASSED = ("issued", "taken_back", "spent", "expired")
ACCOUNT_OF = {
    "program:issued": ("issued", -1),
    "program:returned": ("taken_back", 1),
    "program:redeemed": ("spent", 1),
    "program:expired": ("expired", 1),
}
"""What passes through a member's hands, and the accounts that say it."""

PART = 50_000
"""Postings of a part that is made of books."""


class Books(Protocol):
    """Takes what a run leaves of its members, part by part."""

    def add(self, members: Any | None, postings: Any | None) -> None:
        """Take a part of either, or of both."""


class Kept:
    """Books that stay in memory, as two tables."""

    def __init__(self, program: Compiled, passed: bool = False) -> None:
        self._members: list[Any] = [empty_members(program, passed)]
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

    def __init__(
        self,
        program: Compiled,
        books: Books,
        net: bool,
        postings: bool = True,
        passed: bool = False,
    ) -> None:
        self._program = program
        self._passed = passed
        self._books = books
        self._net = net
        self._wanted = postings
        self._scales = {unit.name: unit.scale for unit in program.program.units}
        self._members: list[Mapping[str, object]] = []
        self._postings: list[Mapping[str, object]] = []

    def take(self, book: Book, postings: Sequence[Posting]) -> None:
        """Take a finished book."""
        row = member_row(book)
        if self._passed:
            row = {**row, **passed_row(postings, self._scales)}
        self._members.append(row)
        if self._wanted:
            self._postings += (
                posting_row(each, self._scales[each.unit], self._net) for each in postings
            )
        if max(len(self._postings), len(self._members)) >= PART:
            self.close()

    def close(self) -> None:
        """Hand on what is left."""
        members = members_of(self._program, self._members, self._passed)
        postings = postings_of(self._program, self._postings) if self._wanted else None
        self._books.add(members, postings)
        self._members, self._postings = [], []


def passed_row(postings: Iterable[Posting], scales: Mapping[str, int]) -> dict[str, int]:
    """What was issued, taken back, spent and expired of each unit, in steps."""
    found = {f"{line}_{unit}": 0 for unit in scales for line in PASSED}
    for each in postings:
        steps = int(each.points.scaleb(scales[each.unit]))
        for account, sign in ((each.from_account, -1), (each.to_account, 1)):
            if account in ACCOUNT_OF:
                line, way = ACCOUNT_OF[account]
                found[f"{line}_{each.unit}"] += sign * way * steps
    return found


def members_of(
    program: Compiled, rows: Iterable[Mapping[str, object]], passed: bool = False
) -> Any:
    """Rows of members as a table."""
    return pa.Table.from_pylist(list(rows), empty_members(program, passed).schema)


def postings_of(program: Compiled, rows: Iterable[Mapping[str, object]]) -> Any:
    """Rows of postings as a table."""
    return pa.Table.from_pylist(list(rows), empty_postings(program).schema)


@cache
def empty_members(program: Compiled, passed: bool = False) -> Any:
    """The table of no members. ``passed``: with what was issued, taken back, spent, expired."""
    linked = program.program
    units = {unit.name: unit.scale for unit in linked.units}
    columns = member_columns(units, [ladder.name for ladder in linked.ladders])
    if passed:
        at = 1 + 4 * len(units)
        columns[at:at] = [Column(f"{line}_{unit}", "points", scale)
                          for unit, scale in units.items() for line in PASSED]  # fmt: skip
    return empty_of(columns)


@cache
def empty_postings(program: Compiled) -> Any:
    """The table of no postings."""
    units = {unit.name: unit.scale for unit in program.program.units}
    return empty_of(posting_columns(units))


def empty_of(columns: Iterable[Column]) -> Any:
    """A table of no rows, with these columns."""
    types = {"text": pa.string(), "points": pa.int64(), "instant": pa.int64()}
    return pa.schema([(each.name, types[each.kind]) for each in columns]).empty_table()
