"""The generated step compiles to machine code and means there what it means in CPython.

The normal suite compiles a few programs; `LAURELS_LONG=1` all of them and generated ones.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import laurels
from laurels.base.errors import RequestError
from oracles.histories import PROGRAMS
from oracles.histories import history as real_history
from support.compiled import shadowed
from support.programs import compiled, history, program_text

FILES = Path(__file__).parent.parent.parent / "programs"
LONG = bool(os.environ.get("LAURELS_LONG"))
ALL = sorted(path for path in FILES.glob("*/*.yaml") if path.parent.name in PROGRAMS)
SOME = ("retail-starter/program.yaml", "rostelecom-bonus/program.yaml")
SHOWN = ALL if LONG else [FILES / name for name in SOME]


def run(program: laurels.Compiled, raws: list[dict[str, object]]) -> int:
    """Take the events of one member; returns how many calls were compared."""
    double, shadow = shadowed(program)
    book = laurels.Book(double, str(raws[0]["member"]))
    for raw in raws:
        try:
            book.take(raw)
        except RequestError:
            continue
    book.advance(1_900_000_000_000_000)
    return shadow.calls


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_machine_code_of_a_program_means_the_same(path: Path) -> None:
    raws = real_history(path.parent.name, random.Random(5), 1)
    program = laurels.load(path)
    own = [raw for raw in raws if raw["member"] == raws[0]["member"]]
    assert run(program, own) > 100


@pytest.mark.skipif(not LONG, reason="each takes some 15 seconds to compile")
@pytest.mark.parametrize("seed", range(30))
def test_machine_code_of_a_generated_program_means_the_same(seed: int) -> None:
    program = compiled(program_text(random.Random(seed)))
    rng = random.Random(seed)
    raws = [dict(raw) for raw in history(rng, program, 120)]
    assert run(program, raws) > 40
