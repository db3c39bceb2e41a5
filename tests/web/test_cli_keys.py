"""`laurels keys` on a real database."""

import json

import pytest
from typer.testing import CliRunner

from laurels.cli.app import app
from support.postgres import fresh_database


@pytest.fixture(scope="module")
def database() -> str:
    return fresh_database()


def typed(database: str, *arguments: str) -> tuple[int, dict]:
    """What a command prints as JSON."""
    ran = CliRunner().invoke(app, ["keys", *arguments, "--url", database, "--json"])
    return ran.exit_code, json.loads(ran.stdout) if ran.stdout.startswith("{") else {}


def test_a_key_is_made_listed_rotated_and_revoked(database: str) -> None:
    code, made = typed(database, "add", "Till 7", "--role", "till", "--source", "till-7")
    assert code == 0
    assert made["key"].startswith(f"ll_{made['name']}_")
    code, again = typed(database, "rotate", made["name"], "--keep", "1h")
    assert code == 0
    code, listed = typed(database, "list")
    assert [(each["name"], each["replaces"]) for each in listed["keys"]] == [
        (again["name"], made["name"]),
        (made["name"], ""),
    ]
    assert listed["keys"][1]["ends_at"] is not None
    assert made["key"].rpartition("_")[2] not in str(listed)
    assert typed(database, "revoke", made["name"])[0] == 0
    _, listed = typed(database, "list")
    assert [each["name"] for each in listed["keys"]] == [again["name"]]
    _, listed = typed(database, "list", "--ended")
    assert len(listed["keys"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["add", "Till", "--role", "till"], 1, "field-missing"),
        (["add", "King", "--role", "king"], 1, "role-unknown"),
        (["revoke", "nobody"], 1, "key-not-found"),
        (["rotate", "nobody"], 1, "key-not-found"),
    ],
)
def test_what_is_wrong_is_told(database: str, arguments: list, code: int, error: str) -> None:
    ran, said = typed(database, *arguments)
    assert (ran, said["error"]["code"]) == (code, error)


def test_a_period_that_is_none_is_wrong_usage(database: str) -> None:
    assert typed(database, "rotate", "x", "--keep", "soon")[0] == 2


def test_without_a_database_nothing_is_made() -> None:
    code, said = typed("postgresql://nobody@127.0.0.1:1/none", "list")
    assert (code, said["error"]["code"]) == (1, "store-unreachable")
