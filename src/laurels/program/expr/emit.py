"""The emitter: Python source of an expression, in the subset that Numba compiles.

Only ints and bools occur in it. Strings have become codes and boolean columns; where those live
is known to the caller, who answers through `Resolve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from laurels.program.expr.ir import (
    PREDICATES,
    Call,
    Const,
    Name,
    Node,
    Predicate,
    predicate_of,
)

_INFIX: Mapping[str, str] = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
}
_FUNCTIONS: Mapping[str, str] = {
    "div": "div_trunc",
    "rem": "rem_trunc",
    "min": "min",
    "max": "max",
}


class Resolve(Protocol):
    """Where the values of names live in the source that is being generated.

    Every answer is a Python expression that can stand as an operand without brackets.
    """

    def name(self, name: str) -> str:
        """The value of a name; of a string its code, of a condition 0 or 1 (or a bool)."""
        ...

    def code(self, name: str, value: str) -> str:
        """The code of a string's constant value; of a ladder's level its rank."""
        ...

    def predicate(self, predicate: Predicate) -> str:
        """The column, 0 or 1, that answers a predicate."""
        ...


def emit(node: Node, resolve: Resolve) -> str:
    """Python source of the expression; uses div_trunc, rem_trunc, min and max."""
    if isinstance(node, Const):
        return _const(node)
    if isinstance(node, Name):
        source = resolve.name(node.path)
        # A condition kept as 0 or 1: compared, so that `and` and `or` join bools only.
        return f"({source} != 0)" if node.type == "bool" else source
    if node.op in PREDICATES:
        return f"({resolve.predicate(predicate_of(node))} != 0)"
    if node.op == "at_least":
        return _compare(">=", node.args[0], node.args[1], resolve)
    if node.op == "in":
        tests = [_compare("==", node.args[0], item, resolve) for item in node.args[1:]]
        return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"
    if node.op in ("eq", "ne"):
        return _compare(_INFIX[node.op], node.args[0], node.args[1], resolve)
    return _call(node, [emit(arg, resolve) for arg in node.args])


def _const(node: Const) -> str:
    if node.type == "string":
        raise AssertionError("a string constant stands beside the name that it is compared with")
    return f"({node.value})" if isinstance(node.value, int) and node.value < 0 else str(node.value)


def _compare(sign: str, left: Node, right: Node, resolve: Resolve) -> str:
    if left.type == "string":
        assert isinstance(left, Name)
        assert isinstance(right, Const)
        return f"({resolve.name(left.path)} {sign} {resolve.code(left.path, str(right.value))})"
    return f"({emit(left, resolve)} {sign} {emit(right, resolve)})"


def _call(node: Call, args: list[str]) -> str:
    if node.op in _INFIX:
        return f"({args[0]} {_INFIX[node.op]} {args[1]})"
    if node.op in _FUNCTIONS:
        return f"{_FUNCTIONS[node.op]}({args[0]}, {args[1]})"
    match node.op:
        case "and" | "or":
            return f"({f' {node.op} '.join(args)})"
        case "not":
            return f"(not {args[0]})"
        case "neg":
            return f"(-{args[0]})"
        case "if":
            return f"({args[1]} if {args[0]} else {args[2]})"
    raise AssertionError(f"no operator {node.op}")
