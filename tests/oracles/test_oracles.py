"""The catalogue's acceptance tests for Halyk+, Kaspi Bonus and MIRED, put to the oracles.

An oracle that judges the engine must itself be judged first. AT-H15 (a bank promotion), AT-K6
(a check of the file) and AT-K13 (an item's own limit) are of no oracle: the seven files do not
hold them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import count

import pytest

from oracles import halyk_plus, kaspi_bonus, mired_coalition
from oracles.common import zone

ALMATY = zone("Asia/Almaty")
MOSCOW = zone("Europe/Moscow")


def at(text, tz):
    """Local time to an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


class Book:
    """The events of one member `m`, written in local time."""

    def __init__(self, oracle, tz, unit):
        self.books, self.tz, self.unit = oracle.books, tz, unit
        self.events = []
        self.ids = count(1)

    def add(self, when, kind, amount=None, ident=None, **attributes):
        """One event; answers its id."""
        ident = ident or f"e{next(self.ids):04d}"
        occurred_at = at(when, self.tz).isoformat()
        event = {"id": ident, "member": "m", "type": kind, "occurred_at": occurred_at}
        if amount is not None:
            event["amount"] = str(amount)
        self.events.append(event | attributes)
        return ident

    def row(self, until=None):
        return self.books(self.events, at(until, self.tz) if until else None)["m"]

    def active(self, until=None):
        return self.row(until)[f"active_{self.unit}"]

    def debt(self):
        return self.row()[f"debt_{self.unit}"]

    def gains(self, when, kind, amount, **attributes):
        """How many active points this event brings."""
        before = self.active() if self.events else 0
        self.add(when, kind, amount, **attributes)
        return self.active() - before


# ---------------------------------------------------------------- Halyk+

QR = {"network": "own", "method": "qr", "instrument": "debit"}
INFINITE = QR | {"instrument": "infinite"}


class Halyk(Book):
    def __init__(self, oracle=halyk_plus):
        super().__init__(oracle, ALMATY, "bonus")

    def month(self, month, spend, payments, ecosystem=0, deposit=False):
        """A month with this much of everything, which itself earns nothing."""
        if deposit:
            self.add(f"{month}-01T00:00:00", "product_opened", product="deposit")
        left = Fraction(spend)
        for _ in range(payments):
            self.add(f"{month}-05T12:00:00", "bill_payment", 100, channel="app")
            left -= 100
        for _ in range(ecosystem):
            self.add(f"{month}-06T12:00:00", "purchase", 100, ecosystem="kino", network="other")
            left -= 100
        self.add(f"{month}-07T12:00:00", "purchase", f"{float(left):.2f}", network="other")


@pytest.fixture
def c5():
    """Category 10 % in October 2024."""
    book = Halyk()
    book.month("2024-09", 700_000, 8, ecosystem=2, deposit=True)
    assert book.row("2024-10-01T00:00:01")["tier_category"] == "c5"
    return book


@pytest.fixture
def c1():
    """Category 1 % in October 2024."""
    book = Halyk()
    book.month("2024-09", 100_000, 1)
    return book


def test_at_h1_ten_percent_and_infinite_earn_fourteen(c5):
    assert c5.gains("2024-10-10T10:00:00", "purchase", 50_000, **INFINITE) == 7_000


def test_at_h2_ten_percent_by_smartphone(c5):
    card = QR | {"method": "smartphone"}
    assert c5.gains("2024-10-10T10:00:00", "purchase", 50_000, **card) == 5_000


def test_at_h3_one_percent(c1):
    assert c1.gains("2024-10-10T10:00:00", "purchase", 50_000, **QR) == 500


def test_at_h4_another_banks_terminal_earns_nothing(c5):
    card = INFINITE | {"network": "other"}
    assert c5.gains("2024-10-10T10:00:00", "purchase", 50_000, **card) == 0


