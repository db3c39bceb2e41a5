"""A program may use the engine's own words as names: they mean what the program says."""

from __future__ import annotations

from typing import Any

import pytest

import laurels
from laurels.engine.kernel import layout as K

PROGRAM = """
program: words
zone: UTC
currency: EUR
units: {point: {}}
products: [«lot», «head»]
events:
  purchase:
    amount: required
    attributes:
      «day»: [weekday, weekend]
      «month»: integer
      «at»: flag
      «version»: text
      «paid»: money
      «local_day»: integer
      «budget_0»: integer
      «version_starts_with_0»: text
    line: {«share»: text, «mark»: integer, «left»: money, «rest»: text, «share_contains_1»: text}
versions:
- version: 1
  metrics:
    «x»: {of: purchase, count: events}
    «x_2»: {of: purchase, sum: event.«month»}
    «x_v2»: {of: purchase, max: event.«month»}
  rules: &rules
    a:
      on: purchase
      when: event.«day» == 'weekend' && event.«at» && event.«month» > 3
      give: {points: 1}
    b:
      on: purchase
      when: event.«version».startsWith('new') && event.«version_starts_with_0» == 'q'
      give: {points: 10}
    c:
      on: purchase
      lines: line.«share» == 'big' && line.«mark» == 2 && line.«share».contains('i')
      give: {rate: 100%}
    d: {on: purchase, when: "held.«lot» && !held.«head»", give: {points: 1000}}
    e:
      on: purchase
      when: metrics.«x» >= 2 && metrics.«x_2» == 9 && metrics.«x_v2» == 5
      give: {points: 10000}
    f: {on: purchase, when: event.«local_day» == 8 && local.day == 3, give: {points: 100000}}
    g: {on: purchase, when: event.«paid» > line_free, give: {points: 1000000}}
- version: 2
  effective_from: 2024-02-01
  metrics:
    «x»: {of: purchase, count: events, where: event.«month» > 4}
    «x_2»: {of: purchase, sum: event.«month»}
    «x_v2»: {of: purchase, max: event.«month»}
  rules: *rules
""".replace("line_free", "money('1')")  # fmt: skip


def book(renamed: bool) -> laurels.Book:
    text = PROGRAM.replace("«", "w_" if renamed else "").replace("»", "")
    return laurels.Book(laurels.loads(text), "m")


def event(number: int, at: str, renamed: bool) -> dict[str, Any]:
    own = {
        "day": "weekend", "month": 4 + number, "at": "true", "version": "newest", "paid": "2.50",
        "local_day": 8, "budget_0": 3, "version_starts_with_0": "q",
    }  # fmt: skip
    line = {"share": "big", "mark": 2, "left": "0.10", "rest": "z", "share_contains_1": "y"}
    name = (lambda key: f"w_{key}") if renamed else str
    lines = [
        {"id": "1", "amount": "7.00", **{name(key): value for key, value in line.items()}},
        {"id": "2", "amount": "5.00"},
    ]
    return {
        "id": f"p{number}", "member": "m", "type": "purchase", "occurred_at": at, "amount": "12.00",
        "lines": lines, **{name(key): value for key, value in own.items()},
    }  # fmt: skip


def life(renamed: bool) -> list[tuple[str, str]]:
    found = book(renamed)
    lot = "w_lot" if renamed else "lot"
    opened = {"id": "o", "member": "m", "type": "product_opened", "product": lot}
    found.take({**opened, "occurred_at": "2024-01-02"})
    for number, day in enumerate(("2024-01-03", "2024-01-04", "2024-03-03", "2024-03-04")):
        found.take(event(number, day, renamed))
    found.take({"id": "r", "member": "m", "type": "return", "returns": "p3", "line": "1",
                "amount": "3.50", "occurred_at": "2024-03-05"})  # fmt: skip
    return [(each.kind, str(each.points)) for each in found.postings()]


def test_the_engines_words_as_names_mean_what_other_names_mean() -> None:
    plain = life(renamed=True)
    assert life(renamed=False) == plain
    earned = [points for kind, points in plain if kind == "earned"]
    assert {"1", "10", "7", "1000", "10000", "100000", "1000000"} <= set(earned)


@pytest.mark.parametrize("renamed", [False, True])
def test_every_name_has_its_own_place(renamed: bool) -> None:
    slots = book(renamed).compiled.slots
    names = [*slots.state, *slots.columns, *slots.lines]
    assert len(names) == len(set(names))
    assert not set(names) & {name for name in vars(K) if name.isupper()}
    for places in (slots.state, slots.columns, slots.lines):
        assert len(set(places.values())) == len(places)
