"""What surrounds every route: keys, limits, headers, methods."""

import sys

import pytest

from laurels.service.keys import TTL
from laurels.service.permissions import PERMISSIONS, ROLES
from laurels.web.api.app import Settings
from laurels.web.api.limits import Rate
from laurels.web.api.logs import Log
from laurels.web.api.problems import MEDIA_TYPE
from laurels.web.api.routes import ENDPOINTS, Endpoint
from web.conftest import LATELY, Server, serving


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.command)
@pytest.mark.parametrize("role", ROLES)
def test_every_route_lets_in_the_roles_of_the_table_and_no_other(
    server: Server, endpoint: Endpoint, role: str
) -> None:
    path = endpoint.path
    for name in ("program", "member", "hold", "source", "event", "posting", "correction"):
        path = path.replace(f"{{{name}}}", "shop" if name == "program" else "x")
    said = server.ask(endpoint.method, path, role, json={})
    if role in PERMISSIONS[endpoint.command]:
        assert said.status_code != 401
        assert said.json().get("code") != "not-permitted"
        assert said.status_code < 500, said.text
    else:
        assert (said.status_code, said.json()["code"]) == (403, "not-permitted")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.command)
def test_no_route_answers_without_a_key(server: Server, endpoint: Endpoint) -> None:
    said = server.ask(endpoint.method, endpoint.path, "")
    assert (said.status_code, said.json()["code"]) == (401, "access-key-missing")
    assert said.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_was_made_up_is_refused(server: Server) -> None:
    good = server.keys["owner"]
    for key in (
        good[:-1],
        good[:-1] + "~",
        "ll_" + "0" * 11 + "_" + "0" * 43,
        "lt" + good[2:],
        "x",
    ):
        said = server.ask("GET", "/v1/key", "", headers={"Authorization": f"Bearer {key}"})
        assert (said.status_code, said.json()["code"]) == (401, "access-key-wrong")
    swapped = server.keys["till"].rpartition("_")[0] + "_" + good.rpartition("_")[2]
    said = server.ask("GET", "/v1/key", "", headers={"Authorization": f"Bearer {swapped}"})
    assert said.status_code == 401


def test_a_key_says_what_it_is(server: Server) -> None:
    said = server.ask("GET", "/v1/key", "till").json()
    assert said.pop("key") in server.keys["till"]
    assert said == {"role": "till", "environment": "live", "programs": [], "sources": ["till-7"]}


def test_a_key_for_another_program_learns_nothing_of_this_one(server: Server) -> None:
    server.keys["foreign"] = server.key("owner", programs=["another"])
    shop = server.ask("POST", "events", "foreign", json={}).json()
    nowhere = server.ask("POST", "/v1/programs/nowhere/events", "foreign", json={}).json()
    for each in (shop, nowhere):
        each.pop("instance")
    assert shop == nowhere
    assert shop["status"] == 403


def test_a_promise_about_revoked_keys_can_be_kept() -> None:
    assert TTL <= 30


def test_every_answer_has_an_id_and_the_headers_that_keep_it_safe(server: Server) -> None:
    said = [
        server.ask("GET", "/v1/key"),
        server.ask("GET", "/nothing", ""),
        server.ask("GET", "/docs"),
    ]
    assert len({each.headers["x-request-id"] for each in said}) == 3
    for each in said:
        assert each.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in each.headers["content-security-policy"]
        assert each.headers["cache-control"] == "no-store"
    assert said[1].json()["instance"] == f"urn:uuid:{said[1].headers['x-request-id']}"


