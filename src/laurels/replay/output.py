"""A run and its files: what ``laurels replay --out DIR`` leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from laurels.engine.compiled import Compiled
from laurels.replay.monthly import table_rows
from laurels.replay.run import Result
from laurels.replay.tables import Books
from laurels.replay.writers import (
    Add,
    open_books,
    write_cut,
    write_monthly,
    write_refused,
    write_rejected,
    write_summary,
    write_unmatched,
    write_waiting,
)

LISTS = ("rejected.csv", "waiting.csv", "refused.csv", "unmatched.csv", "cut.csv")


class _Files:
    """Books that go to files as they come."""

    def __init__(self, add_members: Add, add_postings: Add) -> None:
        self._add_members = add_members
        self._add_postings = add_postings

    def add(self, members: Any | None, postings: Any | None) -> None:
        if members is not None:
            self._add_members(members)
        if postings is not None:
            self._add_postings(postings)


@contextmanager
def books_in(folder: str | Path, program: Compiled, formats: Iterable[str]) -> Iterator[Books]:
    """Where members go as they are finished: postings and members, row group by row group."""
    units = {unit.name: unit.scale for unit in program.program.units}
    ladders = [ladder.name for ladder in program.program.ladders]
    with open_books(folder, units, ladders, formats) as (add_members, add_postings):
        yield _Files(add_members, add_postings)


def write_lists(
    folder: str | Path,
    result: Result,
    summary: dict[str, object],
    formats: Iterable[str] = ("parquet",),
) -> None:
    """The summary, its months as a table, and a list of each kind of what was not taken, or not
    in full; no list where there is none.

    A list that an earlier run left in the folder goes away when this run has none.
    """
    path = Path(folder)
    write_summary(path, summary)
    program = result.program.program
    units = {unit.name: unit.scale for unit in program.units}
    write_monthly(path, table_rows(result.tally), units, program.exponent, formats)
    for name in LISTS:
        (path / name).unlink(missing_ok=True)
    if result.rejected:
        write_rejected(path, result.rejected)
    if result.waiting:
        write_waiting(path, result.waiting)
    if result.refused:
        write_refused(path, result.refused)
    if result.cut:
        write_cut(path, result.cut)
    if result.report is not None and result.report.unmatched:
        write_unmatched(path, result.report.unmatched)
