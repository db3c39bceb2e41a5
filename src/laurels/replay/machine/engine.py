"""A whole history through machine code: the same result as ``laurels.replay.run``, faster.

Members whose history the machine does not fold, and programs in which members share budgets or
give to each other, go through the online engine; the result does not say which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

import numpy as np

from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.door import Raw
from laurels.engine.journal import Journal, merged
from laurels.engine.kernel import layout as K
from laurels.ledger.postings import Posting
from laurels.replay.machine import exact
from laurels.replay.machine import member as M
from laurels.replay.machine.build import machine
from laurels.replay.machine.result import add_totals, never_or
from laurels.replay.machine.run import Folded, Progress, fold
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play_books
from laurels.replay.raw import Events, Place
from laurels.replay.run import (
    Item,
    Result,
    Run,
    member_row,
    posting_row,
    refused_of,
    replay,
    waiting_of,
)
from laurels.replay.tables import Books, members_of, postings_of
from laurels.replay.tally import Tally

Row = Mapping[str, object]


@dataclass
class Replayed:
    """A run's result, and its members and postings on request (in the order of member ids)."""

    result: Result
    members: list[Row]
    postings: Callable[[], Iterator[Posting]]
    odd: int = 0
    """Members that went through the online engine."""


@dataclass
class Sides:
    """What was folded by the machine and what by books."""

    rows: dict[str, Row] = field(default_factory=dict)
    postings: dict[str, Callable[[], Iterable[Posting]]] = field(default_factory=dict)

    def take(self, book: Book, postings: Sequence[Posting]) -> None:
        """A member that a book folded."""
        self.rows[book.member] = member_row(book)
        self.postings[book.member] = lambda: postings

    def replayed(self, result: Result, odd: int) -> Replayed:
        """Both together."""
        names = sorted(self.rows)

        def every() -> Iterator[Posting]:
            for name in names:
                yield from self.postings[name]()

        return Replayed(result, [self.rows[name] for name in names], every, odd)


def play_columns(
    program: Compiled, history: Files | Events, books: Books | None, options: Options, ears: Ears
) -> Result:
    """Run a history; what ``laurels.replay.play`` does for the engine numba."""
    if options.as_recorded:
        return play_books(program, history, books, options, ears)
    events = history if isinstance(history, Events) else history.read(program)
    ears.phase("read")
    wanted = books is not None and options.postings
    ran = replay_columns(
        program, events, options.until, wanted, ears.progress, ears.compiling, options.threads
    )
    if books is not None:
        scales = {unit.name: unit.scale for unit in program.program.units}
        rows = (posting_row(each, scales[each.unit], True) for each in ran.postings())
        books.add(members_of(program, ran.members), postings_of(program, rows) if wanted else None)
    return ran.result


def replay_columns(
    program: Compiled,
    events: Events | Iterable[Raw],
    until: int | None = None,
    postings: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
    threads: int = 1,
) -> Replayed:
    """Run a history, net. ``tell`` hears that machine code is made for the first time.

    Raises Fault when postings and states do not agree.
    """
    result = Result(program, False, None, Tally(program))
    bodies: Iterable[Raw] = events
    places: Iterable[Place] = (Place("", number) for number in count(1))
    if isinstance(events, Events):
        places = events.places
        result.report = events.report
        result.rejected += events.report.rejected
    else:
        bodies = list(events)
    found = exact.read(program, zip(bodies, places, strict=False), result, until)
    sides = Sides()
    if found.pooled:
        given = events if isinstance(events, Events) else bodies
        result = replay(program, given, until, progress=progress, sink=sides.take)
        return sides.replayed(result, len(sides.rows))
    builder = exact.Builder(program)
    for name, items in found.members.items():
        if not builder.add(name, items):
            found.odd[name] = items
    columns = builder.columns()
    end = result.until if result.until is not None else 0
    folded = fold(machine(program, tell=tell), columns, end, postings, threads, progress)
    add_totals(result, folded.totals, folded.members.balances, len(builder.members))
    list_not_taken(result, builder, folded)
    _rows(program, builder, folded, sides)
    _postings(program, builder, folded, sides)
    fold_odd(program, found, result, sides)
    result.rejected.sort(key=lambda each: (each.file, each.row))
    return sides.replayed(result, len(found.odd))


