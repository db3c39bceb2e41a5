"""What a step of a story may expect to see, and how it is compared with a book."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from laurels.base.errors import RequestError
from laurels.base.instants import calendar, parse_instant
from laurels.ledger.accounts import FLOWS
from laurels.story.file import Entry

# What moved in a step: the word of a story, and the kind of posting that it adds up.
MOVES: Mapping[str, str] = {
    "earns": "earned",
    "activates": "activated",
    "spends": "spent",
    "expires": "expired",
    "takes_back": "taken_back",
    "owes": "debt",
    "pays_debt": "debt_paid",
    "holds": "held",
    "releases": "released",
    "adjusts": "adjusted",
    "transfers": "transferred",
    "waives": "waived",
}
# What is there when a step is over: the word of a story, and the field of a balance.
STATES: Mapping[str, str] = {
    "balance": "active",
    "pending": "pending",
    "held": "held",
    "debt": "debt",
}
ANSWERS: Mapping[str, str] = {
    "refused": "refused",
    "rejected": "rejected",
    "waits": "waiting",
    "duplicate": "duplicate",
    "ignored": "ignored",
}
SEES = (*MOVES, *STATES, *ANSWERS, "by_rule", "level", "until", "missing", "lots", "next_expiry")

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_LOT = re.compile(r"(\d+(?:\.\d+)?) (?:for ever|until (\S+(?: \S+)?))")

Differences = Iterator[tuple[str, str]]


@dataclass(slots=True)
class Sight:
    """What a step brought about: every posting, and the answer to each event."""

    postings: list[Any] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Words:
    """What an expectation may name, and the zone of its times."""

    units: Sequence[str]
    ladders: frozenset[str]
    zone: str

    def ladder(self, entry: Entry) -> str:
        """The ladder that an entry is about."""
        if entry.key not in self.ladders:
            raise entry.wrong(
                "story-ladder", f"there is no ladder `{entry.key}`", ", ".join(sorted(self.ladders))
            )
        return entry.key


def see(entry: Entry, book: Any, sight: Sight, words: Words) -> Differences:
    """Pairs of what was expected and what was seen, for one expectation that was not met."""
    key, units, zone = entry.key, words.units, words.zone
    if key in MOVES:
        return _points(entry, units, lambda unit: _moved(sight, MOVES[key], unit))
    if key in STATES:
        return _points(entry, units, lambda unit: getattr(book.balance(unit), STATES[key]))
    if key in ANSWERS:
        return _answer(entry, sight)
    if key == "by_rule":
        return _by_rule(entry, sight, units)
    if key in ("level", "until"):
        return _level(entry, book, words)
    if key == "missing":
        return _missing(entry, book, words)
    if key == "lots":
        return _lots(entry, book, units, zone)
    return _instants(entry, "next expiry", book.next_expiry(), zone)


# -- points ----------------------------------------------------------------------------------


def _points(entry: Entry, units: Sequence[str], seen: Any) -> Differences:
    """`7000` of the only unit, `{bonus: 7000}`, or `nothing` of any unit."""
    for unit, expected in _by_unit(entry, units).items():
        found = seen(unit)
        if found != expected:
            yield f"{entry.key} {expected} {unit}", f"{found}"


def _by_unit(entry: Entry, units: Sequence[str]) -> dict[str, Decimal]:
    if entry.is_text:
        if entry.text() == "nothing":
            return dict.fromkeys(units, Decimal(0))
        if len(units) != 1:
            raise entry.wrong(
                "story-unit", "the program has several units", f"{{{units[0]}: {entry.text()}}}"
            )
        return {units[0]: _number(entry)}
    for each in entry.entries():
        if each.key not in units:
            raise each.wrong("story-unit", f"there is no unit `{each.key}`", ", ".join(units))
    return {each.key: _number(each) for each in entry.entries()}


def _number(entry: Entry) -> Decimal:
    text = entry.text()
    if text == "nothing":
        return Decimal(0)
    if _NUMBER.fullmatch(text) is None:
        raise entry.wrong("story-number", f"`{text}` is no number", "a number, or `nothing`")
    return Decimal(text)


def _moved(sight: Sight, kind: str, unit: str, rule: str | None = None) -> Decimal:
    """The points that moved in one way, added up; a correction that runs backwards is below
    zero, but what it takes of points once earned counts as taken back."""
    total = Decimal(0)
    for each in sight.postings:
        if each.unit != unit or (rule is not None and each.rule != rule):
            continue
        sign = _direction(each)
        if each.kind == "earned" and sign < 0:
            total += each.points if kind == "taken_back" else 0
        elif each.kind == kind:
            total += sign * each.points
    return total


def _direction(posting: Any) -> int:
    """1 for a posting of its kind, -1 for a correction that runs backwards.

    What is adjusted or transferred moves both ways: 1 to the member, -1 away.
    """
    if posting.kind in ("adjusted", "transferred"):
        return 1 if posting.to_account.startswith("member:") else -1
    return 1 if (posting.from_account, posting.to_account) in FLOWS[posting.kind] else -1


def _by_rule(entry: Entry, sight: Sight, units: Sequence[str]) -> Differences:
    """Points earned by each rule that is named."""
    for rule in entry.entries():
        for expected, seen in _points(
            rule, units, lambda unit, name=rule.key: _moved(sight, "earned", unit, name)
        ):
            yield f"earned by rule {expected}", seen


# -- answers ---------------------------------------------------------------------------------


def _answer(entry: Entry, sight: Sight) -> Differences:
    """`refused: code`, `rejected: code`; `waits: yes`, `duplicate: yes`. For every event."""
    expected = entry.text()
    for status, code in sight.answers:
        if status != ANSWERS[entry.key] or (code and expected != code):
            yield f"{entry.key}: {expected}", f"{status} {code}".strip()


# -- levels, lots, times ---------------------------------------------------------------------


def _level(entry: Entry, book: Any, words: Words) -> Differences:
    """`{category: c5}`, `{category: none}`; `{category: 2025-11-01 00:00}`, `{…: never}`."""
    for each in entry.entries():
        view = book.level(words.ladder(each))
        if entry.key == "until":
            yield from _instants(each, f"{each.key} until", view.until, words.zone)
        elif (view.name or "none") != each.text():
            yield f"level {each.key} {each.text()}", view.name or "none"


def _instants(entry: Entry, what: str, seen: int | None, zone: str) -> Differences:
    """A time as the program's clocks show it; `never` for none."""
    if _instant(entry, entry.text(), zone) != seen:
        yield f"{what} {entry.text()}", shown(seen, zone)


