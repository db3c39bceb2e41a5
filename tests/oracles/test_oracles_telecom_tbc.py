"""The catalogue's acceptance tests for Tele2, Rostelecom and TBC, put to the oracles themselves.

An oracle that judges the engine must first be judged by the catalogue (`programs.md` 4.3 to 4.5)
and by the values fixed in `vocabulary.md` section 4. What an acceptance test says about catalogue
prices, entitlements and channels is not the books' business and is tested elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest

from oracles import rostelecom_bonus, tbc_ertguli, tele2_bolshe
from oracles.common import term_end, zone

MOSCOW = zone("Europe/Moscow")
TBILISI = zone("Asia/Tbilisi")


def at(text, tz=MOSCOW):
    """Local time of a program to an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


class History:
    """Events of one member, written in local time; ids are made here."""

    def __init__(self, books, tz):
        self.books, self.tz = books, tz
        self.events = []
        self.ids = count(1)

    def add(self, when, kind, **attributes):
        event_id = attributes.pop("id", f"e{next(self.ids):04d}")
        occurred_at = at(when, self.tz).isoformat()
        event = {"id": event_id, "member": "m", "type": kind, "occurred_at": occurred_at}
        self.events.append(event | attributes)
        return event_id

    def just_before(self, when):
        return self.books(self.events, until=at(when, self.tz))["m"]

    def now(self):
        return self.books(self.events)["m"]


# ---------------------------------------------------------------- Tele2


@pytest.fixture
def tele2():
    """A subscriber who may earn and spend."""
    history = History(tele2_bolshe.books, MOSCOW)
    history.add("2025-01-01T00:00", "enrolled")
    history.add("2025-01-01T00:00", "wallet_activated")
    return history


def credit(history, when, points, unit="bonus"):
    history.add(when, "adjustment", points=str(points), unit=unit, direction="credit")


def redeem(history, when, points, **attributes):
    return history.add(when, "redemption", points=str(points), **attributes)


def test_at_t1_bonuses_pay_a_service_in_hundredths_of_a_rouble(tele2):
    charge = tele2.add("2025-02-01T09:00", "service_charge", amount="100.00")
    credit(tele2, "2025-02-01T10:00", 2450)
    redeem(tele2, "2025-02-01T11:00", 2550, pays=charge)
    assert tele2.now()["active_bonus"] == 0


@pytest.mark.parametrize(("balance", "asked", "left"), [(9, 9, 9), (10, 10, 0), (10, 9, 10)])
def test_at_t2_and_t3_fewer_than_ten_bonuses_are_refused(tele2, balance, asked, left):
    credit(tele2, "2025-02-01T10:00", balance)
    redeem(tele2, "2025-02-01T11:00", asked)
    assert tele2.now()["active_bonus"] == left


def test_at_t4_more_than_the_price_is_refused_and_all_payments_of_one_service_count(tele2):
    charge = tele2.add("2025-02-01T09:00", "service_charge", amount="450.00")
    credit(tele2, "2025-02-01T10:00", 59550)
    redeem(tele2, "2025-02-01T11:00", 50000, pays=charge)
    assert tele2.now()["active_bonus"] == 60000
    redeem(tele2, "2025-02-01T12:00", 44000, pays=charge)
    redeem(tele2, "2025-02-01T13:00", 1001, pays=charge)
    assert tele2.now()["active_bonus"] == 16000
    redeem(tele2, "2025-02-01T14:00", 1000, pays=charge)
    assert tele2.now()["active_bonus"] == 15000


def test_at_t5_bonuses_do_not_go_to_another_account(tele2):
    credit(tele2, "2025-02-01T10:00", 100)
    tele2.add("2025-02-01T11:00", "transfer", points="100", to="other")
    assert tele2.now()["active_bonus"] == 100


def test_at_t6_only_full_roubles_earn(tele2):
    tele2.add("2025-02-01T10:00", "service_charge", amount="345.70")
    assert tele2.now()["active_bonus"] == 345


def test_a_topup_earns_for_full_hundreds_through_app_or_web_only(tele2):
    tele2.add("2025-02-01T10:00", "topup", amount="299.99", channel="app")
    tele2.add("2025-02-01T11:00", "topup", amount="100", channel="web")
    tele2.add("2025-02-01T12:00", "topup", amount="1000", channel="pos")
    assert tele2.now()["active_bonus"] == 10 + 5


