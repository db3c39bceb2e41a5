"""A history through a program: events in, books of every member out.

    replay()       the run itself
    Result         what came of it: totals, and lists of what was not taken
    pooled         programs in which members touch each other: budgets over all, transfers

Two ways to run a history. *Net*, the usual one: each event at the instant at which it acts, as if
everything had been learned at once, so nothing is ever corrected. *As recorded*: each event when
it was learned of, late ones and returns as corrections of what had been posted before.

A member is folded alone, from the first event to the last, and handed on: its book is not kept.
Only where members touch each other do all books stay open until the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from laurels.base.errors import LaurelsError, RequestError
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal, parse_decimal
from laurels.engine.book import REFUSALS, Book
from laurels.engine.compiled import Compiled
from laurels.engine.door import door_of, text
from laurels.engine.events import Event, Raw
from laurels.engine.history import ASKS
from laurels.engine.join import MERGED
from laurels.engine.kernel import layout as K
from laurels.engine.kernel.layout import FAR, NEVER
from laurels.engine.merge import meet
from laurels.ledger.postings import Posting
from laurels.program.growth import METRIC_BOUND
from laurels.replay.pooled import Pool, is_pooled
from laurels.replay.raw import Cut, Events, Place, Refused, Report, Waiting
from laurels.replay.saved import Standing, standing
from laurels.replay.tally import Tally
from laurels.replay.values import Rejected, shown

if TYPE_CHECKING:
    from laurels.replay.states import Keeper

Progress = Callable[[int, int], None]
Request = tuple[str, str, str]
"""Member, source and id of an event that asks for something."""

Sink = Callable[[Book, Sequence[Posting]], None]
"""Takes a member's finished book and its postings, members in the order of their ids."""

BOUNDLESS = frozenset({NEVER, FAR, -FAR})
"""Numbers of a state that stand for no number."""
TELL_EVERY = 200
"""Events between two words about progress."""


@dataclass
class Result:
    """What came of a run.

    until   just before this instant the books stand; None when there was no event at all
    events  counts by what became of them: taken, refused, duplicate, waiting, ignored, rejected,
            and `later`: at or after `until`, not looked at; of those taken, `cut`: returns of
            more than was left
    reasons why requests were refused, counted also where they are not listed
    decided what was decided of each request: 1 accepted, 2 refused, and the points of it in
            steps, by (member, source, id)
    digest  of the rows that the run left (see ``laurels.replay.digest``)
    since   the instant of the states that it went on from, and how many members were folded again
            from their first event; None where it began with nothing
    outcomes how many requests that `decided` does not name were accepted (1) and refused (2)
    open    members of whom an event occurred before the end and acts after it
    """

    program: Compiled
    as_recorded: bool
    until: int | None
    tally: Tally
    events: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    cut: list[Cut] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    decided: dict[Request, tuple[int, int]] = field(default_factory=dict)
    report: Report | None = None
    digest: dict[str, str | None] | None = None
    since: tuple[int, int] | None = None
    open: set[str] = field(default_factory=set)
    outcomes: Counter[int] = field(default_factory=Counter)

    def absorb(self, other: Result, sign: int = 1) -> None:
        """Add what came of other members, or (-1) take the counts of it away again."""
        self.tally.absorb(other.tally, sign)
        for name in ("events", "ignored", "reasons", "outcomes"):
            mine = getattr(self, name)
            for key, value in getattr(other, name).items():
                mine[key] += sign * value
                if not mine[key]:
                    del mine[key]
        if sign < 0:
            return
        for name in ("rejected", "waiting", "refused", "cut"):
            getattr(self, name).extend(getattr(other, name))
        self.decided |= other.decided

    def refuse(self, item: Item) -> None:
        """List a request that was refused, and count it."""
        self.refused.append(refused_of(item))
        self.reasons[self.refused[-1].reason] += 1
        self.events["refused"] += 1

    def decide(self, member: str, event: Event, points: int) -> None:
        """Note what was decided of a request."""
        key = (member, event.source, event.id)
        self.decided[key] = (2 if event.refusal else 1, points)

    def cut_down(self, item: Item, taken: int) -> None:
        """List a return, of which so much was taken, where that is less than it says."""
        exponent = self.program.program.exponent
        asked = asked_of(item.event, exponent)
        if taken < asked:
            self.cut.append(cut_of(item, asked, taken, exponent))
            self.events["cut"] += 1

    def wait(self, item: Item) -> None:
        """List an event that waits, and count it."""
        self.waiting.append(waiting_of(item))
        self.events["waiting"] += 1


