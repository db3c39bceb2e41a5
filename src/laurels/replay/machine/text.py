"""What is translated: kernel, generated step, filling of rows, and the loop over members."""

from __future__ import annotations

import ast
from types import ModuleType

import numpy as np

from laurels.engine.compiled import KERNEL, Compiled
from laurels.engine.folding import kernel_tree
from laurels.engine.kernel import layout
from laurels.replay.machine import begin, fold, grouping, joining, member, parsing, totals
from laurels.replay.machine.columns import MORE
from laurels.replay.machine.filling import columns_of, fill_source
from laurels.replay.machine.member import MADE
from laurels.replay.machine.translate import INT, Kind, Module, row, table

DRIVER: tuple[ModuleType, ...] = (totals, member, begin, fold)
CAL = table(64, 64, 64)
SCRATCH = 19
TOTALS = 14


def trees_of(program: Compiled) -> list[ast.Module]:
    """All sources of a program's machine code."""
    trees = [kernel_tree(module) for module in KERNEL]
    trees += [ast.parse(program.source), ast.parse(fill_source(program))]
    return trees + [kernel_tree(module) for module in DRIVER]


def bits(kinds: object) -> tuple[int, ...]:
    """Widths of columns."""
    return tuple(8 * np.dtype(each).itemsize for each in kinds)  # type: ignore[attr-defined]


def entries(program: Compiled) -> dict[str, tuple[Kind, ...]]:
    """What is called from outside, and with what: also in which order Python gives it."""
    own = bits([each.type for each in columns_of(program)]) or (8,)
    events, more, made = table(8, 64, 64, 8, 64), table(*bits(MORE)), table(*bits(MADE))
    ints = row(64)
    scratch, totals_ = table(*[64] * SCRATCH), table(*[64] * TOTALS)
    records, out = table(64, 32), table(64, 16, 64, 64, 64)
    return {
        "fold_members": (
            INT, INT, ints, ints, events, table(*own), more, made, ints, ints, scratch, records,
            totals_, out, ints, CAL, INT, INT, INT,
        ),
        "advance": (ints,) * 8 + (CAL, INT, INT, INT),
        "step": (ints,) * 9 + (CAL, INT),
    }  # fmt: skip


def translated(program: Compiled) -> str:
    """The whole of it for LLVM."""
    module = Module(trees_of(program))
    for name, kinds in entries(program).items():
        module.function(name, kinds, entry=name)
    return module.finish()


def tools() -> dict[str, tuple[Kind, ...]]:
    """What is called of ``grouping``, ``joining`` and ``parsing``: no program changes them."""
    i32, i64, i8 = row(32), row(64), row(8)
    return {
        "spread_rows": (INT, i32, INT, INT, i64, INT, i64, i32, i32),
        "group_rows": (INT, INT, INT, INT, i32, i32, INT, INT, INT, INT, INT, i64, i32, i32),
        "note_names": (INT, i64, i64, INT, i64, INT, INT),
        "seat_names": (INT, i64, INT, i64),
        "check_members": (
            INT, INT, i64, i32, i64, INT, i8, INT, i64, INT, i8, i32, i32, i64,
        ),
        "mark_tied": (INT, i64, i32, i8),
        "gather_rows": (INT, INT, i32, INT, i64, i64),
        "find_named": (INT, i64, i64, i64, i64, i64, i32),
        "hash_texts.32": (INT, i32, i8, i64, i8),
        "hash_texts.64": (INT, i64, i8, i64, i8),
        **{f"code_texts.{bits}": (
            INT, INT, row(bits), i8, i64, i32, i32, INT, i64, i64, i8, i64,
        ) for bits in (32, 64)},
        "code_numbers": (INT, INT, i64, i32, i32, INT, i64, i64),
        "seat_codes": (INT, i64, INT, i32, INT),
        "narrow_decimals": (INT, i64, INT, INT, i64, i8),
        **{f"look_up.{bits}": (INT, i32, i8, INT, row(bits), i8, row(bits), i8)
           for bits in (8, 16, 32, 64)},
        "split_records": (INT, i64, i32, i64, i32),
        "read_decimals": (INT, i64, i8, INT, i64, i8),
        "read_instants": (INT, i64, i8, i64, i8),
        "mix_numbers": (INT, i64, i64),
        "mix_texts": (INT, i64, i8, i64),
        "add_texts": (INT, i32, i64, i8, INT, i64, i8),
    }  # fmt: skip


def translated_tools() -> str:
    """The same for LLVM."""
    module = Module(
        [kernel_tree(layout), kernel_tree(grouping), kernel_tree(joining), kernel_tree(parsing)]
    )
    for name, kinds in tools().items():
        module.function(name.partition(".")[0], kinds, entry=f"{name.replace('.', '_')}_entry")
    return module.finish()
