"""One member's events, taken again from the first, or from the latest seal, on an empty desk.

The desk is the one on which they were taken: what it would write is compared with what is written.
Nothing here talks to the database.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from laurels.base.errors import Fault, RequestError
from laurels.engine import packed as P
from laurels.engine.events import Event
from laurels.engine.join import MERGED as MERGE
from laurels.engine.join import Joined, every
from laurels.engine.kernel import layout as K
from laurels.engine.resumed import Earlier
from laurels.engine.state import meaning
from laurels.ledger.accounts import KINDS as POSTING_KINDS
from laurels.service import chain
from laurels.service.bodies import pack_bytes, unpack_bytes
from laurels.service.decide import Budgets
from laurels.service.desk import (
    ACTIVE,
    MERGED,
    SEMANTICS,
    Desk,
    Found,
    Member,
    New,
    Stored,
    absorbed_by,
    places,
)
from laurels.service.programs import Running
from laurels.service.reading import taken_then
from laurels.service.types import STATUSES
from laurels.service.verify.differences import Difference
from laurels.service.write import answer_of

Posting = tuple[Any, ...]
"""A row of `postings`: member, sequence, number, then as `Desk.rows_of` makes it."""
FIRST = 3  # columns of a posting before those
CAUSE, KIND, UNIT, POINTS, DEBIT, CREDIT, CORRECTS, RULE = 1, 2, 3, 4, 5, 6, 8, 9
SEMANTICS_AT, FUNDER, ENDS, EFFECTIVE = 13, 14, 15, 18


class Taken(NamedTuple):
    """A row of `events`, with what is kept beside it.

    said     what is kept with the person; changed: what later events made of it
    """

    member: int
    sequence: int
    source: str
    id: str
    type: str
    status: int
    occurred_at: int
    recorded_at: int
    epoch: int
    actor: str
    body: str
    kept: bytes | None
    answer: bytes | None
    chain: bytes
    said: str | None
    changed: bytes | None

    @property
    def is_seal(self) -> bool:
        """Whether erasing wrote it. What opens a member's books is a sealed event that is taken."""
        return self.type == "sealed" and STATUSES[self.status] == "ignored"


@dataclass(slots=True)
class Stood:
    """Everything that is stored of one member; reminders: the places that they took."""

    row: Member
    events: list[Taken]
    postings: list[Posting]
    reminders: list[int]


