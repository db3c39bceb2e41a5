"""Totals of a run: points by month, unit and account, money, levels, rules.

A member's postings are added up as they come and held against the member's state: the sum over
an account of the member must be what the state says, to the last step. All points are in steps,
all money in minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from laurels.base.errors import ensure
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.door import Event
from laurels.engine.journal import records
from laurels.engine.kernel import layout as K
from laurels.ledger.postings import Posting, check_posting

STAGES = (
    ("active", "member:active", 1),
    ("pending", "member:pending", 1),
    ("held", "member:held", 1),
    ("debt", "member:debt", -1),
)


@dataclass(slots=True)
class RuleTotal:
    """What a rule gave in a unit, less what was taken back of it. Steps of the unit."""

    earned: int = 0
    taken_back: int = 0
    members: int = 0
    events: int = 0


class LevelMonths:
    """How many members stand on each level of a ladder at the end of each month.

    Kept as differences: a member costs one entry for each change of level, not for each month.
    Level 0 is to have none. ``moved`` counts members higher (+1) or lower (-1) than a month ago.
    """

    def __init__(self) -> None:
        self.steps: Counter[tuple[int, int]] = Counter()
        self.moved: Counter[tuple[int, int]] = Counter()
        self.came: Counter[int] = Counter()

    def add(self, first: int, ends: dict[int, int]) -> None:
        """A member from its first month on; ``ends``: the level at the end of each month in which
        it changed."""
        level = ends.get(first, 0)
        self.came[first] += 1
        self.steps[level, first] += 1
        for month in sorted(ends):
            after = ends[month]
            if month <= first or after == level:
                continue
            self.steps[level, month] -= 1
            self.steps[after, month] += 1
            self.moved[1 if after > level else -1, month] += 1
            level = after


class Tally:
    """The totals of a run."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.members = 0
        self.postings = 0
        self.points: Counter[tuple[int, str, str]] = Counter()
        """Steps by (month, unit, account): what came in less what went out."""
        self.activated: Counter[str] = Counter()
        self.stages: Counter[tuple[str, str]] = Counter()
        """Steps by (unit, stage), from the states of the members."""
        self.gross: Counter[int] = Counter()
        self.returned: Counter[int] = Counter()
        self.types: Counter[str] = Counter()
        self.rules: dict[tuple[str, str], RuleTotal] = {}
        self.levels = [LevelMonths() for _ in program.program.ladders]
        self.months: set[int] = set()
        self._scales = {unit.name: unit.scale for unit in program.program.units}

    def month_of(self, instant: int) -> int:
        """The month index of an instant in the program's zone."""
        calendar = self.program.calendar
        return calendar.month_of[calendar.day_of(instant)]

    def add(
        self, book: Book, taken: Sequence[Event], postings: Sequence[Posting], until: int | None
    ) -> None:
        """Add a member. Raises Fault when postings and state do not agree."""
        self.members += 1
        self.postings += len(postings)
        self._points(book, postings)
        self._rules(postings)
        self._money(book, taken)
        self._levels(book)
        if until is not None and book.history:
            self.months.add(self.month_of(until - 1))

    def _points(self, book: Book, postings: Sequence[Posting]) -> None:
        own: Counter[tuple[str, str]] = Counter()
        for posting in postings:
            check_posting(posting)
            unit = posting.unit
            steps = int(posting.points.scaleb(self._scales[unit]))
            month = self.month_of(posting.effective_at)
            self.points[month, unit, posting.from_account] -= steps
            self.points[month, unit, posting.to_account] += steps
            own[unit, posting.from_account] -= steps
            own[unit, posting.to_account] += steps
            if posting.kind == "activated":
                forward = posting.to_account == "member:active"
                self.activated[unit] += steps if forward else -steps
        s = book.state.s
        for unit_ in self.program.program.units:
            block = K.HEAD + unit_.index * K.UNIT
            values = (s[block + K.U_ACTIVE], s[block + K.U_PENDING], s[block + K.U_HELD],
                      s[block + K.U_DEBT])  # fmt: skip
            for (stage, account, sign), value in zip(STAGES, values, strict=True):
                ensure(
                    own[unit_.name, account] == sign * value,
                    f"member {book.member}: postings say {sign * own[unit_.name, account]} steps "
                    f"of {unit_.name} {stage}, the state says {value}",
                )
                self.stages[unit_.name, stage] += value

    def _rules(self, postings: Sequence[Posting]) -> None:
        """What each rule gave this member, event by event."""
        given: dict[tuple[str, str], Counter[str]] = {}
        for posting in postings:
            if not posting.rule:
                continue
            steps = int(posting.points.scaleb(self._scales[posting.unit]))
            key = (posting.rule, posting.unit)
            if posting.kind == "earned":
                sign = 1 if posting.from_account == "program:issued" else -1
                given.setdefault(key, Counter())[posting.event] += sign * steps
            elif "program:returned" in (posting.from_account, posting.to_account):
                sign = 1 if posting.to_account == "program:returned" else -1
                self._rule(key).taken_back += sign * steps
        for key, events in given.items():
            total = self._rule(key)
            rewarded = sum(1 for steps in events.values() if steps > 0)
            total.earned += sum(events.values())
            total.events += rewarded
            total.members += rewarded > 0

    def _rule(self, key: tuple[str, str]) -> RuleTotal:
        return self.rules.setdefault(key, RuleTotal())

    def _money(self, book: Book, taken: Sequence[Event]) -> None:
        """Revenue: amounts of purchases, in their months; returns in theirs."""
        known = self.program.program.events
        for event in taken:
            self.types[event.type] += 1
            if event.key in book.withdrawn:
                continue
            if event.type == "return":
                original = book.find(event.source, event.refers)
                bought = original is not None and original.key not in book.withdrawn and (
                    known[original.type].purchase
                )  # fmt: skip
                if bought and event.returned:
                    self._month(self.returned, event.occurred, event.returned)
            elif known[event.type].purchase:
                self._month(self.gross, event.occurred, sum(event.amounts))

    def _month(self, totals: Counter[int], instant: int, amount: int) -> None:
        month = self.month_of(instant)
        totals[month] += amount
        self.months.add(month)

    def _levels(self, book: Book) -> None:
        """The level at each month's end, from the changes of the latest fold."""
        if not book.history:
            return
        first = self.month_of(book.history[0].acts)
        self.months.add(first)
        ends: list[dict[int, int]] = [{} for _ in self.levels]
        for entry in (*book.segments, *book.tail):
            for flat in (entry.dues, entry.records):
                for record in records(flat):
                    if record[K.R_KIND] == K.LEVEL_CHANGE:
                        month = self.month_of(record[K.R_AT])
                        ends[record[K.R_UNIT]][month] = record[K.R_POINTS]
        for ladder, changes in zip(self.levels, ends, strict=True):
            ladder.add(first, changes)
