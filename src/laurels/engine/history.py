"""The history of a member, and its fold: one step further, or again from a checkpoint.

What is posted stands in the journal; what the latest fold made of each event in the segments. A
change of history folds it again from the nearest checkpoint, and the difference between the two
folds is posted as corrections.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from laurels.engine.compiled import Compiled
from laurels.engine.events import Event, Key, Place
from laurels.engine.join import join
from laurels.engine.journal import Entry, Journal, entry_of
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import E_TYPE, NEXT_DUE
from laurels.engine.state import NOTHING, Snapshot, State
from laurels.engine.views import Views
from laurels.program.names import FIRST_OWN_TYPE

ASKS = frozenset({"redemption", "hold", "capture", "void", "transfer"})
CHECKPOINT = 32
"""Events between two checkpoints."""


@dataclass(slots=True)
class Fold:
    """What a fold that is about to be replaced leaves behind."""

    state: State
    tail: list[Entry]
    checkpoints: list[tuple[int, Snapshot]]
    undone: list[tuple[Event, Any, Any]]


def place_of(event: Event) -> Place:
    """An event's place in the order of events."""
    return event.place


class History(Views):
    """What a member did, in event order, and what the fold of it is at.

    events     by id, whether or not they stand in history; withdrawn: identities that never count
    segments   what the latest fold posted for each event of the history; tail: after the last
    named      events that name another: a return, a redemption that pays
    holds      holds by the name they go by; now: everything before it has been folded
    until      nothing falls due from this instant on: the member became another
    """

    def __init__(self, compiled: Compiled, member: str, start: Snapshot | None = None) -> None:
        self.compiled = compiled
        self.member = member
        self.state = State(compiled, start)
        self.journal = Journal(compiled, member)
        self.history: list[Event] = []
        self.segments: list[Entry] = []
        self.tail: list[Entry] = []
        self.checkpoints: list[tuple[int, Snapshot]] = [(0, start or self.state.snapshot())]
        self.events: dict[str, Event] = {}
        self.withdrawn: set[Key] = set()
        self.named: list[Event] = []
        self.holds: dict[str, list[Event]] = {}
        self.now = -K.FAR
        self.until = K.FAR

    def find(self, source: str, identity: str) -> Event | None:
        """The event that an id names: of the same source if there is one, else of any other."""
        first = found = self.events.get(identity)
        while found is not None:
            if found.source == source:
                return found
            found = found.namesake
        return first

    def _at(self, place: Place) -> int:
        """Where in history an event of this place stands, or would stand."""
        return bisect.bisect_left(self.history, place, key=place_of)

    # -- one step ------------------------------------------------------------------------------

    def _append(self, event: Event) -> Entry:
        """One step at the end of history."""
        entry = folded = self._apply(event)
        history = self.history
        history.append(event)
        if self.tail:
            dues = [number for each in self.tail for number in each.dues]
            folded = entry_of(event, [*dues, *entry.dues], entry.records, None)
            self.tail = []
        self.segments.append(folded)
        if len(history) % CHECKPOINT == 0:
            self.checkpoints.append((len(history), self.state.snapshot()))
        self.journal.entries.append(entry)
        return entry

    def _apply(self, event: Event) -> Entry:
        """Advance to the event and step; the kernel's records become an entry."""
        state = self.state
        acts = event.acts
        dues = NOTHING if state.s[NEXT_DUE] > acts else state.advance(acts + 1)
        if event.row[E_TYPE] >= FIRST_OWN_TYPE:
            entry = Entry()
            entry.event = event
            entry.dues = dues
            entry.records = state.step_plain(event)
            entry.posted = acts
            return entry
        if event.joined is not None:
            records = join(state, event.joined.state, acts, event.number)
            return entry_of(event, dues, records, acts)
        reference = self._prepare(event)
        records = state.step(event, reference)
        self._settle(event, reference)
        return entry_of(event, dues, records, acts)

    def _prepare(self, event: Event) -> Event | None:
        """Fill what the step needs to know of other events; returns the referenced one."""
        kind = event.type
        if kind == "return":
            original = self.find(event.source, event.refers)
            assert original is not None
            self._line_of(event, original)
            event.undo = (original, original.grants, list(original.lines))
            original.grants = list(original.grants)
            return original
        row = event.row
        if event.decided:
            row[K.E_OUTCOME] = event.decided
        if kind == "redemption" or kind == "hold":
            if kind == "hold":
                row[K.E_HOLD] = event.number
            if event.pays:
                paid = self.find(event.source, event.pays)
                if paid is None or paid.place >= event.place or (
                    paid.key in self.withdrawn
                ):  # fmt: skip
                    row[K.E_PAYS] = 2
                    return None
                row[K.E_PAYS] = 1
                row[K.E_PAID] = paid.paid
                return paid
        elif kind == "capture" or kind == "void":
            hold = self._held(event)
            row[K.E_HOLD] = self._number(hold) if hold else -1
            if hold is not None:
                row[K.E_UNIT] = hold.row[K.E_UNIT]
                row[K.E_PAID] = hold.asked
        return None

    def _held(self, event: Event) -> Event | None:
        """The accepted hold that a capture or void names: the latest before it."""
        for hold in reversed(self.holds.get(event.refers, ())):
            if hold.place < event.place and not hold.refusal and hold.key not in self.withdrawn:
                return hold
        return None

    def _number(self, hold: Event) -> int:
        """The number by which the state knows a hold."""
        return hold.number + hold.shift

    def _line_of(self, event: Event, original: Event) -> None:
        """Which line comes back; -2 where there is no such line: nothing does."""
        line = str(event.raw.get("line") or "")
        event.row[K.E_LINES] = original.row[K.E_LINES]
        if not line:
            event.row[K.E_LINE] = -1
        elif line in original.line_names:
            event.row[K.E_LINE] = original.line_names.index(line)
        else:
            event.row[K.E_LINE] = -1
            event.row[K.E_AMOUNT] = 0

    def _settle(self, event: Event, reference: Event | None) -> None:
        """Note what the step decided, so that a later fold reads it as a fact."""
        out = self.state.out
        kind = event.type
        if kind == "return":
            event.returned = out[K.O_RETURNED]
            return
        grants = out[K.O_GRANTS]
        event.grants = self.state.g[: grants * K.GRANT] if grants else NOTHING
        if kind in ASKS:
            if out[K.O_REFUSAL] != K.REFUSED_BEFORE or not event.refusal:
                event.refusal = out[K.O_REFUSAL]  # a later fold keeps the first reason
            if not event.row[K.E_OUTCOME]:  # what came in as a fact stays one
                event.decided = 2 if event.refusal else 1
            if not event.refusal:
                event.row[K.E_POINTS] = out[K.O_POINTS]
            if reference is not None and not event.refusal:
                event.undo = (reference, reference.paid)
                reference.paid += out[K.O_POINTS]

    def _advance(self, until: int, posted: int | None = None) -> list[Entry]:
        """Post what is due before an instant, each at its own."""
        until = min(until, self.until)
        records = self.state.advance(until)
        self.now = max(self.now, until - 1)
        if not records:
            return []
        entry = entry_of(None, records, NOTHING, posted)
        self.tail.append(entry)
        self.journal.entries.append(entry)
        return [entry]

    # -- folding again -------------------------------------------------------------------------

    def _refold(
        self, at: int, posted: int, change: Callable[[], None], cause: Event
    ) -> list[Entry]:
        """Change history from a position on, fold it again, and post the difference.

        The fold starts at the nearest checkpoint. It ends where the state has come back to what
        it was at a checkpoint and nothing later names what has changed: from there on everything
        is as it was.
        """
        reached = min(self.now, self.until - 1)
        number = bisect.bisect_right(self.checkpoints, at, key=lambda each: each[0]) - 1
        start = self.checkpoints[number][0]
        before = len(self.history)
        old_segments = self.segments
        fold = Fold(self.state, self.tail, self.checkpoints[number + 1 :], self._rewind(start))
        del self.checkpoints[number + 1 :]
        change()
        self.state = State(self.compiled, self.checkpoints[number][1], fold.state)
        self.segments = old_segments[:start]
        self.tail = []
        stop = self._fold(start, at, len(self.history) - before, fold, posted)
        if stop is not None:
            corrections = self.journal.correct(
                old_segments[start : stop[0]], self.segments[start:], posted, cause
            )
            self._rejoin(old_segments, fold, stop)
        else:
            rest = self.state.advance(reached + 1)
            if rest:
                self.tail.append(entry_of(None, rest, NOTHING, posted))
            corrections = self.journal.correct(
                old_segments[start:] + fold.tail, self.segments[start:] + self.tail, posted, cause
            )
        return corrections

    def _fold(
        self, start: int, at: int, shift: int, fold: Fold, posted: int
    ) -> tuple[int, int] | None:
        """Apply history from a position on; stops where both folds agree, and says where: in the
        old history and in the new one."""
        history = self.history
        ties = iter(self._ties(history[start].place) if start < len(history) else ())
        tie = next(ties, None)
        bound: Place | None = None
        agreeing = {position + shift: (position, snap) for position, snap in fold.checkpoints}
        for position in range(start, len(history)):
            found = agreeing.get(position)
            if found is not None and found[0] > at:
                here = history[position].place
                while tie is not None and tie[0] < here:
                    bound = tie[1] if bound is None else max(bound, tie[1])
                    tie = next(ties, None)
                if (bound is None or bound < here) and self.state.like(found[1]):
                    return found[0], position
            entry = self._apply(history[position])
            entry.posted = posted
            self.segments.append(entry)
            if (position + 1) % CHECKPOINT == 0:
                self.checkpoints.append((position + 1, self.state.snapshot()))
        return None

    def _ties(self, first: Place) -> list[tuple[Place, Place]]:
        """Stretches of history in which an event is named by a later one: from the event (or,
        where it stands before ``first``, from the first that names it) to the last that does."""
        found: dict[int, tuple[Place, Place]] = {}
        for event in self.named:
            if event.place < first:
                continue
            target = self.find(event.source, event.pays or event.refers)
            if target is None:
                continue
            start = target.place if target.place >= first else event.place
            low, high = found.get(id(target), (start, event.place))
            found[id(target)] = (min(low, start), max(high, event.place))
        return sorted(found.values())

    def _rejoin(self, old_segments: list[Entry], fold: Fold, at: tuple[int, int]) -> None:
        """Keep the rest of the fold as it was, from a place where both folds agree.

        ``at``: that place in the old history and in the new one.
        """
        old, new = at
        for event, undo, redo in reversed(fold.undone):
            if event.place >= self.history[new].place:
                event.undo = undo
                self._put_back(event, redo)
        self.checkpoints += [
            (position + new - old, snapshot)
            for position, snapshot in fold.checkpoints
            if position >= old
        ]
        self.segments += old_segments[old:]
        self.state = fold.state
        self.tail = fold.tail

    def _rewind(self, start: int) -> list[tuple[Event, Any, Any]]:
        """Undo what later events changed in earlier ones (grants, lines, points paid), the
        latest first; returns what it takes to do it again."""
        undone = []
        for position in range(len(self.history) - 1, start - 1, -1):
            event = self.history[position]
            if event.undo is None:
                continue
            undo = event.undo
            undone.append((event, undo, self._put_back(event, undo)))
            event.undo = None
        return undone

    def _put_back(self, event: Event, values: Any) -> Any:
        """Set what an event changed in the one that it names; returns what stood there."""
        target = values[0]
        if event.type == "return":
            stood: tuple[Any, ...] = (target, target.grants, target.lines)
            target.grants, target.lines = values[1:]
        else:
            stood = (target, target.paid)
            target.paid = values[1]
        return stood
