"""Money and other decimals: text outside, integers of the smallest unit inside."""

import re
from decimal import Decimal

from laurels.base.errors import RequestError

# Our own copy of ISO 4217 List One. Not CLDR, whose digits are those of daily use (IQD 0, AFN 0),
# not those of the standard. An exponent never changes for a code that was used.
LIST_ONE_VERSION = "2026-01-01"

_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN
        BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP
        GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT
        LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
        NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE
        SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES
        WST XAD XCD XCG YER ZAR ZMW ZWG""",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()
}

# Withdrawn since 2020, all with two decimals: histories still hold them.
WITHDRAWN = tuple("ANG BGN CUC HRK SLL ZWL".split())
EXPONENTS.update(dict.fromkeys(WITHDRAWN, 2))

WITHOUT_MINOR_UNIT = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())

BOUND = 10**15
"""No amount, of money or of points, is beyond this many of its smallest units."""

EXPONENT_MAX = 9

_POWERS: tuple[int, ...] = tuple(10**n for n in range(EXPONENT_MAX + 1))
_TEXT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_SHOWN = 40  # characters of a wrong value that are repeated in a message


def currency_exponent(code: str) -> int:
    """How many decimals the currency has: KZT 2, JPY 0, KWD 3.

    Raises: RequestError for an unknown code and for one without a minor unit (XAU, XXX).
    """
    exponent = EXPONENTS.get(code)
    if exponent is not None:
        return exponent
    if code in WITHOUT_MINOR_UNIT:
        raise RequestError(
            "currency-without-minor-unit",
            f"{code} has no minor unit",
            where="currency",
            expected="a currency in which amounts are paid",
        )
    raise RequestError(
        "currency-unknown",
        f"{code[:_SHOWN]!r} is not a currency of ISO 4217",
        where="currency",
        expected="three capital letters such as KZT, GEL, EUR",
    )


def parse_decimal(value: object, exponent: int, where: str = "amount") -> int:
    """The number of smallest units that a decimal says, exactly: ('12.34', 2) -> 1234.

    value     decimal text (`-12.5`), int, Decimal; a float only where its shortest text has no
              more decimals than `exponent`: 0.3 is taken, 0.1 + 0.2 is not
    exponent  decimals of the unit, 0 to 9
    where     the field that a message names
    Raises: RequestError for anything else: exponents, NaN, infinities, thousands separators,
    more decimals than `exponent` (zeros at the end do not count), more than BOUND.
    """
    if type(value) is str:
        # Most texts have all the decimals of their unit, or none; 15 digits are always below BOUND.
        whole, dot, fraction = value.partition(".")
        if fraction:
            digits = whole + fraction
            if (
                len(fraction) == exponent
                and whole
                and digits.isdecimal()
                and digits.isascii()
                and len(digits) <= 15
            ):
                return int(digits)
        elif not dot and len(whole) + exponent <= 15 and whole.isdecimal() and whole.isascii():
            return int(whole) * _POWERS[exponent]
    return _parse_slowly(value, exponent, where)


def _parse_slowly(value: object, exponent: int, where: str) -> int:
    """Everything that the fast path leaves: signs, other types, and all that is wrong."""
    if isinstance(value, str):
        match = _TEXT.fullmatch(value.strip(" \t"))
        if match is None:
            raise _invalid(value, where)
        sign, whole, fraction = match[1], match[2], match[3] or ""
        return _scaled(bool(sign), whole + fraction, -len(fraction), exponent, where)
    if isinstance(value, bool):
        raise _invalid(value, where)
    if isinstance(value, int):
        if abs(value) > BOUND:
            raise too_large(where)
        return _scaled(value < 0, str(abs(value)), 0, exponent, where)
    if isinstance(value, float):
        # float.__repr__, because numpy's float64 is a float that prints otherwise.
        value = Decimal(float.__repr__(value))
    if isinstance(value, Decimal):
        sign_bit, digits, power = value.as_tuple()
        if not isinstance(power, int):  # NaN and infinities
            raise _invalid(value, where)
        return _scaled(bool(sign_bit), "".join(map(str, digits)), power, exponent, where)
    raise _invalid(value, where)


def _scaled(negative: bool, digits: str, power: int, exponent: int, where: str) -> int:
    """digits * 10^(power + exponent), after the lengths show that it is small."""
    kept = digits.rstrip("0")
    power += len(digits) - len(kept) + exponent
    kept = kept.lstrip("0")
    if not kept:
        return 0
    # The order matters: nothing long is turned into a number before it is known to be short.
    if len(kept) + power > len(str(BOUND)):
        raise too_large(where)
    if power < 0:
        raise RequestError(
            "decimal-too-fine",
            "there are more decimals than the unit has",
            where=where,
            expected=f"at most {exponent} decimals",
        )
    steps = int(kept + "0" * power)
    if steps > BOUND:
        raise too_large(where)
    return -steps if negative else steps


def format_decimal(value: int, exponent: int) -> str:
    """Decimal text with all its decimals: (-1234, 2) -> '-12.34', (7, 0) -> '7'."""
    if exponent == 0:
        return str(value)
    whole, fraction = divmod(abs(value), _POWERS[exponent])
    return f"{'-' if value < 0 else ''}{whole}.{fraction:0{exponent}d}"


def _invalid(value: object, where: str) -> RequestError:
    shown = value[:_SHOWN] if isinstance(value, str) else type(value).__name__
    return RequestError(
        "decimal-invalid",
        f"{shown!r} is not a decimal number",
        where=where,
        expected="digits, with a point before the decimals, such as 1234.50",
        hint="no spaces, thousands separators or exponents",
    )


def too_large(where: str) -> RequestError:
    """The error of a number beyond BOUND."""
    return RequestError(
        "decimal-too-large",
        "the number is too large",
        where=where,
        expected=f"at most {BOUND:,} of the smallest units",
    )
