"""Members, postings, explanations, the ledger: what can be read."""

import csv
import io
import itertools
from urllib.parse import quote

import pytest

from web.conftest import LATELY, Server, serving

COUNT = itertools.count(1)


def buys(server: Server, member: str, amount: str = "48.00", **fields: object) -> dict:
    event = {"id": f"e{next(COUNT)}", "source": "till-7", "type": "purchase", "member": member,
             "occurred_at": LATELY, "amount": amount, **fields}  # fmt: skip
    said = server.ask("POST", "events", "till", json=event)
    assert said.status_code == 200, said.text
    return dict(said.json())


def test_a_member_has_balances_lots_levels_and_what_is_missing(server: Server) -> None:
    buys(server, "anna", "120.00")
    found = server.ask("GET", "members/anna", "support").json()
    assert found["status"] == "active"
    assert found["balances"]["point"] == {"active": "120", "pending": "0", "held": "0", "debt": "0"}
    assert [each["points"] for each in found["lots"]["point"]] == ["120"]
    assert found["levels"][0]["level"] == "green"
    assert found["levels"][0]["missing"] == [{"what": "spend", "amount": "380.00"}]
    assert found["next_expiries"][0]["unit"] == "point"


def test_a_member_can_be_asked_for_as_of_a_time(server: Server) -> None:
    buys(server, "berta", "120.00")
    early = server.ask("GET", f"members/berta?at={quote(LATELY)}", "support").json()
    assert early["balances"]["point"]["active"] == "0"
    unknown = server.ask("GET", f"members/berta?known_at={quote(LATELY)}", "support").json()
    assert unknown["balances"]["point"]["active"] == "0"
    wrong = server.ask("GET", "members/berta?at=soon", "support")
    assert (wrong.status_code, wrong.json()["errors"][0]["parameter"]) == (422, "at")


def test_personal_data_is_for_staff(server: Server) -> None:
    buys(server, "carl")
    change = {"id": "c1", "occurred_at": LATELY, "identities": {"card": "4000"}}
    said = server.ask("PUT", "members/carl", "support", json=change)
    assert said.status_code == 200, said.text
    staff = server.ask("GET", "members/card:4000", "support").json()
    assert staff["identities"] == [{"kind": "card", "value": "4000"}]
    till = server.ask("GET", "members/card:4000", "till").json()
    assert till["balances"] == staff["balances"]
    assert not {"identities", "attributes"} & till.keys()


def test_nobody_is_not_found(server: Server) -> None:
    for path in (
        "members/nobody",
        "members/nobody/postings",
        "members/nobody/postings/1.1/explanation",
    ):
        said = server.ask("GET", path)
        assert (said.status_code, said.json()["code"]) == (404, "member-unknown")
    said = server.ask("GET", "/v1/programs/nothing/members/anna")
    assert (said.status_code, said.json()["code"]) == (404, "program-unknown")


def test_postings_come_newest_first_page_after_page(server: Server) -> None:
    for _ in range(7):
        buys(server, "dora/ж")
    path = f"members/{quote('dora/ж', safe='')}/postings"
    whole = server.ask("GET", path, "support").json()
    assert whole["next"] is None
    assert len(whole["rows"]) == 7
    rows, url = [], f"/v1/programs/shop/{path}?limit=3"
    while url:
        page = server.ask("GET", url, "support")
        rows += page.json()["rows"]
        if len(rows) == 3:
            buys(server, "dora/ж")  # what is written meanwhile shifts nothing
        url = page.links.get("next", {}).get("url", "")
    assert rows == whole["rows"]


def test_a_cursor_of_another_member_is_refused(server: Server) -> None:
    for member in ("emil", "fina"):
        for _ in range(2):
            buys(server, member)
    cursor = server.ask("GET", "members/emil/postings?limit=1", "support").json()["next"]
    said = server.ask("GET", f"members/fina/postings?limit=1&cursor={cursor}", "support")
    assert (said.status_code, said.json()["code"]) == (400, "cursor-wrong")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "x", "1.5", "٣", "9" * 400])
def test_a_page_has_a_size_within_bounds(server: Server, limit: str) -> None:
    said = server.ask("GET", f"members/anna/postings?limit={limit}", "support")
    assert (said.status_code, said.json()["errors"][0]["parameter"]) == (422, "limit")


