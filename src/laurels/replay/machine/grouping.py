"""Rows by member, without a sort: machine code that no program changes.

A member's rows are counted, then put where they belong; within a member they keep the order of
the input, and only members whose rows are out of order are sorted. In the part of Python that is
translated (see ``translate``).
"""

from __future__ import annotations

from typing import Any

type_any = Any


def place_rows(
    codes: type_any, rows: int, members: int, start: type_any, order: type_any, next_: type_any
) -> int:
    """The rows of each member together: ``start`` (one longer than there are members, of zeros)
    and ``order``; ``next_`` is scratch."""
    for i in range(rows):
        start[codes[i] + 1] += 1
    for m in range(members):
        next_[m] = start[m]
        start[m + 1] += start[m]
    for i in range(rows):
        m = codes[i]
        order[next_[m]] = i
        next_[m] += 1
    return 0


def sort_members(
    members: int, start: type_any, order: type_any, at: type_any, ties: type_any
) -> int:
    """Bring the rows of members that are out of order into the order of time, keeping that of
    equal ones; marks members with equal instants in ``ties``. Returns how many were sorted."""
    found = 0
    for m in range(members):
        low = start[m]
        high = start[m + 1]
        sorted_ = 1
        for i in range(low + 1, high):
            if at[order[i]] < at[order[i - 1]]:
                sorted_ = 0
                break
        if sorted_ == 0:
            found += 1
            sort_rows(low, high, order, at)
        for i in range(low + 1, high):
            if at[order[i]] == at[order[i - 1]]:
                ties[m] = 1
                break
    return found


def sort_rows(low: int, high: int, order: type_any, at: type_any) -> None:
    """A heap sort by instant, then by row."""
    size = high - low
    for first in range(size // 2 - 1, -1, -1):
        sift(low, first, size, order, at)
    last = size - 1
    while last > 0:
        row = order[low]
        order[low] = order[low + last]
        order[low + last] = row
        sift(low, 0, last, order, at)
        last -= 1


def sift(low: int, place: int, size: int, order: type_any, at: type_any) -> None:
    """Let a row sink to its place in the heap."""
    going = True
    while going:
        child = 2 * place + 1
        if child >= size:
            return
        if child + 1 < size and later(order[low + child + 1], order[low + child], at):
            child += 1
        if later(order[low + child], order[low + place], at):
            row = order[low + child]
            order[low + child] = order[low + place]
            order[low + place] = row
            place = child
        else:
            going = False


def later(one: int, other: int, at: type_any) -> bool:
    """Whether a row comes after another."""
    found: bool = at[one] > at[other] or (at[one] == at[other] and one > other)
    return found


def hash_texts(rows: int, ends: type_any, letters: type_any, out: type_any, odd: type_any) -> int:
    """A number for each text: equal texts have equal numbers. ``ends``: where texts begin. Texts
    that are empty, long, or more than plain ASCII are marked in ``odd``."""
    for i in range(rows):
        h = -3750763034362895579
        low = ends[i]
        high = ends[i + 1]
        if high == low or high - low > 200:
            odd[i] = 1
        for k in range(low, high):
            letter = letters[k]
            if letter < 32 or letter == 127:
                odd[i] = 1
            h = (h ^ (letter & 255)) * 1099511628211
        out[i] = h ^ ((h >> 29) & 34359738367)
    return 0


def find_twins(
    parts: int, start: type_any, order: type_any, hashes: type_any, table: type_any,
    owners: type_any, odd: type_any,
) -> int:  # fmt: skip
    """Mark rows that have the same number as another row of their part. ``table`` and ``owners``
    are scratch: a power of two at least twice the rows of the largest part."""
    found = 0
    for part in range(parts):
        low = start[part]
        high = start[part + 1]
        size = 4
        while size < 2 * (high - low):
            size *= 2
        for k in range(size):
            owners[k] = -1
        for i in range(low, high):
            row = order[i]
            h = hashes[row]
            k = (h ^ (h >> 20)) & (size - 1)
            while owners[k] >= 0 and table[k] != h:
                k = (k + 1) & (size - 1)
            if owners[k] >= 0:
                odd[row] = 1
                odd[owners[k]] = 1
                found += 1
            table[k] = h
            owners[k] = row
    return found


def gather_8(rows: int, order: type_any, old: type_any, new: type_any) -> int:
    """A column in another order."""
    for i in range(rows):
        new[i] = old[order[i]]
    return 0
