"""`laurels story`: stories told, a line each, and what differed."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from laurels.base.errors import LaurelsError, RequestError
from laurels.cli.problems import error_data, print_json, show_error, stderr, stdout
from laurels.story import Told, find_stories, load_story, tell


def tell_all(paths: list[Path], as_json: bool) -> bool:
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
    rows = [_row(path, as_json) for path in files]
    good = sum(bool(row["holds"]) for row in rows)
    if as_json:
        print_json({"ok": good == len(rows), "stories": rows})
    else:
        stdout().print(f"{good} of {len(rows)} stories hold", style="bold")
    return good == len(rows)


def _row(path: Path, quiet: bool) -> dict[str, object]:
    """Tell one story; what it says as data."""
    try:
        told = tell(load_story(path))
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


def _show(told: Told) -> None:
    mark = ("✓ ", "green") if told.holds else ("✗ ", "bold red")
    folder = Path(told.file).parent.parent.name
    text = Text.assemble(mark, (f"{folder}: ", "dim"), told.title)
    if told.shows:
        text.append(f"  {', '.join(told.shows)}", "dim")
    stdout().print(text)
