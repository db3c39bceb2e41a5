"""Reading a story file: YAML in which every part knows its line.

Scalars keep their text, as in a program file. What the words mean is told in `story`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from laurels.base.errors import Finding, ProgramError

KEYS = (
    "title",
    "shows",
    "because",
    "note",
    "program",
    "member",
    "usually",
    "continues",
    "steps",
    "change",
    "finds",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of the file: its key (or number in a list) and where it stands."""

    file: Path
    key: str
    line: int
    column: int
    node: yaml.Node

    def wrong(self, code: str, message: str, expected: str = "") -> ProgramError:
        """The error that names this place."""
        return ProgramError(
            [Finding("error", code, message, str(self.file), self.line, self.column, expected, "")]
        )

    def entries(self) -> tuple[Entry, ...]:
        """The parts of a mapping, in the order of the file."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("story-form", f"`{self.key}` holds no keys", "a mapping")
        found: dict[str, Entry] = {}
        for key, node in self.node.value:
            mark = key.start_mark
            entry = Entry(self.file, str(key.value), mark.line + 1, mark.column + 1, node)
            if entry.key in found:
                raise entry.wrong("story-form", f"`{entry.key}` stands here twice")
            found[entry.key] = entry
        return tuple(found.values())

    def items(self) -> tuple[Entry, ...]:
        """The parts of a list; something else is a list of one."""
        if not isinstance(self.node, yaml.SequenceNode):
            return (self,)
        return tuple(
            Entry(self.file, str(n), node.start_mark.line + 1, node.start_mark.column + 1, node)
            for n, node in enumerate(self.node.value, 1)
        )

    @property
    def is_text(self) -> bool:
        """Whether it is a single word or number."""
        return isinstance(self.node, yaml.ScalarNode)

    def text(self) -> str:
        """The text of a scalar."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.wrong("story-form", f"`{self.key}` must be one word or number")
        return str(self.node.value).strip()

    def plain(self) -> Any:
        """Texts, lists and mappings of texts; an empty value is None."""
        if isinstance(self.node, yaml.ScalarNode):
            return None if self.node.tag == "tag:yaml.org,2002:null" else str(self.node.value)
        if isinstance(self.node, yaml.SequenceNode):
            return [each.plain() for each in self.items()]
        return {each.key: each.plain() for each in self.entries()}


@dataclass(frozen=True, slots=True)
class StoryFile:
    """A story as it stands in its file. Either it has steps, or it changes and finds."""

    path: Path
    title: str
    shows: tuple[str, ...]
    because: str
    program: str
    member: str
    usually: Mapping[str, Mapping[str, Any]]
    continues: str
    steps: tuple[Entry, ...]
    changes: tuple[Entry, ...]
    finds: Entry | None


def read_story_file(path: Path) -> StoryFile:
    """Read a story. Raises ProgramError with file and line for what is no story."""
    root = Entry(path, "story", 1, 1, _compose(path))
    parts = {each.key: each for each in root.entries()}
    for each in parts.values():
        if each.key not in KEYS:
            raise each.wrong("story-key", f"unknown key `{each.key}`", ", ".join(KEYS))
    for key in ("title", "shows"):
        if key not in parts:
            raise root.wrong("story-key", f"`{key}` is missing")
    if ("steps" in parts) == ("finds" in parts):
        raise root.wrong("story-key", "a story has either `steps` or `finds`")
    return StoryFile(
        path,
        parts["title"].text(),
        tuple(each.text() for each in parts["shows"].items()),
        _text(parts, "because", ""),
        _text(parts, "program", "../program.yaml"),
        _text(parts, "member", "anna"),
        {each.key: each.plain() for each in _inside(parts, "usually")},
        _text(parts, "continues", ""),
        parts["steps"].items() if "steps" in parts else (),
        tuple(_inside(parts, "change")),
        parts.get("finds"),
    )


def read_plain(path: Path) -> Any:
    """A YAML file as mappings, lists and texts."""
    return Entry(path, "program", 1, 1, _compose(path)).plain()


def _text(parts: Mapping[str, Entry], key: str, default: str) -> str:
    return parts[key].text() if key in parts else default


def _inside(parts: Mapping[str, Entry], key: str) -> Iterator[Entry]:
    if key in parts:
        yield from parts[key].entries()


def _compose(path: Path) -> yaml.Node:
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise _unreadable(path, error.strerror or "unreadable") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _unreadable(path, str(error.problem), mark.line + 1 if mark else 1) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from None
    if node is None:
        raise _unreadable(path, "the file is empty")
    return node


def _unreadable(path: Path, reason: str, line: int = 1) -> ProgramError:
    return ProgramError([Finding("error", "story-unreadable", reason, str(path), line, 1, "", "")])
