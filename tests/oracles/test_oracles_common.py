"""What all oracles share (terms, order, rounding, lots) and the random histories, tested."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from oracles import halyk_plus, histories, kaspi_bonus, mired_coalition
from oracles.common import (
    Lots,
    add_months,
    floor,
    half_up,
    in_order,
    instant,
    month_start,
    read,
    split,
    term_end,
    zone,
)

ALMATY = zone("Asia/Almaty")
MOSCOW = zone("Europe/Moscow")


def at(text, tz):
    """Local time to an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


def test_terms_end_with_their_last_day():
    for day, months, end in [
        ("2024-04-10T15:00:00", 24, "2026-04-11T00:00:00"),
        ("2024-11-30T15:00:00", 3, "2025-03-01T00:00:00"),
        ("2023-11-30T15:00:00", 3, "2024-03-01T00:00:00"),
        ("2024-02-29T00:00:00", 12, "2025-03-01T00:00:00"),
    ]:
        assert term_end(at(day, MOSCOW), months, MOSCOW) == at(end, MOSCOW)
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2024, 3, 31), -1) == date(2024, 2, 29)
    assert month_start(at("2024-03-01T00:00:00", ALMATY), ALMATY, -1) == at(
        "2024-02-01T00:00:00", ALMATY
    )


def test_local_times_that_came_twice_are_the_first_and_those_that_never_came_are_refused():
    first = instant("2024-02-29T23:30:00", ALMATY)
    assert first == datetime(2024, 2, 29, 17, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="never happened"):
        instant("2024-03-31T01:30:00", zone("Europe/London"))


def test_rounding_and_largest_remainder():
    assert floor(Fraction("1234.5")) == 1234
    assert half_up(Fraction("0.125"), Fraction("0.01")) == Fraction("0.13")
    assert half_up(Fraction("0.1249"), Fraction("0.01")) == Fraction("0.12")
    assert split(Fraction(10), [Fraction(1)] * 3, Fraction(1)) == [4, 3, 3]


def test_event_order_is_instant_then_return_after_original_then_source_then_bytes():
    def event(ident, kind="purchase", source="", **more):
        row = {"id": ident, "type": kind, "source": source, "member": "m"}
        return row | {"occurred_at": "2024-01-01T00:00:00Z", "amount": "1"} | more

    rows = [
        event("z"),
        event("é"),
        event("a", source="s"),
        event("B"),
        event("A", "return", returns="b"),
        event("b"),
        event("zz", "return", returns="a", occurred_at="2023-01-01T00:00:00Z", source="s"),
    ]
    ordered = [row["id"] for row in in_order(read(rows, MOSCOW))]
    assert ordered == ["B", "b", "A", "z", "é", "a", "zz"]


def test_lots_leave_soonest_end_first_and_debt_is_paid_first():
    early, late = datetime(2025, 3, 31, tzinfo=UTC), datetime(2025, 6, 30, tzinfo=UTC)
    now = datetime(2025, 3, 1, tzinfo=UTC)
    lots = Lots()
    lots.add(Fraction(500), late)
    lots.add(Fraction(300), early)
    lots.add(Fraction(50), None)
    lots.spend(Fraction(400))  # AT-T11
    assert [(lot["points"], lot["end"]) for lot in lots.active] == [(400, late), (50, None)]
    lots.take_back(Fraction(430), late, now)  # own lot, then the others
    assert [(lot["points"], lot["end"]) for lot in lots.active] == [(20, None)]
    lots.take_back(Fraction(100), early, early)  # ended: gives nothing back
    assert (lots.active_points(), lots.debt) == (20, 0)
    lots.take_back(Fraction(100), late, now)
    assert (lots.active_points(), lots.debt) == (0, 80)
    lots.add_pending(Fraction(100), activation=early, end=late)
    lots.take_back(Fraction(10), late, now, activation=early)  # lowered while pending
    assert (lots.pending_points(), lots.debt) == (90, 80)
    lots.activate(early)
    assert (lots.active_points(), lots.debt) == (10, 0)


@pytest.mark.parametrize("program", sorted(histories.PROGRAMS))
def test_a_history_is_the_same_for_the_same_seed_and_has_every_trouble(program):
    rows = histories.history(program, random.Random(7), members=12, months=30)
    assert rows == histories.history(program, random.Random(7), members=12, months=30)
    kinds = {row["type"] for row in rows}
    assert {"return", "redemption", "hold", "capture", "void", "withdrawn", "adjustment"} <= kinds
    ids = [(row.get("source", ""), row["id"]) for row in rows]
    assert len(set(ids)) < len(ids)
    assert any("lines" in row for row in rows)


@pytest.mark.parametrize("oracle", [halyk_plus, kaspi_bonus, mired_coalition])
def test_the_order_of_arrival_changes_nothing(oracle):
    program = oracle.__name__.rpartition(".")[2].replace("_", "-")
    rows = histories.history(program, random.Random(3), members=5, months=30)
    books = oracle.books(rows)
    random.Random(4).shuffle(rows)
    assert oracle.books(rows) == books
    for row in books.values():
        unit = "point" if oracle is mired_coalition else "bonus"
        assert row[f"active_{unit}"] == 0 or row[f"debt_{unit}"] == 0
        assert min(value for value in row.values() if isinstance(value, Fraction)) >= 0
