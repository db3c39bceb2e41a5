"""What is known at a place in a function, and expressions worked out with it.

`inlining` walks through a function and notes what it learns: names that stand for numbers, elements
that were read or written before. `Simplify` puts that into an expression.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

OPERATIONS: Mapping[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
REFLEXIVE = (ast.Eq, ast.LtE, ast.GtE)
STRICT = (ast.NotEq, ast.Lt, ast.Gt)


class Known:
    """What is known where the walk through a function stands.

    values    names that stand for a number or another name
    held      names that hold what an expression over unchanging sequences came to, by its tree,
              with the names that it reads
    elements  numbers that stand at fixed places of sequences, by sequence and place
    """

    def __init__(self) -> None:
        self.values: dict[str, ast.Constant | ast.Name] = {}
        self.held: dict[str, tuple[str, frozenset[str]]] = {}
        self.elements: dict[tuple[str, int], int] = {}

    def copy(self) -> Known:
        """The same, to go on apart."""
        other = Known()
        other.take(self)
        return other

    def take(self, other: Known) -> None:
        """What the other knows, and no more."""
        self.values = dict(other.values)
        self.held = dict(other.held)
        self.elements = dict(other.elements)

    def forget(self, names: set[str]) -> None:
        """These names are about to change."""
        self.values = {
            name: value
            for name, value in self.values.items()
            if name not in names and not (isinstance(value, ast.Name) and value.id in names)
        }
        self.held = {
            tree: (name, read)
            for tree, (name, read) in self.held.items()
            if name not in names and not read & names
        }

    def changed(self, sequence: str, first: int = 0, stop: int | None = None) -> None:
        """The elements of a sequence from one place to another are about to change."""
        self.elements = {
            (name, at): value
            for (name, at), value in self.elements.items()
            if name != sequence or at < first or (stop is not None and at >= stop)
        }

    def meet(self, one: Known, other: Known) -> None:
        """What both ways of a test leave."""
        self.values = {
            name: value
            for name, value in one.values.items()
            if name in other.values and ast.dump(value) == ast.dump(other.values[name])
        }
        self.held = {k: each for k, each in one.held.items() if other.held.get(k) == each}
        self.elements = {
            k: value for k, value in one.elements.items() if other.elements.get(k) == value
        }


class Simplify(ast.NodeTransformer):
    """Puts in what is known, and works out what then can be."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name that stands for something else."""
        if isinstance(node.ctx, ast.Load) and node.id in self.known.values:
            found: ast.expr = clone(self.known.values[node.id])
            return found
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """An element that is known, or was read before."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            value = self.known.elements.get(place(node))
            if value is not None:
                return ast.Constant(value)
            held = self.known.held.get(ast.dump(node)) if self.known.held else None
            if held is not None:
                return ast.Name(held[0], ast.Load())
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """A sum or product of numbers; what adds nothing."""
        self.generic_visit(node)
        left, right, work = node.left, node.right, OPERATIONS.get(type(node.op))
        one, other = number(left), number(right)
        if work is not None and one is not None and other is not None:
            return ast.Constant(work(one, other))
        if isinstance(node.op, ast.Add) and isinstance(left, ast.BinOp) and other is not None:
            inner = number(left.right)
            if inner is not None and isinstance(left.op, ast.Add):
                return self.visit_BinOp(ast.BinOp(left.left, left.op, ast.Constant(inner + other)))
        if isinstance(node.op, ast.Mult) and 0 in (one, other):
            return ast.Constant(0)
        if isinstance(node.op, (ast.Add, ast.Sub)) and other == 0:
            return left
        if isinstance(node.op, ast.Add) and one == 0:
            return right
        if isinstance(node.op, ast.Mult) and other == 1:
            return left
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """Not, minus."""
        self.generic_visit(node)
        value = number(node.operand)
        if value is not None and isinstance(node.op, (ast.Not, ast.USub)):
            return ast.Constant(not value if isinstance(node.op, ast.Not) else -value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Numbers, and a name with itself."""
        self.generic_visit(node)
        if len(node.ops) > 1:
            return node
        sign, left, right = node.ops[0], node.left, node.comparators[0]
        one, other, work = number(left), number(right), OPERATIONS.get(type(sign))
        if work is not None and one is not None and other is not None:
            return ast.Constant(bool(work(one, other)))
        if isinstance(left, ast.Name) and isinstance(right, ast.Name) and left.id == right.id:
            if isinstance(sign, REFLEXIVE):
                return ast.Constant(True)
            if isinstance(sign, STRICT):
                return ast.Constant(False)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """A test of which part is known."""
        self.generic_visit(node)
        ends = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for each in node.values:
            value = number(each)
            if value is None:
                values.append(each)
            elif bool(value) == ends:
                values.append(ast.Constant(ends))
                break
        if not values:
            return ast.Constant(not ends)
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """One of two."""
        self.generic_visit(node)
        test = number(node.test)
        return node if test is None else node.body if test else node.orelse


def number(node: ast.expr) -> int | None:
    """The number that an expression is."""
    found = node.value if isinstance(node, ast.Constant) else None
    return found if isinstance(found, int) else None


def place(node: ast.Subscript) -> tuple[str, int]:
    """The sequence and the place of an element, where both are known."""
    sequence, first, stop = extent(node)
    return (sequence, first) if stop == first + 1 else ("", 0)


def extent(node: ast.Subscript) -> tuple[str, int, int | None]:
    """The sequence of elements, the first place and the one after the last: None where it could
    be any."""
    sequence = node.value.id if isinstance(node.value, ast.Name) else ""
    if isinstance(node.slice, ast.Slice):
        low = number(node.slice.lower) if node.slice.lower else None
        high = number(node.slice.upper) if node.slice.upper else None
        if low is not None and high is not None:
            return sequence, low, high
        return sequence, 0, None
    first = number(node.slice)
    return (sequence, 0, None) if first is None else (sequence, first, first + 1)


def names_in(node: ast.AST) -> set[str]:
    """Names that are read or set somewhere in it."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def stored(node: ast.AST) -> set[str]:
    """Names that are set somewhere in it."""
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def clone(node: Any) -> Any:
    """A tree of its own; `copy.deepcopy` takes many times as long."""
    if isinstance(node, ast.AST):
        made = node.__class__()
        made.__dict__.update({name: clone(part) for name, part in node.__dict__.items()})
        return made
    return [clone(part) for part in node] if isinstance(node, list) else node
