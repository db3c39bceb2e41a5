"""What one cell means: text, exact decimals, times. Nothing here rounds or guesses.

A binary float is read as the shortest decimal text that gives it back (2.95, not
2.9500000000000001776…): that is the number somebody typed. Whether that text is exact to the
minor unit is decided where the currency is known.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from laurels.base.errors import RequestError
from laurels.base.instants import parse_instant

DIGITS_MAX = 60
"""Longest number taken from a file, in digits before and after the point. A cell such as
``1e999999999`` is eleven bytes long and would fill the memory when written out."""

VALUE_SHOWN_MAX = 200


class Unreadable(ValueError):
    """A cell that does not say what it should; the row is rejected, the rest goes on."""

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(f"{reason}: {expected}")
        self.reason = reason
        self.expected = expected


class Rejected(NamedTuple):
    """One row that could not be read, as it stands in ``rejected.csv``."""

    file: str
    row: int
    column: str
    reason: str
    expected: str
    value: str


def is_absent(value: object) -> bool:
    """True for None, the empty string, blanks only, and a float that is not a number."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, float) and value != value


def shown(value: object) -> str:
    """The value as a person may see it in a report: printable, and not too long."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if len(text) > VALUE_SHOWN_MAX:
        text = text[: VALUE_SHOWN_MAX - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@lru_cache(maxsize=1 << 16, typed=True)
def text_of(value: object) -> str:
    """The text of a cell, '' when absent. A whole float loses its ``.0``: 13085.0 → '13085'.

    Raises Unreadable for values that have no text of their own (bytes, lists, infinities).
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return "" if value != value else plain(decimal_of(value))
    if isinstance(value, Decimal):
        return plain(decimal_of(value))
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return instant_text(value) if isinstance(value, dt.datetime) else value.isoformat()
    raise Unreadable("value-not-text", "a text, a number, a truth value or a time")


@lru_cache(maxsize=1 << 16, typed=True)
def decimal_of(value: object) -> Decimal:
    """The exact number in a cell. Raises Unreadable when it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise Unreadable("number-unreadable", "a decimal number such as 12.30")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unreadable("number-unreadable", "a finite number")
        value = repr(value)
    if isinstance(value, str):
        value = value.strip()
        # "1_000" and full-width digits are numbers to Python, not to a book-keeper.
        if not value.isascii() or "_" in value:
            raise Unreadable("number-unreadable", "a decimal number such as 12.30")
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Unreadable("number-unreadable", "a decimal number such as 12.30") from None
    if not number.is_finite():
        raise Unreadable("number-unreadable", "a finite number")
    exponent = number.as_tuple().exponent
    if number and (abs(number.adjusted()) > DIGITS_MAX or abs(int(exponent)) > DIGITS_MAX):
        raise Unreadable("number-too-long", f"at most {DIGITS_MAX} digits")
    return number if number else Decimal(0)


@lru_cache(maxsize=1 << 16)
def plain(number: Decimal) -> str:
    """Decimal text without exponent and without needless zeros: 1E+2 → '100', 2.50 → '2.5'."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def minor_of(number: Fraction | Decimal, decimals: int) -> int:
    """The number in steps of ``10 ** -decimals``. Raises Unreadable when it is not exact."""
    scaled = Fraction(number) * 10**decimals
    if scaled.denominator != 1:
        raise Unreadable("amount-not-exact", f"at most {decimals} digits after the point")
    return int(scaled)


def instant_text(value: dt.datetime | dt.date) -> str:
    """RFC 3339 text of a time; without offset when the value has none (the program's zone)."""
    if not isinstance(value, dt.datetime):
        return f"{value.isoformat()}T00:00:00"
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"


@lru_cache(maxsize=1 << 16)
def time_text(text: str, format_: str) -> str:
    """The time in a cell, in a strptime format, as RFC 3339 text. Raises Unreadable."""
    try:
        return instant_text(dt.datetime.strptime(text, format_))  # noqa: DTZ007 - local is meant
    except (ValueError, OverflowError):
        raise Unreadable("time-unreadable", f"a time written as {format_}") from None


@lru_cache(maxsize=1 << 16)
def instant_of(text: str, zone: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time; without offset it is in the zone, an IANA
    name. Raises Unreadable."""
    try:
        return parse_instant(text, zone)
    except RequestError as bad:
        if bad.code == "zone-unknown":
            raise
        raise Unreadable(bad.code.replace("instant", "time"), bad.expected) from None
