"""Errors as people read them: code, what, where, what was expected, a hint. Never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from laurels.base.errors import Fault, Finding, LaurelsError, ProgramError, RequestError

DONE, WRONG_INPUT, WRONG_USAGE = 0, 1, 2
EXCERPT = 88
COLOUR = {"error": "bold red", "warning": "bold yellow"}


def stderr() -> Console:
    """Where diagnostics go. Made anew: a test may have put another stream in its place."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """Where results go."""
    return Console(highlight=False)


def print_json(data: Mapping[str, object]) -> None:
    """The one object of `--json`."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2))


def usage(message: str, option: str = "") -> NoReturn:
    """Wrong usage: exit 2."""
    raise typer.BadParameter(message, param_hint=option or None)


@contextmanager
def told(as_json: bool) -> Iterator[None]:
    """Errors of our families are printed, and end the command with 1."""
    try:
        yield
    except LaurelsError as error:
        show_error(error)
        if as_json:
            print_json({"ok": False, "error": error_data(error)})
        raise typer.Exit(WRONG_INPUT) from None


def show_error(error: LaurelsError) -> None:
    """An error on stderr."""
    console = stderr()
    if isinstance(error, ProgramError):
        show_findings(error.findings, console)
        return
    what = error.what if isinstance(error, RequestError) else error.message
    console.print(_headline("error", error.code, what))
    rows: list[tuple[str, str]] = []
    if isinstance(error, RequestError):
        rows = [("where", error.where), ("expected", error.expected), ("hint", error.hint)]
    elif isinstance(error, Fault):
        rows = [("hint", "this is a mistake of ours: nothing was written, please report it")]
    rows += [("with", note) for note in getattr(error, "__notes__", ())]
    for name, text in rows:
        if text:
            console.print(Text.assemble((f"  {name}: ", "dim"), text))


def error_data(error: LaurelsError) -> dict[str, object]:
    """An error as JSON holds it."""
    data: dict[str, object] = {"code": error.code, "what": error.message}
    if isinstance(error, RequestError):
        data |= {"what": error.what, "where": error.where, "expected": error.expected}
        data["hint"] = error.hint
    if isinstance(error, ProgramError):
        data["findings"] = [finding_data(each) for each in error.findings]
    return data


def finding_data(finding: Finding) -> dict[str, object]:
    """A finding as JSON holds it."""
    names = ("severity", "code", "message", "file", "line", "column", "expected", "hint")
    return {name: getattr(finding, name) for name in names}


def show_findings(findings: Iterable[Finding], console: Console) -> None:
    """Findings with the line of the file that they are about."""
    counts = {"error": 0, "warning": 0}
    for finding in findings:
        counts[finding.severity] += 1
        _show_finding(finding, console)
    told = [
        f"{number} {word}{'s' if number > 1 else ''}" for word, number in counts.items() if number
    ]
    if told:
        console.print(Text(", ".join(told), "bold"))


def _show_finding(finding: Finding, console: Console) -> None:
    console.print(_headline(finding.severity, finding.code, finding.message))
    margin = " " * len(str(finding.line))
    if finding.file:
        place = f":{finding.line}:{finding.column}" if finding.line else ""
        console.print(Text.assemble((f"{margin}--> ", "blue"), f"{finding.file}{place}"))
    line = _line_of(finding.file, finding.line) if finding.file and finding.line else None
    if line is not None:
        text, caret = _excerpt(line, finding.column)
        console.print(Text(f"{margin} |", "blue"))
        console.print(Text.assemble((f"{finding.line} | ", "blue"), text))
        marker = Text.assemble((f"{margin} | ", "blue"), " " * caret)
        console.print(marker.append("^", COLOUR[finding.severity]))
    for name, text in (("expected", finding.expected), ("hint", finding.hint)):
        if text:
            console.print(Text.assemble((f"{margin} = {name}: ", "blue"), text))
    console.print()


def _headline(severity: str, code: str, message: str) -> Text:
    return Text.assemble((f"{severity}[{code}]", COLOUR[severity]), (f": {message}", "bold"))


@lru_cache(maxsize=8)
def _lines(file: str) -> tuple[str, ...]:
    try:
        return tuple(Path(file).read_text("utf-8-sig", errors="replace").splitlines())
    except OSError:
        return ()


def _line_of(file: str, number: int) -> str | None:
    lines = _lines(file)
    return lines[number - 1] if 0 < number <= len(lines) else None


def _excerpt(line: str, column: int) -> tuple[str, int]:
    """The part of a line around a column (from 1), and where the column is in it."""
    shown = "".join(each if each.isprintable() else " " for each in line)
    at = max(0, column - 1)
    if len(shown) <= EXCERPT:
        return shown, at
    start = max(0, min(at - EXCERPT // 2, len(shown) - EXCERPT))
    return shown[start : start + EXCERPT], at - start
