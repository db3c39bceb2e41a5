"""Merging two members: each side is folded alone up to the merge, then the states are joined.

Events stay where they were written. What a side learns later (a late event, a return as if never
bought) changes that side, the states are joined again, and what came after is folded again.
"""

from __future__ import annotations

from collections.abc import Iterator

from laurels.base.errors import RequestError
from laurels.engine.book import Book, Decision
from laurels.engine.compiled import Compiled
from laurels.engine.events import Event
from laurels.engine.journal import Entry
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.lots import draw, into_lot, into_pending
from laurels.engine.kernel.windows import roll
from laurels.engine.slots import upper
from laurels.engine.state import State, live
from laurels.ledger.postings import Posting
from laurels.program import linked as L


class Merged(Book):
    """The book of two members who turned out to be one, under the first one's name.

    at  microseconds; both sides must not have gone beyond it. Events of either member that are
        dated before it go to their own side, later ones to the joined state.
    """

    def __init__(self, first: Book, second: Book, at: int) -> None:
        super().__init__(first.compiled, first.member, first.door)
        if max(first.now, second.now) >= at:
            raise RequestError(
                "merge-in-the-past", "a side has events at or after the merge", where="at",
                expected="an instant after all that is known of both",
            )  # fmt: skip
        self.sides = (first, second)
        self.others = frozenset({second.member}) | first.others | second.others
        self.first_hold = 2 * SECOND_SIDE
        self.at = at
        self.now = at
        for side in self.sides:
            side.advance(at)
        self.joined = self._join()

    def _join(self) -> Entry:
        """Join the sides' states; what pays debt on the way is posted."""
        state, records = join(self.compiled, self.sides[0].state, self.sides[1].state, self.at)
        self.state = state
        self.checkpoints[:1] = [(0, state.snapshot())]
        return Entry(None, records, (), self.at)

    def take_event(self, event: Event) -> Decision:
        """Take an event of either member."""
        if event.acts < self.at:
            return self._earlier(event)
        if event.type in ("return", "withdrawn") and super().find(event.source, event.refers):
            return super().take_event(event)
        if event.type == "return":
            side = self._owner(event)
            version = self.compiled.program.versions[event.row[K.E_VERSION]]
            if side is not None and version.returns == "as_if_never_bought":
                return self._earlier(event, side)
        elif event.type == "withdrawn":
            side = self._owner(event)
            if side is not None:
                return self._earlier(event, side)
        return super().take_event(event)

    def _owner(self, event: Event) -> Book | None:
        """The side that knows the event that this one names."""
        for side in self.sides:
            if side.find(event.source, event.refers) is not None:
                return side
        return None

    def _earlier(self, event: Event, side: Book | None = None) -> Decision:
        """What happened before the merge belongs to its side; then the sides are joined anew."""
        if side is None:
            first, second = self.sides
            side = second if event.member == second.member else first
        event.member = side.member
        decision = side.take_event(event)
        side.advance(self.at)
        posted = max(event.recorded, event.acts, self.now)
        self.now = max(self.now, event.acts)
        before = self.joined

        def again() -> None:
            self.joined = self._join()

        corrections = self._refold(0, posted, again, event)
        paid = self.journal.correct([before], [self.joined], posted, event)
        decision.entries = (*decision.entries, *corrections, *paid)
        return decision

    def find(self, source: str, identity: str) -> Event | None:
        """The event that an id names, on either side or since."""
        own = super().find(source, identity)
        if own is not None:
            return own
        for side in self.sides:
            found = side.find(source, identity)
            if found is not None:
                return found
        return None

    def _held(self, event: Event) -> Event | None:
        """The accepted hold that a capture or void names, on either side or since."""
        found = super()._held(event)
        for side in self.sides:
            found = found or side._held(event)
        return found

    def _number(self, hold: Event) -> int:
        """The number by which the joined state knows a hold."""
        return hold.number + (SECOND_SIDE if hold.member == self.sides[1].member else 0)

    def postings(self) -> Iterator[Posting]:
        """Both journals, what the join posted, and the journal since."""
        for side in self.sides:
            yield from side.postings()
        yield from self.journal.postings_of(self.joined)
        yield from super().postings()

    def net_postings(self) -> Iterator[Posting]:
        """Net postings of both sides, of the join, and since."""
        for side in self.sides:
            yield from side.net_postings()
        yield from self.journal.postings_of(self.joined)
        yield from super().net_postings()


def join(compiled: Compiled, first: State, second: State, at: int) -> tuple[State, list[int]]:
    """Join two states that have been brought to the same instant.

    Lots are united and debt is paid from them; sums and counts are added; the higher level stands
    with its own end; products held by either are held; of attributes the first one's stand.
    """
    state = State(compiled)
    state.restore(first.snapshot())
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
        _join_unit(compiled, state, second, unit.index, at)
    _join_holds(state, second)
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
    return state, out[K.OUT : K.OUT + out[K.O_COUNT] * K.RECORD]


def _join_unit(compiled: Compiled, state: State, second: State, u: int, at: int) -> None:
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
    del compiled


def _join_holds(state: State, second: State) -> None:
    """Holds of the second follow those of the first; numbers keep them apart."""
    s = state.s
    for i in range(second.s[K.HOLDS]):
        part = second.lh[i * K.HELD_LOT : (i + 1) * K.HELD_LOT]
        part[K.H_HOLD] += SECOND_SIDE
        at = s[K.HOLDS] * K.HELD_LOT
        state.lh[at : at + K.HELD_LOT] = part
        s[K.HOLDS] += 1
        s[K.HEAD + part[K.H_UNIT] * K.UNIT + K.U_HELD] += part[K.H_POINTS]


SECOND_SIDE = 1_000_000
"""Added to the numbers of the second side's holds."""


def _join_ladder(s: list[int], other: list[int], block: int) -> None:
    level, until = K.L_LEVEL + block, K.L_UNTIL + block
    if other[level] > s[level]:
        s[level], s[until] = other[level], other[until]
    elif other[level] == s[level]:
        s[until] = max(s[until], other[until])
    s[block + K.L_REACHED] = max(s[block + K.L_REACHED], other[block + K.L_REACHED])
    s[block + K.L_CLOSE] = min(s[block + K.L_CLOSE], other[block + K.L_CLOSE])
    s[block + K.L_GRACE] = min(s[block + K.L_GRACE], other[block + K.L_GRACE])


def _join_counter(s: list[int], other: list[int], slot: int) -> None:
    """A counter of the same period is added; of two periods the later stands."""
    if s[slot] == other[slot]:
        s[slot + 1] += other[slot + 1]
    elif other[slot] > s[slot]:
        s[slot], s[slot + 1] = other[slot], other[slot + 1]


def _join_metric(s: list[int], other: list[int], slot: int, metric: L.Metric) -> None:
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
