"""`bench correct`: a return as if never bought, which folds history again."""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any

from laurels.base.instants import DAY, MINUTE, format_instant
from laurels.bench.histories import GAP, MEMBER, START, History, histories, result
from laurels.engine.book import Book

OLDEST_TARGET, RECENT_TARGET = 50.0, 2.0
EVENTS, LONGEST = 10_000, 1_000_000
MONTH_AGO = 31 * DAY // GAP
"""Events back to one of the previous month."""


def bench_correct() -> list[dict[str, Any]]:
    """Milliseconds of a correction, beside folding the member anew."""
    rows = []
    for history in histories("correct"):
        book, fold = _book(history, EVENTS)
        recent = _undo(book, EVENTS - MONTH_AGO, EVENTS, "recent")
        oldest = _undo(book, 0, EVENTS, "oldest")
        peer = "folding anew"
        rows.append(result(f"of the previous month, {EVENTS:,} events",
                           recent, "ms", RECENT_TARGET, peer, fold))  # fmt: skip
        rows.append(result(f"the oldest, {EVENTS:,} events", oldest, "ms",
                           OLDEST_TARGET, peer, fold))  # fmt: skip
        del book
        book, fold = _book(history, LONGEST)
        rows.append(result(f"the oldest, {LONGEST:,} events",
                           _undo(book, 0, LONGEST, "oldest"), "ms", None,
                           "folding anew", fold))  # fmt: skip
        del book
        gc.collect()
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


def _undo(book: Book, index: int, events: int, name: str) -> float:
    """Milliseconds of a return of the event at a position."""
    last = START + events * GAP
    back = {"id": f"return-{name}", "member": MEMBER, "type": "return", "returns": str(index),
            "occurred_at": format_instant(last + MINUTE)}  # fmt: skip
    gc.disable()
    before = perf_counter()
    book.take(back)
    took = perf_counter() - before
    gc.enable()
    return took * 1e3
