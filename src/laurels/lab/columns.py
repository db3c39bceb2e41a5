"""One history in columns under several programs: read, encoded and grouped once where it can be.

A program that reads the same of events as the old one (another rate, threshold or term) is run
over the very same packed rows; only its decisions are made anew. Another packs the rows of the
files itself. Members with anything odd in their history go through the door, as in any replay.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laurels.engine.compiled import Compiled
from laurels.engine.slots import Slots
from laurels.lab.twice import ByEvents, Ran, Redemptions, as_decided, asked_again, played
from laurels.program import linked as L
from laurels.replay.events import read_events
from laurels.replay.machine.blocks import Decisions, fold_blocks
from laurels.replay.machine.build import machine
from laurels.replay.machine.native import apart, not_taken, report_rows, side_of
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.source import Source, reading
from laurels.replay.machine.tables import open_source
from laurels.replay.machine.vector import Vector
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events, Report
from laurels.replay.readers import find_files
from laurels.replay.resumed import moments
from laurels.replay.run import Result, replay
from laurels.replay.summary import summary
from laurels.replay.tally import Tally


def under(
    program: Compiled,
    others: Iterable[Compiled],
    history: Files | Events,
    redemptions: Redemptions,
    options: Options,
    ears: Ears,
) -> ByEvents | ByColumns:
    """A history that has been run under the old program, for others to come.

    Raises RequestError for files that cannot be read, ProgramError for a mapping that does not
    fit.
    """
    if isinstance(history, Events):
        ears.phase("read")
        return ByEvents(program, history, redemptions, options, ears)
    if (
        options.engine == "numba"
        and history.mapping is None
        and all(map(apart, [program, *others]))
    ):
        source = open_source(program, find_files(history.paths))
        run = None if source is None else _encoded(program, source, redemptions, options, ears)
        if run is not None and run.start():
            return run
    events = history.read(program)
    ears.phase("read")
    return ByEvents(program, events, redemptions, options, ears)


def _encoded(
    program: Compiled, source: Source, redemptions: Redemptions, options: Options, ears: Ears
) -> ByColumns | None:
    vector = Vector(program, source)
    try:
        vector.encode(options.threads)
    except (pa.ArrowException, OSError):
        return None
    ears.phase("read")
    return ByColumns(vector, redemptions, options, ears)


class ByColumns:
    """A history that was run under the old program, and can be run under others."""

    def __init__(
        self, vector: Vector, redemptions: Redemptions, options: Options, ears: Ears
    ) -> None:
        self.vector = vector
        self.source = vector.source
        self.facts = redemptions == "facts"
        self.options = options
        self.ears = ears
        self.old: Ran
        self._known: tuple[set[str], Events] = (set(), Events([], [], Report()))

    def start(self) -> bool:
        """Run it under the old program; False where it cannot be done in columns."""
        vector, program = self.vector, self.vector.program
        self.odd = vector.odd()
        self.rows = vector.group(self.options.until, self.options.threads)
        if not vector.is_safe():
            return False
        self.slow = self._slow(program, self.rows)
        self.until = self.options.until
        if self.until is None:
            last = vector.last()
            ends = (None if last is None else last + 1, moments(program, self.slow))
            self.until = max((each for each in ends if each is not None), default=None)
        if not self.facts:
            vector.special.outcome[:] = 0
        self.decisions = Decisions(vector)
        self.old = self._run(program, vector, self.rows, self.slow, self.decisions)
        return True

    def new(self, program: Compiled) -> Ran:
        """Run it under another program, given what became of it under the old one."""
        old, rows, slow = self.vector.program, self.rows, self.slow
        decided = self.old.result.decided
        if reads_alike(old, program):
            vector = copy.copy(self.vector)
            vector.program = program
        else:
            vector = Vector(program, self.source)
            vector.encode(self.options.threads)
            vector.mark(self.odd)
            rows = vector.group(self.options.until, self.options.threads)
            slow = self._slow(program, rows)
            if self.facts:
                decided = self._played(old, slow).result.decided
            else:
                vector.special.outcome[:] = 0
        if not vector.is_safe():
            return self._by_events(program)
        if self.facts:
            slow = as_decided(slow, decided, old)
            vector.special = self.decisions.told(vector.special)
        found = self._run(program, vector, rows, slow, Decisions(vector))
        return replace(found, own=self._own_decided) if self.facts else found

    def _run(
        self, program: Compiled, vector: Vector, rows: Any, slow: Events, decisions: Decisions
    ) -> Ran:
        """Members in columns, then the others. ``rows``: of those."""
        code = machine(program, tell=self.ears.compiling)
        found = fold_blocks(
            code, vector, self.until or 0, self.options, self.ears.progress, decisions=decisions
        )
        result = Result(program, False, self.until, Tally(program))
        result.report = copy.deepcopy(slow.report)
        report_rows(result.report, vector.rows - len(rows))
        result.events["later"] += vector.later
        add_totals(result, found.totals, found.members.balances, len(vector.members))
        not_taken(result, vector, found.lost, False)
        result.outcomes = decisions.counts()
        members = side_of(program, vector, found, self.options.threads).members
        if len(rows):
            rest = self._played(program, slow)
            result.absorb(rest.result)
            members = pa.concat_tables([members, rest.members]).sort_by("member")
        return Ran(result, members, summary(result, engine="numba"), self._own)

    def _slow(self, program: Compiled, rows: Any) -> Events:
        """What members did who are not for columns."""
        events = rows_read(program, self.source, rows)
        return events if self.facts else asked_again(events)

    def _played(self, program: Compiled, events: Events) -> Ran:
        """A run by the door, to the same end."""
        return played(program, events, replace(self.options, until=self.until), Ears())

    def _by_events(self, program: Compiled) -> Ran:
        """All of it by the door: numbers that 64 bits might not hold."""
        every = rows_read(program, self.source, np.arange(self.source.rows))
        mode: Redemptions = "facts" if self.facts else "requests"
        options = replace(self.options, until=self.until)
        return ByEvents(self.vector.program, every, mode, options, Ears()).new(program)

    def _own(self, names: set[str]) -> Events:
        """What some members did, read again, but once for both programs."""
        if self._known[0] != names:
            self._known = (set(names), self._read_again(names))
        return self._known[1]

    def _read_again(self, names: set[str]) -> Events:
        wanted = pa.array(sorted(names), pa.string())
        rows = []
        for piece in self.source.pieces:
            with reading(piece) as column:
                members = column("member").cast(pa.string())
            mine = pc.is_in(members, value_set=wanted).to_numpy()
            rows.append(np.flatnonzero(mine) + piece.first)
        return self._slow(self.vector.program, np.concatenate(rows))

    def _own_decided(self, names: set[str]) -> Events:
        """The same with what the old program decided as facts."""
        events = self._own(names)
        program = self.vector.program
        return as_decided(events, replay(program, events, self.until).decided, program)


def rows_read(program: Compiled, source: Source, rows: Any) -> Events:
    """Rows through the readers, as of any file."""
    only: dict[str, set[int]] = {}
    for file, number in source.places(rows):
        only.setdefault(file, set()).add(number)
    if not only:
        return Events([], [], Report())
    return read_events(source.paths(), zone=program.program.zone, only=only)


def reads_alike(old: Compiled, new: Compiled) -> bool:
    """Whether two programs read the same of every event."""
    return _reads(old.program, old.slots) == _reads(new.program, new.slots)


def _reads(program: L.Linked, slots: Slots) -> tuple[Any, ...]:
    """Everything of a program that packed rows depend on."""
    strings = slots.strings
    texts = [name for name in strings.names if not name.startswith("level.")]
    return (
        program.zone, program.currency, program.exponent, program.products, program.late,
        [(unit.name, unit.scale, unit.spendable) for unit in program.units],
        dict(program.events), dict(program.member), slots.columns, slots.local,
        [(name, dict(strings.codes(name))) for name in texts], strings.predicates,
        [(each.index, each.effective_from, each.published_at) for each in program.versions],
    )  # fmt: skip
