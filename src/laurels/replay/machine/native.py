"""A whole history from native files: columns straight from Arrow, machine code, a result.

Members with anything unusual in their history go through the door event by event; both sides add
up to one result, the same as if all had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laurels.base.errors import ensure
from laurels.base.instants import format_instant
from laurels.base.money import format_decimal
from laurels.engine.book import REFUSALS
from laurels.engine.compiled import Compiled
from laurels.replay.events import read_events
from laurels.replay.machine import exact
from laurels.replay.machine.blocks import Found, Lost, fold_blocks
from laurels.replay.machine.build import Tell, machine
from laurels.replay.machine.door import fold_door, keep_states
from laurels.replay.machine.posted import Facts
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.run import Folded
from laurels.replay.machine.sides import Side, folded_side, hand_over
from laurels.replay.machine.source import Source
from laurels.replay.machine.tables import open_source
from laurels.replay.machine.vector import Vector, Watch
from laurels.replay.options import Ears, Options
from laurels.replay.raw import Cut, Refused, Report, Waiting
from laurels.replay.readers import find_files
from laurels.replay.run import Result
from laurels.replay.tables import Kept
from laurels.replay.tally import Tally
from laurels.replay.values import shown


@dataclass
class Native:
    """What came of native files. ``slow``: rows of members that went through the door; ``vector``
    knows the seconds of each phase; ``end``: just after the last event of all that was taken"""

    result: Result
    sides: list[Side]
    slow: int
    vector: Vector
    end: int | None

    def members(self, program: Compiled) -> Any:
        """All members, in the order of their ids; points in steps."""
        kept = Kept(program)
        hand_over(kept, self.sides, False)
        return kept.members


def replay_files(
    program: Compiled,
    paths: Sequence[str | Path],
    until: int | None = None,
    threads: int = 1,
    tell: Tell | None = None,
    watch: Watch | None = None,
    lists: bool = True,
) -> Native:
    """Run the history in native files, net. ``watch`` hears which phase is done.

    lists  name every request that was refused and every event that waits; else only count them

    Raises RequestError for files that cannot be read, Fault for files that are not plain.
    """
    ensure(apart(program), "members share budgets or give to each other: see `play`")
    ears = Ears(None, tell or (lambda _: None), watch or (lambda _: None))
    options = Options(until=until, postings=False, threads=threads, lists=lists)
    found = run_files(program, find_files(paths), options, ears)
    assert found is not None, "files that are not plain"
    return found


def run_files(
    program: Compiled, paths: Sequence[Path], options: Options, ears: Ears
) -> Native | None:
    """The same; None where the files are not plain enough to be read as columns."""
    source = open_source(program, paths)
    return None if source is None else run_source(program, source, options, ears)


def run_source(
    program: Compiled, source: Source, options: Options, ears: Ears
) -> Native | None:  # fmt: skip
    """The same for files that are open."""
    vector = Vector(program, source)
    try:
        vector.encode(options.threads)
    except (pa.ArrowException, OSError):
        return None  # the readers say what is wrong with a file
    ears.phase("read")
    if options.as_recorded:  # what a return may correct, the door sees
        backs = vector.packed["kind"] == program.program.events["return"].index
        vector.packed["odd"][backs] |= 1
        vector.mark_recorded()
    until = options.until
    slow_rows = vector.group(until, options.threads)
    if not vector.is_safe():
        return None
    result = Result(program, options.as_recorded, None, Tally(program))
    result.report = Report()
    side, moment = _slow(program, slow_rows, source, result, until)
    report_rows(result.report, vector.rows - len(slow_rows))
    fast = vector.last()
    ends = (moment, None if fast is None else fast + 1)
    end = max((each for each in ends if each is not None), default=None)
    if until is None:
        until = end
    result.until = until
    result.events["later"] += vector.later
    ears.phase("group")
    code = machine(program, tell=ears.compiling)
    found = fold_blocks(code, vector, until or 0, options, ears.progress)
    ears.phase("decide")
    sides = [side_of(program, vector, found, options.threads)]
    if options.keep is not None:
        keep_states(options.keep, vector.members.cast(pa.string()), found.states)
    add_totals(result, found.totals, found.members.balances, len(vector.members))
    not_taken(result, vector, found.lost, options.lists)
    if side is not None:
        sides += fold_door(program, code, side, result, options, ears)
    ears.phase("members")
    return Native(result, sides, len(slow_rows), vector, end)


def side_of(program: Compiled, vector: Vector, found: Found, threads: int) -> Side:
    """Members that the machine folded, and the postings that were kept."""
    members = vector.members.cast(pa.string())
    folded = Folded(found.members, found.totals, (), found.records)
    facts = facts_of(vector, members, bool(found.records))
    return folded_side(program, facts, folded, threads)


def report_rows(report: Report, events: int) -> None:
    """Rows that were an event each."""
    report.rows += events
    report.events += events
    report.lines += events


def apart(program: Compiled) -> bool:
    """Whether no member of a program can ever touch another."""
    linked = program.program
    return not any(cap.budget for cap in linked.caps) and not any(
        unit.transferable for unit in linked.units
    )


def facts_of(vector: Vector, members: Any, postings: bool) -> Facts:
    """What postings say of the events of a vector."""
    columns = vector.in_order(postings)
    if not postings:
        return Facts(columns, members, None)
    sources = None
    if "source" in vector.source.names:
        sources = vector.source.texts("source")
        sources = None if sources.null_count == len(sources) else sources.fill_null("")
    return Facts(columns, members, vector.source.texts("id"), sources)


def not_taken(result: Result, vector: Vector, lost: Lost, lists: bool) -> None:
    """What waits, was refused, or cut: counted, and listed on request."""
    waits, refused = lost.waiting > 0, (lost.waiting == 0) & (lost.cut == 0)
    result.events["waiting"] += int(waits.sum())
    result.events["refused"] += int(refused.sum())
    result.events["cut"] += int(lost.cut.sum())
    reasons = np.bincount(lost.refusals[refused].astype(np.int64))
    for reason in np.flatnonzero(reasons).tolist():
        result.reasons[REFUSALS[reason]] += int(reasons[reason])
    if not len(lost.rows) or not lists:
        return
    names = vector.members.take(pa.array(lost.owners))
    sort = pc.sort_indices(names).to_numpy()
    packed = lost.rows[sort]
    rows = vector.packed["row"][packed]
    part = vector.source.take(rows, ["id", "type", "unit", "points", "returns"])
    texts = {name: ["" if v is None else shown(v) for v in part[name].to_pylist()]
             for name in part.column_names}  # fmt: skip
    nothing = [""] * len(rows)
    exponent = vector.program.program.exponent
    times = [format_instant(at) for at in vector.packed["at"][packed].tolist()]
    every = zip(
        vector.source.places(rows), texts["id"], names.take(pa.array(sort)).to_pylist(),
        texts["type"], times, texts.get("unit", nothing), texts.get("points", nothing),
        texts.get("returns", nothing), lost.refusals[sort].tolist(), lost.waiting[sort].tolist(),
        lost.cut[sort].tolist(), *(
            [format_decimal(amount, exponent) for amount in amounts[sort].tolist()]
            for amounts in (lost.asked, lost.taken)
        ), strict=True,
    )  # fmt: skip
    for place, name, member, kind, when, unit, points, back, refusal, waiting, cut, *sums in every:
        about = (place[0], place[1], name, member, kind, when)
        if cut:
            result.cut.append(Cut(place[0], place[1], name, member, when, back, *sums))
        elif waiting:
            result.waiting.append(Waiting(*about, back))
        else:
            result.refused.append(Refused(*about, unit, points, REFUSALS[refusal]))


def _slow(
    program: Compiled, rows: Any, source: Source, result: Result, until: int | None
) -> tuple[exact.Read | None, int | None]:
    """The members that the door must look at: their rows are read again, as any file."""
    if not len(rows):
        return None, None
    only: dict[str, set[int]] = {}
    for file, number in source.places(rows):
        only.setdefault(file, set()).add(number)
    events = read_events(source.paths(), zone=program.program.zone, only=only)
    result.report = events.report
    result.rejected += events.report.rejected
    side = exact.read(program, zip(events, events.places, strict=True), result, until)
    if until is None:
        return side, result.until
    moments = [item.moment for items in side.members.values() for item in items]
    return side, max(moments) + 1 if moments else None
