"""One member on the desk: what was loaded, the book that goes on from it, what is to be written.

Nothing here talks to the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from laurels.base.errors import ensure
from laurels.base.instants import format_instant
from laurels.engine import packed as P
from laurels.engine.book import Decision
from laurels.engine.events import Event, Place
from laurels.engine.join import MERGED as MERGE
from laurels.engine.join import Joined
from laurels.engine.journal import Entry, merged
from laurels.engine.kernel import layout as K
from laurels.engine.resumed import Resumed
from laurels.engine.standing import read_standing
from laurels.ledger.accounts import ACCOUNTS, FLOWS, KINDS
from laurels.service.bodies import pack_bytes, read_rest, unpack_bytes
from laurels.service.programs import Running

ACTIVE, BLOCKED, CLOSED, ERASED, MERGED = range(5)
STANDINGS = ("active", "blocked", "closed", "erased", "merged")


@dataclass(slots=True)
class Member:
    """A row of `members`, with the name from `people`."""

    member: int
    name: str | None
    status: int
    sequence: int
    events: int
    holds: int
    waiting: int
    parked_until: int | None
    now: int
    recorded: int
    next_due: int
    layout: str
    semantics: int
    place: bytes | None
    chain: bytes | None
    state: bytes | None

    @property
    def called(self) -> str:
        """Its external id; a stand-in once that is erased."""
        return self.name if self.name is not None else f"~{self.member}"


class Stored(NamedTuple):
    """An event as it was loaded."""

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


class Start(NamedTuple):
    """A saved state to begin with: of a checkpoint, or nothing at all."""

    following: int
    place: Place | None
    state: bytes | None


@dataclass(slots=True)
class Found:
    """What was loaded of a member besides its row.

    events    by sequence number; waiting: numbers of those that wait
    start     where to begin when what stands before the present state is needed
    corrected what was corrected since then
    absorbed  which of the events are of members who became this one; sides: those members
    """

    events: dict[int, Stored] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    start: Start | None = None
    corrected: list[tuple[Any, ...]] = field(default_factory=list)
    absorbed: dict[int, Absorbed] = field(default_factory=dict)
    sides: dict[int, Side] = field(default_factory=dict)


class Absorbed(NamedTuple):
    """Where an event stands of one who became this member; the place of the merge; what is added
    to the numbers of its holds."""

    member: int
    sequence: int
    place: Place
    shift: int


class Side(NamedTuple):
    """One who became this member, with its whole history. base: where its numbers begin."""

    row: Member
    found: Found
    base: int


@dataclass(slots=True)
class New:
    """An event that is being taken, and what became of it."""

    event: Event
    body: str
    actor: str
    sequence: int
    decision: Decision
    rows: list[tuple[Any, ...]]
    balances: list[int]
    was_parked: bool = False


class Desk:
    """A member, loaded."""

    def __init__(self, running: Running, row: Member, found: Found) -> None:
        self.running = running
        self.row = row
        self.found = found
        self.sides: list[tuple[Desk, int]] = []
        self.touched: list[Desk] = []
        self.gained = [0] * (4 * len(running.compiled.program.units))
        self.sequence = row.sequence
        self.recorded = row.recorded
        self.sequences: dict[int, int] = {}
        self.standing: dict[int, int] = {}
        self.new: list[New] = []
        self.dues: list[tuple[int, list[tuple[Any, ...]]]] = []
        self.overtaken: Place | None = None
        self.resolved: int | None = None
        self.saved: list[int] | None = None
        self.floor, self.taken = _places(row.place)
        self.book = self._open()

    # -- opening -------------------------------------------------------------------------------

    def _open(self) -> Resumed:
        row, found, running = self.row, self.found, self.running
        effects = len(running.compiled.program.effects)
        present = None
        if row.state is not None and row.layout == running.layout:
            present = P.unpack(unpack_bytes(row.state), effects)
            self.saved = self._balances_in(present.s)
        start = found.start
        if start is None:
            book = Resumed(running.compiled, row.called, running.door, present, self.floor,
                           row.now, row.holds, row.events)  # fmt: skip
        else:
            base = P.unpack(unpack_bytes(start.state), effects) if start.state else None
            book = Resumed(running.compiled, row.called, running.door, base, start.place,
                           -K.FAR, row.holds)  # fmt: skip
        self._know(book)
        if row.status == MERGED:
            book.until = row.now + 1
        if start is not None:
            tail = [
                event
                for event in self.events.values()
                if self.standing[id(event)] == P.IN_HISTORY
                and not event.absorbed
                and (start.place is None or event.place > start.place)
            ]
            tail.sort(key=lambda event: event.place)
            book.follow(tail, row.now, present)
            book.journal.given = {_signature(each) for each in found.corrected}
        return book

    def _know(self, book: Resumed) -> None:
        """Bring the loaded events back to what the folds had made of them."""
        self.events: dict[int, Event] = {}
        kept: dict[int, list[Any]] = {}
        for sequence, stored in sorted(self.found.events.items()):
            event = read_stored(self.running, stored, self.row.called)
            kept[sequence] = unpack_bytes(stored.kept) if stored.kept else []
            standing = P.put_back(event, kept[sequence], self.running.budgets)
            if sequence in self.found.absorbed:
                if standing == P.WAITING:
                    continue  # it goes on waiting: what it names has not come to that member
                _, _, event.absorbed, event.shift = self.found.absorbed[sequence]
            elif event.type == MERGE:
                self._join(book, event, stored)
            self.events[sequence] = event
            self.sequences[id(event)] = sequence
            self.standing[id(event)] = standing
        book.know(self.events.values())
        for sequence, event in self.events.items():
            standing = self.standing[id(event)]
            if standing == P.WITHDRAWN:
                book.withdrawn.add(event.key)
            if P.is_early(kept[sequence]):
                target = book.named_by(event)
                if target is not None and target.absorbed is not None:
                    book.stand_at(event, target.absorbed)
            self._tie(book, event, standing, kept[sequence])

    def _tie(self, book: Resumed, event: Event, standing: int, kept: list[Any]) -> None:
        """Tell an event and the one that it names of each other."""
        named = event.pays or (event.refers if event.type in ("return", "withdrawn") else "")
        if not named:
            return
        original = book.find(event.source, named)
        if standing == P.WAITING:
            if event.type == "withdrawn":
                book.withdrawn.add((event.source, event.refers))
            else:
                book.waiting.setdefault(event.refers, []).append(event)
        elif original is not None and event.type != "withdrawn":
            if P.is_early(kept) and original.absorbed is None:
                book.stand_after(event, original)
            P.tie(event, original, kept)
            if event.type == "return" and standing == P.OUT_OF_HISTORY:
                if original.absorbed is None:
                    book.cut(event, original)
                else:
                    self._tell_side(event)

    def _join(self, book: Resumed, event: Event, stored: Stored) -> None:
        """Bring one who became this member to the event of the merge."""
        side = self.found.sides[absorbed_by(stored.body)]
        desk = refolded(self.running, side.row, side.found, side.row.now)
        event.joined = Joined(desk.book.state.snapshot(), side=desk.book)
        book.sides.append((event, desk.book))
        self.sides.append((desk, side.base))

    def _tell_side(self, event: Event) -> None:
        """Tell who became this member of a return as if never bought that came since."""
        for desk, _ in self.sides:
            original = desk.book.find(event.source, event.refers)
            if original is None:
                continue
            desk.book.know([event])
            if original.absorbed is None:
                desk.book.cut(event, original)
            desk._tell_side(event)

    # -- taking --------------------------------------------------------------------------------

    def take(self, event: Event, body: str, actor: str, was_parked: bool = False) -> New:
        """Take an event. Raises Earlier, or RequestError, having changed nothing that is kept."""
        book = self.book
        event.member = book.member
        waiting = list(book.waiting.get(event.id, ()))
        was = book.last
        decision = book.take_event(event)
        self.sequence += 1
        self.sequences[id(event)] = self.sequence
        self.recorded = max(event.recorded, event.acts)
        self.taken = event.place
        if was is not None and (book.last == was or event.place < was):
            self._overtake(event)
        for each in waiting:
            number = self.sequences[id(each)]
            self.resolved = number if self.resolved is None else min(self.resolved, number)
        rows = self._rows_of(decision)
        balances = self.balances()
        new = New(event, body, actor, self.sequence, decision, rows, balances, was_parked)
        self.new.append(new)
        return new

    def _overtake(self, event: Event) -> None:
        """History has changed from some place on: checkpoints from there on are no longer true."""
        place = event.place
        if event.refers:
            target = self.book.find(event.source, event.refers)
            if target is not None and target is not event:
                place = min(place, target.place)
                if target.type == "return":
                    original = self.book.find(target.source, target.refers)
                    place = min(place, original.place) if original is not None else place
        if self.overtaken is None or place < self.overtaken:
            self.overtaken = place

    def advance(self, until: int) -> list[tuple[Any, ...]]:
        """Everything that is due before an instant; the rows that were posted."""
        entries = self.book._advance(until)
        rows = [row for entry in entries for row in self.rows_of(entry)]
        if rows:
            self.sequence += 1
            self.recorded = max(self.recorded, until - 1)
            self.dues.append((self.sequence, rows))
        return rows

    # -- what is to be written -----------------------------------------------------------------

    def _rows_of(self, decision: Decision) -> list[tuple[Any, ...]]:
        """Everything that was posted by a decision. What it changed of one who became this member
        is posted here too, by the numbers that its events go by here."""
        rows = []
        before = decision.before
        for desk, base in self.sides:
            if before is not None and before.journal is desk.book.journal:
                desk.sequences[id(decision.event)] = self.sequences[id(decision.event)] - base
                rows += [
                    (base + row[0], base + row[1] if row[1] else 0, *row[2:])
                    for row in desk._rows_of(before)
                ]
                self.touched += [desk, *desk.touched]
        return rows + [row for entry in decision.entries for row in self.rows_of(entry)]

    def rows_of(self, entry: Entry) -> list[tuple[Any, ...]]:
        """An entry as rows of postings, without member, sequence and number."""
        rows = []
        event = entry.event
        if entry.dues:
            posted = entry.posted if event is None else None
            for record in merged(entry.dues):
                rows.append(self._row(None, record, posted, 0, False, 0))
        for record in merged(entry.records):
            rows.append(self._row(event, record, entry.posted, 0, False, 0))
        for fix in entry.fixes:
            cause = self.sequences[id(entry.cause)]
            rows.append(
                self._row(fix.event, fix.record, entry.posted, fix.points, fix.known, cause)
            )
        return rows

    def _row(
        self,
        event: Event | None,
        record: tuple[int, ...],
        posted: int | None,
        points: int,
        corrects: bool,
        cause: int,
    ) -> tuple[Any, ...]:
        program = self.running.compiled.program
        kind, unit, given, source, target, rule, ends, active, funder, at, line = record[:11]
        if points < 0:
            source, target = target, source
        if event is None:
            version = self.running.compiled.namespace["version_at"](at)
            number = 0
        else:
            version = event.row[K.E_VERSION]
            number = self.sequences[id(event)]
        return (
            number, cause, kind, program.units[unit].name, abs(points) or given, source, target,
            points < 0, corrects, program.effects[rule].rule if rule >= 0 else "", line,
            line_name(event, line), program.versions[version].number, SEMANTICS,
            program.funders[funder], ends, active, event.occurred if event is not None else at,
            at, posted if posted is not None else at,
        )  # fmt: skip

    def balances(self) -> list[int]:
        """Active, pending, held and debt of every unit, in steps."""
        return self._balances_in(self.book.state.s)

    def _balances_in(self, s: Sequence[int]) -> list[int]:
        found: list[int] = []
        count = len(self.running.compiled.program.units)
        for b in range(K.HEAD, K.HEAD + count * K.UNIT, K.UNIT):
            found += s[b + K.U_ACTIVE : b + K.U_DEBT + 1]
        return found

    def standing_of(self, event: Event, in_history: set[int]) -> int:
        """Where an event stands now."""
        if id(event) in in_history:
            return P.IN_HISTORY
        if event.key in self.book.withdrawn:
            return P.WITHDRAWN
        if event.gone:
            return P.GONE
        waits = self.book.waiting.get(event.refers, ()) if event.type == "return" else ()
        if any(each is event for each in waits):
            return P.WAITING
        if event.type == "withdrawn" and self.book.find(event.source, event.refers) is None:
            return P.WAITING
        if self.standing.get(id(event)) == P.IN_HISTORY:
            return P.IN_HISTORY  # it stands before the floor
        return P.OUT_OF_HISTORY

    @property
    def before(self) -> list[int]:
        """The balances that were saved. Unit blocks stand alike in every layout; units that came
        later have none."""
        count = len(self.running.compiled.program.units)
        if self.saved is not None:
            return list(self.saved)
        if self.row.state is None:
            return [0] * (4 * count)
        s, lots, *_ = unpack_bytes(self.row.state)
        blocks = range(K.HEAD, K.HEAD + len(lots) * K.UNIT, K.UNIT)
        found = [points for b in blocks for points in s[b + K.U_ACTIVE : b + K.U_DEBT + 1]]
        return found + [0] * (4 * count - len(found))

    def check(self) -> None:
        """What was saved and the rows that were added say what the state says. Raises Fault."""
        units = self.running.compiled.program.units
        index = {unit.name: 4 * unit.index for unit in units}
        sums = [each + more for each, more in zip(self.before, self.gained, strict=True)]
        every = [row for new in self.new for row in new.rows]
        every += [row for _, rows in self.dues for row in rows]
        for row in every:
            at = index[row[3]]
            points, debit, credit = row[4:7]
            ensure((row[2], debit, credit, row[7]) in LEGAL, f"illegal posting {row}")
            if debit in STAGES:
                place, sign = STAGES[debit]
                sums[at + place] -= sign * points
            if credit in STAGES:
                place, sign = STAGES[credit]
                sums[at + place] += sign * points
        ensure(
            sums == self.balances(),
            f"member {self.row.member}: postings come to {sums}, the state to {self.balances()}",
        )


def refolded(running: Running, row: Member, found: Found, now: int, until: int = K.FAR) -> Desk:
    """A member on whose desk lies the fold of its history as known now: with everything due by
    `now`, and nothing that acts at `until` or later."""
    desk = Desk(running, row, replace(found, start=None))
    book = Resumed(running.compiled, row.called, running.door)
    book.know(desk.events.values())
    tail = [
        event for event in desk.events.values()
        if desk.standing[id(event)] == P.IN_HISTORY and not event.absorbed
    ]  # fmt: skip
    book.follow(sorted(tail, key=lambda event: event.place), now, None, until)
    book.sides, book.merged, book.waiting = desk.book.sides, desk.book.merged, desk.book.waiting
    book.withdrawn, book.cuts = desk.book.withdrawn, desk.book.cuts
    book.journal.given = {_signature(each) for each in found.corrected}
    if row.status == MERGED:
        book.until = row.now + 1
    desk.book = book
    return desk


def absorbed_by(body: str) -> int:
    """Who became another by the event of a merge, of which this is the body."""
    return int(str(read_rest(body)["absorbed"])[1:])


def _legal() -> frozenset[tuple[int, int, int, bool]]:
    """Kind, debit, credit, and whether it runs backwards: then the accounts are turned round."""
    kinds = {name: number for number, name in KINDS.items()}
    accounts = {name: number for number, name in ACCOUNTS.items()}
    forwards = [
        (kinds[kind], accounts[source], accounts[target])
        for kind, flows in FLOWS.items()
        for source, target in flows
    ]
    return frozenset(
        move
        for kind, source, target in forwards
        for move in ((kind, source, target, False), (kind, target, source, True))
    )


LEGAL = _legal()
STAGES = {K.AT_ACTIVE: (0, 1), K.AT_PENDING: (1, 1), K.AT_HELD: (2, 1), K.AT_DEBT: (3, -1)}
"""Accounts of a member: where they stand among a unit's balances, and their sign."""
SEMANTICS = 1


