"""Instants and calendars, held against the standard library with the same time zone data."""

import importlib.resources
import subprocess
import sys
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from laurels.base.errors import RequestError
from laurels.base.instants import (
    DAY,
    DAYS,
    FIRST_DAY,
    HOUR,
    MINUTE,
    MONTHS,
    SECOND,
    calendar,
    day_at,
    day_number,
    format_instant,
    parse_instant,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALMATY = "Asia/Almaty"

# Fixed offsets, summer time on both halves, changes at midnight, a day left out, half-hour
# changes, negative summer time, rules by the moon, seconds in old offsets.
ZONES = """UTC Asia/Almaty Asia/Qyzylorda Asia/Tbilisi Europe/London Europe/Moscow Europe/Dublin
    America/New_York America/Sao_Paulo America/St_Johns America/Havana America/Santiago
    Africa/Cairo Africa/Casablanca Africa/Monrovia Asia/Beirut Asia/Gaza Asia/Tehran
    Asia/Pyongyang Asia/Manila Australia/Lord_Howe Pacific/Apia Pacific/Kwajalein
    Antarctica/Troll America/Nuuk Europe/Amsterdam""".split()


@cache
def oracle_zone(zone: str) -> ZoneInfo:
    resource = importlib.resources.files("tzdata").joinpath("zoneinfo", *zone.split("/"))
    with resource.open("rb") as file:
        return ZoneInfo.from_file(file, key=zone)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def wall_of(instant: int, zone: str) -> datetime:
    """What a clock in the zone shows, without its zone."""
    moment = EPOCH + timedelta(microseconds=instant)
    return moment.astimezone(oracle_zone(zone)).replace(tzinfo=None)


def oracle_midnight(day: date, zone: str) -> int:
    """The first instant of a day, by asking the standard library about one instant at a time."""
    wall = datetime(day.year, day.month, day.day)
    instant = micros(wall.replace(tzinfo=oracle_zone(zone)))
    if wall_of(instant, zone) == wall:
        return instant
    # Skipped: the clock jumped from before midnight to after it, on a whole second.
    second = instant // SECOND
    hours = range(second - 30 * 3600, second + 30 * 3600)
    return hours[bisect_left(hours, wall, key=lambda at: wall_of(at * SECOND, zone))] * SECOND


zones = st.sampled_from(ZONES)
day_numbers = st.integers(0, DAYS - 1)


def refused(value: object, zone: str = ALMATY) -> str:
    with pytest.raises(RequestError) as caught:
        parse_instant(value, zone)
    return caught.value.code


# Calendars


@given(zones, day_numbers)
@example("Pacific/Apia", day_number(date(2011, 12, 30)))  # left out as a whole
@example("Pacific/Apia", day_number(date(2011, 12, 31)))
@example("America/Sao_Paulo", day_number(date(2017, 10, 15)))  # begins at 01:00
@example("America/St_Johns", day_number(date(2006, 10, 29)))  # back over midnight, at 00:01
@example("America/Havana", day_number(date(2023, 11, 5)))  # midnight twice on one day
@example("Asia/Beirut", day_number(date(2150, 3, 29)))
@example("UTC", DAYS - 1)
def test_midnights_are_those_of_the_standard_library(zone: str, number: int) -> None:
    assert calendar(zone).midnight[number] == oracle_midnight(day_at(number), zone)


@pytest.mark.parametrize("zone", ["Europe/London", "America/Sao_Paulo", "Africa/Casablanca"])
def test_no_change_of_the_clock_is_missed_in_any_year(zone: str) -> None:
    midnight = calendar(zone).midnight
    for number in range(0, DAYS, 7):
        assert midnight[number] == oracle_midnight(day_at(number), zone), day_at(number)


@pytest.mark.parametrize("zone", ZONES)
def test_tables_are_whole_and_never_go_back(zone: str) -> None:
    local = calendar(zone)
    assert len(local.midnight) == len(local.month_of) == DAYS + 1
    assert len(local.month_first) == MONTHS + 1
    assert local.midnight == sorted(local.midnight)
    assert local.midnight[DAYS] == oracle_midnight(date(2200, 1, 1), zone)
    assert all(type(instant) is int for instant in local.midnight)


def test_months_hold_their_days() -> None:
    local = calendar("UTC")
    for number in (*range(0, DAYS, 17), DAYS - 1):
        day = day_at(number)
        month = local.month_of[number]
        assert month == (day.year - 1900) * 12 + day.month - 1
        assert day_at(local.month_first[month]) == day.replace(day=1)
    assert local.month_first[MONTHS] == DAYS
    assert local.month_of[DAYS] == MONTHS


@given(zones, st.integers(-2_208_000_000, 7_257_000_000).map(lambda second: second * SECOND))
def test_the_day_of_an_instant_is_the_local_date(zone: str, instant: int) -> None:
    wall = wall_of(instant, zone)
    local = calendar(zone)
    number = local.day_of(instant)
    assert local.midnight[number] <= instant < local.midnight[number + 1]
    later = wall_of(local.midnight[number], zone)
    assume(wall >= later)  # else: an evening that runs again after midnight, tested below
    parts = local.parts(instant)
    assert parts == (
        *(wall.year, wall.month, wall.day, wall.isoweekday()),
        *(wall.hour, wall.minute),
    )
    assert local.offset(instant) == micros(wall.replace(tzinfo=UTC)) - instant


def test_an_evening_that_runs_again_belongs_to_the_day_that_had_begun() -> None:
    # In 2006 clocks in St John's went back at 00:01, to 23:01 of the day before.
    local = calendar("America/St_Johns")
    change = micros(datetime(2006, 10, 29, 2, 31, tzinfo=UTC))
    assert wall_of(change, "America/St_Johns") == datetime(2006, 10, 28, 23, 1)
    assert local.parts(change - 1) == (2006, 10, 29, 7, 0, 0)
    assert local.parts(change) == (2006, 10, 29, 7, 23, 1)


def test_february_2024_in_almaty_closes_an_hour_late_because_its_last_hour_ran_twice() -> None:
    local = calendar(ALMATY)
    february = (2024 - 1900) * 12 + 1
    opens, closes = (local.midnight[local.month_first[february + n]] for n in (0, 1))
    assert format_instant(opens) == "2024-01-31T18:00:00Z"
    assert format_instant(closes) == "2024-02-29T19:00:00Z"
    first, again = (parse_instant(f"2024-02-29T{hour}:30:00Z", ALMATY) for hour in (17, 18))
    assert local.parts(first) == local.parts(again) == (2024, 2, 29, 4, 23, 30)
    assert local.day_of(first) == local.day_of(again) == day_number(date(2024, 2, 29))
    assert parse_instant("2024-02-29 23:30:00", ALMATY) == first
    assert local.midnight[day_number(date(2024, 3, 1))] - opens == 29 * DAY + HOUR


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2011, 3, 27), "2011-03-26T21:00:00Z"),
        (date(2011, 3, 28), "2011-03-27T20:00:00Z"),
        (date(2014, 10, 26), "2014-10-25T20:00:00Z"),
        (date(2014, 10, 27), "2014-10-26T21:00:00Z"),
        (date(2024, 7, 1), "2024-06-30T21:00:00Z"),
    ],
)
def test_moscow_was_four_hours_ahead_from_2011_to_2014(day: date, opens: str) -> None:
    midnight = calendar("Europe/Moscow").midnight[day_number(day)]
    assert format_instant(midnight) == opens