@pytest.mark.parametrize(("year", "gone"), [(2023, "2024-03-01"), (2024, "2025-03-01")])
def test_at_t10_three_months_from_the_end_of_november_end_with_february(year, gone):
    """No offer of ours runs in November; the rule of terms is the same for every offer."""
    assert term_end(at(f"{year}-11-30T15:00"), 3, MOSCOW) == at(f"{gone}T00:00")


def test_at_t11_the_lot_that_ends_first_is_spent_first(tele2):
    tele2.add("2025-03-10T10:00", "topup", amount="300", channel="pos")  # 1000 until 11 June
    credit(tele2, "2025-03-10T11:00", 500)  # until 11 March 2026
    redeem(tele2, "2025-03-10T12:00", 1100)
    row = tele2.now()
    assert row["active_bonus"] == 400
    assert row["next_expiry"] == at("2026-03-11T00:00")


def test_spring_bonuses_live_three_months_and_ordinary_ones_twelve(tele2):
    tele2.add("2025-03-31T23:59:59", "topup", amount="300", channel="app")
    tele2.add("2025-04-01T00:00", "topup", amount="300", channel="app")
    row = tele2.just_before("2025-07-01T00:00")
    assert (row["active_bonus"], row["next_expiry"]) == (1030, at("2025-07-01T00:00"))
    assert tele2.just_before("2025-07-01T00:00:01")["active_bonus"] == 30
    assert tele2.just_before("2026-04-01T00:00:01")["active_bonus"] == 15
    assert tele2.just_before("2026-04-02T00:00:01")["active_bonus"] == 0


def test_at_t12_nothing_is_earned_before_the_wallet_is_activated():
    history = History(tele2_bolshe.books, MOSCOW)
    history.add("2025-01-01T10:00", "enrolled")
    history.add("2025-01-02T10:00", "topup", amount="500", channel="app")
    history.add("2025-01-03T10:00", "wallet_activated")
    assert history.now()["active_bonus"] == 0
    history.add("2025-01-04T10:00", "topup", amount="500", channel="app")
    assert history.now()["active_bonus"] == 25


def test_at_t15_a_free_service_takes_no_bonuses(tele2):
    charge = tele2.add("2025-02-01T09:00", "service_charge", amount="0")
    credit(tele2, "2025-02-01T10:00", 100)
    redeem(tele2, "2025-02-01T11:00", 10, pays=charge)
    redeem(tele2, "2025-02-01T11:00", 10, pays="never-seen")
    assert tele2.now()["active_bonus"] == 100


@pytest.mark.parametrize(("award", "points"), [(9, 0), (10, 10), (500, 500), (501, 0)])
def test_a_survey_gives_its_award_within_the_range(tele2, award, points):
    tele2.add("2025-02-01T10:00", "survey_completed", award=str(award))
    assert tele2.now()["active_bonus"] == points


def test_a_return_leaves_what_the_rest_is_worth_and_rounds_it_down(tele2):
    charge = tele2.add("2025-02-01T10:00", "service_charge", amount="100.00")
    tele2.add("2025-02-02T10:00", "return", returns=charge, amount="33.50")
    assert tele2.now()["active_bonus"] == 66  # 100 x 66.50 / 100 = 66.5
    tele2.add("2025-02-03T10:00", "return", returns=charge, amount="500")
    assert tele2.now()["active_bonus"] == 0


def test_a_return_of_what_was_spent_is_a_debt_that_the_next_earning_pays(tele2):
    charge = tele2.add("2025-02-01T10:00", "service_charge", amount="100")
    redeem(tele2, "2025-02-02T10:00", 80)
    tele2.add("2025-02-03T10:00", "return", returns=charge, amount="100")
    row = tele2.now()
    assert (row["active_bonus"], row["debt_bonus"]) == (0, 80)
    tele2.add("2025-02-04T10:00", "service_charge", amount="100")
    row = tele2.now()
    assert (row["active_bonus"], row["debt_bonus"]) == (20, 0)


def test_an_expired_lot_gives_nothing_back(tele2):
    topup = tele2.add("2025-03-10T10:00", "topup", amount="300", channel="app")
    tele2.add("2025-06-11T00:00", "return", returns=topup, amount="300")
    row = tele2.now()
    assert (row["active_bonus"], row["debt_bonus"]) == (0, 0)


