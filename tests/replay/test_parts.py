"""A history in parts: whatever their number, and whoever folds them, the same result."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laurels.bench.generated import write_history
from laurels.engine.compiled import load
from laurels.replay.machine.partitions import parts_for
from laurels.replay.options import Ears, Files, Options
from laurels.replay.play import play
from laurels.replay.summary import summary
from laurels.replay.tables import Kept

PROGRAM = Path(__file__).parent.parent.parent / "programs" / "tbc-ertguli" / "program.yaml"
EACH = {"first": [{"type": "product_opened", "product": "plan"}], "each": {"type": "purchase"}}
SIX = 6


def history(folder, odd=True):
    """Two files of events, some of them odd: among them ids that two members have."""
    program = load(PROGRAM)
    path = folder / "events.parquet"
    write_history(program, 3_000, 60, path, EACH, False)
    table = pq.read_table(path)
    rows = table.to_pylist()
    if odd:
        rows[20]["type"] = "nonsense"
        rows.append(dict(rows[30]))
        rows.append(dict(rows[50], member="member-10000001"))
        rows.append(dict(rows[60], amount=None))
        rows.append(dict(rows[40], id="bell\a"))
        rows.append(dict(rows[-9], id="late", member="member-10000007", amount=-1))
    path.unlink()
    paths = [folder / f"{half}.parquet" for half in (1, 2)]
    for half, part in zip(paths, (rows[:1000], rows[1000:]), strict=True):
        pq.write_table(pa.Table.from_pylist(part, table.schema), half, row_group_size=700)
    return program, tuple(paths)


def ran(program, paths, **options):
    kept = Kept(program)
    result = play(program, Files(paths), kept, Options(**options))
    words = summary(result)
    words.pop("run")
    lists = (result.rejected, result.waiting, result.refused)
    return words, lists, kept.members.to_pylist(), kept.postings.to_pylist()


@pytest.mark.parametrize("options", [
    {"parts": 1}, {"parts": 2}, {"parts": 7}, {"parts": 3, "workers": 2}, {"memory": 1 << 31},
    {"parts": 5, "until": 1_719_792_000_000_000},
])  # fmt: skip
def test_parts_and_workers_change_nothing(options, tmp_path):
    program, paths = history(tmp_path)
    expected = ran(program, paths, until=options.get("until"))
    assert expected[0]["digest"]["postings"] != "0" * 16
    assert ran(program, paths, **options) == expected


def test_the_end_is_that_of_the_last_event_also_when_later_rows_are_none(tmp_path):
    program, paths = history(tmp_path, odd=False)
    table = pq.read_table(paths[1])
    last = {**table.slice(table.num_rows - 1).to_pylist()[0], "id": "x", "amount": -1}
    last["type"], last["occurred_at"] = "purchase", last["occurred_at"].replace(year=2026)
    table = pa.concat_tables([table, pa.Table.from_pylist([last], table.schema)])
    pq.write_table(table, paths[1])
    assert ran(program, paths, parts=3) == ran(program, paths)


def test_more_memory_means_fewer_parts():
    found = [parts_for(100_000_000, memory << 30, 1, False) for memory in (1, 2, 8)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[2]
    assert parts_for(1000, None, 4, True) == 4


INTERRUPTED = """
import sys
from pathlib import Path
from laurels.engine.compiled import load
from laurels.replay.options import Files, Options
from laurels.replay.play import play
if __name__ == "__main__":
    program, folder, *paths = map(Path, sys.argv[1:])
    options = Options(parts=6, workers=2, folder=folder)
    play(load(program), Files(tuple(paths)), None, options)
"""


def test_a_run_whose_worker_was_killed_goes_on_with_the_parts_that_are_left(tmp_path):
    program, paths = history(tmp_path)
    script, folder = tmp_path / "run.py", tmp_path / "out"
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, str(script), str(PROGRAM), str(folder), *map(str, paths)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not finished(folder) and process.poll() is None:
        time.sleep(0.01)
    for child in workers_of(process.pid):
        os.kill(child, signal.SIGKILL)
    assert "a process of the run was lost" in process.communicate()[1]
    done = finished(folder)
    assert 0 < len(done) < SIX
    told = []
    kept = Kept(program)
    options = Options(parts=SIX, workers=1, folder=folder)
    play(program, Files(paths), kept, options, Ears(lambda at, _: told.append(at)))
    assert len(told) == SIX - len(done)
    assert not (folder / "parts").exists()
    expected = ran(program, paths)
    assert (kept.members.to_pylist(), kept.postings.to_pylist()) == expected[2:]


def test_parts_of_another_history_are_not_taken(tmp_path):
    program, paths = history(tmp_path)
    folder = tmp_path / "out"
    stale = folder / "parts" / "0123"
    stale.mkdir(parents=True)
    options = {"parts": 2, "folder": folder}
    assert ran(program, paths, **options) == ran(program, paths)
    assert not stale.exists()


def finished(folder):
    return [each for each in folder.glob("parts/*/part-*") if each.suffix != ".draft"]


def workers_of(pid):
    """The processes of a run that fold parts."""
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = each.read_text().rpartition(")")[2].split()
            line = each.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == pid and b"spawn_main" in line:
            found.append(int(each.parent.name))
    return found
