"""Both engines, asked in the same words: the same result and the same files."""

import json
import random
from pathlib import Path

import pytest

from laurels.engine.compiled import load
from laurels.replay.options import Files, Options
from laurels.replay.output import books_in, write_lists
from laurels.replay.play import play
from laurels.replay.summary import summary
from laurels.replay.tables import Kept
from oracles.histories import history

ROOT = Path(__file__).parent.parent.parent / "programs"
UNTIL = 1_704_067_200_000_000


def events_of(name, path, members=8, seed=3):
    """A generated history, some of it bad, as JSON lines."""
    events = history(name, random.Random(seed), members, months=20)
    events[5] = {**events[5], "amount": "-1"}
    events[9] = {**events[9], "type": "sneezed"}
    events.append(dict(events[20]))
    events.append({**events[21], "member": "somebody else"})
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in events)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("until", [None, UNTIL, UNTIL + 10**14 * 2])
def test_the_files_of_a_run_are_the_same(until, tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    files = Files((events_of("retail-starter", tmp_path / "events.jsonl"),))
    for engine in ("numba", "python"):
        folder = tmp_path / engine
        with books_in(folder, program, ["csv", "parquet"]) as books:
            result = play(program, files, books, Options(engine, until))
        found = summary(result)
        found.pop("run")
        write_lists(folder, result, found)
    names = sorted(each.name for each in (tmp_path / "python").iterdir())
    assert {"members.csv", "postings.parquet", "rejected.csv", "refused.csv"} <= set(names)
    assert sorted(each.name for each in (tmp_path / "numba").iterdir()) == names
    for name in names:
        one, other = ((tmp_path / each / name).read_bytes() for each in ("numba", "python"))
        assert one == other, name


def test_tables_of_both_engines_are_alike(tmp_path):
    program = load(ROOT / "rostelecom-bonus" / "program.yaml")
    files = Files((events_of("rostelecom-bonus", tmp_path / "events.jsonl"),))
    kept = []
    for engine in ("numba", "python"):
        kept.append(Kept(program))
        play(program, files, kept[-1], Options(engine))
    assert kept[0].members.equals(kept[1].members)
    assert kept[0].postings.equals(kept[1].postings)
    assert kept[0].postings.num_rows > 100


@pytest.mark.parametrize("name", ["retail-starter", "tbc-ertguli", "halyk-plus"])
def test_a_journal_with_its_corrections_is_the_same(name, tmp_path):
    """As recorded: members of whom nothing is corrected go through the machine."""
    program = load(ROOT / name / "program.yaml")
    files = Files((events_of(name, tmp_path / "events.jsonl"),))
    found = []
    for engine in ("numba", "python"):
        kept = Kept(program)
        result = play(program, files, kept, Options(engine, as_recorded=True))
        words = summary(result)
        words.pop("run")
        lists = (result.rejected, result.refused, result.waiting)
        found.append((words, lists, kept.members.to_pylist(), kept.postings.to_pylist()))
    assert found[0] == found[1]
    assert found[0][0]["mode"] == "as_recorded"
