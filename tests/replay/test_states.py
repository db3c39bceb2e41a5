"""A replay from saved states says what a replay from the first event says."""

import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from laurels.base.errors import RequestError
from laurels.bench.generated import write_history
from laurels.engine.compiled import load
from laurels.program.names import FIRST_OWN_TYPE
from laurels.replay.machine import engine, native, resumed
from laurels.replay.options import Files, Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.states import open_states
from laurels.replay.summary import summary
from laurels.replay.tables import Kept
from support.interpreted import Interpreted
from support.programs import compiled, history, program_text

NAMES = ("id", "returns", "pays", "withdraws")
LONG = bool(os.environ.get("LAURELS_LONG"))
ROOT = Path(__file__).parent.parent.parent / "programs"
SEEDS = range(3_000, 3_400 if LONG else 3_004)
ENGINES = ("python", "numba")
PURCHASE = {"each": {"type": "purchase"}}
CASES = {
    "halyk-plus": PURCHASE,
    "kaspi-bonus": PURCHASE,
    "mired-coalition": PURCHASE,
    "retail-starter": PURCHASE,
    "rostelecom-bonus": {"first": [{"type": "enrolled"}], "each": {"type": "service_charge"}},
    "tbc-ertguli": {"first": [{"type": "product_opened", "product": "plan"}],
                    "each": {"type": "purchase"}},
    "tele2-bolshe": {"first": [{"type": "enrolled"}], "each": {"type": "service_charge"}},
}  # fmt: skip
PLAIN = ("return", "redemption", "product_opened", "product_closed")


def ran(program, events, **options):
    """Members, postings, and the summary but for what is of one run alone."""
    kept = Kept(program)
    result = play(program, events, kept, Options(**options))
    words = summary(result)
    for name in ("run", "input", "digest", "since"):
        words.pop(name, None)
    for name in ("rejected", "duplicate", "later", "rejected_by_reason"):
        words["events"].pop(name)
    return kept.members.to_pylist(), kept.postings, words, result


def agree(program, whole, since, at, until, folder, engine):
    """The law, over one history; how many members were folded again, of how many."""
    members, postings, words, _ = ran(program, whole, engine=engine, until=until)
    ran(program, whole, engine=engine, until=at, save=folder)
    states = open_states(folder, program)
    found = ran(program, since, engine=engine, until=until, states=states)
    late = postings.filter(pc.greater_equal(postings["effective_at"], at))
    assert found[0] == members
    assert found[1].to_pylist() == late.to_pylist()
    assert found[2] == words
    return found[3].since[1], len(members)