def test_what_is_not_there_and_what_is_not_done_here(server: Server) -> None:
    said = server.ask("GET", "/v1/nothing")
    assert (said.status_code, said.headers["content-type"]) == (404, MEDIA_TYPE)
    said = server.ask("DELETE", "events")
    assert (said.status_code, said.json()["code"]) == (405, "method-not-allowed")
    assert set(said.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    said = server.ask("GET", "/v1/key", headers={"Accept": "image/png, text/html;q=0.5"})
    assert (said.status_code, said.json()["code"]) == (406, "media-type-not-offered")
    assert server.ask("GET", "/v1/key", headers={"Accept": "text/html, */*;q=0.1"}).is_success


@pytest.mark.parametrize("query", ["dryrun=1", "dry_run=true&dry_run=false"])
def test_a_parameter_that_is_not_read_is_not_passed_over(server: Server, query: str) -> None:
    said = server.ask("PUT", f"/v1/programs/shop?{query}", content="x")
    assert said.status_code == 422
    assert said.json()["errors"][0]["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "path", ["members/a%00b", "members/%FF", "members/a?at=%00", "members/%C2%85"]
)
def test_addresses_that_no_database_stores_are_refused(server: Server, path: str) -> None:
    said = server.ask("GET", path)
    assert (said.status_code, said.json()["code"]) == (422, "text-character")


def test_a_key_that_sends_too_much_is_told_when_to_come_back() -> None:
    with serving("live", Settings(Rate(burst=3, per_second=0.001))) as server:
        said = [server.ask("GET", "/v1/key") for _ in range(4)]
        assert [each.status_code for each in said] == [200, 200, 200, 429]
        assert said[0].headers["ratelimit-policy"].startswith('"key";q=3')
        assert int(said[3].headers["retry-after"]) > 0
        assert server.ask("GET", "/v1/key", "till").status_code == 200


def test_those_who_run_it_see_that_it_is_up_and_what_it_counts(server: Server) -> None:
    assert server.ask("GET", "/health", "").json() == {"status": "up"}
    assert server.ask("GET", "/ready", "").json() == {"status": "ready"}
    counts = server.ask("GET", "/metrics", "").text
    assert 'laurels_requests_total{command="health",status="200"}' in counts
    assert "till-7" not in counts


def test_the_log_holds_nothing_about_people(
    server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log(sys.stderr)
    state = {"request_id": "1", "command": "read_member"}
    log.request({"method": "GET", "path": "/v1/members/anna"}, state, 404, 0.1)
    try:
        raise ValueError("anna@example.org")
    except ValueError as error:
        log.fault(state, error)
    written = capfd.readouterr().err
    assert "read_member" in written
    assert "test_shell" in written
    assert "anna" not in written


def test_a_till_cannot_tell_whose_phone_numbers_are_known(server: Server) -> None:
    event = {"id": "p1", "type": "purchase", "member": "phone:+37120000001",
             "occurred_at": LATELY, "amount": "5.00"}  # fmt: skip
    server.ask("POST", "events", "till", json=event)
    hold = {"id": "h", "occurred_at": LATELY, "points": "1"}
    answers = []
    for number in ("+37120000001", "+37120000002"):
        basket = {**event, "member": f"phone:{number}", "id": "q"}
        answers += [
            server.ask("GET", f"members/phone:{number}", "till").json(),
            server.ask("POST", "quotes", "till", json=basket).json(),
            server.ask("POST", "holds", "till", json=hold | {"member": f"phone:{number}"}).json(),
        ]  # fmt: skip
    for each in answers:
        each.pop("instance")
    assert answers[:3] == answers[3:]
    assert {each["code"] for each in answers} == {"member-unknown"}


def test_a_till_that_names_a_member_by_phone_learns_neither_its_id_nor_its_balances(
    server: Server,
) -> None:
    change = {"id": "g0", "occurred_at": LATELY, "identities": {"phone": "+37120000009"}}
    server.ask("POST", "events", json={"id": "g1", "type": "purchase", "member": "secret-id",
                                       "occurred_at": LATELY, "amount": "777.00"})  # fmt: skip
    said = server.ask("PUT", "members/secret-id", json=change)
    assert said.status_code == 200, said.text
    event = {"id": "g2", "type": "purchase", "member": "phone:+37120000009",
             "occurred_at": LATELY, "amount": "5.00"}  # fmt: skip
    answers = [
        server.ask("POST", "events", "till", json=event),
        server.ask("POST", "events", "till", json=event),
        server.ask("POST", "events", "till", json={"events": [event]}),
        server.ask("GET", "events/till-7/g2", "till"),
        server.ask("POST", "holds/g2/capture", "till", json={"id": "g3", "occurred_at": LATELY}),
        server.ask("POST", "events", "till", json={**event, "id": "g4", "type": "hold"}),
    ]
    for each in answers:
        assert "secret-id" not in each.text, each.text
        assert "782" not in each.text, each.text
    assert answers[0].json()["member"] == "phone:+37120000009"
    assert [each["points"] for each in answers[0].json()["postings"]] == ["5"]
    assert answers[1].json() == answers[0].json() | {"repeated": True}
    assert answers[5].json()["code"] == "member-unknown"
    owner = server.ask("GET", "members/secret-id").json()
    assert owner["balances"]["point"]["active"] == "782"


def test_a_live_server_moves_no_clock(server: Server) -> None:
    said = server.ask("PUT", "/v1/sandbox/clock", json={"now": "2030-01-01T00:00:00Z"})
    assert (said.status_code, said.json()["code"]) == (403, "sandbox-only")
