"""Dimensions: what a whole number counts, and which of them may meet.

Money and points must not be mixed with each other or with bare numbers: their ints are minor
units and steps, so `event.amount > 300` would mean 3.00. The loose dimensions (plain numbers,
counts, rates, parts of the calendar) are written as bare ints, but a weekday is still no count.
The constant 0 fits everywhere.
"""

from __future__ import annotations

from laurels.program.expr.ir import CALENDAR, LOOSE, MONEY, PLAIN, Const, Dim, Node


def describe(dim: Dim) -> str:
    """The dimension in words, for messages."""
    if dim == PLAIN:
        return "a plain number"
    if dim.startswith("points:"):
        return f"points of '{dim.removeprefix('points:')}'"
    return dim if dim == MONEY else f"a {dim}"


def how_to_write(dim: Dim, number: object = 300) -> str:
    """How a constant of a dimension is written: the hint beside a dimension error."""
    if dim == MONEY:
        return f"money('{number}')"
    if dim.startswith("points:"):
        return f"points('{dim.removeprefix('points:')}', '{number}')"
    return str(number)


def meet(left: Node, right: Node) -> Dim | None:
    """The dimension of two operands that are compared or chosen between; None if they differ."""
    if left.dim == right.dim or _zero(right):
        return left.dim
    if _zero(left):
        return right.dim
    if left.dim not in LOOSE or right.dim not in LOOSE:
        return None
    if PLAIN in (left.dim, right.dim):
        return left.dim if right.dim == PLAIN else right.dim
    return None


def combine(op: str, left: Node, right: Node) -> Dim | None:
    """The dimension of `left op right` for an arithmetic operator; None if they do not fit."""
    if op in ("add", "sub"):
        met = meet(left, right)
        return PLAIN if met in CALENDAR else met
    if left.dim in LOOSE and right.dim in LOOSE:
        return PLAIN
    if op == "mul":
        return _product(left, right)
    if op == "div":
        return PLAIN if left.dim == right.dim else left.dim if right.dim in LOOSE else None
    return left.dim if left.dim == right.dim else None


def _product(left: Node, right: Node) -> Dim | None:
    if left.dim in LOOSE:
        return right.dim
    return left.dim if right.dim in LOOSE else None


def _zero(node: Node) -> bool:
    return isinstance(node, Const) and node.type == "int" and node.value == 0
