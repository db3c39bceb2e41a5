"""The verb `laurels shadow`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from laurels.cli.options import (
    AsJson,
    Engine,
    EngineName,
    Files,
    MapFile,
    Program,
    ReportFile,
    Until,
    instant_of,
)
from laurels.cli.problems import WRONG_INPUT, print_json, stderr, stdout, told


def shadow(
    program: Program,
    events: Files,
    theirs: Annotated[
        list[Path],
        typer.Option("--theirs", metavar="POSTINGS", help="What the other system posted."),
    ],
    mapping: MapFile = None,
    their_mapping: Annotated[
        Path | None,
        typer.Option("--map-theirs", metavar="MAPPING", help="How its file is read."),
    ] = None,
    until: Until = None,
    engine: EngineName = Engine.numba,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="differences.csv goes there.")
    ] = None,
    report: ReportFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 while a difference is left.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set another system's postings beside ours of the same events: what differs, and why."""
    from laurels.cli import history, shadowing
    from laurels.engine.compiled import load
    from laurels.replay.options import Options

    history.need_engine(Engine.numba)
    with told(as_json), history.meter() as bar:
        compiled = load(program)
        options = Options(engine, instant_of(until, compiled))
        found = shadowing.run(compiled, history.files(events, mapping),
                              history.files(theirs, their_mapping), options, bar)  # fmt: skip
        if out is not None:
            shadowing.write(out, found.shadow)
            stderr().print(f"written to {out}", style="dim")
        if report is not None:
            from laurels.lab.shadow_page import page
            from laurels.replay.pages import write_page

            write_page(report, page(found.shadow, found.facts))
        if as_json:
            print_json({"ok": True, **found.data})
        else:
            shadowing.show(stdout(), found)
    if strict and found.shadow.differences:
        raise typer.Exit(WRONG_INPUT)
