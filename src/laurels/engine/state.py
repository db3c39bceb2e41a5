"""A member's state in integers, with the room that the kernel needs to work on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import local
from typing import TYPE_CHECKING, Any

from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import (
    E_LINES,
    E_TYPE,
    GRANT,
    O_COUNT,
    O_GRANTS,
    OUT,
    RECORD,
    SEEN,
)

if TYPE_CHECKING:
    from laurels.engine.events import Event

FIRST_CAP = 64
ROOM = 16
"""Records after which the dues of a long time are handed over, so that lots find room again."""
NOTHING: list[int] = []
NOTHING_OUT = [0] * K.OUT


class Scratch(local):
    """What a step writes its records into before they are read, at once: one list for all states
    of a thread, because it is far larger than a state."""

    def __init__(self) -> None:
        self.out: list[int] = []

    def room(self, size: int) -> list[int]:
        """The list, at least so long."""
        if len(self.out) < size:
            self.out = [0] * size
        return self.out


SCRATCH = Scratch()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state at an instant, to start a fold from."""

    s: Sequence[int]
    la: Sequence[int]
    lp: Sequence[int]
    lh: Sequence[int]
    cap: int


class State:
    """The sequences of one member, and the scratch that goes with them."""

    __slots__ = (
        "_advance",
        "_step",
        "_steps",
        "_usual_steps",
        "cal",
        "cap",
        "caps",
        "compiled",
        "dv",
        "effects",
        "g",
        "la",
        "lh",
        "lp",
        "most",
        "out",
        "reads_lines",
        "room",
        "s",
        "slack",
        "units",
    )  # fmt: skip

    def __init__(
        self, compiled: Compiled, start: Snapshot | None = None, lent: State | None = None
    ) -> None:
        """``lent``: a state that stands still meanwhile; its room to work on is used."""
        self.compiled = compiled
        self.units = len(compiled.program.units)
        self.effects = len(compiled.program.effects)
        self.caps = len(compiled.program.caps)
        self.most = compiled.most_grants
        self.reads_lines = compiled.slots.reads_lines
        self.cal = compiled.cal
        self._step = compiled.step
        self._steps = compiled.steps
        self._usual_steps = compiled.usual_steps
        self._advance = compiled.advance
        self.cap = 0
        self.slack = 0
        self.la: list[int] = []
        self.lp: list[int] = []
        self.lh: list[int] = []
        self.g: list[int] = lent.g if lent else [0] * ((self.effects + 1) * K.GRANT)
        self.dv = compiled.blank_row()
        self.out: list[int] = lent.out if lent else []
        if start is None:
            self.s = compiled.blank()
            self._grow(FIRST_CAP)
        else:
            self.restore(start)

    def _grow(self, cap: int) -> None:
        """Give every unit room for so many lots, keeping what is there."""
        la = [0] * (self.units * cap * K.ACTIVE_LOT)
        lp = [0] * (self.units * cap * K.PENDING_LOT)
        for u in range(self.units):
            b = K.HEAD + u * K.UNIT
            self._move(self.la, la, u, cap, K.ACTIVE_LOT, b + K.U_AHEAD, b + K.U_ATAIL)
            self._move(self.lp, lp, u, cap, K.PENDING_LOT, b + K.U_PHEAD, b + K.U_PTAIL)
        self.la, self.lp, self.cap = la, lp, cap
        self._make_room()

    def _move(
        self, old: list[int], new: list[int], u: int, cap: int, width: int, head: int, tail: int
    ) -> None:
        if not old:
            return
        start = (u * self.cap + self.s[head]) * width
        stop = (u * self.cap + self.s[tail]) * width
        at = u * cap * width
        new[at : at + stop - start] = old[start:stop]
        self.s[tail] -= self.s[head]
        self.s[head] = 0

    def _make_room(self, grants: int = 0) -> None:
        """``out`` holds what one instant can post at most, beyond ``room`` records; a return can
        post three records for each grant besides what it draws from lots."""
        self.room = ROOM
        holds = self.s[K.HOLDS]
        most = (
            self.room + 4 * self.units * self.cap + 4 * holds + (8 + self.caps) * self.effects + 32
        )
        most += 3 * grants
        self.out = SCRATCH.room(K.OUT + most * K.RECORD)

    def _ensure(self) -> None:
        """Room for every lot that the next steps can open.

        A step, or the dues of one instant, open at most one lot for each effect that reads one
        type of event, and two more, so the room that is there lasts for ``slack`` of them before
        it must be looked at again.
        """
        s = self.s
        each = self.most + 2
        slack = self.cap
        for u in range(self.units):
            b = K.HEAD + u * K.UNIT
            live = (
                s[K.HOLDS]
                + s[b + K.U_ATAIL]
                - s[b + K.U_AHEAD]
                + s[b + K.U_PTAIL]
                - s[b + K.U_PHEAD]
            )
            if live + 2 * each + ROOM > self.cap:
                self._grow(max(live + 16 * each + ROOM, 2 * self.cap))
            slack = min(slack, self.cap - live - ROOM)
        self.slack = slack // each - 1

    def advance(self, until: int) -> list[int]:
        """Do what is due before an instant; the records of what was posted."""
        if self.s[K.NEXT_DUE] >= until:
            return []
        out = self.out
        found: list[int] = []
        while True:
            self._ensure()
            out = self.out
            out[K.O_COUNT] = out[K.O_GRANTS] = 0
            more = self._advance(
                self.s, self.la, self.lp, self.lh, self.dv, (), self.g, out, self.cal, self.cap,
                self.room, until,
            )  # fmt: skip
            found += out[K.OUT : K.OUT + out[K.O_COUNT] * K.RECORD]
            if not more:
                return found

    def step(self, event: Event, reference: Event | None) -> list[int]:
        """Apply an event; the state must have been brought to its instant."""
        self.slack -= 1
        if self.slack <= 0:
            self._ensure()
        row = event.row
        if event.type == "sealed":
            self._grow(self.cap + row[E_LINES])
        out = self.out
        out[:OUT] = NOTHING_OUT
        lines = event.lines
        g = self.g
        rf = row
        if reference is not None:
            rf = reference.row
            if event.type == "return":
                lines = reference.lines
                g = list(reference.grants)
                reference.grants = g
                out[O_GRANTS] = len(g) // GRANT
                if out[O_GRANTS] > self.effects:
                    self._make_room(out[O_GRANTS])
                    self.out[:OUT] = out[:OUT]
                    out = self.out
        if event.type == "hold":
            self._room_for_hold()
            out = self.out
        self._step(self.s, self.la, self.lp, self.lh, row, rf, lines, g, out, self.cal, self.cap)
        count = out[O_COUNT]
        return out[OUT : OUT + count * RECORD] if count else []

    def step_plain(self, event: Event) -> list[int]:
        """Apply an event that names no other, and note its grants; the records of what was
        posted."""
        self.slack -= 1
        if self.slack <= 0:
            self._ensure()
        row = event.row
        s = self.s
        g = self.g
        ln = NOTHING
        if row[E_LINES] == 1 and s[SEEN]:
            step = self._usual_steps[row[E_TYPE]]
            if self.reads_lines:
                ln = event.lines
        else:
            step = self._steps[row[E_TYPE]]
            if self.reads_lines or row[E_LINES] > 1:
                ln = event.lines
                if len(g) <= self.effects * row[E_LINES] * GRANT:
                    self.g = g = [0] * ((self.effects * row[E_LINES] + 1) * GRANT)
        out = self.out
        out[O_COUNT] = out[O_GRANTS] = 0
        step(s, self.la, self.lp, self.lh, row, row, ln, g, out, self.cal, self.cap)
        if out[O_COUNT] == 0:
            event.grants = NOTHING
            return NOTHING
        event.grants = g[: out[O_GRANTS] * GRANT]
        return out[OUT : OUT + out[O_COUNT] * RECORD]

    def _room_for_hold(self) -> None:
        entries = self.s[K.HOLDS] + self.units * self.cap + 2
        if len(self.lh) < entries * K.HELD_LOT:
            self.lh += [0] * (entries * K.HELD_LOT - len(self.lh))
        out = self.out
        self._make_room()
        if self.out is not out:
            self.out[: K.OUT] = out[: K.OUT]

    def reserve(self, other: State | Snapshot) -> None:
        """Make room for the lots and holds of another state."""
        self._grow(self.cap + other.cap + other.s[K.HOLDS])
        self.lh += [0] * len(other.lh)
        self._room_for_hold()

    def like(self, snapshot: Snapshot) -> bool:
        """Whether the state means what a snapshot means."""
        own = K.HEAD + self.units * K.UNIT
        if tuple(self.s[own:]) != tuple(snapshot.s[own:]):
            return False  # levels, metrics or counts: most that differ do so here
        return meaning(self, self.compiled) == meaning(snapshot, self.compiled)

    def snapshot(self) -> Snapshot:
        """The state as it is now."""
        return Snapshot(
            tuple(self.s), tuple(self.la), tuple(self.lp),
            tuple(self.lh[: self.s[K.HOLDS] * K.HELD_LOT]), self.cap,
        )  # fmt: skip

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot."""
        self.s = list(snapshot.s)
        self.la = list(snapshot.la)
        self.lp = list(snapshot.lp)
        self.lh = list(snapshot.lh)
        self.cap = snapshot.cap
        self.slack = 0
        self._make_room()
        if self.s[K.HOLDS]:
            self._room_for_hold()


def meaning(state: State | Snapshot, compiled: Compiled) -> tuple[Any, ...]:
    """A state without what does not matter: emptied lots, where lots stand in their segments,
    sums that no ladder reads, and the two instants that only say where the fold is."""
    s = list(state.s)
    s[K.NOW] = s[K.NEXT_DUE] = 0
    lots: list[tuple[int, ...]] = []
    for u in range(len(compiled.program.units)):
        b = K.HEAD + u * K.UNIT
        if u not in compiled.summed:
            s[b + K.U_SUM] = s[b + K.U_SINCE] = 0
        first = u * state.cap
        lots += live(state.la, first + s[b + K.U_AHEAD], first + s[b + K.U_ATAIL], K.ACTIVE_LOT)
        lots += live(state.lp, first + s[b + K.U_PHEAD], first + s[b + K.U_PTAIL], K.PENDING_LOT)
        s[b + K.U_AHEAD] = s[b + K.U_ATAIL] = s[b + K.U_PHEAD] = s[b + K.U_PTAIL] = 0
    return tuple(s), tuple(lots), tuple(state.lh[: s[K.HOLDS] * K.HELD_LOT])


def live(lots: Sequence[int], first: int, last: int, width: int) -> Iterator[tuple[int, ...]]:
    """The lots from one place to another that hold points; the points stand last."""
    for k in range(first * width, last * width, width):
        if lots[k + width - 1]:
            yield tuple(lots[k : k + width])
