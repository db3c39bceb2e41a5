"""A history run through a program: totals, lists, files, and what must hold."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import laurels
from laurels.base.errors import Fault
from laurels.base.instants import calendar, format_instant, parse_instant
from laurels.replay.options import Ears, Files, Options
from laurels.replay.output import books_in, write_lists
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.run import member_row, replay
from laurels.replay.summary import summary

ROOT = Path(__file__).parent.parent.parent
SHARED = """
program: shared
zone: UTC
currency: GBP
units:
  point: {precision: 1, transferable: true, worth: 0.01}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {on: purchase, give: {rate: 10%, }}
    caps:
      pot: {rules: [base], at_most: 100, per: month, across: all_members}
"""


@pytest.fixture(scope="module")
def retail():
    return laurels.load(ROOT / "programs" / "retail-starter" / "program.yaml")


def at(text):
    return parse_instant(text, calendar("UTC"))


def event(id, member="anna", type="purchase", day="2025-03-01", **rest):
    return {"id": id, "member": member, "type": type, "occurred_at": f"{day}T12:00:00Z", **rest}


def books(program, events, until=None, **options):
    found = {}
    result = replay(
        program, events, until,
        sink=lambda book, postings: found.update({book.member: (member_row(book), postings)}),
        **options,
    )  # fmt: skip
    return result, found


def test_totals_add_up_and_say_what_became_of_each_event(retail):
    history = [
        event("1", amount="200.00"),
        event("2", type="redemption", day="2025-03-02", points="150", unit="point"),
        event("3", type="redemption", day="2025-03-03", points="150", unit="point"),
        event("4", type="return", day="2025-03-04", returns="nowhere", amount="1.00"),
        event("5", type="sneezed", day="2025-03-05"),
        event("6", amount="-3"),
        event("1", amount="200.00"),
        event("7", member="boris", amount="600.00", day="2025-04-30"),
        event("8", member="boris", type="withdrawn", withdraws="none", day="2025-05-01"),
    ]
    result, found = books(retail, history)
    assert result.until == at("2025-05-01T12:00:00Z") + 1, "just after the last event"
    assert {name: count for name, count in result.events.items() if count} == {
        "taken": 3, "refused": 1, "waiting": 2, "ignored": 1, "rejected": 1, "duplicate": 1,
    }  # fmt: skip
    assert result.ignored == {"sneezed": 1}
    (bad,) = result.rejected
    assert (bad.row, bad.column, bad.reason, bad.value) == (
        6, "amount", "event-amount-negative", "-3",
    )  # fmt: skip
    assert [(each.id, each.names) for each in result.waiting] == [("4", "nowhere"), ("8", "none")]
    assert [(each.id, each.reason) for each in result.refused] == [("3", "not-covered")]
    data = summary(result, 2.0)
    assert data["points"]["point"] == {
        "issued": "800", "activated": "0", "spent": "150", "expired": "0", "taken_back": "0",
        "adjusted": "0", "transferred": "0", "waived": "0",
        "outstanding": {"active": "650", "pending": "0", "held": "0", "debt": "0", "total": "650"},
    }  # fmt: skip
    assert data["revenue"] == {"gross": "800.00", "returned": "0.00", "net": "800.00"}
    assert data["cost"]["units"]["point"]["share"] == "0.010000"
    assert [row["month"] for row in data["months"]] == ["2025-03", "2025-04", "2025-05"]
    levels = {row["month"]: row for row in data["levels"]["club"]["months"]}
    assert levels["2025-03"]["members"] == {"green": 1, "silver": 0, "gold": 0}
    assert levels["2025-04"]["members"] == {"green": 1, "silver": 1, "gold": 0}
    assert data["rules"][0] | {"earned": ""} == {
        "rule": "base", "unit": "point", "points": "800", "earned": "", "taken_back": "0",
        "members": 2, "events": 2, "cost": "8.00",
    }  # fmt: skip
    assert data["run"]["events_per_second"] == 4
    assert found["anna"][0]["active_point"] == 50


def test_a_return_never_was_net_and_is_a_correction_as_recorded(retail):
    history = [event("1", amount="600"), event("2", amount="100", day="2025-03-05"),
               event("3", type="return", returns="1", day="2025-04-01")]  # fmt: skip
    net, net_books = books(retail, history)
    told, told_books = books(retail, history, as_recorded=True)
    rows = [found["anna"][0] for found in (net_books, told_books)]
    assert rows[0] == rows[1], "the same member in the end"
    assert rows[0]["active_point"] == 100, "without the level that the return took away"
    assert [str(each.points) for each in net_books["anna"][1]] == ["100"]
    assert len(told_books["anna"][1]) > 3, "earned, and corrected"
    assert any(each.corrects for each in told_books["anna"][1])
    for result in (net, told):
        assert summary(result)["revenue"]["returned"] == "600.00"
        assert summary(result)["points"]["point"]["issued"] == "100"


def test_late_events_are_in_their_place_net_and_come_later_as_recorded(retail):
    late = event("0", amount="50", day="2025-02-01", recorded_at="2025-03-15T00:00:00Z")
    history = [event("1", amount="100"), late]
    _, net = books(retail, history)
    told, recorded = books(retail, history, as_recorded=True)
    assert [each.event for each in net["anna"][1]] == ["0", "1"]
    assert [each.event for each in recorded["anna"][1]] == ["1", "0"]
    assert told.until == at("2025-03-15T00:00:00Z") + 1


def test_until_is_just_before(retail):
    history = [event("1", amount="100"), event("2", amount="100", day="2025-03-02")]
    result, found = books(retail, history, at("2025-03-02T12:00:00Z"))
    assert (result.events["taken"], result.events["later"]) == (1, 1)
    result, found = books(retail, history, at("2026-03-03T00:00:00.000001Z"))
    assert found["anna"][0]["active_point"] == 0, "both have lapsed"
    assert summary(result)["points"]["point"]["expired"] == "200"


def test_every_member_has_a_row_even_one_whose_events_were_all_bad(retail):
    result, found = books(retail, [event("1", amount="x"), event("2", member="boris", amount="1")])
    assert sorted(found) == ["anna", "boris"]
    assert found["anna"][0]["tier_club"] is None
    assert result.tally.members == 2


def test_no_event_at_all(retail):
    result, found = books(retail, [])
    assert (result.until, found) == (None, {})
    assert summary(result)["until"] is None


def test_members_share_a_budget_in_the_order_of_time():
    program = laurels.loads(SHARED)
    history = [event("1", "boris", amount="700.00", day="2025-03-02"),
               event("2", "anna", amount="500.00", day="2025-03-01"),
               event("3", "anna", amount="500.00", day="2025-03-03"),
               event("4", "anna", amount="500.00", day="2025-04-03")]  # fmt: skip
    _, found = books(program, history)
    assert found["boris"][0]["active_point"] == 50, "what the first left"
    assert found["anna"][0]["active_point"] == 100, "nothing in March, a new pot in April"


def test_a_history_that_cannot_be_divided_is_run_whole_and_says_why(retail, tmp_path):
    path = tmp_path / "events.jsonl"
    rows = [event("1", amount="5.00"), event("2", amount=5)]  # a text and a number: no column
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    heard = []
    for program in (laurels.loads(SHARED), retail):
        found = play(program, Files((path,)), None, Options(parts=2), Ears(whole=heard.append))
        assert found.events["taken"] == 2
    assert [("share budgets" in each, "in columns" in each) for each in heard] == [
        (True, False), (False, True),
    ]  # fmt: skip


def test_a_transfer_arrives_at_the_same_instant():
    program = laurels.loads(SHARED)
    history = [event("1", amount="500.00"),
               event("2", type="transfer", day="2025-03-02", points="20", to="boris"),
               event("3", type="transfer", day="2025-03-03", points="2000", to="boris",
                     outcome="refused")]  # fmt: skip
    result, found = books(program, history)
    assert found["anna"][0]["active_point"] == 30
    assert found["boris"][0]["active_point"] == 20
    assert [each.event for each in found["boris"][1]] == ["2/received"]
    assert summary(result)["points"]["point"]["transferred"] == "0", "out and in"
    assert result.events["refused"] == 1


def test_books_that_do_not_add_up_are_our_fault(retail):
    class Wrong(laurels.Book):
        def net_postings(self):
            return iter(list(super().net_postings())[1:])

    from laurels.replay import run

    original = run.Book
    run.Book = Wrong
    try:
        with pytest.raises(Fault, match="member anna"):
            replay(retail, [event("1", amount="100")])
    finally:
        run.Book = original


def test_files_of_a_run(retail, tmp_path):
    history = [event("1", amount="200.00"), event("2", amount="x"),
               event("3", type="return", returns="9", day="2025-03-02")]  # fmt: skip
    events = Events(history, [Place("f.csv", row) for row in (2, 3, 5)], Report())
    (tmp_path / "refused.csv").write_text("of an earlier run")
    with books_in(tmp_path, retail, ["csv", "parquet"]) as written:
        result = play(retail, events, written, Options("python"))
    write_lists(tmp_path, result, summary(result))
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "members.csv", "members.parquet", "monthly.parquet", "postings.csv", "postings.parquet",
        "rejected.csv", "summary.json", "waiting.csv",
    ]  # fmt: skip
    (posting,) = pq.read_table(tmp_path / "postings.parquet").to_pylist()
    assert (posting["points"], posting["rule"], posting["kind"]) == (Decimal(200), "base", "earned")
    assert posting["posted_at"] == posting["effective_at"] == posting["occurred_at"]
    (member,) = pq.read_table(tmp_path / "members.parquet").to_pylist()
    assert list(member) == [
        "member", "active_point", "pending_point", "held_point", "debt_point", "active_heart",
        "pending_heart", "held_heart", "debt_heart", "tier_club", "tier_club_until", "next_expiry",
    ]  # fmt: skip
    assert member["tier_club"] == "green"
    rejected = (tmp_path / "rejected.csv").read_text().splitlines()
    assert rejected[1].startswith("f.csv,3,amount,decimal-invalid,")
    assert json.loads((tmp_path / "summary.json").read_text())["until"] == format_instant(
        at("2025-03-02T12:00:00Z") + 1
    )


@pytest.mark.parametrize("engine", ["python", "numba"])
@pytest.mark.parametrize("name", ["retail-starter", "kaspi-bonus"])
def test_a_return_above_what_is_left_is_cut_and_listed(name, engine, tmp_path):
    """Vocabulary 3: cut to what is left, and reported."""
    (tmp_path / "events.csv").write_text(
        "id,member,type,occurred_at,amount,returns,line\n"
        "p,a,purchase,2025-01-02T12:00:00Z,100,,\n"
        "q,b,purchase,2025-01-02T12:00:00Z,60,,1\n"
        "r1,a,return,2025-01-03T12:00:00Z,70,p,\n"
        "r2,a,return,2025-01-04T12:00:00Z,70.50,p,\n"
        "r3,a,return,2025-01-05T12:00:00Z,,p,\n"
        "r4,b,return,2025-01-05T12:00:00Z,1,q,2\n"
        "r5,b,return,2025-01-06T12:00:00Z,10,q,1\n"
    )
    program = laurels.load(ROOT / "programs" / name / "program.yaml")
    with books_in(tmp_path, program, ["parquet"]) as written:
        result = play(program, Files((tmp_path / "events.csv",)), written, Options(engine))
    write_lists(tmp_path, result, summary(result))
    lines = (tmp_path / "cut.csv").read_text().splitlines()
    assert [each.split(",", 1)[1] for each in lines] == [
        "row,id,member,occurred_at,returns,amount,taken",
        "4,r2,a,2025-01-04T12:00:00Z,p,70.50,30.00",
        "6,r4,b,2025-01-05T12:00:00Z,q,1.00,0.00",
    ]
    told = summary(result)
    assert told["events"]["cut"] == 2
    assert told["revenue"]["returned"] == "110.00"


def test_progress_reaches_the_end(retail):
    told = []
    history = [event(str(n), amount="1") for n in range(450)]
    replay(retail, history, progress=lambda done, total: told.append((done, total)))
    assert told == [(200, 450), (400, 450), (450, 450)]


def test_the_order_of_the_input_does_not_matter(retail):
    history = [event(str(n), f"m{n % 3}", amount=str(n + 1), day=f"2025-03-{n + 1:02}")
               for n in range(12)]  # fmt: skip
    _, one = books(retail, history)
    _, other = books(retail, history[::-1])
    assert list(one) == list(other)
    assert one == other
