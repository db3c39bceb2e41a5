"""The command line: every verb, its exit codes, and one JSON object on stdout."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from laurels.cli import shipped
from laurels.cli.app import app

ROOT = Path(__file__).parent.parent
RETAIL = ROOT / "programs" / "retail-starter" / "program.yaml"
LINES = ROOT / "examples" / "data" / "online_retail.parquet"
MAPPING = ROOT / "examples" / "online-retail" / "mapping.yaml"

EVENTS = """id,member,type,occurred_at,amount,points,unit,returns
1,anna,purchase,2025-03-01T12:00:00Z,200.00,,,
2,anna,redemption,2025-03-02T12:00:00Z,,500,point,
3,boris,purchase,2025-03-03T12:00:00Z,600.00,,,
4,boris,purchase,2025-03-04T12:00:00Z,40.00,,,
5,anna,return,2025-03-05T12:00:00Z,,,,77
"""
BAD = EVENTS + "6,anna,purchase,2025-03-06T12:00:00Z,-5,,,\n"

WRONG = """program: wrong
zone: UTC
currency: GBP
units:
  point: {}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {on: purchse, give: {rate: 1%}}
"""


def laurels(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def data_of(result):
    """Exactly one JSON object on stdout, nothing else."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return path


@pytest.fixture
def bad_events(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(BAD)
    return path


@pytest.fixture
def wrong(tmp_path):
    path = tmp_path / "program.yaml"
    path.write_text(WRONG)
    return path


# -- usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["check"],
        ["check", RETAIL, "--nonsense"],
        ["replay", RETAIL],
        ["replay", RETAIL, LINES, "--until", "yesterday"],
        ["replay", RETAIL, LINES, "--engine", "abacus"],
        ["replay", RETAIL, LINES, "--format", "xls"],
        ["explain", RETAIL, LINES],
        ["explain", RETAIL, LINES, "--event", "1", "--member", "2"],
        ["explain", RETAIL, LINES, "--event", "1", "--lang", "la"],
        ["story"],
        ["init", "x"],
        ["init", "x", "--from", "nothing"],
        ["bench", "nonsense"],
    ],
    ids=lambda each: " ".join(map(str, each)).replace(str(ROOT), ""),
)
def test_wrong_usage_is_2(arguments):
    result = laurels(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


def test_version():
    assert laurels("version").stdout == laurels("--version").stdout == "0.1.0\n"


# -- check -------------------------------------------------------------------------------------


def test_check_shows_a_program_that_is_right():
    result = laurels("check", RETAIL)
    assert result.exit_code == 0
    for text in (
        "Retail starter",
        "club-extra",
        "green → silver (spend 500) → gold (spend 1500)",
        "month: at most 25000 point a month (base, club-extra)",
        "minimum: at least 100 (point)",
        "live 12 months",
    ):
        assert text in result.stdout


def test_check_shows_when_a_version_begins_in_the_programs_own_time():
    result = laurels("check", ROOT / "programs" / "kaspi-bonus" / "program.yaml")
    assert "version 2 since 2025-06-01 · returns full" in result.stdout


def test_check_shows_the_generated_source():
    result = laurels("check", RETAIL, "--show")
    compile(result.stdout, "step", "exec")
    assert "def step(" in result.stdout
    assert "def step(" in data_of(laurels("check", RETAIL, "--show", "--json"))["source"]


def test_check_points_at_what_is_wrong(wrong):
    result = laurels("check", wrong)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if "purchse" in line and " | " in line)
    assert lines[at + 1].rstrip().endswith("^")
    assert lines[at].index("purchse") <= lines[at + 1].index("^") < len(lines[at])
    assert "error" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_json_has_every_finding(wrong):
    result = laurels("check", wrong, "--json")
    assert result.exit_code == 1
    found = data_of(result)
    assert (found["ok"], found["errors"] >= 1) == (False, True)
    assert {"severity", "code", "message", "file", "line", "column", "expected", "hint"} == set(
        found["findings"][0]
    )
    assert any(each["line"] == 11 for each in found["findings"])
    assert data_of(laurels("check", RETAIL, "--json"))["ok"] is True


