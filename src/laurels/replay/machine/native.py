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
from laurels.engine.book import REFUSALS
from laurels.engine.compiled import Compiled
from laurels.replay.events import read_events
from laurels.replay.machine import exact
from laurels.replay.machine import member as M
from laurels.replay.machine.build import Tell, machine
from laurels.replay.machine.columns import Columns
from laurels.replay.machine.door import fold_door
from laurels.replay.machine.posted import Facts
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.run import Folded, fold
from laurels.replay.machine.sides import Side, folded_side, hand_over
from laurels.replay.machine.tables import read_table
from laurels.replay.machine.vector import Vector, Watch
from laurels.replay.options import Ears, Options
from laurels.replay.raw import Place, Refused, Report, Waiting
from laurels.replay.readers import find_files
from laurels.replay.run import Result
from laurels.replay.tables import Kept
from laurels.replay.tally import Tally
from laurels.replay.values import shown


@dataclass
class Native:
    """What came of native files. ``slow``: rows of members that went through the door."""

    result: Result
    sides: list[Side]
    slow: int

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
    ensure(apart(program), "members share budgets or give to each other")
    ears = Ears(None, tell or (lambda _: None), watch or (lambda _: None))
    options = Options(until=until, postings=False, threads=threads, lists=lists)
    found = run_files(program, find_files(paths), options, ears)
    assert found is not None, "files that are not plain"
    return found


def run_files(
    program: Compiled, paths: Sequence[Path], options: Options, ears: Ears
) -> Native | None:
    """The same; None where the files are not plain enough to be read as columns."""
    read = read_table(program, paths)
    if read is None:
        return None
    table, lengths = read
    ears.phase("read")
    until, files = options.until, [str(path) for path in paths]
    vector = Vector(program, table, lengths, ears.phase)
    vector.encode(options.threads)
    vector.check_special()
    slow_rows = vector.group(until)
    columns = vector.columns(options.threads)
    if not columns.is_safe():
        return None
    result = Result(program, False, None, Tally(program))
    result.report = Report()
    side, moment = _slow(program, slow_rows, lengths, files, result, until)
    _report(result.report, vector.rows - len(slow_rows))
    if until is None:
        fast = int(vector.at[vector.order].max()) + 1 if len(vector.order) else None
        until = max((each for each in (fast, moment) if each is not None), default=None)
    result.until = until
    result.events["later"] += int(vector.later.sum())
    code = machine(program, tell=ears.compiling)
    folded = fold(
        code, columns, until or 0, options.postings, options.threads, ears.progress, options.passed
    )
    ears.phase("decide")
    names = vector.members.cast(pa.string())
    facts = Facts(columns, names, None)
    if options.postings:
        facts = facts_of(vector, columns, names)
    sides = [folded_side(program, facts, folded)]
    add_totals(result, folded.totals, folded.members.balances, len(vector.members))
    _not_taken(result, vector, columns, folded, files if options.lists else None)
    if side is not None:
        sides += fold_door(program, code, side, result, options, ears)
    ears.phase("members")
    return Native(result, sides, len(slow_rows))


def _report(report: Report, events: int) -> None:
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


def facts_of(vector: Vector, columns: Columns, names: Any) -> Facts:
    """What postings say of the events of a table."""
    sources = None
    if "source" in vector.names:
        sources = _texts(vector.table["source"])
        sources = None if sources.null_count == len(sources) else sources.fill_null("")
    return Facts(columns, names, _texts(vector.table["id"]), sources)


def _texts(column: Any) -> Any:
    """A column of texts, or numbers as texts, in one piece."""
    column = column.cast(pa.large_string())
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _not_taken(
    result: Result, vector: Vector, columns: Columns, folded: Folded, files: list[str] | None
) -> None:
    """What waits and what was refused: counted, and listed where files are named."""
    refusals, waiting = folded.made[M.Y_REFUSAL], folded.made[M.Y_WAITING]
    lost = np.flatnonzero((refusals > 0) | (waiting > 0))
    waits = waiting[lost] > 0
    result.events["waiting"] += int(waits.sum())
    result.events["refused"] += int(len(lost) - waits.sum())
    reasons = np.bincount(refusals[lost][~waits]) if len(lost) else np.zeros(0, dtype=np.int64)
    for reason in np.flatnonzero(reasons).tolist():
        result.reasons[REFUSALS[reason]] += int(reasons[reason])
    if not len(lost) or files is None:
        return
    spots = columns.more[M.X_ROW][lost]
    owners = np.searchsorted(columns.start, spots, side="right") - 1
    names = vector.members.take(pa.array(owners))
    sort = pc.sort_indices(names).to_numpy()
    rows, lost = vector.order[spots[sort]], lost[sort]
    part = vector.table.select(
        [name for name in ("id", "type", "unit", "points", "returns") if name in vector.names]
    ).take(pa.array(rows))
    texts = {name: ["" if v is None else shown(v) for v in part[name].to_pylist()]
             for name in part.column_names}  # fmt: skip
    nothing = [""] * len(rows)
    times = [format_instant(at) for at in columns.occurred[spots[sort]].tolist()]
    places = places_of(rows, vector.lengths, files)
    every = zip(
        places, texts["id"], names.take(pa.array(sort)).to_pylist(), texts["type"], times,
        texts.get("unit", nothing), texts.get("points", nothing), texts.get("returns", nothing),
        refusals[lost].tolist(), waiting[lost].tolist(), strict=True,
    )  # fmt: skip
    for place, name, member, kind, when, unit, points, back, refusal, waits in every:
        about = (place[0], place[1], name, member, kind, when)
        if waits:
            result.waiting.append(Waiting(*about, back))
        else:
            result.refused.append(Refused(*about, unit, points, REFUSALS[refusal]))


def _slow(
    program: Compiled,
    rows: Any,
    lengths: Sequence[int],
    files: list[str],
    result: Result,
    until: int | None,
) -> tuple[exact.Read | None, int | None]:
    """The members that the door must look at: their rows are read again, as any file."""
    if not len(rows):
        return None, None
    only: dict[str, set[int]] = {}
    for file, number in places_of(rows, lengths, files):
        only.setdefault(file, set()).add(number)
    events = read_events(files, zone=program.program.zone, only=only)
    result.report = events.report
    result.rejected += events.report.rejected
    side = exact.read(program, zip(events, events.places, strict=True), result, until)
    return side, result.until


def places_of(rows: Any, lengths: Sequence[int], files: Sequence[str]) -> list[Place]:
    """Where rows of the whole table stand: file, and row counted from 1."""
    ends = np.cumsum(lengths)
    file = np.searchsorted(ends, rows, side="right")
    first = np.concatenate([[0], ends[:-1]])[file]
    numbers = (rows - first + 1).tolist()
    return [Place(files[f], n) for f, n in zip(file.tolist(), numbers, strict=True)]
