"""The verbs that set two programs side by side: `laurels diff`, `laurels compare`."""

import json
from pathlib import Path

from typer.testing import CliRunner

from laurels.cli.app import app

PROGRAMS = Path(__file__).parent.parent / "programs"
CATEGORIES = PROGRAMS / "halyk-plus" / "program.yaml"
UNIVERSAL = PROGRAMS / "kaspi-bonus" / "program.yaml"


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
