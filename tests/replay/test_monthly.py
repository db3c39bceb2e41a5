"""The monthly summary: what came, went and stands, by rule, funder and level."""

import random
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from laurels.engine.compiled import compile_program, load, loads
from laurels.program.check import check
from laurels.program.loader import load_document, parse_document
from laurels.replay.monthly import CAME, WENT, monthly
from laurels.replay.options import ENGINES, Options
from laurels.replay.output import write_lists
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.run import replay
from laurels.replay.summary import summary
from oracles.histories import PROGRAMS, history

ROOT = Path(__file__).parent.parent.parent / "programs"

CLUB = """
program: club
zone: UTC
currency: EUR
units: {point: {worth: 0.5}}
events:
  purchase: {amount: required, attributes: {partner: text}}
versions:
  - version: 1
    metrics:
      spend: {of: purchase, sum: event.amount, window: month}
    ladders:
      tier:
        period: month
        rises: at_close
        levels:
          silver: {spend: 100}
          gold: {spend: 300}
    rules:
      base: {on: purchase, give: {points: 1, per: 1}}
      extra: {on: purchase, when: event.partner == 'X', give: {points: 10}, funder: x}
    expires: 2 months
    returns: proportional
"""


def told(*events):
    """A summary of a history told in a few words: member, day, and what happened."""
    rows = []
    for number, (member, day, *what) in enumerate(events):
        row = {"id": str(number), "member": member, "occurred_at": f"{day}T12:00:00Z"}
        kind = what[0] if isinstance(what[0], str) else "purchase"
        if kind == "redemption":
            row |= {"type": kind, "points": str(what[1])}
        elif kind == "return":
            row |= {"type": kind, "returns": what[1], "amount": str(what[2])}
        else:
            row |= {"type": kind, "amount": str(what[0])}
            row |= {"partner": what[1]} if len(what) > 1 else {}
        rows.append(row)
    return summary(replay(loads(CLUB), rows))


def of(found, by, name, ladder=None):
    """What each month says of something."""
    return {
        row["month"]: {key: value for key, value in row.items() if key in ("issued", "spent",
                       "expired", "taken_back", "carried", "outstanding", "cost")}
        for row in found["monthly"]
        if (row["by"], row["name"], row.get("ladder")) == (by, name, ladder)
    }  # fmt: skip


def test_each_month_has_its_books_and_what_they_cost():
    found = told(("a", "2025-01-10", 200), ("a", "2025-02-10", 100), ("a", "2025-02-20",
                 "redemption", 50), ("a", "2025-03-15", "return", "1", 50))  # fmt: skip
    january, february, march = found["months"]
    assert january["points"]["point"]["outstanding"] == "200"
    assert february["points"]["point"]["spent"] == "50"
    assert february["points"]["point"]["outstanding"] == "250"
    assert march["points"]["point"]["expired"] == "150"
    assert march["points"]["point"]["taken_back"] == "50"
    assert march["points"]["point"]["outstanding"] == "50"
    assert january["cost"]["point"] == {
        "cost": "100.00", "share": "0.500000", "outstanding": "100.00"
    }  # fmt: skip
    assert march["cost"]["point"]["cost"] == "-25.00"


def test_months_by_rule_and_by_who_pays():
    found = told(("a", "2025-01-10", 20, "X"), ("a", "2025-02-10", 30, "X"), ("a", "2025-02-11",
                 "return", "0", 10))  # fmt: skip
    assert of(found, "rule", "extra") == {
        "2025-01": {"issued": "10", "cost": "5.00"},
        "2025-02": {"issued": "10", "taken_back": "5", "cost": "2.50"},
    }
    assert of(found, "funder", "x")["2025-02"]["outstanding"] == "15"
    assert of(found, "funder", "program")["2025-02"]["outstanding"] == "40"


def test_months_by_level_follow_the_points_that_members_take_along():
    found = told(("a", "2025-01-10", 150), ("a", "2025-02-10", 40), ("b", "2025-02-10", 10))
    assert of(found, "level", "", "tier") == {
        "2025-01": {"issued": "150", "outstanding": "150", "cost": "75.00"},
        "2025-02": {"issued": "10", "carried": "-150", "outstanding": "10", "cost": "5.00"},
    }
    assert of(found, "level", "silver", "tier") == {
        "2025-02": {"issued": "40", "carried": "150", "outstanding": "190", "cost": "20.00"},
    }


