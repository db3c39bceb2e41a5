"""The members who are affected most, explained side by side.

A member's own events are taken again under either program, as a book that remembers; the events
of which the programs make most different things are explained by both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from laurels.base.instants import format_instant
from laurels.base.money import format_decimal
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled, compile_program
from laurels.engine.explain import explain_event
from laurels.engine.sentences import sentences
from laurels.lab import members as M
from laurels.lab.pair import Pair
from laurels.lab.twice import Ran
from laurels.ledger.postings import Posting
from laurels.replay.monthly import rounded
from laurels.replay.raw import Events
from laurels.replay.run import replay

EVENTS = 2
"""Events of a member that are explained."""
TAKERS = ("program:issued", "program:returned", "program:expired")
"""Accounts that change what a member keeps."""


def affected(
    pair: Pair, old: Ran, new: Ran, table: M.Table, rows: Sequence[int]
) -> Iterator[dict[str, object]]:
    """Each of the members in these rows of the table."""
    names = {table.names[row].as_py() for row in rows}
    sides = []
    for side, ran in ((pair.old, old), (pair.new, new)):
        program = compile_program(side.linked)
        sides.append(books_of(program, ran.own(names), names, ran.result.until))
    for row in rows:
        name = table.names[row].as_py()
        books = [side.get(name) for side in sides]
        if books[0] is not None and books[1] is not None:
            yield {
                "member": name,
                "difference": format_decimal(
                    rounded(Fraction(int(table.value[row]), table.part)), table.scale
                ),
                "points": _points(table, row),
                "levels": _levels(table, row),
                "events": list(_events(books[0], books[1])),
            }


def books_of(
    program: Compiled, events: Events, names: Iterable[str], until: int | None
) -> dict[str, Book]:
    """The books of some members, everything in the order in which it acts."""
    found: dict[str, Book] = {}
    wanted = set(names)

    def keep(book: Book, postings: Sequence[Posting]) -> None:
        del postings
        if book.member in wanted:
            found[book.member] = book

    replay(program, events, until, sink=keep)
    return found


def _points(table: M.Table, row: int) -> dict[str, object]:
    """What the member keeps of each unit."""
    found: dict[str, object] = {}
    for name, unit in table.units.items():
        old, new = (int(table.points[name, "kept", which][row]) for which in ("old", "new"))
        if old or new:
            found[name] = {
                "old": format_decimal(old, unit.scale),
                "new": format_decimal(new, unit.scale),
                "difference": format_decimal(new - old, unit.scale),
            }
    return found


def _levels(table: M.Table, row: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for ladder, levels in table.ladders.items():
        names = [None, *levels]
        found[ladder] = {which: names[int(table.levels[ladder, which][row])]
                         for which in ("old", "new")}  # fmt: skip
    return found


def _kept(book: Book) -> Counter[str]:
    """What each event let the member keep, all units together: enough to find where the programs
    differ."""
    found: Counter[str] = Counter()
    for each in book.net_postings():
        sign = (each.from_account in TAKERS) - (each.to_account in TAKERS)
        if each.event and sign:
            found[each.event] += sign * int(each.points.scaleb(6))
    return found


def _events(old: Book, new: Book) -> Iterator[dict[str, Any]]:
    """The events of which the programs make most different things."""
    before, after = _kept(old), _kept(new)
    apart = {event: after[event] - before[event] for event in before.keys() | after.keys()}
    order = sorted((event for event in apart if apart[event]), key=lambda e: (-abs(apart[e]), e))
    for identity in order[:EVENTS]:
        event = next(each for each in new.history if each.id == identity)
        yield {
            "event": identity,
            "type": event.type,
            "occurred_at": format_instant(event.occurred),
            "old": _said(old, identity, event.source),
            "new": _said(new, identity, event.source),
            "difference": str(Decimal(apart[identity]).scaleb(-6).normalize()),
        }


def _said(book: Book, identity: str, source: str) -> list[str]:
    return list(sentences(explain_event(book, identity, source), "en"))
