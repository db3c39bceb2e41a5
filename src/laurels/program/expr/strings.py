"""Strings do not reach the kernel: this is the table of the codes that stand for them.

One collector serves a whole program, because the codes of a name depend on every constant that
any expression mentions. A value that no expression mentions needs no code of its own: all such
values are one.
"""

from __future__ import annotations

from collections.abc import Mapping

from laurels.program.expr.ir import (
    PREDICATES,
    Call,
    Const,
    Name,
    Node,
    Predicate,
    predicate_of,
    rank,
    walk,
)


class Strings:
    """Codes of strings, gathered over expressions.

    Add every expression first, then read: the first reading closes the collection, because codes
    that were handed out must not change. The absent string '' is 0; the constants that are
    mentioned are 1 to k in sorted order; every other value is k + 1. Of a ladder the code is the
    level's rank, 1 for the lowest, and 0 is no level.
    """

    def __init__(self) -> None:
        self._mentioned: dict[str, set[str]] = {}
        self._levels: dict[str, tuple[str, ...]] = {}
        self._predicates: set[Predicate] = set()
        self._codes: dict[str, dict[str, int]] | None = None

    def add(self, node: Node) -> None:
        """Gather the strings of an expression. RuntimeError once the codes have been read."""
        if self._codes is not None:
            raise RuntimeError("the codes have been read: no expression can be added")
        for each in walk(node):
            if isinstance(each, Name) and each.type == "string":
                self._add_name(each)
            elif isinstance(each, Call) and each.op in PREDICATES:
                self._predicates.add(predicate_of(each))
            elif isinstance(each, Call) and each.op in ("eq", "ne", "in"):
                self._add_constants(each)

    def _add_name(self, name: Name) -> None:
        self._mentioned.setdefault(name.path, set())
        if name.levels is not None:
            self._levels[name.path] = name.levels

    def _add_constants(self, call: Call) -> None:
        name, *constants = call.args
        if isinstance(name, Name) and name.type == "string":
            values = {str(each.value) for each in constants if isinstance(each, Const)}
            self._mentioned.setdefault(name.path, set()).update(values - {""})

    @property
    def names(self) -> tuple[str, ...]:
        """The string names that any expression reads, sorted."""
        return tuple(sorted(self._mentioned))

    @property
    def predicates(self) -> tuple[Predicate, ...]:
        """The predicates that any expression asks, in a fixed order."""
        return tuple(sorted(self._predicates, key=lambda p: (p.name, p.op, p.constant)))

    def codes(self, name: str) -> Mapping[str, int]:
        """The code of every value of `name` that has one of its own; '' is always 0."""
        if self._codes is None:
            self._codes = {each: self._number(each) for each in self._mentioned}
        return self._codes[name]

    def _number(self, name: str) -> dict[str, int]:
        levels = self._levels.get(name)
        if levels is not None:
            return {"": 0} | {level: rank(level, levels) for level in levels}
        return {"": 0} | {each: code for code, each in enumerate(sorted(self._mentioned[name]), 1)}

    def encode(self, name: str, value: str) -> int:
        """The code of any value. ValueError for a level that the ladder does not have."""
        codes = self.codes(name)
        if name in self._levels and value not in codes:
            raise ValueError(f"{name} has no level {value!r}")
        return codes.get(value, len(codes))