@pytest.mark.parametrize("text", ["", "[", "- 1", "program: [", "\x00", "a: &a [*a]"])
def test_no_program_file_is_a_traceback(tmp_path, text):
    path = tmp_path / "program.yaml"
    path.write_text(text)
    for verb in (["check", path], ["replay", path, LINES], ["check", tmp_path / "nowhere.yaml"]):
        result = laurels(*verb, "--json")
        assert result.exit_code == 1, result.exception
        assert data_of(result)["ok"] is False
        assert result.stderr.startswith("error[")


# -- replay ------------------------------------------------------------------------------------


def test_replay_shows_a_page(events):
    result = laurels("replay", RETAIL, events)
    assert result.exit_code == 0
    for text in ("retail-starter", "members", "outstanding", "base", "not-covered", "waiting"):
        assert text in result.stdout


def test_replay_json_is_one_object(events, tmp_path):
    result = laurels("replay", RETAIL, events, "--json", "--out", tmp_path / "out")
    assert result.exit_code == 0
    found = data_of(result)
    assert found["ok"] is True
    assert found["members"] == 2
    assert found["events"]["refused"] == 1
    assert found["points"]["point"]["issued"] == "850"
    names = {each.name for each in (tmp_path / "out").iterdir()}
    assert names == {"postings.parquet", "members.parquet", "monthly.parquet",
                     "summary.json", "refused.csv", "waiting.csv"}  # fmt: skip
    assert pq.read_table(tmp_path / "out" / "members.parquet").num_rows == 2
    saved = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert saved["points"] == found["points"]


