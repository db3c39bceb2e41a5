"""The verbs that set two programs side by side: `laurels diff`, `laurels compare`."""

import json
from pathlib import Path

import pyarrow.parquet as pq
from typer.testing import CliRunner

from laurels.cli.app import app

PROGRAMS = Path(__file__).parent.parent / "programs"
CATEGORIES = PROGRAMS / "halyk-plus" / "program.yaml"
RETAIL = PROGRAMS / "retail-starter" / "program.yaml"
UNIVERSAL = PROGRAMS / "kaspi-bonus" / "program.yaml"

EVENTS = """id,member,type,occurred_at,amount,points,unit,returns
1,anna,purchase,2025-03-01T12:00:00Z,200.00,,,
2,anna,redemption,2025-03-02T12:00:00Z,,150,point,
3,boris,purchase,2025-03-03T12:00:00Z,600.00,,,
4,boris,purchase,2025-03-04T12:00:00Z,50.00,,,
"""


def laurels(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_diff_says_what_changed_and_where():
    result = laurels("diff", CATEGORIES, "--set", "rules.infinite.give.rate=5%")
    assert result.exit_code == 0
    assert "rule `infinite`: rate rises from 4 % to 5 %" in result.stdout.replace("\xa0", " ")
    assert "rules.infinite.give.rate" in result.stdout
    assert "1 difference in meaning" in result.stdout


def test_diff_of_equal_programs_says_so():
    result = laurels("diff", CATEGORIES, CATEGORIES)
    assert (result.exit_code, result.stdout) == (0, "no difference in meaning\n")


def test_diff_compares_two_versions_of_one_file():
    data = json.loads(laurels("diff", f"{UNIVERSAL}@1", f"{UNIVERSAL}@2", "--json").stdout)
    assert data["ok"] is True
    assert data["changes"][0]["path"] == "rules.universal"
    assert data["changes"][0]["kind"] == "removed"


def test_diff_needs_two_programs_or_a_setting():
    result = laurels("diff", CATEGORIES)
    assert result.exit_code == 2
    assert "--set" in result.stderr


def test_a_wrong_path_is_answered_with_the_nearest():
    result = laurels("diff", CATEGORIES, "--set", "ladders.category.c3.spnd=1")
    assert result.exit_code == 1
    assert "did you mean `ladders.category.c3.spend`?" in result.stderr


def test_a_value_that_makes_no_program_is_refused_like_a_wrong_file():
    result = laurels("diff", CATEGORIES, "-", "--set", "rules.infinite.give.rate=much", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "program-value"
    assert "--set rules.infinite.give.rate=much" in result.stderr


def compare(tmp_path, *arguments):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return laurels("compare", *arguments[:1], path, *arguments[1:], "--engine", "python")


def test_compare_shows_what_a_change_costs_and_whom_it_touches(tmp_path):
    result = compare(tmp_path, RETAIL, "--set", "rules.base.give.points=2", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    page = result.stdout.replace("\xa0", " ")
    for text in ("points rises from 1 point to 2 point", "What it costs", "2 gain, 0 lose",
                 "Member boris gains 6.50 GBP", "facts for the new one"):  # fmt: skip
        assert text in " ".join(page.split()), text
    members = pq.read_table(tmp_path / "members.parquet").to_pylist()
    assert [(row["member"], str(row["kept_point_difference"])) for row in members] == [
        ("anna", "200"), ("boris", "650"),
    ]  # fmt: skip
    assert json.loads((tmp_path / "comparison.json").read_text())["gains"]["gain"] == 2


def test_compare_json_is_one_object(tmp_path):
    result = compare(tmp_path, RETAIL, "--set", "rules.base.give.points=2", "--json",
                     "--redemptions", "requests")  # fmt: skip
    data = json.loads(result.stdout)
    assert data["ok"] is True
    assert data["redemptions"]["mode"] == "requests"
    assert data["points"]["point"]["issued"]["difference"] == "850"


def test_compare_takes_the_new_program_or_a_dash(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    changed = ("--set", "rules.base.give.points=2", "--engine", "python", "--json")
    named = json.loads(laurels("compare", RETAIL, RETAIL, path, *changed).stdout)
    dashed = json.loads(laurels("compare", RETAIL, "-", path, *changed).stdout)
    assert named == dashed
    assert laurels("compare", RETAIL, "-", path).exit_code == 2
    assert laurels("compare", RETAIL, path).exit_code == 2
    assert laurels("compare", RETAIL, RETAIL).exit_code == 2


def test_a_grid_is_one_table(tmp_path):
    result = compare(tmp_path, RETAIL, "--grid", "rules.base.give.points=1,2,3")
    assert result.exit_code == 0, result.stderr
    assert "What it costs to set rules.base.give.points" in result.stdout
    rows = [
        line.split() for line in result.stdout.splitlines() if line[:3] in (" 1 ", " 2 ", " 3 ")
    ]
    assert [(row[0], row[2]) for row in rows] == [("1", "0"), ("2", "+8"), ("3", "+17")]
    data = json.loads(
        compare(tmp_path, RETAIL, "--grid", "rules.base.give.points=1,2,3", "--json").stdout
    )
    assert [row["total"] for row in data["grid"]] == ["0.00", "8.50", "17.00"]


def test_programs_that_read_a_history_differently_are_an_error(tmp_path):
    result = compare(tmp_path, RETAIL, "--set", "zone=Asia/Tokyo")
    assert result.exit_code == 1
    assert "programs-not-comparable" in result.stderr
    assert "zone Europe/London and Asia/Tokyo" in result.stderr
