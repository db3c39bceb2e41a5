"""Explanations: why an event gave what it gave, where a posting comes from, a member's history.

A book is folded again with tracing on, its events in the order in which they arrived, so what is
shown is what was known when it was posted. Every explanation computes to its posting.

    explain_event(book, "17").as_data()
    sentences(explain_posting(book, posting.id), "ru")
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from laurels.base.errors import RequestError
from laurels.engine.book import Book
from laurels.engine.events import Event, Key
from laurels.engine.explained import (
    Correction,
    Drawn,
    EventSeen,
    LevelSeen,
    Reason,
    ReturnSeen,
    RuleSeen,
    SpendingSeen,
)
from laurels.engine.explanations import (
    BalanceSeen,
    EndSeen,
    EventExplanation,
    MemberExplanation,
    Moment,
    PostingExplanation,
    PostingSeen,
    StandingSeen,
)
from laurels.engine.journal import Fix, Record, merged, records
from laurels.engine.kernel import layout as K
from laurels.engine.levels_seen import levels_of_due, levels_of_event
from laurels.engine.narrator import Decided, Narrator
from laurels.engine.rules_seen import RulesSeen, elsewhere, reason_of
from laurels.engine.sight import NO_RAW, Sight, decimal
from laurels.engine.spending_seen import MOVERS, kept, spending_seen
from laurels.ledger.postings import Posting

SOURCES = frozenset({"earned", "adjusted", "transferred"})


@dataclass(frozen=True)
class Located:
    """A posting with its place in the journal."""

    entry: int
    fold: int
    event: Event | None
    record: Record
    fix: Fix | None
    posting: Posting


class Explainer:
    """Explains one book. Folds it once; `wanted` keeps the tracing to these events."""

    def __init__(self, book: Book, wanted: Collection[Key] | None = None) -> None:
        self.book = book
        self.compiled = book.compiled
        self.program = book.compiled.program
        self.narrator = Narrator(book.compiled, book.member, wanted)
        self.narrator.others = book.others
        self.narrator.tell(book.arrivals)
        if book.now > self.narrator.now:
            self.narrator.advance(book.now + 1)
            self.narrator.causes += [-1] * (
                len(self.narrator.journal.entries) - len(self.narrator.causes)
            )
        self.located = list(self._locate())
        self.by_id: dict[str, Located] = {}
        self.by_entry: dict[int, list[Located]] = {}
        for each in self.located:
            self.by_entry.setdefault(each.entry, []).append(each)
            self.by_id.setdefault(each.posting.id, each)
        self.titles = {
            name: unit.title or name for name, unit in self.program.document.units.items()
        }

    def _locate(self) -> Iterator[Located]:
        journal = self.narrator.journal
        for number, entry in enumerate(journal.entries):
            fold = self.narrator.causes[number]
            own = entry.posted if entry.event is None else None
            for event, flat, posted in (
                (None, entry.dues, own), (entry.event, entry.records, entry.posted)
            ):  # fmt: skip
                for record in merged(flat):
                    posting = journal.posting(event, record, posted)
                    yield Located(number, fold, event, record, None, posting)
            for fix in entry.fixes:
                posting = journal.posting(fix.event, fix.record, entry.posted, fix, entry.cause)
                yield Located(number, fold, fix.event, fix.record, fix, posting)

    # -- shared --------------------------------------------------------------------------------

    def event_seen(self, event: Event) -> EventSeen:
        """An event in words."""
        declared = self.program.document.events.get(event.type)
        amount = None
        if event.amounts or event.raw.get("amount") not in (None, ""):
            kind = self.program.events.get(event.type)
            if kind is not None and kind.amount != "none":
                steps = sum(event.amounts) if event.amounts else event.row[K.E_AMOUNT]
                amount = decimal(steps, self.program.exponent)
        return EventSeen(
            event.id, event.source, event.type, declared.title if declared else "",
            event.occurred, event.recorded, event.acts,
            None if event.type == "return" else amount, event.refers or event.pays,
        )  # fmt: skip

    def sight(self, event: Event | None, decided: Decided, early: bool = False) -> Sight:
        """What a decision could see; ``early``: before the event counted itself."""
        seen = bool(decided.seen) and not early
        row = decided.seen_row if seen else decided.row
        index = decided.version if seen else row[K.E_VERSION]
        paid = None
        reference = decided.reference
        if reference is not None:
            paid = reference.type, reference.raw, decided.reference_row
        return Sight(
            self.compiled, self.program.versions[index],
            decided.seen if seen else decided.state,
            event.type if event else "birthday", row, event.raw if event else NO_RAW,
            decided.lines, decided.member, paid,
        )  # fmt: skip

    def rules(self, event: Event | None, decided: Decided | None) -> tuple[RuleSeen, ...]:
        """Every rule of a decision."""
        if decided is None or not decided.seen:
            return ()
        return RulesSeen(self.narrator.journal, self.sight(event, decided), decided).all()

    def rule(self, located: Located, decided: Decided | None) -> RuleSeen | None:
        """The rule that a posting came from, in one decision about its event."""
        if decided is None or not decided.seen or located.record[K.R_RULE] < 0:
            return None
        seen = RulesSeen(self.narrator.journal, self.sight(located.event, decided), decided)
        return seen.one(located.record[K.R_RULE])

    def drawn(self, each: Located) -> Drawn:
        """A posting as part of a movement."""
        posting = each.posting
        return Drawn(
            posting.id,
            posting.kind,
            posting.unit,
            posting.points,
            posting.lot,
            posting.expires_at,
            posting.funder,
        )

    def returned(self, event: Event, decided: Decided | None) -> ReturnSeen | None:
        """What a return took back of its event."""
        original = self.narrator.find(event.source, event.refers)
        if event.type != "return" or original is None or original.type == "return":
            return None
        line = str(event.raw.get("line") or "")
        exponent = self.program.exponent
        if decided is None:
            policy = self.program.versions[event.row[K.E_VERSION]].returns
            if policy != "as_if_never_bought":
                return None
            amount = decimal(event.returned, exponent)
            return ReturnSeen(self.event_seen(original), policy, amount, line, ())
        policy = self.program.versions[decided.row[K.E_VERSION]].returns
        sight = self.sight(event, decided, early=True)
        grants = tuple(kept(sight, decided, policy, original.line_names))
        return ReturnSeen(
            self.event_seen(original), policy, decimal(decided.returned, exponent), line, grants
        )

    def spending(self, event: Event | None, decided: Decided | None) -> SpendingSeen | None:
        """A request to spend as it was decided."""
        if event is None or decided is None or event.type not in MOVERS:
            return None
        return spending_seen(self.sight(event, decided, early=True), decided)

    # -- events --------------------------------------------------------------------------------

    def event(self, identity: str, source: str = "") -> EventExplanation:
        """What became of an event. Raises RequestError when the book does not know it."""
        event = self.narrator.find(source, identity)
        if event is None:
            raise RequestError(
                "event-unknown",
                f"the book knows no event `{identity[:40]}`",
                where="event",
                expected="the id of an event of this member",
            )
        decided = self.narrator.decided(event)
        rules = self.rules(event, decided)
        index = decided.row[K.E_VERSION] if decided else event.row[K.E_VERSION]
        version = self.program.versions[index]
        others = elsewhere(self.sight(event, decided), event.recorded) if decided else ()
        status = self.status(event)
        return EventExplanation(
            self.program.name, self.program.zone, self.program.currency, self.program.exponent,
            self.event_seen(event), status, version.number,
            " ".join(self.program.document.versions[index].note.split()),
            self.start(index), rules, others, self.reason(event, status, rules, others),
            self.spending(event, decided), self.returned(event, decided),
            tuple(self._own(event)), tuple(self._others(event)),
            self.levels(decided, index), tuple(self._revisions(event)), self.titles,
        )  # fmt: skip

    def start(self, index: int) -> int | None:
        """Since when a version is in force; None: since ever."""
        given = self.program.document.versions[index].effective_from
        return self.program.versions[index].effective_from if given else None

    def status(self, event: Event) -> str:
        """taken, refused, waiting, ignored or withdrawn."""
        narrator = self.narrator
        if event.key in narrator.withdrawn:
            return "withdrawn"
        if any(event in waiting for waiting in narrator.waiting.values()):
            return "waiting"
        status = narrator.answers[event.key].status
        return "taken" if status == "waiting" else status

    def reason(
        self, event: Event, status: str, rules: tuple[RuleSeen, ...], others: tuple[object, ...]
    ) -> Reason | None:
        """Why an event earned nothing; None where that is no question."""
        if status == "refused":
            return Reason("refused")
        if status in ("waiting", "ignored") or (status == "withdrawn" and not rules):
            return Reason({"ignored": "unread"}.get(status, status))
        kind = self.program.events.get(event.type)
        earns = kind is not None and kind.amount != "none" and event.type not in (
            *MOVERS, "return", "withdrawn", "adjustment", "transfer_received"
        )  # fmt: skip
        return reason_of(rules, others) if rules or earns else None  # type: ignore[arg-type]

    def levels(self, decided: Decided | None, version: int) -> tuple[LevelSeen, ...]:
        """The levels that an event raised."""
        if decided is None:
            return ()
        return tuple(levels_of_event(self.compiled, decided.records, decided.after, version))

    def _own(self, event: Event) -> Iterator[Drawn]:
        """What was posted of an event when it was first decided."""
        known = self.narrator.decisions.get(event.key)
        if known:
            for each in self.located:
                if each.event is event and each.fold == known[0][0]:
                    yield self.drawn(each)

    def _others(self, event: Event) -> Iterator[Drawn]:
        """What an event changed of what had been posted for others."""
        for each in self.located:
            if each.fix is not None and self._by(each) is event and each.event is not event:
                yield self.drawn(each)

    def _by(self, each: Located) -> Event | None:
        return self.narrator.acting[each.fold] if each.fold >= 0 else None

    def _revisions(self, event: Event) -> Iterator[Correction]:
        for each in self.located:
            if each.event is event and each.fix is not None and self._by(each) is not event:
                found = self.correction(each)
                if found is not None:
                    yield found

    # -- postings ------------------------------------------------------------------------------

    def find(self, identity: str) -> Located:
        """A posting by its id. Raises RequestError."""
        found = self.by_id.get(identity)
        if found is None:
            known = next((p for p in self.book.postings() if p.id == identity), None)
            if known is not None:
                found = next((each for each in self.located if _same(each.posting, known)), None)
        if found is None:
            raise RequestError(
                "posting-unknown",
                f"there is no posting `{identity[:80]}`",
                where="posting",
                expected="the id of a posting of this member",
            )
        return found

    def posting(self, identity: str) -> PostingExplanation:
        """A posting's derivation. Raises RequestError when there is no such posting."""
        return self.explained(self.find(identity))

    def explained(self, each: Located) -> PostingExplanation:
        """A located posting's derivation."""
        event, posting = each.event, each.posting
        correction = self.correction(each)
        decided = self._decided(each)
        index = next(v.index for v in self.program.versions if v.number == posting.version)
        rule = self.rule(each, decided) if posting.kind == "earned" else None
        returned = self.returned(event, decided) if event is not None else None
        seen = PostingSeen(
            posting.id, posting.kind, posting.unit, posting.points, posting.from_account,
            posting.to_account, posting.rule, posting.version, posting.funder,
            posting.effective_at, posting.posted_at, posting.active_at, posting.expires_at,
            posting.lot, posting.line, posting.corrects,
        )  # fmt: skip
        return PostingExplanation(
            self.program.name, self.program.zone, self.program.currency, self.program.exponent,
            seen, self.event_seen(event) if event else None,
            " ".join(self.program.document.versions[index].note.split()),
            None if correction else rule, self.spending(event, decided),
            None if correction else returned,
            tuple(self.drawn(other) for other in self.by_entry[each.entry]
                  if _together(each, other)),
            tuple(self._sources(each)), correction, self.titles, self._asked(event),
            *self._lot_before(each),
        )  # fmt: skip

    def _asked(self, event: Event | None) -> Decimal | None:
        """The points that an adjustment, or a transfer from another member, was to move."""
        if event is None or event.type not in ("adjustment", "transfer_received"):
            return None
        return decimal(event.asked, self.program.units[event.row[K.E_UNIT]].scale)

    def _lot_before(self, each: Located) -> tuple[Decimal | None, Decimal | None]:
        """What had come to the lot of active points that expires, and what had left it before.

        A merge brings points without a posting: there it is not known.
        """
        posting = each.posting
        if posting.kind != "expired" or posting.from_account != "member:active" or (
            self.book.sides or any(event.joined for event in self.book.arrivals)
        ):  # fmt: skip
            return None, None
        came = left = Decimal(0)
        for other in self.located:
            if other.entry > each.entry:
                break
            # a hold that lapses at that instant comes to the lot, and expires with it
            earlier = other.entry < each.entry or other.record[K.R_AT] <= each.record[K.R_AT]
            if other is not each and earlier and _lot(other.posting) == _lot(posting):
                came += other.posting.points * (other.posting.to_account == "member:active")
                left += other.posting.points * (other.posting.from_account == "member:active")
        return came, left

    def _decided(self, each: Located) -> Decided | None:
        """The decision that a posting records, as it was when it was posted."""
        if each.event is not None:
            return self.narrator.decided(each.event, each.fold)
        due = self.narrator.due(each.record[K.R_AT], each.fold if each.fold >= 0 else None)
        return due.decided if due else None

    def _sources(self, each: Located) -> Iterator[Drawn]:
        """The postings that had filled the lot that a posting took from or moved."""
        posting = each.posting
        if posting.kind in ("earned", "debt", "waived") or not posting.lot:
            return
        for other in self.located:
            if other.entry > each.entry:
                return
            same = _lot(other.posting) == _lot(posting) and other.fix is None
            earlier = other.record[K.R_AT] <= each.record[K.R_AT] and other is not each
            if same and earlier and other.posting.kind in SOURCES and (
                other.posting.to_account.startswith("member:")
            ):  # fmt: skip
                yield self.drawn(other)

    def correction(self, each: Located) -> Correction | None:
        """Why a posting corrects; None when it does not."""
        by = self._by(each)
        if each.fix is None or by is None or each.event is by:
            return None
        base = each.posting.corrects or each.posting.id
        step = Decimal(each.fix.points).scaleb(-self.program.units[each.record[K.R_UNIT]].scale)
        was = Decimal(0)
        for other in self.located:
            if other is each:
                break
            if (other.posting.corrects or other.posting.id) == base:
                back = other.fix is not None and other.fix.points < 0
                was += -other.posting.points if back else other.posting.points
        before, after = self._decisions(each)
        earned = each.posting.kind == "earned"
        return Correction(
            self._code(by), self.event_seen(by), each.posting.posted_at, each.posting.corrects,
            self.rule(each, before) if earned else None,
            self.rule(each, after) if earned else None, was, was + step,
        )  # fmt: skip

    def _decisions(self, each: Located) -> tuple[Decided | None, Decided | None]:
        """The decision before the fold that made a correction, and the one after."""
        narrator, fold = self.narrator, each.fold
        if each.event is not None:
            return narrator.decided(each.event, fold - 1), narrator.decided(each.event, fold)
        at = each.record[K.R_AT]
        before, after = narrator.due(at, each.fold - 1), narrator.due(at, each.fold)
        return before.decided if before else None, after.decided if after else None

    def _code(self, by: Event) -> str:
        """What changed history: return, return-withdrawn, withdrawn, late."""
        if by.type == "withdrawn":
            target = self.narrator.find(by.source, by.refers)
            back = target is not None and target.type == "return"
            return "return-withdrawn" if back else "withdrawn"
        return "return" if by.type == "return" else "late"

    # -- the member ----------------------------------------------------------------------------

    def member(self) -> MemberExplanation:
        """A member's history, readable."""
        active: dict[str, Decimal] = {}
        moments = []
        for posting in self.book.postings():
            into = posting.to_account == "member:active"
            out = posting.from_account == "member:active"
            change = posting.points * (into - out)
            active[posting.unit] = active.get(posting.unit, Decimal(0)) + change
            declared = self.program.document.events
            event = self.book.find("", posting.event) if posting.event else None
            title = declared[event.type].title if event and event.type in declared else ""
            moments.append(
                Moment(posting.posted_at, posting.id, posting.kind, posting.event,
                       title or (event.type if event else ""), posting.rule, posting.unit,
                       change, posting.points, active[posting.unit], posting.corrects)
            )  # fmt: skip
        book = self.book
        balances = []
        ends: dict[tuple[int, str], Decimal] = {}
        for unit in self.program.units:
            now = book.balance(unit.name)
            balances.append(BalanceSeen(unit.name, now.active, now.pending, now.held, now.debt))
            for lot in book.lots(unit.name):
                if lot.expires_at is not None and lot.active_at is None:
                    key = (lot.expires_at, unit.name)
                    ends[key] = ends.get(key, Decimal(0)) + lot.points
        standing = tuple(
            StandingSeen(each.name, book.level(each.name).name or "", book.level(each.name).until)
            for each in self.program.ladders
        )
        return MemberExplanation(
            self.program.name, book.member, self.program.zone, self.program.currency,
            self.program.exponent, tuple(moments), tuple(self._level_changes()),
            tuple(balances), standing,
            tuple(EndSeen(unit, points, at) for (at, unit), points in sorted(ends.items())),
            self.titles,
        )  # fmt: skip

    def _level_changes(self) -> Iterator[LevelSeen]:
        """The changes of level of the latest fold."""
        narrator = self.narrator
        for entry in [*narrator.segments, *narrator.tail]:
            for at in dict.fromkeys(r[K.R_AT] for r in records(entry.dues)):
                due = narrator.due(at, len(narrator.acting))
                if due is not None:
                    yield from levels_of_due(self.compiled, due)
            if entry.event is not None:
                decided = narrator.decided(entry.event, len(narrator.acting))
                if decided is not None:
                    version = decided.row[K.E_VERSION]
                    yield from levels_of_event(
                        self.compiled, decided.records, decided.after, version
                    )


