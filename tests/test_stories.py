"""Every story of every program, on every engine."""

from functools import cache
from pathlib import Path

import pytest

from laurels import Book, Compiled
from laurels.engine.compiled import load
from laurels.replay.machine.build import machine
from laurels.replay.machine.online import on_machine
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.tables import Kept
from laurels.story import find_stories, load_story, tell

ROOT = Path(__file__).parent.parent
STORIES = find_stories([ROOT / "programs", ROOT / "examples"])
each_story = pytest.mark.parametrize(
    "path", STORIES, ids=lambda each: f"{each.parts[-3]}/{each.stem}"
)


@cache
def program_of(path: Path) -> Compiled:
    return load(path)


@cache
def machine_of(path: Path) -> Compiled:
    program = program_of(path)
    return on_machine(program, machine(program))


def test_there_are_stories():
    programs = sorted(each.parent for each in (ROOT / "programs").glob("*/program.yaml"))
    assert programs
    assert {each.parent.parent for each in STORIES} >= set(programs)


@each_story
def test_story(path: Path):
    told = tell(load_story(path))
    assert told.holds, "\n".join(str(each) for each in told.differences)


@each_story
def test_story_on_machine_code(path: Path):
    told = tell(load_story(path), lambda file, name: Book(machine_of(file.resolve()), name))
    assert told.holds, "\n".join(str(each) for each in told.differences)


@each_story
def test_the_events_of_a_story_in_columns(path: Path):
    """What its books would post, net, and where its members stand: both engines say the same."""
    story = load_story(path)
    bodies = [event for step in story.steps for _, event in step.events]
    if story.file.finds is not None or not bodies:
        return
    program = program_of(story.program.resolve())
    events = Events(bodies, [Place("", row) for row in range(1, len(bodies) + 1)], Report())
    until = story.steps[-1].at + 1
    found = []
    for engine in ("python", "numba"):
        kept = Kept(program)
        play(program, events, kept, Options(engine, until))
        found.append((kept.members.to_pylist(), kept.postings.to_pylist()))
    assert found[0] == found[1]


def test_every_program_file_beside_a_story_is_told():
    """A variant without a story would be a file that nobody tries."""
    used = {load_story(path).program.resolve() for path in STORIES}
    files = {
        each.resolve()
        for folder in {path.parent.parent for path in STORIES}
        for each in folder.glob("*.yaml")
    }
    assert files <= used