def test_a_calendar_is_built_once_from_the_pinned_data() -> None:
    local = calendar(ALMATY)
    assert calendar(ALMATY) is local
    assert local.tzdata_version.startswith("20")
    assert FIRST_DAY == date(1900, 1, 1)


def test_the_time_zone_data_of_the_machine_is_not_read() -> None:
    script = (
        "import zoneinfo; zoneinfo.reset_tzpath(to=[]);"
        "from laurels.base.instants import calendar; print(calendar('Asia/Almaty').midnight[45350])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(run.stdout) == calendar(ALMATY).midnight[45350]


@pytest.mark.parametrize("zone", ["", "Almaty", "+05:00", "../zones", "asia/almaty", "x" * 999])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(RequestError) as caught:
        calendar(zone)
    assert caught.value.code == "zone-unknown"


# Instants


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-02-29T18:30:00Z", "2024-02-29T18:30:00Z"),
        ("2024-02-29t18:30:00z", "2024-02-29T18:30:00Z"),
        ("2024-02-29 18:30:00Z", "2024-02-29T18:30:00Z"),
        (" 2024-02-29T18:30:00Z ", "2024-02-29T18:30:00Z"),
        ("2024-02-29T18:30:00+00:00", "2024-02-29T18:30:00Z"),
        ("2024-02-29T18:30:00-00:00", "2024-02-29T18:30:00Z"),
        ("2024-02-29T18:30:00+05:45", "2024-02-29T12:45:00Z"),
        ("2024-02-29T18:30:00-0330", "2024-02-29T22:00:00Z"),
        ("2024-02-29 18:30:00+05", "2024-02-29T13:30:00Z"),
        ("2024-02-29T18:30:00.5Z", "2024-02-29T18:30:00.500000Z"),
        ("2024-02-29T18:30:00.000001Z", "2024-02-29T18:30:00.000001Z"),
        ("2024-02-29T18:30:00.000001000Z", "2024-02-29T18:30:00.000001Z"),
        ("2024-02-29T18:30:00.123456789000Z"[:26] + "Z", "2024-02-29T18:30:00.123456Z"),
        ("2023-07-01T00:00:00", "2023-06-30T18:00:00Z"),
        ("2023-07-01 08:26", "2023-07-01T02:26:00Z"),
        ("2023-07-01", "2023-06-30T18:00:00Z"),
        ("1900-01-02T00:00:00Z", "1900-01-02T00:00:00Z"),
        ("2199-12-31T00:00:00Z", "2199-12-31T00:00:00Z"),
    ],
)
def test_a_time_is_read(text: str, utc: str) -> None:
    assert format_instant(parse_instant(text, ALMATY)) == utc


