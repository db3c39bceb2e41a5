"""Rates are exact fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurels.base.errors import RequestError
from laurels.base.numbers import RATE_BOUND, Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("4%", Rate(1, 25)),
        ("4 %", Rate(1, 25)),
        ("0.1%", Rate(1, 1000)),
        ("12.5%", Rate(1, 8)),
        ("0.04", Rate(1, 25)),
        ("1/5", Rate(1, 5)),
        ("1 / 5", Rate(1, 5)),
        ("1 per 5", Rate(1, 5)),
        ("1 per 2.50", Rate(2, 5)),
        ("3", Rate(3, 1)),
        ("0", Rate(0, 1)),
        ("0%", Rate(0, 1)),
        (" 100% ", Rate(1, 1)),
        ("1000000000", Rate(RATE_BOUND, 1)),
    ],
)
def test_a_rate_is_read_exactly_and_reduced(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "%", "-4%", "4%%", "1/0", "1 per 0.00", "1/", "/5", "1e3", "4,5%", ".5", "5.", "1/5%"]
    + ["four", "NaN", "1per5x", "٤%", "1//5", "1 of 5", "9" * 19, "0." + "1" * 19],
)
def test_what_is_not_a_rate_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_rate(text, where="rules.base.rate")
    assert caught.value.code == "rate-invalid"
    assert caught.value.where == "rules.base.rate"
    assert "4%" in caught.value.expected


@pytest.mark.parametrize("text", ["1000000001", "0.0000000001", "1/1000000007", "0.3333333333"])
def test_a_rate_with_parts_beyond_the_bound_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_rate(text)
    assert caught.value.code == "rate-too-fine"


@given(st.integers(0, RATE_BOUND), st.integers(1, RATE_BOUND))
def test_a_fraction_is_read_back_as_itself(numerator: int, denominator: int) -> None:
    fraction = Fraction(numerator, denominator)
    rate = Rate(fraction.numerator, fraction.denominator)
    assert parse_rate(str(rate)) == rate == parse_rate(f"{numerator} per {denominator}")