def _instant(entry: Entry, text: str, zone: str) -> int | None:
    if text == "never":
        return None
    try:
        return parse_instant(text, zone)
    except RequestError as error:
        raise entry.wrong("story-time", error.what, error.expected) from None


def shown(instant: int | None, zone: str) -> str:
    """An instant on the program's clocks, to the second."""
    if instant is None:
        return "never"
    local = calendar(zone)
    year, month, day, _, hour, minute = local.parts(instant)
    second = (instant // 1_000_000) % 60
    return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"


def _missing(entry: Entry, book: Any, words: Words) -> Differences:
    """`{stage: {payments: 8}}`; a condition is named by its text: `{"held.plan": yes}`."""
    for ladder in entry.entries():
        found = {
            each.what: "yes" if each.amount is None else each.amount
            for each in book.progress(words.ladder(ladder))
        }
        expected: dict[str, object] = {}
        if not ladder.is_text:
            for each in ladder.entries():
                text = each.text()
                expected[each.key] = "yes" if text == "yes" else _number(each)
        elif ladder.text() != "nothing":
            raise ladder.wrong("story-form", "what is missing?", "{payments: 8}, or `nothing`")
        if found != expected:
            yield f"missing in {ladder.key}: {_listed(expected)}", _listed(found)


def _listed(given: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in given.items()) or "nothing"


def _lots(entry: Entry, book: Any, units: Sequence[str], zone: str) -> Differences:
    """`[300 until 2025-04-01, 500 for ever]`, in the order in which they leave."""
    by_unit = [(each.key, each) for each in _mapped(entry, units)]
    for unit, listed in by_unit:
        expected = [] if _is_nothing(listed) else [_lot(each, zone) for each in listed.items()]
        found = [(each.points, each.expires_at) for each in book.lots(unit)]
        if found != expected:
            yield (f"lots of {unit}: {_lot_list(expected, zone)}", _lot_list(found, zone))


def _mapped(entry: Entry, units: Sequence[str]) -> tuple[Entry, ...]:
    """Lots by unit; a bare list is about the only unit."""
    if not entry.is_text and not isinstance(entry.plain(), list):
        return entry.entries()
    if len(units) != 1:
        raise entry.wrong("story-unit", "the program has several units", f"{{{units[0]}: …}}")
    return (Entry(entry.file, units[0], entry.line, entry.column, entry.node),)


def _is_nothing(entry: Entry) -> bool:
    return entry.is_text and entry.text() == "nothing"


def _lot(entry: Entry, zone: str) -> tuple[Decimal, int | None]:
    match = _LOT.fullmatch(entry.text())
    if match is None:
        raise entry.wrong(
            "story-lot",
            f"`{entry.text()}` is no lot",
            "300 until 2025-04-01 00:00, or 300 for ever",
        )
    return Decimal(match[1]), None if match[2] is None else _instant(entry, match[2], zone)


def _lot_list(lots: Sequence[tuple[Decimal, int | None]], zone: str) -> str:
    shown_lots = [
        f"{points} for ever" if end is None else f"{points} until {shown(end, zone)}"
        for points, end in lots
    ]
    return ", ".join(shown_lots) or "nothing"
