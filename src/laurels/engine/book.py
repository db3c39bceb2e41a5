"""A member's book: the online engine for one member.

A book holds the member's state, the history it was folded from, and the journal of what was
posted. An event that comes in order is one step. One that changes history (late, withdrawn, or a
return as if never bought) folds history again from the nearest checkpoint; the difference between
the two folds is posted as corrections.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from laurels.base.errors import Refusal, RequestError
from laurels.engine.compiled import Compiled
from laurels.engine.door import Door, Event, Key, Raw
from laurels.engine.journal import Entry, Journal
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import E_TYPE, NEXT_DUE
from laurels.engine.kernel.returns import take_off
from laurels.engine.state import Snapshot, State
from laurels.engine.views import Views
from laurels.ledger.postings import Posting
from laurels.program.names import FIRST_OWN_TYPE

Status = Literal["taken", "refused", "duplicate", "waiting", "ignored"]

REFUSALS = {
    K.REFUSED_BEFORE: "refused-before",
    K.NOT_SPENDABLE: "not-spendable",
    K.NO_POINTS: "no-points",
    K.PAYS_UNKNOWN: "pays-unknown",
    K.NOT_HERE: "not-accepted-here",
    K.BELOW_MINIMUM: "below-minimum",
    K.ABOVE_LIMIT: "above-limit",
    K.TOO_OFTEN: "too-often",
    K.NOT_COVERED: "not-covered",
    K.HOLD_UNKNOWN: "hold-unknown",
    K.HOLD_ENDED: "hold-ended",
    K.ABOVE_HOLD: "above-hold",
    K.NOT_TRANSFERABLE: "not-transferable",
}

NOTHING: list[int] = []


@dataclass(slots=True)
class Decision:
    """What became of an event.

    status    taken; refused by the rules (refusal says why); duplicate (the first answer stands);
              waiting for the event that it names; ignored: the program does not read its type
    points    points that a redemption, hold, capture or void moved
    """

    status: Status
    event: Event
    entries: tuple[Entry, ...] = ()
    refusal: Refusal | None = None
    journal: Journal | None = field(default=None, repr=False)

    @property
    def postings(self) -> tuple[Posting, ...]:
        """What was posted when the event was taken, dues that came first included."""
        if self.journal is None:
            return ()
        return tuple(p for entry in self.entries for p in self.journal.postings_of(entry))


Place = tuple[Any, ...]


@dataclass(slots=True)
class Fold:
    """What a fold that is about to be replaced leaves behind."""

    state: State
    tail: list[Entry]
    checkpoints: list[tuple[int, Snapshot]]
    undone: list[tuple[Event, Any, Any]]


class Book(Views):
    """One member under one program. Time comes in with the events, nothing here asks for it."""

    def __init__(self, compiled: Compiled, member: str, door: Door | None = None) -> None:
        self.compiled = compiled
        self.member = member
        self.door = door or Door(compiled)
        self.state = State(compiled)
        self.history: list[Event] = []
        self.places: list[Place] = []
        self.segments: list[Entry] = []
        self.tail: list[Entry] = []
        self.checkpoints: list[tuple[int, Snapshot]] = [(0, self.state.snapshot())]
        self.events: dict[str, Event] = {}
        self.arrivals: list[Event] = []
        self.waiting: dict[str, list[Event]] = {}
        self.withdrawn: set[Key] = set()
        self.named: list[Event] = []
        self.others: frozenset[str] = frozenset()
        self.first_hold = 1
        self.cuts: dict[Key, list[Event]] = {}
        self.journal = Journal(compiled, member)
        self.now = -K.FAR
        self.holds: dict[str, list[Event]] = {}
        self.as_if = any(
            version.returns == "as_if_never_bought" for version in compiled.program.versions
        )

    # -- the public face -----------------------------------------------------------------------

    def take(self, raw: Raw) -> Decision:
        """Take an event. Raises RequestError for a bad one, which leaves the book as it was."""
        return self.take_event(self.door.read(raw))

    def take_event(self, event: Event) -> Decision:
        """Take an event that has passed the door."""
        if event.member != self.member and event.member not in self.others:
            raise RequestError(
                "event-member",
                f"the event is of member `{event.member}`",
                where="member",
                expected=self.member,
            )
        self.arrivals.append(event)
        known = self.events.setdefault(event.id, event)
        if known is not event:
            while known.source != event.source and known.namesake is not None:
                known = known.namesake
            if known.source == event.source:
                self.arrivals.pop()
                return self._again(known, event)
            known.namesake = event
        if event.row[K.E_TYPE] == 0 and event.type not in self.compiled.program.events:
            return self._insert(event, "ignored")
        if self.withdrawn and event.key in self.withdrawn:
            return Decision("taken", event, journal=self.journal)
        if event.type == "return":
            return self._return(event)
        if event.pays:
            self.named.append(event)
        if event.type == "hold":
            event.number = self.first_hold + sum(map(len, self.holds.values()))
            self.holds.setdefault(event.refers, []).append(event)
        if event.type == "withdrawn":
            return self._withdraw(event)
        decision = self._insert(event)
        if self.waiting and event.id in self.waiting:
            entries = decision.entries
            for late in self.waiting.pop(event.id):
                if late.key not in self.withdrawn:
                    entries += self._return(late).entries
            decision = Decision(decision.status, event, entries, decision.refusal, self.journal)
        return decision

    def foresee(self, events: Sequence[Event]) -> None:
        """Say beforehand all that is to come, in event order, as a net replay can.

        Where no request is decided on the way and nothing is withdrawn, it makes no difference
        when a return as if never bought is learned of: what comes back is left out from the
        start, instead of history being folded again for each return. Otherwise nothing is done.
        """
        if not self.as_if or any(
            event.type == "withdrawn" or (event.type in ASKS and not event.row[K.E_OUTCOME])
            for event in events
        ):
            return
        known: dict[Key, Event] = {}
        named: dict[str, Event] = {}
        for event in events:
            known.setdefault(event.key, event)
            named.setdefault(event.id, event)
        for event in known.values():
            if event.type != "return":
                continue
            original = known.get((event.source, event.refers)) or named.get(event.refers)
            version = self.compiled.program.versions[event.row[K.E_VERSION]]
            if original is None or original.type == "return" or not original.lines:
                continue
            if version.returns == "as_if_never_bought":
                self._line_of(event, original)
                self.cuts.setdefault(original.key, []).append(event)
                event.foreseen = True
        for key in self.cuts:
            self._lower(known[key])

    def advance(self, until: int) -> tuple[Posting, ...]:
        """Everything that is due strictly before an instant happens; returns what was posted."""
        entries = self._advance(until)
        return tuple(p for entry in entries for p in self.journal.postings_of(entry))

    # -- taking --------------------------------------------------------------------------------

    def _again(self, known: Event, event: Event) -> Decision:
        """The same identity: the first answer again, or a conflict."""
        if dict(known.raw) != dict(event.raw):
            raise RequestError(
                "event-id-conflict",
                f"event `{event.id}` is known with another body",
                where="id",
                expected="the same body, or another id",
            )
        return Decision("duplicate", known, refusal=self._refusal(known), journal=self.journal)

    def _refusal(self, event: Event) -> Refusal | None:
        if not event.refusal:
            return None
        unit = self.compiled.program.units[max(0, event.row[K.E_UNIT])]
        return Refusal(REFUSALS[event.refusal], {"unit": unit.name, "points": event.asked})

    def find(self, source: str, identity: str) -> Event | None:
        """The event that an id names: of the same source if there is one, else of any other."""
        first = found = self.events.get(identity)
        while found is not None:
            if found.source == source:
                return found
            found = found.namesake
        return first

    def _insert(self, event: Event, status: Status = "taken") -> Decision:
        """Put an event into history: at its end in one step, else by folding again."""
        if event.gone:  # foreseen: all of it comes back
            return Decision(status, event, journal=self.journal)
        acts = event.acts
        recorded = event.recorded
        now = self.now
        entries: tuple[Entry, ...]
        if acts < now or (self.places and event.place < self.places[-1]):
            entries = self._late(event, bisect.bisect(self.places, event.place))
        elif recorded > acts and self.state.s[K.NEXT_DUE] <= recorded:
            entries = self._late(event, len(self.history))
        else:
            entry = self._append(event)
            entries = (entry,)
            if recorded > acts:
                # what the event lets fall due before it was known is posted when it is known
                entry.posted = recorded
                if self.state.s[NEXT_DUE] <= recorded:
                    entries = (entry, *self._advance(recorded + 1, recorded))
        if acts > self.now:
            self.now = acts
        if event.refusal:
            return Decision("refused", event, entries, self._refusal(event), self.journal)
        return Decision(status, event, entries, None, self.journal)

    def _late(self, event: Event, at: int) -> tuple[Entry, ...]:
        """An event that comes after what it should have come before."""
        posted = max(event.recorded, event.acts, self.now)
        first = self._advance(event.recorded + 1)
        return (*first, *self._refold(at, posted, lambda: self._put(at, event), event))

    def _put(self, at: int, event: Event) -> None:
        self.history.insert(at, event)
        self.places.insert(at, event.place)

    def _append(self, event: Event) -> Entry:
        """One step at the end of history."""
        entry = self._apply(event)
        self.history.append(event)
        self.places.append(event.place)
        if self.tail:
            dues = [number for each in self.tail for number in each.dues]
            self.segments.append(Entry(event, [*dues, *entry.dues], entry.records, None))
            self.tail = []
        else:
            self.segments.append(entry)
        if len(self.history) % CHECKPOINT == 0:
            self.checkpoints.append((len(self.history), self.state.snapshot()))
        self.journal.entries.append(entry)
        return entry

    def _apply(self, event: Event) -> Entry:
        """Advance to the event and step; the kernel's records become an entry."""
        state = self.state
        dues = NOTHING if state.s[NEXT_DUE] > event.acts else state.advance(event.acts + 1)
        if event.row[E_TYPE] >= FIRST_OWN_TYPE:
            records, event.grants = state.step_plain(event)
            return Entry(event, dues, records, event.acts)
        reference = self._prepare(event)
        records = state.step(event, reference)
        self._settle(event, reference)
        return Entry(event, dues, records, event.acts)

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
        return hold.number

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

    # -- returns and withdrawals ---------------------------------------------------------------

    def _return(self, event: Event) -> Decision:
        """A return acts at its own instant, or rewrites history as if never bought."""
        original = self.find(event.source, event.refers)
        if original is None or original.type == "return" or original.key in self.withdrawn or (
            not original.lines
        ):  # fmt: skip
            self.waiting.setdefault(event.refers, []).append(event)
            return Decision("waiting", event, journal=self.journal)
        if event.place <= original.place:
            self.stand_after(event, original)
        version = self.compiled.program.versions[event.row[K.E_VERSION]]
        if version.returns != "as_if_never_bought":
            self.named.append(event)
            return self._insert(event)
        if event.foreseen:
            self.now = max(self.now, event.acts)
            return Decision("taken", event, journal=self.journal)
        posted = max(event.recorded, event.acts, self.now)
        first = self._advance(max(event.recorded, event.acts) + 1)
        self.now = max(self.now, event.acts)
        at = bisect.bisect_left(self.places, original.place)
        self._line_of(event, original)
        entries = first + self._refold(at, posted, lambda: self._take_off(event, original), event)
        return Decision("taken", event, tuple(entries), journal=self.journal)

    @staticmethod
    def stand_after(event: Event, original: Event) -> None:
        """An early return acts with its original, directly after it."""
        event.acts = original.acts
        event.row[K.E_AT : K.E_MONTH + 1] = original.row[K.E_AT : K.E_MONTH + 1]
        event.place = (*original.place[:3], 1, event.source, event.id.encode())

    def _take_off(self, event: Event, original: Event) -> None:
        """Lower an event as if the returned part had never been bought."""
        self.cuts.setdefault(original.key, []).append(event)
        self._lower(original)

    def _lower(self, original: Event) -> None:
        """An event as it would have been without what came back of it, in event order."""
        row, width = original.row, self.compiled.slots.width
        lines = original.lines
        lines[K.LN_AMOUNT :: width] = lines[K.LN_LEFT :: width] = original.amounts
        for cut in sorted(self.cuts[original.key], key=lambda each: each.place):
            cut.returned = take_off(
                lines, row[K.E_LINES], width, cut.row[K.E_LINE], cut.row[K.E_AMOUNT]
            )
        left = lines[K.LN_LEFT :: width]
        lines[K.LN_AMOUNT :: width] = left
        row[K.E_AMOUNT] = sum(left)
        gone = row[K.E_AMOUNT] == 0 and sum(original.amounts) > 0
        at = bisect.bisect_left(self.places, original.place)
        stands = at < len(self.history) and self.history[at] is original
        if gone and stands:
            del self.history[at], self.places[at]
        elif original.gone and not gone:
            self._put(at, original)
        if gone:
            original.grants = NOTHING
        original.gone = gone

    def _withdraw(self, event: Event) -> Decision:
        """An event never was: history is folded again without it."""
        target = self.find(event.source, event.refers)
        if target is None or target.type == "withdrawn":
            # dated before its target: the target will never count
            self.withdrawn.add((event.source, event.refers))
            return Decision("waiting", event, journal=self.journal)
        self.withdrawn.add(target.key)
        posted = max(event.recorded, event.acts, self.now)
        first = self._advance(max(event.recorded, event.acts) + 1)
        self.now = max(self.now, event.acts)
        if target.type == "return":
            original = self.find(target.source, target.refers)
            if original is not None and target in self.cuts.get(original.key, ()):
                self.cuts[original.key].remove(target)
                at = bisect.bisect_left(self.places, original.place)
                entries = first + self._refold(at, posted, lambda: self._lower(original), event)
                return Decision("taken", event, tuple(entries), journal=self.journal)
        at = bisect.bisect_left(self.places, target.place)
        if at == len(self.history) or self.history[at] is not target:
            return Decision("taken", event, tuple(first), journal=self.journal)
        entries = first + self._refold(at, posted, lambda: self._remove(at, target), event)
        return Decision("taken", event, tuple(entries), journal=self.journal)

    def _remove(self, at: int, target: Event) -> None:
        """Take an event out of history; returns of it wait again."""
        del self.history[at], self.places[at]
        orphans = [
            each for each in self.history
            if each.type == "return" and self.find(each.source, each.refers) is target
        ]  # fmt: skip
        for each in orphans:
            where = self.places.index(each.place)
            del self.history[where], self.places[where]
            self.waiting.setdefault(each.refers, []).append(each)

    # -- folding again -------------------------------------------------------------------------

    def _advance(self, until: int, posted: int | None = None) -> list[Entry]:
        """Post what is due before an instant, each at its own."""
        records = self.state.advance(until)
        self.now = max(self.now, until - 1)
        if not records:
            return []
        entry = Entry(None, records, NOTHING, posted)
        self.tail.append(entry)
        self.journal.entries.append(entry)
        return [entry]

    def _refold(
        self, at: int, posted: int, change: Callable[[], None], cause: Event
    ) -> list[Entry]:
        """Change history from a position on, fold it again, and post the difference.

        The fold starts at the nearest checkpoint. It ends where the state has come back to what
        it was at a checkpoint and nothing later names what has changed: from there on everything
        is as it was.
        """
        reached = self.now
        number = bisect.bisect_right(self.checkpoints, at, key=lambda each: each[0]) - 1
        start = self.checkpoints[number][0]
        before = len(self.history)
        old_segments = self.segments
        fold = Fold(self.state, self.tail, self.checkpoints[number + 1 :], self._rewind(start))
        del self.checkpoints[number + 1 :]
        change()
        self.state = State(self.compiled)
        self.state.restore(self.checkpoints[number][1])
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
                self.tail.append(Entry(None, rest, NOTHING, posted))
            corrections = self.journal.correct(
                old_segments[start:] + fold.tail, self.segments[start:] + self.tail, posted, cause
            )
        return corrections

    def _fold(
        self, start: int, at: int, shift: int, fold: Fold, posted: int
    ) -> tuple[int, int] | None:
        """Apply history from a position on; stops where both folds agree, and says where: in the
        old history and in the new one."""
        history, places = self.history, self.places
        ties = iter(self._ties(places[start]) if start < len(places) else ())
        tie = next(ties, None)
        bound: Place | None = None
        agreeing = {position + shift: (position, snap) for position, snap in fold.checkpoints}
        for position in range(start, len(history)):
            found = agreeing.get(position)
            if found is not None and found[0] > at:
                here = places[position]
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
            if event.place >= self.places[new]:
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

    # -- postings ------------------------------------------------------------------------------

    def postings(self) -> Iterator[Posting]:
        """The journal: everything that was posted, in the order in which it was."""
        for entry in self.journal.entries:
            yield from self.journal.postings_of(entry)

    def net_postings(self) -> Iterator[Posting]:
        """Postings with their corrections added up: those of the latest fold."""
        for entry in [*self.segments, *self.tail]:
            yield from self.journal.postings_of(entry)


ASKS = frozenset({"redemption", "hold", "capture", "void", "transfer"})
CHECKPOINT = 32
"""Events between two checkpoints of a book."""
