"""Members whose events go through the door one by one, folded by the machine where it can.

What only a book can fold (see ``exact.resolve``) a book folds; the result does not say which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from laurels.engine.book import Book
from laurels.engine.compiled import Compiled
from laurels.engine.history import ASKS
from laurels.engine.kernel import layout as K
from laurels.replay.machine import exact
from laurels.replay.machine import member as M
from laurels.replay.machine.blocks import cut_down
from laurels.replay.machine.build import Machine
from laurels.replay.machine.columns import Columns
from laurels.replay.machine.result import add_totals
from laurels.replay.machine.run import Folded, Saved, fold
from laurels.replay.machine.sides import Side, folded_side
from laurels.replay.options import Ears, Options
from laurels.replay.run import Item, Result, Run
from laurels.replay.states import Keeper
from laurels.replay.tables import Kept, Rows


def fold_door(
    program: Compiled,
    code: Machine,
    found: exact.Read,
    result: Result,
    options: Options,
    ears: Ears,
) -> list[Side]:
    """Members whose events went through the door one by one: by the machine where it can."""
    builder = exact.Builder(program)
    for name, items in sorted(found.members.items()):
        if not builder.add(name, items):
            found.odd[name] = items
    columns = builder.columns()
    if not columns.is_safe():  # a book computes in integers without bounds
        found.odd |= found.members
        builder = exact.Builder(program)
        columns = builder.columns()
    keep = options.postings
    end = result.until if result.until is not None else 0
    folded = fold(
        code, columns, end, keep, options.threads, ears.progress, options.passed,
        options.keep is not None,
    )  # fmt: skip
    if options.keep is not None:
        keep_states(options.keep, pa.array(builder.members, pa.string()), folded.states)
    add_totals(result, folded.totals, folded.members.balances, len(builder.members))
    list_not_taken(result, builder, columns, folded)
    facts = exact.facts_of(builder, columns)
    return [
        folded_side(program, facts, folded, options.threads),
        fold_odd(program, found, result, options),
    ]


def fold_odd(program: Compiled, found: exact.Read, result: Result, options: Options) -> Side:
    """Members that only a book can fold."""
    kept = Kept(program, options.passed)
    rows = Rows(program, kept, not options.as_recorded, options.postings, options.passed)
    run = Run(program, options.as_recorded, None, rows.take)
    run.door, run.result, run.keep = found.door, result, options.keep
    for name in sorted(found.odd):
        book = Book(program, name, found.door)
        for item in found.odd[name]:
            run.take(book, item, result.until)
        run.close(book, found.odd[name], result.until)
    rows.close()
    return Side(kept.members, [kept.postings] if kept.postings.num_rows else [])


def keep_states(keep: Keeper, names: Any, states: Sequence[Saved]) -> None:
    """States of members, in the order of their names or in parts."""
    for each in states:
        keep.take(names.slice(each.first, len(each.sizes)), each.sizes, each.rows)


def list_not_taken(
    result: Result, builder: exact.Builder, columns: Columns, folded: Folded
) -> None:
    """Lists of what waits, what was refused and what was cut, member by member."""
    starts = np.array(builder.start)
    refusals, waiting = folded.made[M.Y_REFUSAL], folded.made[M.Y_WAITING]
    cut, _ = cut_down(columns, folded.made)
    lost: list[tuple[str, Item, bool]] = []
    for x, line in enumerate(builder.more):
        row = line[M.X_ROW]
        event = builder.rows[row]
        event.refusal = int(refusals[x])
        if event.type in ASKS and not waiting[x]:
            result.decide(event.member, event, int(folded.made[M.Y_POINTS][x]))
        if cut[x]:
            item = Item(event, builder.places[row], event.acts)
            result.cut_down(item, int(folded.made[M.Y_RETURNED][x]))
        nothing = event.type == "withdrawn" and line[M.X_REF] < 0
        if not (waiting[x] or refusals[x] or nothing):
            continue
        member = builder.members[int(np.searchsorted(starts, row, side="right")) - 1]
        item = Item(event, builder.places[row], event.acts)
        lost.append((member, item, bool(waiting[x]) or nothing))
    for _, item, waits in lost:
        if waits:
            result.wait(item)
        else:
            result.refuse(item)
    known = builder.program.program.events
    for event in builder.rows:
        if event.row[K.E_TYPE] == 0 and event.type not in known:
            result.ignored[event.type] += 1
