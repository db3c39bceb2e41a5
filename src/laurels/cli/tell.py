"""`laurels story`: stories told, a line each, and what differed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rich.text import Text

from laurels.base.errors import LaurelsError, RequestError
from laurels.cli.history import compiling
from laurels.cli.problems import error_data, print_json, show_error, stderr, stdout
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled, load
from laurels.story import OpenBook, Told, find_stories, load_story, tell


def tell_all(paths: list[Path], engine: str, as_json: bool) -> bool:
    """Tell every story; whether all of them hold."""
    for path in paths:
        if not path.exists():
            raise RequestError(
                "file-missing",
                "there is nothing there",
                where=str(path),
                expected="a story, or a folder with stories",
            )
    files = find_stories(paths)
    if not files:
        raise RequestError(
            "story-none",
            "no stories were found",
            where=str(paths[0]),
            expected="files in folders named `stories`",
        )
    open_book = _on_machine if engine == "numba" else None
    rows = [_row(path, open_book, as_json) for path in files]
    good = sum(bool(row["holds"]) for row in rows)
    if as_json:
        print_json({"ok": good == len(rows), "stories": rows})
    else:
        stdout().print(f"{good} of {len(rows)} stories hold", style="bold")
    return good == len(rows)


def _row(path: Path, open_book: OpenBook | None, quiet: bool) -> dict[str, object]:
    """Tell one story; what it says as data."""
    try:
        told = tell(load_story(path), open_book)
    except LaurelsError as error:
        show_error(error)
        return {"file": str(path), "holds": False, "error": error_data(error)}
    if not quiet:
        _show(told)
    for each in told.differences:
        stderr().print(str(each), style="red", markup=False)
    return {
        "file": told.file,
        "title": told.title,
        "shows": list(told.shows),
        "steps": told.steps,
        "holds": told.holds,
        "differences": [
            {"file": each.file, "line": each.line, "step": each.step,
             "expected": each.expected, "seen": each.seen}
            for each in told.differences
        ],
    }  # fmt: skip


def _on_machine(path: Path, member: str) -> Book:
    """A member's book whose steps run as machine code."""
    return Book(_machine_of(path.resolve()), member)


@cache
def _machine_of(path: Path) -> Compiled:
    from laurels.replay.machine.build import machine
    from laurels.replay.machine.online import on_machine

    program = load(path)
    return on_machine(program, machine(program, tell=compiling))


def _show(told: Told) -> None:
    mark = ("✓ ", "green") if told.holds else ("✗ ", "bold red")
    folder = Path(told.file).resolve().parent.parent.name
    text = Text.assemble(mark, (f"{folder}: ", "dim"), told.title)
    if told.shows:
        text.append(f"  {', '.join(told.shows)}", "dim")
    stdout().print(text)
