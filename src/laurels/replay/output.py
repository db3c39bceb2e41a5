"""A run and its files: what ``laurels replay --out DIR`` leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.ledger.postings import Posting
from laurels.replay.run import Result, Sink, member_row, posting_row
from laurels.replay.writers import (
    open_books,
    write_refused,
    write_rejected,
    write_summary,
    write_unmatched,
    write_waiting,
)

LISTS = ("rejected.csv", "waiting.csv", "refused.csv", "unmatched.csv")


@contextmanager
def books_in(
    folder: str | Path, program: Compiled, as_recorded: bool, formats: Iterable[str]
) -> Iterator[Sink]:
    """Where members go as they are finished: postings and members, row group by row group."""
    units = {unit.name: unit.scale for unit in program.program.units}
    ladders = [ladder.name for ladder in program.program.ladders]
    with open_books(folder, units, ladders, formats) as (add_postings, add_members):

        def sink(book: Book, postings: Sequence[Posting]) -> None:
            add_postings(posting_row(each, units[each.unit], not as_recorded) for each in postings)
            add_members([member_row(book)])

        yield sink


def write_lists(folder: str | Path, result: Result, summary: dict[str, object]) -> None:
    """The summary, and a list of each kind of what was not taken; no list where there is none.

    A list that an earlier run left in the folder goes away when this run has none.
    """
    path = Path(folder)
    write_summary(path, summary)
    for name in LISTS:
        (path / name).unlink(missing_ok=True)
    if result.rejected:
        write_rejected(path, result.rejected)
    if result.waiting:
        write_waiting(path, result.waiting)
    if result.refused:
        write_refused(path, result.refused)
    if result.report is not None and result.report.unmatched:
        write_unmatched(path, result.report.unmatched)