@pytest.mark.parametrize(
    "value",
    ["", "now", "2024", "2024-02", "20240229", "2024-02-30", "2023-02-29T00:00:00Z", "29.02.2024"]
    + ["2024-02-29T", "2024-02-29T18", "2024-02-29T24:00:00Z", "2024-02-29T23:59:60Z"]
    + ["2024-02-29T18:60:00Z", "2024-02-29T18:30:00.Z", "2024-02-29T18:30:00,5Z"]
    + ["2024-02-29T18:30:00+24:00", "2024-02-29T18:30:00+05:60", "2024-02-29T18:30:00+5"]
    + ["2024-W09-4", "2024-060", "2024-2-9", "2024-02-29_18:30:00Z", "2024-02-29T18-30-00Z"]
    + ["٢٠٢٤-02-29", "2024-02-29T18:30:00 Europe/London", "2024-02-29Z", "2024-02-29T18:3a:00Z"]
    + ["-024-02-29T18:30:00Z", "2024-02-29T 8:30:00Z", "2024-02-29T18:30:0٣Z"]
    + [None, 0, 1709231400, 1.5, b"2024-02-29", timedelta(1)],
)
def test_what_is_not_a_time_is_refused(value: object) -> None:
    assert refused(value) == "instant-invalid"


@pytest.mark.parametrize(
    "value",
    ["1899-12-31T18:00:00Z", "2200-01-01T00:00:00Z", "1899-12-31", "2200-01-01", "0001-01-01"]
    + ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2199-12-31T23:00:00Z"]
    + [datetime(1, 1, 1), datetime(9999, 12, 31, tzinfo=UTC), date(1, 1, 1), date(9999, 12, 31)],
)
def test_a_time_outside_the_tables_is_refused(value: object) -> None:
    assert refused(value) == "instant-out-of-range"


@pytest.mark.parametrize("text", ["2024-02-29T18:30:00.0000001Z", "2024-02-29 18:30:00.1234567"])
def test_a_time_finer_than_a_microsecond_is_refused(text: str) -> None:
    assert refused(text) == "instant-too-fine"


