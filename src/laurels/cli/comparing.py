"""`laurels compare`: which programs, which history; what is written and shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from laurels.cli.history import Meter, compiling
from laurels.cli.problems import usage
from laurels.lab import members
from laurels.lab.compare import Comparison, compare
from laurels.lab.grid import axis, grid, sides
from laurels.lab.pair import Side, pair, side
from laurels.lab.twice import Redemptions
from laurels.replay.options import Ears, Files, Options
from laurels.replay.writers import write_summary, write_table

PROGRAM = re.compile(r".*\.ya?ml(@[0-9]+)?", re.IGNORECASE)


def split(arguments: Sequence[str], changed: bool) -> tuple[str, list[Path]]:
    """The new program and the events among what follows the old one: `-` stands for the old
    program with changes, and so does nothing, when there are changes."""
    first = arguments[0]
    named = first == "-" or PROGRAM.fullmatch(first) is not None
    if first == "-" and not changed:
        usage("`-` is the old program with changes: say which, with --set or --grid", "NEW")
    if not named and not changed:
        usage(f"`{first}` is no program: name a second one, or what changes with --set", "NEW")
    events = [Path(each) for each in (arguments[1:] if named else arguments)]
    if not events:
        usage("no events are named", "EVENTS")
    return (first if named else "-"), events


def opened(old: str, new: str, settings: Sequence[str]) -> tuple[Side, Side]:
    """Both programs, checked."""
    return side(old), side(old if new == "-" else new, settings)


def run(
    programs: tuple[Side, Side],
    files: Files,
    bar: Meter,
    redemptions: Redemptions,
    options: Options,
) -> Comparison:
    """One comparison."""
    both = pair(*programs)
    bar.phase("reading events")
    return compare(both, files, redemptions, options, ears(bar))


def tried(
    old: str, new: str, settings: Sequence[str], grids: Iterable[str]
) -> tuple[Side, list[Side]]:
    """The old program, and those of a grid; checked."""
    axes = [axis(each) for each in grids]
    return side(old), sides(old if new == "-" else new, settings, axes)


def run_grid(
    programs: tuple[Side, list[Side]],
    files: Files,
    bar: Meter,
    redemptions: Redemptions,
    options: Options,
) -> list[dict[str, Any]]:
    """Every program of a grid against the old one."""
    old, every = programs
    bar.phase("reading events")
    return list(grid(old, every, files, redemptions, options, ears(bar)))


def ears(bar: Meter) -> Ears:
    """The bar hears how each run goes on."""

    def phase(name: str) -> None:
        if name == "read":
            bar.phase("deciding")

    return Ears(bar.tell, compiling, phase)


def write(folder: Path, found: Comparison, formats: Sequence[str]) -> None:
    """What a comparison leaves in a folder: comparison.json, and a table of members."""
    write_summary(folder, found.data, "comparison.json")
    columns, values = members.columns(found.table)
    write_table(folder, "members", columns, values, formats)
