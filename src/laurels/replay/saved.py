"""A member's saved state as one row of integers, and as what a book begins with.

The machine writes and reads such rows by itself (``machine.begin``, which says what stands where);
here the same for members that a book folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.journal import records
from laurels.engine.kernel import layout as K
from laurels.engine.packed import Packed, pack
from laurels.ledger.postings import Posting

LEVEL = 3
"""Integers of a ladder in a row: level a month before, month of the last change, level now."""


@dataclass(frozen=True)
class Standing:
    """Where a member stood, and what the totals had of it.

    again   an event to come may change what stands before: it is folded from its first event
    begun   the member was seen
    levels  of each ladder: the level a month before (-1: none yet), the month of the last change
            as an index, the level now
    rules   of each rule and unit: 1 it gave something, 2 also without an event
    """

    again: bool
    begun: bool
    levels: list[tuple[int, int, int]]
    rules: list[int]
    packed: Packed

    def row(self) -> list[int]:
        """As integers."""
        fixed, active, pending, held = self.packed
        found = [int(self.again), int(self.begun)]
        found += [number for each in self.levels for number in each]
        found += [*self.rules, *fixed]
        for lots in (*active, *pending):
            found += [len(lots), *lots]
        return [*found, *held]


def rule_keys(program: Compiled) -> list[tuple[str, str]]:
    """Rules and the units that they give, in the order of a row."""
    units = program.program.units
    effects = program.program.effects
    return list(dict.fromkeys((each.rule, units[each.unit].name) for each in effects))


def standing_of(program: Compiled, row: Sequence[int]) -> Standing:
    """What a row says."""
    ladders, units = len(program.program.ladders), len(program.program.units)
    rules, size = len(rule_keys(program)), program.slots.size
    levels = [(row[k], row[k + 1], row[k + 2])
              for k in range(2, 2 + LEVEL * ladders, LEVEL)]  # fmt: skip
    at = 2 + LEVEL * ladders
    flags, fixed = list(row[at : at + rules]), list(row[at + rules : at + rules + size])
    at += rules + size
    lots = []
    for _ in range(2 * units):
        lots.append(list(row[at + 1 : at + 1 + row[at]]))
        at += 1 + row[at]
    packed = [fixed, lots[:units], lots[units:], list(row[at:])]
    return Standing(bool(row[0]), bool(row[1]), levels, flags, packed)


def standing(book: Book, postings: Iterable[Posting], since: Standing | None) -> Standing:
    """Where a finished book stands; ``since``: where it began."""
    program = book.compiled
    begun = bool(book.history) or (since is not None and since.begun)
    waits = bool(book.waiting or book.withdrawn or book.state.s[K.HOLDS])
    rules = since.rules if since is not None else [0] * len(rule_keys(program))
    return Standing(
        waits, begun, _levels(book, since) if begun else [(0, 0, 0)] * len(program.program.ladders),
        [one | other for one, other in zip(rules, _gave(program, postings), strict=True)],
        pack(book.state),
    )  # fmt: skip


def _gave(program: Compiled, postings: Iterable[Posting]) -> list[int]:
    """Which rules gave something, as the row says it."""
    scales = {unit.name: unit.scale for unit in program.program.units}
    given: Counter[tuple[tuple[str, str], str]] = Counter()
    for each in postings:
        if each.rule and each.kind == "earned":
            sign = 1 if each.from_account == "program:issued" else -1
            steps = int(each.points.scaleb(scales[each.unit]))
            given[(each.rule, each.unit), each.event] += sign * steps
    found: Counter[tuple[str, str]] = Counter()
    for (key, event), steps in given.items():
        if steps > 0:
            found[key] |= 1 if event else 3
    return [found[key] for key in rule_keys(program)]


def _levels(book: Book, since: Standing | None) -> list[tuple[int, int, int]]:
    """The end of what ``tally.LevelMonths`` adds up, open for what is to come."""
    calendar = book.compiled.calendar

    def month_of(instant: int) -> int:
        return calendar.month_of[calendar.day_of(instant)]

    if since is not None and since.begun:
        found = list(since.levels)
    else:
        first = month_of(book.history[0].acts)
        found = [(-1, first, 0)] * len(book.compiled.program.ladders)
    for entry in (*book.segments, *book.tail):
        for flat in (entry.dues, entry.records):
            for record in records(flat):
                if record[K.R_KIND] != K.LEVEL_CHANGE:
                    continue
                ladder, month = record[K.R_UNIT], month_of(record[K.R_AT])
                before, last, now = found[ladder]
                if last != month:
                    before = now
                found[ladder] = (before, month, record[K.R_POINTS])
    return found
