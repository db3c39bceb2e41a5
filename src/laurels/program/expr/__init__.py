"""Expressions: CEL text, checked against a scope, as a small typed tree of our own.

scope = Scope(
    names={
        "event.amount": NameInfo("int", MONEY),
        "event.method": NameInfo("string", values=("qr", "cash")),
    },
)
expression = compile_expression(
    "event.method == 'qr' && event.amount >= money('300')", scope, want="bool"
)
expression.names                                       # {'event.method', 'event.amount'}
interpret(expression.ir, {"event.method": "qr", "event.amount": 30000})     # True
emit(expression.ir, resolve)        # '((ev[3] == 1) and (ev[0] >= 30000))'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from laurels.program.expr import cel, errors
from laurels.program.expr.bounds import bounds, interval
from laurels.program.expr.conditions import AllOf, AnyOf, Atom, Condition, atoms
from laurels.program.expr.emit import Resolve, emit
from laurels.program.expr.errors import ExpressionError, Problem
from laurels.program.expr.interpret import Seen, atom_nodes, div_trunc, interpret, rem_trunc
from laurels.program.expr.ir import (
    COUNT,
    MONEY,
    PLAIN,
    RATE,
    Call,
    Const,
    Name,
    Node,
    Predicate,
    names_in,
    points_dim,
    walk,
)
from laurels.program.expr.lower import Lowering
from laurels.program.expr.render import render
from laurels.program.expr.scope import NameInfo, Scope
from laurels.program.expr.strings import Strings

__all__ = [
    "COUNT",
    "MONEY",
    "PLAIN",
    "RATE",
    "AllOf",
    "AnyOf",
    "Atom",
    "Call",
    "Condition",
    "Const",
    "Expression",
    "ExpressionError",
    "Name",
    "NameInfo",
    "Node",
    "Predicate",
    "Problem",
    "Resolve",
    "Scope",
    "Seen",
    "Strings",
    "atom_nodes",
    "atoms",
    "bounds",
    "compile_expression",
    "div_trunc",
    "emit",
    "interpret",
    "interval",
    "names_in",
    "points_dim",
    "rem_trunc",
    "render",
    "walk",
]


@dataclass(frozen=True)
class Expression:
    """An expression that has been checked: its text, its tree and the names that it reads."""

    text: str
    ir: Node
    names: frozenset[str]


def compile_expression(text: str, scope: Scope, want: Literal["bool", "int"]) -> Expression:
    """Parse, check and lower `text`; raises ExpressionError with every problem found.

    `want` is the type that the place in the program needs. The dimension of an int is left to the
    caller, in `.ir.dim`.
    """
    tree = cel.parse(text, scope.environment, scope.names)
    lowering = Lowering(text, scope)
    ir = lowering.node(tree)
    if ir is not None and ir.type != want:
        wanted = "a condition (true or false)" if want == "bool" else "a whole number"
        message = f"the expression gives {ir.type}"
        lowering.problems.append(
            errors.problem(errors.TYPE, message, text, ir.offset, expected=wanted)
        )
    if ir is None or lowering.problems:
        raise ExpressionError(lowering.problems)
    return Expression(text, ir, names_in(ir))
