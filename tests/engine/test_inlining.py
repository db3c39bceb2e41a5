"""The step that CPython runs for a type of event does what the readable step does."""

import ast
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import laurels
from laurels.base.errors import RequestError
from laurels.engine.inlining import Inliner
from oracles import histories
from support.programs import compiled, history, program_text

PROGRAMS = Path(__file__).parents[2] / "programs"
NAMES = "s la lp lh ev rf ln g out".split()


class Compared(dict[int, Callable[..., None]]):
    """Steps that are held against the readable one each time."""

    def __init__(self, program: laurels.Compiled, steps: Mapping[int, Callable[..., None]]) -> None:
        super().__init__()
        self.program = program
        self.steps = steps
        self.calls = 0

    def __missing__(self, kind: int) -> Callable[..., None]:
        together, readable = self.steps[kind], self.program.namespace["step"]
        assert together is not readable

        def both(*args: Any) -> None:
            copies: dict[int, Any] = {id(each): list(each) for each in args[: len(NAMES)]}
            same = [copies[id(each)] for each in args[: len(NAMES)]]
            together(*args)
            readable(*same, *args[len(NAMES) :])
            for name, ours, theirs in zip(NAMES, args, same, strict=False):
                assert list(ours) == theirs, f"type {kind} writes {name} otherwise"
            self.calls += 1

        self[kind] = both
        return both


def compare(program: laurels.Compiled, raws: list[dict[str, Any]]) -> int:
    """How many steps were compared."""
    double = replace(program)
    double.__dict__["together"] = steps = Compared(program, program.together)
    double.__dict__["together_usual"] = usual = Compared(program, program.together_usual)
    book = laurels.Book(double, "m")
    for raw in raws:
        try:
            book.take({**raw, "member": "m"})
        except RequestError:
            continue
    assert usual.calls
    return steps.calls + usual.calls


@pytest.mark.parametrize("seed", range(24))
def test_a_step_put_together_is_the_readable_step(seed: int) -> None:
    rng = random.Random(seed)
    program = compiled(program_text(rng))
    assert compare(program, history(rng, program, 120)) > 20


@pytest.mark.parametrize("name", histories.PROGRAMS)
def test_a_step_put_together_is_the_readable_step_of_real_programs(name: str) -> None:
    program = laurels.load(PROGRAMS / name / "program.yaml")
    assert compare(program, histories.history(name, random.Random(5), 4)) > 100


TEXTS = {
    "a return inside a branch": """
def sign(x):
    if x < 0:
        return -1
    if x == 0:
        return 0
    return 1

def step(ev, out):
    out[0] = 7
    a = sign(ev[1])
    b = sign(ev[2])
    out[1] = a
    out[2] = b
""",
    "a name that is set to a call of itself": """
def half(x):
    y = x // 2
    x = y + 1
    return x

def step(ev, out):
    x = ev[1]
    x = half(x)
    x = half(x)
    out[1] = x
""",
    "a copy outlives what it was copied from": """
def step(ev, out):
    a = ev[1]
    b = a
    a = 5
    out[1] = b
    out[2] = a
    a += b
    out[3] = a
""",
    "a number that a loop changes": """
def step(ev, out):
    total = 0
    last = 3
    for i in range(ev[1] % 5):
        last = total
        total += i
    out[1] = total
    out[2] = last
""",
    "a number that one branch changes": """
def step(ev, out):
    rate = 1
    if ev[1] > 2:
        rate = 3
    elif ev[1] == 2:
        rate = ev[2]
    out[1] = rate
    if ev[2] == 4:
        rate = ev[2] + 1
    out[2] = rate
""",
    "a call whose result nobody reads still happens": """
def add(out, by):
    out[1] += by
    return by

def loop(out, by):
    while by > 0:
        out[2] += by
        by -= 1
    return by

def step(ev, out):
    kind = ev[0]
    if kind == 1:
        unread = add(out, ev[1])
        unread = loop(out, ev[2])
    else:
        out[3] = 1
""",
    "known tests and what adds nothing": """
def grant(out, unit, points, at, active):
    b = 2 + unit * 3
    if active <= at and points > 0:
        out[b + 0] += points * 1
    elif not active < at:
        out[b + 1 - 1] = 9
    else:
        out[0] = -8

def step(ev, out):
    t = ev[1]
    grant(out, 0, ev[2], t, t)
    grant(out, 1, 4, t, 3)
    grant(out, 1, 0, 2, 3)
""",
    "elements that are known until something writes them": """
def write(out, at):
    for i in range(2):
        out[at + i] += 5

def step(ev, out):
    k = out[0] * 2
    out[0] += 1
    out[k + 1] = ev[1]
    if ev[1] > 0:
        out[0] += 2
        out[4:6] = (ev[2], 3)
    if out[0] == 3:
        out[6] = out[3] + out[4]
    write(out, 2)
    out[7] = out[3] + out[0]
    out[ev[0]] = 7
    out[5] = out[1] + out[0]
""",
    "tests that ask the same again": """
def step(ev, out):
    a = ev[1]
    b = a
    if a > 1:
        out[1] = ev[2] // 3
    if b > 1:
        out[2] = ev[2] // 3
        b = 0
    if b > 1:
        out[3] = 9
    if a > 1:
        a = out[2]
    if a > 1:
        out[4] = a
""",
    "loops that are taken once, and others": """
def cover(ev, out, lines):
    covered = 0
    for i in range(lines):
        k = i * 2
        if ev[1] != 2:
            out[k + 1] = 1
            covered += ev[k + 2]
        else:
            out[k + 2] = 0
    return covered

def step(ev, out):
    a = cover(ev, out, ev[0])
    b = cover(ev, out, ev[0] - 1)
    c = cover(ev, out, out[0] + 1)
    out[6] = a + b + c
    for i in range(ev[0]):
        if ev[2] > 1:
            break
        out[7] = i
""",
    "what was worked out before, until its parts change": """
def step(ev, out):
    a = ev[1] + 1
    b = ev[1] + 1
    a = a + 1
    c = ev[1] + 1
    d = a * 2
    if d > 4:
        a = 7
    e = a * 2
    out[1] = b
    out[2] = c
    out[3] = e + 1 + 2
""",
    "an element that the step changes is read again": """
def step(ev, out):
    a = out[1]
    out[1] = ev[1]
    b = out[1]
    out[2] = a + b
""",
}


GIVEN = {("ev", 0): 1, ("out", 0): 0, ("out", 3): 3}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_functions_put_together_do_the_same(text: str) -> None:
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    made = Inliner(functions, {}).put_together("step", "together", GIVEN)
    names: dict[str, Any] = {}
    exec(text, names)
    exec(ast.unparse(made), names)
    for one in range(-3, 6):
        for other in range(-2, 6):
            ours, theirs = [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7]
            names["together"]([1, one, other], ours)
            names["step"]([1, one, other], theirs)
            assert ours == theirs, ast.unparse(made)


def test_a_function_with_a_loop_or_seldom_needed_stays_a_call() -> None:
    text = """
def many(out):
    for i in range(3):
        out[i] = 1

def level_set(out):
    out[0] = 2

def few(out):
    out[1] = 3

def step(ev, out):
    many(out)
    level_set(out)
    few(out)
"""
    functions = {node.name: node for node in ast.parse(text).body}  # type: ignore[attr-defined]
    made = ast.unparse(Inliner(functions, {}).put_together("step", "together", {("ev", 0): 1}))
    assert "many(out)" in made
    assert "level_set(out)" in made
    assert "few(out)" not in made
