"""Time, numbers and the order of events, as the oracles understand them. Plain on purpose.

Nothing here imports the engine. Amounts and points are `fractions.Fraction`, in major units;
instants are aware UTC datetimes. Written from `design.md` sections 2 and 3 and `vocabulary.md`
section 3. Where those are silent, a comment says CHOSEN.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]
Key = tuple[str, str]  # (source, id): the identity of an event

ZERO = Fraction(0)


# ---------------------------------------------------------------- time


def zone(name: str) -> ZoneInfo:
    """The zone from the `tzdata` package where it is installed, else from the machine."""
    area, _, city = name.rpartition("/")
    try:
        place = files("tzdata.zoneinfo." + area.replace("/", ".")).joinpath(city)
    except ModuleNotFoundError:
        return ZoneInfo(name)
    with place.open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def instant(text: str, tz: ZoneInfo) -> datetime:
    """RFC 3339 text to UTC. Without an offset it is local; a time that came twice is the first."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=tz, fold=0)
        back = moment.astimezone(UTC).astimezone(tz).replace(tzinfo=None)
        if back != moment.replace(tzinfo=None):
            raise ValueError(f"{text} never happened in {tz.key}")
    return moment.astimezone(UTC)


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """00:00 local of a day, as UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)


def local_day(moment: datetime, tz: ZoneInfo) -> date:
    """The local date of an instant."""
    return moment.astimezone(tz).date()


def add_months(day: date, months: int) -> date:
    """The same day of the month, clamped to the month's last day."""
    index = day.year * 12 + (day.month - 1) + months
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def term_end(moment: datetime, months: int, tz: ZoneInfo) -> datetime:
    """A term in months ends with its last day: 24 months from 10 April 2024 end at 00:00 local
    on 11 April 2026 (exclusive)."""
    last_day = add_months(local_day(moment, tz), months)
    return midnight(last_day + timedelta(days=1), tz)


def month_start(moment: datetime, tz: ZoneInfo, months_later: int = 0) -> datetime:
    """The first instant of the local month of `moment`, or of a later (or earlier) month."""
    first = local_day(moment, tz).replace(day=1)
    return midnight(add_months(first, months_later), tz)


# ---------------------------------------------------------------- numbers


def number(value: object) -> Fraction | None:
    """Decimal text to a fraction; absent is None."""
    if value is None or value == "":
        return None
    return Fraction(str(value))


def floor(value: Fraction, step: Fraction = Fraction(1)) -> Fraction:
    """Down to a whole number of steps (values here are never below zero)."""
    return (value / step).__floor__() * step


def half_up(value: Fraction, step: Fraction = Fraction(1)) -> Fraction:
    """To the nearest whole number of steps, a half goes up."""
    return (value / step + Fraction(1, 2)).__floor__() * step


def split(total: Fraction, weights: list[Fraction], step: Fraction) -> list[Fraction]:
    """Split a total over weights by largest remainder, in whole steps; ties to the earlier one."""
    whole = sum(weights, ZERO)
    if whole == 0:
        return [ZERO for _ in weights]
    exact = [total * weight / whole for weight in weights]
    shares = [floor(value, step) for value in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(exact[i] - shares[i]), i))
    missing = (total - sum(shares, ZERO)) / step
    for i in by_remainder[: int(missing)]:
        shares[i] += step
    return shares


# ---------------------------------------------------------------- events


def read(events: Iterable[dict[str, Any]], tz: ZoneInfo) -> list[Event]:
    """Raw mappings to events: absent values dropped, duplicates ignored, times and lines read.

    Added keys: `key` (source, id), `at` (UTC), `lines` (always at least one, when there is an
    amount), `amount` (their sum, or None).
    """
    seen: set[Key] = set()
    result = []
    for raw in events:
        event = {name: value for name, value in raw.items() if value is not None and value != ""}
        key = (str(event.get("source", "")), str(event["id"]))
        if key in seen:
            continue
        seen.add(key)
        event["key"] = key
        event["at"] = instant(str(event["occurred_at"]), tz)
        amount = number(event.get("amount"))
        lines = [dict(line, amount=number(line["amount"])) for line in event.get("lines") or []]
        if lines:
            amount = sum((line["amount"] for line in lines), ZERO)
        elif amount is not None:
            lines = [{"line": "", "amount": amount}]
        event["amount"], event["lines"] = amount, lines
        result.append(event)
    return result


def find(events: Iterable[Event], source: str, ident: str) -> Event | None:
    """The event that an id names: of the same source if there is one, else of any other.

    CHOSEN: a reference carries only an id, an identity has a source too.
    """
    named = [event for event in events if event["id"] == ident]
    same = [event for event in named if event["key"][0] == source]
    return next(iter(same or named), None)


def order_key(event: Event) -> tuple[datetime, str, bytes]:
    """Design section 2: instant, source, id as UTF-8 bytes."""
    return (event["at"], event["key"][0], str(event["id"]).encode())


def in_order(events: list[Event]) -> list[Event]:
    """One member's events in event order.

    A return that would come before what it returns is moved to directly after it, and acts at
    the original's instant (`acts`). A return whose original is unknown waits for ever: left out.
    """
    ordered = sorted(events, key=order_key)
    place = {event["key"]: number for number, event in enumerate(ordered)}
    early: dict[Key, list[Event]] = {}
    rest = []
    for event in ordered:
        event["acts"] = event["at"]
        if event["type"] != "return":
            rest.append(event)
            continue
        original = find(ordered, event["key"][0], str(event.get("returns", "")))
        if original is None or original["type"] == "return":
            continue
        event["original"] = original["key"]
        if place[original["key"]] > place[event["key"]]:
            event["acts"] = original["at"]
            early.setdefault(original["key"], []).append(event)
        else:
            rest.append(event)
    result = []
    for event in rest:
        result.append(event)
        result.extend(early.get(event["key"], []))
    return result
