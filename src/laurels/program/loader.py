"""From a YAML file to a typed document that knows where each of its parts stands.

YAML's own guesses about scalars are not used: every scalar keeps its text, so that ``0.1`` is
never a float and ``no`` is never false by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from laurels.base.errors import Finding, ProgramError, Severity
from laurels.program.form import KEY, KeyPath, mistakes
from laurels.program.model import Program

DEPTH_MAX = 40
SIZE_MAX = 2_000_000
PARTS_MAX = 200_000

Place = tuple[int, int]


class Placed(NamedTuple):
    """A finding and the part of the file that it is about."""

    path: KeyPath
    finding: Finding


@dataclass(frozen=True)
class Document:
    """A program file: its values, and the line and column of each of its parts.

    values   the plain values as they stand in the file: texts, lists, mappings
    changed  parts whose value does not stand in the file, and the words that set them
    wrong    what is wrong with the form of the values
    typed    the same values with types; None where their form is wrong
    """

    file: str
    text: str
    places: dict[KeyPath, Place] = field(repr=False)
    values: Any = field(default=None, repr=False)
    changed: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)
    wrong: tuple[Placed, ...] = ()
    typed: Program | None = field(default=None, repr=False)

    @property
    def program(self) -> Program:
        """The typed values. Raises ProgramError with every finding about the form."""
        if self.typed is None:
            raise ProgramError([each.finding for each in self.wrong])
        return self.typed

    def read(self, values: Any) -> Document:
        """The same file with other values in some of its places."""
        wrong: list[Placed] = []
        typed = None
        try:
            typed = Program.model_validate(values)
        except ValidationError as error:
            wrong = [
                Placed(path, self.finding(path, code, message, expected=expected, hint=hint))
                for path, code, message, expected, hint in mistakes(error, self.places)
            ]
        except RecursionError:
            raise _refuse(self.file, "program-too-deep", "the file is nested too deeply") from None
        return replace(self, values=values, wrong=tuple(wrong), typed=typed)

    def place(self, path: KeyPath) -> Place:
        """Where a part stands; where it does not, its nearest parent."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def finding(
        self,
        path: KeyPath,
        code: str,
        message: str,
        *,
        expected: str = "",
        hint: str = "",
        severity: str = "error",
        offset: Place = (1, 1),
    ) -> Finding:
        """A finding about a part of the file; ``offset`` is a place inside its text."""
        kind: Severity = "warning" if severity == "warning" else "error"
        said = self._said(path)
        if said is not None:
            return Finding(kind, code, message, said, 0, 0, expected, hint)
        line, column = self.place(path)
        if offset[0] == 1:
            column += offset[1] - 1
        return Finding(kind, code, message, self.file, line + offset[0] - 1, column, expected, hint)

    def _said(self, path: KeyPath) -> str | None:
        """The words that set a part, where they are not the file's."""
        while path:
            if path in self.changed:
                return self.changed[path]
            path = path[:-1]
        return None


