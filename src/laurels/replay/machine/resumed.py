"""A native history from saved states on: members begin with their rows of the states.

Members of whom anything is odd, or who must be folded again (see ``replay.resumed``), are left to
the door with all that they did.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.engine.compiled import Compiled
from laurels.replay.events import read_events
from laurels.replay.machine.blocks import fold_blocks
from laurels.replay.machine.build import machine
from laurels.replay.machine.door import keep_states
from laurels.replay.machine.native import not_taken, report_rows, run_source, side_of
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.run import Begin
from laurels.replay.machine.sides import Side, hand_over
from laurels.replay.machine.source import ROW, Source, table_file
from laurels.replay.machine.tables import open_source
from laurels.replay.machine.vector import Vector
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events, Report
from laurels.replay.readers import find_files
from laurels.replay.resumed import (
    Again,
    fold_again,
    late_side,
    past_rows,
    seen_before,
    with_past,
)
from laurels.replay.run import Result
from laurels.replay.states import States, numbers_of
from laurels.replay.tables import Kept
from laurels.replay.tally import Tally


def run_native(
    program: Compiled, history: Files, options: Options, ears: Ears
) -> tuple[Options, Result, list[Side], Again] | None:
    """The members that begin with their states, and those that were folded again; None where the
    files are not plain enough to be read as columns."""
    states = options.states
    assert states is not None
    source = open_source(program, find_files(history.paths))
    if source is None:
        return None
    vector = Vector(program, source)
    try:
        vector.encode(options.threads)
    except (pa.ArrowException, OSError):
        return None
    ears.phase("read")
    names = _mark(vector, states)
    rows = vector.group(None, options.threads)
    if not vector.is_safe():
        return None
    names |= set(vector.left.cast(pa.string()).to_pylist())
    last = vector.last()
    again, until, read = _fold_again(
        program, vector, names, rows, options, None if last is None else last + 1
    )
    vector.leave_out_late(until)
    wanted = replace(options, until=until)
    begin = _begin(vector, states, names)
    ears.phase("group")
    found = fold_blocks(machine(program, tell=ears.compiling), vector, until, wanted,
                        ears.progress, begin)  # fmt: skip
    ears.phase("decide")
    result = Result(program, False, until, Tally(program))
    result.report = read
    result.rejected += read.rejected
    report_rows(result.report, vector.rows - len(rows))
    result.events["later"] += vector.later
    side = side_of(program, vector, found, options.threads)
    add_totals(result, found.totals, found.members.balances, len(vector.members))
    not_taken(result, vector, found.lost, options.lists)
    if options.keep is not None:
        keep_states(options.keep, vector.members.cast(pa.string()), found.states)
    ears.phase("members")
    return wanted, result, [side], again


def _fold_again(
    program: Compiled, vector: Vector, names: set[str], rows: Any, options: Options, end: int | None
) -> tuple[Again, int, Report]:
    """Fold members from their first event: in columns, where their files are plain; also the end
    of the run, and what became of the rows since. ``end``: of the other members."""
    states = options.states
    assert states is not None
    paths = [Path(each) for each in vector.source.paths()]
    origin = open_source(program, [*(path for path, _ in states.files), *paths])
    if origin is not None:
        past = past_rows(states, names)
        whole = np.concatenate([past, rows + (origin.rows - vector.rows)])
        found = _in_columns(program, origin, past, whole, options, end)
        if found is not None:
            return found
    events = with_past(program, states, names, _events(program, vector, rows))
    return *fold_again(program, events, options, end), events.read


def _in_columns(
    program: Compiled, origin: Source, past: Any, whole: Any, options: Options, end: int | None
) -> tuple[Again, int, Report] | None:
    """The same over rows of the files, as those of a part; None where numbers are too large."""
    states = options.states
    assert states is not None
    alone = replace(options, states=None, keep=None)
    before, now = _rows(origin, past), _rows(origin, whole)
    until = options.until
    if until is None:
        ran = _ran(program, now, replace(alone, postings=False))
        if ran is None:
            return None
        ends = (states.at, end, ran[0].until)
        until = max(each for each in ends if each is not None)
    then = _ran(program, before, replace(alone, until=states.at, postings=False))
    last = _ran(program, now, replace(alone, until=until, keep=options.keep))
    if then is None or last is None:
        return None
    kept = Kept(program, options.passed)
    hand_over(kept, last[1], options.postings)
    read = Report()
    for name in ("rows", "events", "lines", "duplicates"):
        more = getattr(last[0].report, name) - getattr(then[0].report, name)
        setattr(read, name, more)
    return Again(last[0], then[0], late_side(kept, states.at)), until, read


def _ran(program: Compiled, source: Source, options: Options) -> tuple[Result, list[Side]] | None:
    """A run of some rows; None where numbers are too large."""
    if not source.rows:
        nothing = Result(program, False, options.until, Tally(program))
        nothing.report = Report()
        return nothing, []
    found = run_source(program, source, options, Ears())
    return None if found is None else (found.result, found.sides)


def _rows(origin: Source, rows: Any) -> Source:
    """Some rows of a source as a source."""
    names = sorted(origin.names)
    if not len(rows):
        return Source([], origin)
    table = origin.take(rows, names).append_column(ROW, pa.array(rows))
    return Source([table_file("", table)], origin)


def _mark(vector: Vector, states: States) -> set[str]:
    """Mark the rows of members that must be folded again; their names as far as they are known."""
    odd = vector.packed["odd"]
    odd[vector.packed["at"] < states.at] |= 1
    owners, hits = seen_before(states.ids(), numbers_of(vector.source.texts("id")))
    seen = np.zeros(vector.rows, dtype=np.int8)
    seen[hits] = 1
    odd |= seen[vector.packed["row"]]
    _mark_unresolved(vector)
    names = {*states.again().to_pylist(), *owners}
    mine = pc.is_in(vector.names.cast(pa.string()), value_set=pa.array(sorted(names), pa.string()))
    odd[mine.to_numpy(zero_copy_only=False)[vector.packed["member"]]] |= 1
    return names


def _mark_unresolved(vector: Vector) -> None:
    """Rows that name what their member did not do since the instant."""
    few = vector.special
    naming = np.flatnonzero(few.refers)
    if not len(naming):
        return
    rows = vector.places[naming]
    codes = vector.packed["member"]
    there = _pairs(codes, vector.packed["name"])
    wanted = _pairs(codes[rows], few.names[naming])
    vector.packed["odd"][rows[~np.isin(wanted, there)]] |= 1


def _pairs(codes: NDArray[np.int32], names: NDArray[np.int64]) -> NDArray[np.int64]:
    """A member and an id as one number."""
    found: NDArray[np.int64] = names ^ (codes.astype(np.int64) * 0x9E3779B97F4A7C1)
    return found


def _events(program: Compiled, vector: Vector, rows: Any) -> Events:
    """Rows through the readers, as of any file."""
    only: dict[str, set[int]] = {}
    for file, number in vector.source.places(rows):
        only.setdefault(file, set()).add(number)
    if not only:
        return Events([], [], Report())
    return read_events(vector.source.paths(), zone=program.program.zone, only=only)


def _begin(vector: Vector, states: States, names: set[str]) -> Begin:
    """Where the state of each member of the vector stands; members who did nothing since come to
    it, last."""
    known = pc.is_in(states.names, value_set=vector.members.cast(pa.string()))
    left = pc.is_in(states.names, value_set=pa.array(sorted(names), pa.string()))
    idle = states.names.filter(pc.invert(pc.or_(known, left)))
    vector.add_idle(idle)
    at = pc.index_in(vector.members, value_set=states.names).fill_null(-1).to_numpy()
    starts = np.append(states.ends[:-1], -1)
    return Begin(np.ascontiguousarray(starts[at]), states.rows)
