"""Days, months and terms, read from the program's calendar tables.

``cal`` is three sequences: the UTC instant of each local midnight, the month index of each day,
and the first day of each month index. Day 0 and month 0 are those of 1 January 1900.
"""

from collections.abc import Sequence

from laurels.engine.kernel.layout import NEVER, TERM_DAYS, TERM_MICROS, TERM_MONTHS

type_cal = tuple[Sequence[int], Sequence[int], Sequence[int]]

DAY = 86_400_000_000


def day_of(cal: type_cal, instant: int) -> int:
    """The local day number of an instant."""
    midnight = cal[0]
    day = (instant - midnight[0]) // DAY
    while midnight[day] > instant:
        day -= 1
    while midnight[day + 1] <= instant:
        day += 1
    return day


def add_months(cal: type_cal, day: int, months: int) -> int:
    """The same day of the month, so many months on; clamped to the month's end."""
    return months_on(cal, day, cal[1][day], months)


def months_on(cal: type_cal, day: int, month: int, months: int) -> int:
    """The same for a day whose month is known."""
    of_month = day - cal[2][month]
    first = cal[2][month + months]
    length = cal[2][month + months + 1] - first
    return first + (of_month if of_month < length else length - 1)


def ends_after(cal: type_cal, instant: int, day: int, kind: int, length: int) -> int:
    """The exclusive end of a term that starts at an instant of a day (A-13).

    Months and days end with the last instant of their last day; minutes and hours exactly.
    """
    if kind == TERM_MONTHS:
        return cal[0][add_months(cal, day, length) + 1]
    if kind == TERM_DAYS:
        return cal[0][day + length + 1]
    if kind == TERM_MICROS:
        return instant + length
    return NEVER


def starts_after(cal: type_cal, instant: int, day: int, kind: int, length: int) -> int:
    """When something that waits for a term begins: at the local midnight that ends the wait."""
    if kind == TERM_MONTHS:
        return cal[0][add_months(cal, day, length)]
    if kind == TERM_DAYS:
        return cal[0][day + length]
    if kind == TERM_MICROS:
        return instant + length
    return instant


def next_birthday(cal: type_cal, instant: int, born: int) -> int:
    """The first local midnight of a birthday after an instant; 29 February counts as the 28th
    in years without one."""
    day = day_of(cal, instant)
    month = cal[1][day] // 12 * 12 + born // 100 - 1
    while True:
        first = cal[2][month]
        length = cal[2][month + 1] - first
        midnight = cal[0][first + min(born % 100, length) - 1]
        if midnight > instant:
            return midnight
        month += 12
