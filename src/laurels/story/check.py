"""Stories about program files: a change, and what `laurels check` finds in the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from laurels.base.errors import Finding, ProgramError
from laurels.program.check import findings
from laurels.program.loader import parse_document
from laurels.story.file import Entry, StoryFile, read_plain


def check_story(file: StoryFile, program: Path) -> Iterator[tuple[int, str, str]]:
    """Line, what was expected, what was found; for each difference."""
    assert file.finds is not None
    changed = read_plain(program)
    for each in file.changes:
        _apply(changed, each)
    found = _findings(changed)
    seen = ", ".join(f"{each.code} ({each.message})" for each in found) or "nothing"
    codes = {each.code for each in found}
    expected = [each for each in file.finds.items() if each.text() != "nothing"]
    for each in expected:
        if each.text() not in codes:
            yield each.line, f"finding {each.text()}", seen
    if not expected and found:
        yield file.finds.line, "no finding", seen


def _apply(document: Any, change: Entry) -> None:
    """`versions.2.rules.topup.give.points: 10`: sets it, an empty value removes it.

    A version is named by its number; what is not there on the way is made.
    """
    *way, last = change.key.split(".")
    here = document
    for part in way:
        if isinstance(here, list):
            here = next((each for each in here if each.get("version") == part), None)
        else:
            here = here.setdefault(part, {})
        if not isinstance(here, dict | list):
            raise change.wrong("story-change", f"`{part}` is no part of the program")
    value = change.plain()
    if not isinstance(here, dict):
        raise change.wrong("story-change", f"`{last}` names no version", "versions.1.rules…")
    if value is None:
        here.pop(last, None)
    else:
        here[last] = value


def _findings(document: Any) -> tuple[Finding, ...]:
    """Everything that is found in a document, warnings included."""
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    try:
        return findings(parse_document(text))
    except ProgramError as error:
        return error.findings
