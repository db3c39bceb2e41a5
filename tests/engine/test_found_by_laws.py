"""Faults that the laws once found, each as the smallest story that shows it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import laurels
from laurels.base.errors import ProgramError

HEAD = """
program: found
zone: UTC
currency: GBP
units: {point: {}}
events:
  purchase: {amount: required, line: {item: text}}
  visit: {}
versions:
- version: 1
"""
RATE = "  rules: {r: {on: purchase, give: {rate: 100%}}}\n"


def book(rest: str) -> laurels.Book:
    return laurels.Book(laurels.loads(HEAD + rest), "m")


def event(ident: str, kind: str, at: str, **more: Any) -> dict[str, Any]:
    return {"id": ident, "member": "m", "type": kind, "occurred_at": at, **more}


def test_a_multiplier_on_another_event_type_gives_nothing_or_is_refused_at_load() -> None:
    rules = (
        "  rules:\n    r: {on: purchase, give: {points: 1}}\n"
        "    twice: {on: visit, give: {multiply: [r], by: 2}}\n"
    )
    try:
        found = book(rules)
    except ProgramError:
        return
    found.take(event("v", "visit", "2024-01-01"))
    assert found.balance("point").active == 0


def test_dues_before_a_late_event_are_posted_at_their_own_instant() -> None:
    found = book(RATE + "  expires: 10 days\n")
    found.take(event("p", "purchase", "2024-08-01T00:00:00Z", amount="50"))
    found.take(event("v", "visit", "2024-08-02T00:00:00Z", recorded_at="2024-09-01T00:00:00Z"))
    expired = [each for each in found.postings() if each.kind == "expired"]
    assert [each.posted_at == each.effective_at for each in expired] == [True]


def test_a_late_event_reverses_no_due_that_stays() -> None:
    found = book(RATE + "  expires: 10 days\n")
    found.take(event("p", "purchase", "2024-08-01T00:00:00Z", amount="50"))
    found.take(event("a", "adjustment", "2024-03-01T00:00:00Z", points="5", direction="credit",
                     recorded_at="2024-08-18T00:00:00Z"))  # fmt: skip
    found.advance(1_800_000_000_000_000)
    kinds = Counter((each.kind, each.points) for each in found.postings())
    assert kinds["expired", Decimal(50)] == 1


def test_a_level_reached_before_leaves_no_mark_on_postings() -> None:
    """A stale column of the kernel's records made equal postings look different."""
    found = book(
        RATE + "  metrics: {spend: {of: purchase, sum: event.amount}}\n"
        "  ladders: {club: {period: month, rises: at_close, levels: {a: {}, b: {spend: 120}}}}\n"
    )
    found.take(event("h", "hold", "2024-02-13T00:00:00Z", points="30", outcome="accepted",
                     until="2024-02-22T00:00:00Z"))  # fmt: skip
    found.take(event("p", "purchase", "2024-03-31T00:00:00Z", amount="351"))
    found.take(event("v", "visit", "2024-05-05T00:00:00Z", recorded_at="2024-05-06T00:00:00Z"))
    assert not [each for each in found.postings() if each.corrects]


def test_a_late_capture_of_an_unknown_hold_spends_nothing() -> None:
    found = book(RATE + "  holds: {late_capture: if_covered}\n")
    found.take(event("p", "purchase", "2024-02-01", amount="50"))
    decision = found.take(event("c", "capture", "2024-02-02", hold="nobody", points="5"))
    assert decision.status == "refused"
    assert found.balance("point").active == 50


def test_a_capture_that_is_a_fact_waits_for_its_hold() -> None:
    hold = event("h", "hold", "2024-02-02", points="5", outcome="accepted")
    capture = event("c", "capture", "2024-02-03", hold="h", points="5", outcome="accepted")
    for order in ([hold, capture], [capture, hold]):
        found = book(RATE)
        found.take(event("p", "purchase", "2024-02-01", amount="50"))
        for each in order:
            found.take(each)
        assert (found.balance("point").active, found.balance("point").held) == (45, 0)


def test_a_return_of_what_was_never_bought_takes_nothing_back() -> None:
    """Under the next version returns are proportional; the purchase goes as if never bought."""
    found = book(
        RATE + "  returns: as_if_never_bought\n- version: 2\n  effective_from: 2024-06-01\n"
        + RATE + "  returns: proportional\n"
    )  # fmt: skip
    found.take(event("p", "purchase", "2024-04-01T00:00:00Z", amount="40"))
    found.take(event("r1", "return", "2024-07-01T00:00:00Z", returns="p", amount="10"))
    found.take(event("r2", "return", "2024-05-01T00:00:00Z", returns="p",
                     recorded_at="2024-08-01T00:00:00Z"))  # fmt: skip
    assert found.balance("point").debt == 0


