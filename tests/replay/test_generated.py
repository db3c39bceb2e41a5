"""Online equals replay, posting by posting, over generated programs and generated histories.

Some programs are compiled to machine code; more run through the same columnar driver, by CPython.
`LAURELS_LONG=1` runs far more of both.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from laurels import Compiled
from laurels.replay.machine import engine
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.summary import summary
from laurels.replay.tables import Kept
from support.interpreted import Interpreted
from support.programs import compiled, history, program_text

LONG = bool(os.environ.get("LAURELS_LONG"))
COMPILED = range(400 if LONG else 12)
INTERPRETED = range(1_000, 4_000 if LONG else 1_040)
LIVES = 100 if LONG else 60
INTERPRETED_LIVES = 40 if LONG else 25


def lives(program: Compiled, seed: int, count: int) -> Events:
    """Histories of so many members, none of which gives points to another."""
    bodies = []
    for life in range(count):
        rng = random.Random(seed * 10_000 + life)
        for raw in history(rng, program, 6 + life % 30):
            if raw["type"] != "transfer":
                bodies.append({**raw, "member": f"m{life:03}"})
    return Events(bodies, [Place("", row) for row in range(1, len(bodies) + 1)], Report())


def agree(
    program: Compiled, events: Events, until: int | None, seed: int, as_recorded: bool = False
) -> int:
    """Both engines over the same events; the number of postings."""
    found: list[list[Any]] = []
    for name in ("python", "numba"):
        kept = Kept(program)
        result = play(program, events, kept, Options(name, until, as_recorded))
        words = summary(result)
        words.pop("run")
        lists = (result.rejected, result.refused, result.waiting)
        found.append([kept.postings.to_pylist(), kept.members.to_pylist(), lists, words])
    for one, other in zip(*found, strict=True):
        assert one == other, f"program {seed}"
    return len(found[0][0])


def some_in_order(events: Events) -> Events:
    """The same, but every other member's events are recorded when they occur, none withdrawn."""
    kept = [
        ({k: v for k, v in body.items() if k != "recorded_at" or odd}, place)
        for body, place in zip(events.bodies, events.places, strict=True)
        for odd in [int(str(body["member"])[1:]) % 2]
        if odd or body["type"] != "withdrawn"
    ]
    return Events([body for body, _ in kept], [place for _, place in kept], events.report)


def until_of(seed: int) -> int | None:
    """Every third history to its end, in its middle, or far beyond."""
    return (None, 1_720_000_000_000_000, 1_900_000_000_000_000)[seed % 3]


@pytest.mark.parametrize("seed", COMPILED)
def test_machine_code_of_a_generated_program_posts_what_books_post(seed: int) -> None:
    program = compiled(program_text(random.Random(seed)))
    postings = agree(program, lives(program, seed, LIVES), until_of(seed), seed)
    assert postings > 0


@pytest.mark.parametrize("seed", INTERPRETED)
def test_the_columnar_driver_posts_what_books_post(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "machine", lambda program, tell: Interpreted(program))
    program = compiled(program_text(random.Random(seed)))
    events = lives(program, seed, INTERPRETED_LIVES)
    agree(program, events, until_of(seed), seed)
    if seed % 4 == 0:
        agree(program, some_in_order(events), until_of(seed), seed, True)
