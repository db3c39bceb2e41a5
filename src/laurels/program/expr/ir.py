"""The typed tree that every expression becomes: constants, names and calls.

The tree is symbolic: strings stay strings, and nothing in it depends on the CEL library. Money is
an int in minor units, points are an int in the unit's smallest steps, an instant is an int of
microseconds since 1970 in UTC.

Operators (`Call.op`) and their arguments:

    and or                  two or more conditions
    not                     one condition
    eq ne lt le gt ge       two operands of one type
    in                      a value, then one or more candidates
    add sub mul div rem     two ints; div and rem truncate toward zero, as in CEL
    neg                     one int
    min max                 two ints
    if                      condition, then, otherwise
    at_least                the name of a ladder's level, a level
    starts_with ends_with contains      the name of a string, a constant
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Type: TypeAlias = Literal["int", "bool", "string", "instant"]
Dim: TypeAlias = str
Value: TypeAlias = int | bool | str

PLAIN = "plain"
MONEY = "money"
COUNT = "count"
RATE = "rate"
CALENDAR = frozenset({"weekday", "day", "month", "year", "hour", "minute"})
LOOSE = CALENDAR | {PLAIN, COUNT, RATE}
"""Dimensions whose values may be written as bare integers."""

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
PREDICATES = frozenset({"starts_with", "ends_with", "contains"})


def points_dim(unit: str) -> Dim:
    """The dimension of an amount of points of `unit`."""
    return f"points:{unit}"


def known_dim(dim: Dim) -> bool:
    """Whether `dim` is one of the dimensions of this language."""
    return dim in LOOSE or dim == MONEY or (dim.startswith("points:") and len(dim) > 7)


@dataclass(frozen=True)
class Const:
    """A constant. `text` is how it is written in an expression: `money('300.00')`."""

    value: Value
    type: Type
    dim: Dim = PLAIN
    text: str = field(default="", compare=False)
    offset: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Name:
    """A declared name such as `event.amount`. `levels` are those of a ladder, lowest first."""

    path: str
    type: Type
    dim: Dim = PLAIN
    levels: tuple[str, ...] | None = None
    offset: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """An operator applied to arguments."""

    op: str
    args: tuple[Node, ...]
    type: Type
    dim: Dim = PLAIN
    offset: int = field(default=0, compare=False, repr=False)


Node: TypeAlias = Const | Name | Call


@dataclass(frozen=True)
class Predicate:
    """A question about a string that becomes a boolean column: `op` is one of PREDICATES."""

    name: str
    op: str
    constant: str

    def holds(self, value: str) -> bool:
        """Whether the predicate holds for `value`."""
        if self.op == "starts_with":
            return value.startswith(self.constant)
        if self.op == "ends_with":
            return value.endswith(self.constant)
        return self.constant in value


def walk(node: Node) -> Iterator[Node]:
    """Every node of the tree, parents first, left to right."""
    yield node
    if isinstance(node, Call):
        for arg in node.args:
            yield from walk(arg)


def names_in(node: Node) -> frozenset[str]:
    """The names that the tree reads."""
    return frozenset(each.path for each in walk(node) if isinstance(each, Name))


def predicate_of(call: Call) -> Predicate:
    """The predicate that a `starts_with`, `ends_with` or `contains` call asks."""
    target, constant = call.args
    assert isinstance(target, Name)
    assert isinstance(constant, Const)
    return Predicate(target.path, call.op, str(constant.value))


def rank(level: str, levels: tuple[str, ...]) -> int:
    """The rank of a level, 1 for the lowest; 0 for no level. ValueError for an unknown one."""
    return levels.index(level) + 1 if level else 0


def quote(value: str) -> str:
    """A CEL string literal for `value`."""
    named = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "'" + "".join(named.get(c) or _printable(c) for c in value) + "'"


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
