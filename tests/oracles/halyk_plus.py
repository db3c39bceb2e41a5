"""Oracle of Halyk+: catalogue 1.1 and 4.1, vocabulary section 4.

Every month is judged at its close and gives the category of the whole next month. Earning is the
category's rate plus 4 % with the Infinite card, both under one month limit. No expiry.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from oracles.common import ZERO, Event, Member, floor, month_start, number, run, zone

#        level, rate, month spend, app payments, month limit
LEVELS = [
    ("c1", Fraction(1, 100), 100_000, 1, 10_000),
    ("c2", Fraction(3, 100), 150_000, 3, 30_000),
    ("c3", Fraction(5, 100), 250_000, 5, 50_000),
    ("c4", Fraction(7, 100), 400_000, 5, 70_000),
    ("c5", Fraction(10, 100), 700_000, 8, 100_000),
]
INFINITE_RATE = Fraction(4, 100)
LIMIT_WITHOUT_CATEGORY = Fraction(10_000)


class HalykMember(Member):
    """One client."""

    TZ = zone("Asia/Almaty")
    UNITS = {"bonus": Fraction(1)}
    LADDERS = ("category",)
    RETURNS = "proportional"
    LIMIT_COVERS_INFINITE = True  # A-5; False is the variant A-5b

    def begin(self) -> None:
        self.month: datetime | None = None  # first instant of the open month
        self.category: str | None = None
        self.deposit = False
        self.start_month()

    def start_month(self) -> None:
        self.spend = ZERO
        self.app_payments = 0
        self.ecosystem_purchases = 0
        self.used_limit = ZERO

    # -- the month

    def more_dues(self) -> list[datetime]:
        return [] if self.month is None else [month_start(self.month, self.TZ, 1)]

    def close(self, now: datetime) -> None:
        if self.month is None or now != month_start(self.month, self.TZ, 1):
            return
        self.category = self.judge()
        self.month = now
        self.start_month()

    def judge(self) -> str | None:
        """The highest level whose conditions all hold."""
        product = {
            "c1": True,
            "c2": True,
            "c3": self.deposit or self.ecosystem_purchases >= 1,
            "c4": self.deposit and self.ecosystem_purchases >= 1,
            "c5": self.deposit and self.ecosystem_purchases >= 2,
        }
        reached = None
        for level, _rate, spend, payments, _limit in LEVELS:
            if self.spend >= spend and self.app_payments >= payments and product[level]:
                reached = level
        return reached

    def levels(self) -> dict[str, tuple[str | None, datetime | None]]:
        if self.month is None or self.category is None:
            return {"category": (None, None)}
        return {"category": (self.category, month_start(self.month, self.TZ, 1))}

    # -- events

    def take(self, event: Event) -> None:
        if self.month is None:
            self.month = month_start(event["acts"], self.TZ)
        super().take(event)

    def earn(self, event: Event) -> None:
        kind = event["type"]
        if kind in ("product_opened", "product_closed") and event.get("product") == "deposit":
            self.deposit = kind == "product_opened"
        if kind not in ("purchase", "bill_payment"):
            return
        if kind == "purchase":
            self.credit(event)
            if "ecosystem" in event:
                self.ecosystem_purchases += 1
        elif event.get("channel") == "app":
            self.app_payments += 1
        self.spend += event["amount"]

    def credit(self, event: Event) -> None:
        if event.get("network") != "own":
            return
        paid_in_points = number(event.get("paid_in_points")) or ZERO
        base = max(ZERO, event["amount"] - paid_in_points)
        rate, limit = ZERO, LIMIT_WITHOUT_CATEGORY
        for level, level_rate, _spend, _payments, level_limit in LEVELS:
            if level == self.category:
                rate, limit = level_rate, Fraction(level_limit)
        if event.get("method") in ("qr", "smartphone"):
            self.credit_under_limit(event, floor(base * rate), limit)
        if event.get("instrument") == "infinite":
            if self.LIMIT_COVERS_INFINITE:
                self.credit_under_limit(event, floor(base * INFINITE_RATE), limit)
            else:
                self.grant(event, floor(base * INFINITE_RATE))

    def credit_under_limit(self, event: Event, points: Fraction, limit: Fraction) -> None:
        points = min(points, limit - self.used_limit)
        self.used_limit += points  # room does not come back when the purchase does
        self.grant(event, points)

    def returned(self, original: Event, amount: Fraction, event: Event) -> None:
        """The spend of the month in which the return happens falls, not below zero."""
        if original["type"] in ("purchase", "bill_payment"):
            self.spend = max(ZERO, self.spend - amount)


class HalykMemberA5b(HalykMember):
    """Variant A-5b: the limit covers the category's rate only."""

    LIMIT_COVERS_INFINITE = False


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Every member's row just before `until`, or after the last event."""
    return run(events, HalykMember, until)


def books_a5b(
    events: list[dict[str, Any]], until: datetime | None = None
) -> dict[str, dict[str, Any]]:
    """The same under variant A-5b."""
    return run(events, HalykMemberA5b, until)
