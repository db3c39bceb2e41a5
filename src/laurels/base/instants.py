"""Instants and calendars. An instant is an int: microseconds since 1970-01-01T00:00Z.

Local time is read in the program's IANA zone, with the time zone data of the pinned `tzdata`
package, never the machine's, so that a book closes at the same instant everywhere. Days are
numbered from FIRST_DAY, months from January 1900; both are half-open intervals of instants.
"""

import importlib.resources
import re
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzdata

from laurels.base.errors import RequestError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2199, 12, 31)
FIRST_YEAR = FIRST_DAY.year
DAYS = (LAST_DAY - FIRST_DAY).days + 1
MONTHS = 12 * (LAST_DAY.year - FIRST_YEAR + 1)

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (wall clocks and UTC are both counted from here)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_WALL = (FIRST_DAY - _EPOCH.date()).days * DAY  # local midnight of day 0, read as UTC
_FIRST_WEEKDAY = FIRST_DAY.isoweekday()

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d+))?)?"
    r"\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)
_EXPECTED = "RFC 3339 such as 2024-02-29T18:30:00Z, or a local time or day such as 2024-02-29"


class LocalParts(NamedTuple):
    """What a clock and a calendar on the wall show. weekday: Monday = 1 .. Sunday = 7."""

    year: int
    month: int
    day: int
    weekday: int
    hour: int
    minute: int


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """One zone's days and months as instants. Get it from `calendar(zone)`, which keeps it.

    midnight      the first instant of each day; entry DAYS ends the last day. Where local midnight
                  does not exist, the first instant after the gap; a day that was skipped as a
                  whole starts where the next one starts. Where midnight happened twice, the first
    month_of      the month index of each day, January 1900 = 0; entry DAYS is MONTHS
    month_first   the number of the first day of each month; entry MONTHS is DAYS

    The lists are shared and read by compiled code: never change them.
    """

    zone: str
    midnight: list[int]
    month_of: list[int]
    month_first: list[int]
    tzdata_version: str
    _changes: list[int]  # instants at which the offset changes
    _offsets: list[int]  # offset before the first change, then after each, in microseconds
    _switches: list[int]  # the wall clock at which the next offset begins to be read
    _gaps: list[int]  # how much of the wall clock before each switch never happened

    def day_of(self, instant: int) -> int:
        """The number of the day that holds an instant.

        Where clocks went back over midnight, the part of an evening that ran a second time
        belongs to the day that had already begun, so that days never go back.
        """
        return bisect_right(self.midnight, instant) - 1

    def parts(self, instant: int) -> LocalParts:
        """Local date and time of day; the date is that of `day_of`."""
        number = self.day_of(instant)
        day = FIRST_DAY + timedelta(days=number)
        minutes = (instant + self.offset(instant)) % DAY // MINUTE
        weekday = (number + _FIRST_WEEKDAY - 1) % 7 + 1
        return LocalParts(day.year, day.month, day.day, weekday, *divmod(minutes, 60))

    def offset(self, instant: int) -> int:
        """Microseconds that the local clock is ahead of UTC."""
        return self._offsets[bisect_right(self._changes, instant)]

    @property
    def walls(self) -> tuple[list[int], list[int], list[int]]:
        """What `instant_of_wall` reads, for whoever asks it of whole columns: the wall clocks at
        which a next offset begins to be read, how much before each never happened, offsets."""
        return self._switches, self._gaps, self._offsets

    def instant_of_wall(self, wall: int) -> int | None:
        """The first instant at which a local clock shows `wall` (a local time read as if UTC).

        None where it never did.
        """
        index = bisect_right(self._switches, wall)
        if index < len(self._gaps) and wall >= self._switches[index] - self._gaps[index]:
            return None
        return wall - self._offsets[index]


def day_number(day: date) -> int:
    """The number of a date, 1900-01-01 = 0."""
    return (day - FIRST_DAY).days


def day_at(number: int) -> date:
    """The date of a day number."""
    return FIRST_DAY + timedelta(days=number)


