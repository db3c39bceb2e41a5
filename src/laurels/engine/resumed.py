"""A book that goes on from a saved state, and knows only what it needs of what came before.

The state at a place in history is enough for whatever stands after that place, together with the
events that are named. Whoever asks for what stands before it is told so (`Earlier`), and comes
again with an earlier state and the events since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from laurels.base.errors import ensure
from laurels.engine.book import Book, Decision
from laurels.engine.compiled import Compiled
from laurels.engine.door import Door
from laurels.engine.events import Event, Place
from laurels.engine.journal import Entry, Fix, Journal, What, entry_of
from laurels.engine.kernel import layout as K
from laurels.engine.state import NOTHING, Snapshot

FIRST: Place = (-K.FAR, "", "", 0)
"""Before every event."""


class Earlier(Exception):
    """An event needs history from a place that lies before the state that the book started from."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


class Resumed(Book):
    """A book from a state on.

    start   the state right after the event at `floor`, or later with everything due by `now`;
            None: nothing is known yet
    floor   the place that the state stands at; None at the beginning
    now     everything before it has happened in the state
    holds   holds that the member has had so far; events: how many have been taken
    """

    def __init__(
        self,
        compiled: Compiled,
        member: str,
        door: Door,
        start: Snapshot | None = None,
        floor: Place | None = None,
        now: int = -K.FAR,
        holds: int = 0,
        events: int = 0,
    ) -> None:
        super().__init__(compiled, member, door, start)
        self.floor = floor
        self.reached = self.now = now
        self.held_before = holds
        self.before = events
        self.journal: Resuming = Resuming(compiled, member)

    # -- what is told before -------------------------------------------------------------------

    def know(self, events: Iterable[Event]) -> None:
        """Events of before, in the order in which they came, so that they can be named."""
        for event in events:
            known = self.events.setdefault(event.id, event)
            if known is not event:
                while known.namesake is not None:
                    known = known.namesake
                known.namesake = event
            self.merged = self.merged or event.absorbed is not None
            if event.type == "hold":
                self.holds.setdefault(event.refers, []).append(event)
        self.first_hold = 1 + self.held_before - sum(map(len, self.holds.values()))

    def cut(self, event: Event, original: Event) -> None:
        """A return as if never bought has taken from its original."""
        self._line_of(event, original)
        self.cuts.setdefault(original.key, []).append(event)

    def follow(
        self, tail: Sequence[Event], now: int, expected: Snapshot | None, until: int = K.FAR
    ) -> None:
        """Fold what stands after the floor, in event order, up to `now`.

        expected  the state that was saved there. Raises Fault when the fold comes to another
        until     leave out what acts at or after this instant
        """
        self.before = 0
        self.history = list(tail)
        self.named += [e for e in tail if e.pays or e.type == "return"]
        self._rewind(0)
        if until < K.FAR:
            tail = [event for event in tail if event.acts < until]
            self.history = list(tail)
        for position, event in enumerate(tail, 1):
            self.segments.append(self._apply(event))
            if position % STRETCH == 0:
                self.checkpoints.append((position, self.state.snapshot()))
        rest = self.state.advance(now + 1)
        if rest:
            self.tail.append(entry_of(None, rest, NOTHING, None))
        self.reached = -K.FAR
        self.now = now
        if expected is not None:
            ensure(
                self.state.like(expected), f"member {self.member}: the fold is not what was saved"
            )

    # -- taking --------------------------------------------------------------------------------

    def take_event(self, event: Event) -> Decision:
        """Take an event. Raises Earlier where it needs more than this book knows."""
        self.look(event)
        return super().take_event(event)

    def look(self, event: Event) -> None:
        """Raises Earlier where an event needs more than this book knows; changes nothing."""
        if self.merged and not self.sides and self.behind(event) is not None:
            raise Earlier(FIRST)
        if event.type == "return":
            self._needs_original(event)
        elif event.type == "withdrawn":
            self._needs_target(event)
        elif (event.source, event.id) not in self.withdrawn:
            self._needs(event.place)
            for late in self.waiting.get(event.id, ()):
                if late.type == "return":
                    self._needs(max(event.place, late.place))

    def _needs(self, place: Place) -> None:
        if self.floor is not None and (place <= self.floor or place[0] < self.reached):
            raise Earlier(place)

    def _needs_original(self, event: Event) -> None:
        """A return needs its original in history only where it rewrites it."""
        original = self.find(event.source, event.refers)
        if original is None or not original.comes_back:
            return
        version = self.compiled.program.versions[event.row[K.E_VERSION]]
        if original.absorbed is not None:
            if self.behind(event) is None:
                self._needs(max(event.place, original.absorbed))
        elif version.returns == "as_if_never_bought":
            self._needs(original.place)
        else:
            self._needs(max(event.place, original.place))

    def _needs_target(self, event: Event) -> None:
        target = self.find(event.source, event.refers)
        if target is None or target.type == "withdrawn" or self.behind(event) is not None:
            return
        if target.type == "return":
            original = self.find(target.source, target.refers)
            if original is not None and target in self.cuts.get(original.key, ()):
                self._needs(original.place)
                return
        self._needs(target.place)

    def _append(self, event: Event) -> Entry:
        entry = super()._append(event)
        count = len(self.history)
        if (self.before + count) % STRETCH == 0 and self.checkpoints[-1][0] != count:
            self.checkpoints.append((count, self.state.snapshot()))
        return entry

    # -- what is to be saved -------------------------------------------------------------------

    @property
    def last(self) -> Place | None:
        """The place of the last event that the state has taken in."""
        return self.history[-1].place if self.history else self.floor


STRETCH = 16
"""Events between two checkpoints that are saved."""


class Resuming(Journal):
    """A journal that has forgotten what it wrote, but for what was corrected.

    given  what was corrected, each as `signature`
    """

    def __init__(self, compiled: Compiled, member: str) -> None:
        super().__init__(compiled, member)
        self.given: set[tuple[Any, ...]] = set()

    def given_before(self, what: What, fix: Fix) -> bool:
        """Whether a posting of this kind was there before and was corrected."""
        return super().given_before(what, fix) or self.signature(fix) in self.given

    def signature(self, fix: Fix) -> tuple[Any, ...]:
        """What a posting is, apart from its points, in words that outlive a program's text."""
        program = self.compiled.program
        kind, unit, _, source, target, rule, end, active, funder, at, line = fix.record[:11]
        return (
            fix.event.key if fix.event is not None else None,
            kind, program.units[unit].name, source, target,
            program.effects[rule].rule if rule >= 0 else "",
            end, active, program.funders[funder], at, line,
        )  # fmt: skip