def _same(one: Posting, other: Posting) -> bool:
    """Whether two postings are one but for when they were written."""
    return (
        one.corrects == other.corrects
        and one.id.partition("~")[0] == other.id.partition("~")[0]
        and one.points == other.points
        and one.from_account == other.from_account
    )


def _together(one: Located, other: Located) -> bool:
    """Whether two postings were one movement."""
    if one.entry != other.entry or one.event is not other.event:
        return False
    return one.event is not None or one.record[K.R_AT] == other.record[K.R_AT]


def _lot(posting: Posting) -> tuple[str, ...]:
    """What stays of a lot when it becomes active: unit, end, funder."""
    return tuple(posting.lot.split("/")[:3])


def explain_event(book: Book, event_id: str, source: str = "") -> EventExplanation:
    """What became of an event, and why. Raises RequestError when the book does not know it.

    An event of one who became this member is explained by that one's book.
    """
    named = book.find(source, event_id)
    if named is not None and named.absorbed is not None:
        book = next((side for side in book.absorbed if _took(side, named)), book)
    wanted = {named.key} if named is not None else None
    return Explainer(book, wanted).event(event_id, source)


def _took(book: Book, event: Event) -> bool:
    """Whether a book took an event itself, not with one who became its member."""
    known = book.find(event.source, event.id)
    return known is not None and known.absorbed is None and known.key == event.key


def explain_posting(book: Book, posting_id: str) -> PostingExplanation:
    """A posting's own derivation. Raises RequestError when there is no such posting.

    A posting of one who became this member is explained by that one's book.
    """
    wanted = None
    for side in (book, *book.absorbed):
        known = next((each for each in side.postings() if each.id == posting_id), None)
        if known is not None:
            book = side
            break
    if known is not None:
        wanted = {event.key for event in book.arrivals if event.id == known.event}
    return Explainer(book, wanted).posting(posting_id)


def explain_member(book: Book) -> MemberExplanation:
    """A member's history: balance lines by posting, levels, next expiries."""
    return Explainer(book).member()