def parse_instant(value: object, zone: "str | Calendar", where: str = "occurred_at") -> int:
    """Microseconds since 1970-01-01T00:00Z.

    value   RFC 3339 text; a blank for the T, a missing offset (local time), missing seconds and a
            date alone (its local midnight) are accepted, and so are datetime and date objects
    zone    an IANA name, or its calendar
    where   the field that a message names
    Raises: RequestError for other text, for a local time that never happened, for digits finer
    than a microsecond (zeros do not count), outside the years 1900 to 2199. A local time that
    happened twice is the first.
    """
    local = calendar(zone) if isinstance(zone, str) else zone
    if isinstance(value, str):
        # The two common forms first: 2024-02-29T18:30:00Z, and the same without the Z.
        utc = len(value) == 20 and value[19] == "Z"
        wall = _clock(value) if utc or len(value) == 19 else None
        if wall is None:
            instant = _parse_text(value, local, where)
        else:
            instant = wall if utc else _from_wall(wall, local, where)
    elif isinstance(value, datetime):
        if getattr(value, "nanosecond", 0):  # pandas
            raise _too_fine(where)
        instant = _from_datetime(value, local, where)
    elif isinstance(value, date):
        instant = _from_date(value, local, where)
    else:
        raise _invalid(type(value).__name__, where)
    if not local.midnight[0] <= instant < local.midnight[DAYS]:
        raise _out_of_range(where)
    return instant


@lru_cache(4096)
def format_instant(instant: int) -> str:
    """RFC 3339 in UTC: 2024-02-29T18:30:00Z, with six decimals unless the second is whole.

    The latest are known by heart: what is decided together shares its instants.
    """
    return (_EPOCH + timedelta(microseconds=instant)).isoformat() + "Z"


def _clock(text: str) -> int | None:
    """What a clock shows that reads `2024-02-29T18:30:00`; None for all that is not so simple."""
    if text[4] != "-" or text[7] != "-" or text[13] != ":" or text[16] != ":":
        return None
    if text[10] not in "T " or text[11:13] == "24":
        return None
    try:
        return (datetime.fromisoformat(text[:19]) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


def _parse_text(text: str, local: Calendar, where: str) -> int:
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        raise _invalid(text, where)
    day_text, hour, minute, second, fraction, offset = match.groups()
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        raise _invalid(text, where) from None
    if hour is None:
        return _from_date(day, local, where)
    fraction = (fraction or "").rstrip("0")
    if len(fraction) > 6:
        raise _too_fine(where)
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second or 0)
    wall = (day - _EPOCH.date()).days * DAY + seconds * SECOND + int(fraction.ljust(6, "0"))
    if offset is None:
        return _from_wall(wall, local, where)
    if offset in "Zz":
        return wall
    hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
    if hours > 23 or minutes > 59:
        raise _invalid(text, where)
    ahead = hours * HOUR + minutes * MINUTE
    return wall + ahead if offset[0] == "-" else wall - ahead