def fold_odd(program: Compiled, found: exact.Read, result: Result, sides: Sides) -> None:
    """Members that only a book can fold."""
    run = Run(program, False, None, sides.take)
    run.door, run.result = found.door, result
    for name in sorted(found.odd):
        book = Book(program, name, found.door)
        for item in found.odd[name]:
            run.take(book, item, result.until)
        run.close(book, found.odd[name], result.until)
    if found.odd:
        result.waiting.sort(key=lambda each: each.member)
        result.refused.sort(key=lambda each: each.member)


def list_not_taken(result: Result, builder: exact.Builder, folded: Folded) -> None:
    """Lists of what waits and what was refused, member by member."""
    starts = np.array(builder.start)
    refusals, waiting = folded.made[M.Y_REFUSAL], folded.made[M.Y_WAITING]
    lost: list[tuple[str, Item, bool]] = []
    for x, line in enumerate(builder.more):
        row = line[M.X_ROW]
        event = builder.rows[row]
        nothing = event.type == "withdrawn" and line[M.X_REF] < 0
        if not (waiting[x] or refusals[x] or nothing):
            continue
        member = builder.members[int(np.searchsorted(starts, row, side="right")) - 1]
        event.refusal = int(refusals[x])
        item = Item(event, builder.places[row], event.acts)
        lost.append((member, item, bool(waiting[x]) or nothing))
    lost.sort(key=lambda each: each[0])
    for _, item, waits in lost:
        if waits:
            result.waiting.append(waiting_of(item))
            result.events["waiting"] += 1
        else:
            result.refused.append(refused_of(item))
            result.events["refused"] += 1
    known = builder.program.program.events
    for event in builder.rows:
        if event.row[K.E_TYPE] == 0 and event.type not in known:
            result.ignored[event.type] += 1


def _rows(program: Compiled, builder: exact.Builder, folded: Folded, sides: Sides) -> None:
    """A row of every member that the machine folded."""
    found, linked = folded.members, program.program
    balances, levels = found.balances.tolist(), found.levels.tolist()
    untils, expiries = found.level_untils.tolist(), found.expiries.tolist()
    for number, name in enumerate(builder.members):
        row: dict[str, object] = {"member": name}
        for unit in linked.units:
            for place, stage in enumerate(("active", "pending", "held", "debt")):
                row[f"{stage}_{unit.name}"] = balances[number][unit.index * 4 + place]
        for ladder in linked.ladders:
            code = levels[number][ladder.index]
            row[f"tier_{ladder.name}"] = ladder.levels[code - 1] if code else None
            row[f"tier_{ladder.name}_until"] = never_or(untils[number][ladder.index])
        row["next_expiry"] = never_or(expiries[number])
        sides.rows[name] = row


def _postings(program: Compiled, builder: exact.Builder, folded: Folded, sides: Sides) -> None:
    """The postings of every member that the machine folded."""
    starts = np.array(builder.start)
    spans: dict[str, tuple[Any, Any, int, int]] = {}
    for records, causes in folded.records:
        owners = np.where(
            causes < 0, -1 - causes.astype(np.int64),
            np.searchsorted(starts, causes, side="right") - 1,
        )  # fmt: skip
        edges = np.flatnonzero(np.diff(owners, prepend=-1, append=-1)).tolist()
        for first, last in pairwise(edges):
            spans[builder.members[int(owners[first])]] = (records, causes, first, last)
    for name in builder.members:
        sides.postings[name] = _reader(program, builder, name, spans.get(name))


def _reader(
    program: Compiled,
    builder: exact.Builder,
    member: str,
    span: tuple[Any, Any, int, int] | None,
) -> Callable[[], Iterator[Posting]]:
    """The records of a member as postings, when they are asked for."""

    def read() -> Iterator[Posting]:
        if span is None:
            return
        records, causes, first, last = span
        journal = Journal(program, member)
        edges = np.flatnonzero(np.diff(causes[first:last], prepend=-(2**31), append=-(2**31)))
        for low, high in pairwise(edges.tolist()):
            cause = int(causes[first + low])
            flat = records[(first + low) * K.RECORD : (first + high) * K.RECORD].tolist()
            for record in merged(flat):
                event = builder.rows[cause] if cause >= 0 else None
                yield journal.posting(event, record, record[K.R_AT])

    return read