def test_at_h5_a_month_of_exactly_100_000_gives_the_whole_next_month(c1):
    assert c1.row("2024-10-01T00:00:00")["tier_category"] is None
    october = c1.row("2024-10-01T00:00:00.000001")
    assert october["tier_category"] == "c1"
    assert october["tier_category_until"] == at("2024-11-01T00:00:00", ALMATY)
    assert c1.gains("2024-10-01T00:00:00", "purchase", 1_000, **QR) == 10
    assert c1.gains("2024-10-31T23:59:59", "purchase", 1_000, **QR) == 10
    assert c1.row("2024-11-01T00:00:00")["tier_category"] == "c1"
    assert c1.gains("2024-11-01T00:00:00", "purchase", 1_000, **QR) == 0


def test_at_h6_one_tenge_short_gives_no_category():
    book = Halyk()
    book.month("2024-09", 99_999, 5)
    assert book.gains("2024-10-10T10:00:00", "purchase", 50_000, **QR) == 0


def test_at_h7_no_app_payment_gives_no_category():
    book = Halyk()
    book.month("2024-09", 250_000, 0)
    assert book.gains("2024-10-10T10:00:00", "purchase", 50_000, **QR) == 0


def test_at_h8_a_category_lasts_one_month_without_activity(c5):
    assert c5.row("2024-10-31T23:59:59")["tier_category"] == "c5"
    november = c5.row("2024-11-02T00:00:00")
    assert november["tier_category"] is None
    assert november["tier_category_until"] is None


def test_at_h9_the_limit_clips_at_100_000(c5):
    gains = [
        c5.gains(f"2024-10-{day}T10:00:00", "purchase", amount, **QR)
        for day, amount in ((10, 900_000), (11, 200_000), (12, 10_000))
    ]
    assert gains == [90_000, 10_000, 0]


def test_at_h10_the_limit_covers_the_infinite_rate_too(c5):
    assert c5.gains("2024-10-10T10:00:00", "purchase", 700_000, **INFINITE) == 98_000
    assert c5.gains("2024-10-11T10:00:00", "purchase", 50_000, **INFINITE) == 2_000


def test_at_h11_under_a5b_the_limit_covers_the_base_only(c5):
    c5.books = halyk_plus.books_a5b
    assert c5.gains("2024-10-10T10:00:00", "purchase", 700_000, **INFINITE) == 98_000
    assert c5.gains("2024-10-11T10:00:00", "purchase", 50_000, **INFINITE) == 7_000
    assert c5.active() == 105_000


def test_at_h12_the_limit_is_of_the_month(c5):
    c5.month("2024-10", 700_000, 8, ecosystem=2)
    assert c5.gains("2024-10-31T23:59:59", "purchase", 2_000_000, **QR) == 100_000
    assert c5.gains("2024-11-01T00:00:00", "purchase", 10_000, **QR) == 1_000


def test_at_h13_points_belong_to_the_client_not_to_the_card(c5):
    c5.add("2024-10-10T10:00:00", "purchase", 50_000, **INFINITE)
    c5.add("2024-10-20T10:00:00", "redemption", points="7000", instrument="debit")
    assert c5.active() == 0
    assert c5.debt() == 0


def test_at_h14_points_are_rounded_down(c5):
    assert c5.gains("2024-10-10T10:00:00", "purchase", 12_345, **QR) == 1_234


@pytest.mark.parametrize(
    ("spend", "payments", "ecosystem", "deposit", "level"),
    [
        ("99999.99", 1, 0, False, None),
        ("100000", 1, 0, False, "c1"),
        ("149999.99", 3, 0, False, "c1"),
        ("150000", 2, 0, False, "c1"),
        ("150000", 3, 0, False, "c2"),
        ("249999.99", 5, 1, False, "c2"),
        ("250000", 4, 1, False, "c2"),
        ("250000", 5, 0, False, "c2"),
        ("250000", 5, 1, False, "c3"),
        ("250000", 5, 0, True, "c3"),
        ("400000", 5, 1, False, "c3"),
        ("400000", 5, 0, True, "c3"),
        ("399999.99", 5, 1, True, "c3"),
        ("400000", 5, 1, True, "c4"),
        ("700000", 7, 2, True, "c4"),
        ("700000", 8, 1, True, "c4"),
        ("699999.99", 8, 2, True, "c4"),
        ("700000", 8, 2, True, "c5"),
    ],
)
def test_both_sides_of_every_threshold_of_a_category(spend, payments, ecosystem, deposit, level):
    book = Halyk()
    book.month("2024-09", spend, payments, ecosystem, deposit)
    assert book.row("2024-10-02T00:00:00")["tier_category"] == level


