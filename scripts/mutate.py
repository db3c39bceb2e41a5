"""Mutate the kernel, one operator or constant at a time, and see whether the tests notice.

    python scripts/mutate.py [--module lots ...] [--sample N] [--seed N] [--slow] [--again FILE]

Works on a copy of the sources; nothing here is changed. A mutant that no test kills is printed as
a survivor: module, line and column, what became of it. Such lines, kept in a file, are tried again
by `--again`. docs/mutation.md explains those that may live.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
KERNEL = Path("laurels/engine/kernel")
LAYOUT = ROOT / "src" / KERNEL / "layout.py"
MODULES = ("numbers", "calendar", "windows", "lots", "holds", "returns", "grants", "opening")
FAST = ("tests/engine/test_kernel_edges.py", "tests/engine/test_kernel.py")
SLOW = ("tests/engine/test_found_by_laws.py", "tests/engine/test_oracles_agree.py")
FIRST = {  # tests that mostly kill a mutant of a module, so they are run before the others
    "numbers": "mul_div or division or halves",
    "calendar": "calendar or terms or birthday or almaty",
    "windows": "rolling or counter or largest",
    "lots": "lots or lot or owed or credited or activation",
    "holds": "holds or hold",
    "returns": "split or take",
    "grants": "grant or release",
    "opening": "opening or opens or line_sets",
}
LIMIT = 15  # seconds of processor time that a mutant may take: one that never ends is killed too
SURVIVED, KILLED, NOTHING_RUN = 0, 1, 5  # exit codes, of pytest

ZEROS = frozenset(re.findall(r"^([A-Z_]+) = 0\b", LAYOUT.read_text("utf-8"), re.MULTILINE))

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.RShift: ast.LShift,
}  # fmt: skip


def mutants_of(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    if isinstance(node, ast.Compare):
        for other in COMPARISONS.get(type(node.ops[0]), ()):
            new = copy.deepcopy(node)
            new.ops[0] = other()
            yield new
    elif isinstance(node, ast.BinOp) and getattr(node.right, "id", "") in ZEROS:
        return  # to add nothing and to take nothing away is the same
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        changed = copy.deepcopy(node)
        changed.op = OPERATORS[type(node.op)]()
        yield changed
    elif isinstance(node, ast.BoolOp):
        swapped = copy.deepcopy(node)
        swapped.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield swapped
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.copy_location(ast.Constant(node.value + 1), node)
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("min", "max"):
        other_call = copy.deepcopy(node)
        name = "max" if getattr(node.func, "id", "") == "min" else "min"
        other_call.func = ast.Name(name, ast.Load())
        yield other_call


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    column: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}:{self.column}: {self.what}"


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module's functions."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            for new in mutants_of(node):
                line = getattr(node, "lineno", function.lineno)
                column = getattr(node, "col_offset", 0) + 1
                what = f"{ast.unparse(node)} -> {ast.unparse(new)}"
                yield Mutant(module, line, column, what, swap(tree, node, new))


def swap(tree: ast.Module, node: ast.AST, new: ast.AST) -> str:
    """The source with one node replaced."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, field, new)
                text = ast.unparse(ast.fix_missing_locations(tree))
                setattr(parent, field, node)
                return text
            if isinstance(value, list) and any(each is node for each in value):
                at = next(i for i, each in enumerate(value) if each is node)
                value[at] = new
                text = ast.unparse(ast.fix_missing_locations(tree))
                value[at] = node
                return text
    raise LookupError("the node is not in the tree")


def outcome(sources: Path, arguments: Sequence[str], limit: int) -> int:
    """Run tests on these sources in a process of its own; its exit code, KILLED if it was stopped.

    The process is a fork of this one, which has imported what takes long and is not ours.
    """
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        sys.path.insert(0, str(sources))
        import pytest

        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *arguments])))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else KILLED


def killed(sources: Path, module: str, slow: bool) -> bool:
    """Whether a test fails, or never ends, with these sources: the likeliest tests first."""
    edges, plain = FAST
    stages = [[edges], [plain, "-k", FIRST[module]], [plain, "-k", f"not ({FIRST[module]})"]]
    limits = [LIMIT] * len(stages)
    if slow:
        stages.append([*SLOW])
        limits.append(30 * LIMIT)
    return any(
        outcome(sources, stage, limit) not in (SURVIVED, NOTHING_RUN)
        for stage, limit in zip(stages, limits, strict=True)
    )


def prepare() -> None:
    """What every fork shares: settings, and imports of what is not ours."""
    os.chdir(ROOT)
    os.environ |= {"LAURELS_QUICK": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.dont_write_bytecode = True
    sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != ROOT / "src"]
    for name in ("hypothesis", "pytest", "pydantic", "yaml", "zoneinfo", "cel_expr_python"):
        __import__(name)


def main() -> int:
    """Run mutants and print the survivors; 1 where there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--module", nargs="*", default=list(MODULES), choices=MODULES)
    parser.add_argument("--slow", action="store_true", help="stories and oracles too")
    parser.add_argument("--again", type=Path, help="only the mutants listed in this file")
    given = parser.parse_args()
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        shutil.copytree(ROOT / "src" / "laurels", sources / "laurels")
        if killed(sources, given.module[0], given.slow):
            print("the tests fail without any mutation", file=sys.stderr)
            return 2
        every = [
            mutant
            for name in given.module
            for mutant in mutants(name, (sources / KERNEL / f"{name}.py").read_text("utf-8"))
        ]
        if given.again is not None:
            listed = set(given.again.read_text("utf-8").splitlines())
            every = [mutant for mutant in every if str(mutant) in listed]
        if given.sample:
            every = random.Random(given.seed).sample(every, min(given.sample, len(every)))
        return report(sources, every, given.slow)


def report(sources: Path, chosen: Sequence[Mutant], slow: bool) -> int:
    """Try mutants, one after the other."""
    tried: dict[str, int] = {}
    alive: dict[str, int] = {}
    for mutant in chosen:
        path = sources / KERNEL / f"{mutant.module}.py"
        original = path.read_text("utf-8")
        path.write_text(mutant.text, "utf-8")
        tried[mutant.module] = tried.get(mutant.module, 0) + 1
        if not killed(sources, mutant.module, slow):
            alive[mutant.module] = alive.get(mutant.module, 0) + 1
            print(mutant, flush=True)
        path.write_text(original, "utf-8")
    for module, number in tried.items():
        print(f"{module}: {number} mutants, {alive.get(module, 0)} survived", file=sys.stderr)
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
