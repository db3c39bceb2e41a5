"""The kernel and a program's generated step as machine code, beside the same in CPython.

`shadowed(program)` gives a program whose every `step` and `advance` runs twice, over lists in
CPython and over int64 arrays as machine code, and compares all that either has written.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numba
import numpy as np
from numba.core.errors import NumbaError

from laurels import Compiled
from laurels.engine.compiled import KERNEL
from laurels.engine.folding import kernel_tree

NAMES = ("s", "la", "lp", "lh", "ev", "rf", "ln", "g", "out")
ADVANCE_NAMES = ("s", "la", "lp", "lh", "dv", "ln", "g", "out")


ARRAYS = frozenset({"s", "la", "lp", "lh", "ev", "rf", "dv", "ln", "g", "out"})
ENTRIES = frozenset({"step", "advance"})
ONE = numba.types.Array(numba.int64, 1, "C")
CAL = numba.types.UniTuple(ONE, 3)


def in_calling_order(trees: Sequence[ast.Module]) -> list[ast.FunctionDef]:
    """Functions, those that are called before those that call them."""
    found = {
        node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    order: dict[str, ast.FunctionDef] = {}

    def place(name: str) -> None:
        if name in order or name not in found:
            return
        for part in ast.walk(found[name]):
            if isinstance(part, ast.Name) and part.id != name:
                place(part.id)
        order[name] = found[name]

    for name in found:
        place(name)
    return list(order.values())


def signature(node: ast.FunctionDef, namespace: dict[str, Any]) -> tuple[Any, ...]:
    """Explicit types of a function's arguments: without them Numba compiles `post` and the like
    anew for every constant that they are called with, and a program takes 40 seconds."""
    found: list[Any] = []
    for argument in node.args.args:
        if argument.arg in ARRAYS:
            found.append(ONE)
        elif argument.arg == "cal":
            found.append(CAL)
        elif argument.arg in ("debt_allowed", "terms"):
            name = "DEBT" if argument.arg == "debt_allowed" else "TERMS"
            found.append(numba.types.UniTuple(numba.int64, len(namespace[name])))
        else:
            found.append(numba.int64)
    return tuple(found)


def machine_namespace(program: Compiled) -> dict[str, Any]:
    """All functions as machine code, in one namespace."""
    namespace: dict[str, Any] = {"TRACE": None}
    trees = [kernel_tree(module) for module in KERNEL] + [ast.parse(program.source)]
    for number, tree in enumerate(trees):
        exec(compile(tree, f"<machine {number}>", "exec"), namespace)
    for node in in_calling_order(trees):
        types = signature(node, namespace)
        try:
            own = node.name in ENTRIES  # only these are called from CPython
            namespace[node.name] = numba.njit(
                [types], no_cpython_wrapper=not own, no_cfunc_wrapper=True, error_model="numpy"
            )(namespace[node.name])
        except NumbaError as error:
            raise AssertionError(f"{node.name} does not compile: {error}") from error
    return namespace


def array(values: Sequence[int]) -> Any:
    return np.array(values, dtype=np.int64)


class Shadow:
    """Runs the machine code after CPython on copies of the same arguments."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.namespace = machine_namespace(program)
        self.cal = tuple(array(each) for each in program.cal)
        self.calls = 0

    def both(self, name: str, names: Sequence[str], args: tuple[Any, ...]) -> Any:
        """Call both; whatever one of them wrote, the other wrote too."""
        seen: dict[int, Any] = {}
        arrays = [
            seen.setdefault(id(each), array(each)) if isinstance(each, (list, tuple)) else each
            for each in args[: len(names)]
        ]
        rest = [self.cal if isinstance(each, tuple) else each for each in args[len(names) :]]
        plain: Callable[..., Any] = self.program.namespace[name]
        result = plain(*args)
        other = self.namespace[name](*arrays, *rest)
        self.calls += 1
        assert result == other
        for word, ours, theirs in zip(names, args, arrays, strict=False):
            assert list(ours) == theirs.tolist(), f"{name} writes {word} otherwise"
        return result

    def step(self, *args: Any) -> None:
        self.both("step", NAMES, args)

    def advance(self, *args: Any) -> int:
        return int(self.both("advance", ADVANCE_NAMES, args))


def shadowed(program: Compiled) -> tuple[Compiled, Shadow]:
    """A program that compares itself with its machine code as it runs."""
    shadow = Shadow(program)
    double = replace(program)
    double.step = shadow.step
    double.advance = shadow.advance
    return double, shadow
