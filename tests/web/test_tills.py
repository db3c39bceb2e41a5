"""The session of a till: quote, hold, capture, event. And what is done by hand."""

import itertools

import pytest

from web.conftest import LATELY, LATER, NOW, PROGRAM, Server, serving

COUNT = itertools.count(1)


def an_id() -> str:
    return f"i{next(COUNT):06}"  # at one instant, ids decide the order


def a_write() -> dict:
    """What every write has."""
    return {"id": an_id(), "occurred_at": LATER}


def has_points(server: Server, member: str, points: int = 300) -> None:
    event = {"id": an_id(), "type": "purchase", "member": member, "occurred_at": LATELY,
             "amount": f"{points}.00"}  # fmt: skip
    assert server.ask("POST", "events", "till", json=event).json()["status"] == "taken"


def post(server: Server, path: str, body: dict, role: str = "till") -> dict:
    said = server.ask("POST", path, role, json={"occurred_at": LATER, **body})
    assert said.status_code == 200, said.text
    return dict(said.json())


def a_hold(server: Server, member: str, points: str = "100") -> str:
    has_points(server, member)
    hold = an_id()
    held = post(server, "holds", {"id": hold, "member": member, "points": points})
    assert (held["status"], held["points"]) == ("taken", points)
    return hold


def basket(member: str, amount: str = "20.00") -> dict:
    """What is on the counter now: after all that was bought before."""
    return {"type": "purchase", "member": member, "occurred_at": NOW, "amount": amount}


def test_a_quote_says_what_would_be_earned_and_paid_and_posts_nothing(server: Server) -> None:
    has_points(server, "q1")
    quoted = post(server, "quotes", basket("q1"))
    assert quoted["status"] == "taken"
    assert [(each["kind"], each["points"]) for each in quoted["postings"]] == [("earned", "20")]
    assert [(each["unit"], each["points"]) for each in quoted["payable"]] == [("point", "300")]
    found = server.ask("GET", "members/q1", "till").json()
    assert found["balances"]["point"]["active"] == "300"
    assert post(server, "quotes", basket("q1"))["quote"] == quoted["quote"]


def test_a_hold_is_captured_in_part_and_the_rest_given_back(server: Server) -> None:
    hold = a_hold(server, "h1")
    captured = post(server, f"holds/{hold}/capture", {"id": an_id(), "points": "60"})
    assert (captured["status"], captured["points"]) == ("taken", "60")
    state = server.ask("GET", f"holds/{hold}", "till").json()
    assert (state["state"], state["held"], state["captured"]) == ("open", "40", "60")
    voided = post(server, f"holds/{hold}/void", {"id": an_id()})
    assert (voided["status"], voided["points"]) == ("taken", "40")
    state = server.ask("GET", f"holds/{hold}", "till").json()
    assert (state["state"], state["held"], state["voided"]) == ("closed", "0", "40")
    late = post(server, f"holds/{hold}/capture", {"id": an_id()})
    assert (late["status"], late["refusal"]["code"]) == ("refused", "hold-ended")


def test_a_hold_that_is_not_covered_is_an_answer(server: Server) -> None:
    has_points(server, "h2", 50)
    hold = an_id()
    body = {"id": hold, "member": "h2", "points": "60"}
    refused = post(server, "holds", body)
    assert (refused["status"], refused["refusal"]["code"]) == ("refused", "not-covered")
    assert post(server, "holds", body)["repeated"]
    assert server.ask("GET", f"holds/{hold}", "till").json()["state"] == "refused"


def test_a_capture_that_is_repeated_takes_once(server: Server) -> None:
    hold = a_hold(server, "h3")
    body = {"id": an_id(), "points": "60"}
    first = post(server, f"holds/{hold}/capture", body)
    again = post(server, f"holds/{hold}/capture", body)
    assert again.pop("repeated")
    assert again == first


