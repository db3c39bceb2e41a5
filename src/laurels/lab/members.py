"""Member by member: what each keeps under either program, and where each stands.

What a member *keeps* is what was issued, less what was taken back, less what expired: points that
were spent or can still be. Members who keep more under the new program gain, those who keep less
lose. Units that are worth money are added up in money; where none is, the first unit counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from laurels.lab.twice import Ran
from laurels.program import linked as L
from laurels.replay.writers import Column

Ints = NDArray[np.int64]
QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
STEPS_MAX = 6
"""Bounds of the distribution on either side of nothing."""


@dataclass
class Table:
    """Both runs, a row for each member in the order of their ids; points in steps.

    points  for each unit: kept and outstanding, old and new
    levels  for each ladder: places in the order of levels, 0 none, old and new
    value   the difference of what is kept, in ``1 / part`` of the smallest unit of ``measure``
    """

    names: Any
    units: dict[str, L.Unit]
    points: dict[tuple[str, str, str], Ints] = field(default_factory=dict)
    ladders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    levels: dict[tuple[str, str], Ints] = field(default_factory=dict)
    value: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    part: int = 1
    measure: str = ""
    scale: int = 0

    def __len__(self) -> int:
        return len(self.names)

    def amount(self, value: int) -> Fraction:
        """A value in whole units of the measure."""
        return Fraction(value, self.part * 10**self.scale)


def table(old: Ran, new: Ran) -> Table:
    """Set both runs side by side."""
    before, after = old.result.program.program, new.result.program.program
    names = _names(old.members, new.members)
    units = {unit.name: unit for unit in (*after.units, *before.units)}
    found = Table(names, units)
    for which, ran in (("old", old), ("new", new)):
        rows = pc.index_in(names, value_set=ran.members["member"].combine_chunks())
        at = rows.fill_null(-1).to_numpy().astype(np.int64)
        _points(found, which, ran, at)
    for ladder in after.ladders:
        if any(each.name == ladder.name for each in before.ladders):
            _levels(found, ladder.name, old, new)
    _value(found, before, after)
    return found


def _names(old: Any, new: Any) -> Any:
    """The members of both, in the order of their ids."""
    one, other = old["member"].combine_chunks(), new["member"].combine_chunks()
    if one.equals(other):
        return one
    every = pc.unique(pa.concat_arrays([one, other]))
    return every.take(pc.sort_indices(every))


def _column(ran: Ran, name: str, at: Ints) -> Ints:
    """A column of points in the order of the table; nothing where a run has no such member."""
    values = np.append(ran.members[name].to_numpy(), 0)
    return np.asarray(values, dtype=np.int64)[at]


def _points(found: Table, which: str, ran: Ran, at: Ints) -> None:
    own = {unit.name for unit in ran.result.program.program.units}
    for unit in found.units:
        if unit not in own:
            found.points[unit, "kept", which] = np.zeros(len(at), dtype=np.int64)
            found.points[unit, "outstanding", which] = np.zeros(len(at), dtype=np.int64)
            continue
        line = {name: _column(ran, f"{name}_{unit}", at)
                for name in ("issued", "taken_back", "expired", "active", "pending", "held",
                             "debt")}  # fmt: skip
        found.points[unit, "kept", which] = line["issued"] - line["taken_back"] - line["expired"]
        found.points[unit, "outstanding", which] = (
            line["active"] + line["pending"] + line["held"] - line["debt"]
        )


def _levels(found: Table, name: str, old: Ran, new: Ran) -> None:
    """Levels of both in one order: that of the new program, those that are gone where they were."""
    orders = [
        next(list(each.levels) for each in ran.result.program.program.ladders if each.name == name)
        for ran in (old, new)
    ]
    order = _merged(*orders)
    found.ladders[name] = tuple(order)
    for which, ran in (("old", old), ("new", new)):
        words = pa.array(order, pa.string())
        codes = pc.index_in(ran.members[f"tier_{name}"].combine_chunks(), value_set=words)
        places = np.append(codes.fill_null(-1).to_numpy().astype(np.int64) + 1, 0)
        rows = pc.index_in(found.names, value_set=ran.members["member"].combine_chunks())
        found.levels[name, which] = places[rows.fill_null(-1).to_numpy().astype(np.int64)]


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    order = list(new)
    at = 0
    for name in old:
        if name in order:
            at = order.index(name) + 1
        else:
            order.insert(at, name)
            at += 1
    return order


def _value(found: Table, before: L.Linked, after: L.Linked) -> None:
    """What each member gains or loses, exactly."""
    worth = {
        which: {unit.name: unit.worth for unit in program.units if unit.worth is not None}
        for which, program in (("old", before), ("new", after))
    }
    named = {name for each in worth.values() for name in each}
    found.value = np.zeros(len(found), dtype=np.int64)
    if not named:
        unit = after.units[0]
        found.measure, found.scale = unit.name, unit.scale
        kept = [found.points[unit.name, "kept", which] for which in ("new", "old")]
        found.value = kept[0] - kept[1]
        return
    found.measure, found.scale = after.currency, after.exponent
    every = [rate for each in worth.values() for rate in each.values()]
    found.part = lcm(*(rate.denominator for rate in every))
    for which, sign in (("old", -1), ("new", 1)):
        for name, rate in worth[which].items():
            factor = rate.numerator * (found.part // rate.denominator)
            found.value += sign * factor * found.points[name, "kept", which]


# -- what the table says -----------------------------------------------------------------------


def verdicts(found: Table) -> dict[str, int]:
    """How many gain, lose, and are as they were."""
    gain, lose = int((found.value > 0).sum()), int((found.value < 0).sum())
    return {"gain": gain, "lose": lose, "same": len(found) - gain - lose}


def bounds(found: Table) -> list[int]:
    """Bounds of the distribution above nothing, in ``1 / part`` of the measure's smallest unit:
    the last of 1, 2, 5, 10 and so on, of which one is above the largest difference."""
    most = int(np.abs(found.value).max(initial=0))
    every = [found.part * digit * 10**power for power in range(18) for digit in (1, 2, 5)]
    last = next(at for at, bound in enumerate(every) if bound > most)
    return every[max(0, last - STEPS_MAX) : last + 1]


def distribution(found: Table) -> Iterator[tuple[int, int, int]]:
    """Members by difference, from those who lose most: from, to, members; (0, 0) are those who
    are as they were. A bound belongs to the span that begins there, seen from nothing."""
    edges = bounds(found)
    spans = [(0, edges[0]), *pairwise(edges)]
    size = np.abs(found.value)
    for low, high in reversed(spans):
        inside = (found.value < 0) & (size >= low) & (size < high)
        yield -high, -low, int(inside.sum())
    yield 0, 0, int((found.value == 0).sum())
    for low, high in spans:
        inside = (found.value > 0) & (size >= low) & (size < high)
        yield low, high, int(inside.sum())


def quantiles(found: Table) -> dict[str, int]:
    """Differences below which so many per cent of all members lie."""
    ordered = np.sort(found.value)
    if not len(ordered):
        return {}
    return {str(each): int(ordered[min(len(ordered) - 1, len(ordered) * each // 100)])
            for each in QUANTILES}  # fmt: skip


def movements(found: Table, ladder: str) -> Iterator[tuple[int, int, int, int]]:
    """Level under the old program, under the new one, members, the sum of their differences."""
    old, new = found.levels[ladder, "old"], found.levels[ladder, "new"]
    size = len(found.ladders[ladder]) + 1
    both = old * size + new
    counts = np.bincount(both, minlength=size * size)
    for pair in np.flatnonzero(counts).tolist():
        total = sum(found.value[both == pair].tolist())
        yield pair // size, pair % size, int(counts[pair]), total


def most(found: Table, count: int) -> tuple[list[int], list[int]]:
    """Rows of those who gain most and of those who lose most; equal ones by their ids."""
    order = np.argsort(-found.value, kind="stable")
    gain = [row for row in order[:count].tolist() if found.value[row] > 0]
    order = np.argsort(found.value, kind="stable")
    lose = [row for row in order[:count].tolist() if found.value[row] < 0]
    return gain, lose


def columns(found: Table) -> tuple[list[Column], Mapping[str, Any]]:
    """The table as ``members.parquet`` of a comparison has it."""
    listed = [Column("member", "text")]
    values: dict[str, Any] = {"member": found.names.to_pylist()}
    for name, unit in found.units.items():
        for line in ("kept", "outstanding"):
            pair = [found.points[name, line, which] for which in ("old", "new")]
            for title, array in zip(
                ("old", "new", "difference"), (*pair, pair[1] - pair[0]), strict=True
            ):
                listed.append(Column(f"{line}_{name}_{title}", "points", unit.scale))
                values[listed[-1].name] = array.tolist()
    for ladder, levels in found.ladders.items():
        words = [None, *levels]
        for which in ("old", "new"):
            listed.append(Column(f"tier_{ladder}_{which}", "text"))
            values[listed[-1].name] = [words[at] for at in found.levels[ladder, which].tolist()]
    listed.append(Column("value_difference", "points", found.scale))
    values["value_difference"] = [_half_up(each, found.part) for each in found.value.tolist()]
    return listed, values


def _half_up(value: int, part: int) -> int:
    return (2 * value + part) // (2 * part)
