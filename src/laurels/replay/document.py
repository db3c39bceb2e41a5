"""A small YAML document with positions kept: every complaint names its line and column.

All findings of a document are collected and raised together, as ``laurels check`` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import yaml

from laurels.base.errors import Finding, ProgramError, RequestError

BYTES_MAX = 1 << 20
NODES_MAX = 20_000
"""Nodes visited, aliases followed: ten lines of YAML can unfold into billions."""


class Text(NamedTuple):
    """A scalar and where it stands. ``quoted`` tells '' from a missing value."""

    value: str
    node: yaml.Node
    quoted: bool


class Document:
    """A composed YAML file, and what was found wrong with it."""

    def __init__(self, file: str, root: yaml.Node) -> None:
        self.file = file
        self.root = root
        self.findings: list[Finding] = []
        self._visited = 0

    def wrong(
        self, node: yaml.Node, code: str, message: str, expected: str = "", hint: str = ""
    ) -> None:
        """Note a finding at the node."""
        mark = node.start_mark
        self.findings.append(
            Finding(
                "error", code, message, self.file, mark.line + 1, mark.column + 1, expected, hint
            )
        )

    def unknown(
        self, node: yaml.Node, code: str, what: str, name: str, known: Iterable[str]
    ) -> None:
        """Note a name that is not one of the known ones, with the nearest of them."""
        names = sorted(set(known))
        self.wrong(
            node,
            code,
            f"unknown {what} {name!r}",
            "one of " + ", ".join(names) if names else "",
            did_you_mean(name, names),
        )

    def raise_findings(self) -> None:
        """Raise ProgramError when anything was found wrong."""
        if self.findings:
            raise ProgramError(sorted(self.findings, key=lambda f: (f.line, f.column)))

    def keys(
        self, node: yaml.Node, allowed: Iterable[str] | None = None
    ) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The entries of a mapping: name to (node of the key, node of the value)."""
        self._count(node)
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, "mapping-value-wrong", "this is no mapping", "keys with values")
            return found
        known = None if allowed is None else list(allowed)
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "mapping-value-wrong", "this key is no text", "a name")
            elif key.value in found:
                self.wrong(key, "mapping-key-twice", f"{key.value!r} is there twice", "it once")
            elif known is not None and key.value not in known:
                self.unknown(key, "mapping-key-unknown", "key", key.value, known)
            else:
                found[key.value] = (key, value)
        return found

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        """The items of a list; a single value is a list of one."""
        self._count(node)
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        return [node]

    def text(self, node: yaml.Node, expected: str = "a text") -> Text:
        """The scalar at the node, exactly as written; '' with a finding where there is none."""
        self._count(node)
        if isinstance(node, yaml.ScalarNode):
            empty = node.tag == "tag:yaml.org,2002:null" and node.style is None
            return Text("" if empty else str(node.value), node, node.style is not None)
        self.wrong(node, "mapping-value-wrong", "a single value belongs here", expected)
        return Text("", node, True)

    def choice(self, node: yaml.Node, allowed: Iterable[str]) -> str:
        """One of the allowed words; the first of them, with a finding, where it is none."""
        words = list(allowed)
        value = self.text(node, "one of " + ", ".join(words)).value
        if value in words:
            return value
        self.unknown(node, "mapping-value-wrong", "value", value, words)
        return words[0]

    def _count(self, node: yaml.Node) -> None:
        self._visited += 1
        if self._visited > NODES_MAX:
            self.wrong(node, "mapping-yaml", "the document is too large", f"{NODES_MAX} values")
            self.raise_findings()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, or ''. Capitals do not count as a difference."""
    folded: Mapping[str, str] = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[near[0]]!r}?" if near else ""


def read_document(path: str | Path) -> Document:
    """Raises RequestError (no such file, not UTF-8) and ProgramError (not YAML)."""
    file = str(path)
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError(
            "mapping-unreadable", "the file is not UTF-8", where=file, expected="a YAML file"
        ) from None
    except OSError as error:
        reason = f"the file cannot be opened: {error.strerror or error}"
        raise RequestError(
            "mapping-unreadable", reason, where=file, expected="a YAML file"
        ) from error
    if len(raw) > BYTES_MAX:
        raise RequestError("mapping-unreadable", "the file is too large", where=file)
    return compose_document(text, file)


def compose_document(text: str, file: str) -> Document:
    """Raises ProgramError where the text is not YAML, or empty."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        message = f"this is not YAML: {error.problem or error.context}"
        raise ProgramError(
            [Finding("error", "mapping-yaml", message, file, line, column)]
        ) from error
    except (yaml.YAMLError, RecursionError) as error:
        message = f"this is not YAML: {str(error).splitlines()[0]}"
        raise ProgramError([Finding("error", "mapping-yaml", message, file, 0, 0)]) from error
    if root is None:
        raise ProgramError(
            [Finding("error", "mapping-yaml", "the file is empty", file, 1, 1, "a mapping")]
        )
    return Document(file, root)
