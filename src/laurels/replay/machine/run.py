"""Folds a history in columns and adds up what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laurels.base.errors import ensure
from laurels.engine.kernel import layout as K
from laurels.replay.machine import member as M
from laurels.replay.machine import totals as T
from laurels.replay.machine.build import Machine
from laurels.replay.machine.columns import Array, Columns
from laurels.replay.machine.filling import rule_keys

Ints = NDArray[np.int64]
BATCH = 4096
"""Members folded between two words about progress."""

FIRST_STATES = 1 << 14
"""Integers of saved states for which there is room at first."""
NOTHING = np.zeros(1, dtype=np.int64)

Progress = Callable[[int, int], None]


@dataclass
class Members:
    """The rows of all members, in the order of the columns; points in steps.

    passed  issued, taken back, spent and expired of each unit; empty where not asked for
    """

    balances: Ints
    levels: NDArray[np.int16]
    level_untils: Ints
    expiries: Ints
    passed: Ints

    def part(self, first: int, last: int) -> tuple[Array, ...]:
        """The rows of some of them, to be written."""
        every = (self.balances, self.levels, self.level_untils, self.expiries, self.passed)
        return tuple(each[first:last] for each in every)


@dataclass
class Totals:
    """What the machine added up (see ``totals``); months count from ``month``."""

    month: int
    flows: Ints
    leveled: Ints
    rules: Ints
    ruled: Ints
    cuts: Ints
    steps: Ints
    moved: Ints
    came: Ints
    types: Ints
    gross: Ints
    returned: Ints
    postings: int = 0
    wrong: int = 0

    def add(self, other: Totals) -> None:
        """Add the totals of other members."""
        for name in ("flows", "leveled", "rules", "ruled", "cuts", "steps", "moved", "came",
                     "types", "gross", "returned"):  # fmt: skip
            getattr(self, name)[...] += getattr(other, name)
        self.postings += other.postings
        self.wrong += other.wrong


class Begin(NamedTuple):
    """States that members begin with (see ``begin``): where the row of each member begins in
    ``rows``, -1 none."""

    at: Ints
    rows: Ints

    def part(self, first: int, last: int) -> Begin:
        """Those of some members."""
        return Begin(self.at[first:last], self.rows)


class Saved(NamedTuple):
    """States of members from ``first`` on: the size of each row, and the rows."""

    first: int
    sizes: Ints
    rows: Ints


@dataclass
class Folded:
    """A folded history. ``made``: the columns of Y. ``records``, ``states``: on request."""

    members: Members
    totals: Totals
    made: tuple[Array, ...]
    records: list[tuple[Ints, NDArray[np.int32]]] = field(default_factory=list)
    states: list[Saved] = field(default_factory=list)


class Worker:
    """The scratch of one thread, and the members that it folds.

    keep  records of what was posted are kept; save: states of members, too
    """

    def __init__(
        self,
        machine: Machine,
        until: int,
        months: tuple[int, int],
        keep: bool,
        save: bool = False,
    ) -> None:
        self.machine = machine
        self.until = until
        self.keep = keep
        linked = machine.program.program
        self.units, self.effects = len(linked.units), len(linked.effects)
        self.cap = 32
        self.lines = 1
        self.slots = 0
        self.holds = 64
        self.grants = 1 << 12
        self.rows = 1 << (16 if keep else 12)
        self.c = np.zeros(T.C_SIZE, dtype=np.int64)
        self.c[T.C_MONTH] = months[0]
        self.c[T.C_MONTHS] = months[1] - months[0] + 1
        self.totals = self._totals(months)
        self.records: list[tuple[Ints, NDArray[np.int32]]] = []
        self.saved: list[Saved] = []
        self._rows: list[Ints] = []
        self._begin = Begin(NOTHING, NOTHING)
        self._sizes = NOTHING
        self._save = np.zeros(FIRST_STATES if save else 1, dtype=np.int64)
        self.c[T.C_SAVE] = len(self._save) if save else 0
        self._scratch()
        self._buffer()

    def _totals(self, months: tuple[int, int]) -> Totals:
        linked = self.machine.program.program
        span = months[1] - months[0] + 1
        ladders = max(1, len(linked.ladders))
        levels = max([len(each.levels) for each in linked.ladders], default=0) + 1
        types = max((each.index for each in linked.events.values()), default=0) + 1

        def zeros(*shape: int) -> Ints:
            return np.zeros(shape, dtype=np.int64)

        rules = max(1, len(rule_keys(self.machine.program)))
        return Totals(
            months[0], zeros(span, self.units, len(linked.funders), T.ACCOUNTS),
            zeros(span, ladders, levels, self.units, T.LEVELED), zeros(rules, 2),
            zeros(span, rules, 2), zeros(span, max(1, len(linked.caps))),
            zeros(ladders, levels, span), zeros(ladders, levels, levels, span),
            zeros(ladders, span), zeros(types), zeros(span), zeros(span),
        )  # fmt: skip

    def _scratch(self) -> None:
        """State and scratch for lots, holds, lines and grants as large as they must be."""
        slots = self.machine.program.slots
        each = 8 + 4 * self.lines + len(self.machine.program.program.caps)
        most = 64 + 4 * self.units * self.cap + 8 * self.holds + each * self.effects

        def zeros(size: int) -> Ints:
            return np.zeros(max(1, size), dtype=np.int64)

        self.S = (
            zeros(slots.size), zeros(self.units * self.cap * K.ACTIVE_LOT),
            zeros(self.units * self.cap * K.PENDING_LOT),
            zeros((self.holds + self.units * self.cap + 2) * K.HELD_LOT),
            zeros(slots.event_size), zeros(slots.event_size),
            np.array(self.machine.program.blank_row(), dtype=np.int64),
            zeros(self.lines * slots.width), zeros((self.effects * self.lines + 1) * K.GRANT),
            zeros(K.OUT + most * K.RECORD), np.zeros(0, dtype=np.int64),
            zeros(self.slots * slots.width), zeros(self.grants),
            np.array(self.machine.program.blank(), dtype=np.int64), zeros(1),
            self._begin.at, self._begin.rows, self._sizes, self._save,
        )  # fmt: skip
        self.c[T.C_HELD], self.c[T.C_KEPT] = len(self.S[3]), len(self.S[12])
        ladders = max(1, len(self.machine.program.program.ladders))
        totals = self.totals
        self.T = (
            totals.flows, totals.leveled, totals.rules, zeros(2 * len(totals.rules)),
            zeros(3 * ladders), totals.steps, totals.moved, totals.came,
            zeros(self.units * T.ACCOUNTS), totals.types, totals.gross, totals.returned,
            totals.ruled, totals.cuts,
        )  # fmt: skip

    def _buffer(self) -> None:
        self.c[T.C_ROOM] = self.rows
        self.B = (
            np.zeros(self.rows * K.RECORD, dtype=np.int64), np.zeros(self.rows, dtype=np.int32)
        )  # fmt: skip

    def fold(
        self, columns: Columns, first: int, last: int, made: tuple[Array, ...],
        out: tuple[Array, ...], begin: Begin | None = None,
    ) -> None:  # fmt: skip
        """Fold members ``first`` to ``last``, with more room whenever it is needed."""
        keep = int(self.keep)
        begun = first
        self._begin = begin or Begin(NOTHING, NOTHING)
        self.c[T.C_BEGIN] = int(begin is not None)
        self._sizes = np.zeros(last if self.c[T.C_SAVE] else 1, dtype=np.int64)
        self.S = (*self.S[:15], self._begin.at, self._begin.rows, self._sizes, self._save)
        if columns.largest_lines > self.lines or columns.slots > self.slots:
            self.lines = max(self.lines, columns.largest_lines)
            self.slots = max(self.slots, columns.slots)
            self._scratch()
        while first < last:
            code = self.machine.fold(
                first, last, columns.start, columns.more_start, columns.events(), columns.own,
                columns.more, made, columns.lines, columns.mask(), self.S, self.B, self.T, out,
                self.c, self.machine.cal, self.cap, self.until, keep,
            )  # fmt: skip
            if code == M.DONE:
                break
            first = int(self.c[T.C_MEMBER])
            self._more(code)
        if self.keep:
            self._hand_over(int(self.c[T.C_ROWS]))
            self.c[T.C_ROWS] = 0
        if self.c[T.C_SAVE]:
            self._put_away()
            rows = np.concatenate([NOTHING[:0], *self._rows])
            self.saved.append(Saved(begun, self._sizes[begun:], rows))
            self._rows = []
        self.totals.postings = int(self.c[T.C_POSTINGS])
        self.totals.wrong = int(self.c[T.C_WRONG])

    def _more(self, code: int) -> None:
        """More room of what ran out; the member will be folded again from its beginning."""
        if code == M.NEED_RECORDS:
            if self.c[T.C_FIRST] > 0:
                self._hand_over(int(self.c[T.C_FIRST]))
            else:
                self.rows *= 4
                self._buffer()
            self.c[T.C_ROWS] = 0
            return
        self.c[T.C_ROWS] = self.c[T.C_FIRST]
        if code == M.NEED_STATES and self.c[T.C_SAVED]:
            self._put_away()
        elif code == M.NEED_STATES:
            self._save = np.zeros(2 * len(self._save), dtype=np.int64)
            self.c[T.C_SAVE] = len(self._save)
        elif code == M.NEED_LOTS:
            self.cap *= 2
        elif code == M.NEED_GRANTS:
            self.grants *= 4
        else:
            self.holds *= 2
            self.holds += self.units * self.cap
        self._scratch()

    def _put_away(self) -> None:
        """The saved states leave their buffer."""
        self._rows.append(self._save[: self.c[T.C_SAVED]].copy())
        self.c[T.C_SAVED] = 0

    def _hand_over(self, rows: int) -> None:
        """The first records leave the buffer: those of members that are done."""
        self.records.append((self.B[0][: rows * K.RECORD].copy(), self.B[1][:rows].copy()))


def fold(
    machine: Machine,
    columns: Columns,
    until: int,
    keep: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
    passed: bool = False,
    save: bool = False,
) -> Folded:
    """Fold all members up to an instant.

    save      states of all members are wanted
    keep      keep the records of what was posted (memory: 100 bytes a posting)
    passed    what each member was given, gave back, spent and lost is wanted too
    progress  is told (events done, events in all) now and then
    Raises Fault when postings and states do not agree.
    """
    count = len(columns.start) - 1
    members = no_members(machine, count, passed)
    size = len(columns.more[0])
    made = tuple(np.zeros(size, dtype=kind) for kind in M.MADE)
    out = members.part(0, count)
    months = month_span(machine, columns, until)
    jobs = [(at, min(at + BATCH, count)) for at in range(0, count, BATCH)]
    workers = [Worker(machine, until, months, keep, save)
               for _ in range(max(1, min(threads, len(jobs))))]  # fmt: skip
    for worker in workers:
        worker.c[T.C_FLOWS] = int(passed)
    lock = threading.Lock()
    done = 0

    def work(worker: Worker) -> None:
        nonlocal done
        while True:
            with lock:
                if not jobs:
                    return
                first, last = jobs.pop(0)
            worker.fold(columns, first, last, made, out)
            with lock:
                done += int(columns.start[last] - columns.start[first])
                if progress is not None:
                    progress(done, len(columns))

    if len(workers) == 1:
        work(workers[0])
    else:
        with ThreadPoolExecutor(len(workers)) as pool:
            list(pool.map(work, workers))
    records = [each for worker in workers for each in worker.records]
    states = [each for worker in workers for each in worker.saved]
    return Folded(members, added(workers), made, records, states)


def no_members(machine: Machine, count: int, passed: bool) -> Members:
    """Rows of members of whom nothing is known."""
    linked = machine.program.program
    ladders = max(1, len(linked.ladders))
    return Members(
        np.zeros((count, len(linked.units) * 4), dtype=np.int64),
        np.zeros((count, ladders), dtype=np.int16),
        np.zeros((count, ladders), dtype=np.int64), np.zeros(count, dtype=np.int64),
        np.zeros((count if passed else 0, len(linked.units) * 4), dtype=np.int64),
    )  # fmt: skip


def added(workers: list[Worker]) -> Totals:
    """The totals of all workers. Raises Fault when postings and states do not agree."""
    totals = workers[0].totals
    for worker in workers[1:]:
        totals.add(worker.totals)
    ensure(totals.wrong == 0, f"{totals.wrong} members: postings and state do not agree")
    return totals


def month_span(machine: Machine, columns: Columns, until: int) -> tuple[int, int]:
    """The first and the last month in which anything can be posted or bought."""
    if not len(columns):
        return 0, 0
    least = min(int(columns.at.min()), int(columns.occurred.min()))
    most = max(int(columns.at.max()), int(columns.occurred.max()), until - 1)
    return months_between(machine, least, most)


def months_between(machine: Machine, least: int, most: int) -> tuple[int, int]:
    """The months of two instants."""
    calendar: Any = machine.program.calendar
    return (calendar.month_of[calendar.day_of(least)], calendar.month_of[calendar.day_of(most)])
