"""Arguments and options that several verbs have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from laurels.base.errors import RequestError
from laurels.cli.problems import usage

Program = Annotated[Path, typer.Argument(metavar="PROGRAM", help="A program.yaml.")]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="EVENTS...", help="Files or folders: CSV, JSON lines, Parquet."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
MapFile = Annotated[
    Path | None, typer.Option("--map", metavar="MAPPING", help="How a foreign file is read.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="INSTANT", help="Just before then; else after the last event."),
]


NAMED = "A program.yaml; `program.yaml@2` is its version 2 alone."
NAMED_NEW = "The other; `-` or nothing: the same with --set."
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value changed in NEW; may be repeated."),
]


class Engine(StrEnum):
    """What runs a step."""

    numba = "numba"
    python = "python"


EngineName = Annotated[
    Engine,
    typer.Option("--engine", help="numba: machine code, over columns; python: event by event."),
]


Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="SIZE", help="About what a run may take, such as 2GB."),
]
SaveStates = Annotated[
    Path | None,
    typer.Option("--save-states", metavar="DIR", help="Where members stand at the end."),
]
FromStates = Annotated[
    Path | None,
    typer.Option("--from-states", metavar="DIR", help="Go on from there: EVENTS since then."),
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="One HTML page that needs nothing else."),
]


def instant_of(text: str | None, compiled: object) -> int | None:
    """The instant of --until; ends with a word about the usage where it is none."""
    from laurels.cli.history import instant
    from laurels.engine.compiled import Compiled

    assert isinstance(compiled, Compiled)
    if text is None:
        return None
    try:
        return instant(text, compiled)
    except RequestError as error:
        usage(error.message)
