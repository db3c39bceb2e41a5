"""A history as columns: one row for each event, a member's rows together and in event order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from laurels.engine.compiled import Compiled
from laurels.engine.door import WHOLE
from laurels.program.growth import BY_ITSELF, growth, longest
from laurels.program.linked import Linked
from laurels.replay.machine.filling import columns_of
from laurels.replay.machine.member import X_POINTS, X_SLOT

Array = NDArray[Any]
Ints = NDArray[np.int64]

MORE: tuple[DTypeLike, ...] = (
    np.int64, np.int64, np.int64, np.int8, np.int8, np.int32, np.int32, np.int8, np.int64,
    np.int32, np.int64, np.int32, np.int32, np.int8,
)  # fmt: skip
"""Types of the columns of X, in the order of their numbers in ``member``."""

SUM_BOUND = 2**62
"""No sum over all members is beyond this."""

SOME = 1 << 16
"""Amounts that are looked at together."""
DEFAULTS = (0, 0, 0, 0, 0, -1, -1, 0, 0, 0, -1, -1, -1, 1)
"""What stands in X where an event says nothing."""


@dataclass
class Columns:
    """The events of a history.

    members   names of the members, in the order of their rows
    start     where each member's rows begin; one more than there are members
    type      code of the type; 0 one that the program does not read; below zero: of a product
              that it does not know
    at        when the event acts, occurred: when it happened; microseconds
    amount    minor units
    version   index of the version that decides; one zero where there is but one
    own       the program's own columns, in the order of ``filling.columns_of``
    source    the number of each row in the input
    more      columns of X: events that have more than others; more_start: by member
    lines     flat lines of the kernel's width
    """

    program: Compiled
    members: Any
    start: Ints
    type: NDArray[np.int8]
    at: Ints
    occurred: Ints
    amount: Ints
    version: NDArray[np.int8]
    own: tuple[Array, ...]
    source: Array
    more: tuple[Array, ...]
    more_start: Ints
    lines: Ints
    largest_lines: int = 1
    slots: int = 0
    others: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.type)

    def events(self) -> tuple[Array, ...]:
        """``E`` of the machine code."""
        return self.type, self.at, self.amount, self.version, self.occurred

    def is_safe(self) -> bool:
        """Whether no sum over a member, or over all of them, can leave 64 bits."""
        linked = self.program.program
        own = [each for each, column in zip(self.own, columns_of(self.program), strict=False)
               if column.type is np.int64]  # fmt: skip
        other = largest(self.more[X_POINTS], self.lines, *own)
        most = max(other, largest(self.amount))
        if most >= WHOLE:  # a return of all that is left; it adds nothing
            amounts = self.amount[self.type != linked.events["return"].index]
            most = max(other, largest(amounts))
        return sums_fit(linked, self.start, len(self), (most, other), self.amount)

    def mask(self) -> Ints:
        """0 for a column of one value, -1 for a full one."""
        found = [0 if len(self.version) == 1 else -1, -1]
        found += [0 if len(each) == 1 else -1 for each in self.own]
        return np.array(found, dtype=np.int64)


def sums_fit(
    linked: Linked, start: Ints, events: int, numbers: tuple[int, int], amounts: Array
) -> bool:  # fmt: skip
    """Whether no sum over a member, or over all of them, can leave 64 bits.

    start    where each member's rows begin; events: how many there are
    numbers  the largest amount of any event, and the largest number that is none; amounts: all
    """
    most, other = max(numbers), numbers[1]
    if largest(np.diff(start)) > longest(linked, most):
        return False
    due = BY_ITSELF * len(start) * growth(linked, 1)
    if due + events * growth(linked, most) < SUM_BOUND:
        return True
    sizes = np.zeros(65, dtype=np.int64)
    for low in range(0, len(amounts), SOME):
        some = amounts[low : low + SOME]
        some = some[some <= most]  # a return of all that is left adds nothing
        sizes += np.bincount(np.frexp(some.astype(float))[1], minlength=65)
    sums = (n * growth(linked, max(1 << k, other)) for k, n in enumerate(sizes.tolist()) if n)
    return bool(due + sum(sums) < SUM_BOUND)


def largest(*columns: Array) -> int:
    """The largest number in some columns."""
    return max(int(each.max(initial=0)) for each in columns)


def empty_own(program: Compiled) -> tuple[Array, ...]:
    """The program's own columns, all absent."""
    return tuple(np.zeros(1, dtype=each.type) for each in columns_of(program)) or (
        np.zeros(1, dtype=np.int8),
    )


def empty_more(size: int) -> list[Array]:
    """The columns of X, as they are before anything is said."""
    return [np.full(size, value, dtype=kind) for kind, value in zip(MORE, DEFAULTS, strict=True)]


def give_slots(more: list[Array], more_start: Ints, named: Array, lines: Array) -> int:
    """Give every named event with lines a place in its member's scratch; the largest scratch.

    named  of each event in X whether another names it; lines: how many lines it has
    """
    size = np.where(named, np.maximum(lines, 1), 0).astype(np.int64)
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(size)])
    base = np.repeat(before[more_start[:-1]], np.diff(more_start))
    more[X_SLOT][:] = np.where(named, before[:-1] - base, -1)
    return int((before[more_start[1:]] - before[more_start[:-1]]).max(initial=0))
