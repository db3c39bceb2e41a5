"""Playing histories into books, and what of two books can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from laurels import Book, Compiled
from laurels.base.errors import RequestError
from laurels.engine.door import Door
from laurels.engine.events import Event
from laurels.engine.history import ASKS
from laurels.engine.kernel import layout as K
from laurels.ledger.postings import Posting

Raw = Mapping[str, Any]
FLOW_KEYS = (
    "event", "line", "kind", "unit", "rule", "version", "funder", "occurred_at", "effective_at",
    "active_at", "expires_at", "lot",
)  # fmt: skip


def play(program: Compiled, raws: Iterable[Raw], until: int | None = None) -> Book:
    """A book that took the events in this order; bad ones are left out."""
    book = Book(program, "m")
    for raw in raws:
        try:
            book.take(raw)
        except RequestError:
            continue
    book.advance(end_of(book) if until is None else until)
    return book


def end_of(book: Book) -> int:
    """Just after everything that the book knows of."""
    return max((max(e.acts, e.recorded) for e in every(book)), default=0) + 1


def every(book: Book) -> Iterator[Event]:
    """Every event that the book took, whatever became of it."""
    for first in book.events.values():
        event: Event | None = first
        while event is not None:
            yield event
            event = event.namesake


def fresh(book: Book) -> Book:
    """A book that takes the other's corrected history in event order, one step each: no
    correction is ever made. Requests come with what was decided of them."""
    new = Book(book.compiled, book.member, Door(book.compiled))
    for event in book.history:
        new.take_event(decided(new.door.read(event.raw), event))
    assert [each.key for each in new.history] == [each.key for each in book.history]
    new.advance(book.now + 1)
    return new


def decided(copy: Event, event: Event) -> Event:
    """A copy of an event as history has it now: lowered, in its place, with its outcome."""
    copy.acts, copy.place, copy.recorded = event.acts, event.place, event.acts
    copy.row[K.E_AT : K.E_VERSION + 1] = event.row[K.E_AT : K.E_VERSION + 1]
    if event.type in ASKS and event.decided:
        copy.decided = copy.row[K.E_OUTCOME] = event.decided
        copy.row[K.E_POINTS] = event.row[K.E_POINTS]
    if event.amounts and event.type != "return":
        width = len(event.lines) // max(1, len(event.amounts))
        copy.lines[K.LN_AMOUNT :: width] = event.lines[K.LN_AMOUNT :: width]
        copy.lines[K.LN_LEFT :: width] = event.lines[K.LN_AMOUNT :: width]
        copy.row[K.E_AMOUNT] = event.row[K.E_AMOUNT]
    return copy


def as_facts(book: Book, raws: Iterable[Raw]) -> list[Raw]:
    """The raw events, with requests given the outcomes that the book decided."""
    found = []
    for raw in raws:
        event = book.events.get(str(raw["id"]))
        fact = dict(raw)
        if event is not None and event.type in ASKS and event.decided:
            fact["outcome"] = "refused" if event.refusal else "accepted"
            if not event.refusal and event.type != "capture" and event.type != "void":
                unit = book.compiled.program.units[event.row[K.E_UNIT]]
                fact["points"] = str(Decimal(event.row[K.E_POINTS]).scaleb(-unit.scale))
        found.append(fact)
    return found


def net(postings: Iterable[Posting]) -> dict[tuple[Any, ...], Decimal]:
    """Postings and what corrects them, added up: points by everything but when it was posted."""
    found: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for each in postings:
        accounts = (each.from_account, each.to_account)
        low = min(accounts)
        key = (*(getattr(each, name) for name in FLOW_KEYS), low, max(accounts))
        found[key] += each.points if accounts[0] == low else -each.points
    return {key: points for key, points in found.items() if points}


def state(book: Book) -> dict[str, Any]:
    """Everything that a member sees."""
    program = book.compiled.program
    found: dict[str, Any] = {}
    for unit in program.units:
        found[unit.name] = book.balance(unit.name)
        found[f"lots {unit.name}"] = book.lots(unit.name)
    for ladder in program.ladders:
        found[f"level {ladder.name}"] = book.level(ladder.name)
    return found


def differences(one: Mapping[Any, Any], two: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """What two mappings do not agree on."""
    return {
        key: (one.get(key), two.get(key))
        for key in dict.fromkeys([*one, *two])
        if one.get(key) != two.get(key)
    }
