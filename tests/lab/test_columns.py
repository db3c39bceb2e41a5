"""A comparison over columns says what one says that takes every event through the door."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laurels.bench.generated import write_history
from laurels.lab import columns
from laurels.lab.compare import compare
from laurels.lab.grid import grid
from laurels.lab.pair import pair, side
from laurels.lab.twice import REDEMPTIONS
from laurels.replay.options import Ears, Files, Options
from support.interpreted import Interpreted

ROOT = Path(__file__).parent.parent.parent / "programs"
PROGRAM = ROOT / "retail-starter" / "program.yaml"
ALIKE, ANOTHER = "expires=3 months", "rules.base.when=event.channel == 'web'"
NOTHING = Ears()


def history(folder, odd=True):
    """A year, with some rows that only the door reads."""
    path = folder / "events.parquet"
    write_history(side(str(PROGRAM)).program, 500, 15, path, {"each": {"type": "purchase"}}, False)
    table = pq.read_table(path)
    rows = table.to_pylist()
    if odd:
        rows[20]["type"] = "nonsense"
        rows.append(dict(rows[30]))
        rows.append(dict(rows[50], member="member-10000001"))
        rows.append(dict(rows[60], amount=None))
        for number, row in enumerate(rows):
            if row["type"] == "redemption" and number % 3 == 0:
                row["outcome"] = "accepted" if number % 2 else "refused"
    table = pa.Table.from_pylist(rows, table.schema.append(pa.field("outcome", pa.string())))
    pq.write_table(table, path, row_group_size=400)
    return Files((path,))


def said(data):
    """Everything but what is of the engine."""
    return {name: each for name, each in data.items() if name != "run"}


def interpreted(program, tell):
    return Interpreted(program)


@pytest.mark.parametrize(
    ("setting", "redemptions"), [*((ALIKE, each) for each in REDEMPTIONS), (ANOTHER, "facts")]
)
def test_columns_and_events_compare_alike(setting, redemptions, tmp_path, monkeypatch):
    if setting == ANOTHER:
        monkeypatch.setattr(columns, "machine", interpreted)
    files = history(tmp_path)
    both = pair(side(str(PROGRAM)), side(str(PROGRAM), [setting]))
    events = files.read(both.old.program)
    expected = compare(both, events, redemptions, Options("python"))
    found = compare(both, files, redemptions, Options(threads=2))
    assert said(found.data) == said(expected.data)
    assert found.table.names.equals(expected.table.names)
    assert found.data["affected"]
    assert columns.reads_alike(both.old.program, both.new.program) == (setting == ALIKE)


def test_a_comparison_up_to_an_instant(tmp_path):
    files = history(tmp_path)
    both = pair(side(str(PROGRAM)), side(str(PROGRAM), [ALIKE]))
    until = 1_719_792_000_000_000
    expected = compare(both, files.read(both.old.program), options=Options("python", until))
    assert said(compare(both, files, options=Options(until=until)).data) == said(expected.data)


def test_every_cell_of_a_grid_is_decided_over_the_same_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(columns, "machine", interpreted)
    files = history(tmp_path, odd=False)
    old = side(str(PROGRAM))
    tried = [side(str(PROGRAM), [f"expires={months} months"]) for months in (2, 5)]
    made = []
    vector = columns.Vector
    monkeypatch.setattr(columns, "Vector", lambda *given: made.append(given) or vector(*given))
    rows = list(grid(old, tried, files, "facts", Options(), NOTHING))
    assert len(made) == 1
    events = files.read(old.program)
    assert rows == list(grid(old, tried, events, "facts", Options("python"), NOTHING))
