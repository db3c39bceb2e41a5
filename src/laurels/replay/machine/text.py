"""The text of one self-contained module: kernel, generated step, row filling and the loop.

Numba compiles that module and keeps the machine code beside it, so the text must depend on
nothing else: what the kernel imports stands in the same file, without annotations.
"""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

from laurels.engine.compiled import KERNEL, Compiled
from laurels.engine.folding import kernel_tree
from laurels.replay.machine import fold, member, totals
from laurels.replay.machine.filling import fill_source

DRIVER: tuple[ModuleType, ...] = (totals, member, fold)
HEAD = '''"""Machine code of {name}: made from its program file, written anew when that changes."""

import numpy as np
from numba import njit
'''
COMPILED = "njit(cache=True, nogil=True, error_model='numpy')"


def module_text(program: Compiled) -> str:
    """The module of a program, as source."""
    parts = [HEAD.format(name=program.name)]
    trees = [kernel_tree(module) for module in KERNEL]
    trees += [ast.parse(program.source), ast.parse(fill_source(program))]
    trees += [kernel_tree(module) for module in DRIVER]
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = [ast.parse(COMPILED, mode="eval").body]
        parts.append(ast.unparse(ast.fix_missing_locations(tree)))
    return "\n\n\n".join(parts) + "\n"


def driver_text() -> str:
    """What besides the program's own hash decides what the machine code does."""
    return "".join(Path(str(module.__file__)).read_text("utf-8") for module in DRIVER) + HEAD