def _from_datetime(value: datetime, local: Calendar, where: str) -> int:
    offset = value.utcoffset()
    wall = (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
    if offset is None:
        return _from_wall(wall, local, where)
    return wall - offset // _MICROSECOND


def _from_date(day: date, local: Calendar, where: str) -> int:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise _out_of_range(where)
    return local.midnight[day_number(day)]


def _from_wall(wall: int, local: Calendar, where: str) -> int:
    instant = local.instant_of_wall(wall)
    if instant is None:
        shown = (_EPOCH + timedelta(microseconds=wall)).isoformat(" ")
        raise RequestError(
            "instant-never-happened",
            f"{shown} never happened in {local.zone}: clocks went forward over it",
            where=where,
            expected="a local time that clocks showed, or a time with its offset",
        )
    return instant


def _invalid(shown: str, where: str) -> RequestError:
    return RequestError(
        "instant-invalid", f"{shown[:40]!r} is not a time", where=where, expected=_EXPECTED
    )


def _too_fine(where: str) -> RequestError:
    return RequestError(
        "instant-too-fine",
        "the time is finer than a microsecond",
        where=where,
        expected="at most six decimals of a second",
    )


def _out_of_range(where: str) -> RequestError:
    return RequestError(
        "instant-out-of-range",
        "the time is out of range",
        where=where,
        expected=f"a time in the years {FIRST_YEAR} to {LAST_DAY.year}",
    )


@cache
def calendar(zone: str) -> Calendar:
    """The calendar of an IANA zone. Built in some 20 ms, then kept.

    Raises: RequestError when the pinned time zone data has no such zone.
    """
    if zone not in _zone_names():
        raise RequestError(
            "zone-unknown",
            f"{zone[:40]!r} is not a time zone",
            where="zone",
            expected="a name of the IANA database such as Asia/Almaty",
        )
    changes, offsets = _offset_changes(zone)
    month_of, month_first = _months()
    steps = list(pairwise(offsets))
    return Calendar(
        zone=zone,
        midnight=_midnights(changes, offsets),
        month_of=month_of,
        month_first=month_first,
        tzdata_version=tzdata.IANA_VERSION,
        _changes=changes,
        _offsets=offsets,
        _switches=[at + max(step) for at, step in zip(changes, steps, strict=True)],
        _gaps=[max(0, after - before) for before, after in steps],
    )


@cache
def _zone_names() -> frozenset[str]:
    names = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8")
    return frozenset(names.split())


@cache
def _months() -> tuple[list[int], list[int]]:
    """month_of and month_first: the same in every zone."""
    month_first = [
        day_number(date(FIRST_YEAR + month // 12, month % 12 + 1, 1)) for month in range(MONTHS)
    ]
    month_first.append(DAYS)
    month_of = [
        month for month, (first, end) in enumerate(pairwise(month_first)) for _ in range(first, end)
    ]
    month_of.append(MONTHS)
    return month_of, month_first


def _midnights(changes: Sequence[int], offsets: Sequence[int]) -> list[int]:
    """The first instant of each day and of the day after the last."""
    midnight: list[int] = []
    ends = [*changes, None]
    for offset, after, change in zip(offsets, [*offsets[1:], 0], ends, strict=True):
        if change is None:
            end = DAYS + 1
        else:
            # Local midnights that this offset shows: those before the clock reads change + offset.
            end = min(-(-(change + offset - _FIRST_WALL) // DAY), DAYS + 1)
        first = len(midnight)
        start = _FIRST_WALL - offset
        midnight.extend(range(start + first * DAY, start + end * DAY, DAY))
        if change is not None and after > offset:
            # Midnights that the clock jumped over begin where it landed.
            skipped = min(-(-(change + after - _FIRST_WALL) // DAY), DAYS + 1) - len(midnight)
            midnight.extend([change] * skipped)
    return midnight


def _offset_changes(zone: str) -> tuple[list[int], list[int]]:
    """Instants at which the offset changes, and the offsets before the first and after each.

    The file lists changes up to some year; what comes later follows a rule, which we sample.
    """
    resource = importlib.resources.files("tzdata").joinpath("zoneinfo", *zone.split("/"))
    with resource.open("rb") as file:
        info = ZoneInfo.from_file(file, key=zone)
        file.seek(0)
        listed = _listed_changes(file.read())
    offset_at = _offset_reader(info)
    start, end = _FIRST_WALL - 2 * DAY, _FIRST_WALL + (DAYS + 2) * DAY
    moments = [at * SECOND for at in listed if start < at * SECOND < end]
    moments += _ruled_changes(offset_at, max([start, *moments]), end)
    changes: list[int] = []
    offsets = [offset_at(start) // _MICROSECOND]
    for moment in moments:
        offset = offset_at(moment) // _MICROSECOND
        if offset != offsets[-1]:
            changes.append(moment)
            offsets.append(offset)
    return changes, offsets


def _listed_changes(content: bytes) -> tuple[int, ...]:
    """The seconds of the changes listed in a TZif file (RFC 8536), from its 64-bit block."""
    header = struct.Struct(">20x6l")  # after magic, version and reserve, six counts
    utc_flags, wall_flags, leaps, times, types, letters = header.unpack_from(content)
    second = 2 * header.size + times * 5 + types * 6 + letters + leaps * 8
    second += wall_flags + utc_flags
    times = header.unpack_from(content, second - header.size)[3]
    return struct.unpack_from(f">{times}q", content, second)


_SAMPLE = 28 * DAY  # a rule keeps an offset for longer
_GRID = 15 * MINUTE  # and changes it on a quarter of an hour


def _ruled_changes(offset_at: Callable[[int], timedelta], start: int, end: int) -> Iterator[int]:
    """Changes after `start`, found by sampling and then halving."""
    start = -(-start // _GRID) * _GRID
    before = offset_at(start)
    for at in range(start + _SAMPLE, end, _SAMPLE):
        offset = offset_at(at)
        if offset == before:
            continue
        low, high = at - _SAMPLE, at
        while high - low > _GRID:
            middle = (low + high) // (2 * _GRID) * _GRID
            if offset_at(middle) == before:
                low = middle
            else:
                high = middle
        yield high
        before = offset


def _offset_reader(info: ZoneInfo) -> Callable[[int], timedelta]:
    """A function from instants to offsets, by the standard library."""
    epoch = _EPOCH.replace(tzinfo=info)

    def offset_at(instant: int) -> timedelta:
        offset = info.fromutc(epoch + timedelta(0, 0, instant)).utcoffset()
        return timedelta() if offset is None else offset

    return offset_at
