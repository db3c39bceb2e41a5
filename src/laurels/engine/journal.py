"""The journal: what was posted when, and the difference between two folds as corrections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from laurels.base.instants import format_instant
from laurels.engine.kernel import layout as K
from laurels.ledger.accounts import ACCOUNTS, KINDS
from laurels.ledger.postings import Posting

if TYPE_CHECKING:
    from laurels.engine.compiled import Compiled
    from laurels.engine.events import Event

Record = tuple[int, ...]


@dataclass(slots=True)
class Fix:
    """A posting that corrects another, or one that history had left out.

    points: the difference; below zero the posting runs backwards. before: what was posted.
    known: a posting of this kind was there before, and is corrected.
    """

    event: Event | None
    record: Record
    points: int = 0
    before: int = 0
    known: bool = False


class Entry:
    """What was posted at once: dues that came first, then what the event caused.

    posted: when; None for dues, which are posted at their own instants.
    """

    __slots__ = ("dues", "event", "posted", "records")
    fixes: Sequence[Fix] = ()
    cause: Event | None = None

    event: Event | None
    dues: Sequence[int]
    records: Sequence[int]
    posted: int | None


def entry_of(
    event: Event | None, dues: Sequence[int], records: Sequence[int], posted: int | None
) -> Entry:
    """An entry. (Making one thus costs half of what an __init__ would.)"""
    entry = Entry()
    entry.event = event
    entry.dues = dues
    entry.records = records
    entry.posted = posted
    return entry


class Correction(Entry):
    """What was posted because history changed. cause: the event that made it change."""

    __slots__ = ("cause", "fixes")

    def __init__(self, posted: int, fixes: Sequence[Fix], cause: Event) -> None:
        self.event = None
        self.dues = self.records = ()
        self.posted = posted
        self.fixes = fixes
        self.cause = cause


def records(flat: Sequence[int]) -> Iterator[Record]:
    """The kernel's records, one by one."""
    for at in range(0, len(flat), K.RECORD):
        yield tuple(flat[at : at + K.RECORD])


What = tuple[Any, ...]


class Journal:
    """Entries of one member, and what they say as postings."""

    def __init__(self, compiled: Compiled, member: str) -> None:
        self.compiled = compiled
        self.member = member
        self.entries: list[Entry] = []
        self.gone: set[What] = set()

    def correct(
        self, old: Sequence[Entry], new: Sequence[Entry], posted: int, cause: Event
    ) -> list[Entry]:
        """Write down the postings that turn one fold into another: at most one entry.

        A posting that both folds have with other points is corrected; one that only the old one
        has is reversed; one that was reversed before and is back is corrected too, so that an id
        is given once.
        """
        balance: dict[What, Fix] = {}
        for sign, entries in zip((-1, 1), differing(old, new), strict=True):
            for entry in entries:
                for record in records(entry.dues):
                    add(balance, None, record, sign)
                for record in records(entry.records):
                    add(balance, entry.event, record, sign)
        fixes = []
        for what, fix in balance.items():
            if fix.points == 0:
                continue
            if not fix.known and self.given_before(what, fix):
                fix.known = True
            if fix.points == -fix.before:
                self.gone.add(what)
            fixes.append(fix)
        if not fixes:
            return []
        fixes.sort(key=lambda fix: (fix.record[K.R_AT], fix.record))
        entry = Correction(posted, fixes, cause)
        self.entries.append(entry)
        return [entry]

    def given_before(self, what: What, fix: Fix) -> bool:
        """Whether a posting of this kind was there before, and was reversed."""
        del fix
        return what in self.gone

    def postings_of(self, entry: Entry) -> Iterator[Posting]:
        """The postings of an entry."""
        if entry.dues:
            posted = entry.posted if entry.event is None else None
            for record in merged(entry.dues):
                yield self.posting(None, record, posted)
        for record in merged(entry.records):
            yield self.posting(entry.event, record, entry.posted)
        for fix in entry.fixes:
            yield self.posting(fix.event, fix.record, entry.posted, fix, entry.cause)

    def posting(
        self,
        event: Event | None,
        record: Record,
        posted: int | None,
        fix: Fix | None = None,
        cause: Event | None = None,
    ) -> Posting:
        """A record in the program's words. Dues without ``posted`` are posted at their instant."""
        program = self.compiled.program
        unit = program.units[record[K.R_UNIT]]
        kind = KINDS[record[K.R_KIND]]
        effect = program.effects[record[K.R_RULE]] if record[K.R_RULE] >= 0 else None
        at = record[K.R_AT]
        lot, expires, active = self.lot(record)
        rule = effect.rule if effect else ""
        name = self.identity(event, record, rule, lot)
        version = event.row[K.E_VERSION] if event else self.compiled.namespace["version_at"](at)
        source, target = ACCOUNTS[record[K.R_FROM]], ACCOUNTS[record[K.R_TO]]
        points = record[K.R_POINTS]
        corrects = ""
        if fix is not None:
            points = abs(fix.points)
            if fix.points < 0:
                source, target = target, source
            if fix.known:
                corrects = name
                name = f"{name}~{cause_of(cause, at)}"
        return Posting(
            name, self.member, event.id if event else "", self.line(event, record), kind,
            unit.name, Decimal(points).scaleb(-unit.scale), source, target, rule,
            program.versions[version].number, 1, program.funders[record[K.R_FUNDER]],
            event.occurred if event else at, at, posted if posted is not None else at, active,
            expires, lot, corrects,
        )  # fmt: skip

    def identity(self, event: Event | None, record: Record, rule: str, lot: str) -> str:
        """What a posting is, as its id."""
        cause = cause_of(event, record[K.R_AT])
        stage = ACCOUNTS[record[K.R_FROM]].partition(":")[2]
        line = f"/{record[K.R_LINE]}" if record[K.R_LINE] >= 0 else ""
        kind = KINDS[record[K.R_KIND]]
        return f"{self.member}/{cause}/{kind}/{rule or stage}/{lot}{line}"

    def lot(self, record: Record) -> tuple[str, int | None, int | None]:
        """The lot's id, its end and its activation."""
        program = self.compiled.program
        return lot_of(
            program.units[record[K.R_UNIT]].name, record[K.R_KIND], record[K.R_FROM],
            record[K.R_TO], record[K.R_END], record[K.R_ACTIVE],
            program.funders[record[K.R_FUNDER]],
        )  # fmt: skip

    def line(self, event: Event | None, record: Record) -> str:
        """The line that a posting is about."""
        number = record[K.R_LINE]
        if number < 0 or event is None:
            return ""
        return str(event.raw.get("line") or number + 1)