def test_a_return_that_comes_before_its_original_acts_with_it(tele2):
    tele2.add("2025-02-01T10:00", "return", returns="late", amount="40")
    tele2.add("2025-02-02T10:00", "service_charge", amount="100", id="late")
    assert tele2.now()["active_bonus"] == 60


def test_an_event_sent_twice_counts_once(tele2):
    for _ in range(2):
        tele2.add("2025-02-01T10:00", "service_charge", amount="100", id="same", source="till")
    tele2.add("2025-02-01T10:00", "service_charge", amount="100", id="same", source="shop")
    assert tele2.now()["active_bonus"] == 200


def test_held_bonuses_do_not_expire_but_end_at_once_when_released_too_late(tele2):
    tele2.add("2025-03-10T10:00", "topup", amount="300", channel="pos")
    until = at("2025-07-01T00:00").isoformat()
    tele2.add("2025-06-01T10:00", "hold", id="h", points="600", until=until)
    row = tele2.just_before("2025-06-20T00:00")
    assert (row["active_bonus"], row["held_bonus"]) == (0, 600)
    tele2.add("2025-06-21T00:00", "capture", hold="h", points="200")
    assert tele2.now()["held_bonus"] == 400
    row = tele2.just_before("2025-07-01T00:00:01")
    assert (row["active_bonus"], row["held_bonus"]) == (0, 0)


def test_a_hold_below_the_minimum_or_above_the_balance_is_refused(tele2):
    credit(tele2, "2025-02-01T10:00", 50)
    tele2.add("2025-02-02T10:00", "hold", id="small", points="9")
    tele2.add("2025-02-02T11:00", "hold", id="large", points="51")
    row = tele2.now()
    assert (row["active_bonus"], row["held_bonus"]) == (50, 0)


def test_a_withdrawn_event_never_was_but_what_was_paid_with_it_stays_paid(tele2):
    charge = tele2.add("2025-02-01T10:00", "service_charge", amount="100")
    redeem(tele2, "2025-02-02T10:00", 100)
    tele2.add("2025-02-03T10:00", "withdrawn", withdraws=charge)
    row = tele2.now()
    assert (row["active_bonus"], row["debt_bonus"]) == (0, 100)


def test_a_redemption_known_as_accepted_is_a_fact_and_as_refused_is_nothing(tele2):
    credit(tele2, "2025-02-01T10:00", 50)
    redeem(tele2, "2025-02-02T10:00", 30, outcome="refused")
    redeem(tele2, "2025-02-03T10:00", 70, outcome="accepted")
    row = tele2.now()
    assert (row["active_bonus"], row["debt_bonus"]) == (0, 20)


# ---------------------------------------------------------------- Rostelecom


@pytest.fixture
def rostelecom():
    """A subscriber enrolled on 1 January 2024, with 500 of each unit."""
    history = History(rostelecom_bonus.books, MOSCOW)
    history.add("2024-01-01T12:00", "enrolled")
    return history


def test_at_r1_joining_profile_bill_and_survey_count_at_once(rostelecom):
    rostelecom.add("2024-01-02T10:00", "profile_completed")
    rostelecom.add("2024-01-02T11:00", "ebill_enabled")
    rostelecom.add("2024-01-02T12:00", "survey_completed", award="400")
    row = rostelecom.now()
    assert row["active_bonus"] == row["active_status"] == 1300


def test_joining_profile_and_bill_are_paid_once_in_a_life(rostelecom):
    for day in (2, 3):
        for kind in ("enrolled", "profile_completed", "ebill_enabled"):
            rostelecom.add(f"2024-01-0{day}T10:00", kind)
    assert rostelecom.now()["active_bonus"] == 500 + 100 + 300


def test_nothing_is_earned_before_enrolment():
    history = History(rostelecom_bonus.books, MOSCOW)
    history.add("2024-01-01T09:00", "ebill_enabled")
    history.add("2024-01-01T10:00", "topup", amount="5000")
    row = history.now()
    assert (row["active_bonus"], row["pending_bonus"], row["tier_status"]) == (0, 0, None)


