"""Room: what the kernel writes into is large enough, however long a member was away."""

from pathlib import Path

import laurels
from laurels.base.instants import parse_instant

PROGRAMS = Path(__file__).parents[2] / "programs"
HEAD = """
program: room
zone: UTC
currency: GBP
units: {point: {}}
member: {born: date}
events:
  purchase: {amount: required, line: {item: text}}
versions:
- version: 1
"""


def test_a_hundred_birthdays_of_an_absent_member_are_all_given() -> None:
    rules = "".join(
        f"    r{i}: {{on: birthday, give: {{points: {i + 1}}}, expires: {200 + i} months}}\n"
        for i in range(5)
    )
    program = laurels.loads(HEAD + "  rules:\n" + rules)
    book = laurels.Book(program, "m")
    book.take({"id": "b", "member": "m", "type": "member", "born": "1990-02-28",
               "occurred_at": "2000-03-01T00:00:00Z"})  # fmt: skip
    posted = book.advance(parse_instant("2100-03-01T00:00:00Z", "UTC"))
    earned = [each for each in posted if each.kind == "earned"]
    assert len(earned) == 500
    assert sum(each.points for each in earned) == 1500


def test_a_return_of_a_thousand_lines_takes_back_every_share() -> None:
    rules = "    base: {on: purchase, give: {rate: 100%}}\n"
    program = laurels.loads(HEAD + "  rules:\n" + rules)
    book = laurels.Book(program, "m")
    lines = [{"line": str(i), "amount": "3.33", "item": "x"} for i in range(1000)]
    earned = book.take({"id": "p", "member": "m", "type": "purchase", "lines": lines,
                        "occurred_at": "2024-01-01T00:00:00Z"})  # fmt: skip
    assert sum(each.points for each in earned.postings) == 3330
    book.take({"id": "s", "member": "m", "type": "redemption", "points": "3000",
               "occurred_at": "2024-01-02T00:00:00Z"})  # fmt: skip
    back = book.take({"id": "r", "member": "m", "type": "return", "returns": "p",
                      "occurred_at": "2024-01-03T00:00:00Z"})  # fmt: skip
    assert sum(each.points for each in back.postings) == 3330
    assert book.balance("point").debt == 3000


def test_a_return_that_was_withdrawn_while_it_waited_never_acts() -> None:
    program = laurels.loads(HEAD + "  rules:\n    base: {on: purchase, give: {rate: 100%}}\n")
    book = laurels.Book(program, "m")
    for event in (
        {"id": "r", "type": "return", "returns": "p", "occurred_at": "2024-01-01T00:00:00Z"},
        {"id": "w", "type": "withdrawn", "withdraws": "r", "occurred_at": "2024-01-02T00:00:00Z"},
        {"id": "p", "type": "purchase", "amount": "10", "occurred_at": "2024-01-03T00:00:00Z"},
    ):
        book.take({"member": "m", **event})
    assert book.balance("point").active == 10