def test_a_first_run_says_that_it_compiles_and_engines_agree(events, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = laurels("replay", RETAIL, events, "--json")
    again = laurels("replay", RETAIL, events, "--json", "--engine", "numba")
    other = laurels("replay", RETAIL, events, "--json", "--engine", "python")
    assert ["compiling" in each.stderr for each in (first, again, other)] == [True, False, False]
    found = [data_of(each) for each in (first, again, other)]
    assert [each.pop("run")["engine"] for each in found] == ["numba", "numba", "python"]
    assert found[0] == found[1] == found[2]


def test_replay_until_and_csv(events, tmp_path):
    out = tmp_path / "out"
    result = laurels("replay", RETAIL, events, "--until", "2025-03-03", "--out", out, "--json",
                     "--format", "csv,parquet")  # fmt: skip
    found = data_of(result)
    assert found["until"] == "2025-03-03T00:00:00Z"
    assert found["events"]["later"] == 3
    rows = (out / "members.csv").read_text().splitlines()
    assert rows[1].startswith("anna,200,")
    assert rows[2].startswith("boris,0,")


def test_bad_rows_go_on_and_strict_stops(bad_events, tmp_path):
    result = laurels("replay", RETAIL, bad_events, "--json", "--out", tmp_path / "out")
    assert result.exit_code == 0
    rows = (tmp_path / "out" / "rejected.csv").read_text().splitlines()
    assert len(rows) == 2
    assert ",6,amount,event-amount-negative," in rows[1]
    result = laurels("replay", RETAIL, bad_events, "--json", "--strict")
    assert result.exit_code == 1
    assert data_of(result)["ok"] is False
    assert "event-amount-negative" in laurels("replay", RETAIL, bad_events).stderr


def test_as_recorded_shows_corrections(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS + "6,boris,return,2025-03-07T12:00:00Z,,,,3\n")
    corrected = {}
    for option in ([], ["--as-recorded"]):
        out = tmp_path / f"out{len(option)}"
        assert laurels("replay", RETAIL, path, "--out", out, *option).exit_code == 0
        rows = pq.read_table(out / "postings.parquet").to_pylist()
        corrected[len(option)] = sum(row["corrects"] is not None for row in rows)
    assert corrected[0] == 0
    assert corrected[1] > 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.csv", None),
        ("events.xls", "x"),
        ("empty.parquet", ""),
        ("events.csv", b"\xff\xfe\x00"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = laurels("replay", RETAIL, path, "--json")
    assert result.exit_code == 1, result.exception
    assert data_of(result)["ok"] is False
    assert "error[" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_mapping(events, tmp_path):
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("event: {id: Id}\nlinez: {}\n")
    result = laurels("replay", RETAIL, events, "--map", mapping, "--json")
    assert result.exit_code == 1
    assert data_of(result)["error"]["findings"][0]["line"] >= 1


def test_a_slice_of_the_real_purchases(tmp_path):
    table = pq.read_table(LINES).slice(0, 8_000)
    pq.write_table(table, tmp_path / "slice.parquet")
    result = laurels("replay", RETAIL, tmp_path / "slice.parquet", "--map", MAPPING, "--json",
                     "--out", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = data_of(result)
    assert found["input"]["rows"] == 8_000
    assert found["members"] > 100
    assert found["events"]["rejected"] == 0, "what the mapping lets through is right"
    assert float(found["revenue"]["net"]) > 50_000
    assert 0.009 < float(found["cost"]["units"]["point"]["share"]) < 0.015
    assert (tmp_path / "out" / "unmatched.csv").exists()
    assert pq.read_table(tmp_path / "out" / "members.parquet").num_rows == found["members"]


# -- explain -----------------------------------------------------------------------------------


def test_explain_an_event(events):
    result = laurels("explain", RETAIL, events, "--event", "4")
    assert result.exit_code == 0
    assert "club-extra" in result.stdout or "quarter" in result.stdout
    found = data_of(laurels("explain", RETAIL, events, "--event", "4", "--json"))
    assert (found["ok"], found["member"]) == (True, "boris")


def test_explain_in_russian(events):
    result = laurels("explain", RETAIL, events, "--event", "1", "--lang", "ru")
    assert result.exit_code == 0
    assert any("а" <= letter <= "я" for letter in result.stdout)


def test_explain_a_posting_and_a_member(events, tmp_path):
    laurels("replay", RETAIL, events, "--out", tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "postings.parquet").to_pylist()
    result = laurels("explain", RETAIL, events, "--posting", rows[0]["posting"], "--json")
    assert result.exit_code == 0, result.stderr
    assert data_of(result)["posting"]["id"] == rows[0]["posting"]
    result = laurels("explain", RETAIL, events, "--member", "anna", "--json")
    assert data_of(result)["member"] == "anna"


@pytest.mark.parametrize("option", ["--event", "--posting", "--member"])
def test_explain_what_is_not_there(events, option):
    result = laurels("explain", RETAIL, events, option, "nobody", "--json")
    assert result.exit_code == 1
    assert data_of(result)["error"]["code"] == "unknown-in-history"


def test_replay_in_parts_says_the_same_and_leaves_no_parts(events, tmp_path):
    words = []
    for number, more in enumerate(([], ["--memory", "1GB"], ["--workers", "2"])):
        out = tmp_path / str(number)
        found = data_of(laurels("replay", RETAIL, events, "--out", out, "--json", *more))
        found.pop("run")
        words.append(found)
        assert not (out / "parts").exists()
    assert words[0] == words[1] == words[2]


@pytest.mark.parametrize("options", [["--memory", "lots"], ["--memory", "1GB", "--as-recorded"]])
def test_replay_in_parts_that_cannot_be(options):
    assert laurels("replay", RETAIL, LINES, *options).exit_code != 0


# -- story, init, bench, demo ------------------------------------------------------------------


def test_story(tmp_path):
    folder = ROOT / "programs" / "retail-starter" / "stories"
    result = laurels("story", folder / "hearts.yaml")
    assert result.exit_code == 0
    assert "1 of 1 stories hold" in result.stdout
    found = data_of(laurels("story", folder / "hearts.yaml", "--json"))
    assert found["stories"][0]["holds"] is True
    assert laurels("story", tmp_path, "--json").exit_code == 1
    assert laurels("story", tmp_path / "nowhere").exit_code == 1


def test_a_story_that_does_not_hold(tmp_path):
    laurels("init", tmp_path / "mine", "--from", "retail-starter")
    path = tmp_path / "mine" / "program.yaml"
    path.write_text(
        path.read_text().replace("points: 1\n          per: 1", "points: 2\n          per: 1")
    )
    story = tmp_path / "mine" / "stories" / "a-point-for-a-pound.yaml"
    result = laurels("story", story, "--json")
    assert result.exit_code == 1
    assert data_of(result)["stories"][0]["differences"]


def test_init(tmp_path):
    result = laurels("init", tmp_path / "mine", "--from", "coffee-bar", "--json")
    assert result.exit_code == 0
    assert "program.yaml" in data_of(result)["files"]
    assert laurels("check", tmp_path / "mine" / "program.yaml").exit_code == 0
    again = laurels("init", tmp_path / "mine", "--from", "coffee-bar", "--json")
    assert again.exit_code == 1
    assert data_of(again)["error"]["code"] == "folder-not-empty"


def test_what_is_shipped_is_found():
    assert {"retail-starter", "coffee-bar"} <= shipped.programs().keys()
    assert shipped.example(shipped.DEMO_DATA).exists()
    assert shipped.example(shipped.DEMO_MAPPING).exists()


def test_bench_of_few_events(monkeypatch):
    from laurels.bench import BENCHES, correct, replay, step

    monkeypatch.setattr(replay, "ROUNDS", 1)
    monkeypatch.setattr(step, "MANY", 100)
    monkeypatch.setattr(step, "MEASURED", 30)
    monkeypatch.setattr(step, "ROUNDS", 1)
    monkeypatch.setattr(correct, "EVENTS", 1300)
    monkeypatch.setattr(correct, "LONGEST", 1400)
    monkeypatch.setenv("LAURELS_BENCH_EVENTS", "3000")
    found = data_of(laurels("bench", "step", "--json"))
    assert found["bench"] == "step"
    assert set(found["results"][0]) == {
        "case", "value", "unit", "peer", "peer_value", "ratio", "target", "holds",
    }  # fmt: skip
    monkeypatch.delitem(BENCHES, "ingest")  # which needs minutes
    found = data_of(laurels("bench", "--json"))
    assert {each["bench"] for each in found["results"]} >= {
        "step", "correct", "replay", "verify",
    }  # fmt: skip


def test_the_demo_takes_a_slice_of_the_history_through_a_server_and_the_books_agree(
    tmp_path, monkeypatch
):
    table = pq.read_table(LINES).slice(0, 4_000)
    pq.write_table(table, tmp_path / "slice.parquet")
    example = shipped.example
    monkeypatch.setattr(
        shipped, "example",
        lambda name: tmp_path / "slice.parquet" if name == shipped.DEMO_DATA else example(name),
    )  # fmt: skip
    before = set(Path(tempfile.gettempdir()).glob("laurels-demo-*"))
    result = laurels("demo")
    assert result.exit_code == 0, result.output
    for text in ("A year of invoices goes in", "a second  p50", "kill -9", "A return",
                 "A late event", "the books are what the events say",
                 "Paying with points", "Time passes", "The books agree", "The books",
                 "Members by level", "The rules that cost most", "Why ", "What if silver",
                 "CC BY 4.0"):  # fmt: skip
        assert text in result.stdout, text
    assert "DIFFERENT" not in result.stdout
    left = set(Path(tempfile.gettempdir()).glob("laurels-demo-*")) - before
    assert not left, "it cleans up after itself"


def test_the_demo_keeps_its_data_in_a_folder_of_its_own_only(tmp_path):
    (tmp_path / "mine").write_text("")
    result = laurels("demo", "--keep", str(tmp_path))
    assert result.exit_code == 1
    assert "folder-not-empty" in result.stderr


def test_the_command_itself(tmp_path):
    """In a process of its own: nothing but the object on stdout, no bar without a terminal."""
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    call = [sys.executable, "-c", "from laurels.cli import main; main()"]
    done = subprocess.run(
        [*call, "replay", str(RETAIL), str(path), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert done.stderr == ""
