"""Rates: exact fractions, read from text. No float comes near a ledger."""

import re
from dataclasses import dataclass
from fractions import Fraction

from laurels.base.errors import RequestError

RATE_BOUND = 10**9
"""Neither part of a rate is beyond this, so that amount * rate can be split without overflow."""

_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,18})?)"
_RATE = re.compile(rf"{_NUMBER}(?:\s*(%)|\s*(?:/|\bper\b)\s*{_NUMBER})?")
_EXPECTED = "a rate such as 4%, 0.04, 1/25 or 1 per 25"


@dataclass(frozen=True, slots=True)
class Rate:
    """A fraction, 0 or more, reduced: parse_rate('4%') == Rate(1, 25)."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


def parse_rate(text: str, where: str = "rate") -> Rate:
    """Read `4%`, `0.1%`, `0.04`, `1/5` or `1 per 5`, exactly.

    Raises: RequestError for other text, for a division by zero, and where numerator or
    denominator, once reduced, is beyond RATE_BOUND.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise RequestError(
            "rate-invalid", f"{text[:40]!r} is not a rate", where=where, expected=_EXPECTED
        )
    number, percent, divisor = match.groups()
    fraction = Fraction(number)
    if percent:
        fraction /= 100
    elif divisor:
        if not Fraction(divisor):
            raise RequestError(
                "rate-invalid", f"{text!r} divides by zero", where=where, expected=_EXPECTED
            )
        fraction /= Fraction(divisor)
    if max(fraction.numerator, fraction.denominator) > RATE_BOUND:
        raise RequestError(
            "rate-too-fine",
            f"{text!r} is {fraction} when reduced",
            where=where,
            expected=f"a fraction with no part above {RATE_BOUND:,}",
        )
    return Rate(fraction.numerator, fraction.denominator)