def test_what_a_late_event_lets_expire_is_not_posted_before_it() -> None:
    found = book(RATE + "  expires: 5 hours\n")
    found.take(event("p", "purchase", "2024-04-01T05:00:00Z", amount="1",
                     recorded_at="2024-04-04T05:00:00Z"))  # fmt: skip
    found.take(event("q", "visit", "2024-05-01T05:00:00Z"))
    posted = [each.posted_at for each in found.postings()]
    assert posted == sorted(posted)


def test_two_rules_that_pay_debt_make_two_postings() -> None:
    found = book(
        "  rules:\n    r: {on: purchase, give: {points: 3}}\n    q: {on: purchase, give: "
        "{points: 4}}\n"
    )
    found.take(event("d", "redemption", "2024-02-01", points="10", outcome="accepted"))
    found.take(event("p", "purchase", "2024-02-02", amount="1"))
    ids = [each.id for each in found.postings()]
    assert len(ids) == len(set(ids))


def test_a_return_of_what_is_gone_lowers_no_metric() -> None:
    """A whole return when nothing is left; the shares of the return before must not count again."""
    found = book(
        RATE + "  metrics: {toys: {of: purchase, sum: line.amount, where: line.item == 'toy', "
        "net_of_returns: true}}\n"
    )
    toy = [{"line": "1", "amount": "100", "item": "toy"}]
    found.take(event("p", "purchase", "2024-02-01", lines=toy))
    found.take(event("q", "purchase", "2024-02-02", lines=toy))
    found.take(event("r1", "return", "2024-02-03", returns="p"))
    found.take(event("r2", "return", "2024-02-04", returns="p"))
    assert found.metric("toys") == 10_000


def test_a_second_membership_does_not_change_what_the_first_released() -> None:
    """Points that waited for membership are in the lot of their own release."""
    text = HEAD.replace("events:", "products: [card]\nevents:") + RATE
    text += "  membership: {when: held.card, before: pending}\n  expires: 1 month\n"
    found = laurels.Book(laurels.loads(text), "m")
    found.take(event("p", "purchase", "2024-02-01", amount="10"))
    found.take(event("o1", "product_opened", "2024-02-02", product="card"))
    found.take(event("c1", "product_closed", "2024-02-03", product="card"))
    found.take(event("q", "purchase", "2024-02-04", amount="7"))
    found.take(event("r", "return", "2024-02-05", returns="p"))
    balance = found.balance("point")
    assert (balance.active, balance.pending) == (0, 7)


def test_a_unit_spent_along_loses_as_many_points_whatever_its_precision() -> None:
    text = HEAD.replace(
        "{point: {}}", "{point: {spends_too: star}, star: {precision: 0.01, spendable: false}}"
    )
    text += "  rules: {r: {on: purchase, unit: [point, star], give: {rate: 100%}}}\n"
    try:
        found = laurels.Book(laurels.loads(text), "m")
    except ProgramError:
        return
    found.take(event("p", "purchase", "2024-02-01", amount="10"))
    found.take(event("s", "redemption", "2024-02-02", unit="point", points="4"))
    assert (found.balance("point").active, found.balance("star").active) == (6, 6)


def test_what_waited_is_posted_when_its_original_is_known_whether_or_not_time_was_passed() -> None:
    events = [
        event("v", "visit", "2024-01-05T00:00:00Z"),
        event("back", "return", "2024-02-05T00:00:00Z", returns="p", amount="10"),
        event("p", "purchase", "2024-02-04T00:00:00Z", amount="50",
              recorded_at="2024-02-06T00:00:00Z"),
    ]  # fmt: skip
    rules = RATE + "  expires: 1 year\n  returns: proportional\n"
    rules += "  metrics: {spent: {of: purchase, sum: event.amount, window: month}}\n"
    posted = []
    for passed in (False, True):
        found = book(rules)
        found.take(events[0])
        if passed:
            found.advance(1_706_832_000_000_000)  # over the end of January
        for each in events[1:]:
            found.take(each)
        posted.append([(each.kind, each.points, each.posted_at) for each in found.postings()])
    assert posted[0] == posted[1]
    assert [kind for kind, _, _ in posted[0]] == ["earned", "taken_back"]


def test_points_that_were_spent_are_not_spent_again_by_a_request_that_is_dated_before() -> None:
    found = book(RATE)
    found.take(event("p", "purchase", "2024-08-01T00:00:00Z", amount="50"))
    first = found.take(event("b", "redemption", "2024-08-03T00:00:00Z", points="40"))
    late = event("a", "redemption", "2024-08-02T00:00:00Z", points="40",
                 recorded_at="2024-08-03T00:00:01Z")  # fmt: skip
    second = found.take(late)
    assert (first.status, second.status) == ("taken", "refused")
    assert second.refusal is not None
    assert second.refusal.code == "not-covered"
    third = found.take({**late, "id": "c", "points": "10"})
    assert third.status == "taken"
    assert (found.balance("point").active, found.balance("point").debt) == (0, 0)
