"""A net replay may say beforehand what is to come; it changes no posting."""

import random
from pathlib import Path

import pytest

import laurels
from laurels.base.errors import RequestError
from laurels.engine.door import Door
from laurels.engine.events import Event
from oracles.histories import history

PROGRAMS = Path(__file__).parents[2] / "programs"
NOT_DECIDED = {"redemption", "hold", "capture", "void", "withdrawn"}


def events_of(program: laurels.Compiled, door: Door, seed: int) -> list[Event]:
    found = []
    for raw in history(program.name, random.Random(seed), 1):
        if raw["type"] in NOT_DECIDED:
            continue
        try:
            event = door.read(raw)
        except RequestError:
            continue
        event.recorded = event.acts
        found.append(event)
    return sorted(found, key=lambda event: event.place)


def fold(program: laurels.Compiled, seed: int, foresee: bool) -> tuple[laurels.Book, int]:
    door = Door(program)
    events = events_of(program, door, seed)
    book = laurels.Book(program, events[0].member, door)
    if foresee:
        book.foresee(events)
    for event in events:
        try:
            book.take_event(event)
        except RequestError:
            continue
    return book, sum(event.foreseen for event in events)


@pytest.mark.parametrize("name", ["mired-coalition", "retail-starter"])
def test_what_is_foreseen_changes_no_net_posting(name: str) -> None:
    program = laurels.load(PROGRAMS / name / "program.yaml")
    seen = 0
    for seed in range(12):
        plain, _ = fold(program, seed, False)
        quick, count = fold(program, seed, True)
        seen += count
        assert {p.id: p.points for p in quick.net_postings()} == {
            p.id: p.points for p in plain.net_postings()
        }
        for unit in program.program.units:
            assert quick.lots(unit.name) == plain.lots(unit.name)
    assert seen > 20, "the histories hold returns, or this proves nothing"
