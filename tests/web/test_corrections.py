"""Corrections over HTTP: proposed by one key, approved by another, or waived."""

from decimal import Decimal

import pytest

from laurels.base.instants import format_instant
from laurels.base.outside import now
from web.conftest import LATELY, PROGRAM, Server, serving

EARLY = format_instant(now() - 7_200_000_000)
TWICE = f"""\
  - version: 2
    effective_from: {EARLY}
    metrics:
      spend: {{of: purchase, sum: event.amount, window: {{months: 12}}, net_of_returns: true}}
    ladders:
      club: {{period: month, levels: {{green: {{}}, gold: {{spend: 500}}}}}}
    rules:
      base: {{title: Two points for each euro, on: purchase, give: {{points: 2, per: 1}}}}
    expires: 12 months
    returns: proportional
    holds: {{lapse_after: 7 days}}
"""


def proposed(server: Server) -> dict:
    """A version that reaches into the past, published after the fact, and its correction."""
    event = {"id": "1", "type": "purchase", "member": "anna", "occurred_at": LATELY,
             "amount": "48.00"}  # fmt: skip
    assert server.ask("POST", "events", "till", json=event).json()["status"] == "taken"
    said = server.ask("PUT", "/v1/programs/shop", content=(PROGRAM + TWICE).encode(),
                      headers={"Content-Type": "application/yaml"})  # fmt: skip
    assert said.status_code == 200, said.text
    assert said.json()["state"] == "preparing"
    said = server.ask("POST", "prepare")
    assert said.json() == {"program": "shop", "state": "in-force", "differing": []}
    body = {"version": 2, "reason": "The rule was published a day late"}
    said = server.ask("POST", "corrections", "back-office", json=body)
    assert said.status_code == 200, said.text
    return dict(said.json())


def active(server: Server) -> str:
    return str(server.ask("GET", "members/anna").json()["balances"]["point"]["active"])


def test_what_one_key_proposes_another_approves_and_it_is_posted() -> None:
    with serving("live") as server:
        correction = proposed(server)
        assert (correction["state"], correction["differences"]) == (
            "proposed",
            {"anna": {"point": "48"}},
        )
        path = f"corrections/{correction['correction']}"
        own = server.ask("POST", f"{path}/approve", "back-office")
        assert (own.status_code, own.json()["code"]) == (403, "correction-own")
        assert active(server) == "48"
        assert server.ask("POST", f"{path}/approve").json()["state"] == "posted"
        assert active(server) == "96"
        assert server.ask("GET", path, "read-only").json()["posted"] == 1
        late = server.ask("POST", f"{path}/waive")
        assert (late.status_code, late.json()["code"]) == (409, "correction-decided")


def test_a_difference_that_is_waived_stays_as_it_is() -> None:
    with serving("live") as server:
        path = f"corrections/{proposed(server)['correction']}"
        assert server.ask("POST", f"{path}/waive").json()["state"] == "waived"
        assert active(server) == "48"


@pytest.mark.parametrize("number", ["1", "x", "9" * 30, "-1"])
def test_a_correction_that_nobody_proposed_is_not_there(server: Server, number: str) -> None:
    said = server.ask("GET", f"corrections/{number}")
    assert (said.status_code, said.json()["code"]) == (404, "correction-unknown")


def test_a_proposal_that_is_sent_again_is_made_once() -> None:
    with serving("live") as server:
        proposed(server)
        body = {"version": 2, "reason": "again", "id": "case-9"}
        first, second = (server.ask("POST", "corrections", json=body).json() for _ in range(2))
        assert first == second
        other = server.ask("POST", "corrections", json=body | {"reason": "another"})
        assert (other.status_code, other.json()["code"]) == (409, "event-id-conflict")


def test_an_adjustment_above_the_limit_waits_for_another_key() -> None:
    with serving("live", limit=Decimal(100)) as server:
        event = {"id": "1", "type": "purchase", "member": "anna", "occurred_at": LATELY,
                 "amount": "48.00"}  # fmt: skip
        server.ask("POST", "events", "till", json=event)
        body = {"id": "case-1", "member": "anna", "direction": "credit", "points": "100",
                "reason": "sorry", "occurred_at": LATELY}  # fmt: skip
        assert server.ask("POST", "adjustments", "support", json=body).json()["status"] == "taken"
        more = body | {"id": "case-2", "points": "1001"}
        said = [server.ask("POST", "adjustments", "support", json=more).json() for _ in range(2)]
        assert said[0] == said[1]
        assert said[0]["status"] == "proposed"
        assert active(server) == "148"
        path = f"corrections/{said[0]['correction']}"
        shown = server.ask("GET", path, "read-only").json()
        assert (shown["kind"], shown["event"]["id"]) == ("adjustment", "case-2")
        assert shown["differences"] == {"anna": {"point": "1001"}}
        assert server.ask("POST", f"{path}/approve", "back-office").json()["state"] == "posted"
        assert active(server) == "1149"
        known = server.ask("GET", f"events/{shown['event']['source']}/case-2").json()
        assert known["status"] == "taken"
        by_event = server.ask("POST", "events", json=more | {"id": "x", "type": "adjustment"})
        assert by_event.json()["code"] == "adjustment-above-limit"
        waived = server.ask("POST", "adjustments", "support", json=more | {"id": "case-3"}).json()
        path = f"corrections/{waived['correction']}/waive"
        assert server.ask("POST", path, "back-office").json()["state"] == "waived"
        assert active(server) == "1149"