def load_document(path: str | Path) -> Document:
    """Read a program file. Raises ProgramError where it cannot be read, or is not YAML."""
    file = str(path)
    try:
        raw = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or str(error)
        raise _refuse(
            file,
            "program-file-unreadable",
            f"the file cannot be read: {reason}",
            expected="the path of a program.yaml",
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refuse(
            file, "program-file-encoding", f"byte {error.start} is not UTF-8", expected="UTF-8"
        ) from None
    return parse_document(text, file)


def parse_document(text: str, file: str = "program.yaml") -> Document:
    """Read a program from text. Raises ProgramError where it is no YAML, or no mapping."""
    if len(text) > SIZE_MAX:
        raise _refuse(file, "program-too-large", f"more than {SIZE_MAX:,} characters")
    root = _compose(text, file)
    if not isinstance(root, yaml.MappingNode):
        raise _refuse(
            file,
            "program-not-a-mapping",
            "the file holds no mapping",
            expected="keys such as program, zone, currency, units, versions",
        )
    places: dict[KeyPath, Place] = {}
    wrong: list[Placed] = []
    values = _values(root, (), places, wrong, file, 0)
    document = Document(file, text, places).read(values)
    if wrong:
        return replace(document, wrong=(*wrong, *document.wrong), typed=None)
    return document


def document_of(
    values: Any,
    file: str,
    text: str,
    places: dict[KeyPath, Place],
    changed: Mapping[KeyPath, str],
) -> Document:
    """A document of plain values. Raises ProgramError with every finding about its form."""
    document = Document(file, text, places, changed=changed).read(values)
    if document.wrong:
        raise ProgramError([each.finding for each in document.wrong])
    return document


def flow_values(text: str, where: str) -> Any:
    """Plain values of a list or mapping written on one line: `[a, b]`, `{rate: 4%}`. Raises
    ProgramError."""
    wrong: list[Placed] = []
    root = _compose(text, where)
    values = None if root is None else _values(root, (), {}, wrong, where, 0)
    if wrong:
        raise ProgramError([each.finding for each in wrong])
    return values


def _refuse(file: str, code: str, message: str, expected: str = "") -> ProgramError:
    return ProgramError([Finding("error", code, message, file, 1, 1, expected, "")])


def _compose(text: str, file: str) -> yaml.Node | None:
    """The tree of nodes with positions; ProgramError where the text is no YAML."""
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = str(error.problem or error.context or "not YAML")
        raise ProgramError(
            [
                Finding(
                    "error",
                    "program-not-yaml",
                    problem,
                    file,
                    line,
                    column,
                    "YAML",
                    "indent with spaces; quote text that holds ': ' or '#'",
                )
            ]
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _refuse(file, "program-not-yaml", str(error).splitlines()[0]) from None
    return node


def _values(
    node: yaml.Node,
    path: KeyPath,
    places: dict[KeyPath, Place],
    wrong: list[Placed],
    file: str,
    depth: int,
) -> Any:
    """Plain values of a node: texts, lists, mappings; positions are noted on the way."""
    places[path] = _start(node)
    if depth > DEPTH_MAX:
        raise _refuse(file, "program-too-deep", f"nested deeper than {DEPTH_MAX}")
    if len(places) > PARTS_MAX:  # aliases of aliases grow without end
        raise _refuse(file, "program-too-large", f"more than {PARTS_MAX:,} parts")
    if isinstance(node, yaml.ScalarNode):
        if node.tag == "tag:yaml.org,2002:null":
            return None
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [
            _values(item, (*path, index), places, wrong, file, depth + 1)
            for index, item in enumerate(node.value)
        ]
    assert isinstance(node, yaml.MappingNode)
    found: dict[str, Any] = {}
    for key, value in node.value:
        line, column = _start(key)
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            said = ("program-key-not-text", "a key must be a plain word", file, line, column)
            wrong.append(Placed(path, Finding("error", *said, "a name")))
            continue
        name = str(key.value)
        if name in found:
            said = ("program-key-twice", f"`{name}` stands here twice", file, line, column)
            wrong.append(Placed((*path, name), Finding("error", *said, "each key once")))
        before = found.get(name)
        found[name] = _values(value, (*path, name), places, wrong, file, depth + 1)
        if isinstance(before, dict) and isinstance(found[name], dict):
            found[name] = {**before, **found[name]}  # so that both are looked at
        places[(*path, name, KEY)] = (line, column)
        if not isinstance(value, yaml.ScalarNode):  # a part begins where its name stands
            places[(*path, name)] = (line, column)
        elif value.style in ("'", '"'):
            at = places[(*path, name)]
            places[(*path, name)] = (at[0], at[1] + 1)
    return found


def _start(node: yaml.Node) -> Place:
    """Line and column of a node, both from 1. A block text starts on the line after its sign."""
    mark = node.start_mark
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return mark.line + 2, mark.column + 1
    return mark.line + 1, mark.column + 1
