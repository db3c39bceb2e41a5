"""What CPython is spared: constants by name, and calls of one-line functions.

The generated source and the kernel name every slot and constant, so that a person can read them.
Looking names up costs CPython as much as the work itself. Before it compiles them, names of
constants become numbers and calls of functions that are a single ``return`` become that
expression; writes of neighbouring elements become one. The meaning is the same; machine code
does this by itself.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping, Sequence
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
        if isinstance(node.func, ast.Name) and node.func.id == "bool":
            return node.args[0]  # the kernel says so of tests alone, for the type checker
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


class Gather(ast.NodeTransformer):
    """Writes a run of neighbouring elements at once.

    ``out[k] = a; out[k + 1] = b; out[k + 2] = c`` becomes ``out[k : k + 3] = (a, b, c)``. The
    kernel only ever writes records that lie side by side and do not overlap what it reads.
    """

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Gather in every list of statements."""
        super().generic_visit(node)
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, gathered(statements))
        return node


def gathered(statements: list[ast.stmt]) -> list[ast.stmt]:
    """Statements with runs of three or more element writes made one."""
    result: list[ast.stmt] = []
    run: list[tuple[str, str, int, ast.Assign]] = []

    def close() -> None:
        if len(run) < 3:
            result.extend(each[3] for each in run)
        else:
            result.append(slice_write(run))
        run.clear()

    for statement in statements:
        place = element(statement)
        if run and (place is None or place[:2] != run[-1][:2] or place[2] != run[-1][2] + 1):
            close()
        if place is None:
            result.append(statement)
        else:
            assert isinstance(statement, ast.Assign)
            run.append((*place, statement))
    close()
    return result


def element(statement: ast.stmt) -> tuple[str, str, int] | None:
    """The sequence, the base name and the offset that a plain element write writes to."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Subscript) or not isinstance(target.value, ast.Name):
        return None
    index = target.slice
    if (
        isinstance(index, ast.BinOp)
        and isinstance(index.op, ast.Add)
        and isinstance(index.left, ast.Name)
        and isinstance(index.right, ast.Constant)
    ):
        return target.value.id, index.left.id, int(index.right.value)  # type: ignore[arg-type]
    return None


def slice_write(run: list[tuple[str, str, int, ast.Assign]]) -> ast.stmt:
    """One write for a run of them."""
    sequence, base, first, statement = run[0]
    values = ast.Tuple([each[3].value for each in run], ast.Load())
    low = ast.BinOp(ast.Name(base, ast.Load()), ast.Add(), ast.Constant(first))
    high = ast.BinOp(ast.Name(base, ast.Load()), ast.Add(), ast.Constant(first + len(run)))
    place = ast.Subscript(ast.Name(sequence, ast.Load()), ast.Slice(low, high), ast.Store())
    return ast.copy_location(ast.Assign([place], values), statement)


def plain(node: ast.expr) -> bool:
    """Whether an expression may be written twice: names, numbers, and sums of these."""
    if isinstance(node, ast.BinOp):
        return plain(node.left) and plain(node.right)
    return isinstance(node, (ast.Name, ast.Constant))


UNBOUNDED: Mapping[str, tuple[list[str], ast.expr]] = {
    "wraps": (["amount", "numerator"], ast.Constant(False))
}
"""What CPython's integers do not do."""


class Kernel:
    """The kernel's modules, folded: the same for all programs."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        trees = [kernel_tree(module) for module in modules]
        self.numbers: dict[str, int] = {}
        self.calls: dict[str, tuple[list[str], ast.expr]] = {}
        for tree in trees:
            self.numbers |= constants(tree)
            self.calls |= one_liners(tree)
        self.calls |= UNBOUNDED
        self.trees = [fold(tree, self.numbers, self.calls) for tree in trees]
        self.code = [
            compile(tree, str(module.__file__), "exec")
            for module, tree in zip(modules, self.trees, strict=True)
        ]

    def folded(self, tree: ast.Module) -> ast.Module:
        """A program's own tree with the constants and one-liners of both folded in."""
        return fold(tree, self.numbers | constants(tree), self.calls | one_liners(tree))


def fold(
    tree: ast.Module,
    numbers: Mapping[str, int],
    calls: Mapping[str, tuple[list[str], ast.expr]],
) -> ast.Module:
    """A tree with constants and one-liners folded in."""
    result = Gather().visit(Fold(numbers, calls).visit(copy.deepcopy(tree)))
    assert isinstance(result, ast.Module)
    return ast.fix_missing_locations(result)


def functions(trees: Iterable[ast.Module]) -> dict[str, ast.FunctionDef]:
    """The functions of trees by their names."""
    return {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)
    }
