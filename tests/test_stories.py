"""Every story of every program, on every engine."""

from pathlib import Path

import pytest

from laurels.story import find_stories, load_story, tell

ROOT = Path(__file__).parent.parent
STORIES = find_stories([ROOT / "programs", ROOT / "examples"])


def test_there_are_stories():
    programs = sorted(each.parent for each in (ROOT / "programs").glob("*/program.yaml"))
    assert programs
    assert {each.parent.parent for each in STORIES} >= set(programs)


@pytest.mark.parametrize("path", STORIES, ids=lambda each: f"{each.parts[-3]}/{each.stem}")
def test_story(path: Path):
    told = tell(load_story(path))
    assert told.holds, "\n".join(str(each) for each in told.differences)


def test_every_program_file_beside_a_story_is_told():
    """A variant without a story would be a file that nobody tries."""
    used = {load_story(path).program.resolve() for path in STORIES}
    files = {
        each.resolve()
        for folder in {path.parent.parent for path in STORIES}
        for each in folder.glob("*.yaml")
    }
    assert files <= used
