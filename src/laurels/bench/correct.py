"""`bench correct`: a return as if never bought, which folds history again."""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any

from laurels.base.instants import DAY, MINUTE, format_instant
from laurels.bench.histories import MEMBER, START, History, histories, result
from laurels.engine.book import Book

OLDEST_TARGET, RECENT_TARGET = 50.0, 2.0
EVENTS, LONGEST = 10_000, 1_000_000


def bench_correct() -> list[dict[str, Any]]:
    """Milliseconds of a correction, beside folding the member anew.

    The targets are for a member who gathered 10,000 events over ten years; one who did so within
    nine months, whose points all still live, shows what it costs when nothing has settled.
    """
    rows = []
    for number, history in enumerate(histories("correct")):
        aimed = number == 0
        book, fold = _book(history, EVENTS)
        month = 31 * DAY // history.gap
        recent = _undo(book, history, EVENTS - month, EVENTS, "recent")
        oldest = _undo(book, history, 0, EVENTS, "oldest")
        for case, value, target in (
            ("a purchase of the previous month", recent, RECENT_TARGET),
            ("the oldest purchase", oldest, OLDEST_TARGET),
        ):
            rows.append(result(f"{history.case}: {case}", value, "ms",
                               target if aimed else None, "folding anew", fold))  # fmt: skip
        del book
        gc.collect()
    book, fold = _book(history, LONGEST)
    rows.append(result(f"{LONGEST:,} events over seventy years: the oldest purchase",
                       _undo(book, history, 0, LONGEST, "oldest"), "ms", None,
                       "folding anew", fold))  # fmt: skip
    return rows


def _book(history: History, events: int) -> tuple[Book, float]:
    """A member with so many events, and the milliseconds that it took."""
    book = Book(history.program, MEMBER)
    took = 0.0
    gc.disable()
    for index in range(events):
        event = history.event(index)
        before = perf_counter()
        book.take(event)
        took += perf_counter() - before
    gc.enable()
    return book, took * 1e3


def _undo(book: Book, history: History, index: int, events: int, name: str) -> float:
    """Milliseconds of a return of the event at a position."""
    last = START + events * history.gap
    back = {"id": f"return-{name}", "member": MEMBER, "type": "return", "returns": str(index),
            "occurred_at": format_instant(last + MINUTE)}  # fmt: skip
    gc.disable()
    before = perf_counter()
    book.take(back)
    took = perf_counter() - before
    gc.enable()
    return took * 1e3
