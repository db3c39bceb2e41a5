"""Constants written as calls: `money('300.00')`, `points('bonus', '10')`, `timestamp('…')`.

Each reader returns the exact integer or raises RequestError, as at the door.
"""

from __future__ import annotations

import re

from laurels.base.errors import RequestError
from laurels.base.instants import format_instant, parse_instant
from laurels.base.money import format_decimal, parse_decimal
from laurels.program.expr.ir import LOOSE, MONEY, Dim

_OFFSET = re.compile(r".*T.*(Z|[+-][0-9]{2}:[0-9]{2})")


def amount(text: str, decimals: int) -> int:
    """Smallest units of an amount in decimal text; of money or of points."""
    return parse_decimal(text, decimals, "")


def instant(text: str) -> int:
    """Microseconds since 1970 in UTC of an RFC 3339 time.

    The offset must be written, unlike at the door: CEL's own `timestamp` knows no other zone.
    """
    if not _OFFSET.fullmatch(text):
        raise RequestError(
            "instant-invalid",
            f"{text[:40]!r} is not a time with its offset",
            expected="a time such as 2025-03-01T00:00:00+05:00",
        )
    return parse_instant(text, "UTC", "")


def spell_int(value: int, dim: Dim, decimals: int) -> str:
    """How an int constant is written in an expression; the reverse of `amount`."""
    if dim in LOOSE:
        return str(value)
    minus, written = ("-" if value < 0 else ""), format_decimal(abs(value), decimals)
    if dim == MONEY:
        return f"{minus}money('{written}')"
    return f"{minus}points('{dim.removeprefix('points:')}', '{written}')"


def spell_instant(value: int) -> str:
    """An instant as a `timestamp('…')` call in UTC."""
    return f"timestamp('{format_instant(value)}')"