def lot_of(
    unit: str, kind: int, source: int, target: int, end: int, activation: int, funder: str
) -> tuple[str, int | None, int | None]:
    """A lot's id, its end and its activation; ids derive from what a lot is."""
    if kind in (K.IN_DEBT, K.WAIVED):
        return unit, None, None
    active = activation or None
    ends = "never" if end == K.NEVER else "open" if end < 0 else format_instant(end)
    pending = ""
    if K.AT_PENDING in (source, target):
        pending = "/waiting" if active == K.NEVER else f"/{format_instant(active or 0)}"
    return (
        f"{unit}/{ends}/{funder}{pending}",
        end if 0 < end < K.NEVER else None,
        None if active == K.NEVER else active,
    )


def cause_of(event: Event | None, at: int) -> str:
    """What caused a posting: an event's identity, or the instant of what fell due by itself."""
    if event is None:
        return format_instant(at)
    return f"{event.source}:{event.id}" if event.source else event.id


def merged(flat: Sequence[int]) -> Iterator[Record]:
    """The records that are postings; alike but for their points, they are one posting (two rules
    that pay debt from one lot, two holds that lapse at one instant)."""
    if len(flat) == K.RECORD:
        if flat[K.R_KIND] < K.LEVEL_CHANGE:
            yield tuple(flat)
        return
    found: dict[What, int] = {}
    for record in records(flat):
        if record[K.R_KIND] < K.LEVEL_CHANGE:
            what = key_of(record)
            found[what] = found.get(what, 0) + record[K.R_POINTS]
    for what, points in found.items():
        yield (*what[: K.R_POINTS], points, *what[K.R_POINTS :])


def key_of(record: Record) -> What:
    """What a record is, apart from its points."""
    return record[: K.R_POINTS] + record[K.R_POINTS + 1 :]


def differing(
    old: Sequence[Entry], new: Sequence[Entry]
) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """The entries of two folds without those of events on which both posted the same."""
    # most events stand side by side, counted from the beginning or from the end
    few = min(len(old), len(new))
    start = 0
    while start < few and alike(old[start], new[start]):
        start += 1
    rest = few - start
    end = 0
    while end < rest and alike(old[-1 - end], new[-1 - end]):
        end += 1
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    before = {id(entry.event): entry for entry in old}
    same = {
        id(entry.event)
        for entry in new
        if entry.event is not None
        and id(entry.event) in before
        and alike(before[id(entry.event)], entry)
    }
    return (
        [entry for entry in old if id(entry.event) not in same],
        [entry for entry in new if id(entry.event) not in same],
    )


def alike(one: Entry, other: Entry) -> bool:
    """Whether two folds posted the same for an event."""
    return (
        one.event is other.event
        and one.event is not None
        and one.records == other.records
        and one.dues == other.dues
    )


def add(balance: dict[What, Fix], event: Event | None, record: Record, sign: int) -> None:
    """Add a record of the old fold (sign -1) or the new one (1) to what is to be corrected."""
    if record[K.R_KIND] >= K.LEVEL_CHANGE:
        return
    what = (id(event), *key_of(record))
    fix = balance.get(what)
    if fix is None:
        fix = balance[what] = Fix(event, record)
    fix.points += sign * record[K.R_POINTS]
    if sign < 0:
        fix.known = True
        fix.before += record[K.R_POINTS]