@pytest.mark.parametrize(
    ("closed_at", "level"), [("2024-09-30T23:59:59", "c2"), ("2024-10-01T00:00:00", "c3")]
)
def test_a_deposit_counts_when_it_is_held_at_month_end(closed_at, level):
    book = Halyk()
    book.month("2024-09", 250_000, 5, deposit=True)
    book.add(closed_at, "product_closed", product="deposit")
    assert book.row("2024-10-02T00:00:00")["tier_category"] == level


def test_the_limit_without_a_category_is_10_000():
    book = Halyk()
    assert book.gains("2024-09-10T10:00:00", "purchase", 300_000, **INFINITE) == 10_000


def test_a_return_lowers_the_spend_of_its_own_month_and_not_below_zero():
    book = Halyk()
    book.month("2024-09", 99_900, 1)
    bought = book.add("2024-09-30T10:00:00", "purchase", 5_000, **QR)
    book.add("2024-10-01T00:00:00", "return", 5_000, returns=bought)
    book.month("2024-10", 100_000, 1)
    assert book.row("2024-10-02T00:00:00")["tier_category"] == "c1"
    assert book.row("2024-11-02T00:00:00")["tier_category"] == "c1"


def test_a_return_is_proportional_posting_by_posting_and_cap_room_stays_used(c5):
    bought = c5.add("2024-10-10T10:00:00", "purchase", 999, **INFINITE)
    assert c5.active() == 99 + 39
    assert c5.gains("2024-10-11T10:00:00", "return", 333, returns=bought) == 66 + 26 - 99 - 39
    assert c5.gains("2024-10-12T10:00:00", "return", 9_999, returns=bought) == -66 - 26
    assert c5.gains("2024-10-13T10:00:00", "purchase", 2_000_000, **QR) == 100_000 - 99 - 39


def test_what_is_returned_after_it_was_clipped_is_what_was_granted(c5):
    c5.add("2024-10-10T10:00:00", "purchase", 900_000, **QR)
    clipped = c5.add("2024-10-11T10:00:00", "purchase", 200_000, **QR)
    assert c5.gains("2024-10-12T10:00:00", "return", 100_000, returns=clipped) == -5_000


def test_a_return_of_what_is_spent_becomes_debt_that_the_next_points_pay(c5):
    bought = c5.add("2024-10-10T10:00:00", "purchase", 10_000, **QR)
    c5.add("2024-10-11T10:00:00", "redemption", points="800")
    c5.add("2024-10-12T10:00:00", "return", 10_000, returns=bought)
    assert (c5.active(), c5.debt()) == (0, 800)
    c5.add("2024-10-13T10:00:00", "purchase", 10_000, **QR)
    assert (c5.active(), c5.debt()) == (200, 0)


def test_the_part_paid_in_points_earns_nothing_and_moves_no_points(c5):
    assert c5.gains("2024-10-10T10:00:00", "purchase", 9_000, paid_in_points="4000", **QR) == 500
    assert c5.gains("2024-10-11T10:00:00", "purchase", 9_000, paid_in_points="9001", **QR) == 0


def test_february_2024_closes_after_its_last_hour_came_twice():
    book = Halyk()
    for hour in ("2024-02-29T17:30:00Z", "2024-02-29T18:30:00Z"):  # both are 23:30 local
        payment = {"id": hour, "member": "m", "type": "bill_payment", "occurred_at": hour}
        book.events.append(payment | {"amount": "50000", "channel": "app"})
    march = {"id": "x", "member": "m", "type": "bill_payment", "amount": "1"}
    book.events.append(march | {"occurred_at": "2024-02-29T19:00:00Z"})
    assert book.row()["tier_category"] == "c1"
    assert book.row()["tier_category_until"] == datetime(2024, 3, 31, 19, tzinfo=UTC)


