"""What CPython is spared: constants by name, and calls of one-line functions.

The generated source and the kernel name every slot and constant, so that a person can read them.
Looking names up costs CPython as much as the work itself. Before it compiles them, names of
constants become numbers and calls of functions that are a single ``return`` become that
expression. The meaning is the same; machine code does this by itself.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType


def kernel_tree(module: ModuleType) -> ast.Module:
    """The functions and constants of a kernel module, without imports and annotations."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
            body.append(node)
        elif isinstance(node, ast.Assign) and not is_alias(node):
            body.append(node)
    return ast.Module(body, [])


def is_alias(node: ast.Assign) -> bool:
    """A name for a type, which only the type checker reads."""
    target = node.targets[0]
    return not isinstance(target, ast.Name) or target.id.startswith("type_")


def constants(tree: ast.Module) -> dict[str, int]:
    """Names at the top of a tree that stand for integers (or tuples of them)."""
    found: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            if isinstance(value, int):
                found[node.targets[0].id] = value
    return found


def one_liners(tree: ast.Module) -> dict[str, tuple[list[str], ast.expr]]:
    """Functions that are a docstring and a ``return``: their parameters and that expression."""
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        body = [each for each in node.body if not is_text(each)]
        if len(body) == 1 and isinstance(body[0], ast.Return) and body[0].value is not None:
            names = [argument.arg for argument in node.args.args]
            if not any(isinstance(each, ast.Call) for each in ast.walk(body[0].value)):
                found[node.name] = (names, body[0].value)
    return found


def is_text(node: ast.stmt) -> bool:
    """A docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Fold(ast.NodeTransformer):
    """Puts numbers for names and expressions for calls."""

    def __init__(
        self,
        numbers: Mapping[str, int],
        calls: Mapping[str, tuple[list[str], ast.expr]],
    ) -> None:
        self.numbers = numbers
        self.calls = calls

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A constant's name becomes its number."""
        if isinstance(node.ctx, ast.Load) and node.id in self.numbers:
            return ast.copy_location(ast.Constant(self.numbers[node.id]), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """A call of a one-line function, with plain arguments, becomes its expression."""
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in self.calls:
            return node
        names, value = self.calls[node.func.id]
        if not all(plain(argument) for argument in node.args):
            return node
        put = Put(dict(zip(names, node.args, strict=True)))
        found = self.visit(put.visit(copy.deepcopy(value)))
        assert isinstance(found, ast.expr)
        return ast.copy_location(found, node)


class Put(ast.NodeTransformer):
    """Puts arguments for parameters."""

    def __init__(self, arguments: Mapping[str, ast.expr]) -> None:
        self.arguments = arguments

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A parameter's name becomes the argument."""
        if node.id in self.arguments:
            return copy.deepcopy(self.arguments[node.id])
        return node


def plain(node: ast.expr) -> bool:
    """Whether an expression may be written twice: names, numbers, and sums of these."""
    if isinstance(node, ast.BinOp):
        return plain(node.left) and plain(node.right)
    return isinstance(node, (ast.Name, ast.Constant))


def folded(tree: ast.Module, kernel: list[ast.Module]) -> ast.Module:
    """A tree with the constants and one-liners of the kernel and its own folded in."""
    numbers: dict[str, int] = {}
    calls: dict[str, tuple[list[str], ast.expr]] = {}
    for each in [*kernel, tree]:
        numbers |= constants(each)
    for each in kernel:
        calls |= one_liners(each)
    result = Fold(numbers, calls).visit(tree)
    assert isinstance(result, ast.Module)
    return ast.fix_missing_locations(result)
