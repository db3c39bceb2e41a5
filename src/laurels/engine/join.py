"""Two members who turn out to be one: each is folded alone up to the merge, then the states join.

The merge is an event of the member who stays. It carries the other as it was then (`Joined`), as
any event carries what was decided outside of the member: so the fold reads one member only, and
what is learned late of the one who stays is folded across the merge like any other late event.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laurels.engine.events import Event
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.lots import draw, into_lot, into_pending
from laurels.engine.kernel.windows import roll
from laurels.engine.slots import upper
from laurels.engine.state import Snapshot, State, live
from laurels.program import linked as L

if TYPE_CHECKING:
    from laurels.engine.book import Book

MERGED, BECAME = "merged", "became"
"""The types of the event: of the one who stays, and of the one who ends with it."""


@dataclass
class Joined:
    """The other member, just before the merge.

    state   brought to the merge; names: what it was called, and those who became it before
    events  what it did, so that it may be named later; empty where they are told otherwise
    side    its book, which takes what changes its history later; None where it is not at hand
    """

    state: Snapshot
    names: frozenset[str] = frozenset()
    events: Sequence[Event] = field(default=(), repr=False)
    side: Book | None = field(default=None, repr=False)

    def known(self, merge: Event) -> list[Event]:
        """Copies of its events: what is made of them from now on is made of the copies."""
        return [absorbed(event, merge) for event in self.events]


def absorbed(event: Event, merge: Event) -> Event:
    """An event of one who was merged, as the one who stays knows it."""
    found = copy.copy(event)
    found.namesake = None
    found.absorbed = merge.place
    found.shift += merge.number
    found.grants = list(event.grants)
    if event.lines:
        found.lines, found.amounts = list(event.lines), list(event.amounts)
    return found


def every(events: Iterable[Event]) -> list[Event]:
    """Events, and those of the same id from other sources."""
    found = []
    for event in events:
        known: Event | None = event
        while known is not None:
            found.append(known)
            known = known.namesake
    return found


def join(state: State, second: Snapshot, at: int, shift: int) -> list[int]:
    """Join a state into another, both brought to the same instant; returns what was posted.

    Lots are united and debt is paid from them; sums and counts are added; the higher level stands
    with its own end; products held by either are held; of attributes the first one's stand.
    """
    compiled = state.compiled
    state.reserve(second)
    s, other = state.s, second.s
    out = state.out
    out[: K.OUT] = [0] * K.OUT
    s[K.SEEN] = max(s[K.SEEN], other[K.SEEN])
    s[K.NEXT_DUE] = min(s[K.NEXT_DUE], other[K.NEXT_DUE])
    s[K.VERSION] = max(s[K.VERSION], other[K.VERSION])
    s[K.RELEASED] = max(s[K.RELEASED], other[K.RELEASED])
    s[K.RELEASES] = max(s[K.RELEASES], other[K.RELEASES])
    if not s[K.BORN]:
        s[K.BORN], s[K.BIRTHDAY] = other[K.BORN], other[K.BIRTHDAY]
    for unit in compiled.program.units:
        _join_unit(state, second, unit.index, at)
    _join_holds(state, second, shift)
    for ladder in compiled.program.ladders:
        _join_ladder(s, other, compiled.slots.state[f"LADDER_{upper(ladder.name)}"])
    for metric in compiled.program.metrics:
        _join_metric(s, other, compiled.slots.state[compiled.slots.metric(metric.index)], metric)
    for name, slot in compiled.slots.state.items():
        if name.startswith(("CAP_", "TIMES_", "SPENDINGS_")):
            _join_counter(s, other, slot)
        elif name.startswith("HELD_"):
            s[slot] = max(s[slot], other[slot])
        elif name.startswith("MEMBER_") and not s[slot]:
            s[slot] = other[slot]
    return out[K.OUT : K.OUT + out[K.O_COUNT] * K.RECORD]


def _join_unit(state: State, second: Snapshot, u: int, at: int) -> None:
    s, other, b = state.s, second.s, K.HEAD + u * K.UNIT
    first = u * second.cap
    for end, funder, points in live(
        second.la, first + other[b + K.U_AHEAD], first + other[b + K.U_ATAIL], K.ACTIVE_LOT
    ):
        into_lot(s, state.la, u, state.cap, end, funder, points)
    for active, end, funder, points in live(
        second.lp, first + other[b + K.U_PHEAD], first + other[b + K.U_PTAIL], K.PENDING_LOT
    ):
        into_pending(s, state.lp, u, state.cap, points, active, end, funder)
    for slot in (K.U_DEBT, K.U_SUM, K.U_SINCE):
        s[b + slot] += other[b + slot]
    s[b + K.U_FROM] = min(s[b + K.U_FROM], other[b + K.U_FROM])
    paid = min(s[b + K.U_DEBT], s[b + K.U_ACTIVE])
    if paid:
        s[b + K.U_DEBT] -= paid
        draw(
            s, state.la, state.out, u, state.cap, paid, K.DEBT_PAID, K.AT_DEBT, -1, at, -1
        )  # fmt: skip


def _join_holds(state: State, second: Snapshot, shift: int) -> None:
    """Holds of the second follow those of the first; their numbers follow, too."""
    s = state.s
    for i in range(second.s[K.HOLDS]):
        part = list(second.lh[i * K.HELD_LOT : (i + 1) * K.HELD_LOT])
        part[K.H_HOLD] += shift
        at = s[K.HOLDS] * K.HELD_LOT
        state.lh[at : at + K.HELD_LOT] = part
        s[K.HOLDS] += 1
        s[K.HEAD + part[K.H_UNIT] * K.UNIT + K.U_HELD] += part[K.H_POINTS]


def _join_ladder(s: list[int], other: Sequence[int], block: int) -> None:
    level, until = K.L_LEVEL + block, K.L_UNTIL + block
    if other[level] > s[level]:
        s[level], s[until] = other[level], other[until]
    elif other[level] == s[level]:
        s[until] = max(s[until], other[until])
    s[block + K.L_REACHED] = max(s[block + K.L_REACHED], other[block + K.L_REACHED])
    s[block + K.L_CLOSE] = min(s[block + K.L_CLOSE], other[block + K.L_CLOSE])
    s[block + K.L_GRACE] = min(s[block + K.L_GRACE], other[block + K.L_GRACE])


def _join_counter(s: list[int], other: Sequence[int], slot: int) -> None:
    """A counter of the same period is added; of two periods the later stands."""
    if s[slot] == other[slot]:
        s[slot + 1] += other[slot + 1]
    elif other[slot] > s[slot]:
        s[slot], s[slot + 1] = other[slot], other[slot + 1]


def _join_metric(s: list[int], other: Sequence[int], slot: int, metric: L.Metric) -> None:
    if metric.window in ("months", "days"):
        period = max(s[slot], other[slot])
        copy = list(other)
        roll(s, slot, metric.size, period)
        roll(copy, slot, metric.size, period)
        for at in range(slot + 1, slot + 2 + metric.size):
            s[at] += copy[at]
    elif metric.kind in ("sum", "count"):
        _join_counter(s, other, slot)
    elif metric.kind == "days":
        same = s[slot] == other[slot] and s[slot + 2] == other[slot + 2]
        _join_counter(s, other, slot)
        if same and s[slot + 1] and other[slot + 1]:
            s[slot + 1] -= 1  # the last day was counted on both sides
        s[slot + 2] = max(s[slot + 2], other[slot + 2])
    elif other[slot] > s[slot] or (
        other[slot] == s[slot] and metric.kind == "max" and other[slot + 1] > s[slot + 1]
    ):
        s[slot], s[slot + 1] = other[slot], other[slot + 1]
