"""Records as columns of postings, and texts put together from parts: loops over plain arrays.

In the part of Python that is translated to machine code, as ``grouping``: no program changes it.
"""

from __future__ import annotations

from typing import Any

from laurels.engine.kernel.layout import LEVEL_CHANGE, R_AT, R_KIND, R_POINTS, RECORD

type_any = Any


def split_records(
    rows: int, rec: type_any, causes: type_any, out: type_any, kept: type_any
) -> int:  # fmt: skip
    """The records that are postings; how many they are.

    rec     records, one after the other; causes: what caused each
    out     receives those that stay, alike ones of one cause as one (see ``journal.merged``);
            kept: their causes
    """
    count = 0
    for i in range(rows):
        k = i * RECORD
        if rec[k + R_KIND] >= LEVEL_CHANGE:
            continue
        j = count - 1
        alike = False
        while j >= 0 and not alike and kept[j] == causes[i]:
            to = j * RECORD
            if out[to + R_AT] != rec[k + R_AT]:
                break
            alike = True
            for column in range(RECORD):
                if column != R_POINTS and out[to + column] != rec[k + column]:
                    alike = False
            if alike:
                out[to + R_POINTS] += rec[k + R_POINTS]
            j -= 1
        if not alike:
            to = count * RECORD
            for column in range(RECORD):
                out[to + column] = rec[k + column]
            kept[count] = causes[i]
            count += 1
    return count


def add_texts(
    rows: int, codes: type_any, ends: type_any, letters: type_any, after: int, at: type_any,
    out: type_any,
) -> int:  # fmt: skip
    """Add a text to each row's letters.

    codes   which text, -1 none; ends: where each text begins in ``letters``, and the last ends
    after   a letter that follows each text, 0 none
    at      where each row's letters go on in ``out``; moved on
    """
    for i in range(rows):
        code = codes[i]
        if code >= 0:
            low = ends[code]
            size = ends[code + 1] - low
            to = at[i]
            for k in range(size):
                out[to + k] = letters[low + k]
            if after > 0:
                out[to + size] = after
                size += 1
            at[i] = to + size
    return 0


def mix(one: int, other: int) -> int:
    """Two numbers as one, all bits of which depend on all bits of both. Wraps on purpose."""
    found = (one ^ other) * -7046029254386353131 + 1442695040888963407
    found = (found ^ ((found >> 32) & 4294967295)) * -4265267296055464877
    return found ^ ((found >> 29) & 34359738367)


def mix_numbers(rows: int, values: type_any, numbers: type_any) -> int:
    """Mix a value into each row's number."""
    for i in range(rows):
        numbers[i] = mix(numbers[i], values[i])
    return 0


def mix_texts(rows: int, ends: type_any, letters: type_any, numbers: type_any) -> int:
    """Mix a text into each row's number."""
    for i in range(rows):
        found = ends[i + 1] - ends[i]
        for k in range(ends[i], ends[i + 1]):
            found = found * 1099511628211 + letters[k]
        numbers[i] = mix(numbers[i], found)
    return 0
