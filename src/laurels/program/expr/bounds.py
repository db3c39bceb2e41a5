"""Interval analysis: the least and greatest value that an int expression can take.

The compiled kernel computes in int64 and wraps silently. A loader that knows the range of every
name proves here, once, that no step of any expression can leave int64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from laurels.program.expr import errors
from laurels.program.expr.ir import INT64_MAX, INT64_MIN, Call, Const, Name, Node

Interval: TypeAlias = tuple[int, int]
Ranges: TypeAlias = Mapping[str, Interval]

_CONDITION: Interval = (0, 1)
_INT64: Interval = (INT64_MIN, INT64_MAX)
_CALENDAR: Mapping[str, Interval] = {
    "weekday": (1, 7),
    "day": (1, 31),
    "month": (1, 12),
    "year": (1, 9999),
    "hour": (0, 23),
    "minute": (0, 59),
}


def bounds(node: Node, ranges: Ranges, text: str = "") -> Interval:
    """The interval of `node`, both ends included; (0, 1) for a condition.

    Names without a range take that of their calendar part, else all of int64. Raises
    ExpressionError, with every place where a value could leave int64 or a divisor be 0; `text` is
    the expression's text, for line and column.
    """
    problems: list[errors.Problem] = []
    result = _interval(node, ranges, problems, text)
    if problems:
        raise errors.ExpressionError(problems)
    return result


def interval(node: Node, ranges: Ranges) -> Interval:
    """The interval of `node` in unlimited integers: nothing is refused."""
    return _interval(node, ranges, None, "")


def _interval(
    node: Node, ranges: Ranges, problems: list[errors.Problem] | None, text: str
) -> Interval:
    if isinstance(node, Const):
        return (node.value, node.value) if isinstance(node.value, int) else _CONDITION
    if isinstance(node, Name):
        return _name(node, ranges)
    args = [_interval(arg, ranges, problems, text) for arg in node.args]
    if node.type == "bool":
        return _CONDITION
    result = _call(node, args)
    if problems is not None and not (INT64_MIN <= result[0] and result[1] <= INT64_MAX):
        problems.append(_overflow(node, result, text))
        return max(result[0], INT64_MIN), min(result[1], INT64_MAX)
    return result


def _name(node: Name, ranges: Ranges) -> Interval:
    if node.type in ("bool", "string"):
        return _CONDITION
    return ranges.get(node.path) or _CALENDAR.get(node.dim, _INT64)


def _call(node: Call, args: list[Interval]) -> Interval:
    if node.op == "if":
        return min(args[1][0], args[2][0]), max(args[1][1], args[2][1])
    if node.op == "neg":
        return -args[0][1], -args[0][0]
    (a, b), (c, d) = args
    match node.op:
        case "add":
            return a + c, b + d
        case "sub":
            return a - d, b - c
        case "mul":
            corners = (a * c, a * d, b * c, b * d)
            return min(corners), max(corners)
        case "min":
            return min(a, c), min(b, d)
        case "max":
            return max(a, c), max(b, d)
        case "div":
            return _quotient(args[0], args[1])
    return _remainder(args[0], args[1])


def _quotient(dividend: Interval, divisor: Interval) -> Interval:
    # The divisor's interval leaves 0 out (checked when the expression was compiled), so truncated
    # division is monotone in each operand and the corners hold the extremes.
    ends = [end for end in divisor if end] or [1]
    corners = [_trunc(a, b) for a in dividend for b in ends]
    return min(corners), max(corners)


def _trunc(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _remainder(dividend: Interval, divisor: Interval) -> Interval:
    if dividend[0] == INT64_MIN and divisor[0] <= -1 <= divisor[1]:
        # CEL calls INT64_MIN % -1 an overflow; so does the hardware.
        return dividend[0], INT64_MAX + 1
    most = max(abs(divisor[0]), abs(divisor[1])) - 1
    low, high = min(dividend[0], 0), max(dividend[1], 0)
    return max(low, -most), min(high, most)


def _overflow(node: Node, result: Interval, text: str) -> errors.Problem:
    worst = result[1] if result[1] > INT64_MAX else result[0]
    return errors.problem(
        errors.OVERFLOW,
        f"the value could reach {worst}, which does not fit in 64 bits",
        text,
        node.offset,
        expected=f"at most {INT64_MAX}",
        hint="lower the limits of the names, or divide before multiplying",
    )
