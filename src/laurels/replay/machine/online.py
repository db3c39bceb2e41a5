"""The online engine on machine code: every step and advance of a book, over copies of its lists.

Not fast, for every call copies the state; it shows a story, or a test, what the machine code does
at each step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from laurels.engine.compiled import Compiled
from laurels.replay.machine.build import Machine


def on_machine(program: Compiled, code: Machine) -> Compiled:
    """The same program; books opened under it run its machine code."""

    def step(*given: Any) -> None:
        *sequences, _, cap = given
        _called(sequences, lambda arrays: code.step(*arrays, code.cal, cap))

    def advance(*given: Any) -> int:
        *sequences, _, cap, room, until = given
        return _called(sequences, lambda arrays: code.advance(*arrays, code.cal, cap, room, until))

    found = copy.copy(program)
    found.step, found.advance = step, advance
    return found


def _called(sequences: Sequence[Any], call: Callable[[list[Any]], int]) -> int:
    """Call with arrays of the sequences, one for each object, and put back what was written."""
    arrays = {id(each): np.array(list(each) or [0], dtype=np.int64) for each in sequences}
    found = call([arrays[id(each)] for each in sequences])
    for each in sequences:
        if isinstance(each, list):
            each[:] = arrays[id(each)][: len(each)].tolist()
    return found