class Retaken:
    """A member, folded again; `differences` says what is not as it is stored.

    layouts  programs by the layout of their states: a seal may be older than the present text
    sides    those who became the member. What they left is compared here: nothing reads their own
             states any more
    """

    def __init__(
        self, running: Running, stood: Stood, layouts: Mapping[str, Running] | None = None,
        sides: Mapping[int, Retaken] | None = None,
    ) -> None:  # fmt: skip
        self.running = running
        self.row = stood.row
        self.events = sorted(stood.events, key=lambda each: each.sequence)
        self.reminders = frozenset(stood.reminders)
        self.postings: dict[int, list[Posting]] = {}
        for posting in sorted(stood.postings):
            self.postings.setdefault(posting[1], []).append(posting)
        self.differences: list[Difference] = []
        self.sides = sides or {}
        self.drawn = Budgets(running)
        self.taken: list[tuple[Taken, New]] = []
        self._prove_chain()
        self.sealed = 0
        self.desk: Desk | None = self._begin(layouts or {})
        if self.desk is not None:
            self._take(self.desk)
            if self.row.status != MERGED:
                self._compare_state(self.desk)

    def differ(
        self, kind: str, sequence: int = 0, what: str = "", expected: object = "",
        found: object = "", event: str = "",
    ) -> None:  # fmt: skip
        """Note a difference."""
        self.differences.append(Difference(
            kind, self.running.name, self.row.called, sequence, event, what, str(expected),
            str(found),
        ))  # fmt: skip

    # -- the chain -----------------------------------------------------------------------------

    def _prove_chain(self) -> None:
        """Every link computes, and every place is taken by an event, by what fell due, or by a
        reminder."""
        before: bytes | None = None
        for e in self.events:
            body = chain.covered(e.type, e.body, e.said)
            link = chain.link(
                before, e.source, e.id, e.type, e.status, e.occurred_at, e.recorded_at, e.epoch,
                e.actor, body, e.kept, e.answer,
            )  # fmt: skip
            if link != e.chain:
                self.differ("event-changed", e.sequence, "hash", link.hex()[:16],
                            e.chain.hex()[:16], e.id)  # fmt: skip
            before = e.chain
        if before != self.row.chain:
            self.differ("event-missing", self.row.sequence, "the last hash of the chain",
                        _short(self.row.chain), _short(before))  # fmt: skip
        known = {e.sequence for e in self.events} | self.postings.keys() | self.reminders
        for e in self.events:
            if e.type == MERGE and (side := self.sides.get(absorbed_by(e.body))) is not None:
                known |= set(range(e.sequence - 1 - side.row.sequence, e.sequence))
        for sequence in range(1, self.row.sequence + 1):
            if sequence not in known:
                self.differ("event-missing", sequence, "place", "an event, or what fell due",
                            "nothing")  # fmt: skip
        for sequence in sorted(known):
            if not 0 < sequence <= self.row.sequence:
                kind = "posting-unexpected" if sequence in self.postings else "state-differs"
                self.differ(kind, sequence, "place", f"at most {self.row.sequence}", sequence)

    # -- taking again --------------------------------------------------------------------------

    def _begin(self, layouts: Mapping[str, Running]) -> Desk | None:
        """An empty desk, or one with the state of the latest seal; None where it is of no use."""
        running, row = self.running, self.row
        empty = Member(row.member, row.name, ACTIVE, 0, 0, 0, 0, None, -K.FAR, -K.FAR, K.NEVER,
                       running.layout, SEMANTICS, None, None, None)  # fmt: skip
        seal = next((e for e in reversed(self.events) if e.is_seal), None)
        if seal is None:
            return Desk(running, empty, Found())
        said = msgspec.json.decode(seal.body)
        state = bytes.fromhex(said["state"])
        self.sealed = seal.sequence
        if hashlib.sha256(state).hexdigest() != said["hash"]:
            self.differ("seal-wrong", seal.sequence, "hash of the state", said["hash"][:16],
                        hashlib.sha256(state).hexdigest()[:16], seal.id)  # fmt: skip
        earlier = layouts.get(said["layout"])
        if said["layout"] != running.layout and earlier is None:
            self.differ("program-unknown", seal.sequence, "layout of the seal", running.layout,
                        said["layout"], seal.id)  # fmt: skip
            return None
        self.running = running = earlier or running
        empty.layout = running.layout
        if not state:
            return Desk(running, empty, Found())
        empty.state, empty.sequence = state, seal.sequence
        empty.now = unpack_bytes(state)[0][K.NOW] - 1
        desk = Desk(running, empty, Found())
        self._draw_before(seal.sequence)
        before = [p for s, rows in self.postings.items() if s <= seal.sequence for p in rows]
        for e in self.events:
            if e.sequence < seal.sequence and e.type == MERGE:
                became = self.sides.get(absorbed_by(e.body))
                before += became.every if became is not None else []
        self._compare_balances(summed(running, before), desk.balances(), seal.sequence)
        return desk

    def _draw_before(self, seal: int) -> None:
        """What events before the seal drew from budgets, as it was posted."""
        program = self.running.compiled.program
        if not self.running.budgets:
            return
        for taken in self.events:
            if taken.sequence >= seal or STATUSES[taken.status] != "taken":
                continue
            event = taken_then(self.running, self.row, Stored(*taken[:14]))
            own = [posting[FIRST:] for posting in self.postings.get(taken.sequence, ())]
            for cap, purse in self.drawn.of(event):
                rules = {program.effects[index].rule for index in cap.effects}
                granted = sum(
                    row[POINTS] for row in own
                    if row[0] == taken.sequence and row[RULE] in rules and not row[CORRECTS]
                    and row[KIND] == K.EARNED and program.units[cap.unit].name == row[UNIT]
                )  # fmt: skip
                if granted and cap.per != "event":
                    drawn = self.drawn.drawn
                    drawn[purse] = drawn.get(purse, 0) + granted

    def _take(self, desk: Desk) -> None:
        """Take every event again, at its place, and let fall due what fell due between."""
        events = {e.sequence: e for e in self.events if e.sequence > self.sealed}
        places = events.keys() | {s for s in self.postings if s > self.sealed}
        for sequence in sorted(places):
            stored = self.postings.get(sequence, [])
            taken = events.get(sequence)
            if taken is None:
                until = min(max(each[FIRST + EFFECTIVE] for each in stored), self.row.now) + 1
                rows = desk.advance(until)
            else:
                desk.sequence = sequence - 1
                rows = self._again(desk, taken)
            desk.sequence = sequence
            if [each[FIRST:] for each in stored] != rows:
                self._compare_rows(sequence, rows, stored)
        rest = desk.advance(self.row.now + 1)
        if rest:
            self._compare_rows(self.row.sequence, rest, [])
        desk.sequence = max(places, default=self.sealed)

    def _again(self, desk: Desk, taken: Taken) -> list[tuple[Any, ...]]:
        """Take an event again; the rows that it posts."""
        body = taken.body if taken.said is None else taken.said
        stored = Stored(*taken[:10], body, *taken[11:14])
        try:
            event = taken_then(self.running, self.row, stored)
            if event.type == MERGE:
                self._join(desk, event, taken)
            new = desk.take(event, body, taken.actor)
        except (RequestError, Fault, Earlier, ArithmeticError, LookupError, TypeError) as error:
            code = getattr(error, "code", type(error).__name__)
            self.differ("event-unreadable", taken.sequence, "taken again", "no error", code,
                        taken.id)  # fmt: skip
            return []
        if self.running.budgets and new.decision.status == "taken":
            self.drawn.settle(new.event)
        if STATUSES[taken.status] != new.decision.status:
            self.differ("outcome-differs", taken.sequence, "status", new.decision.status,
                        STATUSES[taken.status], taken.id)  # fmt: skip
        elif answer_of(new) != taken.answer:
            self.differ("outcome-differs", taken.sequence, "answer", unpack_bytes(answer_of(new)),
                        unpack_bytes(taken.answer) if taken.answer else None,
                        taken.id)  # fmt: skip
        self.taken.append((taken, new))
        return new.rows

    def _join(self, desk: Desk, event: Event, taken: Taken) -> None:
        """Bring one who became this member to the event of the merge."""
        side = self.sides[absorbed_by(taken.body)]
        if side.desk is None:
            raise Fault(f"member {side.row.member} cannot be taken again")
        book = side.desk.book
        book.until = side.row.now + 1
        names = frozenset({book.member}) | book.others
        event.joined = Joined(book.state.snapshot(), names, every(book.events.values()), book)
        desk.sides.append((side.desk, taken.sequence - 1 - side.row.sequence))

    # -- comparing -----------------------------------------------------------------------------

    def _compare_rows(
        self, sequence: int, expected: Iterable[tuple[Any, ...]], stored: Iterable[Posting]
    ) -> None:
        """What was posted at a place and what the fold posts there, row by row."""
        left = Counter(_causeless(row) for row in expected)
        unknown = []
        for posting in stored:
            row = _causeless(posting[FIRST:])
            if left[row]:
                left[row] -= 1
            else:
                unknown.append(row)
        missing = list(left.elements())
        for row in unknown:
            twin = next((each for each in missing if _alike(each, row)), None)
            if twin is None:
                self.differ("posting-unexpected", sequence, said_of(row), "nothing",
                            _points(row), self._event_of(row))  # fmt: skip
                continue
            missing.remove(twin)
            if twin[:SEMANTICS_AT] + twin[FUNDER:] == row[:SEMANTICS_AT] + row[FUNDER:]:
                self.differ("posting-semantics", sequence, said_of(row), twin[SEMANTICS_AT],
                            row[SEMANTICS_AT], self._event_of(row))  # fmt: skip
                continue
            for name, one, other in zip(COLUMNS, twin, row, strict=True):
                if one != other:
                    self.differ("posting-changed", sequence, f"{said_of(twin)}: {name}", one,
                                other, self._event_of(row))  # fmt: skip
        for row in missing:
            self.differ("posting-missing", sequence, said_of(row), _points(row), "nothing",
                        self._event_of(row))  # fmt: skip

    def _event_of(self, row: tuple[Any, ...]) -> str:
        return next((e.id for e in self.events if e.sequence == row[0]), "")

    def _compare_balances(self, sums: list[int], balances: list[int], sequence: int = 0) -> None:
        for at, (posted, stands) in enumerate(zip(sums, balances, strict=True)):
            if posted != stands:
                unit = self.running.compiled.program.units[at // 4].name
                kind = "seal-wrong" if sequence else "balance-differs"
                self.differ(kind, sequence, f"{unit} {STAGES[at % 4]}, in steps", posted, stands)

    @property
    def every(self) -> list[Posting]:
        """All that was posted, of those who became the member too."""
        own = [posting for rows in self.postings.values() for posting in rows]
        return own + [posting for side in self.sides.values() for posting in side.every]

    @property
    def holds(self) -> int:
        """How many holds there were, of those who became the member too."""
        own = sum(e.type == "hold" for e in self.events)
        return own + sum(side.holds for side in self.sides.values())

    def _compare_state(self, desk: Desk) -> None:
        """The saved state, what adds up to it, and what is kept beside the events."""
        row, book = self.row, desk.book
        every = self.every
        if row.state is None:
            if every or self.events:
                self.differ("state-differs", 0, "state", "a state", "none")
            return
        try:
            saved = Desk(self.running, row, Found()) if row.layout == self.running.layout else None
            before = saved.balances() if saved else desk_before(desk, row)
        except (ValueError, LookupError, TypeError, msgspec.MsgspecError):
            self.differ("state-differs", 0, "state", "integers of the layout", "something else")
            return
        self._compare_balances(summed(self.running, every), before)
        if self.differences:
            self._look_at_lots(every)
        self._look_at_state(row)
        if saved is not None and pack_bytes(P.pack(book.state)) != row.state:
            compiled = self.running.compiled
            mine = meaning(book.state, compiled)
            theirs = meaning(saved.book.state, compiled)
            names = {slot: name for name, slot in compiled.slots.state.items()}
            for part, one, other in zip(PARTS, mine, theirs, strict=True):
                if one != other:
                    self.differ("state-differs", 0, _where(part, one, other, names),
                                *_first(one, other))  # fmt: skip
        self._compare_row(desk)
        if not self.sealed:
            self._compare_kept(desk)

    def _compare_row(self, desk: Desk) -> None:
        row, book = self.row, desk.book
        found: dict[str, tuple[object, object]] = {
            "sequence": (desk.sequence, row.sequence), "semantics": (SEMANTICS, row.semantics),
        }  # fmt: skip
        if not self.sealed:
            in_history = {id(event) for event in book.history}
            waiting = sum(desk.standing_of(new.event, in_history) == P.WAITING
                          for _, new in self.taken)  # fmt: skip
            found |= {
                "events": (len(self.events), row.events), "holds": (self.holds, row.holds),
                "waiting": (waiting, row.waiting),
                "place": (places(book.last, desk.taken), row.place),
            }  # fmt: skip
        if row.layout == self.running.layout:
            due = unpack_bytes(row.state)[0][K.NEXT_DUE] if row.state else row.next_due
            found["next due"] = (due, row.next_due)
        for name, (one, other) in found.items():
            if one != other:
                self.differ("state-differs", 0, name, one, other)
        if not desk.recorded <= row.recorded <= max(desk.recorded, row.now):
            self.differ("state-differs", 0, "recorded", desk.recorded, row.recorded)

    def _compare_kept(self, desk: Desk) -> None:
        """What the fold made of each event, as later ones left it."""
        in_history = {id(event) for event in desk.book.history}
        for taken, new in self.taken:
            standing = desk.standing_of(new.event, in_history)
            kept = pack_bytes(P.kept(new.event, standing, self.running.budgets))
            stored = taken.changed or taken.kept or EMPTY
            if kept != stored and _placeless(kept) != _placeless(stored):
                self.differ("memory-differs", taken.sequence, "what is kept beside the event",
                            unpack_bytes(kept), unpack_bytes(stored), taken.id)  # fmt: skip

    def _look_at_state(self, row: Member) -> None:
        """What must hold of a saved state whatever the rules are."""
        assert row.state is not None
        _, active, pending, held = unpack_bytes(row.state)
        for what, lots in (("an active lot", active), ("a pending lot", pending)):
            width = K.ACTIVE_LOT if lots is active else K.PENDING_LOT
            for each in lots:
                if any(points < 0 for points in each[width - 1 :: width]):
                    self.differ(
                        "lot-overdrawn", 0, what, "0 or more", min(each[width - 1 :: width])
                    )
        if any(points < 0 for points in held[K.HELD_LOT - 1 :: K.HELD_LOT]):
            self.differ("lot-overdrawn", 0, "a held lot", "0 or more", "less")

    def _look_at_lots(self, postings: Iterable[Posting]) -> None:
        """Lots of which the postings take more than they bring."""
        lots: Counter[tuple[Any, ...]] = Counter()
        for posting in postings:
            row = posting[FIRST:]
            lot = (row[UNIT], row[ENDS], row[FUNDER])
            lots[lot] += (row[CREDIT] == K.AT_ACTIVE) * row[POINTS]
            lots[lot] -= (row[DEBIT] == K.AT_ACTIVE) * row[POINTS]
        for (unit, ends, funder), points in lots.items():
            if points < 0:
                self.differ("lot-overdrawn", 0, f"{unit} that ends at {ends} {funder}".strip(),
                            "0 or more", points)  # fmt: skip


STAGES = ("active", "pending", "held", "debt")
PARTS = ("numbers", "lots", "held")
EMPTY = pack_bytes([])
COLUMNS = (
    "event", "cause", "kind", "unit", "points", "debit", "credit", "backwards", "corrects", "rule",
    "line", "line name", "version", "semantics", "funder", "end of lot", "activation of lot",
    "occurred at", "effective at", "posted at",
)  # fmt: skip


def said_of(row: tuple[Any, ...]) -> str:
    """A posting in a few words."""
    kind = POSTING_KINDS.get(row[KIND], str(row[KIND]))
    rule = f" by {row[RULE]}" if row[RULE] else ""
    return f"{kind}{rule}, {row[UNIT]}"


def _causeless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What made history change is noted with what was not posted before as well, but only where a
    job had brought the member on between; it means something for corrections alone."""
    return row if row[CORRECTS] else (*row[:CAUSE], 0, *row[CAUSE + 1 :])


def _points(row: tuple[Any, ...]) -> str:
    return f"{row[POINTS]} steps"


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two rows differ in so little that one was made of the other."""
    different = [bool(a != b) for a, b in zip(one, other, strict=True)]
    return sum(different) <= 2


def _placeless(kept: bytes) -> list[Any]:
    """Where an event would stand does not matter while it does not stand in history."""
    found: list[Any] = unpack_bytes(kept)
    if len(found) > 8 and found[0] != P.IN_HISTORY:
        found[8] = 0
    while found and not found[-1]:
        found.pop()
    return found


def _short(link: bytes | None) -> str:
    return link.hex()[:16] if link else "none"


def _first(one: Any, other: Any) -> tuple[object, object]:
    """The first places at which two lists differ; both where one is longer."""
    for a, b in zip(one, other, strict=False):
        if a != b:
            return a, b
    return f"{len(one)} entries", f"{len(other)} entries"


def _where(part: str, one: Any, other: Any, names: Mapping[int, str]) -> str:
    if part == "numbers":
        for at, (a, b) in enumerate(zip(one, other, strict=False)):
            if a != b:
                return names.get(at, f"number {at}")
    return part


def summed(running: Running, postings: Iterable[Posting]) -> list[int]:
    """What postings come to: active, pending, held and debt of every unit."""
    units = {unit.name: 4 * unit.index for unit in running.compiled.program.units}
    sums = [0] * (4 * len(units))
    for posting in postings:
        at = units.get(posting[FIRST + UNIT])
        if at is None:
            continue
        points = posting[FIRST + POINTS]
        for account, sign in ((posting[FIRST + DEBIT], -1), (posting[FIRST + CREDIT], 1)):
            if account in STAGE_OF:
                stage = STAGE_OF[account]
                sums[at + stage] += -sign * points if account == K.AT_DEBT else sign * points
    return sums


STAGE_OF = {K.AT_ACTIVE: 0, K.AT_PENDING: 1, K.AT_HELD: 2, K.AT_DEBT: 3}


def desk_before(desk: Desk, row: Member) -> list[int]:
    """The balances of a state in an earlier layout."""
    was, desk.row = desk.row, row
    try:
        return desk.before
    finally:
        desk.row = was
