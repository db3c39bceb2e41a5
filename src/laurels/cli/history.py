"""A program and a history from files, run with a progress bar on stderr."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from laurels.base.errors import RequestError
from laurels.base.instants import calendar, parse_instant
from laurels.cli.problems import stderr
from laurels.engine.compiled import Compiled
from laurels.replay.mapping import load_mapping
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play
from laurels.replay.raw import Events
from laurels.replay.run import Result
from laurels.replay.summary import summary

if TYPE_CHECKING:
    from laurels.replay.states import States
    from laurels.replay.tables import Books


@dataclass
class Ran:
    """A run and its summary."""

    result: Result
    summary: dict[str, object]


class Meter:
    """The bar: what is being done, and how far. Silent where stderr is no terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, count="")

    def phase(self, name: str) -> None:
        """Something else begins, of unknown length."""
        self._progress.reset(self._task, description=name, total=None, count="")

    def tell(self, done: int, total: int) -> None:
        """So much of so much."""
        count = f"{done:,} of {total:,} events"
        self._progress.update(self._task, completed=done, total=total, count=count)


@contextmanager
def meter() -> Iterator[Meter]:
    """A progress bar that goes away when the work is done."""
    console = stderr()
    columns = (SpinnerColumn(), TextColumn("{task.description:<18}"), BarColumn(40),
               TextColumn("{task.fields[count]}"), TimeElapsedColumn())  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Meter(progress)


def instant(text: str, program: Compiled) -> int:
    """An instant of the command line; without an offset it is in the program's zone.

    Raises RequestError.
    """
    return parse_instant(text, calendar(program.program.zone), "--until")


def states(folder: Path, program: Compiled) -> States:
    """Saved states. Raises RequestError where there are none, or none of this program."""
    from laurels.replay.states import open_states

    return open_states(folder, program)


def write_report(path: Path, ran: Ran) -> None:
    """The page of a run."""
    from laurels.replay.pages import write_page
    from laurels.replay.report import report

    write_page(path, report(ran.summary))


def files(paths: Iterable[Path], mapping: Path | None) -> Files:
    """The history in the files. Raises RequestError and ProgramError for a wrong mapping."""
    return Files(tuple(paths), load_mapping(mapping) if mapping is not None else None)


def run(
    program: Compiled,
    history: Files | Events,
    bar: Meter,
    *,
    options: Options,
    out: Path | None = None,
    formats: Iterable[str] = ("parquet",),
    books: Books | None = None,
) -> Ran:
    """Run a history and write what it leaves behind, where a folder is named.

    The seconds in the summary have the door, the decisions and the writing in them; reading the
    files is left out.
    """
    bar.phase("reading events")
    start = perf_counter()

    def heard(phase: str) -> None:
        nonlocal start
        if phase == "read":
            start = perf_counter()
            bar.phase("deciding")
            gc.collect()
            gc.freeze()  # the history is no garbage: do not look through it again and again

    ears = Ears(bar.tell, compiling, heard, whole)
    if out is None:
        result = play(program, history, books, options, ears)
    else:
        from laurels.replay.output import books_in, write_lists

        with books_in(out, program, formats) as written:
            result = play(program, history, written, options, ears)
    found = summary(result, perf_counter() - start, options.engine)
    gc.unfreeze()
    if out is not None:
        write_lists(out, result, found, formats)
    return Ran(result, found)


def compiling(program: str) -> None:
    """A word before a first run, which takes some seconds longer."""
    text = f"compiling {program} to machine code (kept for later runs)"
    stderr().print(text, style="dim", markup=False)


def whole(why: str) -> None:
    """A word where a run is not divided, though it was asked for."""
    text = f"--memory and --workers change nothing here: {why}"
    stderr().print(text, style="yellow", markup=False)


SIZES = {"KB": 10, "MB": 20, "GB": 30, "TB": 40}


def size(text: str) -> int:
    """Bytes of memory in words. Raises RequestError."""
    number, unit = text[:-2].strip(), text[-2:].upper()
    if unit not in SIZES or not number.isdecimal() or not int(number):
        raise RequestError(
            "memory-size",
            "it is no amount of memory",
            where="--memory",
            expected="a number and KB, MB, GB or TB, such as 2GB",
        )
    return int(number) << SIZES[unit]


def need_engine(engine: str) -> None:
    """Raises RequestError where the packages of the engine numba are not installed."""
    missing = [each for each in ("llvmlite", "numpy", "pyarrow") if find_spec(each) is None]
    if engine == "numba" and missing:
        raise RequestError(
            "engine-missing",
            f"the engine numba needs {', '.join(missing)}",
            where="--engine",
            expected="the extra 'replay'",
            hint="pip install laurels[replay], or --engine python",
        )
