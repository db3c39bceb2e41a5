"""Machine code over columns: the same step as CPython's, the same result as online."""

import random
import re
from pathlib import Path

import numpy as np
import pytest

from laurels.engine.compiled import Compiled, load, loads
from laurels.engine.kernel import layout as K
from laurels.replay.machine import engine
from laurels.replay.machine.build import machine
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.run import replay
from laurels.replay.summary import summary
from laurels.replay.tables import Kept
from oracles.histories import PROGRAMS, history
from support.interpreted import Interpreted

ROOT = Path(__file__).parent.parent.parent / "programs"
FILES = sorted(ROOT.glob("*/*.yaml"))
POLICIES = ("as_if_never_bought", "full", "none", "proportional")


def shadow(program: Compiled) -> list[int]:
    """Let every step and advance of CPython run as machine code too, and compare all that either
    has written. Returns a list that grows with each call."""
    code = machine(program)
    calls: list[int] = []

    def arrays(sequences):
        return [np.array(list(each) or [0], dtype=np.int64) for each in sequences]

    def compare(before, after, names):
        for name, array, sequence in zip(names, before, after, strict=True):
            assert array[: len(sequence)].tolist() == list(sequence), name
        calls.append(1)

    step, advance = program.step, program.advance

    def both_step(*given):
        *sequences, _, cap = given
        copies = arrays(sequences)
        step(*given)
        code.step(*copies, code.cal, cap)
        compare(copies, sequences, ("s", "la", "lp", "lh", "ev", "rf", "ln", "g", "out"))

    def both_advance(*given):
        *sequences, _, cap, room, until = given
        copies = arrays(sequences)
        found = advance(*given)
        assert code.advance(*copies, code.cal, cap, room, until) == found
        compare(copies, sequences, ("s", "la", "lp", "lh", "dv", "ln", "g", "out"))
        return found

    program.step, program.advance = both_step, both_advance
    return calls


@pytest.mark.parametrize("name", PROGRAMS)
def test_step_and_advance_write_what_cpython_writes(name):
    program = load(ROOT / name / "program.yaml")
    calls = shadow(program)
    replay(program, history(name, random.Random(5), 3))
    assert len(calls) > 100


def both(program, events, until=None, threads=1):
    """A history online and in columns: what can be compared of each."""
    found = []
    for name in ("python", "numba"):
        kept = Kept(program)
        result = play(program, raw(events), kept, Options(name, until, threads=threads))
        found.append((said(result), kept.members.to_pylist(), kept.postings.to_pylist()))
    return found


def raw(events):
    return Events(events, [Place("", row) for row in range(1, len(events) + 1)], Report())


def said(result):
    """A summary and the lists, without what depends on the run."""
    words = summary(result)
    words.pop("run")
    return words, result.refused, result.waiting, result.rejected, dict(result.ignored)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_columns_are_as_online(file):
    program = load(file)
    for seed in range(2):
        events = history(file.parent.name, random.Random(seed), 6, months=20)
        until = None if seed else 1_704_067_200_000_000
        online, columns = both(program, events, until, 1 + seed)
        assert online == columns


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_policy_of_returns(name, policy, monkeypatch):
    """By CPython, which needs no compiling."""
    monkeypatch.setattr(engine, "machine", lambda program, tell: Interpreted(program))
    text = (ROOT / name / "program.yaml").read_text("utf-8")
    program = loads(re.sub(r"(?m)^(\s+)returns: \w+", rf"\1returns: {policy}", text))
    online, columns = both(program, history(name, random.Random(8), 5, months=24))
    assert online == columns


def test_the_order_of_the_input_changes_nothing():
    program = load(ROOT / "retail-starter" / "program.yaml")
    events = history("retail-starter", random.Random(3), 6, months=20)
    _, first = both(program, events)
    random.Random(4).shuffle(events)
    _, again = both(program, events, threads=2)
    assert first[1:] == again[1:]


def test_machine_code_is_made_once(tmp_path):
    program = load(ROOT / "retail-starter" / "program.yaml")
    told: list[str] = []
    machine(program, tmp_path, told.append)
    machine(program, tmp_path, told.append)
    assert told == ["retail-starter"]
    assert len(list(tmp_path.glob("*.o"))) == 1


def test_more_lots_and_records_than_there_was_room_for():
    program = load(ROOT / "retail-starter" / "program.yaml")
    day = 86_400_000_000
    events = [
        {"id": f"{k:05}", "member": "m", "type": "purchase", "amount": "100",
         "occurred_at": f"2024-{1 + k // 28:02}-{1 + k % 28:02}T10:00:00Z"}
        for k in range(330)
    ]  # fmt: skip
    online, columns = both(program, events, 1_735_689_600_000_000 + 500 * day)
    assert online == columns


def test_an_array_of_the_wrong_width_is_refused():
    program = load(ROOT / "retail-starter" / "program.yaml")
    code = machine(program)
    out = np.zeros(K.OUT + 64 * K.RECORD, dtype=np.int64)
    with pytest.raises(TypeError):
        code.step(*[out.astype(np.int32)] * 9, code.cal, 16)
