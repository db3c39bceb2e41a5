"""The columnar driver run by CPython: the sources that become machine code, without compiling.

Every sequence is a view of an array: it gives integers without bounds, takes none that its width
does not hold (OverflowError), and knows its length (IndexError). So what machine code would do
silently wrong is loud here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from laurels import Compiled
from laurels.replay.machine.text import entries, trees_of
from laurels.replay.machine.translate import Kind


class Interpreted:
    """What ``build.Machine`` is, by CPython."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.cal = program.cal
        self._kinds = entries(program)["fold_members"]
        space: dict[str, Any] = {"np": np, "Any": Any, "TRACE": None}
        for tree in trees_of(program):
            exec(compile(tree, f"<{program.name}>", "exec"), space)  # our own sources
        self._fold = space["fold_members"]

    def fold(self, *given: Any) -> int:
        """Fold members, as the machine code does."""
        pairs = zip(given, self._kinds, strict=True)
        return int(self._fold(*[_view(value, kind) for value, kind in pairs]))


def _view(value: Any, kind: Kind) -> Any:
    if kind[0] == "int":
        return int(value)
    if kind[0] == "row":
        return memoryview(value.reshape(-1))
    return tuple(_view(each, ("row", ())) if isinstance(each, np.ndarray) else each
                 for each in value)  # fmt: skip