@pytest.mark.parametrize(
    ("amount", "points"),
    [("1000", 200), ("999", 0), ("500", 0), ("1500", 300), ("1004", 200), ("1005", 201)],
)
def test_at_r2_a_topup_of_a_thousand_or_more_earns_a_fifth(rostelecom, amount, points):
    rostelecom.add("2024-03-01T10:00", "topup", amount=amount)
    row = rostelecom.now()
    assert row["pending_bonus"] == row["pending_status"] == points


def test_at_r2_two_topups_of_five_hundred_are_not_one_of_a_thousand(rostelecom):
    rostelecom.add("2024-03-01T10:00", "topup", amount="500")
    rostelecom.add("2024-03-01T10:01", "topup", amount="500")
    assert rostelecom.now()["pending_bonus"] == 0


def test_at_r3_payments_of_march_are_posted_on_the_tenth_of_april(rostelecom):
    for day in ("03", "18", "29"):
        rostelecom.add(f"2024-03-{day}T10:00", "service_charge", amount="600")
    row = rostelecom.just_before("2024-04-10T00:00")
    assert (row["active_bonus"], row["pending_bonus"]) == (500, 360)
    row = rostelecom.just_before("2024-04-10T00:00:01")
    assert (row["active_bonus"], row["pending_bonus"]) == (860, 0)
    assert row["active_status"] == 860


def test_at_r4_one_point_more_lifts_to_standard_for_24_months(rostelecom):
    credit(rostelecom, "2024-01-05T10:00", 3499, unit="status")
    row = rostelecom.now()
    assert (row["active_status"], row["tier_status"]) == (3999, "basic")
    assert row["tier_status_until"] is None
    credit(rostelecom, "2024-01-06T10:00", 1, unit="status")
    row = rostelecom.now()
    assert row["tier_status"] == "standard"
    assert row["tier_status_until"] == at("2026-01-07T00:00")


@pytest.mark.parametrize(("points", "level"), [(9500, "privilege"), (19500, "vip")])
def test_at_r5_ten_thousand_are_privilege_and_twenty_thousand_vip(rostelecom, points, level):
    credit(rostelecom, "2024-01-05T10:00", points, unit="status")
    assert rostelecom.now()["tier_status"] == level


def test_earning_on_does_not_lengthen_a_term_but_a_higher_level_starts_its_own(rostelecom):
    credit(rostelecom, "2024-01-05T10:00", 4000, unit="status")
    credit(rostelecom, "2024-02-05T10:00", 4000, unit="status")
    assert rostelecom.now()["tier_status_until"] == at("2026-01-06T00:00")
    credit(rostelecom, "2024-03-05T10:00", 4000, unit="status")
    row = rostelecom.now()
    assert (row["tier_status"], row["tier_status_until"]) == ("privilege", at("2026-03-06T00:00"))


def test_at_a_terms_end_only_the_last_24_months_count(rostelecom):
    """4 800 before the term, 3 000 within it: the level falls to basic, and grows from 3 000."""
    rostelecom.add("2024-03-01T10:00", "topup", amount="24000")  # 4800, active 10 April 2024
    row = rostelecom.just_before("2024-04-10T00:00:01")
    assert (row["tier_status"], row["tier_status_until"]) == ("standard", at("2026-04-11T00:00"))
    credit(rostelecom, "2024-04-11T00:00", 3000, unit="status")
    assert rostelecom.just_before("2026-04-11T00:00")["tier_status"] == "standard"
    row = rostelecom.just_before("2026-04-11T00:00:01")
    assert (row["tier_status"], row["tier_status_until"]) == ("basic", None)
    credit(rostelecom, "2026-05-01T10:00", 1000, unit="status")
    assert rostelecom.now()["tier_status"] == "standard"


def test_a_renewed_term_begins_on_the_day_the_old_one_ended(rostelecom):
    rostelecom.add("2024-03-01T10:00", "topup", amount="24000")
    credit(rostelecom, "2024-04-11T00:00", 4000, unit="status")
    row = rostelecom.just_before("2026-04-11T00:00:01")
    assert (row["tier_status"], row["tier_status_until"]) == ("standard", at("2028-04-12T00:00"))


def test_at_r10_a_gift_dearer_than_the_balance_is_refused(rostelecom):
    rostelecom.add("2024-01-02T10:00", "adjustment", points="1", unit="bonus", direction="debit")
    redeem(rostelecom, "2024-01-03T10:00", 500)
    assert rostelecom.now()["active_bonus"] == 499


