"""A replay that goes on from saved states.

Members whose past nothing touches begin with their states. The others (an event of before the
instant, an id that was seen before, a return of what was bought before) are *folded again* from
their first event, for which their events are kept beside the states. The totals are those of the
whole history: those saved, and what came since; of members folded again, those that they had then
are taken away and those that they have now are added. Postings are those since the instant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.base.errors import RequestError
from laurels.base.instants import calendar, format_instant, parse_instant
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.join import MERGED
from laurels.engine.packed import unpack
from laurels.replay.events import read_events
from laurels.replay.machine import arrow
from laurels.replay.machine.native import apart
from laurels.replay.machine.sides import Side, hand_over
from laurels.replay.machine.source import Source, reading
from laurels.replay.machine.tables import open_source
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Body, Events, Report
from laurels.replay.readers import find_files
from laurels.replay.run import Result, Run, shared
from laurels.replay.saved import standing_of
from laurels.replay.states import Keeper, States, numbers_of
from laurels.replay.tables import Books, Kept, Rows
from laurels.replay.tally import Tally
from laurels.replay.values import Rejected

NAMES = ("returns", "pays", "withdraws")


@dataclass
class Past:
    """The events of members that are folded again: of before the instant, and all. ``read``: what
    became of the rows that were read for them."""

    before: Events
    whole: Events
    read: Report


def play_on(
    program: Compiled, history: Files | Events, books: Books, options: Options, ears: Ears
) -> Result:
    """Run what came since the states of ``options``. Raises RequestError as ``play`` does, and
    where the run cannot go on from states."""
    states = options.states
    assert states is not None
    check_can(program, options)
    if isinstance(history, Files) and history.mapping is None and options.engine == "numba":
        from laurels.replay.machine.resumed import run_native

        found = run_native(program, history, options, ears)
        if found is not None:
            return finish(program, books, *found)
    events = history if isinstance(history, Events) else history.read(program)
    ears.phase("read")
    if any(body.get("type") == MERGED for body in events.bodies):
        raise shared("members became one")
    names, fresh, mine = divide(program, events, states)
    past = with_past(program, states, names, mine)
    again, until = fold_again(program, past, options, moments(program, fresh))
    wanted = replace(options, until=until)
    result, side = fold_fresh(program, fresh, wanted, ears, names)
    result.report = events.report
    result.rejected += events.report.rejected
    return finish(program, books, wanted, result, [side], again)


def play_saving(
    program: Compiled, history: Files | Events, books: Books | None, options: Options, ears: Ears
) -> Result:
    """A run that also saves where every member stands at its end. Raises RequestError as ``play``
    does, and where states would be of no use."""
    from laurels.replay.play import play

    assert options.save is not None
    check_can(program, options)
    keeper = Keeper(options.save, options.states)
    keeper.begin()
    source = None
    if isinstance(history, Files):
        if history.mapping is None:
            source = open_source(program, find_files(history.paths))
        if source is None:
            history = history.read(program)
    wanted = replace(options, save=None, keep=keeper)
    result = play(program, history, books, wanted, ears)
    at = result.until or 0
    if source is not None:
        keeper.finish(result, rows_before(program, source, at))
    else:
        assert isinstance(history, Events)
        keeper.finish(result, bodies_before(program, history, at))
    return result


def rows_before(program: Compiled, source: Source, at: int) -> Iterator[tuple[str, Any]]:
    """The rows of files that occurred before an instant, all columns of them."""
    local = program.calendar
    for piece in source.pieces:
        with reading(piece, plain=True) as column:
            table = pa.table({name: column(name) for name in piece.file.schema.names})
        times, bad = arrow.instants(table["occurred_at"], local)
        mine = (times < at) & ~bad
        odd = np.flatnonzero(bad)
        for row, value in zip(
            odd, table["occurred_at"].take(pa.array(odd)).to_pylist(), strict=True
        ):
            mine[row] = is_before({"occurred_at": value}, at, local)
        if mine.any():
            yield Path(piece.file.path).name.partition(".")[0], table.filter(pa.array(mine))


def bodies_before(program: Compiled, events: Events, at: int) -> Iterator[tuple[str, Any]]:
    """Events that occurred before an instant, as lines of JSON."""
    local = program.calendar
    mine = [body for body in events.bodies if is_before(body, at, local)]
    if mine:
        yield "events", pa.table({
            "id": pa.array([str(body.get("id") or "") for body in mine], pa.string()),
            "member": pa.array([str(body.get("member") or "") for body in mine], pa.string()),
            "body": [json.dumps(body, default=_plain, ensure_ascii=False) for body in mine],
        })  # fmt: skip


def _plain(value: object) -> str:
    """What JSON has no word for, as the readers read it."""
    return value.isoformat() if isinstance(value, date) else str(value)


def check_can(program: Compiled, options: Options) -> None:
    """Raises RequestError where states are of no use."""
    if not apart(program):
        raise shared("members share budgets or give points to each other")
    if options.as_recorded:
        raise shared("corrections of what stood before would be missing")
    states = options.states
    if states is not None and options.until is not None and options.until < states.at:
        raise RequestError(
            "states-later", f"the states stand at {format_instant(states.at)}",
            where="--until", expected="no earlier instant",
        )  # fmt: skip


# -- dividing ---------------------------------------------------------------------------------


def divide(
    program: Compiled, events: Events, states: States
) -> tuple[frozenset[str], Events, Events]:
    """Members that must be folded again; the events of the others, and theirs."""
    names = set(states.again().to_pylist()) | _touching(program, events, states.at)
    ids = numbers_of(pa.array([str(body.get("id")) for body in events.bodies], pa.large_string()))
    owners, hits = seen_before(states.ids(), ids)
    names |= set(owners)
    names |= {str(events.bodies[at].get("member")) for at in np.flatnonzero(hits)}
    mine = [str(body.get("member")) in names for body in events.bodies]
    return frozenset(names), _part(events, mine, False), _part(events, mine, True)


def _part(events: Events, mine: Sequence[bool], wanted: bool) -> Events:
    rows = [at for at, own in enumerate(mine) if own == wanted]
    return Events([events.bodies[at] for at in rows], [events.places[at] for at in rows], Report())


def seen_before(known: Any, ids: Any) -> tuple[list[str], Any]:
    """Members of whom an event of before has one of these ids; which of these those are."""
    hit = known.filter(pc.is_in(known["id"], value_set=ids))
    owners = [each for each in pc.unique(hit["member"]).to_pylist() if each]
    found = pc.is_in(ids, value_set=pc.unique(hit["id"]))
    return owners, found.to_numpy(zero_copy_only=False)


def _touching(program: Compiled, events: Events, at: int) -> set[str]:
    """Members with an event of before the instant, or one that names what they did not do since."""
    local = calendar(program.program.zone)
    ids: set[tuple[str, str]] = set()
    holds: set[tuple[str, str]] = set()
    for body in events.bodies:
        member = str(body.get("member"))
        ids.add((member, str(body.get("id"))))
        if body.get("type") == "hold":
            holds.add((member, str(body.get("hold"))))
    found = set()
    for body in events.bodies:
        member = str(body.get("member"))
        named = [body[name] for name in NAMES if body.get(name)]
        hold = body.get("hold") if body.get("type") in ("capture", "void") else None
        if (
            is_before(body, at, local)
            or any((member, str(each)) not in ids for each in named)
            or (hold and (member, str(hold)) not in holds)
        ):
            found.add(member)
    return found


def is_before(body: Body, at: int, local: Any) -> bool:
    """Whether an event occurred before an instant; also where that cannot be read."""
    try:
        return parse_instant(body.get("occurred_at"), local) < at
    except RequestError:
        return True


def with_past(
    program: Compiled, states: States, names: Iterable[str], events: Events
) -> Past:  # fmt: skip
    """What some members did before the instant; and all that they did."""
    rows = past_rows(states, names)
    only: dict[str, set[int]] = {}
    first = 0
    for path, count in states.files:
        here = rows[(rows >= first) & (rows < first + count)] - first + 1
        if len(here):
            only[str(path)] = set(here.tolist())
        first += count
    zone = program.program.zone
    before = read_events(list(only), zone=zone, only=only) if only else Events([], [], Report())
    before.report = Report()
    whole = read_with(before, events)
    return Past(before, whole, events.report)


def past_rows(states: States, names: Iterable[str]) -> NDArray[np.int64]:
    """The events of some members before the instant: numbers over all files of them."""
    wanted = pc.is_in(
        states.ids()["member"], value_set=pa.array(sorted(names), pa.string())
    )  # fmt: skip
    return np.flatnonzero(wanted.to_numpy())


def read_with(before: Events, events: Events) -> Events:
    """Events of before and since as if read together: an id that another member's event has is
    that one's."""
    report = Report()
    known = {_key(body): body for body in before.bodies}
    bodies, places = list(before.bodies), list(before.places)
    for body, place in zip(events.bodies, events.places, strict=True):
        first = known.get(_key(body), body)
        if str(first.get("member")) != str(body.get("member")):
            report.rejected.append(
                Rejected(place.file, place.row, "id", "event-id-conflict",
                         "the same body, or another id", str(body.get("id")))
            )  # fmt: skip
            continue
        bodies.append(first if _told(first) == _told(body) else body)
        places.append(place)
    return Events(bodies, places, report)