@dataclass(slots=True)
class Item:
    """An event that passed the door, and where it stands in the input."""

    event: Event
    place: Place
    moment: int


def replay(
    program: Compiled,
    events: Events | Iterable[Raw],
    until: int | None = None,
    as_recorded: bool = False,
    progress: Progress | None = None,
    sink: Sink | None = None,
    only: str | None = None,
    keep: Keeper | None = None,
) -> Result:
    """Run a history. Members are handed to ``sink`` one by one, with their postings.

    until        books stand just before this instant; without it, just after the last event
    as_recorded  each event when it was learned of, corrections shown; else net
    progress     is told (events done, events in all) now and then
    only         one member: the others are read, and run only where members touch each other
    keep         takes where each member stands at the end

    A bad event is listed in ``Result.rejected`` and the rest goes on. Raises Fault when the books
    do not add up.
    """
    run = Run(program, as_recorded, progress, sink)
    run.keep = keep
    run.read(events)
    run.fold(until, only)
    return run.result


class Run:
    """One run: members are read, folded and closed, and what came of them added up."""

    def __init__(
        self, program: Compiled, as_recorded: bool, progress: Progress | None, sink: Sink | None
    ) -> None:
        self.program = program
        self.as_recorded = as_recorded
        self.door = door_of(program)
        self.members: dict[str, list[Item]] = {}
        self.result = Result(program, as_recorded, None, Tally(program))
        self.since: Standing | None = None
        """Where the book that is folded began."""
        self.keep: Keeper | None = None
        self._progress = progress
        self._sink = sink
        self._done = self._all = 0

    # -- reading -------------------------------------------------------------------------------

    def read(self, events: Events | Iterable[Raw]) -> None:
        """Bring every event through the door, member by member."""
        bodies: Iterable[Raw] = events
        places: Iterable[Place] = (Place("", row) for row in count(1))
        if isinstance(events, Events):
            places = events.places
            self.result.report = events.report
            self.result.rejected += events.report.rejected
            for name in events.report.members:
                self.members.setdefault(name, [])
        for raw, place in zip(bodies, places, strict=False):
            member = member_of(raw)
            if member is not None:
                self.members.setdefault(member, [])
            try:
                event = self.door.read(raw)
            except RequestError as error:
                reject(self.result, raw, place, error)
                continue
            if not self.as_recorded:
                event.recorded = event.acts
            self.members[event.member].append(Item(event, place, max(event.acts, event.recorded)))
            self._all += 1

    # -- folding -------------------------------------------------------------------------------

    def fold(self, until: int | None, only: str | None = None) -> None:
        """Fold every member up to an instant, or to just after the last event."""
        moments = [item.moment for items in self.members.values() for item in items]
        if until is None and moments:
            until = max(moments) + 1
        self.result.until = until
        for items in self.members.values():
            items.sort(key=order_of)
        if is_pooled(self.program, (i.event for items in self.members.values() for i in items)):
            if self.keep is not None:
                raise shared("members became one, or share what they have")
            self._fold_together(until, only)
        else:
            if only is not None:
                self.members = {only: self.members.get(only, [])}
                self._all = len(self.members[only])
            self._fold_apart(until)
        self.result.rejected.sort(key=lambda each: (each.file, each.row))
        if self._progress is not None:
            self._progress(self._all, self._all)

    def _fold_apart(self, until: int | None) -> None:
        for member in sorted(self.members):
            items = self.members.pop(member)
            book = Book(self.program, member, self.door)
            if not self.as_recorded:
                book.foresee([i.event for i in items if until is None or i.moment < until])
            for item in items:
                self.take(book, item, until)
            self.close(book, items, until)

    def _fold_together(self, until: int | None, only: str | None) -> None:
        """All members in one pass in order of time: they share budgets, give to each other, or
        become one."""
        books = {member: Book(self.program, member, self.door) for member in self.members}
        told = {
            item.event.key for items in self.members.values() for item in items
            if item.event.type == "transfer_received"
        }  # fmt: skip
        became: dict[str, str] = {}
        pool = Pool(self.program)
        everything = [item for items in self.members.values() for item in items]
        everything.sort(key=order_of)
        for item in everything:
            pool.prepare(item.event)
            member = item.event.member
            while member in became:
                member = became[member]
            if member != item.event.member:
                self.members[item.event.member].remove(item)
                self.members[member].append(item)
            if item.event.type == MERGED and not self._meet(books, became, item, until):
                continue
            if self.take(books[member], item, until):
                pool.settle(item.event)
                gift = pool.gift_of(item.event)
                if gift is not None and (item.event.source, gift["id"]) not in told:
                    self._give(books, Item(self.door.read(gift), item.place, item.moment), until)
        for member in sorted(self.members if only is None else {only} & self.members.keys()):
            self.close(books.pop(member), self.members.pop(member), until)

    def _meet(
        self, books: dict[str, Book], became: dict[str, str], item: Item, until: int | None
    ) -> bool:
        """Bring the two members of a merge together; whether it can be taken."""
        event = item.event
        other = str(event.raw.get("absorbed") or "")
        if until is not None and item.moment >= until:
            return True
        if other not in books or other == event.member or other in became:
            error = RequestError("member-unknown", "there is no such member", where="absorbed")
            reject(self.result, event.raw, item.place, error)
            return False
        try:
            meet(books[event.member], books[other], event)
        except RequestError as error:
            reject(self.result, event.raw, item.place, error)
            return False
        became[other] = event.member
        return True

    def _give(self, books: dict[str, Book], item: Item, until: int | None) -> None:
        """The other side of a transfer, at the same instant."""
        event = item.event
        if event.member not in books:
            books[event.member] = Book(self.program, event.member, self.door)
            self.members[event.member] = []
        if not self.as_recorded:
            event.recorded = event.acts
        self.members[event.member].append(item)
        self._all += 1
        self.take(books[event.member], item, until)

    def take(self, book: Book, item: Item, until: int | None) -> bool:
        """Take an event; whether it was taken and not refused."""
        self._done += 1
        if self._progress is not None and self._done % TELL_EVERY == 0:
            self._progress(self._done, self._all)
        event = item.event
        events = self.result.events
        if until is not None and item.moment >= until:
            events["later"] += 1
            if event.occurred < until:
                self.result.open.add(event.member)
            return False
        try:
            status = book.take_event(event).status
        except RequestError as error:
            reject(self.result, event.raw, item.place, error)
            return False
        except LaurelsError as error:
            error.add_note(f"member {book.member}, event {event.id}")
            raise
        if status == "duplicate":
            events["duplicate"] += 1
        elif status == "ignored":
            self.result.ignored[event.type] += 1
        return status == "taken"

    # -- closing -------------------------------------------------------------------------------

    def close(self, book: Book, items: Sequence[Item], until: int | None) -> None:
        """Bring a member to the end, add it up, and hand it on."""
        result = self.result
        if until is not None:
            book.advance(until)
        check_size(book)
        taken = []
        lost = {id(each) for named in book.waiting.values() for each in named
                if each.key not in book.withdrawn}  # fmt: skip
        for item in items:
            event = item.event
            if book.find(event.source, event.id) is not event:
                continue  # a duplicate, a conflict, or later than the end
            if event.type in ASKS:
                result.decide(book.member, event, event.row[K.E_POINTS])
            if id(event) in lost or _withdraws_nothing(book, event):
                result.wait(item)
            elif event.refusal:
                result.refuse(item)
            elif event.row[0] or event.type in self.program.program.events:
                taken.append(event)
                result.events["taken"] += 1
                if event.type == "return" and event.key not in book.withdrawn:
                    result.cut_down(item, event.returned)
            elif event.joined is not None:
                result.events["taken"] += 1
            else:
                result.events["ignored"] += 1
        postings = list(book.postings() if self.as_recorded else book.net_postings())
        result.tally.add(book, taken, postings, until, self.since)
        if self.keep is not None:
            row = standing(book, postings, self.since).row()
            self.keep.take_row(book.member, row)
        if self._sink is not None:
            self._sink(book, postings)