def test_a_withdrawn_event_changes_the_category_that_it_had_given(c1):
    c1.add("2024-10-10T10:00:00", "purchase", 50_000, **QR)
    c1.add("2024-10-11T10:00:00", "redemption", points="400")
    c1.add("2024-10-12T10:00:00", "withdrawn", withdraws="e0001")
    assert (c1.active(), c1.debt()) == (0, 400)
    assert c1.row()["tier_category"] is None
    assert c1.active("2024-10-12T10:00:00") == 100


def test_a_line_returns_its_own_share(c5):
    c5.add("2024-10-10T10:00:00", "purchase", **QR, ident="p")
    amounts = ("33.33", "33.33", "33.34", "905")
    c5.events[-1]["lines"] = [
        {"line": str(number), "amount": amount} for number, amount in enumerate(amounts, 1)
    ]
    assert c5.active() == 100  # shares 3, 3, 4 (the largest remainder) and 90
    assert c5.gains("2024-10-11T10:00:00", "return", "33.34", returns="p", line="3") == -4
    assert c5.gains("2024-10-12T10:00:00", "return", "971.66", returns="p") == -96


# ---------------------------------------------------------------- Kaspi Bonus

GOLD = {"method": "qr", "instrument": "gold"}


@pytest.fixture
def kaspi():
    return Book(kaspi_bonus, ALMATY, "bonus")


def test_at_k1_k2_k3_partner_qr_and_instrument_together(kaspi):
    when = "2025-07-01T10:00:00"
    assert kaspi.gains(when, "purchase", 20_000, partner="P1", **GOLD) == 3_000
    red = {"method": "qr", "instrument": "red_plus"}
    assert kaspi.gains(when, "purchase", 20_000, partner="P1", **red) == 3_000
    other = {"method": "qr", "instrument": "other"}
    assert kaspi.gains(when, "purchase", 20_000, partner="P1", **other) == 0
    plastic = {"method": "plastic", "instrument": "gold"}
    assert kaspi.gains(when, "purchase", 20_000, partner="P1", **plastic) == 0


def test_at_k4_a_partner_without_an_offer(kaspi):
    assert kaspi.gains("2025-07-01T10:00:00", "purchase", 20_000, partner="P9", **GOLD) == 0


def test_at_k5_an_offer_of_seven_percent(kaspi):
    assert kaspi.gains("2025-07-01T10:00:00", "purchase", 20_000, partner="P2", **GOLD) == 1_400


def test_at_k7_travel_and_best_of_two_offers(kaspi):
    when = "2025-07-01T10:00:00"
    assert kaspi.gains(when, "purchase", 100_000, ecosystem="travel") == 15_000
    both = GOLD | {"partner": "P2", "ecosystem": "travel"}
    assert kaspi.gains(when, "purchase", 100_000, **both) == 15_000


def test_at_k8_k9_universal_bonuses_end_at_the_first_instant_of_june_2025(kaspi):
    assert kaspi.gains("2025-05-31T23:59:59", "bill_payment", 20_000, service="utilities") == 200
    assert kaspi.gains("2025-06-01T00:00:00", "bill_payment", 20_000, service="utilities") == 0
    assert kaspi.gains("2025-06-01T00:00:00", "purchase", 100, ecosystem="travel") == 15
    assert kaspi.gains("2026-05-31T23:59:59", "purchase", 100, ecosystem="travel") == 15
    assert kaspi.gains("2026-06-01T00:00:00", "purchase", 100, ecosystem="travel") == 0


@pytest.mark.parametrize(
    ("balance", "asked", "left"),
    [
        ("40000", "30000", 10_000),  # AT-K10
        ("12000", "12000", 0),  # AT-K11
        ("12000", "12001", 12_000),
        ("40000", "30001", 40_000),  # AT-K12
    ],
)
def test_at_k10_k11_k12_at_most_sixty_percent_of_a_store_price(kaspi, balance, asked, left):
    kaspi.add("2025-07-01T09:00:00", "adjustment", points=balance, direction="credit")
    bought = kaspi.add("2025-07-01T10:00:00", "purchase", 50_000, ecosystem="store")
    kaspi.add("2025-07-01T10:00:01", "redemption", points=asked, pays=bought)
    assert kaspi.active() == left