def _key(body: Body) -> tuple[str, str]:
    """What an event is known by."""
    return str(body.get("source") or ""), str(body.get("id"))


def _told(value: object) -> object:
    """What an event says, whatever kind of file said it."""
    if isinstance(value, dict):
        return {name: _told(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_told(each) for each in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def moments(program: Compiled, events: Events) -> int | None:
    """Just after the last event that passes the door."""
    run = Run(program, False, None, None)
    run.read(Events(events.bodies, events.places, Report()))
    every = [item.moment for items in run.members.values() for item in items]
    return max(every) + 1 if every else None


# -- folding ----------------------------------------------------------------------------------


@dataclass
class Again:
    """What members that were folded again left: now, and then."""

    now: Result
    then: Result
    side: Side


def fold_again(
    program: Compiled, past: Past, options: Options, end: int | None
) -> tuple[Again, int]:
    """Fold members from their first event; also the end of the run, where none is named: just
    after the last event of all. ``end``: of the other members."""
    from laurels.replay.play import play

    states = options.states
    assert states is not None
    alone = replace(options, states=None, keep=None)
    until = options.until
    if until is None:
        last = play(program, past.whole, Kept(program), replace(alone, postings=False)).until
        until = max(each for each in (states.at, end, last) if each is not None)
    kept = Kept(program, options.passed)
    now = play(program, past.whole, kept, replace(alone, until=until, keep=options.keep))
    then = play(program, past.before, Kept(program), replace(alone, until=states.at))
    return Again(now, then, late_side(kept, states.at)), until


def late_side(kept: Kept, at: int) -> Side:
    """Members, and their postings since an instant."""
    postings = kept.postings
    postings = postings.filter(pc.greater_equal(postings["effective_at"], at))
    return Side(kept.members, [postings] if postings.num_rows else [])


class _RunOn(Run):
    """A run of books that begin with states."""

    states: States
    skipped: frozenset[str]

    def _fold_apart(self, until: int | None) -> None:
        states = self.states
        places = {name: at for at, name in enumerate(states.names.to_pylist())}
        for member in sorted((self.members.keys() | places.keys()) - self.skipped):
            items = self.members.pop(member, [])
            start = None
            if member in places:
                self.since = standing_of(self.program, states.row(places[member]))
                start = unpack(self.since.packed, len(self.program.program.effects))
            else:
                self.since = None
            book = Book(self.program, member, self.door, start)
            if start is not None:
                book.now = states.at - 1
            book.foresee([item.event for item in items if until is None or item.moment < until])
            for item in items:
                self.take(book, item, until)
            self.close(book, items, until)


def fold_fresh(
    program: Compiled, events: Events, options: Options, ears: Ears, skipped: frozenset[str]
) -> tuple[Result, Side]:
    """Members that begin with their states, by books. ``skipped``: those folded again."""
    assert options.states is not None
    kept = Kept(program, options.passed)
    rows = Rows(program, kept, True, options.postings, options.passed)
    run = _RunOn(program, False, ears.progress, rows.take)
    run.states, run.skipped, run.keep = options.states, skipped, options.keep
    run.read(events)
    run.fold(options.until)
    rows.close()
    return run.result, Side(kept.members, [kept.postings] if kept.postings.num_rows else [])


# -- putting together -------------------------------------------------------------------------


def finish(
    program: Compiled,
    books: Books,
    options: Options,
    result: Result,
    sides: list[Side],
    again: Again,
) -> Result:
    """One result: what was saved, what came since, and members folded again."""
    states = options.states
    assert states is not None
    hand_over(books, [*sides, again.side], options.postings)
    saved = states.result()
    whole = Result(program, False, options.until, Tally(program))
    for each, sign in ((saved, 1), (result, 1), (again.now, 1), (again.then, -1)):
        whole.absorb(each, sign)
    for stage in whole.tally.stages.keys() | again.then.tally.stages.keys():
        whole.tally.stages[stage] = result.tally.stages[stage] + again.now.tally.stages[stage]
    whole.tally.members = result.tally.members + again.now.tally.members
    for name in ("rejected", "waiting", "refused", "cut"):
        old = set(getattr(again.then, name))
        setattr(whole, name, [each for each in getattr(whole, name) if each not in old])
    whole.rejected.sort(key=lambda each: (each.file, each.row))
    whole.waiting.sort(key=lambda each: each.member)
    whole.refused.sort(key=lambda each: each.member)
    whole.cut.sort(key=lambda each: each.member)
    if whole.tally.months and whole.until is not None:  # whoever began earlier is still there
        whole.tally.months.add(whole.tally.month_of(whole.until - 1))
    whole.report = result.report
    whole.since = (states.at, len(again.side.members))
    return whole
