"""A value tried at several settings: the same comparison for each, in one table.

    ladders.category.c3.spend=200000,250000,300000

Several grids make every combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from laurels.base.errors import RequestError
from laurels.lab.columns import under
from laurels.lab.compare import asked, compared
from laurels.lab.pair import Side, pair, side
from laurels.lab.twice import Redemptions
from laurels.program.setting import setting
from laurels.replay.options import Ears, Files, Options
from laurels.replay.raw import Events

CELLS_MAX = 64


@dataclass(frozen=True)
class Axis:
    """A path and the values that it is tried at."""

    path: str
    values: tuple[str, ...]


def axis(text: str) -> Axis:
    """Read ``path=value,value``. A list or mapping as a value is not split. Raises RequestError."""
    found = setting(text)
    values = _split(found.value)
    if not all(values) or len(set(values)) < len(values):
        raise RequestError(
            "grid-form", f"`{text[:80]}` tries nothing, or a value twice", where="--grid",
            expected="a path, then = and values with commas between them",
        )  # fmt: skip
    return Axis(found.path, values)


def _split(text: str) -> tuple[str, ...]:
    """At commas outside of brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return tuple(each.strip() for each in found)


def cells(axes: Sequence[Axis]) -> list[tuple[str, ...]]:
    """Every combination, as settings. Raises RequestError for too many."""
    if len({each.path for each in axes}) < len(axes):
        raise RequestError(
            "grid-form", "one path stands in two grids", where="--grid", expected="each path once"
        )
    every = list(product(*([f"{each.path}={value}" for value in each.values] for each in axes)))
    if len(every) > CELLS_MAX:
        raise RequestError(
            "grid-too-large", f"the grids make {len(every)} programs", where="--grid",
            expected=f"at most {CELLS_MAX}",
        )  # fmt: skip
    return every


def sides(name: str, settings: Sequence[str], axes: Sequence[Axis]) -> list[Side]:
    """The program of every combination, all checked before any is run."""
    return [side(name, (*settings, *each)) for each in cells(axes)]


def grid(
    old: Side,
    tried: Sequence[Side],
    history: Files | Events,
    redemptions: Redemptions,
    options: Options,
    ears: Ears,
) -> Iterator[dict[str, object]]:
    """The old program once, each of the others against it: a row for each, as it is done."""
    pairs = [pair(old, new) for new in tried]
    wanted = asked(options)
    every = [each.new.program for each in pairs]
    run = under(old.program, every, history, redemptions, wanted, ears)
    for each in pairs:
        data = compared(each, run.old, run.new(each.new.program), redemptions).data
        yield {
            "settings": list(each.new.settings),
            "hash": data["new"]["hash"],
            "cost": data["cost"],
            "points": {
                unit: {"issued": books["issued"], "expired": books["expired"],
                       "outstanding": books["outstanding"]["total"]}
                for unit, books in data["points"].items()
            },
            "gain": data["gains"]["gain"],
            "lose": data["gains"]["lose"],
            "total": data["gains"]["total"],
            "measure": data["gains"]["measure"],
            "levels": {
                ladder: {"members": {row["level"] or "": row["new"] for row in found["members"]},
                         "rise": found["rise"], "fall": found["fall"]}
                for ladder, found in data["levels"].items()
            },
        }  # fmt: skip
