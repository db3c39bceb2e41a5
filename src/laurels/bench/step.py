"""`bench step`: one event through the public online call, state in and out, no I/O."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from laurels.bench.histories import MEMBER, History, histories, result
from laurels.bench.peers import PEERS
from laurels.engine.book import Book

TARGET = 10.0
GROWTH_TARGET = 1.2
FEW, MANY, MEASURED, ROUNDS = 10, 10_000, 1000, 5


def bench_step() -> list[dict[str, Any]]:
    """Median microseconds of an event for each program, and how they grow with the history."""
    rows = []
    for history in histories("step"):
        young, old, peer = _measure(history)
        rows.append(result(history.case, young, "µs", TARGET, f"by hand ({history.peer})", peer))
        rows.append(result(f"  with {MANY} past events ÷ {FEW}", old / young, "×",
                           GROWTH_TARGET))  # fmt: skip
    return rows


def _measure(history: History) -> tuple[float, float, float]:
    """Best medians of a member with few events, of one with many, and of the peer: in turns, so
    that a busy machine slows all three alike."""
    young: list[float] = []
    old: list[float] = []
    peer: list[float] = []
    aged = _book(history, MANY)
    for turn in range(ROUNDS):
        young.append(median(_young(history)))
        start = MANY + turn * MEASURED
        old.append(median(_timed(aged.take, history, start, start + MEASURED)))
        step = PEERS[history.peer]()
        for event in history.events(0, FEW):
            step.take(event)
        peer.append(median(_timed(step.take, history, FEW, FEW + MEASURED)))
    return min(young), min(old), min(peer)


def _book(history: History, events: int) -> Book:
    book = Book(history.program, MEMBER)
    for event in history.events(0, events):
        book.take(event)
    return book


def _young(history: History) -> list[float]:
    """Events of members who have few: after ten more the member is a new one."""
    times: list[float] = []
    while len(times) < MEASURED:
        times += _timed(_book(history, FEW).take, history, FEW, 2 * FEW)
    return times


def _timed(
    take: Callable[[dict[str, Any]], object], history: History, start: int, stop: int
) -> list[float]:
    """Microseconds of each event, the making of the event left out."""
    events = list(history.events(start, stop))
    times = []
    gc.disable()
    for event in events:
        before = perf_counter()
        take(event)
        times.append((perf_counter() - before) * 1e6)
    gc.enable()
    return times
