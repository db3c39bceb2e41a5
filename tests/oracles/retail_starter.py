"""Oracle of the retail starter, written from its README and its program file's titles.

One point for each pound, a quarter more for silver and half as much again for gold, at most 25 000
points a month, twelve months of life; a return is as if the returned part had never been bought.
Hearts for reviews, one a day. Levels by twelve months' spend rise at once, are kept through the
next month, and fall one step at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from oracles.common import (
    ZERO,
    Event,
    Member,
    add_months,
    floor,
    local_day,
    midnight,
    month_start,
    number,
    run,
    term_end,
    zone,
)

LONDON = zone("Europe/London")
PENNY = Fraction(1, 100)
LIFE_MONTHS = 12
MOST_IN_A_MONTH = Fraction(25_000)
LEAST_TO_SPEND = Fraction(100)
POINTS_IN_A_POUND = 100
HOLD_DAYS = 7
LEVELS = (("green", 0), ("silver", 500), ("gold", 1_500))
EXTRA = (ZERO, Fraction(25, 100), Fraction(50, 100))
NOT_GOODS = {"POST", "DOT", "C2", "CARRIAGE", "M", "BANK CHARGES"}


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Every member's row just before `until`, or after the last event."""
    return run(events, Shopper, until)


class Shopper(Member):
    """One customer of the shop."""

    TZ = LONDON
    UNITS = {"point": Fraction(1), "heart": Fraction(1)}
    LADDERS = ("club",)
    RETURNS = "as_if_never_bought"

    def begin(self) -> None:
        self.month: datetime | None = None  # where the current month began; None: no event yet
        self.level = 0
        self.reached = 0  # the best that this month reached by itself
        self.spends: list[tuple[datetime, Fraction]] = []  # month and amount
        self.earned: dict[datetime, Fraction] = {}  # points of the limit, by month
        self.reviewed: set[Any] = set()  # days

    # -- events

    def take(self, event: Event) -> None:
        if self.month is None:
            self.month = month_start(event["acts"], LONDON)
        super().take(event)
        self.rise(event["acts"])

    def earn(self, event: Event) -> None:
        now = event["acts"]
        if event["type"] == "purchase":
            month = month_start(now, LONDON)
            self.spends.append((month, event["amount"]))
            base = self.base(event)
            self.credit(event, month, floor(base))
            self.credit(event, month, floor(base * EXTRA[self.level]))
        elif event["type"] == "review_posted":
            day = local_day(now, LONDON)
            if day not in self.reviewed:
                self.reviewed.add(day)
                self.grant(event, Fraction(1), unit="heart")

    def base(self, event: Event) -> Fraction:
        """The money that earns: without what points paid, and the goods' share of it."""
        paid = number(event.get("paid_in_points")) or ZERO
        base = max(ZERO, event["amount"] - paid)
        goods = [line["amount"] for line in event["lines"] if line.get("item") not in NOT_GOODS]
        if event["amount"] > 0:
            base = floor(base * sum(goods, ZERO) / event["amount"], PENNY)
        return base

    def credit(self, event: Event, month: datetime, points: Fraction) -> None:
        points = min(points, MOST_IN_A_MONTH - self.earned.get(month, ZERO))
        self.earned[month] = self.earned.get(month, ZERO) + points
        goods = [line for line in event["lines"] if line.get("item") not in NOT_GOODS]
        self.grant(event | {"lines": goods}, points, term_end(event["acts"], LIFE_MONTHS, LONDON))

    def standard_end(self, unit: str, now: datetime) -> datetime | None:
        return term_end(now, LIFE_MONTHS, LONDON) if unit == "point" else None

    # -- spending

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        if unit != "point" or points < LEAST_TO_SPEND:
            return False
        if event.get("paid") is None:
            return True
        key = event["paid"]["key"]
        price = self.taken_events[key]["amount"] if key in self.taken_events else ZERO
        return points + self.paid_points.get(key, ZERO) <= price * POINTS_IN_A_POUND

    def may_hold(self, event: Event, unit: str, points: Fraction) -> bool:
        return unit == "point" and points >= LEAST_TO_SPEND

    def take_hold(self, event: Event) -> None:
        """A hold without an end lapses after seven days, at the end of the day."""
        if "until" not in event:
            last = local_day(event["acts"], LONDON) + timedelta(days=HOLD_DAYS + 1)
            event = event | {"until": midnight(last, LONDON).isoformat()}
        super().take_hold(event)

    # -- levels

    def judge(self, now: datetime) -> int:
        """The level that the spend of this month and the eleven before it gives."""
        first = add_months(local_day(now, LONDON).replace(day=1), -11)
        spend = sum(
            (amount for month, amount in self.spends if local_day(month, LONDON) >= first), ZERO
        )
        return max(number for number, (_, least) in enumerate(LEVELS) if spend >= least)

    def rise(self, now: datetime) -> None:
        self.reached = max(self.reached, self.judge(now))
        self.level = max(self.level, self.reached)

    def more_dues(self) -> list[datetime]:
        return [] if self.month is None else [month_start(self.month, LONDON, 1)]

    def close(self, now: datetime) -> None:
        if self.month is None or now < month_start(self.month, LONDON, 1):
            return
        self.month = month_start(self.month, LONDON, 1)
        if self.reached < self.level:
            self.level -= 1
        self.reached = self.judge(now)

    def levels(self) -> dict[str, tuple[str | None, datetime | None]]:
        """Reached by this month: kept through the next one; green has no end."""
        if self.month is None:
            return {"club": (None, None)}
        until = None
        if self.level > 0:
            kept = 2 if self.reached == self.level else 1
            until = month_start(self.month, LONDON, kept)
        return {"club": (LEVELS[self.level][0], until)}
