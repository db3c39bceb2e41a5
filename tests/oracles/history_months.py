"""One month of one member in each program: what `histories.py` fills a life with.

Sums and counts are aimed just below, at and just above each threshold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracles.histories import Raw, Teller


def halyk_month(teller: Teller, month: date) -> None:
    """Aim at a category, from just below, exactly, or just above; or spend without a plan."""
    teller.toggle_product(month, "deposit", "deposit", "loan")
    style = teller.rng.random()
    if style < 0.15:
        return
    spend, payments = teller.pick((100_000, 1), (150_000, 3), (250_000, 5), (400_000, 5))
    if style > 0.7:
        spend, payments = teller.pick((700_000, 8), (700_000, 8), (1_200_000, 9), (3_000_000, 8))
    ecosystem = teller.pick(0, 1, 1, 2, 2, 3)
    payments += teller.pick(-1, 0, 0, 0, 0, 1)
    left = Decimal(spend) + teller.pick(
        Decimal("-0.01"), Decimal(0), Decimal(0), Decimal("0.01"), Decimal(7_777)
    )
    for at in teller.moments(month, payments):
        channel = "web" if teller.chance(0.03) else "app"
        teller.buy(at, "1000", "bill_payment", service="utilities", channel=channel)
        left -= 1_000
    for at in teller.moments(month, ecosystem):
        card = halyk_card(teller)
        teller.buy(at, "4000", ecosystem=teller.pick("market", "travel", "kino"), **card)
        left -= 4_000
    for number in range(purchases := teller.rng.randint(1, 6), 0, -1):
        share = left if number == 1 else (left / number).quantize(Decimal("0.01"))
        left -= share
        teller.buy(teller.moment(month), f"{share:f}", **halyk_card(teller))
    if purchases > 4 and teller.chance(0.3):
        teller.buy(teller.moment(month), "0", **halyk_card(teller))


def halyk_card(teller: Teller) -> Raw:
    return {
        "network": teller.pick("own", "own", "own", "own", "other"),
        "method": teller.pick("qr", "qr", "smartphone", "plastic", "online"),
        "instrument": teller.pick("debit", "debit", "infinite", "credit"),
    }


def kaspi_month(teller: Teller, month: date) -> None:
    for at in teller.moments(month, teller.pick(0, 1, 2, 4, 7)):
        teller.buy(
            at,
            teller.money(1, teller.pick(150, 20_000, 100_000)),
            method=teller.pick("qr", "qr", "qr", "plastic"),
            instrument=teller.pick("gold", "red_plus", "other"),
            partner=teller.pick("P1", "P1", "P2", "P2", "P3", None),
            ecosystem=teller.pick(None, None, None, "store", "store", "travel"),
        )
    for at in teller.moments(month, teller.pick(0, 0, 1, 2)):
        teller.buy(at, teller.money(1, 20_000), "bill_payment", service="utilities", channel="app")


def tele2_month(teller: Teller, month: date) -> None:
    for at in teller.moments(month, teller.pick(0, 1, 1, 2, 3)):
        amount = teller.pick(
            teller.money(1, 900), teller.money(1, 900), "0.05", "0.10", "1.25", "3"
        )
        teller.buy(at, amount, "service_charge", service="mobile")
    for at in teller.moments(month, teller.pick(0, 1, 1, 2)):
        amount = teller.pick("300", "299.99", "300.01", "99.99", "100", teller.money(1, 1_500))
        teller.buy(at, amount, "topup", channel=teller.pick("app", "web", "pos", "sms"))
    if teller.chance(0.15):
        at = teller.moment(month)
        teller.emit(at, "survey_completed", award=teller.pick("10", "120", "500"))
    if teller.chance(0.05):
        teller.emit(teller.moment(month), "package_purchased", amount="350", package="5GB")
    if teller.chance(0.03):
        teller.emit(teller.moment(month), "enrolled", channel="web")
    if teller.chance(0.03):
        teller.emit(teller.moment(month), "wallet_activated", channel="app")


def rostelecom_month(teller: Teller, month: date) -> None:
    rich = int(teller.member[1:]) % 3
    for at in teller.moments(month, teller.pick(0, 1, 1, 2, 3)):
        amount = teller.money(1, (900, 6_000, 25_000)[rich])
        teller.buy(at, amount, "service_charge", service=teller.pick("internet", "tv", "phone"))
    for at in teller.moments(month, teller.pick(0, 0, 1, 2)):
        some = teller.money(500, (1_500, 5_000, 12_000)[rich])
        amount = teller.pick("1000", "999.99", "999", "1004", "1005", "20000", some, some)
        teller.buy(at, amount, "topup", channel=teller.pick("app", "web", "pos"))
    for kind in ("ebill_enabled", "profile_completed", "enrolled"):
        if teller.chance(0.04):
            teller.emit(teller.moment(month), kind, channel="web")
    if teller.chance(0.12):
        at = teller.moment(month)
        teller.emit(at, "survey_completed", award=teller.pick("100", "101", "400", "999", "1000"))
    if teller.chance(0.03):
        teller.tell_about_me(teller.moment(month))


def tbc_month(teller: Teller, month: date) -> None:
    """Counts on both sides of every stage."""
    products = ("plan", "concept_plan", "salary_card", "deposit", "loan")
    teller.toggle_product(month, *products)
    count = teller.pick(0, 2, 5, 8, 24, 25, 26, 27, 31, 32, 41, 43)
    for at in teller.moments(month, count):
        network = "other" if teller.chance(0.02) else "own"
        tbc_payment(teller, at, network)


def tbc_payment(teller: Teller, at: datetime, network: str) -> None:
    instrument = "debit"
    if teller.chance(0.15):
        cards = ("credit_standard", "credit_classic", "credit_gold", "credit_platinum")
        instrument = teller.pick(*cards, "salary")
    if teller.chance(0.01):
        instrument = "business"
    teller.buy(
        at,
        teller.money(1, teller.pick(20, 60, 400)),
        network=network,
        instrument=instrument,
        partner=teller.pick(None, None, "ERT-NIKORA", "ERT-SHOP", "NOT-ERT", "ert-low"),
        mcc=teller.pick(None, "5541", "5542", "5411"),
        method=teller.pick("plastic", "smartphone", "online"),
    )


MIRED_PARTNERS = ("DOM-MEBELI", "KONDITER44", "SPETSVIDEO", "AVTOZVUK")


def mired_month(teller: Teller, month: date) -> None:
    for at in teller.moments(month, teller.pick(0, 1, 1, 2, 4)):
        teller.buy(
            at,
            teller.money(1, teller.pick(40, 900, 6_000)),
            partner=teller.pick(*MIRED_PARTNERS, *MIRED_PARTNERS, "OTHER-SHOP", None),
            method=teller.pick("plastic", "cash", "qr"),
        )


def retail_month(teller: Teller, month: date) -> None:
    for at in teller.moments(month, teller.pick(0, 0, 1, 3)):
        items = [teller.pick("85123A", "POST", "DOT", "22423") for _ in range(teller.pick(1, 2, 4))]
        lines = [
            {"line": f"L{number}", "amount": teller.money(1, 120), "item": item}
            for number, item in enumerate(items)
        ]
        teller.emit(at, "purchase", lines=lines)
    for at in teller.moments(month, teller.pick(0, 0, 0, 2)):
        teller.emit(at, "review_posted")
    if teller.chance(0.03):
        teller.buy(teller.moment(month), teller.pick("24000", "25000", "30000.99"))
    for at in teller.moments(month, teller.pick(0, 1, 2, 3, 5)):
        amount = teller.pick(teller.money(1, 60), teller.money(5, 400), "100", "250", "500", "1000")
        teller.buy(
            at,
            amount,
            outlet=teller.pick("london", "leeds", None),
            category=teller.pick(None, "food", "toys"),
            channel=teller.pick("pos", "web"),
        )
    if teller.chance(0.03):
        teller.tell_about_me(teller.moment(month))


MONTHS: dict[str, Callable[[Teller, date], None]] = {
    "halyk-plus": halyk_month,
    "kaspi-bonus": kaspi_month,
    "tele2-bolshe": tele2_month,
    "rostelecom-bonus": rostelecom_month,
    "tbc-ertguli": tbc_month,
    "mired-coalition": mired_month,
    "retail-starter": retail_month,
}
