"""From a YAML file to a typed document that knows where each of its parts stands.

YAML's own guesses about scalars are not used: every scalar keeps its text, so that ``0.1`` is
never a float and ``no`` is never false by accident.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from laurels.base.errors import Finding, ProgramError, Severity
from laurels.program.model import Program

DEPTH_MAX = 40
SIZE_MAX = 2_000_000
PARTS_MAX = 200_000

KEY = -1
"""At the end of a path: the key itself, not its value."""

Place = tuple[int, int]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A program file: its values, and the line and column of each of its parts.

    values   the plain values as they stand in the file: texts, lists, mappings
    changed  parts whose value does not stand in the file, and the words that set them
    """

    program: Program
    file: str
    text: str
    places: dict[KeyPath, Place] = field(repr=False)
    values: Any = field(default=None, repr=False)
    changed: Mapping[KeyPath, str] = field(default_factory=dict, repr=False)

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
    """Read a program file. Raises ProgramError with every finding about its form."""
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
    """Read a program from text. Raises ProgramError with every finding about its form."""
    if len(text) > SIZE_MAX:
        raise _refuse(file, "program-too-large", f"more than {SIZE_MAX:,} characters")
    root = _compose(text, file)
    places: dict[KeyPath, Place] = {}
    findings: list[Finding] = []
    if not isinstance(root, yaml.MappingNode):
        raise _refuse(
            file,
            "program-not-a-mapping",
            "the file holds no mapping",
            expected="keys such as program, zone, currency, units, versions",
        )
    values = _values(root, (), places, findings, file, 0)
    return document_of(values, file, text, places, {}, findings)


def document_of(
    values: Any,
    file: str,
    text: str,
    places: dict[KeyPath, Place],
    changed: Mapping[KeyPath, str],
    findings: list[Finding],
) -> Document:
    """A document of plain values. Raises ProgramError with every finding about its form, those
    that there are already included."""
    try:
        program = Program.model_validate(values)
    except ValidationError as error:
        document = Document.__new__(Document)
        object.__setattr__(document, "places", places)
        object.__setattr__(document, "file", file)
        object.__setattr__(document, "changed", changed)
        raise ProgramError([*findings, *_explain(document, error)]) from None
    except RecursionError:
        raise _refuse(file, "program-too-deep", "the file is nested too deeply") from None
    if findings:
        raise ProgramError(findings)
    return Document(program, file, text, places, values, changed)


def flow_values(text: str, where: str) -> Any:
    """Plain values of a list or mapping written on one line: `[a, b]`, `{rate: 4%}`. Raises
    ProgramError."""
    findings: list[Finding] = []
    root = _compose(text, where)
    values = None if root is None else _values(root, (), {}, findings, where, 0)
    if findings:
        raise ProgramError(findings)
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
    findings: list[Finding],
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
            _values(item, (*path, index), places, findings, file, depth + 1)
            for index, item in enumerate(node.value)
        ]
    assert isinstance(node, yaml.MappingNode)
    found: dict[str, Any] = {}
    for key, value in node.value:
        line, column = _start(key)
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            findings.append(
                Finding(
                    "error",
                    "program-key-not-text",
                    "a key must be a plain word",
                    file,
                    line,
                    column,
                    "a name",
                    "",
                )
            )
            continue
        name = str(key.value)
        if name in found:
            findings.append(
                Finding(
                    "error",
                    "program-key-twice",
                    f"`{name}` stands here twice",
                    file,
                    line,
                    column,
                    "each key once",
                    "",
                )
            )
        found[name] = _values(value, (*path, name), places, findings, file, depth + 1)
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


def _explain(document: Document, error: ValidationError) -> Iterator[Finding]:
    """Pydantic's problems as findings with positions and hints."""
    for problem in error.errors():
        path = _real_path(document, problem["loc"])
        kind = problem["type"]
        name = str(problem["loc"][-1]) if problem["loc"] else ""
        if kind == "extra_forbidden":
            known = _keys_at(problem["loc"])
            close = difflib.get_close_matches(name, known, 1)
            yield document.finding(
                (*path, KEY),
                "program-key-unknown",
                f"unknown key `{name}`",
                expected="one of " + ", ".join(sorted(known)) if known else "a known key",
                hint=f"did you mean `{close[0]}`?" if close else "",
            )
        elif kind == "missing":
            yield document.finding(
                path, "program-key-missing", f"`{name}` is missing", expected=f"a key `{name}`"
            )
        else:
            yield document.finding(
                path,
                "program-value",
                f"`{_dotted(path)}`: {_wording(problem)}",
                expected=_expected(problem),
            )


def _real_path(document: Document, loc: tuple[str | int, ...]) -> KeyPath:
    """The part of pydantic's location that stands in the file (it adds names of its unions)."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in document.places:
            path = (*path, part)
    return path


def _dotted(path: KeyPath) -> str:
    """A path as people say it: the first of a list is 1."""
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


def _wording(problem: Any) -> str:
    given = problem.get("input")
    shown = f"`{given}`" if isinstance(given, str) else "this"
    if problem["type"] == "string_pattern_mismatch":
        return f"{shown} does not have the right form"
    return f"{shown}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


_FORMS = {
    r"^[a-z][a-z0-9_]*$": "a name: small letters, digits, `_`",
    r"^[a-z][a-z0-9_-]*$": "a name: small letters, digits, `-`, `_`",
    r"^\s*[0-9]+(\.[0-9]+)?\s*$": "a number such as 300 or 0.5",
    r"^\s*[0-9]+(\.[0-9]+)?\s*(%|/\s*[0-9]+)?\s*$": "a rate such as 4%, 0.1% or 1/5",
    r"^(never|[0-9]+ (minute|hour|day|month|year)s?)$": "a term such as `24 months` or `never`",
    r"^\s*(>=|>)?\s*[0-9]+(\.[0-9]+)?\s*$": "a least value such as 25, or `> 25`",
    r"^[A-Z]{3}$": "a currency code such as KZT",
}


def _expected(problem: Any) -> str:
    context = problem.get("ctx", {})
    if "pattern" in context:
        return _FORMS.get(context["pattern"], f"the form {context['pattern']}")
    if "expected" in context:
        return str(context["expected"])
    return ""


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema knows where an unknown one stands."""
    model: type[BaseModel] | None = Program
    for part in loc[:-1]:
        if model is not None and isinstance(part, str):
            names = {(info.alias or key): info for key, info in model.model_fields.items()}
            if part in names:
                model = _model_in(names[part].annotation)
    if model is None:
        return []
    return [info.alias or key for key, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The first document part named in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
