"""Merging members over HTTP."""

from __future__ import annotations

from web.conftest import LATELY, Server


def earned(server: Server, number: str, member: str, amount: str) -> None:
    event = {"id": number, "type": "purchase", "member": member, "amount": amount,
             "occurred_at": LATELY}  # fmt: skip
    assert server.ask("POST", "events", json=event).json()["status"] == "taken"


def test_a_merge_is_done_once_and_every_name_leads_to_the_one_who_stays(server: Server) -> None:
    earned(server, "m-1", "mia", "40.00")
    earned(server, "m-2", "max", "2.00")
    body = {"absorbed": "max", "id": "merge-1"}
    done = server.ask("POST", "members/mia/merge", "back-office", json=body)
    assert (done.status_code, done.json()["repeated"]) == (200, False)
    assert server.ask("POST", "members/mia/merge", "back-office", json=body).json()["repeated"]
    for name in ("mia", "max"):
        seen = server.ask("GET", f"members/{name}").json()
        assert (seen["member"], seen["balances"]["point"]["active"]) == ("mia", "42")
    rows = server.ask("GET", "members/max/postings").json()["rows"]
    assert [row["points"] for row in rows] == ["40", "2"]


def test_a_merge_that_cannot_be_is_a_problem(server: Server) -> None:
    earned(server, "m-3", "nia", "1.00")
    for member, body, status, code in (
        ("nia", {"absorbed": "nobody-at-all", "id": "x"}, 404, "member-unknown"),
        ("nia", {"absorbed": "nia", "id": "x"}, 409, "merge-same"),
        ("nia", {"id": "x"}, 422, "field-missing"),
    ):
        found = server.ask("POST", f"members/{member}/merge", json=body)
        assert (found.status_code, found.json()["code"]) == (status, code)
    assert server.ask("POST", "members/nia/merge", "till", json={}).status_code == 403