def test_holds_that_are_not_there_and_those_of_others_are_told_alike(server: Server) -> None:
    has_points(server, "h4")
    foreign = an_id()
    post(
        server, "holds", {"id": foreign, "source": "till-8", "member": "h4", "points": "1"}, "owner"
    )
    answers = []
    for hold in (foreign, "never"):
        answers += [
            server.ask("GET", f"holds/{hold}", "till").json(),
            server.ask("POST", f"holds/{hold}/void", "till", json=a_write()).json(),
        ]
    for each in answers:
        each.pop("instance")
    assert answers[:2] == answers[2:]
    assert {(each["status"], each["code"]) for each in answers} == {(404, "hold-not-found")}


def test_a_quote_that_went_stale_says_so_at_capture_with_the_new_terms() -> None:
    capped = PROGRAM + "    caps: {month: {rules: [base], per: month, at_most: 350}}\n"
    with serving("live", program=capped) as server:
        hold = a_hold(server, "s1")  # 300 of 350 are earned
        shown = basket("s1", "50.00")
        quoted = post(server, "quotes", shown)
        body = {**a_write(), "quote": quoted["quote"], "basket": shown}
        post(server, "events", {**basket("s1", "30.00"), **a_write()})
        said = server.ask("POST", f"holds/{hold}/capture", "till", json=body)
        assert (said.status_code, said.json()["code"]) == (409, "quote-stale")
        terms = said.json()["quote"]
        assert [each["points"] for each in terms["postings"]] == ["20"]
        state = server.ask("GET", f"holds/{hold}", "till").json()
        assert state["captured"] == "0"
        body["quote"] = terms["quote"]
        assert post(server, f"holds/{hold}/capture", body)["status"] == "taken"


@pytest.mark.parametrize("change", [{"quote": "made-up"}, {"basket": basket("x", "1.00")}])
def test_a_quote_is_good_for_its_own_basket_only(server: Server, change: dict) -> None:
    hold = a_hold(server, an_id())
    quoted = post(server, "quotes", basket("s2"))
    body = {**a_write(), "quote": quoted["quote"], "basket": basket("s2"), **change}
    said = server.ask("POST", f"holds/{hold}/capture", "till", json=body)
    assert (said.status_code, said.json()["errors"][0]["pointer"]) == (422, "/quote")


def test_points_are_given_and_taken_by_hand_with_a_reason(server: Server) -> None:
    has_points(server, "a1")
    body = {"id": an_id(), "member": "a1", "direction": "credit", "points": "25", "reason": "late"}
    given = post(server, "adjustments", body, "support")
    assert given["status"] == "taken"
    assert given["balances"]["point"]["active"] == "325"
    del body["reason"]
    said = server.ask("POST", "adjustments", "support", json={**body, **a_write()})
    assert (said.status_code, said.json()["errors"]) == (
        422,
        [{"code": "field-missing", "detail": "it is missing", "pointer": "/reason"}],
    )


def test_everything_wrong_with_a_body_is_told_at_once(server: Server) -> None:
    body = {**a_write(), "member": 5, "direction": "up", "points": 12, "why": "?"}
    said = server.ask("POST", "adjustments", "support", json=body).json()
    assert {(each["pointer"], each["code"]) for each in said["errors"]} == {
        ("/member", "field-type"),
        ("/direction", "field-value"),
        ("/points", "field-type"),
        ("/reason", "field-missing"),
        ("/why", "field-unknown"),
    }


def test_a_blocked_member_spends_nothing_until_it_is_unblocked(server: Server) -> None:
    has_points(server, "b1")
    assert server.ask("POST", "members/b1/block", "support").json()["status"] == "blocked"
    held = server.ask("POST", "holds", "till", json={**a_write(), "member": "b1", "points": "1"})
    assert held.json()["status"] != "taken"
    assert server.ask("POST", "members/b1/unblock", "support").json()["status"] == "active"
    held = post(server, "holds", {"id": an_id(), "member": "b1", "points": "1"})
    assert held["status"] == "taken"


def test_an_erased_member_is_nobody_and_the_books_still_balance(server: Server) -> None:
    has_points(server, "e1")
    assert server.ask("DELETE", "members/e1", "back-office").status_code == 403
    assert server.ask("DELETE", "members/e1").json()["status"] == "erased"
    assert server.ask("GET", "members/e1").status_code == 404
    assert server.ask("GET", "ledger").json()["sums"] == {"point": "0"}