def test_two_payments_of_one_store_price_share_the_sixty_percent(kaspi):
    kaspi.add("2025-07-01T09:00:00", "adjustment", points="40000", direction="credit")
    bought = kaspi.add("2025-07-01T10:00:00", "purchase", 50_000, ecosystem="store")
    for points in ("20000", "10001", "10000"):
        kaspi.add("2025-07-01T10:00:01", "redemption", points=points, pays=bought)
    assert kaspi.active() == 10_000


def test_a_redemption_that_pays_an_unknown_or_later_event_is_refused(kaspi):
    kaspi.add("2025-07-01T09:00:00", "adjustment", points="100", direction="credit")
    later = kaspi.add("2025-07-01T10:00:00", "purchase", 50_000, ecosystem="store")
    kaspi.add("2025-07-01T09:59:59", "redemption", points="10", pays=later)
    kaspi.add("2025-07-01T10:00:01", "redemption", points="10", pays="nothing")
    assert kaspi.active() == 100


def test_any_return_takes_back_all(kaspi):
    bought = kaspi.add("2025-07-01T10:00:00", "purchase", 20_000, partner="P1", **GOLD)
    assert kaspi.gains("2025-07-02T10:00:00", "return", "0.01", returns=bought) == -3_000
    assert kaspi.gains("2025-07-03T10:00:00", "return", 20_000, returns=bought) == 0


def test_outcomes_are_facts(kaspi):
    kaspi.add("2025-07-01T09:00:00", "adjustment", points="100", direction="credit")
    kaspi.add("2025-07-02T09:00:00", "redemption", points="30", outcome="refused")
    kaspi.add("2025-07-03T09:00:00", "redemption", points="101")
    assert kaspi.active() == 100
    kaspi.add("2025-07-04T09:00:00", "redemption", points="150", outcome="accepted")
    assert (kaspi.active(), kaspi.debt()) == (0, 50)


def test_the_first_row_of_an_identity_counts(kaspi):
    kaspi.add("2025-05-01T10:00:00", "purchase", 20_000, ident="a")
    kaspi.add("2025-05-01T10:00:00", "purchase", 90_000, ident="a")
    assert kaspi.active() == 200
    kaspi.add("2025-05-01T10:00:00", "purchase", 10_000, ident="a", source="app")
    assert kaspi.active() == 300


# ---------------------------------------------------------------- MIRED


@pytest.fixture
def mired():
    return Book(mired_coalition, MOSCOW, "point")


def test_at_m1_points_gather_before_anybody_registers_and_once(mired):
    for day in range(1, 11):
        mired.add(f"2024-03-{day:02d}T10:00:00", "purchase", 5_000, partner="KONDITER44")
    mired.add("2024-03-20T10:00:00", "enrolled", channel="app")
    assert mired.active() == 2_500


def test_at_m4_points_are_spent_at_the_four_only(mired):
    mired.add("2024-03-01T10:00:00", "purchase", 10_000, partner="DOM-MEBELI")
    mired.add("2024-03-02T10:00:00", "redemption", points="100", partner="AVTOZVUK")
    assert mired.active() == 200
    mired.add("2024-03-03T10:00:00", "redemption", points="100", partner="OTHER")
    assert mired.active() == 200


@pytest.mark.parametrize(
    ("partner", "points"),
    [("DOM-MEBELI", 29), ("KONDITER44", 49), ("SPETSVIDEO", 39), ("AVTOZVUK", 39), ("X", 0)],
)
def test_the_rates_of_the_four(mired, partner, points):
    assert mired.gains("2024-03-01T10:00:00", "purchase", 999, partner=partner) == points


def test_points_live_twelve_months_to_the_end_of_the_last_day(mired):
    mired.add("2024-02-29T10:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2025-03-05T10:00:00", "purchase", 1, partner="X")
    end = at("2025-03-01T00:00:00", MOSCOW)
    assert mired.row("2025-03-01T00:00:00")["next_expiry"] == end
    assert mired.active("2025-03-01T00:00:00") == 50
    assert mired.active("2025-03-01T00:00:00.000001") == 0