def instant(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def split(path, at, folder):
    """The rows of a file since an instant, as another file."""
    table = pq.read_table(path)
    times = table["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    to = folder / "since.parquet"
    pq.write_table(table.filter(pc.greater_equal(times, at)), to)
    return to


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_a_replay_from_states_of_a_real_program(name, engine, tmp_path):
    program = load(ROOT / name / "program.yaml")
    path = tmp_path / "events.parquet"
    write_history(program, 600, 40, path, CASES[name], False)
    at = instant("2024-06-12T13:00:00")
    since = split(path, at, tmp_path)
    until = instant("2026-01-01T00:00:00")
    again, members = agree(program, Files((path,)), Files((since,)), at, until,
                           tmp_path / "states", engine)  # fmt: skip
    assert members == 40
    assert again < members / 2


def apart_program(seed):
    """A generated program whose members never touch each other."""
    while True:
        program = compiled(program_text(random.Random(seed)))
        if native.apart(program):
            return program
        seed += 1_000


def lives(program, seed):
    """Histories of some members, all that the door knows."""
    bodies = []
    for life in range(12):
        rng = random.Random(seed * 10_000 + life)
        for raw in history(rng, program, 6 + life * 2):
            if raw["type"] != "transfer":
                named = {k: f"{life}-{raw[k]}" for k in NAMES if raw.get(k)}
                bodies.append({**raw, **named, "member": f"m{life:03}"})
    return bodies


def as_events(bodies):
    return Events(bodies, [Place("", row) for row in range(1, len(bodies) + 1)], Report())


def occurred(body):
    return instant(str(body["occurred_at"]).removesuffix("Z"))


def middle(bodies, seed):
    """An instant with events on either side."""
    times = sorted(map(occurred, bodies))
    return times[len(times) * (1 + seed % 3) // 4]


AT = instant("2024-06-12T13:00:00")
END = instant("2026-01-01T00:00:00")


def shop(folder, events=400):
    program = load(ROOT / "retail-starter" / "program.yaml")
    write_history(program, events, 12, folder / "events.parquet", PURCHASE, False)
    table = pq.read_table(folder / "events.parquet")
    times = table["occurred_at"].cast(pa.int64())
    early = table.filter(pc.less(times, AT))
    return program, early, table.filter(pc.greater_equal(times, AT)), table


def saved(program, table, folder, at=AT, **options):
    path = folder / f"{at}.parquet"
    pq.write_table(table, path)
    ran(program, Files((path,)), until=at, save=folder / f"states-{at}", **options)
    return open_states(folder / f"states-{at}", program)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_comes_late_and_what_comes_again_change_nothing_silently(engine, tmp_path):
    """An event of before the instant that the states do not have, and one that they have."""
    program, early, late, table = shop(tmp_path)
    states = saved(program, early.slice(5), tmp_path, engine=engine)
    path = tmp_path / "since.parquet"
    pq.write_table(pa.concat_tables([early.slice(0, 9), late]), path)
    found = ran(program, Files((path,)), engine=engine, until=END, states=states)
    pq.write_table(table, path)
    expected = ran(program, Files((path,)), engine=engine, until=END)
    since = expected[1].filter(pc.greater_equal(expected[1]["effective_at"], AT))
    assert found[:1] == expected[:1]
    assert found[1].to_pylist() == since.to_pylist()
    assert found[2] == expected[2]
    assert 0 < found[3].since[1] < len(found[0])
    assert not found[3].rejected


def test_states_go_on_from_states(tmp_path):
    program, early, late, table = shop(tmp_path)
    first = saved(program, early, tmp_path)
    then = instant("2024-09-01T00:00:00")
    times = late["occurred_at"].cast(pa.int64())
    second = saved(program, late.filter(pc.less(times, then)), tmp_path, then, states=first)
    path = tmp_path / "since.parquet"
    pq.write_table(late.filter(pc.greater_equal(times, then)), path)
    found = ran(program, Files((path,)), states=second)
    pq.write_table(table, path)
    expected = ran(program, Files((path,)))
    since = expected[1].filter(pc.greater_equal(expected[1]["effective_at"], then))
    assert (found[0], found[2]) == (expected[0], expected[2])
    assert found[1].to_pylist() == since.to_pylist()


def test_states_of_another_text_are_refused(tmp_path):
    program, early, _, _ = shop(tmp_path)
    saved(program, early, tmp_path)
    text = (ROOT / "retail-starter" / "program.yaml").read_text("utf-8")
    (tmp_path / "program.yaml").write_text(text.replace("12 months", "13 months"), "utf-8")
    for other, said in ((tmp_path / "program.yaml", "has changed since"),
                        (ROOT / "tbc-ertguli" / "program.yaml", "of the program `")):  # fmt: skip
        with pytest.raises(RequestError, match=said) as caught:
            open_states(tmp_path / f"states-{AT}", load(other))
        assert caught.value.code == "states-program"
    head = tmp_path / f"states-{AT}" / "states.json"
    head.write_text(json.dumps({**json.loads(head.read_text("utf-8")), "format": 0}), "utf-8")
    with pytest.raises(RequestError, match="another release"):
        open_states(tmp_path / f"states-{AT}", program)
    head.unlink()
    with pytest.raises(RequestError, match="no saved states"):
        open_states(tmp_path / f"states-{AT}", program)


def test_states_are_refused_where_they_would_not_serve(tmp_path):
    program, early, _, _ = shop(tmp_path, 50)
    states = saved(program, early, tmp_path)
    history_ = Files((tmp_path / "events.parquet",))
    with pytest.raises(RequestError, match="the states stand at 2024-06-12T13:00:00Z"):
        ran(program, history_, until=AT - 1, states=states)
    with pytest.raises(RequestError, match="corrections of what stood before"):
        ran(program, history_, as_recorded=True, states=states)
    taken = tmp_path / "mine"
    taken.mkdir()
    (taken / "letter.txt").write_text("dear")
    with pytest.raises(RequestError, match="holds something else"):
        ran(program, history_, save=taken)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_from_states_of_a_generated_program(seed, tmp_path, monkeypatch):
    """Any events: members are folded by books, or again from their first event."""
    monkeypatch.setattr(engine, "machine", lambda program, tell: Interpreted(program))
    program = apart_program(seed)
    bodies = lives(program, seed)
    at = middle(bodies, seed)
    since = [body for body in bodies if occurred(body) >= at]
    agree(program, as_events(bodies), as_events(since), at, instant("2026-03-01T00:00:00"),
          tmp_path / "states", ENGINES[seed % 2])  # fmt: skip


def plain(program, bodies):
    """Events that columns hold, and a table of them."""
    own = program.program.events
    found = []
    for body in bodies:
        kind = own.get(body["type"])
        if kind is None or not (body["type"] in PLAIN or kind.index >= FIRST_OWN_TYPE):
            continue
        flat = {k: str(v) for k, v in body.items()
                if v is not None and k not in ("recorded_at", "line", "lines", "hold")}  # fmt: skip
        found.append(flat)
    return found


def write(bodies, path):
    names = dict.fromkeys(name for body in bodies for name in body)
    table = {name: pa.array([body.get(name) for body in bodies], pa.string()) for name in names}
    pq.write_table(pa.table(table), path, row_group_size=50)
    return Files((path,))


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_from_states_of_a_generated_program(seed, tmp_path, monkeypatch):
    for module in (engine, native, resumed):
        monkeypatch.setattr(module, "machine", lambda program, tell: Interpreted(program))
    program = apart_program(seed)
    bodies = plain(program, lives(program, seed))
    at = middle(bodies, seed)
    since = write([body for body in bodies if occurred(body) >= at], tmp_path / "since.parquet")
    whole, until = write(bodies, tmp_path / "all.parquet"), instant("2026-03-01T00:00:00")
    again, members = agree(program, whole, since, at, until, tmp_path / "states", "numba")
    assert again <= members
