"""Explanations: what was decided, as it was known then, with numbers that compute."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from laurels.base.errors import RequestError
from laurels.base.messages import LANGUAGES
from laurels.engine.book import Book
from laurels.engine.compiled import Compiled, load
from laurels.engine.explain import (
    Explainer,
    explain_event,
    explain_member,
    explain_posting,
)
from laurels.engine.merge import meet
from laurels.engine.sentences import sentences
from oracles.histories import PROGRAMS, history

FOLDER = Path(__file__).parent.parent.parent / "programs"
COMPILED: dict[str, Compiled] = {}


def book_of(program: str) -> Book:
    """A fresh book under one of the real programs."""
    if program not in COMPILED:
        COMPILED[program] = load(FOLDER / program / "program.yaml")
    return Book(COMPILED[program], "m")


def take(book: Book, ident: str, kind: str, at: str, **attributes: object) -> None:
    """One event; times are local."""
    book.take({"id": ident, "member": "m", "type": kind, "occurred_at": at, **attributes})


def posting(book: Book, event: str, kind: str, index: int = 0) -> str:
    """The id of a posting of an event."""
    return [p.id for p in book.postings() if p.event == event and p.kind == kind][index]


GOLD = {"method": "qr", "instrument": "gold", "partner": "P1", "amount": "20000"}


# -- why nothing


def test_at_k3_another_instrument_is_the_reason() -> None:
    book = book_of("kaspi-bonus")
    take(book, "1", "purchase", "2025-07-01T12:00", **(GOLD | {"instrument": "other"}))
    seen = explain_event(book, "1")
    assert seen.reason is not None
    assert (seen.reason.code, seen.reason.attribute) == ("condition", "instrument")
    assert (seen.version, seen.computes()) == (2, True)
    assert {rule.rule: rule.reason for rule in seen.rules} == {
        "partner-p1-qr": "condition", "partner-p2-qr": "condition", "travel-rate": "condition",
    }  # fmt: skip
    told = sentences(seen, "en")
    assert told[:2] == [
        "Purchase 1 of 1 July 2025 at 12:00 earned nothing: "
        "instrument is other, which rule partner-p1-qr does not take.",
        "Rule partner-p1-qr gave nothing: instrument is other, one of gold, red_plus was needed.",
    ]
    assert sentences(seen, "ru")[1] == (
        "Правило partner-p1-qr ничего не дало: instrument — other, нужно одно из gold, red_plus."
    )


def test_at_k4_no_offer_names_the_partner() -> None:
    book = book_of("kaspi-bonus")
    take(book, "1", "purchase", "2025-07-01T12:00", **(GOLD | {"partner": "P9"}))
    seen = explain_event(book, "1")
    assert seen.reason is not None
    assert (seen.reason.code, seen.reason.value) == ("no-offer", "P9")
    assert sentences(seen, "en")[0].endswith("earned nothing: no offer is for partner P9.")


def test_at_k8_universal_bonuses_ended_with_version_two() -> None:
    book = book_of("kaspi-bonus")
    take(book, "1", "bill_payment", "2025-05-31T23:59", amount="20000")
    take(book, "2", "bill_payment", "2025-06-01T00:00", amount="20000")
    assert explain_event(book, "1").reason is None
    seen = explain_event(book, "2")
    assert seen.reason is not None
    assert (seen.reason.code, seen.reason.rule, seen.reason.version) == (
        "version-ended", "universal", 2,
    )  # fmt: skip
    assert seen.elsewhere[0].points == Decimal(200)
    told = sentences(seen, "en")
    assert told == [
        "Payment of a bill 2 of 1 June 2025 at 00:00 earned nothing: "
        "rule universal ended when version 2 came into force on 1 June 2025.",
        "Rule universal of version 1 ended when version 2 came into force on 1 June 2025; "
        "it would have given 200 bonuses.",
    ]


def test_an_offer_that_is_over_says_so() -> None:
    book = book_of("kaspi-bonus")
    take(book, "1", "purchase", "2026-06-01T00:00", **GOLD)
    seen = explain_event(book, "1")
    assert seen.reason is not None
    assert seen.reason.code == "offer-ended"


# -- what a rule gave


def in_category_five() -> Book:
    """A member in the highest category in October 2025."""
    book = book_of("halyk-plus")
    take(book, "open", "product_opened", "2025-09-01T00:00", product="deposit")
    for number in range(8):
        take(book, f"b{number}", "bill_payment", f"2025-09-0{number + 1}T10:00", amount="1000",
             channel="app")  # fmt: skip
    for number in range(2):
        take(book, f"e{number}", "purchase", f"2025-09-1{number}T10:00", amount="400000",
             ecosystem="market", network="other")  # fmt: skip
    return book


def test_a_purchase_under_the_monthly_limit() -> None:
    book = in_category_five()
    own = {"network": "own", "method": "qr", "instrument": "debit"}
    take(book, "17", "purchase", "2025-10-05T12:00", amount="50000", **own)
    seen = explain_event(book, "17")
    rule = seen.rules[0]
    assert rule.rate is not None
    assert (rule.base, rule.rate.rate, rule.rate.key) == (Decimal(50_000), Fraction(1, 10), "c5")
    cap = rule.caps[0]
    assert (cap.room_before, cap.room_after) == (Decimal(100_000), Decimal(95_000))
    assert sentences(seen, "en")[:2] == [
        "Purchase 17 of 5 October 2025 at 12:00 earned 5 000 bonuses: 10 % (category c5) of "
        "50 000.00 KZT, rounded down; limit month-limit (per month) had 100 000 left, "
        "95 000 after.",
        "Rule category-rate, version 1. They never expire.",
    ]
    assert sentences(seen, "ru")[0] == (
        "Purchase 17 от 5 октября 2025 г. в 12:00: начислено 5 000 бонусов: 10 % (category c5) "
        "от 50 000,00 KZT, округлено вниз; в пределе month-limit (в месяц) оставалось 100 000, "
        "осталось 95 000."
    )
    one = explain_posting(book, posting(book, "17", "earned"))
    assert one.computes()
    assert sentences(one, "en") == sentences(seen, "en")[:2]


def test_a_limit_that_is_reached_clips_then_stops() -> None:
    book = in_category_five()
    own = {"network": "own", "method": "qr", "instrument": "infinite"}
    take(book, "1", "purchase", "2025-10-05T12:00", amount="900000", **own)
    take(book, "2", "purchase", "2025-10-06T12:00", amount="1000", **own)
    first = explain_event(book, "1")
    given = [(rule.raw, rule.granted) for rule in first.rules]
    assert given == [(90_000, 90_000), (36_000, 10_000)]
    second = explain_event(book, "2")
    assert second.reason is not None
    assert second.reason.code == "cap-exhausted"
    assert "had 0 left, so 100 became 0" in sentences(second, "en")[1]


def test_levels_say_what_they_saw() -> None:
    book = in_category_five()
    book.advance(book.now + 40 * 86_400_000_000)
    change = explain_member(book).levels[0]
    assert (change.before, change.after, change.why) == ("", "c5", "close")
    assert {each.name: (each.value, each.least) for each in change.needs} == {
        "spend": ("808000.00", "700000.00"), "app_payments": ("8", "8"),
        "ecosystem_purchases": ("2", "2"),
    }  # fmt: skip
    assert change.conditions[0].name == "held.deposit"


def test_a_level_begins_and_ends_in_words() -> None:
    book = book_of("halyk-plus")
    take(book, "a", "bill_payment", "2025-09-05T12:00:00", amount="100000", channel="app")
    take(book, "b", "bill_payment", "2025-11-05T12:00:00", amount="1")
    seen = explain_member(book)
    told = " ".join(sentences(seen, "en"))
    assert "category began at c1, at the close of the period." in told
    assert "For c1: spend 100 000.00 (at least 100 000.00)" in told.replace("\u202f", " ").replace(
        "\u00a0", " "
    )
    assert "category went from c1 to no level, at the close of the period." in told


def test_the_better_of_two_rules_and_the_cap_on_fuel() -> None:
    book = book_of("tbc-ertguli")
    take(book, "plan", "product_opened", "2025-03-01T00:00", product="plan")
    card = {"network": "own", "instrument": "debit", "partner": "ERT-NIKORA"}
    for number in range(26):
        take(book, f"p{number}", "purchase", f"2025-03-{number + 1:02}T10:00", amount="1", **card)
    take(book, "a", "purchase", "2025-04-02T10:00", amount="100", **card)
    seen = explain_event(book, "a")
    by_name = {rule.rule: rule for rule in seen.rules}
    assert by_name["nikora-rate"].granted == Decimal("5.00")
    lost = by_name["partner-rate"]
    assert (lost.raw, lost.granted, lost.reason) == (3, 0, "lost-to-better-rule")
    assert lost.stack is not None
    assert lost.stack.winner == "nikora-rate"
    why = "rule nikora-rate of group stage-or-offer gave instead"
    assert f"Rule partner-rate gave nothing: {why}." in sentences(seen, "en")
    take(book, "fuel", "purchase", "2025-04-03T10:00", amount="1000", mcc="5541", **card)
    fuel = {rule.rule: rule for rule in explain_event(book, "fuel").rules}["nikora-rate"]
    assert (fuel.raw, fuel.granted, fuel.caps[0].name) == (50, 10, "fuel")


# -- spending, returns, expiry


def test_a_refused_redemption_names_its_limit() -> None:
    book = book_of("kaspi-bonus")
    take(book, "1", "purchase", "2025-01-01T12:00", amount="4000000", method="qr")
    take(book, "2", "purchase", "2025-01-02T12:00", amount="50000", ecosystem="store")
    take(book, "3", "redemption", "2025-01-02T12:01", pays="2", points="30001")
    seen = explain_event(book, "3")
    assert (seen.status, seen.spending and seen.spending.refusal) == ("refused", "above-limit")
    assert seen.spending is not None
    limit = seen.spending.refused_by()
    assert limit is not None
    assert (limit.name, limit.asked, limit.allowed) == ("store-share", 30_001, 30_000)
    assert sentences(seen, "en") == [
        "Redemption 3 of 2 January 2025 at 12:01 asked for 30 001 bonuses and was refused: "
        "it is above the limit.",
        "Limit store-share: points pay at most 60 % of 50 000.00 KZT, which allows 30 000 bonuses.",
    ]


def test_a_return_in_part_says_what_is_kept() -> None:
    book = book_of("halyk-plus")
    own = {"network": "own", "method": "plastic", "instrument": "infinite"}
    take(book, "1", "purchase", "2025-10-05T12:00", amount="1000", **own)
    take(book, "2", "redemption", "2025-10-06T12:00", points="35")
    take(book, "3", "return", "2025-10-07T12:00", returns="1", amount="333")
    back = explain_posting(book, posting(book, "3", "taken_back"))
    assert back.returned is not None
    kept = back.returned.grants[0]
    assert (kept.granted, kept.kept, kept.left) == (40, 26, Decimal("667.00"))
    assert [(each.kind, each.points) for each in back.together] == [("taken_back", 5), ("debt", 9)]
    assert back.computes()
    assert (
        "Of 40 bonuses by rule infinite it keeps 26 bonuses: "
        "667.00 KZT of 1 000.00 KZT remain, rounded down."
    ) in sentences(back, "en")


def test_what_expires_names_the_postings_that_had_filled_it() -> None:
    book = book_of("mired-coalition")
    take(book, "1", "purchase", "2024-01-10T12:00", amount="1000", partner="KONDITER44")
    take(book, "2", "purchase", "2024-01-10T15:00", amount="500", partner="KONDITER44")
    take(book, "3", "purchase", "2025-03-10T12:00", amount="100", partner="KONDITER44")
    ident = next(p.id for p in book.postings() if p.kind == "expired")
    seen = explain_posting(book, ident)
    assert [each.points for each in seen.sources] == [50, 25]
    assert sentences(seen, "en") == [
        "On 11 January 2025 at 00:00: 75 points expired, "
        "from points that end on 11 January 2025 at 00:00."
    ]


def test_what_expires_is_what_came_to_its_lot_less_what_left_it() -> None:
    book = book_of("mired-coalition")
    take(book, "1", "purchase", "2024-01-10T12:00", amount="1000", partner="KONDITER44")
    take(book, "2", "redemption", "2024-01-10T13:00", points="20", partner="KONDITER44")
    take(book, "3", "purchase", "2024-01-10T15:00", amount="500", partner="KONDITER44")
    take(book, "4", "return", "2024-02-10T12:00", returns="1", amount="400")
    take(book, "5", "purchase", "2025-03-10T12:00", amount="100", partner="KONDITER44")
    expired = next(p for p in book.postings() if p.kind == "expired")
    seen = explain_posting(book, expired.id)
    assert (seen.came, seen.left, expired.points) == (75, 40, 35)
    assert seen.computes()
    assert not replace(seen, left=Decimal(39)).computes()


@pytest.mark.parametrize(
    ("direction", "points", "moved"),
    [
        ("credit", "30", ["adjusted", "debt_paid"]),
        ("debit", "60", ["debt"]),
    ],
)
def test_an_adjustment_comes_to_the_points_that_it_names(
    direction: str, points: str, moved: list[str]
) -> None:
    book = book_of("mired-coalition")
    take(book, "0", "adjustment", "2024-01-10T12:00", points="10", direction="credit")
    take(book, "1", "adjustment", "2024-01-11T12:00", points="25", direction="debit")
    take(book, "2", "adjustment", "2024-01-12T12:00", points=points, direction=direction)
    drawn = explain_posting(book, posting(book, "1", "debt"))
    assert [(each.kind, each.points) for each in drawn.together] == [("adjusted", 10), ("debt", 15)]
    assert (drawn.asked, drawn.computes()) == (25, True)
    seen = explain_posting(book, posting(book, "2", moved[0]))
    assert [each.kind for each in seen.together] == moved
    assert (seen.asked, seen.computes()) == (Decimal(points), True)
    assert not replace(seen, asked=Decimal(points) + 1).computes()


def test_what_was_posted_to_one_who_became_another_is_still_explained() -> None:
    anna, bella = book_of("mired-coalition"), Book(COMPILED["mired-coalition"], "bella")
    take(anna, "a", "purchase", "2024-01-10T12:00", amount="1000", partner="KONDITER44")
    bella.take({"id": "b", "member": "bella", "type": "purchase", "amount": "2000",
                "occurred_at": "2024-01-12T12:00", "partner": "KONDITER44"})  # fmt: skip
    ident = posting(bella, "b", "earned")
    before = explain_posting(bella, ident)
    merge = anna.door.read({"id": "merge", "member": "m", "type": "merged", "absorbed": "bella",
                            "occurred_at": "2024-02-01T12:00"})  # fmt: skip
    meet(anna, bella, merge)
    anna.take_event(merge)
    take(anna, "c", "purchase", "2025-02-10T12:00", amount="100", partner="KONDITER44")
    assert explain_posting(anna, ident) == before
    assert explain_event(anna, "b") == explain_event(bella, "b")
    assert explain_event(anna, "b").postings[0].points == 100
    for each in anna.postings():
        assert explain_posting(anna, each.id).computes(), each
    assert explain_posting(anna, posting(anna, "c", "earned")).computes()


def test_a_redemption_draws_lots_in_leaving_order() -> None:
    book = book_of("mired-coalition")
    take(book, "1", "purchase", "2024-01-10T12:00", amount="1000", partner="KONDITER44")
    take(book, "2", "purchase", "2024-02-10T12:00", amount="1000", partner="KONDITER44")
    take(book, "3", "redemption", "2024-03-10T12:00", points="70", partner="KONDITER44")
    seen = explain_posting(book, posting(book, "3", "spent", 1))
    assert [each.points for each in seen.together] == [50, 20]
    assert seen.computes()


def test_as_if_never_bought_is_explained_by_the_return() -> None:
    book = book_of("mired-coalition")
    take(book, "1", "purchase", "2024-01-10T12:00", amount="1000", partner="KONDITER44")
    take(book, "2", "return", "2024-02-10T12:00", returns="1", amount="400")
    first, second = (p.id for p in book.postings() if p.kind == "earned")
    was, now = explain_posting(book, first), explain_posting(book, second)
    assert (was.rule and was.rule.granted, was.correction) == (50, None)
    assert now.correction is not None
    assert (now.correction.code, now.correction.by.id) == ("return", "2")
    assert (now.correction.points_was, now.correction.points_now) == (50, 30)
    assert now.correction.now is not None
    assert now.correction.now.base == 600
    assert was.computes()
    assert now.computes()
    told = sentences(now, "en")[1]
    assert told.startswith("Corrected on 10 February 2024 at 12:00 because Return 2 of ")
    assert told.endswith(" made it as if never bought: 50 became 30.")
    seen = explain_event(book, "1")
    assert (seen.rules[0].granted, seen.revised[0].points_now) == (50, 30)
    assert explain_event(book, "2").corrected[0].points == 20


def test_late_and_withdrawn_events_are_named_as_the_cause() -> None:
    book = book_of("tbc-ertguli")
    take(book, "plan", "product_opened", "2025-03-01T00:00", product="plan")
    card = {"network": "own", "instrument": "credit_gold"}
    take(book, "1", "purchase", "2025-03-02T10:00", amount="100", **card)
    take(book, "2", "withdrawn", "2025-03-05T10:00", withdraws="1")
    found = explain_posting(book, posting(book, "1", "earned", 1))
    assert found.correction is not None
    assert (found.correction.code, found.correction.points_now) == ("withdrawn", 0)
    assert explain_event(book, "1").status == "withdrawn"
    take(book, "0", "purchase", "2025-03-02T09:00", amount="10",
         recorded_at="2025-03-06T10:00", **card)  # fmt: skip
    late = explain_posting(book, posting(book, "0", "earned"))
    assert late.correction is None
    assert late.computes()


def test_unknown_names_are_refused() -> None:
    book = book_of("mired-coalition")
    with pytest.raises(RequestError) as event:
        explain_event(book, "x")
    with pytest.raises(RequestError) as found:
        explain_posting(book, "x")
    assert (event.value.code, found.value.code) == ("event-unknown", "posting-unknown")


# -- properties


def books(program: str, seed: int, shuffled: bool) -> list[Book]:
    """Books of a random history."""
    rng = random.Random(seed)
    raws = history(program, rng, 2, months=24)
    if shuffled:
        rng.shuffle(raws)
    found: dict[str, Book] = {}
    for raw in raws:
        member = raw["member"]
        book = found.setdefault(member, book_of(program))
        book.member = book.journal.member = member
        try:
            book.take(raw)
        except RequestError:
            continue
    return list(found.values())


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_explanation_computes_to_its_posting(program: str, shuffled: bool) -> None:
    for book in books(program, 11, shuffled):
        explainer = Explainer(book)
        assert [each.posting for each in explainer.located] == list(book.postings())
        for each in explainer.located:
            seen = explainer.explained(each)
            assert seen.computes(), (seen.posting.id, seen)
        for event in book.arrivals:
            whole = explainer.event(event.id, event.source)
            assert whole.computes(), whole
            if whole.spending is not None and whole.spending.limits:
                refused = whole.spending.refused_by()
                assert (refused is None) == (whole.spending.refusal == "")
            for rule in whole.rules:
                for test in rule.tests:
                    if test.atoms:
                        assert test.held == (not test.missing)
        member = explainer.member()
        last = {moment.unit: moment.active for moment in member.moments}
        assert all(last.get(b.unit, 0) == b.active for b in member.balances)


@pytest.mark.parametrize("program", PROGRAMS)
def test_everything_can_be_said_and_written_as_json(program: str) -> None:
    book = books(program, 5, True)[0]
    explainer = Explainer(book)
    seen = [explainer.explained(each) for each in explainer.located[-60:]]
    told = [explainer.event(event.id, event.source) for event in book.arrivals[-60:]]
    for each in [*seen, *told, explainer.member()]:
        json.dumps(each.as_data())
        for language in LANGUAGES:
            texts = sentences(each, language)
            assert all(text and "{" not in text.replace("{'", "") for text in texts)
