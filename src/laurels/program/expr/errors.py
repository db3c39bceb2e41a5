"""What can be wrong with an expression, with the place inside its text.

One compile collects every problem it can see. The loader turns each into a finding by adding the
position of the YAML scalar that holds the text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from laurels.base.errors import LaurelsError

SYNTAX = "expression-syntax"
UNKNOWN_NAME = "expression-unknown-name"
UNKNOWN_VALUE = "expression-unknown-value"
TYPE = "expression-type"
DIMENSION = "expression-dimension"
NOT_ALLOWED = "expression-not-allowed"
CONSTANT = "expression-constant"
OVERFLOW = "expression-overflow"
ZERO_DIVISOR = "expression-zero-divisor"


@dataclass(frozen=True)
class Problem:
    """One problem. `offset` counts characters from 0, `line` and `column` count from 1."""

    code: str
    message: str
    offset: int
    line: int
    column: int
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        parts = [f"{self.line}:{self.column}: {self.message}"]
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "; ".join(parts)


class ExpressionError(LaurelsError):
    """An expression that cannot be used: at least one problem, in the order of the text.

    The attributes `code`, `message`, `offset`, `line`, `column`, `expected` and `hint` are those
    of the first problem.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = dict.fromkeys(problems)
        self.problems: tuple[Problem, ...] = tuple(sorted(unique, key=lambda p: p.offset))
        first = self.problems[0]
        super().__init__(first.code, "\n".join(map(str, self.problems)))
        self.message = first.message
        self.offset = first.offset
        self.line = first.line
        self.column = first.column
        self.expected = first.expected
        self.hint = first.hint


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character at `offset`."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def offset_of(text: str, line: int, column: int) -> int:
    """The offset of a line and column (both from 1), kept inside the text."""
    lines = text.split("\n")
    start = sum(len(each) + 1 for each in lines[: line - 1])
    return max(0, min(start + column - 1, len(text)))


def problem(
    code: str, message: str, text: str, offset: int, *, expected: str = "", hint: str = ""
) -> Problem:
    """A problem at `offset` of `text`."""
    line, column = place(text, offset)
    return Problem(code, message, offset, line, column, expected, hint)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known words, or an empty string."""
    near: Sequence[str] = difflib.get_close_matches(word, sorted(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""
