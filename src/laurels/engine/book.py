"""A member's book: the online engine for one member.

A book takes events. One that comes in order is one step of the member's fold. One that changes
history (late, withdrawn, or a return as if never bought) has it folded again (`history.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from laurels.base.errors import Refusal, RequestError
from laurels.engine.compiled import Compiled
from laurels.engine.door import Door, door_of
from laurels.engine.events import Event, Key, Place, Raw
from laurels.engine.history import ASKS, History
from laurels.engine.join import Joined
from laurels.engine.journal import Entry, Journal
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import E_TYPE, NEXT_DUE
from laurels.engine.kernel.returns import take_off
from laurels.engine.state import NOTHING, Snapshot
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

DRAWS = frozenset({"redemption", "hold", "transfer"})
"""Requests for active points."""


@dataclass(init=False)
class Decision:
    """What became of an event.

    status    taken; refused by the rules (refusal says why); duplicate (the first answer stands);
              waiting for the event that it names; ignored: the program does not read its type
    points    points that a redemption, hold, capture or void moved
    before    what it changed of one who became this member
    """

    # no __init__: most decisions have these values, and calling it would be half of their cost
    event: Event
    status: Status = "taken"
    entries: tuple[Entry, ...] = ()
    refusal: Refusal | None = None
    journal: Journal | None = field(default=None, repr=False)
    before: Decision | None = None

    @classmethod
    def of(
        cls,
        status: Status,
        event: Event,
        entries: tuple[Entry, ...] = (),
        refusal: Refusal | None = None,
        journal: Journal | None = None,
        before: Decision | None = None,
    ) -> Decision:
        """A decision of any kind."""
        made = cls()
        made.status = status
        made.event = event
        made.entries = entries
        made.refusal = refusal
        made.journal = journal
        made.before = before
        return made

    @property
    def postings(self) -> tuple[Posting, ...]:
        """What was posted when the event was taken, dues that came first included."""
        if self.journal is None:
            return ()
        before = self.before.postings if self.before is not None else ()
        return before + tuple(p for each in self.entries for p in self.journal.postings_of(each))


class Book(History):
    """One member under one program. Time comes in with the events, nothing here asks for it.

    arrivals  events as they came in; waiting: returns and the like, by the id that they name
    others    members who became this one; first_hold: the number of the first hold
    cuts      returns as if never bought, by the identity of what they take from
    sides     merges, and the books of those who became this member; merged: anybody became it
    """

    def __init__(
        self,
        compiled: Compiled,
        member: str,
        door: Door | None = None,
        start: Snapshot | None = None,
    ) -> None:
        super().__init__(compiled, member, start)
        self.door = door or door_of(compiled)
        self.arrivals: list[Event] = []
        self.waiting: dict[str, list[Event]] = {}
        self.others: frozenset[str] = frozenset()
        self.first_hold = 1
        self.sides: list[tuple[Event, Book]] = []
        self.merged = False
        self.cuts: dict[Key, list[Event]] = {}
        self.as_if = any(
            version.returns == "as_if_never_bought" for version in compiled.program.versions
        )

    @property
    def ended(self) -> bool:
        """Whether the member became another."""
        return self.until < K.FAR

    @property
    def absorbed(self) -> list[Book]:
        """The books of everyone who became this member."""
        return [book for _, side in self.sides for book in (side, *side.absorbed)]

    # -- the public face -----------------------------------------------------------------------

    def take(self, raw: Raw) -> Decision:
        """Take an event. Raises RequestError for a bad one, which leaves the book as it was."""
        return self.take_event(self.door.read(raw))

    def take_event(self, event: Event) -> Decision:
        """Take an event that has passed the door."""
        acts = event.acts
        if (
            acts > self.now
            and (event.recorded <= acts or event.recorded < self.state.s[NEXT_DUE])
            and event.row[E_TYPE] >= FIRST_OWN_TYPE
            and event.member == self.member
            and not (self.withdrawn or self.waiting or self.cuts)
            and self.events.setdefault(event.id, event) is event
        ):
            # nearly every event: new, in order, and nothing waits for it
            self.arrivals.append(event)
            entry = self._append(event)
            self.now = acts
            decision = Decision()
            decision.event = event
            decision.entries = (entry,) if event.recorded <= acts else self._recorded(event, entry)
            decision.journal = self.journal
            return decision
        return self._take(event)

    def _take(self, event: Event) -> Decision:
        """Take an event that may be late, known, named by another, or name one."""
        if event.member != self.member and event.member not in self.others:
            raise RequestError(
                "event-member",
                f"the event is of member `{event.member}`",
                where="member",
                expected=self.member,
            )
        self.arrivals.append(event)
        known = self._register(event)
        if known is not None:
            self.arrivals.pop()
            return self._again(known, event)
        if event.joined is not None:
            return self._merge(event, event.joined)
        if event.row[E_TYPE] == 0 and event.type not in self.compiled.program.events:
            return self._insert(event, "ignored")
        if self.withdrawn and event.key in self.withdrawn:
            return Decision.of("taken", event, journal=self.journal)
        if self.merged:
            target = self.behind(event)
            if target is not None:
                return self._before(event, target)
            self._after_merge(event)
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
                    late.since = max(late.since, event.known)
                    entries += self._return(late).entries
            decision = Decision.of(decision.status, event, entries, decision.refusal, self.journal)
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
            if original is None or not original.comes_back:
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

    def _register(self, event: Event) -> Event | None:
        """Know an event by its identity; returns the one that has it already."""
        known = self.events.setdefault(event.id, event)
        if known is event:
            return None
        while known.source != event.source and known.namesake is not None:
            known = known.namesake
        if known.source == event.source:
            return known
        known.namesake = event
        return None

    def _again(self, known: Event, event: Event) -> Decision:
        """The same identity: the first answer again, or a conflict."""
        if dict(known.raw) != dict(event.raw):
            raise RequestError(
                "event-id-conflict",
                f"event `{event.id}` is known with another body",
                where="id",
                expected="the same body, or another id",
            )
        return Decision.of("duplicate", known, refusal=self._refusal(known), journal=self.journal)

    def _refusal(self, event: Event) -> Refusal | None:
        if not event.refusal:
            return None
        unit = self.compiled.program.units[max(0, event.row[K.E_UNIT])]
        return Refusal(REFUSALS[event.refusal], {"unit": unit.name, "points": event.asked})

    def _insert(self, event: Event, status: Status = "taken") -> Decision:
        """Put an event into history: at its end in one step, else by folding again."""
        if event.gone:  # foreseen: all of it comes back
            return Decision.of(status, event, journal=self.journal)
        acts = event.acts
        recorded = event.known
        last = self.history[-1] if self.history else None
        entries: tuple[Entry, ...]
        if acts < self.now or (
            last is not None and acts <= last.acts and event.place < last.place
        ):  # fmt: skip
            entries = self._late(event, self._at(event.place))
        elif recorded > acts and self.state.s[NEXT_DUE] <= recorded:
            entries = self._late(event, len(self.history))
        else:
            entry = self._append(event)
            entries = (entry,) if recorded <= acts else self._recorded(event, entry)
        if acts > self.now:
            self.now = acts
        if event.refusal:
            return Decision.of("refused", event, entries, self._refusal(event), self.journal)
        return Decision.of(status, event, entries, None, self.journal)

    def _recorded(self, event: Event, entry: Entry) -> tuple[Entry, ...]:
        """An event is posted when it is known, and so is what it let fall due before that."""
        entry.posted = event.known
        if self.state.s[NEXT_DUE] > event.known:
            return (entry,)
        return (entry, *self._advance(event.known + 1, event.known))

    def _late(self, event: Event, at: int) -> tuple[Entry, ...]:
        """An event that comes after what it should have come before."""
        posted = max(event.known, event.acts, self.now)
        first = self._advance(event.known + 1)
        if event.type in DRAWS and not (event.decided or event.row[K.E_OUTCOME]):
            self._draw_late(event)
        return (*first, *self._refold(at, posted, lambda: self._put(at, event), event))

    def _draw_late(self, event: Event) -> None:
        """A late request sees the points of its own instant, some of which may have been spent
        since: what is no longer there is not spent twice."""
        unit = event.row[K.E_UNIT]
        if unit < 0 or event.asked > self.state.s[K.HEAD + unit * K.UNIT + K.U_ACTIVE]:
            event.decided, event.refusal = 2, K.NOT_COVERED

    def _put(self, at: int, event: Event) -> None:
        self.history.insert(at, event)

    # -- returns and withdrawals ---------------------------------------------------------------

    def _return(self, event: Event) -> Decision:
        """A return acts at its own instant, or rewrites history as if never bought."""
        original = self.find(event.source, event.refers)
        if original is None or original.key in self.withdrawn or not original.comes_back:
            self.waiting.setdefault(event.refers, []).append(event)
            return Decision.of("waiting", event, journal=self.journal)
        if event.place <= original.place and original.absorbed is None:
            self.stand_after(event, original)
        version = self.compiled.program.versions[event.row[K.E_VERSION]]
        if version.returns != "as_if_never_bought":
            self.named.append(event)
            return self._insert(event)
        if event.foreseen:
            self.now = max(self.now, event.acts)
            return Decision.of("taken", event, journal=self.journal)
        posted = max(event.known, event.acts, self.now)
        first = self._advance(max(event.known, event.acts) + 1)
        self.now = max(self.now, event.acts)
        at = self._at(original.place)
        self._line_of(event, original)
        entries = first + self._refold(at, posted, lambda: self._take_off(event, original), event)
        return Decision.of("taken", event, tuple(entries), journal=self.journal)

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
        at = self._at(original.place)
        stands = at < len(self.history) and self.history[at] is original
        if gone and stands:
            del self.history[at]
        elif original.gone and not gone and original.key not in self.withdrawn:
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
            return Decision.of("waiting", event, journal=self.journal)
        self.withdrawn.add(target.key)
        posted = max(event.recorded, event.acts, self.now)
        first = self._advance(max(event.recorded, event.acts) + 1)
        self.now = max(self.now, event.acts)
        if target.type == "return":
            original = self.find(target.source, target.refers)
            if original is not None and target in self.cuts.get(original.key, ()):
                self.cuts[original.key].remove(target)
                at = self._at(original.place)
                entries = first + self._refold(at, posted, lambda: self._lower(original), event)
                return Decision.of("taken", event, tuple(entries), journal=self.journal)
        at = self._at(target.place)
        if at == len(self.history) or self.history[at] is not target:
            return Decision.of("taken", event, tuple(first), journal=self.journal)
        entries = first + self._refold(at, posted, lambda: self._remove(at, target), event)
        return Decision.of("taken", event, tuple(entries), journal=self.journal)

    def _remove(self, at: int, target: Event) -> None:
        """Take an event out of history; returns of it wait again."""
        del self.history[at]
        self._orphan(target)

    def _orphan(self, target: Event) -> None:
        orphans = [
            each for each in self.history
            if each.type == "return" and self.find(each.source, each.refers) is target
        ]  # fmt: skip
        for each in orphans:
            self.history.remove(each)
            self.waiting.setdefault(each.refers, []).append(each)

    # -- merging -------------------------------------------------------------------------------

    def _merge(self, event: Event, joined: Joined) -> Decision:
        """Another member becomes this one."""
        self.others |= joined.names
        self.merged = True
        event.number = self.first_hold - 1 + sum(map(len, self.holds.values()))
        for each in joined.known(event):
            self._register(each)
            if each.type == "hold":
                self.holds.setdefault(each.refers, []).append(each)
        if joined.side is not None:
            self.sides.append((event, joined.side))
        return self._insert(event)

    def behind(self, event: Event) -> Event | None:
        """What an event changes of the history of one who became this member."""
        target = self.named_by(event)
        if target is None or target.type == event.type:
            return None
        if event.type == "return":
            version = self.compiled.program.versions[event.row[K.E_VERSION]]
            changes = version.returns == "as_if_never_bought"
            return target if changes and target.absorbed is not None else None
        if event.type != "withdrawn":
            return None
        if target.absorbed is None and target.type == "return":
            version = self.compiled.program.versions[target.row[K.E_VERSION]]
            original = self.find(target.source, target.refers)
            changed = version.returns == "as_if_never_bought" and original is not None
            return target if changed and original.absorbed is not None else None  # type: ignore[union-attr]
        return target if target.absorbed is not None else None

    def _after_merge(self, event: Event) -> None:
        """What takes from one who became this member does so after the merge."""
        target = self.named_by(event)
        if target is None or target.absorbed is None or event.type == "withdrawn":
            return
        if event.place < target.absorbed:
            self.stand_at(event, target.absorbed)

    def named_by(self, event: Event) -> Event | None:
        """What an event takes from, takes back or takes out of history."""
        if event.type in ("capture", "void"):
            return self._held(event)
        if event.type in ("return", "withdrawn"):
            return self.find(event.source, event.refers)
        return None

    def stand_at(self, event: Event, place: Place) -> None:
        """What takes from one who became this member does so directly after the merge at the
        soonest: nothing of it was here before."""
        event.acts = place[0]
        calendar = self.compiled.calendar
        day = calendar.day_of(event.acts)
        event.row[K.E_AT], event.row[K.E_DAY] = event.acts, day
        event.row[K.E_MONTH] = calendar.month_of[day]
        event.place = (*place[:3], 1, event.source, event.id.encode())

    def _before(self, event: Event, target: Event) -> Decision:
        """What changes the history of one who became this member: the states are joined anew."""
        merge, side = next(
            each for each in self.sides if each[1].find(target.source, target.id) is not None
        )
        assert merge.joined is not None
        posted = max(event.recorded, event.acts, self.now)
        first = self._advance(max(event.recorded, event.acts) + 1)
        self.now = max(self.now, event.acts)
        side.others |= {event.member}
        before = side.take_event(event)
        joined = replace(merge.joined, state=side.state.snapshot())

        def again() -> None:
            merge.joined = joined
            if event.type == "withdrawn":
                self.withdrawn.add(target.key)
                self._orphan(target)

        entries = self._refold(self._at(merge.place), posted, again, event)
        return Decision.of(
            before.status, event, (*first, *entries), before.refusal, self.journal, before
        )

    # -- postings ------------------------------------------------------------------------------

    def postings(self) -> Iterator[Posting]:
        """The journal: everything that was posted, in the order in which it was."""
        for entry in self.journal.entries:
            yield from self.journal.postings_of(entry)

    def net_postings(self) -> Iterator[Posting]:
        """Postings with their corrections added up: those of the latest fold."""
        for entry in [*self.segments, *self.tail]:
            yield from self.journal.postings_of(entry)