def test_what_expires_at_an_instant_cannot_be_spent_at_that_instant(mired):
    mired.add("2024-02-29T10:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2025-03-01T00:00:00", "redemption", points="1", partner="KONDITER44")
    assert (mired.active(), mired.debt()) == (0, 0)


def test_a_return_as_if_never_bought_makes_debt_at_the_instant_of_the_redemption(mired):
    first = mired.add("2024-01-01T10:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2024-01-02T10:00:00", "redemption", points="40", partner="KONDITER44")
    mired.add("2024-01-03T10:00:00", "purchase", 2_000, partner="KONDITER44")
    mired.add("2025-01-02T00:00:00", "purchase", 1, partner="X")
    assert mired.active() == 100  # the 10 that were left of the first lot have expired
    mired.add("2025-01-02T10:00:00", "return", 1_000, returns=first)
    assert (mired.active(), mired.debt()) == (60, 0)  # the second purchase paid the debt of 40


def test_a_refused_redemption_stays_refused(mired):
    mired.add("2024-01-01T10:00:00", "purchase", 1_000, partner="KONDITER44")
    spent = mired.add("2024-01-02T10:00:00", "redemption", points="40", partner="KONDITER44")
    mired.add("2024-01-03T10:00:00", "redemption", points="20", partner="KONDITER44")
    assert mired.active() == 10
    mired.add("2024-01-04T10:00:00", "withdrawn", withdraws=spent)
    assert mired.active() == 50


def test_returns_are_cut_to_what_is_left(mired):
    first = mired.add("2024-01-01T10:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2024-01-01T11:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2024-01-02T10:00:00", "return", 600, returns=first)
    assert mired.active() == 70
    mired.add("2024-01-03T10:00:00", "return", 600, returns=first)
    assert mired.active() == 50


def test_a_return_never_acts_before_its_original(mired):
    mired.add("2024-01-01T10:00:00", "return", 400, ident="r", returns="p")
    mired.add("2024-01-05T10:00:00", "purchase", 1_000, ident="p", partner="KONDITER44")
    assert mired.active("2024-01-05T10:00:00") == 0
    assert mired.active() == 30


def test_another_members_return_waits_for_ever(mired):
    mired.add("2024-01-05T10:00:00", "purchase", 1_000, ident="p", partner="KONDITER44")
    theirs = {"id": "r", "member": "n", "type": "return", "returns": "p", "amount": "400"}
    mired.events.append(theirs | {"occurred_at": "2024-02-01T00:00:00Z"})
    assert mired.active() == 50
    assert mired.books(mired.events)["n"]["active_point"] == 0


def test_a_part_of_a_hold_is_captured_and_the_rest_lapses(mired):
    mired.add("2024-01-05T10:00:00", "purchase", 1_000, partner="KONDITER44")
    until = at("2024-01-20T00:00:00", MOSCOW).isoformat()
    hold = mired.add("2024-01-06T10:00:00", "hold", points="40", until=until)
    assert (mired.active(), mired.row()["held_point"]) == (10, 40)
    mired.add("2024-01-07T10:00:00", "capture", hold=hold, points="15")
    assert (mired.active(), mired.row()["held_point"]) == (10, 25)
    mired.add("2024-01-20T00:00:00", "capture", hold=hold)
    assert (mired.active(), mired.row()["held_point"]) == (35, 0)


def test_held_points_do_not_expire_but_a_late_void_lets_them_expire_at_once(mired):
    mired.add("2024-01-05T10:00:00", "purchase", 1_000, partner="KONDITER44")
    hold = mired.add("2024-01-06T10:00:00", "hold", points="40")
    mired.add("2025-01-10T10:00:00", "purchase", 1, partner="X")
    assert (mired.active(), mired.row()["held_point"]) == (0, 40)
    mired.add("2025-01-11T10:00:00", "void", hold=hold)
    assert (mired.active(), mired.row()["held_point"], mired.debt()) == (0, 0, 0)


def test_a_hold_beyond_the_balance_is_refused(mired):
    mired.add("2024-01-05T10:00:00", "purchase", 1_000, partner="KONDITER44")
    mired.add("2024-01-06T10:00:00", "hold", points="51")
    assert (mired.active(), mired.row()["held_point"]) == (50, 0)