def shared(what: str) -> RequestError:
    """States are of members who never touch each other."""
    return RequestError(
        "states-shared",
        f"a replay from or to saved states is of members each alone: {what}",
        expected="a replay of the whole history",
    )


def reject(result: Result, raw: Raw, place: Place, error: RequestError) -> None:
    """List an event that was not taken."""
    result.events["rejected"] += 1
    value = shown(raw.get(error.where)) if error.where else ""
    result.rejected.append(
        Rejected(place.file, place.row, error.where, error.code, error.expected, value)
    )


def check_size(book: Book) -> None:
    """Raises RequestError where a number of the state is beyond what the lint takes for granted:
    whoever computes with 64 bits could not be trusted any further."""
    large = max((abs(each) for each in book.state.s if each not in BOUNDLESS), default=0)
    if large > METRIC_BOUND:
        raise RequestError(
            "sum-too-large",
            f"points or metrics of member `{book.member}` add up to {large:,}",
            where="amount",
            expected=f"at most {METRIC_BOUND:,} of the smallest units in a life",
            hint="look for amounts in the wrong unit, or for a member that stands for many",
        )


def order_of(item: Item) -> tuple[int, tuple[object, ...]]:
    """The order in which events are taken: when they are learned of, then as they act."""
    return item.moment, item.event.place