def test_at_r13_one_exchange_a_month(rostelecom):
    redeem(rostelecom, "2024-05-05T10:00", 100)
    redeem(rostelecom, "2024-05-28T10:00", 100)
    assert rostelecom.now()["active_bonus"] == 400
    redeem(rostelecom, "2024-06-01T00:00", 100)
    assert rostelecom.now()["active_bonus"] == 300


def test_a_refused_exchange_leaves_the_month_free_and_an_accepted_hold_takes_it(rostelecom):
    redeem(rostelecom, "2024-05-05T10:00", 501)
    rostelecom.add("2024-05-06T10:00", "hold", id="h", points="100")
    redeem(rostelecom, "2024-05-07T10:00", 100)
    row = rostelecom.now()
    assert (row["active_bonus"], row["held_bonus"]) == (400, 100)


def test_at_r17_points_posted_on_10_april_2024_burn_after_10_april_2026(rostelecom):
    rostelecom.add("2024-03-03T10:00", "topup", amount="1000")
    redeem(rostelecom, "2024-04-01T10:00", 500)
    row = rostelecom.just_before("2026-04-11T00:00")
    assert (row["active_bonus"], row["next_expiry"]) == (200, at("2026-04-11T00:00"))
    assert rostelecom.just_before("2026-04-11T00:00:01")["active_bonus"] == 0


def test_at_r19_spending_does_not_lower_the_status(rostelecom):
    credit(rostelecom, "2024-02-01T10:00", 4000, unit="bonus")
    credit(rostelecom, "2024-02-01T10:00", 4000, unit="status")
    redeem(rostelecom, "2024-02-02T10:00", 3000)
    row = rostelecom.now()
    assert (row["active_bonus"], row["active_status"]) == (1500, 4500)
    assert row["tier_status"] == "standard"


def test_status_points_are_not_spendable(rostelecom):
    redeem(rostelecom, "2024-02-02T10:00", 100, unit="status")
    assert rostelecom.now()["active_status"] == 500


def test_at_r20_a_birthday_is_credited_on_its_date_once_a_year(rostelecom):
    rostelecom.add("2024-01-02T10:00", "member", born="1980-03-03")  # a Sunday in 2024
    assert rostelecom.just_before("2024-03-03T00:00")["active_bonus"] == 500
    assert rostelecom.just_before("2024-03-03T00:00:01")["active_bonus"] == 1500
    rostelecom.add("2024-03-04T10:00", "member", born="1980-05-05")
    assert rostelecom.just_before("2025-05-05T00:00")["active_bonus"] == 1500
    assert rostelecom.just_before("2025-05-05T00:00:01")["active_bonus"] == 2500


def test_a_leap_day_birthday_is_kept_on_28_february_in_other_years(rostelecom):
    rostelecom.add("2024-01-02T10:00", "member", born="1984-02-29")
    assert rostelecom.just_before("2024-02-29T00:00")["active_bonus"] == 500
    assert rostelecom.just_before("2024-02-29T00:00:01")["active_bonus"] == 1500
    assert rostelecom.just_before("2025-02-28T00:00:01")["active_bonus"] == 2500


def test_a_birth_date_told_at_its_own_midnight_is_too_late(rostelecom):
    rostelecom.add("2024-03-03T00:00", "member", born="1980-03-03")
    assert rostelecom.just_before("2025-03-03T00:00")["active_bonus"] == 500


@pytest.mark.parametrize("award", ["50", "1200"])
def test_at_r21_a_survey_outside_the_range_is_rejected(rostelecom, award):
    rostelecom.add("2024-02-01T10:00", "survey_completed", award=award)
    assert rostelecom.now()["active_bonus"] == 500


def test_a_return_lowers_a_pending_grant_of_both_units(rostelecom):
    payment = rostelecom.add("2024-03-03T10:00", "topup", amount="1004")
    rostelecom.add("2024-03-20T10:00", "return", returns=payment, amount="504")
    row = rostelecom.now()
    assert row["pending_bonus"] == row["pending_status"] == 99  # 200 x 500 / 1004 = 99.6


def test_a_level_in_force_stands_when_a_return_lowers_the_sum(rostelecom):
    payment = rostelecom.add("2024-03-01T10:00", "topup", amount="20000")
    rostelecom.add("2024-04-11T10:00", "return", returns=payment, amount="20000")
    row = rostelecom.now()
    assert (row["active_status"], row["tier_status"]) == (500, "standard")
    assert rostelecom.just_before("2026-04-11T00:00:01")["tier_status"] == "basic"


