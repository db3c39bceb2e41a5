"""A condition as a tree of atoms under "all of" and "any of": what progress is computed from.

Negation is pushed down to the atoms, so that each leaf is one comparison that must hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from laurels.program.expr.interpret import is_atom
from laurels.program.expr.ir import Call, Const, Node

_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}


@dataclass(frozen=True)
class Atom:
    """One comparison, predicate or named condition; with `negated` it must not hold."""

    node: Node
    negated: bool = False


@dataclass(frozen=True)
class AllOf:
    """Every part must hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """One part must hold."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Atom | AllOf | AnyOf


def atoms(node: Node, *, negated: bool = False) -> Condition:
    """The condition `node` (of type bool), or its opposite, split into atoms."""
    if isinstance(node, Const):
        return Atom(Const(bool(node.value) is not negated, "bool", text=""))
    if is_atom(node):
        return _atom(node, negated)
    assert isinstance(node, Call)
    if node.op == "not":
        return atoms(node.args[0], negated=not negated)
    if node.op == "if":
        condition, then, otherwise = node.args
        return _either(condition, then, otherwise, negated)
    if node.op in ("eq", "ne"):
        left, right = node.args
        same = (node.op == "eq") is not negated
        return AnyOf(
            (
                AllOf((atoms(left), atoms(right, negated=not same))),
                AllOf((atoms(left, negated=True), atoms(right, negated=same))),
            )
        )
    parts = tuple(atoms(arg, negated=negated) for arg in node.args)
    return AllOf(parts) if (node.op == "and") is not negated else AnyOf(parts)


def _either(condition: Node, then: Node, otherwise: Node, negated: bool) -> Condition:
    return AnyOf(
        (
            AllOf((atoms(condition), atoms(then, negated=negated))),
            AllOf((atoms(condition, negated=True), atoms(otherwise, negated=negated))),
        )
    )


def _atom(node: Node, negated: bool) -> Atom:
    if negated and isinstance(node, Call) and node.op in _OPPOSITE:
        return Atom(Call(_OPPOSITE[node.op], node.args, "bool", offset=node.offset))
    return Atom(node, negated)
