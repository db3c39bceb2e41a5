"""A sandbox: a database of its own, whose clock can be moved."""

from collections.abc import Iterator

import pytest

from web.conftest import Server, serving


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Server]:
    with serving("sandbox") as found:
        yield found


def move(sandbox: Server, to: str) -> tuple[int, dict]:
    said = sandbox.ask("PUT", "/v1/sandbox/clock", json={"now": to})
    return said.status_code, said.json()


def test_the_clock_goes_forward_and_what_falls_due_happens(sandbox: Server) -> None:
    assert move(sandbox, "2030-01-01T10:00:00Z") == (200, {"now": "2030-01-01T10:00:00Z"})
    event = {"id": "1", "type": "purchase", "member": "anna", "amount": "48.00",
             "occurred_at": "2030-01-01T10:00:00Z"}  # fmt: skip
    assert sandbox.ask("POST", "events", "till", json=event).json()["status"] == "taken"
    assert move(sandbox, "2031-02-01T00:00:00Z")[0] == 200
    found = sandbox.ask("GET", "members/anna", "support").json()
    assert found["balances"]["point"]["active"] == "0"
    kinds = [each["kind"] for each in sandbox.ask("GET", "members/anna/postings").json()["rows"]]
    assert kinds == ["expired", "earned"]


def test_the_clock_never_goes_back(sandbox: Server) -> None:
    assert move(sandbox, "2040-01-01T00:00:00Z")[0] == 200
    status, said = move(sandbox, "2039-12-31T23:59:59Z")
    assert (status, said["code"]) == (409, "clock-back")
    assert move(sandbox, "tomorrow")[0] == 422


def test_keys_of_a_sandbox_look_like_it(sandbox: Server) -> None:
    assert sandbox.keys["till"].startswith("lt_")
    assert sandbox.ask("GET", "/v1/key").json()["environment"] == "sandbox"