def line_name(event: Event | None, line: int) -> str:
    """The line that a posting is about, in the sender's words."""
    if line < 0 or event is None:
        return ""
    return str(event.raw.get("line") or line + 1)


def read_stored(running: Running, stored: Stored, name: str) -> Event:
    """A stored event through the door again."""
    raw = read_rest(stored.body)
    raw["id"], raw["source"], raw["member"] = stored.id, stored.source, name
    raw["type"], raw["occurred_at"] = stored.type, format_instant(stored.occurred_at)
    return read_standing(running.door, raw, stored.recorded_at)


def _signature(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a corrected posting was, in the words of `Resuming.signature`."""
    (
        _,
        source,
        identity,
        kind,
        unit,
        debit,
        credit,
        backwards,
        rule,
        ends,
        active,
        funder,
        at,
        line,
    ) = row
    if backwards:
        debit, credit = credit, debit
    key = (source, identity) if identity is not None else None
    return (key, kind, unit, debit, credit, rule, ends, active, funder, at, line)


def _places(packed: bytes | None) -> tuple[Place | None, Place | None]:
    """The place that the state stands at, and that of the event taken last."""
    if packed is None:
        return None, None
    floor, taken = unpack_bytes(packed)
    return (tuple(floor) if floor else None), (tuple(taken) if taken else None)


def places(floor: Place | None, taken: Place | None) -> bytes:
    """The other way round."""
    return pack_bytes([floor, taken])