# ---------------------------------------------------------------- TBC


class Client(History):
    """A client with a salary card, which makes a member."""

    def __init__(self, *products):
        super().__init__(tbc_ertguli.books, TBILISI)
        for product in products:
            self.add("2025-03-01T00:00", "product_opened", product=product)

    def pay(self, when, amount="1.00", network="own", instrument="debit", **attributes):
        return self.add(
            when, "purchase", amount=amount, network=network, instrument=instrument, **attributes
        )

    def pay_times(self, times, month="2025-03", **attributes):
        """Small payments (0 points at every stage), one each ten minutes of the month's 2nd day."""
        for i in range(times):
            hour, minute = divmod(10 * i, 60)
            self.pay(f"{month}-02T{hour:02d}:{minute:02d}", **attributes)

    def points(self):
        return self.now()["active_point"]

    def stage(self):
        return self.now()["tier_stage"]


def test_at_e1_twenty_five_payments_are_stage_1_and_earn_nothing():
    client = Client("salary_card")
    client.pay_times(25, amount="100")
    assert (client.points(), client.stage()) == (0, "stage1")
    assert client.now()["tier_stage_until"] is None


def test_at_e2_the_26th_payment_is_paid_at_stage_1_and_the_next_at_stage_2():
    client = Client("salary_card")
    client.pay_times(26, amount="100")
    assert (client.points(), client.stage()) == (0, "stage2")
    client.pay("2025-03-03T10:00", "100")
    assert client.points() == Decimal("0.10")


def test_at_e3_a_partner_at_stage_2_gives_three_per_cent():
    client = Client("salary_card")
    client.pay_times(26)
    client.pay("2025-03-03T10:00", "100", partner="ERT-SPAR")
    assert client.points() == 3


@pytest.mark.parametrize(
    ("products", "payments", "stage", "plain", "partner"),
    [
        (("salary_card", "deposit"), 31, "stage3", "0.20", "4.00"),  # AT-E4
        (("salary_card",), 31, "stage2", "0.10", "3.00"),  # AT-E5
        (("concept_plan", "loan"), 41, "stage4", "0.30", "5.00"),  # AT-E6
        (("concept_plan",), 41, "stage3", "0.20", "4.00"),  # AT-E7
        (("plan", "loan"), 41, "stage3", "0.20", "4.00"),  # AT-E8
    ],
)
def test_at_e4_to_e8_payments_and_products_give_the_stage(
    products, payments, stage, plain, partner
):
    client = Client(*products)
    client.pay_times(payments)
    assert client.stage() == stage
    before = client.points()
    client.pay("2025-03-03T10:00", "100")
    assert client.points() - before == Decimal(plain)
    client.pay("2025-03-03T11:00", "100", partner="ERT-SPAR")
    assert client.points() - before == Decimal(plain) + Decimal(partner)


@pytest.mark.parametrize(
    ("payments", "stage"), [(25, 1), (26, 2), (30, 2), (31, 3), (40, 3), (41, 4)]
)
def test_more_than_25_30_and_40_payments_are_meant_literally(payments, stage):
    client = Client("concept_plan", "loan")
    client.pay_times(payments)
    assert client.stage() == f"stage{stage}"


def test_at_e9_payments_at_other_banks_and_with_business_cards_do_not_count():
    client = Client("concept_plan", "loan")
    client.pay_times(21)
    client.pay_times(20, network="other")
    client.pay_times(20, instrument="business")
    assert client.stage() == "stage1"


@pytest.mark.parametrize(
    ("instrument", "points"),
    [
        ("credit_standard", "1.00"),  # AT-E10
        ("credit_classic", "4.00"),
        ("credit_gold", "10.00"),
        ("credit_platinum", "22.00"),  # AT-E11
    ],
)
def test_at_e10_and_e11_a_credit_card_has_its_own_rate_at_every_stage(instrument, points):
    client = Client("salary_card")
    client.pay("2025-03-03T10:00", "200", instrument=instrument, partner="ERT-SPAR")
    assert client.points() == Decimal(points)


