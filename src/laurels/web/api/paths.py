"""Which route a path leads to: as it was sent, so that a part may hold a quoted slash.

Each part of a pattern is a literal or one name. A path has as many parts as its pattern, so the
patterns of its length are looked at, and no other: a dozen comparisons of short texts at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

Target = TypeVar("Target")


class Found(NamedTuple, Generic[Target]):
    """What a path leads to: a target for each method, and the named parts, unquoted."""

    methods: dict[str, Target]
    parts: dict[str, str]


class _Pattern(NamedTuple, Generic[Target]):
    literals: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]
    methods: dict[str, Target]


class Paths(Generic[Target]):
    """Patterns such as `/v1/programs/{program}/events`. Among those that fit, the first is it."""

    def __init__(self, rows: Iterable[tuple[str, str, Target]]) -> None:
        """rows: (method, pattern, target)."""
        known: dict[str, _Pattern[Target]] = {}
        self._by_length: dict[int, list[_Pattern[Target]]] = {}
        for method, text, target in rows:
            if text not in known:
                parts = text.split("/")
                named = [each.startswith("{") for each in parts]
                known[text] = _Pattern(
                    tuple((at, part) for at, part in enumerate(parts) if not named[at]),
                    tuple((at, part[1:-1]) for at, part in enumerate(parts) if named[at]),
                    {},
                )
                self._by_length.setdefault(len(parts), []).append(known[text])
            known[text].methods[method] = target

    def find(self, path: str) -> Found[Target] | None:
        """What a quoted path leads to; None where it leads nowhere."""
        parts = path.split("/")
        for pattern in self._by_length.get(len(parts), ()):
            for at, literal in pattern.literals:
                if parts[at] != literal:
                    break
            else:
                if all(parts[at] for at, _ in pattern.names):
                    named = {name: unquote(parts[at]) for at, name in pattern.names}
                    return Found(pattern.methods, named)
        return None
