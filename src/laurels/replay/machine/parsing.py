"""Decimals and times out of texts: loops over letters, without an object for each.

Only the plain forms are read; whatever else stands there is marked, for the door to judge. In the
part of Python that is translated to machine code, as ``grouping``: no program changes it.
"""

from __future__ import annotations

from typing import Any

type_any = Any

DIGITS = 15
"""Digits that always stay below 10^15."""
PLAIN = 0
ODD = 1
LOCAL = 2
"""A time without offset: local."""

DAY = 86_400_000_000


def read_decimals(
    rows: int, ends: type_any, letters: type_any, scale: int, out: type_any, odd: type_any
) -> int:
    """Decimals as integers of their smallest step. ``odd``: where a text is no plain decimal with
    at most ``scale`` digits after the point, or too long, or nothing at all."""
    for i in range(rows):
        low = ends[i]
        high = ends[i + 1]
        value = 0
        digits = 0
        after = -1
        fine = 1
        for k in range(low, high):
            letter = letters[k]
            if letter == 46 and after < 0 and digits > 0:
                after = 0
            elif letter >= 48 and letter <= 57:
                value = value * 10 + letter - 48
                digits += 1
                if after >= 0:
                    after += 1
                if digits > DIGITS:
                    fine = 0
                    break
            else:
                fine = 0
                break
        places = max(after, 0)
        if (
            fine == 0
            or digits == 0
            or after == 0
            or places > scale
            or digits + scale - places > DIGITS
        ):
            odd[i] = 1
        else:
            for _ in range(places, scale):
                value = value * 10
            out[i] = value
    return 0


def read_instants(
    rows: int, ends: type_any, letters: type_any, out: type_any, odd: type_any
) -> int:
    """Times such as 2024-02-29T18:30:00.5Z or 2024-02-29T18:30:00+05:00 in microseconds, the year
    1970 being 0. ``odd``: 0 as it should be, 1 where a text has another form, 2 where no offset is
    said: the time is local."""
    for i in range(rows):
        low = ends[i]
        size = ends[i + 1] - low
        odd[i] = ODD
        if size < 19 or size > 32:
            continue
        if letters[low + 4] != 45 or letters[low + 7] != 45:
            continue
        if letters[low + 13] != 58 or letters[low + 16] != 58:
            continue
        if letters[low + 10] != 84 and letters[low + 10] != 32:
            continue
        year = digits_of(letters, low, 4)
        month = digits_of(letters, low + 5, 2)
        day = digits_of(letters, low + 8, 2)
        hour = digits_of(letters, low + 11, 2)
        minute = digits_of(letters, low + 14, 2)
        second = digits_of(letters, low + 17, 2)
        if min(year, month, day, hour, minute, second) < 0 or year < 1600:
            continue
        if month < 1 or month > 12 or day < 1 or day > days_in(year, month):
            continue
        if hour > 23 or minute > 59 or second > 59:
            continue
        micros = 0
        rest = size - 19
        said = 1 if rest > 0 and letters[low + size - 1] == 90 else 0
        rest -= said
        ahead = 0
        if said == 0 and rest > 5:
            ahead = offset_of(letters, low + size - 6)
            if ahead != ODD:
                said = 1
                rest -= 6
        if rest > 0:
            if letters[low + 19] != 46 or rest < 2:
                continue
            micros = digits_of(letters, low + 20, rest - 1)
            if micros < 0 or rest > 7:
                continue
            for _ in range(rest - 1, 6):
                micros = micros * 10
        seconds = hour * 3600 + minute * 60 + second
        wall = days_from(year, month, day) * DAY + seconds * 1_000_000 + micros
        out[i] = wall - ahead if said == 1 else wall
        odd[i] = PLAIN if said == 1 else LOCAL
    return 0


def offset_of(letters: type_any, low: int) -> int:
    """An offset such as +05:00 in microseconds, ODD where there is none."""
    sign = letters[low]
    if (sign != 43 and sign != 45) or letters[low + 3] != 58:
        return ODD
    hours = digits_of(letters, low + 1, 2)
    minutes = digits_of(letters, low + 4, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return ODD
    ahead = (hours * 60 + minutes) * 60_000_000
    return ahead if sign == 43 else 0 - ahead


def digits_of(letters: type_any, low: int, count: int) -> int:
    """Some digits as a number, -1 where one is none."""
    value = 0
    for k in range(low, low + count):
        letter = letters[k]
        if letter < 48 or letter > 57:
            return -1
        value = value * 10 + letter - 48
    return value


def days_in(year: int, month: int) -> int:
    """Days of a month."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_from(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01: years begin in March, so that the leap day is their last."""
    if month <= 2:
        year -= 1
        month += 12
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month - 3) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
