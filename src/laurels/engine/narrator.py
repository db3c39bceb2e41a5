"""A book folded again with tracing on: what each decision saw when it was made.

The narrator takes the events of a book in the order in which they arrived, so every decision is
made again from what was known then, corrections included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from laurels.engine.book import Book, Decision
from laurels.engine.compiled import Compiled
from laurels.engine.events import Event, Key
from laurels.engine.journal import Entry
from laurels.engine.kernel import layout as K
from laurels.engine.standing import read_standing
from laurels.engine.state import Snapshot, State

Trace = tuple[Any, ...]
Ints = Any


@dataclass
class Decided:
    """One application of an event (or of a derived one) with all that it saw.

    taken     the number of the fold
    state     the state before the event; seen: as its rules saw it; after: after it
    trace     what the traced step said, without the state
    grants    of a return: what the original was granted, before and after; lines alike
    """

    taken: int
    row: tuple[int, ...]
    lines: tuple[int, ...]
    state: tuple[int, ...]
    seen: tuple[int, ...] = ()
    seen_row: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    version: int = 0
    trace: list[Trace] = field(default_factory=list)
    records: tuple[int, ...] = ()
    refusal: int = 0
    points: int = 0
    returned: int = 0
    reference: Event | None = None
    reference_row: tuple[int, ...] = ()
    grants: tuple[Sequence[int], Sequence[int]] = ((), ())
    kept_lines: tuple[Sequence[int], Sequence[int]] = ((), ())
    member: Mapping[str, str] = field(default_factory=dict)
    fact: bool = False

    def same(self, other: Decided | None) -> bool:
        """Whether nothing was decided differently."""
        return (
            other is not None
            and self.records == other.records
            and self.trace == other.trace
            and self.refusal == other.refusal
            and self.row == other.row
        )


@dataclass
class Due:
    """What fell due at one instant, where levels changed or a derived event gave."""

    at: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    records: tuple[int, ...]
    decided: Decided | None
    taken: int


@dataclass
class Log:
    """What a narrator hears: shared by every state that it folds with."""

    wanted: bool = True
    taken: int = 0
    current: Decided | None = None
    reference: Event | None = None
    dues: dict[int, list[Due]] = field(default_factory=dict)

    def hear(self, word: str, *values: Any) -> None:
        """What TRACE calls."""
        found = self.current
        if found is None:
            return
        if word == "begin":
            version, s, row = values
            found.version = version
            found.seen, found.seen_row = tuple(s), tuple(row)
        else:
            found.trace.append((word, *values))


class Watched(State):
    """A state that keeps what its decisions saw. Runs the traced step."""

    def __init__(self, compiled: Compiled, log: Log, start: Snapshot) -> None:
        super().__init__(compiled, start)
        self._step = self._watch
        self._steps = self._usual_steps = defaultdict(lambda: self._watch)
        self.reads_lines = True
        self._advance = compiled.traced["advance"]
        self.log = log

    def advance(self, until: int) -> list[int]:
        """As the state does, one instant at a time."""
        posted: list[int] = []
        self.compiled.traced["TRACE"] = self.log.hear
        while self.s[K.NEXT_DUE] < until:
            at = self.s[K.NEXT_DUE]
            before = tuple(self.s)
            heard = self.log.current = Decided(self.log.taken, (), (), before)
            piece = super().advance(at + 1)
            self.log.current = None
            posted += piece
            changed = any(piece[k] == K.LEVEL_CHANGE for k in range(0, len(piece), K.RECORD))
            if changed or heard.seen:
                self._due(at, before, piece, heard)
        return posted

    def _due(self, at: int, before: tuple[int, ...], piece: list[int], heard: Decided) -> None:
        decided = None
        if heard.seen:
            decided = heard
            decided.row = heard.seen_row
            decided.after = tuple(self.s)
            decided.records = tuple(piece)
        due = Due(at, before, tuple(self.s), tuple(piece), decided, self.log.taken)
        known = self.log.dues.setdefault(at, [])
        if not known or known[-1].records != due.records:
            known.append(due)

    def step(self, event: Event, reference: Event | None) -> list[int]:
        """As the state does, knowing which event is named."""
        self.log.reference = reference
        records = super().step(event, reference)
        self.log.reference = None
        return records

    def _watch(
        self, s: Ints, la: Ints, lp: Ints, lh: Ints, ev: Ints, rf: Ints, ln: Ints, g: Ints,
        out: Ints, cal: Any, cap: int,
    ) -> None:  # fmt: skip
        """The traced step, keeping what it saw."""
        log = self.log
        traced = self.compiled.traced
        traced["TRACE"] = log.hear
        log.current = None
        if not log.wanted:
            traced["step"](s, la, lp, lh, ev, rf, ln, g, out, cal, cap)
            return
        log.current = found = Decided(log.taken, tuple(ev), tuple(ln), tuple(s))
        found.fact = ev[K.E_OUTCOME] == 1
        out[K.O_REFUSAL] = out[K.O_POINTS] = out[K.O_RETURNED] = 0
        count = out[K.O_GRANTS] * K.GRANT
        grants = tuple(g[:count])
        traced["step"](s, la, lp, lh, ev, rf, ln, g, out, cal, cap)
        if log.reference is not None:
            found.reference, found.reference_row = log.reference, tuple(rf)
            found.grants = grants, tuple(g[:count])
            found.kept_lines = found.lines, tuple(ln)
        found.after = tuple(s)
        found.records = tuple(out[K.OUT : K.OUT + out[K.O_COUNT] * K.RECORD])
        found.refusal = out[K.O_REFUSAL]
        found.points = out[K.O_POINTS]
        found.returned = out[K.O_RETURNED]


class Narrator(Book):
    """A book that remembers its decisions, those that were corrected included.

    A fold is one taking of an event or one folding again; `causes` has the fold of each entry of
    the journal, `acting` the event for which a fold was made.
    """

    def __init__(
        self, compiled: Compiled, member: str, wanted: Collection[Key] | None = None
    ) -> None:
        self.log = Log()
        super().__init__(compiled, member)
        self.wanted = wanted
        self.decisions: dict[Key, list[tuple[int, Decided | None]]] = {}
        self.answers: dict[Key, Decision] = {}
        self.causes: list[int] = []
        self.acting: list[Event] = []
        self.texts = [n for n, each in compiled.program.member.items() if each.type == "text"]

    @property
    def state(self) -> State:
        """The state, always one that is watched."""
        return self._watched

    @state.setter
    def state(self, state: State) -> None:
        watched = isinstance(state, Watched)
        self._watched = state if watched else Watched(self.compiled, self.log, state.snapshot())

    def tell(self, events: Sequence[Event]) -> None:
        """Take events in the order in which they arrived, with the room that budgets had left."""
        for told in events:
            event = read_standing(self.door, told.raw)
            event.joined = told.joined
            for column in self.door.budgets:
                event.row[column] = told.row[column]
            self._begin(event)
            self.answers[event.key] = self.take_event(event)
            self._note()

    def _begin(self, event: Event) -> None:
        """A new fold begins; what was posted so far belongs to the ones before."""
        self._note()
        self.log.taken = len(self.acting)
        self.acting.append(event)

    def _note(self) -> None:
        number = len(self.acting) - 1
        self.causes += [number] * (len(self.journal.entries) - len(self.causes))

    def _return(self, event: Event) -> Decision:
        self._begin(event)
        return super()._return(event)

    def _refold(self, at: int, posted: int, change: Any, cause: Event) -> list[Entry]:
        self._begin(self.acting[-1])
        entries = super()._refold(at, posted, change, cause)
        self._note()
        present = {id(event) for event in self.history}
        for key, known in self.decisions.items():
            if known[-1][1] is not None and self._gone(key, present):
                known.append((self.log.taken, None))
        return entries

    def _gone(self, key: Key, present: Collection[int]) -> bool:
        """Whether an event stands in history no more."""
        event = self.find(*key)
        return event is None or id(event) not in present

    def _apply(self, event: Event) -> Entry:
        log = self.log
        log.wanted = self.wanted is None or event.key in self.wanted
        entry = super()._apply(event)
        found = log.current
        log.current = None
        if not log.wanted or found is None:
            return entry
        known = self.decisions.setdefault(event.key, [])
        if not found.same(known[-1][1] if known else None):
            if self.texts:
                found.member = self._member(event)
            known.append((log.taken, found))
        return entry

    def decided(self, event: Event, fold: int | None = None) -> Decided | None:
        """What was decided of an event: at first, or as a fold left it."""
        known = self.decisions.get(event.key, [])
        if fold is None:
            return known[0][1] if known else None
        return next((found for number, found in reversed(known) if number <= fold), None)

    def due(self, at: int, fold: int | None = None) -> Due | None:
        """What fell due at an instant: at first, or as a fold left it."""
        known = self.log.dues.get(at, [])
        if fold is None:
            return known[0] if known else None
        return next((each for each in reversed(known) if each.taken <= fold), None)

    def _member(self, event: Event) -> dict[str, str]:
        """The member's own texts as an event saw them."""
        found: dict[str, str] = {}
        history = self.history if event in self.history[-1:] else [*self.history, event]
        for each in history:
            if each.place > event.place:
                break
            if each.type == "member":
                found |= {
                    name: str(each.raw[name])
                    for name in self.texts
                    if each.raw.get(name) not in (None, "")
                }
        return found
