"""Machine integers wrap without a word: no history may bring them there."""

from pathlib import Path

import numpy as np
import pytest

from laurels.base.errors import RequestError
from laurels.engine.compiled import load, loads
from laurels.engine.door import Door
from laurels.program.growth import METRIC_BOUND, growth, longest
from laurels.replay.machine.columns import Columns
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.tables import Kept

RETAIL = Path(__file__).parent.parent.parent / "programs" / "retail-starter" / "program.yaml"
MOST = "9999999999999.99"
"""The largest amount of money of two decimals, less one."""
DOUBLE = """
program: double
zone: UTC
currency: GBP
units: {point: {precision: 1}}
events:
  purchase: {amount: required}
versions:
  - version: 1
    metrics:
      spent: {sum: event.amount, of: purchase, window: lifetime}
    rules:
      base: {on: purchase, give: {rate: 100%}}
"""


@pytest.fixture(scope="module")
def double():
    return loads(DOUBLE)


def purchases(count, amount, members=1):
    bodies = [
        {"id": str(n), "member": f"m{n % members}", "type": "purchase", "amount": amount,
         "occurred_at": f"2024-01-{1 + n % 28:02}T{n // 28 % 24:02}:{n // 672 % 60:02}:00Z"}
        for n in range(count)
    ]  # fmt: skip
    return Events(bodies, [Place("", row) for row in range(1, count + 1)], Report())


def balances(program, events, engine):
    kept = Kept(program)
    play(program, events, kept, Options(engine))
    return kept.members["active_point"].to_pylist()


def test_sums_just_within_the_bound_are_exact_on_both_engines(double):
    events = purchases(99, MOST)
    assert balances(double, events, "numba") == balances(double, events, "python") == (
        [99 * 9_999_999_999_999]
    )  # fmt: skip


@pytest.mark.parametrize("count", [200, 9_300])
@pytest.mark.parametrize("engine", ["numba", "python"])
def test_sums_beyond_the_bound_are_refused_with_a_word(double, engine, count):
    """9,300 of the largest amounts are more than 2^63."""
    with pytest.raises(RequestError) as caught:
        balances(double, purchases(count, MOST), engine)
    assert caught.value.code == "sum-too-large"
    assert "`m0`" in caught.value.message


def test_sums_over_all_members_do_not_wrap(double):
    """Each of 200 members is within bounds; all of them together are beyond 2^63."""
    events = purchases(200 * 90, MOST, 200)
    results = [play(double, events, None, Options(engine)) for engine in ("numba", "python")]
    gross = [sum(result.tally.gross.values()) for result in results]
    assert gross[0] == gross[1] == 18_000 * 999_999_999_999_999
    assert gross[0] > 2**63


def test_without_the_guard_the_machine_would_wrap(double, monkeypatch):
    """What the tests above would catch: that this is so shows that they can fail."""
    monkeypatch.setattr(Columns, "is_safe", lambda self: True)
    events = purchases(18_000, MOST)
    result = play(double, events, None, Options("numba"))
    wrapped = np.array([18_000], dtype=np.int64) * 999_999_999_999_999
    assert sum(result.tally.gross.values()) == int(wrapped[0]) != 18_000 * 999_999_999_999_999


def test_growth_follows_the_amounts(double):
    assert growth(double.program, 100) == 102
    assert longest(double.program, 10**15) < 100
    assert longest(double.program, 10**7) > 1_000_000
    retail = load(RETAIL).program
    assert growth(retail, 10**7) <= growth(retail, 10**8) < METRIC_BOUND


def test_lines_add_up_within_the_bound(double):
    lines = [{"amount": MOST}, {"amount": MOST}]
    body = {"id": "1", "member": "m", "type": "purchase", "lines": lines,
            "occurred_at": "2024-01-01T00:00:00Z"}  # fmt: skip
    with pytest.raises(RequestError) as caught:
        Door(double).read(body)
    assert caught.value.code == "decimal-too-large"
