"""The interpreter: one expression over plain Python values, and what it saw on the way.

It says in the simplest way what an expression means. The emitter must agree with it, and both
agree with the CEL library; explanations are made from its trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from laurels.program.expr.ir import (
    COMPARISONS,
    INT64_MAX,
    INT64_MIN,
    PREDICATES,
    Call,
    Const,
    Name,
    Node,
    Value,
    predicate_of,
    rank,
    walk,
)
from laurels.program.expr.render import render

_CONNECTIVES = frozenset({"and", "or", "not", "if"})


@dataclass(frozen=True)
class Seen:
    """An atom of a condition as it was found: its text, the values it read, whether it held."""

    atom: Node
    text: str
    values: tuple[tuple[str, Value], ...]
    held: bool


def interpret(node: Node, values: Mapping[str, Value], trace: list[Seen] | None = None) -> Value:
    """The value of an expression; `values` maps names to ints, bools and strings.

    Instants are ints of microseconds; an absent string is ''. With `trace` every atom is
    evaluated and appended, also those that short-circuiting would skip. Raises KeyError for a
    name without a value, TypeError for a value of another type, OverflowError where int64 would
    overflow and ZeroDivisionError (neither can happen once `bounds` has passed).
    """
    if trace is not None:
        trace.extend(_seen(atom, values) for atom in atom_nodes(node))
    return _evaluate(node, values)


def fold(call: Call) -> int:
    """The int that a call over int constants stands for, in unlimited integers."""
    args = [arg.value for arg in call.args if isinstance(arg, Const)]
    return _arithmetic(call.op, [int(arg) for arg in args])


def atom_nodes(node: Node) -> Iterator[Node]:
    """The atoms of an expression in the order of its text.

    An atom is a comparison, a membership, a predicate, an `at_least` or the name of a condition.
    """
    if isinstance(node, Const):
        return
    if is_atom(node):
        yield node
    if isinstance(node, Call):
        for arg in node.args:
            yield from atom_nodes(arg)


def is_atom(node: Node) -> bool:
    """Whether a condition has no conditions to split it into."""
    if isinstance(node, Call):
        joins = node.op in _CONNECTIVES or node.args[0].type == "bool"
        return node.type == "bool" and not joins
    return isinstance(node, Name) and node.type == "bool"


def div_trunc(dividend: int, divisor: int) -> int:
    """CEL's `/`: the quotient truncated toward zero."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def rem_trunc(dividend: int, divisor: int) -> int:
    """CEL's `%`: the remainder with the sign of the dividend."""
    remainder = abs(dividend) % abs(divisor)
    return -remainder if dividend < 0 else remainder


def _seen(atom: Node, values: Mapping[str, Value]) -> Seen:
    names = dict.fromkeys(each.path for each in walk(atom) if isinstance(each, Name))
    read = tuple((name, values[name]) for name in names)
    return Seen(atom, render(atom), read, bool(_evaluate(atom, values)))


def _evaluate(node: Node, values: Mapping[str, Value]) -> Value:
    if isinstance(node, Const):
        return node.value
    if isinstance(node, Name):
        return _read(node, values)
    if node.op == "and":
        return all(_evaluate(arg, values) for arg in node.args)
    if node.op == "or":
        return any(_evaluate(arg, values) for arg in node.args)
    if node.op == "if":
        return _evaluate(node.args[1 if _evaluate(node.args[0], values) else 2], values)
    if node.op in PREDICATES:
        return predicate_of(node).holds(str(_evaluate(node.args[0], values)))
    args = [_evaluate(arg, values) for arg in node.args]
    if node.op == "not":
        return not args[0]
    if node.op == "at_least":
        return _at_least(node, str(args[0]), str(args[1]))
    if node.op == "in":
        return args[0] in args[1:]
    if node.op in COMPARISONS:
        return _compare(node.op, args[0], args[1])
    return _checked(_arithmetic(node.op, [int(arg) for arg in args]))


def _read(name: Name, values: Mapping[str, Value]) -> Value:
    value = values[name.path]
    expected = {"bool": bool, "string": str}.get(name.type, int)
    if type(value) is not expected:
        raise TypeError(f"{name.path} is {value!r}, expected {expected.__name__}")
    return value


def _at_least(call: Call, level: str, wanted: str) -> bool:
    name = call.args[0]
    assert isinstance(name, Name)
    assert name.levels is not None
    return rank(level, name.levels) >= rank(wanted, name.levels)


def _compare(op: str, left: Value, right: Value) -> bool:
    if op == "eq":
        return left == right
    if op == "ne":
        return left != right
    assert isinstance(left, int)
    assert isinstance(right, int)
    if op in ("lt", "ge"):
        return (left < right) == (op == "lt")
    return (left > right) == (op == "gt")


def _arithmetic(op: str, args: list[int]) -> int:
    if op == "neg":
        return -args[0]
    left, right = args
    match op:
        case "add":
            return left + right
        case "sub":
            return left - right
        case "mul":
            return left * right
        case "div":
            return div_trunc(left, right)
        case "rem":
            return rem_trunc(left, right)
        case "min":
            return min(left, right)
        case "max":
            return max(left, right)
    raise AssertionError(f"no operator {op}")


def _checked(value: int) -> int:
    if not INT64_MIN <= value <= INT64_MAX:
        raise OverflowError(f"{value} does not fit in 64 bits")
    return value
