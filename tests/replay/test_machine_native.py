"""Columns straight from Parquet: the same result as event by event, odd rows included."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laurels.bench.generated import write_history
from laurels.engine.compiled import load
from laurels.replay.machine import build
from laurels.replay.machine.native import replay_files
from laurels.replay.options import Files, Options
from laurels.replay.play import play
from laurels.replay.summary import summary
from laurels.replay.tables import Kept

ROOT = Path(__file__).parent.parent.parent / "programs"
CASES = {
    "halyk-plus": {"each": {"type": "purchase"}},
    "rostelecom-bonus": {"first": [{"type": "enrolled"}], "each": {"type": "service_charge"}},
    "tbc-ertguli": {"first": [{"type": "product_opened", "product": "plan"}],
                    "each": {"type": "purchase"}},
}  # fmt: skip


def compare(program, path, until=None):
    """Both engines over a file; how many rows went through the door."""
    found = []
    for engine in ("python", "numba"):
        kept = Kept(program)
        result = play(program, Files((path,)), kept, Options(engine, until, threads=2))
        words = summary(result)
        words.pop("run")
        lists = (result.refused, result.waiting, result.rejected)
        found.append((words, lists, kept.members.to_pylist(), kept.postings.to_pylist()))
    for one, other in zip(*found, strict=True):
        assert one == other
    return replay_files(program, [path], until).slow


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_file_of_plain_events(name, numbers, tmp_path):
    program = load(ROOT / name / "program.yaml")
    path = tmp_path / "events.parquet"
    write_history(program, 4_000, 60, path, CASES[name], numbers)
    assert compare(program, path) == 0


def test_odd_rows_go_through_the_door(tmp_path):
    program = load(ROOT / "tbc-ertguli" / "program.yaml")
    path = tmp_path / "events.parquet"
    write_history(program, 3_000, 60, path, CASES["tbc-ertguli"], False)
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[10]["amount"] = rows[10]["amount"] and -rows[10]["amount"]
    rows[20]["type"] = "nonsense"
    rows.append(dict(rows[30]))
    rows.append(dict(rows[50], member="member-00000001"))
    rows.append(dict(rows[60], amount=None))
    rows.append(dict(rows[40], id="bell\a"))
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    assert 0 < compare(program, path) < 2_000
    compare(program, path, 1_719_792_000_000_000)


def test_threads_that_ask_for_the_first_tool_get_the_same():
    """Else one of them would call code that is gone."""
    build._tool.cache_clear()
    build._tools.cache_clear()
    together = threading.Barrier(8)

    def ask(_):
        together.wait()
        return build.tool("mix_numbers")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