def test_movements_name_both_levels():
    found = told(("a", "2025-01-10", 350), ("b", "2025-01-10", 120), ("a", "2025-03-10", 1))
    assert found["levels"]["tier"]["movements"] == [
        {"month": "2025-02", "from": "", "to": "silver", "members": 1},
        {"month": "2025-02", "from": "", "to": "gold", "members": 1},
        {"month": "2025-03", "from": "silver", "to": "", "members": 1},
        {"month": "2025-03", "from": "gold", "to": "", "members": 1},
    ]
    march = found["levels"]["tier"]["months"][2]
    assert (march["rose"], march["fell"]) == (0, 2)


@pytest.mark.parametrize("name", PROGRAMS)
def test_funders_levels_and_rules_add_up_to_the_unit(name):
    program = load(ROOT / name / "program.yaml")
    tally = replay(program, history(name, random.Random(11), 8, months=16)).tally
    rows = list(monthly(tally))
    whole = {(row.month, row.unit): row.lines for row in rows if row.by == "all"}
    ladders = [ladder.name for ladder in program.program.ladders]
    for (month, unit), lines in whole.items():
        for by, ladder in [("funder", ""), *(("level", each) for each in ladders)]:
            found = [
                row.lines
                for row in rows
                if (row.month, row.unit, row.by, row.ladder) == (month, unit, by, ladder)
            ]
            for line in (*CAME, *WENT, "activated", "outstanding"):
                assert sum(each[line] for each in found) == lines[line], (by, ladder, line)
    for unit in program.program.units:
        rules = [row.lines for row in rows if (row.unit, row.by) == (unit.name, "rule")]
        issued = sum(lines["issued"] for (_, name), lines in whole.items() if name == unit.name)
        assert sum(each["issued"] for each in rules) == issued
        last = [lines for (_, name), lines in whole.items() if name == unit.name][-1]
        stages = [tally.stages[unit.name, stage] for stage in ("active", "pending", "held")]
        assert last["outstanding"] == sum(stages) - tally.stages[unit.name, "debt"]


@pytest.mark.parametrize("name", ["tbc-ertguli", "retail-starter"])
def test_as_recorded_and_net_have_the_same_months(name):
    program = load(ROOT / name / "program.yaml")
    events = history(name, random.Random(12), 6, months=12)
    net = summary(replay(program, events))
    recorded = summary(replay(program, events, as_recorded=True))
    for part in ("months", "monthly", "levels"):
        assert net[part] == recorded[part]


def test_the_months_are_a_table_too(tmp_path):
    program = loads(CLUB)
    events = [{"id": "1", "member": "a", "type": "purchase", "amount": "150",
               "occurred_at": "2025-01-10"}]  # fmt: skip
    result = replay(program, events)
    write_lists(tmp_path, result, summary(result), ("parquet", "csv"))
    rows = pq.read_table(tmp_path / "monthly.parquet").to_pylist()
    assert [(row["by"], row["name"], row["issued"]) for row in rows] == [
        ("all", None, Decimal(150)), ("funder", "program", Decimal(150)),
        ("level", None, Decimal(150)), ("rule", "base", Decimal(150)),
    ]  # fmt: skip
    assert rows[0]["cost"] == Decimal("75.00")
    assert (rows[0]["carried"], rows[3]["spent"]) == (Decimal(0), None)
    lines = (tmp_path / "monthly.csv").read_text().splitlines()
    assert lines[0].startswith("month,unit,by,ladder,name,issued,activated,spent")
    assert lines[1].startswith("2025-01,point,all,,,150,0,0,0,0")


@pytest.mark.parametrize("name", ["halyk-plus", "retail-starter", "tbc-ertguli"])
def test_a_measured_program_posts_the_same_and_says_what_caps_took_off(name):
    linked = check(load_document(ROOT / name / "program.yaml"))
    events = history(name, random.Random(13), 10, months=10)
    plain = replay(compile_program(linked), events).tally
    program = compile_program(linked, measured=True)
    listed = Events(events, [Place("", row) for row in range(len(events))], Report())
    found = [play(program, listed, options=Options(engine)).tally for engine in ENGINES]
    for tally in found:
        assert (tally.flows, tally.postings) == (plain.flows, plain.postings)
    assert found[0].cuts == found[1].cuts
    assert found[0].cuts
    assert not plain.cuts


def test_what_a_cap_took_off_is_what_its_rules_would_have_given():
    text = CLUB.replace(
        "    expires:", "    caps:\n      top: {rules: base, at_most: 150}\n    expires:"
    )
    program = compile_program(check(parse_document(text)), measured=True)
    events = [{"id": day, "member": "a", "type": "purchase", "amount": "100", "occurred_at": day}
              for day in ("2025-01-10", "2025-01-20", "2025-02-01")]  # fmt: skip
    assert dict(replay(program, events).tally.cuts) == {(12 * 125, "top"): 50}
