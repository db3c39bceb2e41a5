"""Webhooks over HTTP: an owner says who is told."""

from __future__ import annotations

from laurels.base.errors import Unavailable
from laurels.service.webhooks.signing import SECRET_BYTES, made, opened
from web.conftest import LATELY, NOW, PROGRAM, Server

KEY = b"0123456789abcdef0123456789abcdef"


def test_an_owner_registers_changes_rotates_replays_and_drops(server: Server) -> None:
    body = {"url": "https://example.com/laurels", "label": "books", "kinds": ["event.taken"]}
    made_ = server.ask("POST", "webhooks", json=body).json()
    assert made_["secret"].startswith("whsec_")
    path = f"webhooks/{made_['webhook']}"
    listed = server.ask("GET", "webhooks").json()["rows"]
    assert made_["webhook"] in [each["webhook"] for each in listed]
    assert all("secret" not in each for each in listed)
    assert server.ask("POST", f"{path}/pause").json()["state"] == "paused"
    assert server.ask("POST", f"{path}/resume").json()["state"] == "active"
    changed = server.ask("PUT", path, json={"label": "ledger", "kinds": []}).json()
    assert (changed["label"], changed["kinds"], changed["url"]) == ("ledger", [], body["url"])
    rotated = server.ask("POST", f"{path}/rotate").json()["secret"]
    assert rotated != made_["secret"]
    assert server.ask("GET", path).json()["secrets"] == 2
    again = {"since": LATELY, "until": NOW}
    assert server.ask("POST", f"{path}/replay", json=again).json()["replay"].startswith("rp_")
    backwards = server.ask("POST", f"{path}/replay", json={"since": NOW, "until": LATELY})
    assert backwards.status_code == 422
    assert server.ask("DELETE", path).json() == {"webhook": made_["webhook"]}
    assert server.ask("GET", path).status_code == 404


def test_nobody_else_does_and_no_url_that_cannot_be_one_is_taken(server: Server) -> None:
    for role in ("till", "support", "back-office", "read-only"):
        assert server.ask("GET", "webhooks", role).status_code == 403
    for url in ("http://example.com/", "https:///nowhere", "https://user@example.com/"):
        found = server.ask("POST", "webhooks", json={"url": url})
        assert (found.status_code, found.json()["code"][:8]) == (422, "webhook-")
    told = server.ask("POST", "webhooks", json={"url": "https://example.com", "kinds": ["rain"]})
    assert told.json()["code"] == "webhook-kind"


def test_what_was_done_to_members_corrections_and_programs_is_in_the_feed(server: Server) -> None:
    event = {"id": "f-1", "type": "purchase", "member": "fred", "occurred_at": LATELY,
             "amount": "5.00"}  # fmt: skip
    server.ask("POST", "events", json=event)
    server.ask("POST", "members/fred/block")
    server.ask("POST", "members/fred/unblock")
    rows = server.ask("GET", "feed?limit=500").json()["rows"]
    again = PROGRAM + "# the same\n"
    said = server.ask("PUT", "/v1/programs/shop", content=again.encode(),
                      headers={"Content-Type": "application/yaml"})  # fmt: skip
    assert said.json()["state"] == "in-force"
    rows = server.ask("GET", "feed?limit=500").json()["rows"]
    assert ("program.in-force", "", 2) in [(r["kind"], r["member"], r.get("epoch")) for r in rows]
    changed = [r for r in rows if r["kind"] == "member.changed" and r["member"] == "fred"]
    assert [(r["sequence"], r["status"]) for r in changed] == [(0, "active"), (0, "active")]
    assert len({r["position"] for r in rows}) == len(rows)


def test_with_a_key_of_the_server_the_database_alone_signs_nothing() -> None:
    stored, secret = made(bytes(SECRET_BYTES), KEY)
    assert opened(stored, KEY) == secret
    assert secret.removeprefix("whsec_") not in stored
    assert opened(stored, KEY[::-1]) != secret
    assert made(bytes(SECRET_BYTES), b"") == ("whsec_" + "A" * 43 + "=",) * 2
    try:
        opened(stored, b"")
    except Unavailable as error:
        assert error.code == "webhook-key-missing"
    else:
        raise AssertionError("a secret was made without the key")