@pytest.mark.parametrize(("lang", "word"), [("en", "earned"), ("ru", "начисл")])
def test_a_posting_explains_itself_in_a_language(server: Server, lang: str, word: str) -> None:
    buys(server, f"gus-{lang}", "12.00")
    (posting,) = server.ask("GET", f"members/gus-{lang}/postings", "support").json()["rows"]
    path = f"members/gus-{lang}/postings/{posting['id']}/explanation?lang={lang}"
    explained = server.ask("GET", path, "support")
    assert explained.status_code == 200, explained.text
    assert word in " ".join(explained.json()["sentences"]).lower()


def test_a_posting_that_is_not_there_explains_nothing(server: Server) -> None:
    buys(server, "hans")
    for posting, status in (("9.9", 404), ("x", 404), ("1", 404), ("9" * 40 + ".1", 404)):
        said = server.ask("GET", f"members/hans/postings/{posting}/explanation", "support")
        assert (said.status_code, said.json()["code"]) == (status, "posting-unknown")


def test_the_ledger_sums_to_zero_and_comes_as_csv_too(server: Server) -> None:
    buys(server, "ida")
    found = server.ask("GET", "ledger").json()
    assert found["sums"] == {"point": "0"}
    assert {"program:issued", "member:active"} <= {each["account"] for each in found["totals"]}
    said = server.ask("GET", "ledger", headers={"Accept": "text/csv"})
    assert said.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(said.text)))
    assert [(each["account"], each["points"]) for each in rows] == [
        *((each["account"], each["points"]) for each in found["totals"]), ("sum", "0")
    ]  # fmt: skip
    assert server.ask("GET", "closings").json() == {"program": "shop", "closings": []}


def test_a_program_is_shown_with_its_versions(server: Server) -> None:
    found = server.ask("GET", "/v1/programs/shop", "till").json()
    assert (found["program"], found["version"]) == ("shop", 1)
    assert [each["state"] for each in found["versions"]] == ["in-force"]


def test_publishing_says_what_is_wrong_and_what_would_change(server: Server) -> None:
    def put(text: str, query: str = "") -> tuple[int, dict]:
        said = server.ask("PUT", f"/v1/programs/shop{query}", content=text.encode(),
                          headers={"Content-Type": "application/yaml"})  # fmt: skip
        return said.status_code, said.json()

    text = server.ask("GET", "/v1/programs/shop").json()["text"]
    status, wrong = put(text.replace("currency: EUR", "currency: EURO"))
    assert status == 422
    assert wrong["findings"][0]["line"] == 3
    coming = text + "  - {version: 2, effective_from: 2099-01-01, rules: {}}\n"
    status, tried = put(coming, "?dry_run=true")
    assert (status, tried["state"]) == (200, "checked"), tried
    assert "+  - {version: 2" in tried["diff"]
    assert server.ask("GET", "/v1/programs/shop").json()["text"] == text
    assert put("\x00")[0] == 422
    assert put("a: " * 2_000_000)[0] == 413


def test_events_that_wait_or_were_wrong_can_be_listed(server: Server) -> None:
    buys(server, "jan", type="return", returns="never-came", amount="1.00")
    waiting = server.ask("GET", "events?state=waiting", "support").json()["rows"]
    assert [each["member"] for each in waiting] == ["jan"]
    server.ask("POST", "events", "till", json={"id": "w", "type": "purchase", "member": "jan",
                                               "occurred_at": LATELY, "amount": "-1"})  # fmt: skip
    rejected = server.ask("GET", "events?state=rejected&limit=500", "support").json()["rows"]
    assert "event-amount-negative" in {each["code"] for each in rejected}
    assert server.ask("GET", "events?state=lost", "support").status_code == 422
    assert server.ask("GET", "events", "support").status_code == 422


def test_the_feed_is_read_to_its_end_and_goes_on_from_any_row() -> None:
    with serving("live") as server:
        for n in range(5):
            buys(server, f"feed{n}")
        rows, after = [], ""
        while True:
            page = server.ask("GET", f"feed?limit=2{after}", "back-office").json()
            rows += page["rows"]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert sorted(each["member"] for each in rows) == [f"feed{n}" for n in range(5)]
        assert all(each["kind"] == "event.taken" for each in rows)
        position = rows[2]["position"]
        rest = server.ask("GET", f"feed?after={position}", "back-office").json()["rows"]
        assert rest == rows[3:]
        buys(server, "feed5")
        (new,) = server.ask("GET", f"feed{after.replace('&', '?')}", "back-office").json()["rows"]
        assert (new["member"], new["balances"]["point"]["active"]) == ("feed5", "48")
        said = server.ask("GET", "feed?after=made-up", "back-office")
        assert (said.status_code, said.json()["code"]) == (400, "cursor-wrong")
