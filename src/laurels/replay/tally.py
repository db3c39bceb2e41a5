"""Totals of a run: points by month, unit and account, money, levels, rules.

A member's postings are added up as they come and held against the member's state: the sum over
an account of the member must be what the state says, to the last step. All points are in steps,
all money in minor units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from laurels.base.errors import ensure
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.events import Event
from laurels.engine.journal import Record, records
from laurels.engine.kernel import layout as K
from laurels.ledger.accounts import ACCOUNTS
from laurels.ledger.postings import Posting, check_posting
from laurels.replay.saved import Standing, rule_keys

STAGES = (
    ("active", "member:active", 1),
    ("pending", "member:pending", 1),
    ("held", "member:held", 1),
    ("debt", "member:debt", -1),
)


COUNTS = ("flows", "leveled", "cuts", "stages", "gross", "returned", "types")
"""Counters of a tally; all of them add up over members."""

MEMBER = frozenset(number for number, name in ACCOUNTS.items() if name.startswith("member:"))

ACTIVATED = "activated"
CARRIED = "carried"
"""Beside the accounts: what became active of what was pending, and what members took along from
one level to another."""


def _absorb(kept: Counter[Any], other: Counter[Any], sign: int) -> None:
    for key, value in other.items():
        kept[key] += sign * value
        if not kept[key]:
            del kept[key]


@dataclass(slots=True)
class RuleTotal:
    """What a rule gave in a unit, and what was taken back of it: steps, in all and by month."""

    earned: int = 0
    taken_back: int = 0
    members: int = 0
    events: int = 0
    months: dict[int, list[int]] = field(default_factory=dict)

    def add(self, month: int, earned: int, taken_back: int) -> None:
        """What a month adds."""
        self.earned += earned
        self.taken_back += taken_back
        both = self.months.setdefault(month, [0, 0])
        both[0] += earned
        both[1] += taken_back


class LevelMonths:
    """How many members stand on each level of a ladder at the end of each month.

    Kept as differences: a member costs one entry for each change of level, not for each month.
    Level 0 is to have none. ``moved`` counts members by (level a month ago, level now, month).
    """

    def __init__(self) -> None:
        self.steps: Counter[tuple[int, int]] = Counter()
        self.moved: Counter[tuple[int, int, int]] = Counter()
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
            self.moved[level, after, month] += 1
            level = after

    def go_on(self, at: tuple[int, int, int], ends: dict[int, int]) -> None:
        """A member that was added before, and changes further. ``at``: its level a month before
        the last change (-1: it came then), the month of that change, its level after it: what that
        month added is taken back, for it may not be over."""
        before, last, level = at
        self._step(before, level, last, -1)
        for month in sorted(ends):
            if month != last:
                self._step(before, level, last, 1)
                before, last = level, month
            level = ends[month]
        self._step(before, level, last, 1)

    def _step(self, before: int, after: int, month: int, sign: int) -> None:
        """A month in which a member came to a level is over; or (-1) is not."""
        if before == after:
            return
        self.steps[after, month] += sign
        if before >= 0:
            self.steps[before, month] -= sign
            self.moved[before, after, month] += sign


class Tally:
    """The totals of a run."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.members = 0
        self.postings = 0
        self.flows: Counter[tuple[int, str, str, str]] = Counter()
        """Steps by (month, unit, funder, account): what came in less what went out."""
        self.leveled: Counter[tuple[int, int, int, str, str]] = Counter()
        """The same by (month, ladder, level, unit, account): the level that the member had."""
        self.cuts: Counter[tuple[int, str]] = Counter()
        """Steps that caps took off by (month, cap), where the program is measured."""
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
        self,
        book: Book,
        taken: Sequence[Event],
        postings: Sequence[Posting],
        until: int | None,
        since: Standing | None = None,
    ) -> None:
        """Add a member; ``since``: where its book began. Raises Fault when postings and state do
        not agree."""
        self.members += 1
        self.postings += len(postings)
        self._points(book, postings, since)
        self._rules(postings, since)
        self._money(book, taken)
        self._levels(book, since)
        self._by_record(book, since)
        if until is not None and (book.history or (since is not None and since.begun)):
            self.months.add(self.month_of(until - 1))

    def absorb(self, other: Tally, sign: int = 1) -> None:
        """Add the totals of other members, or (-1) take them away again; what is nothing goes."""
        self.members += sign * other.members
        self.postings += sign * other.postings
        for name in COUNTS:
            _absorb(getattr(self, name), getattr(other, name), sign)
        for key, total in other.rules.items():
            mine = self._rule(key)
            for month, (earned, taken_back) in total.months.items():
                mine.add(month, sign * earned, sign * taken_back)
                if not any(mine.months[month]):
                    del mine.months[month]
            mine.members += sign * total.members
            mine.events += sign * total.events
            if not (mine.months or mine.members or mine.events):
                del self.rules[key]
        for kept, each in zip(self.levels, other.levels, strict=True):
            for name in ("steps", "moved", "came"):
                _absorb(getattr(kept, name), getattr(each, name), sign)
        self.months |= other.months

    def _points(self, book: Book, postings: Sequence[Posting], since: Standing | None) -> None:
        own: Counter[tuple[str, str]] = Counter()
        if since is not None:
            for unit_, row in self._units(since.packed[0]):
                for (_, account, sign), value in zip(STAGES, row, strict=True):
                    own[unit_, account] += sign * value
        for posting in postings:
            check_posting(posting)
            unit = posting.unit
            steps = int(posting.points.scaleb(self._scales[unit]))
            key = (self.month_of(posting.effective_at), unit, posting.funder)
            self.flows[(*key, posting.from_account)] -= steps
            self.flows[(*key, posting.to_account)] += steps
            own[unit, posting.from_account] -= steps
            own[unit, posting.to_account] += steps
            if posting.kind == "activated":
                forward = posting.to_account == "member:active"
                self.flows[(*key, ACTIVATED)] += steps if forward else -steps
        if book.ended:  # what it had is in the state of the one that it became
            return
        for side in book.absorbed:
            for posting in side.postings():
                steps = int(posting.points.scaleb(self._scales[posting.unit]))
                own[posting.unit, posting.from_account] -= steps
                own[posting.unit, posting.to_account] += steps
        for name, values in self._units(book.state.s):
            for (stage, account, sign), value in zip(STAGES, values, strict=True):
                ensure(
                    own[name, account] == sign * value,
                    f"member {book.member}: postings say {sign * own[name, account]} steps "
                    f"of {name} {stage}, the state says {value}",
                )
                self.stages[name, stage] += value

    def _units(self, s: Sequence[int]) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
        """Of each unit what a state has, in the order of STAGES."""
        for unit in self.program.program.units:
            b = K.HEAD + unit.index * K.UNIT
            yield unit.name, (s[b + K.U_ACTIVE], s[b + K.U_PENDING], s[b + K.U_HELD],
                              s[b + K.U_DEBT])  # fmt: skip

    def _rules(self, postings: Sequence[Posting], since: Standing | None) -> None:
        """What each rule gave this member, event by event."""
        given: dict[tuple[str, str], Counter[str]] = {}
        for posting in postings:
            if not posting.rule:
                continue
            steps = int(posting.points.scaleb(self._scales[posting.unit]))
            key = (posting.rule, posting.unit)
            month = self.month_of(posting.effective_at)
            if posting.kind == "earned":
                sign = 1 if posting.from_account == "program:issued" else -1
                given.setdefault(key, Counter())[posting.event] += sign * steps
                self._rule(key).add(month, sign * steps, 0)
            elif "program:returned" in (posting.from_account, posting.to_account):
                sign = 1 if posting.to_account == "program:returned" else -1
                self._rule(key).add(month, 0, sign * steps)
        known: dict[tuple[str, str], int] = {}
        if since is not None:
            known = dict(zip(rule_keys(self.program), since.rules, strict=True))
        for key, events in given.items():
            total = self._rule(key)
            rewarded = sum(1 for steps in events.values() if steps > 0)
            seen = known.get(key, 0)
            total.events += rewarded - (seen > 1 and events[""] > 0)
            total.members += rewarded > 0 and not seen

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

    def _levels(self, book: Book, since: Standing | None) -> None:
        """The level at each month's end, from the changes of the latest fold."""
        begun = since is not None and since.begun
        if not book.history and not begun:
            return
        ends: list[dict[int, int]] = [{} for _ in self.levels]
        for entry in (*book.segments, *book.tail):
            for flat in (entry.dues, entry.records):
                for record in records(flat):
                    if record[K.R_KIND] == K.LEVEL_CHANGE:
                        month = self.month_of(record[K.R_AT])
                        ends[record[K.R_UNIT]][month] = record[K.R_POINTS]
        if since is not None and begun:
            for ladder, at, changes in zip(self.levels, since.levels, ends, strict=True):
                ladder.go_on(at, changes)
            return
        first = self.month_of(book.history[0].acts)
        self.months.add(first)
        for ladder, changes in zip(self.levels, ends, strict=True):
            ladder.add(first, changes)

    def _by_record(self, book: Book, since: Standing | None) -> None:
        """What postings do not say, from the records of the latest fold in their order: the level
        that the member had, ladder by ladder, and what caps took off."""
        levels = [0] * len(self.levels)
        held: Counter[int] = Counter()
        if since is not None:
            levels = [level for _, _, level in since.levels]
            for place, (_, values) in enumerate(self._units(since.packed[0])):
                held[place] = sum(values[:3]) - values[3]
        for entry in (*book.segments, *book.tail):
            for flat in (entry.dues, entry.records):
                for record in records(flat):
                    self._add_record(record, levels, held)

    def _add_record(self, record: Record, levels: list[int], held: Counter[int]) -> None:
        units = self.program.program.units
        kind, unit, steps = record[K.R_KIND], record[K.R_UNIT], record[K.R_POINTS]
        month = self.month_of(record[K.R_AT])
        if kind == K.LEVEL_CHANGE:
            for each in units:
                carried = held[each.index]
                self.leveled[month, unit, levels[unit], each.name, CARRIED] -= carried
                self.leveled[month, unit, steps, each.name, CARRIED] += carried
            levels[unit] = steps
        elif kind == K.CUT:
            self.cuts[month, self.program.program.caps[record[K.R_END]].name] += steps
        elif levels:
            held[unit] += steps * ((record[K.R_TO] in MEMBER) - (record[K.R_FROM] in MEMBER))
            self._add_leveled(month, levels, units[unit].name, record)

    def _add_leveled(self, month: int, levels: list[int], unit: str, record: Record) -> None:
        steps = record[K.R_POINTS]
        for ladder, level in enumerate(levels):
            key = (month, ladder, level, unit)
            self.leveled[(*key, ACCOUNTS[record[K.R_FROM]])] -= steps
            self.leveled[(*key, ACCOUNTS[record[K.R_TO]])] += steps
            if record[K.R_KIND] == K.ACTIVATED:
                self.leveled[(*key, ACTIVATED)] += steps
