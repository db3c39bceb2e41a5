"""Exact integer arithmetic with named rounding, safe where machine integers would wrap."""

from laurels.engine.kernel.layout import CEIL, FLOOR, HALF_EVEN, HALF_UP

SAFE = 9223372036854775807


def mul_div(amount: int, numerator: int, denominator: int, rounding: int) -> int:
    """``amount * numerator / denominator``, rounded as named.

    All three are at least 0, the denominator above 0. The product may exceed 64 bits; the result
    must not (bounds are proven at load). Where the product fits it is taken at once.
    """
    if amount == 0 or numerator == 0:
        return 0
    if wraps(amount, numerator):
        return mul_div_wide(amount, numerator, denominator, rounding)
    product = amount * numerator
    quotient = product // denominator
    if rounding == FLOOR:
        return quotient
    return rounded(quotient, product - quotient * denominator, denominator, rounding)


def wraps(amount: int, numerator: int) -> bool:
    """Whether a product goes beyond 64 bits. CPython's do not wrap: there this is left out."""
    return bool(amount > SAFE // numerator)


def mul_div_wide(amount: int, numerator: int, denominator: int, rounding: int) -> int:
    """The same where the product does not fit: bit by bit, carrying the remainder."""
    whole = numerator // denominator
    part = numerator - whole * denominator
    quotient = 0
    rest = 0
    bit = 1 << 62
    while bit > 0:
        quotient += quotient
        rest += rest
        if amount & bit:
            rest += part
        while rest >= denominator:
            rest -= denominator
            quotient += 1
        bit = bit >> 1
    quotient += whole * amount
    return rounded(quotient, rest, denominator, rounding)


def rounded(quotient: int, rest: int, denominator: int, rounding: int) -> int:
    """A quotient, rounded as named by what is left over."""
    if rest == 0 or rounding == FLOOR:
        return quotient
    if rounding == HALF_UP:
        return quotient + 1 if rest >= denominator - rest else quotient
    if rounding == CEIL:
        return quotient + 1
    if rounding == HALF_EVEN:
        if rest == denominator - rest:
            return quotient + (quotient & 1)
        return quotient + 1 if rest > denominator - rest else quotient
    return quotient


def div_trunc(dividend: int, divisor: int) -> int:
    """CEL's ``/``: truncates toward zero. The divisor is not 0 (checked at load)."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def rem_trunc(dividend: int, divisor: int) -> int:
    """CEL's ``%``: takes the sign of the dividend. The divisor is not 0 (checked at load)."""
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest
