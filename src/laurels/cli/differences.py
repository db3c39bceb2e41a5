"""`laurels diff`: what changed, a sentence each, with the path that a setting takes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from laurels.program.diff import Change

MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def show_changes(console: Console, changes: Sequence[Change]) -> None:
    """Every change, or that there is none."""
    if not changes:
        console.print("no difference in meaning")
        return
    for each in changes:
        mark, colour = MARKS[each.kind]
        console.print(Text.assemble((f"{mark} ", f"bold {colour}"), each.words))
        console.print(Text(f"    {each.path}", "dim"))
    count = len(changes)
    console.print(Text(f"{count} difference{'' if count == 1 else 's'} in meaning", "bold"))