def test_credit_card_payments_count_toward_the_stage():
    client = Client("salary_card")
    client.pay_times(26, instrument="credit_gold")
    assert client.stage() == "stage2"


def test_at_e12_a_stage_is_kept_for_one_month():
    client = Client("salary_card", "deposit")
    client.pay_times(31, month="2025-03")
    assert client.now()["tier_stage_until"] == at("2025-05-01T00:00", TBILISI)
    client.pay_times(5, month="2025-04")
    row = client.now()
    assert row["tier_stage"] == "stage3"
    assert row["tier_stage_until"] == at("2025-05-01T00:00", TBILISI)
    assert client.just_before("2025-05-01T00:00")["tier_stage"] == "stage3"
    row = client.just_before("2025-05-01T00:00:01")
    assert (row["tier_stage"], row["tier_stage_until"]) == ("stage1", None)


def test_a_stage_rises_when_a_product_is_opened_and_never_falls_within_the_month():
    client = Client("salary_card")
    client.pay_times(31)
    assert client.stage() == "stage2"
    client.add("2025-03-05T10:00", "product_opened", product="deposit")
    assert client.stage() == "stage3"
    client.add("2025-03-06T10:00", "product_closed", product="deposit")
    assert client.stage() == "stage3"
    assert client.just_before("2025-05-01T00:00")["tier_stage"] == "stage3"


def test_at_e15_an_offer_gives_its_rate_at_stage_1_and_only_in_its_month():
    client = Client("salary_card")
    client.pay("2025-03-31T23:59:59", "100", partner="ERT-NIKORA")
    assert client.points() == 0
    client.pay("2025-04-01T00:00", "100", partner="ERT-NIKORA")
    assert client.points() == 5
    client.pay("2025-04-30T23:59:59", "100", partner="ERT-NIKORA", instrument="credit_standard")
    assert client.points() == Decimal("5.50")
    client.pay("2025-05-01T00:00", "100", partner="ERT-NIKORA")
    assert client.points() == Decimal("5.50")


@pytest.mark.parametrize(
    ("products", "points"),
    [(("salary_card",), 5), (("plan",), 5), (("concept_plan",), 5), (("deposit",), 0), ((), 0)],
)
def test_at_e17_holders_of_a_plan_or_a_salary_card_are_members(products, points):
    client = Client(*products)
    client.pay("2025-04-10T10:00", "100", partner="ERT-NIKORA")
    assert client.points() == points


def test_a_payment_for_fuel_gives_ten_points_at_most():
    client = Client("salary_card")
    fuel = client.pay("2025-03-03T10:00", "500", instrument="credit_gold", mcc="5541")
    assert client.points() == 10
    client.add("2025-03-04T10:00", "return", returns=fuel, amount="250")
    assert client.points() == 5


def test_points_are_rounded_half_up_to_hundredths():
    client = Client("salary_card")
    client.pay("2025-03-03T10:00", "1.00", instrument="credit_standard")  # 0.005
    assert client.points() == Decimal("0.01")
    client.pay("2025-03-03T11:00", "0.99", instrument="credit_standard")  # 0.00495
    assert client.points() == Decimal("0.01")


def test_a_return_does_not_lower_the_number_of_payments():
    client = Client("salary_card")
    client.pay_times(25)
    last = client.pay("2025-03-03T10:00", "100")
    client.add("2025-03-03T11:00", "return", returns=last, amount="100")
    assert client.stage() == "stage2"


def test_the_part_paid_in_points_earns_nothing():
    client = Client("salary_card")
    client.pay("2025-03-03T10:00", "100", instrument="credit_gold", paid_in_points="40")
    assert client.points() == 3


def test_points_live_24_months():
    client = Client("salary_card")
    client.pay("2024-02-29T10:00", "100", instrument="credit_gold")
    assert client.points() == 0  # not yet a member
    client.pay("2025-03-03T10:00", "100", instrument="credit_gold")
    row = client.just_before("2027-03-04T00:00")
    assert (row["active_point"], row["next_expiry"]) == (5, at("2027-03-04T00:00", TBILISI))
    assert client.just_before("2027-03-04T00:00:01")["active_point"] == 0


def test_the_stage_is_kept_from_the_first_event():
    client = Client()
    client.pay("2025-03-03T10:00", network="other")
    assert client.just_before("2025-03-03T10:00")["tier_stage"] is None
    assert client.stage() == "stage1"
