"""Another system's postings beside ours: every difference is told, with its cause."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from laurels.cli.app import app

RETAIL = Path(__file__).parent.parent.parent / "programs" / "retail-starter" / "program.yaml"

EVENTS = """id,member,type,occurred_at,amount,points,unit
p1,anna,purchase,2025-03-01T12:00:00Z,200.00,,
p2,anna,purchase,2025-03-02T12:00:00Z,30.40,,
s1,anna,redemption,2025-03-05T12:00:00Z,,150,point
p3,boris,purchase,2025-03-03T12:00:00Z,60.00,,
p4,carl,purchase,2025-03-04T12:00:00Z,10.00,,
"""
AGREED = [
    ("1", "anna", "earned", "2025-03-01", "p1", "200"),
    ("2", "anna", "earned", "2025-03-02", "p2", "30"),
    ("3", "anna", "spent", "2025-03-05", "s1", "150"),
    ("4", "boris", "earned", "2025-03-03", "p3", "60"),
    ("5", "carl", "earned", "2025-03-04", "p4", "10"),
]
EXPIRED = [
    ("6", "anna", "expired", "2026-03-02", "", "-50"),
    ("7", "anna", "expired", "2026-03-03", "", "-30"),
    ("8", "boris", "expired", "2026-03-04", "", "-60"),
    ("9", "carl", "expired", "2026-03-05", "", "-10"),
]


@pytest.fixture
def shadow(tmp_path: Path):
    def run(rows, *options, until="2025-04-01"):
        (tmp_path / "events.csv").write_text(EVENTS)
        with (tmp_path / "theirs.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("id", "member", "type", "occurred_at", "event", "points"), *rows]
            )
        given = ["shadow", RETAIL, tmp_path / "events.csv", "--theirs", tmp_path / "theirs.csv",
                 "--until", until, "--engine", "python", *options]  # fmt: skip
        return CliRunner().invoke(app, [str(each) for each in given])

    return run


def changed(place: int, **more: str):
    names = ("id", "member", "type", "occurred_at", "event", "points")
    rows = [dict(zip(names, row, strict=True)) for row in AGREED]
    rows[place] |= more
    return [tuple(row.values()) for row in rows]


def test_two_systems_that_agree_have_no_difference_left(shadow) -> None:
    found = json.loads(shadow(AGREED, "--json", "--strict").stdout)
    assert (found["differences"], found["members"], found["members_that_agree"]) == (0, 3, 3)
    assert found["points"]["point"] == {"ours": "150", "theirs": "150", "difference": "0"}
    assert "no difference is left" in shadow(AGREED).stdout


def test_what_expired_is_compared_by_member(shadow) -> None:
    found = json.loads(shadow(AGREED + EXPIRED, "--json", until="2026-06-01").stdout)
    assert found["differences"] == 0


@pytest.mark.parametrize(
    ("rows", "cause", "member"),
    [
        (changed(1, points="31"), "rounding", "anna"),
        (changed(3, occurred_at="2025-03-07"), "timing", "boris"),
        (changed(3, points="90"), "rule", "boris"),
        (changed(4, points="0"), "missing-there", "carl"),
        ([*AGREED, ("9", "dora", "earned", "2025-03-04", "p9", "10")], "missing-here", "dora"),
        ([*AGREED, ("9", "carl", "adjusted", "2025-03-04", "", "10")], "missing-here", "carl"),
    ],
)
def test_a_difference_has_a_cause(shadow, tmp_path: Path, rows, cause: str, member: str) -> None:
    result = shadow(rows, "--json", "--strict", "--out", tmp_path / "out")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["differences"], list(found["causes"])) == (1, [cause])
    with (tmp_path / "out" / "differences.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["member"], row["cause"]) == (member, cause)


def test_what_is_spent_after_a_difference_follows_from_it(shadow) -> None:
    rows = [row for row in changed(0, points="100") if row[0] != "3"]
    found = json.loads(shadow(rows, "--json").stdout)
    assert {cause: each["differences"] for cause, each in found["causes"].items()} == {
        "rule": 1, "follows": 1,
    }  # fmt: skip


def test_a_row_of_theirs_that_is_wrong_is_told_with_its_place(shadow) -> None:
    result = shadow(changed(2, type="paid"))
    assert result.exit_code == 1
    assert "posting 3: type" in result.stderr
    assert "taken_back" in result.stderr


def test_the_page_says_what_was_compared_and_has_room_for_two_names(shadow, tmp_path) -> None:
    shadow(changed(3, points="90"), "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    for part in ("boris", "theirs.csv", "SHA-256", "Signed, for the old system"):
        assert part in page
    assert "<script" not in page
