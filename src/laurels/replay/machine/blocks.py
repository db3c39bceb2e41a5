"""Members of a native history, some at a time, as the columns that the machine folds.

A block is as many members as fit the processor's cache: their packed rows are brought together,
taken apart into columns, folded, and forgotten. So the history is never held twice.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from laurels.engine.door import WHOLE
from laurels.replay.machine import member as M
from laurels.replay.machine import totals as T
from laurels.replay.machine.build import Machine, tool
from laurels.replay.machine.coding import power_of_two
from laurels.replay.machine.columns import Array, Columns, empty_more, give_slots
from laurels.replay.machine.encode import Specials
from laurels.replay.machine.run import (
    Begin,
    Members,
    Progress,
    Saved,
    Totals,
    Worker,
    added,
    months_between,
    no_members,
)
from laurels.replay.machine.vector import Vector, at_once, blocks_of
from laurels.replay.options import Options

ROWS = 1 << 16
"""Rows of a block, about."""


class Block(NamedTuple):
    """Members ``first`` to ``last``, and their packed rows."""

    first: int
    last: int
    rows: NDArray[np.int32]
    columns: Columns


def spans(vector: Vector) -> list[tuple[int, int]]:
    """The members of each block."""
    bounds = blocks_of(vector.start, ROWS)
    few = range(0, len(vector.start) - 1, ROWS)  # of members who did nothing, too
    return list(pairwise(sorted({*bounds, *few})))


def block(vector: Vector, first: int, last: int) -> Block:
    """The columns of members ``first`` to ``last``."""
    low, high = int(vector.start[first]), int(vector.start[last])
    start = vector.start[first : last + 1] - low
    packed = np.empty(high - low, dtype=vector.plan.dtype)
    tool("gather_rows")(
        low, high, vector.order, vector.width, vector.words, packed.view(np.int64)
    )  # fmt: skip
    kind, at = packed["kind"].copy(), packed["at"].copy()
    own = list(vector.plan.absent)
    for number in vector.plan.own:
        own[number] = packed[f"own{number}"].copy()
    version = packed["version"].copy() if vector.plan.several else np.zeros(1, dtype=np.int8)
    rows = vector.order[low:high]
    more, slots, more_start = _more(vector, packed, kind, start)
    columns = Columns(
        vector.program, None, start, kind, at, at, packed["amount"].copy(), version, tuple(own),
        rows, tuple(more), more_start, np.zeros(1, dtype=np.int64), 1, slots,
    )  # fmt: skip
    return Block(first, last, rows, columns)


def _more(
    vector: Vector, packed: Any, kind: NDArray[np.int8], start: Array
) -> tuple[list[Array], int, Array]:
    """The columns of X: special events, and those that they name."""
    special = np.flatnonzero(packed["special"] >= 0)
    if not len(special):
        return empty_more(0), 0, np.zeros(len(start), dtype=np.int64)
    number = packed["special"][special]
    few = vector.special
    target = np.full(len(special), -1, dtype=np.int64)
    naming = np.flatnonzero(few.refers[number])
    if len(naming):
        target[naming] = _named(packed, start, special[naming], few.names[number[naming]])
    wanted = np.zeros(len(kind), dtype=bool)
    wanted[special] = True
    wanted[target[target >= 0]] = True
    rows = np.flatnonzero(wanted)
    place = np.full(len(kind), -1, dtype=np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    here = place[special]
    more = empty_more(len(rows))
    more[M.X_ROW][:] = rows
    refs = np.where(target >= 0, place[target], -1)
    more[M.X_REF][here] = refs
    events = vector.program.program.events
    redeems = kind[special] == events["redemption"].index
    mine = here[redeems]
    if len(mine):
        door = vector.plan.door
        more[M.X_UNIT][mine] = door.units[door.first_unit].index
        more[M.X_POINTS][mine] = few.points[number[redeems]]
        more[M.X_OUTCOME][mine] = few.outcome[number[redeems]]
        more[M.X_PAYS][mine] = few.pays[number[redeems]]
    products = few.lines[number]
    opened = (kind[special] == events["product_opened"].index) | (
        kind[special] == events["product_closed"].index
    )
    more[M.X_LINE][here[opened]] = np.maximum(products[opened], 0)
    unknown = special[opened & (products < 0)]
    kind[unknown] = -kind[unknown]
    back = kind[special] == events["return"].index
    named = _chain(vector, here[back], refs[back], more, number[back])
    more_start = np.searchsorted(rows, start).astype(np.int64)
    slots = give_slots(more, more_start, named, np.ones(len(rows), dtype=np.int64))
    return more, slots, more_start


def _named(packed: Any, start: Array, rows: Array, wanted: Array) -> NDArray[np.int64]:
    """The row of the same member that each of these rows names; -1 none."""
    names = packed["name"].copy()
    owner = np.searchsorted(start, rows, side="right") - 1
    low, high = start[owner], start[owner + 1]
    room = power_of_two(max(32, 2 * int((high - low).max())))
    found = np.empty(len(rows), dtype=np.int64)
    tool("find_named")(
        len(rows), low, high, np.ascontiguousarray(wanted), names, found,
        np.empty(room, dtype=np.int32),
    )  # fmt: skip
    return found


def _chain(
    vector: Vector, backs: Array, targets: Array, more: list[Array], numbers: Array
) -> NDArray[np.bool_]:
    """Returns of one event, in the order in which they act; which events are returned.
    ``numbers``: of the returns among the special events."""
    named = np.zeros(len(more[0]), dtype=bool)
    sure = targets >= 0
    backs, targets = backs[sure], targets[sure]
    named[targets] = True
    early = more[M.X_ROW][backs] < more[M.X_ROW][targets]
    ranks = np.full(len(backs), -1, dtype=np.int64)
    if early.any():
        ranks[early] = _ranks(vector, numbers[sure][early])
    sort = np.lexsort((more[M.X_ROW][backs], ranks, ~early, targets))
    backs, targets = backs[sort], targets[sort]
    same = targets[1:] == targets[:-1]
    first = np.flatnonzero(np.concatenate([np.ones(min(1, len(targets)), dtype=bool), ~same]))
    more[M.X_HEAD][targets[first]] = backs[first]
    chained = np.flatnonzero(same)
    more[M.X_NEXT][backs[chained]] = backs[chained + 1]
    return named


def _ranks(vector: Vector, numbers: Array) -> Array:
    """The order of returns by source, then by id. ``numbers``: among the special events."""
    texts = vector.special.texts.take(numbers).to_pydict()
    keys = [(source or "", name) for source, name in zip(texts["source"], texts["id"], strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = np.empty(len(keys), dtype=np.int64)
    ranks[order] = np.arange(len(keys))
    return ranks


@dataclass
class Lost:
    """Events that were not taken, or not in full: their packed rows, whose they are, and
    why. ``cut``: returns of more than was left; ``asked``, ``taken``: their amounts."""

    rows: Array
    owners: Array
    refusals: Array
    waiting: Array
    cut: Array
    asked: Array
    taken: Array

    @staticmethod
    def joined(parts: Sequence[Lost]) -> Lost:
        """Those of all blocks, in the order of members."""
        names = ("rows", "owners", "refusals", "waiting", "cut", "asked", "taken")
        none = np.zeros(0, dtype=np.int64)
        return Lost(*[np.concatenate([none, *[getattr(e, n) for e in parts]]) for n in names])


@dataclass
class Found:
    """A folded history. ``records``: of each block on request, its causes as places in the
    vector's ``order``, dues as -1 less the member's place."""

    members: Members
    totals: Totals
    lost: Lost
    records: list[tuple[NDArray[np.int64], NDArray[np.int32]]]
    states: list[Saved]


class Decisions:
    """What was decided of the redemptions of a vector, for a run that takes it as a fact.

    outcome  1 accepted, 2 refused, 0 not come to; points: of it, in steps
    """

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        self.rows = vector.special.rows
        self.outcome = np.zeros(len(self.rows), dtype=np.int8)
        self.points = vector.special.points.copy()

    def note(self, here: Block, made: tuple[Array, ...]) -> None:
        """Those of a block that was folded."""
        more = here.columns.more[M.X_ROW]
        redemption = self.vector.program.program.events["redemption"].index
        number = self.vector.packed["special"][here.rows[more]]
        mine = (number >= 0) & (here.columns.type[more] == redemption)
        self.outcome[number[mine]] = np.where(made[M.Y_REFUSAL][mine] > 0, 2, 1)
        self.points[number[mine]] = made[M.Y_POINTS][mine]

    def told(self, special: Specials) -> Specials:
        """Special events of the same rows, with what was decided as their outcomes."""
        at = np.searchsorted(self.rows, special.rows)
        at[at == len(self.rows)] = 0
        if not len(self.rows):
            return special
        known = (self.rows[at] == special.rows) & (self.outcome[at] > 0)
        taken = known & (self.outcome[at] == 1)
        return replace(
            special,
            outcome=np.where(known, self.outcome[at], special.outcome).astype(np.int8),
            points=np.where(taken, self.points[at], special.points),
        )

    def counts(self) -> Counter[int]:
        """How many were accepted (1), how many refused (2)."""
        found = np.bincount(self.outcome, minlength=3).tolist()
        return Counter({1: found[1], 2: found[2]})


def fold_blocks(
    machine: Machine,
    vector: Vector,
    until: int,
    options: Options,
    progress: Progress | None = None,
    begin: Begin | None = None,
    decisions: Decisions | None = None,
) -> Found:
    """Fold all members of a vector up to an instant, block by block, several at a time.

    begin      states that they begin with
    decisions  receive what is decided of redemptions
    Raises Fault when postings and states do not agree.
    """
    least, most = vector.span()
    if begin is not None and options.states is not None:
        least, most = options.states.at, max(most, options.states.at)
    months = months_between(machine, least, max(most, until - 1)) if least <= most else (0, 0)
    members = no_members(machine, len(vector.start) - 1, options.passed)
    jobs = list(enumerate(spans(vector)))[::-1]
    lost: dict[int, Lost] = {}
    records: dict[int, list[Any]] = {}
    states: dict[int, Saved] = {}
    lock = threading.Lock()
    done = 0
    workers = [
        Worker(machine, until, months, options.postings, options.keep is not None)
        for _ in range(max(1, options.threads))
    ]
    for each in workers:
        each.c[T.C_FLOWS] = int(options.passed)

    def work(worker: Worker) -> None:
        nonlocal done
        while True:
            with lock:
                if not jobs:
                    return
                number, (first, last) = jobs.pop()
            since = perf_counter()
            here = block(vector, first, last)
            gathered = perf_counter()
            made = tuple(np.zeros(len(here.columns.more[0]), dtype=kind) for kind in M.MADE)
            mine = None if begin is None else begin.part(first, last)
            worker.fold(here.columns, 0, last - first, made, members.part(first, last), mine)
            if decisions is not None:
                decisions.note(here, made)
            if options.keep is not None:
                states[number] = worker.saved.pop()._replace(first=first)
            lost[number] = _lost(here, made)
            records[number] = _records(worker, here, int(vector.start[first]))
            vector.spend("gather", gathered - since)
            vector.spend("decide", perf_counter() - gathered)
            with lock:
                done += len(here.rows)
                if progress is not None:
                    progress(done, len(vector.order))

    at_once([partial(work, worker) for worker in workers], options.threads)
    return Found(
        members, added(workers), Lost.joined([lost[number] for number in sorted(lost)]),
        [each for number in sorted(records) for each in records[number]],
        [states[number] for number in sorted(states)],
    )  # fmt: skip


def _lost(here: Block, made: tuple[Array, ...]) -> Lost:
    """The events of a block that were not taken, or not in full."""
    refusals, waiting = made[M.Y_REFUSAL], made[M.Y_WAITING]
    cut, asked = cut_down(here.columns, made)
    found = np.flatnonzero((refusals > 0) | (waiting > 0) | cut)
    places = here.columns.more[M.X_ROW][found]
    owners = np.searchsorted(here.columns.start, places, side="right") - 1
    return Lost(
        here.rows[places], owners + here.first, refusals[found], waiting[found], cut[found],
        asked[found], made[M.Y_RETURNED][found],
    )  # fmt: skip


def cut_down(columns: Columns, made: tuple[Array, ...]) -> tuple[NDArray[np.bool_], Array]:
    """Which events that have more than others are returns of more than was left, and their
    amounts; see ``Result.cut_down``."""
    rows = columns.more[M.X_ROW]
    asked = columns.amount[rows]
    cut = columns.type[rows] == columns.program.program.events["return"].index
    cut &= (made[M.Y_WAITING] == 0) & (made[M.Y_BARRED] == 0)
    return cut & (made[M.Y_RETURNED] < asked) & (asked != WHOLE), asked


def _records(worker: Worker, here: Block, base: int) -> list[Any]:
    """What the machine kept of a block, in the numbers of the whole history."""
    found = []
    for flat, causes in worker.records:
        found.append(
            (flat, np.where(causes < 0, causes - here.first, causes + base).astype(np.int32))
        )
    worker.records = []
    return found
