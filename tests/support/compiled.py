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


def machine_namespace(program: Compiled) -> dict[str, Any]:
    """All functions, njit'ed one by one, in one namespace; nothing is compiled yet."""
    namespace: dict[str, Any] = {"TRACE": None}
    trees = [kernel_tree(module) for module in KERNEL] + [ast.parse(program.source)]
    for number, tree in enumerate(trees):
        exec(compile(tree, f"<machine {number}>", "exec"), namespace)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                namespace[node.name] = numba.njit(namespace[node.name])
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
        rest = [self.cal if each is self.program.cal else each for each in args[len(names) :]]
        plain: Callable[..., Any] = self.program.namespace[name]
        result = plain(*args)
        try:
            other = self.namespace[name](*arrays, *rest)
        except NumbaError as error:
            raise AssertionError(f"{name} does not compile: {error}") from error
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
