"""Merging two members whose books are both at hand."""

from __future__ import annotations

from laurels.base.errors import RequestError
from laurels.engine.book import Book
from laurels.engine.events import Event
from laurels.engine.join import Joined, every


def meet(book: Book, other: Book, event: Event) -> None:
    """Give the event of a merge the other member, to be taken by the book of the one who stays.

    Events of the other stay with its book, which ends here; whatever is learned from now on is of
    the one who stays. Raises RequestError where either has gone beyond the event.
    """
    if max(book.now, other.now) >= event.acts:
        raise RequestError(
            "merge-in-the-past", "one of them has events at or after the merge",
            where="occurred_at", expected="an instant after all that is known of both",
        )  # fmt: skip
    other.advance(event.acts + 1)
    other.until = event.acts + 1
    names = frozenset({other.member}) | other.others
    event.joined = Joined(other.state.snapshot(), names, every(other.events.values()), other)
