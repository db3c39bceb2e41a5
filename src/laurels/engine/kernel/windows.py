"""Counters that begin anew with each period, and rolling sums. A counter is two slots of the
state: the period it counts for, and its value; what belongs to another period reads as zero."""

from collections.abc import Sequence
from typing import Any

type_state = Any  # list[int] or an int64 array


def counted(s: Sequence[int], slot: int, period: int) -> int:
    """What a counter holds for a period."""
    return s[slot + 1] if s[slot] == period else 0


def count_up(s: type_state, slot: int, period: int, by: int) -> None:
    """Add to a counter; a new period starts from zero."""
    if s[slot] == period:
        s[slot + 1] += by
    else:
        s[slot] = period
        s[slot + 1] = by


def count_down(s: type_state, slot: int, period: int, by: int) -> None:
    """Lower a counter, never below zero (vocabulary 3: each return is cut at zero)."""
    if s[slot] == period:
        left = s[slot + 1] - by
        s[slot + 1] = left if left > 0 else 0
    else:
        s[slot] = period
        s[slot + 1] = 0


def set_max(s: type_state, slot: int, period: int, value: int) -> None:
    """Keep the larger value of the period."""
    if s[slot] != period or value > s[slot + 1]:
        s[slot] = period
        s[slot + 1] = value


def set_last(s: type_state, slot: int, period: int, value: int) -> None:
    """Keep the latest value of the period."""
    s[slot] = period
    s[slot + 1] = value


def count_day(s: type_state, slot: int, period: int, day: int) -> None:
    """Count a day once. The slot after the value holds the last day counted, plus one."""
    if s[slot] != period:
        s[slot] = period
        s[slot + 1] = 0
    if s[slot + 2] != day + 1:
        s[slot + 2] = day + 1
        s[slot + 1] += 1


def roll(s: type_state, slot: int, size: int, period: int) -> None:
    """Bring a ring of ``size`` periods to a period; what has rolled out is forgotten.

    A ring is the latest period, the sum of all its parts, and a part for each period.
    """
    last = s[slot]
    if period <= last:
        return
    if period - last >= size:
        for k in range(slot + 1, slot + 2 + size):
            s[k] = 0
    else:
        for k in range(last + 1, period + 1):
            at = slot + 2 + k % size
            s[slot + 1] -= s[at]
            s[at] = 0
    s[slot] = period


def roll_up(s: type_state, slot: int, size: int, period: int, by: int) -> None:
    """Add to the period's part of a rolling sum."""
    roll(s, slot, size, period)
    s[slot + 1] += by
    s[slot + 2 + period % size] += by


def roll_down(s: type_state, slot: int, size: int, period: int, by: int) -> None:
    """Lower a rolling sum by a return, from the newest part backwards, never below zero."""
    roll(s, slot, size, period)
    k = period
    while by > 0 and k > period - size:
        at = slot + 2 + k % size
        cut = min(by, s[at])
        s[at] -= cut
        s[slot + 1] -= cut
        by -= cut
        k -= 1


def rolled(s: Sequence[int], slot: int, size: int, period: int) -> int:
    """The sum over the last ``size`` periods up to a period."""
    last = s[slot]
    if period <= last:
        return s[slot + 1]
    if period - last >= size:
        return 0
    total = s[slot + 1]
    for k in range(last + 1, period + 1):
        total -= s[slot + 2 + k % size]
    return total
