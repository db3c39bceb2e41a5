"""What a folded history says, in the shape in which every replay says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laurels.engine.compiled import Compiled
from laurels.engine.kernel import layout as K
from laurels.ledger.accounts import ACCOUNTS
from laurels.replay.machine import totals as T
from laurels.replay.machine.filling import rule_keys
from laurels.replay.machine.run import Members, Totals
from laurels.replay.run import Result
from laurels.replay.tables import PASSED
from laurels.replay.tally import ACTIVATED, CARRIED, STAGES, RuleTotal, Tally


def add_totals(result: Result, totals: Totals, members: Any, count: int) -> None:
    """Add what the machine added up to a result. ``members``: their balances."""
    tally, program = result.tally, result.program
    tally.members += count
    tally.postings += totals.postings
    _add_points(tally, program, totals)
    for (stage, _, _), column in zip(STAGES, range(4), strict=True):
        for unit in program.program.units:
            tally.stages[unit.name, stage] += int(members[:, unit.index * 4 + column].sum())
    _add_rules(tally, program, totals)
    _add_cuts(tally, program, totals)
    _add_levels(tally, totals)
    for kind in program.program.events.values():
        seen = int(totals.types[kind.index])
        if seen:
            tally.types[kind.name] += seen
            result.events["taken"] += seen
    result.events["ignored"] += int(totals.types[0])
    for counter, values in ((tally.gross, totals.gross), (tally.returned, totals.returned)):
        for month in np.flatnonzero(values).tolist():
            counter[totals.month + month] += int(values[month])
            tally.months.add(totals.month + month)
    begun = np.flatnonzero(totals.came[0]).tolist()
    tally.months.update(totals.month + month for month in begun)
    if result.until is not None and begun:
        tally.months.add(tally.month_of(result.until - 1))


NAMES = {0: ACTIVATED, **ACCOUNTS, T.CARRIED: CARRIED}


def _add_points(tally: Tally, program: Compiled, totals: Totals) -> None:
    linked = program.program
    for at in np.argwhere(totals.flows):
        month, unit, funder, account = at.tolist()
        key = (totals.month + month, linked.units[unit].name, linked.funders[funder])
        tally.flows[(*key, NAMES[account])] += int(totals.flows[tuple(at)])
    for at in np.argwhere(totals.leveled):
        month, ladder, level, unit, account = at.tolist()
        where = (totals.month + month, ladder, level, linked.units[unit].name, NAMES[account])
        tally.leveled[where] += int(totals.leveled[tuple(at)])


def _add_cuts(tally: Tally, program: Compiled, totals: Totals) -> None:
    for month, cap in np.argwhere(totals.cuts).tolist():
        tally.cuts[totals.month + month, program.program.caps[cap].name] += int(
            totals.cuts[month, cap]
        )


def _add_rules(tally: Tally, program: Compiled, totals: Totals) -> None:
    units = program.program.units
    for number, (rule, unit) in enumerate(rule_keys(program)):
        key = (rule, units[unit].name)
        events, members = totals.rules[number].tolist()
        if not (events or totals.ruled[:, number].any()):
            continue
        total = tally.rules.setdefault(key, RuleTotal())
        total.events += events
        total.members += members
        for month in np.flatnonzero(totals.ruled[:, number].any(axis=1)).tolist():
            earned, taken_back = totals.ruled[month, number].tolist()
            total.add(totals.month + month, earned, taken_back)


def _add_levels(tally: Tally, totals: Totals) -> None:
    for ladder, found in enumerate(tally.levels):
        for code, month in np.argwhere(totals.steps[ladder]).tolist():
            found.steps[code, totals.month + month] += int(totals.steps[ladder, code, month])
        for before, after, month in np.argwhere(totals.moved[ladder]).tolist():
            found.moved[before, after, totals.month + month] += int(
                totals.moved[ladder, before, after, month]
            )
        for month in np.flatnonzero(totals.came[ladder]).tolist():
            found.came[totals.month + month] += int(totals.came[ladder, month])


def members_table(program: Compiled, names: Any, members: Members) -> Any:
    """Members as columns, as ``member_row`` has them in rows; instants in microseconds."""
    linked = program.program
    found: dict[str, Any] = {"member": names.cast(pa.string())}
    for unit in linked.units:
        for place, stage in enumerate(("active", "pending", "held", "debt")):
            column = members.balances[:, unit.index * 4 + place]
            found[f"{stage}_{unit.name}"] = pa.array(np.ascontiguousarray(column))
    if len(members.passed):
        for unit in linked.units:
            for place, line in enumerate(PASSED):
                column = members.passed[:, unit.index * 4 + place]
                found[f"{line}_{unit.name}"] = pa.array(np.ascontiguousarray(column))
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