def member_of(raw: Raw) -> str | None:
    """The member of an event, right or wrong; None where even that cannot be read."""
    try:
        return text(raw.get("member"), "member")
    except RequestError:
        return None


def _withdraws_nothing(book: Book, event: Event) -> bool:
    """A withdrawal whose target has not come."""
    return event.type == "withdrawn" and book.find(event.source, event.refers) is None


def waiting_of(item: Item) -> Waiting:
    """An event that waits, for the list of those."""
    event = item.event
    return Waiting(
        item.place.file, item.place.row, event.id, event.member, event.type,
        format_instant(event.occurred), event.refers,
    )  # fmt: skip


def asked_of(event: Event, exponent: int) -> int:
    """What a return says that it gives back, in minor units; 0 where it says nothing: it is of
    all that is left."""
    amount = event.raw.get("amount")
    return 0 if amount is None or amount == "" else parse_decimal(amount, exponent)


def cut_of(item: Item, asked: int, taken: int, exponent: int) -> Cut:
    """A return of more than was left, for the list of those."""
    event = item.event
    return Cut(
        item.place.file, item.place.row, event.id, event.member, format_instant(event.occurred),
        event.refers, format_decimal(asked, exponent), format_decimal(taken, exponent),
    )  # fmt: skip


def refused_of(item: Item) -> Refused:
    """A request that was refused, for the list of those."""
    event = item.event
    return Refused(
        item.place.file, item.place.row, event.id, event.member, event.type,
        format_instant(event.occurred), shown(event.raw.get("unit")),
        shown(event.raw.get("points")), REFUSALS[event.refusal],
    )  # fmt: skip


def member_row(book: Book) -> Mapping[str, object]:
    """A member as a row of ``members.parquet``; points in steps, instants in microseconds. One
    who became another has nothing any more."""
    row: dict[str, object] = {"member": book.member}
    if book.ended:
        book = Book(book.compiled, book.member, book.door)
    for unit in book.compiled.program.units:
        balance = book.balance(unit.name)
        for stage in ("active", "pending", "held", "debt"):
            row[f"{stage}_{unit.name}"] = int(getattr(balance, stage).scaleb(unit.scale))
    for ladder in book.compiled.program.ladders:
        level = book.level(ladder.name)
        row[f"tier_{ladder.name}"] = level.name
        row[f"tier_{ladder.name}_until"] = level.until
    row["next_expiry"] = book.next_expiry()
    return row


def posting_row(posting: Posting, scale: int, net: bool) -> Mapping[str, object]:
    """A posting as a row of ``postings.parquet``. In a net run it is posted when it takes
    effect: nothing was learned later."""
    return {
        "posting": posting.id,
        "member": posting.member,
        "event": posting.event or None,
        "line": posting.line or None,
        "kind": posting.kind,
        "unit": posting.unit,
        "points": int(posting.points.scaleb(scale)),
        "from_account": posting.from_account,
        "to_account": posting.to_account,
        "rule": posting.rule or None,
        "version": str(posting.version),
        "funder": posting.funder or None,
        "occurred_at": posting.occurred_at,
        "effective_at": posting.effective_at,
        "posted_at": posting.effective_at if net else posting.posted_at,
        "active_at": posting.active_at,
        "expires_at": posting.expires_at,
        "lot": posting.lot or None,
        "corrects": posting.corrects or None,
    }