def test_a_local_time_that_never_happened_is_refused() -> None:
    # London, 31 March 2024: 01:00 to 02:00 was left out.
    assert format_instant(parse_instant("2024-03-31T00:59:59", "Europe/London")).endswith(
        "T00:59:59Z"
    )
    for text in ("2024-03-31T01:00:00", "2024-03-31 01:59:59.999999"):
        assert refused(text, "Europe/London") == "instant-never-happened"
    assert format_instant(parse_instant("2024-03-31T02:00:00", "Europe/London")).endswith(
        "T01:00:00Z"
    )


def test_a_local_time_that_happened_twice_is_the_first() -> None:
    # London, 27 October 2024: 01:00 to 02:00 ran twice, first in summer time.
    told = {
        "2024-10-27T00:59:59": "2024-10-26T23:59:59Z",
        "2024-10-27T01:00:00": "2024-10-27T00:00:00Z",
        "2024-10-27T01:59:59": "2024-10-27T00:59:59Z",
        "2024-10-27T02:00:00": "2024-10-27T02:00:00Z",
    }
    for text, utc in told.items():
        assert format_instant(parse_instant(text, "Europe/London")) == utc
    assert parse_instant(datetime(2024, 10, 27, 1, fold=1), "Europe/London") == parse_instant(
        "2024-10-27T00:00:00Z", "Europe/London"
    )


def test_a_day_without_a_midnight_begins_when_it_begins() -> None:
    assert refused("2017-10-15T00:00:00", "America/Sao_Paulo") == "instant-never-happened"
    assert format_instant(parse_instant("2017-10-15", "America/Sao_Paulo")) == (
        "2017-10-15T03:00:00Z"
    )


def test_objects_of_the_standard_library_are_taken() -> None:
    moment = datetime(2023, 7, 1, 8, 26, 0, 5)
    assert parse_instant(moment, ALMATY) == micros(moment.replace(tzinfo=UTC)) - 6 * HOUR
    aware = moment.replace(tzinfo=timezone(timedelta(hours=4)))
    assert parse_instant(aware, ALMATY) == micros(aware)
    zoned = moment.replace(tzinfo=oracle_zone("Europe/London"))
    assert parse_instant(zoned, ALMATY) == micros(zoned)
    assert parse_instant(date(2023, 7, 1), ALMATY) == parse_instant("2023-07-01", ALMATY)


instants = st.integers(-2_208_000_000 * SECOND, 7_257_000_000 * SECOND)


@given(instants)
def test_what_is_written_is_read_back(instant: int) -> None:
    assert parse_instant(format_instant(instant), ALMATY) == instant


@given(st.datetimes(datetime(1900, 1, 3), datetime(2199, 12, 29)), zones)
def test_a_local_time_is_that_of_the_standard_library(wall: datetime, zone: str) -> None:
    instant = micros(wall.replace(tzinfo=oracle_zone(zone)))
    try:
        read = parse_instant(wall.isoformat(), zone)
    except RequestError as error:
        assert error.code == "instant-never-happened"
        assert wall_of(instant, zone) != wall
    else:
        assert read == instant
        assert wall_of(read, zone) == wall


@given(st.sampled_from(ZONES), st.data())
def test_local_times_around_changes_of_the_clock(zone: str, data: st.DataObject) -> None:
    changes = calendar(zone)._changes
    assume(changes)
    near = data.draw(st.sampled_from(changes)) + data.draw(st.integers(-300, 300)) * MINUTE
    assume(calendar(zone).midnight[1] < near < calendar(zone).midnight[DAYS - 1])
    test_a_local_time_is_that_of_the_standard_library.hypothesis.inner_test(
        wall_of(near, zone) + timedelta(minutes=data.draw(st.integers(-90, 90))), zone
    )


@given(st.text("0123456789-:.TZ+ ", max_size=32))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_instant(text, ALMATY)
    except RequestError as error:
        assert error.code.startswith("instant-")
