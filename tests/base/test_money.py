"""Decimals become integers exactly, or not at all."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.base.errors import RequestError
from laurels.base.money import (
    BOUND,
    EXPONENT_MAX,
    EXPONENTS,
    WITHDRAWN,
    WITHOUT_MINOR_UNIT,
    currency_exponent,
    format_decimal,
    parse_decimal,
)

exponents = st.integers(0, EXPONENT_MAX)
steps = st.integers(-BOUND, BOUND)


@pytest.mark.parametrize(
    ("value", "exponent", "expected"),
    [
        ("12345.67", 2, 1234567),
        ("12345", 2, 1234500),
        ("12345", 0, 12345),
        ("0.05", 2, 5),
        ("12.5", 2, 1250),
        ("12.500000000000000000000000", 2, 1250),
        ("12.0", 0, 12),
        ("-12.34", 2, -1234),
        ("-0", 2, 0),
        ("0.000", 2, 0),
        ("007.50", 2, 750),
        (" 7.50\t", 2, 750),
        ("0" * 50 + "1", 2, 100),
        ("1.234", 3, 1234),
        ("10000000000000.00", 2, BOUND),
        ("-10000000000000", 2, -BOUND),
        ("9999999999999.99", 2, BOUND - 1),
        (7, 2, 700),
        (-7, 0, -7),
        (0, 2, 0),
        (10**13, 2, BOUND),
        (Decimal("12.34"), 2, 1234),
        (Decimal("1E+3"), 2, 100_000),
        (Decimal("-0.00"), 2, 0),
        (Decimal("0E+999"), 2, 0),
        (Decimal("1.50000000000000000000000000000000000000"), 2, 150),
        (6.95, 2, 695),
        (12.0, 0, 12),
        (-0.0, 2, 0),
        (1e3, 2, 100_000),
    ],
)
def test_a_decimal_is_read_exactly(value: object, exponent: int, expected: int) -> None:
    assert parse_decimal(value, exponent) == expected


@pytest.mark.parametrize(
    "value",
    ["", " ", ".", "12.", ".5", "-", "+5", "--5", "1e400", "1E2", "NaN", "inf", "-Infinity"]
    + ["1,000.00", "1 000", "1_000", "1_000.00", "12,50", "1.2.3", "0x10", "٣", "٣.٥٠", "²", "12\n"]
    + ["1\u00a0000", "12.-5", "-.50", "12. 5"]
    + [None, True, False, b"12", [], object(), 1j, Fraction(1, 2)]
    + [float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")],
)
@pytest.mark.parametrize("exponent", [0, 2])
def test_what_is_not_plain_decimal_text_is_refused(value: object, exponent: int) -> None:
    with pytest.raises(RequestError) as caught:
        parse_decimal(value, exponent, where="line amount")
    assert caught.value.code == "decimal-invalid"
    assert caught.value.where == "line amount"


@pytest.mark.parametrize(
    ("value", "exponent"),
    [
        ("0.001", 2),
        ("12.345", 2),
        ("0.5", 0),
        (0.1 + 0.2, 2),
        (1e-300, 2),
        (Decimal("0.001"), 2),
        (Decimal("1E-999999"), 2),
        ("0." + "0" * 10_000 + "1", 2),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_more_decimals_than_the_unit_has_are_refused(value: object, exponent: int) -> None:
    with pytest.raises(RequestError) as caught:
        parse_decimal(value, exponent)
    assert caught.value.code == "decimal-too-fine"


@pytest.mark.parametrize(
    "value",
    ["10000000000000.01", "-10000000000000.01", "9" * 10_000, "9" * 5_000 + ".99", 10**14]
    + [10**10_000, -(10**14), 1e300, Decimal("1E+999999"), Decimal(10) ** 20, "99999999999999.99"],
    ids=lambda value: type(value).__name__,
)
def test_beyond_the_bound_a_number_is_refused(value: object) -> None:
    with pytest.raises(RequestError) as caught:
        parse_decimal(value, 2)
    assert caught.value.code == "decimal-too-large"


@given(steps, exponents)
def test_what_is_written_is_read_back(value: int, exponent: int) -> None:
    assert parse_decimal(format_decimal(value, exponent), exponent) == value


@given(steps, exponents)
def test_text_and_decimal_agree(value: int, exponent: int) -> None:
    text = format_decimal(value, exponent)
    assert parse_decimal(Decimal(text), exponent) == value
    assert Fraction(text) == Fraction(value, 10**exponent)


@given(st.text("0123456789.-+eE_, ", max_size=24), exponents)
def test_any_text_is_read_as_the_fraction_it_says_or_refused(text: str, exponent: int) -> None:
    try:
        value = parse_decimal(text, exponent)
    except RequestError:
        return
    assert Fraction(value, 10**exponent) == Fraction(text.strip())


@given(st.floats(), exponents)
def test_a_float_is_read_as_its_shortest_text_or_refused(value: float, exponent: int) -> None:
    try:
        read = parse_decimal(value, exponent)
    except RequestError:
        return
    assert Fraction(read, 10**exponent) == Fraction(repr(value))


def test_decimals_are_written_in_full() -> None:
    assert format_decimal(-5, 2) == "-0.05"
    assert format_decimal(1234, 2) == "12.34"
    assert format_decimal(7, 0) == "7"
    assert format_decimal(1500, 3) == "1.500"


@pytest.mark.parametrize(
    ("code", "exponent"),
    [("KZT", 2), ("RUB", 2), ("GEL", 2), ("USD", 2), ("EUR", 2), ("GBP", 2), ("JPY", 0)]
    + [("KRW", 0), ("KWD", 3), ("IQD", 3), ("AFN", 2), ("CLF", 4), ("MRU", 2), ("HRK", 2)],
)
def test_exponents_are_those_of_the_standard(code: str, exponent: int) -> None:
    assert currency_exponent(code) == exponent


@pytest.mark.parametrize("code", sorted(WITHOUT_MINOR_UNIT))
def test_a_code_without_a_minor_unit_is_no_money(code: str) -> None:
    with pytest.raises(RequestError) as caught:
        currency_exponent(code)
    assert caught.value.code == "currency-without-minor-unit"


@pytest.mark.parametrize("code", ["RUR", "kzt", "", "EURO", "XYZ", "810", "x" * 1000])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(RequestError) as caught:
        currency_exponent(code)
    assert caught.value.code == "currency-unknown"
    assert len(str(caught.value)) < 200


def test_the_currency_table_is_whole() -> None:
    # List One of 2026-01-01 has 165 codes with a minor unit and 13 without.
    assert len(EXPONENTS) - len(WITHDRAWN) == 165
    assert len(WITHOUT_MINOR_UNIT) == 13
    assert not WITHOUT_MINOR_UNIT & EXPONENTS.keys()
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in EXPONENTS)
