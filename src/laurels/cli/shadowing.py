"""`laurels shadow`: another system's postings beside ours."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from laurels.base.instants import format_instant
from laurels.cli.history import Meter
from laurels.cli.page import number, table_of
from laurels.engine.compiled import Compiled
from laurels.lab.shadow import Shadow, by_member, compare
from laurels.lab.shadow_page import WORDS
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play
from laurels.replay.readers import find_files
from laurels.replay.tables import Kept

SHOWN = 20


@dataclass
class Compared:
    """Both sides, and what was compared."""

    shadow: Shadow
    facts: dict[str, Any]
    rejected: int

    @property
    def data(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**self.facts, "rejected": self.rejected, **self.shadow.as_data()}


def run(program: Compiled, history: Files, theirs: Files, options: Options, bar: Meter) -> Compared:
    """Run the history and set the other system's postings beside it.

    Raises RequestError and ProgramError for files, mappings and rows that are wrong.
    """
    bar.phase("reading")
    events = history.read(program)
    other = theirs.read(program)
    bar.phase("deciding")
    kept = Kept(program)
    result = play(program, events, kept, options, Ears(bar.tell))
    bar.phase("comparing")
    found = compare(program, events, kept.postings, other)
    facts = {
        "program": program.program.name,
        "program_hash": program.hash,
        "until": None if result.until is None else format_instant(result.until),
        "events": len(events),
        "postings": len(other),
        "inputs": dict(sorted(_digests([*history.paths, *theirs.paths]))),
    }
    rejected = len(result.rejected) + len(other.report.rejected)
    return Compared(found, facts, rejected)


def _digests(paths: Iterable[Path]) -> Iterable[tuple[str, str]]:
    for path in find_files(paths):
        with path.open("rb") as file:
            yield path.name, hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, found: Shadow) -> None:
    """Write every difference to ``differences.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "differences.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("member", "event", "unit", "cause", "ours", "theirs", "said"))
        for each in found.differences:
            rows.writerow(
                (each.member, each.event, each.unit, each.cause, each.ours, each.theirs, each.said)
            )


def show(console: Console, compared: Compared) -> None:
    """What agrees, why the rest does not, and who is farthest apart."""
    found = compared.shadow
    left = len(found.differences)
    console.print()
    console.print(Text(
        f"{number(found.settled)} of {number(found.members)} members agree; "
        + (f"{number(left)} differences" if left else "no difference is left"),
        "bold yellow" if left else "bold green",
    ))  # fmt: skip
    table = table_of("unit", "here", "there", "difference", title="What members have")
    for unit, (ours, theirs) in found.units.items():
        table.add_row(unit, number(ours), number(theirs), number(ours - theirs))
    console.print(table)
    if not left:
        return
    table = table_of("cause", "means", "differences", "members", "points", title="Why", left=2)
    for cause, each in found.causes().items():
        points = ", ".join(f"{number(amount)} {unit}" for unit, amount in each["points"].items())
        table.add_row(
            cause, WORDS[cause], number(each["differences"]), number(each["members"]), points
        )
    console.print(table)
    table = table_of("member", "causes", "differences", "points", title="Who", left=2)
    for member, count, apart, causes in by_member(found.differences)[:SHOWN]:
        table.add_row(member, causes, number(count), number(apart))
    console.print(table)
