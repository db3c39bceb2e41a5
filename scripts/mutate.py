"""Mutate the kernel, one operator or constant at a time, and see whether the tests notice.

    python scripts/mutate.py [--sample N] [--seed N] [--seconds N] [--slow] [--module lots ...]

Works on a copy of the sources; nothing here is changed. A mutant that no test kills is printed as
a survivor: module, line, what became of it. docs/mutation.md explains those that may live.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
KERNEL = Path("laurels/engine/kernel")
FAST = ("tests/engine/test_kernel.py",)
SLOW = ("tests/engine/test_found_by_laws.py", "tests/engine/test_oracles_agree.py")
OWN = ("numbers", "windows", "calendar", "lots", "holds")  # test_kernel.py is about these
LIMIT = 90.0  # seconds that a mutant may run: one that never ends is killed too

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


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, what changed, and the whole mutated source."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            for new in mutants_of(node):
                line = getattr(node, "lineno", function.lineno)
                yield line, f"{ast.unparse(node)} -> {ast.unparse(new)}", swap(tree, node, new)


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


def killed(sources: Path, tests: Sequence[str]) -> bool:
    """Whether a test fails, or never ends, with these sources."""
    path = os.pathsep.join([str(sources), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "LAURELS_QUICK": "1"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def main() -> int:
    """Run a sample and print the survivors; 1 where there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after so long; 0: never")
    parser.add_argument("--module", nargs="*", default=list(OWN))
    parser.add_argument("--slow", action="store_true", help="stories and oracles too")
    given = parser.parse_args()
    tests = (*FAST, *SLOW) if given.slow else FAST
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        shutil.copytree(ROOT / "src" / "laurels", sources / "laurels")
        if killed(sources, tests):
            print("the tests fail without any mutation", file=sys.stderr)
            return 2
        every = [
            (name, *mutant)
            for name in given.module
            for mutant in mutants((sources / KERNEL / f"{name}.py").read_text("utf-8"))
        ]
        random.Random(given.seed).shuffle(every)
        chosen = every[: given.sample or len(every)]
        return report(sources, chosen, tests, given.seconds, len(every))


def report(
    sources: Path,
    chosen: list[tuple[str, int, str, str]],
    tests: Sequence[str],
    seconds: float,
    every: int,
) -> int:
    """Try mutants, one after the other."""
    start, tried, survivors = time.monotonic(), 0, 0
    for name, line, what, text in chosen:
        if seconds and time.monotonic() - start > seconds:
            break
        path = sources / KERNEL / f"{name}.py"
        original = path.read_text("utf-8")
        path.write_text(text, "utf-8")
        try:
            tried += 1
            if not killed(sources, tests):
                survivors += 1
                print(f"{name}.py:{line}: {what}", flush=True)
        finally:
            path.write_text(original, "utf-8")
    print(f"{tried} of {every} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
