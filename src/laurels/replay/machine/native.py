"""A whole history from native files: columns straight from Arrow, machine code, a result.

Members with anything unusual in their history go through the door event by event; both sides add
up to one result, the same as if all had.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from laurels.base.errors import ensure
from laurels.base.instants import format_instant
from laurels.engine.book import REFUSALS
from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.replay.events import read_events
from laurels.replay.machine import exact
from laurels.replay.machine import member as M
from laurels.replay.machine.build import Machine, Tell, machine
from laurels.replay.machine.columns import Columns
from laurels.replay.machine.engine import Sides, fold_odd, list_not_taken
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.run import Folded, Members, fold
from laurels.replay.machine.vector import Vector, Watch, read_table
from laurels.replay.raw import Place, Refused, Waiting
from laurels.replay.run import Result
from laurels.replay.tally import Tally
from laurels.replay.values import shown


@dataclass
class Native:
    """What came of native files. ``members``: a table, sorted by member; points in steps."""

    result: Result
    members: Any
    columns: Columns
    folded: Folded
    slow: int


def replay_files(
    program: Compiled,
    paths: Sequence[str | Path],
    until: int | None = None,
    threads: int = 1,
    tell: Tell | None = None,
    watch: Watch | None = None,
    keep: bool = False,
    lists: bool = True,
) -> Native:
    """Run the history in native Parquet files, net. ``watch`` hears which phase is done.

    lists  name every request that was refused and every event that waits; else only count them

    Raises RequestError for files that cannot be read.
    """
    ensure(apart(program), "members share budgets or give to each other: replay_columns")
    heard: Watch = watch or (lambda _: None)
    table, lengths = read_table(paths)
    heard("read")
    vector = Vector(program, table, lengths, heard)
    vector.encode(threads)
    vector.check_special()
    result = Result(program, False, None, Tally(program))
    slow_rows = vector.group(until)
    side, moment = _slow(program, vector, slow_rows, result, until, [str(each) for each in paths])
    if until is None:
        fast = int(vector.at[vector.order].max()) + 1 if len(vector.order) else None
        until = max((each for each in (fast, moment) if each is not None), default=None)
    result.until = until
    result.events["later"] += int(vector.later.sum())
    columns = vector.columns(threads)
    code = machine(program, tell=tell)
    folded = fold(code, columns, until or 0, keep, threads)
    heard("decide")
    members = [members_table(program, vector.members, folded.members)]
    add_totals(result, folded.totals, folded.members.balances, len(vector.members))
    if lists:
        _not_taken(result, vector, columns, folded, [str(path) for path in paths])
    else:
        waits = int((folded.made[M.Y_WAITING] > 0).sum())
        refused = (folded.made[M.Y_REFUSAL] > 0) & (folded.made[M.Y_WAITING] == 0)
        result.events["waiting"] += waits
        result.events["refused"] += int(refused.sum())
    if side is not None:
        members += _fold_side(program, code, side, result, until or 0)
    found = pa.concat_tables(members).sort_by("member")
    heard("members")
    return Native(result, found, columns, folded, len(slow_rows))


def apart(program: Compiled) -> bool:
    """Whether no member of a program can ever touch another."""
    linked = program.program
    return not any(cap.budget for cap in linked.caps) and not any(
        unit.transferable for unit in linked.units
    )


def _fold_side(
    program: Compiled, code: Machine, side: exact.Read, result: Result, until: int
) -> list[Any]:
    """The members that went through the door; tables of them."""
    builder = exact.Builder(program)
    for name, items in side.members.items():
        if not builder.add(name, items):
            side.odd[name] = items
    folded = fold(code, builder.columns(), until)
    names = pa.array(builder.members, pa.string())
    table = members_table(program, names, folded.members)
    add_totals(result, folded.totals, folded.members.balances, len(names))
    list_not_taken(result, builder, folded)
    sides = Sides()
    fold_odd(program, side, result, sides)
    result.rejected.sort(key=lambda each: (each.file, each.row))
    odd = [sides.rows[name] for name in sorted(sides.rows)]
    return [table, pa.Table.from_pylist(odd, table.schema)]


def _not_taken(
    result: Result, vector: Vector, columns: Columns, folded: Folded, files: list[str]
) -> None:
    """Lists of what waits and what was refused, member by member."""
    refusals, waiting = folded.made[M.Y_REFUSAL], folded.made[M.Y_WAITING]
    lost = np.flatnonzero((refusals > 0) | (waiting > 0))
    if not len(lost):
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
    times = [format_instant(at) for at in vector.at[rows].tolist()]
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
    result.events["waiting"] += len(result.waiting)
    result.events["refused"] += len(result.refused)


def _slow(
    program: Compiled,
    vector: Vector,
    rows: Any,
    result: Result,
    until: int | None,
    files: list[str],
) -> tuple[exact.Read | None, int | None]:
    """The members that the door must look at: read like any file, rows counted as in theirs."""
    if not len(rows):
        return None, None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(vector.table.take(pa.array(rows)), path)
        events = read_events([path], zone=program.program.zone)
    found = rows[[each.row - 1 for each in events.places]]
    places = [Place(*each) for each in places_of(found, vector.lengths, files)]
    side = exact.read(program, zip(events, places, strict=True), result, until)
    return side, result.until


def places_of(rows: Any, lengths: Sequence[int], files: Sequence[str]) -> list[tuple[str, int]]:
    """Where rows of the whole table stand: file, and row counted from 1."""
    ends = np.cumsum(lengths)
    file = np.searchsorted(ends, rows, side="right")
    first = np.concatenate([[0], ends[:-1]])[file]
    return [(files[f], n) for f, n in zip(file.tolist(), (rows - first + 1).tolist(), strict=True)]


def members_table(program: Compiled, names: Any, members: Members) -> Any:
    """Members as columns, as ``member_row`` has them in rows; instants in microseconds."""
    linked = program.program
    found: dict[str, Any] = {"member": names.cast(pa.string())}
    for unit in linked.units:
        for place, stage in enumerate(("active", "pending", "held", "debt")):
            column = members.balances[:, unit.index * 4 + place]
            found[f"{stage}_{unit.name}"] = pa.array(np.ascontiguousarray(column))
    for ladder in linked.ladders:
        codes = members.levels[:, ladder.index].astype(np.int32)
        words = pa.array([None, *ladder.levels], pa.string())
        found[f"tier_{ladder.name}"] = pc.take(words, pa.array(codes))
        found[f"tier_{ladder.name}_until"] = instants(members.level_untils[:, ladder.index])
    found["next_expiry"] = instants(members.expiries)
    return pa.table(found)


def instants(values: Any) -> Any:
    """Instants, nothing for never."""
    return pa.array(np.ascontiguousarray(values), mask=values >= K.NEVER)
