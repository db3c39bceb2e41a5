"""Merging two members."""

from decimal import Decimal
from pathlib import Path

import pytest

import laurels
from laurels.base.errors import RequestError
from laurels.base.instants import parse_instant
from laurels.engine.merge import meet
from laurels.ledger.postings import check_posting

PROGRAMS = Path(__file__).parents[2] / "programs"
MIRED = laurels.load(PROGRAMS / "mired-coalition" / "program.yaml")
TBC = laurels.load(PROGRAMS / "tbc-ertguli" / "program.yaml")


def at(text: str) -> int:
    return parse_instant(text, "UTC")


def bought(book: laurels.Book, name: str, when: str, amount: str, **more: str) -> laurels.Decision:
    event = {"id": name, "member": book.member, "type": "purchase", "occurred_at": when,
             "amount": amount, "partner": "KONDITER44", "method": "qr"}  # fmt: skip
    return book.take({**event, **more})


def redeem(book: laurels.Book, name: str, when: str, points: str) -> laurels.Decision:
    return book.take(
        {"id": name, "member": book.member, "type": "redemption", "occurred_at": when,
         "points": points, "partner": "KONDITER44"}
    )  # fmt: skip


def two() -> tuple[laurels.Book, laurels.Book]:
    anna, bella = laurels.Book(MIRED, "anna"), laurels.Book(MIRED, "bella")
    bought(anna, "a1", "2025-01-10T10:00:00Z", "1000")
    bought(bella, "b1", "2025-01-12T10:00:00Z", "2000")
    return anna, bella


def merged(book: laurels.Book, other: laurels.Book, when: str) -> laurels.Book:
    """The other becomes the book's member."""
    event = book.door.read(
        {"id": f"merge-{other.member}", "member": book.member, "type": "merged",
         "occurred_at": when, "absorbed": other.member}
    )  # fmt: skip
    meet(book, other, event)
    assert book.take_event(event).status == "taken"
    return book


def active(book: laurels.Book) -> Decimal:
    return book.balance("point").active


def test_lots_of_both_sides_are_united_in_leaving_order() -> None:
    anna, bella = two()
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    assert active(both) == 150
    assert [lot.points for lot in both.lots("point")] == [50, 100]
    assert redeem(both, "m1", "2025-02-02T10:00:00Z", "60").status == "taken"
    assert [lot.points for lot in both.lots("point")] == [90]


def test_debt_of_one_side_is_paid_by_the_lots_of_the_other() -> None:
    anna, bella = two()
    redeem(anna, "a2", "2025-01-11T10:00:00Z", "50")
    anna.take({"id": "a3", "member": "anna", "type": "return", "returns": "a1",
               "occurred_at": "2025-01-20T10:00:00Z"})  # fmt: skip
    assert anna.balance("point").debt == 50
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    assert (active(both), both.balance("point").debt) == (50, 0)
    for posting in [*both.postings(), *bella.postings()]:
        check_posting(posting)


def test_a_return_after_the_merge_finds_a_purchase_of_either_side() -> None:
    anna, bella = two()
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    both.take({"id": "r", "member": "bella", "type": "return", "returns": "b1", "amount": "1000",
               "occurred_at": "2025-03-01T10:00:00Z"})  # fmt: skip
    assert active(both) == 100


def test_a_late_event_joins_its_side_and_what_came_after_is_folded_again() -> None:
    anna, bella = two()
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    refused = redeem(both, "m1", "2025-02-02T10:00:00Z", "160")
    assert refused.status == "refused"
    redeem(both, "m2", "2025-02-03T10:00:00Z", "150")
    bought(both, "a9", "2025-01-15T10:00:00Z", "1000", recorded_at="2025-02-05T10:00:00Z")
    assert active(both) == 50
    anna2, bella2 = two()
    bought(anna2, "a9", "2025-01-15T10:00:00Z", "1000")
    again = merged(anna2, bella2, "2025-02-01T00:00:00Z")
    redeem(again, "m2", "2025-02-03T10:00:00Z", "150")
    assert again.lots("point") == both.lots("point")


def test_counts_are_added_and_the_higher_level_stands() -> None:
    books = []
    for name, payments in (("anna", 20), ("bella", 27)):
        book = laurels.Book(TBC, name)
        for i in range(payments):
            bought(book, f"{name}{i}", f"2025-04-02T10:{i:02d}:00Z", "10", network="own")
        books.append(book)
    both = merged(books[0], books[1], "2025-04-10T00:00:00Z")
    assert both.level("stage").name == "stage2"
    assert both.metric("payments") == 47


def test_a_merge_into_the_past_is_refused() -> None:
    anna, bella = two()
    with pytest.raises(RequestError, match="at or after the merge"):
        merged(anna, bella, "2025-01-11T00:00:00Z")


def test_who_was_merged_takes_nothing_more_and_the_books_add_up() -> None:
    anna, bella = two()
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    bought(both, "m1", "2025-03-01T10:00:00Z", "1000")
    both.advance(at("2027-01-01T00:00:00Z"))
    bella.advance(at("2027-01-01T00:00:00Z"))
    sums: dict[str, Decimal] = {}
    for posting in [*both.postings(), *bella.postings()]:
        sums[posting.from_account] = sums.get(posting.from_account, Decimal(0)) - posting.points
        sums[posting.to_account] = sums.get(posting.to_account, Decimal(0)) + posting.points
    assert sums["member:active"] == active(both) == 0


def test_a_purchase_of_who_was_merged_that_is_withdrawn_never_was() -> None:
    anna, bella = two()
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    redeem(both, "m1", "2025-02-02T10:00:00Z", "120")
    taken = both.take({"id": "w", "member": "anna", "type": "withdrawn", "withdraws": "b1",
                       "occurred_at": "2025-02-10T10:00:00Z"})  # fmt: skip
    assert (active(both), both.balance("point").debt) == (0, 70)
    assert {each.member for each in taken.postings} == {"anna", "bella"}
    for posting in taken.postings:
        check_posting(posting)


def test_a_hold_of_who_was_merged_is_captured_by_its_name() -> None:
    anna, bella = two()
    for book in (anna, bella):
        book.take({"id": f"h-{book.member}", "member": book.member, "type": "hold", "points": "20",
                   "partner": "KONDITER44", "occurred_at": "2025-01-15T10:00:00Z"})  # fmt: skip
    both = merged(anna, bella, "2025-01-16T00:00:00Z")
    assert both.balance("point").held == 40
    for name in ("h-bella", "h-anna"):
        took = both.take({"id": f"c-{name}", "member": "anna", "type": "capture", "hold": name,
                          "occurred_at": "2025-01-16T10:00:00Z"})  # fmt: skip
        assert took.status == "taken"
    assert (active(both), both.balance("point").held) == (110, 0)


def test_a_chain_of_merges_keeps_what_every_one_had() -> None:
    anna, bella = two()
    clara = laurels.Book(MIRED, "clara")
    bought(clara, "c1", "2025-01-13T10:00:00Z", "3000")
    merged(bella, clara, "2025-01-20T00:00:00Z")
    both = merged(anna, bella, "2025-02-01T00:00:00Z")
    assert active(both) == 300
    both.take({"id": "r", "member": "clara", "type": "return", "returns": "c1", "amount": "1000",
               "occurred_at": "2025-03-01T10:00:00Z"})  # fmt: skip
    assert active(both) == 250
