"""The oracle of Rostelecom "Бонус": what the books must say, worked out slowly and plainly.

Written from `vocabulary.md` section 4 (Rostelecom) and S3.1 to S3.58, never from the engine.
Every earning credits two units alike: `bonus`, which is spent and lives 24 months, and `status`,
which only counts toward the ladder `status`.

    books(events)              the state after the last event of all
    books(events, until=...)   the state just before that instant
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, datetime, timedelta
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

MOSCOW = zone("Europe/Moscow")

LIFE_MONTHS = 24  # of a lot of `bonus` (S3.54)
TERM_MONTHS = 24  # of every level above basic (S3.23 to S3.25)
WINDOW_MONTHS = 24  # what the sum looks back on at a term's end
PAYMENT_DAY = 10  # payments become active on the 10th of the next month (S3.17, S3.18)

LEVELS = ("basic", "standard", "privilege", "vip")
REACHED_AT = {"basic": 0, "standard": 4000, "privilege": 10000, "vip": 20000}  # S3.22 to S3.25

ONCE_IN_A_LIFE = {
    "enrolled": Fraction(500),  # S3.9
    "ebill_enabled": Fraction(300),  # S3.10
    "profile_completed": Fraction(100),  # S3.12
}
BIRTHDAY = Fraction(1000)  # S3.8
SURVEY_FROM, SURVEY_TO = 100, 1000  # S3.11, AT-R21
SMALLEST_TOPUP = Fraction(1000)  # S3.13, inclusive: A-10
ROUBLES_FOR_A_POINT = 5  # S3.14

NEEDS_AMOUNT = ("purchase", "bill_payment", "service_charge", "topup", "package_purchased")


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Member to balances: `active_`, `pending_`, `held_`, `debt_` of `bonus` and of `status`,
    `tier_status`, `tier_status_until` (None on basic), `next_expiry`."""
    return run(events, Subscriber, until)


class Subscriber(Member):
    """One subscriber."""

    TZ = MOSCOW
    UNITS = {"bonus": Fraction(1), "status": Fraction(1)}
    LADDERS = ("status",)
    RETURNS = "proportional"

    def begin(self) -> None:
        self.clock: datetime | None = None  # the latest instant that has been dealt with
        self.awarded: set[str] = set()  # which of the awards of a lifetime were given
        self.born: date | None = None
        self.birthday_year: int | None = None  # local year of the last birthday award
        self.exchange_months: set[tuple[int, int]] = set()  # local months with an exchange
        self.level: str | None = None  # None until `enrolled`
        self.level_until: datetime | None = None
        self.status_changes: list[tuple[datetime, Fraction]] = []  # credited, or less: taken back
        self.status_since: datetime | None = None  # the sum counts from here; None: from birth

    def take(self, event: Event) -> None:
        if rejected(event):
            return
        super().take(event)
        self.set_clock(event["acts"])

    def set_clock(self, now: datetime) -> None:
        self.clock = now if self.clock is None else max(self.clock, now)

    # -- earning

    def earn(self, event: Event) -> None:
        kind = event["type"]
        if kind == "member" and "born" in event:
            self.born = date.fromisoformat(str(event["born"]))
        if kind == "enrolled" and self.level is None:
            self.level = "basic"  # S3.22
        if self.level is None:
            return  # nothing is earned before `enrolled` (S3.4)

        if kind in ONCE_IN_A_LIFE and kind not in self.awarded:
            self.awarded.add(kind)
            self.credit_at_once(event, ONCE_IN_A_LIFE[kind])
        elif kind == "survey_completed":
            self.credit_at_once(event, number(event["award"]))
        elif kind == "service_charge" or (kind == "topup" and event["amount"] >= SMALLEST_TOPUP):
            self.credit_next_month(event, floor(earning_part(event) / ROUBLES_FOR_A_POINT))

    def credit_at_once(self, event: Event, points: Fraction) -> None:
        self.grant(event, points, end=term_end(event["at"], LIFE_MONTHS, MOSCOW), unit="bonus")
        self.grant(event, points, end=None, unit="status")

    def credit_next_month(self, event: Event, points: Fraction) -> None:
        """Decided now, active on the 10th of the next month; both terms count from that day."""
        first_of_next = local_day(month_start(event["at"], MOSCOW, 1), MOSCOW)
        day = midnight(first_of_next.replace(day=PAYMENT_DAY), MOSCOW)
        end = term_end(day, LIFE_MONTHS, MOSCOW)
        self.grant(event, points, end=end, unit="bonus", activation=day)
        self.grant(event, points, end=None, unit="status", activation=day)

    def standard_end(self, unit: str, now: datetime) -> datetime | None:
        return term_end(now, LIFE_MONTHS, MOSCOW) if unit == "bonus" else None

    # -- the birthday, which nobody sends

    def next_birthday(self) -> datetime | None:
        """The first birthday's midnight after everything dealt with so far, in a year that has
        had none. So a `born` that is told at that very midnight comes too late."""
        if self.born is None or self.level is None or self.clock is None:
            return None
        this_year = local_day(self.clock, MOSCOW).year
        for year in (this_year, this_year + 1, this_year + 2):
            day = birthday_in(year, self.born)
            if midnight(day, MOSCOW) > self.clock and year != self.birthday_year:
                return midnight(day, MOSCOW)
        return None

    def derive(self, now: datetime) -> None:
        if now == self.next_birthday():
            self.birthday_year = local_day(now, MOSCOW).year
            self.units["bonus"].add(BIRTHDAY, term_end(now, LIFE_MONTHS, MOSCOW))
            self.units["status"].add(BIRTHDAY, None)
            self.credited("status", BIRTHDAY, now)
        self.set_clock(now)

    def more_dues(self) -> list[datetime]:
        return [due for due in (self.next_birthday(), self.level_until) if due is not None]

    # -- the ladder

    def status_sum(self) -> Fraction:
        """Status points credited less taken back, in the order in which it happened; like every
        sum that returns lower it is cut at zero (vocabulary section 3)."""
        total = ZERO
        for at, change in self.status_changes:
            if self.status_since is None or at >= self.status_since:
                total = max(total + change, ZERO)
        return total

    def level_by_sum(self) -> str:
        return [level for level in LEVELS if self.status_sum() >= REACHED_AT[level]][-1]

    def credited(self, unit: str, points: Fraction, now: datetime) -> None:
        """Only a credit lets a level be reached; a term that runs is not made longer."""
        if unit != "status":
            return
        self.status_changes.append((now, points))
        if self.level is None:
            return
        reached = self.level_by_sum()
        if LEVELS.index(reached) > LEVELS.index(self.level):
            self.enter(reached, now)

    def taken(self, unit: str, points: Fraction, now: datetime) -> None:
        """The sum falls, the level in force stands until its term ends."""
        if unit == "status":
            self.status_changes.append((now, -points))

    def enter(self, level: str, now: datetime) -> None:
        self.level = level
        self.level_until = None if level == "basic" else term_end(now, TERM_MONTHS, MOSCOW)

    def close(self, now: datetime) -> None:
        """At a term's end only the last 24 months count, and a new term begins on that day."""
        if self.level_until is None or self.level_until > now:
            return
        end = self.level_until
        self.status_since = midnight(add_months(local_day(end, MOSCOW), -WINDOW_MONTHS), MOSCOW)
        self.enter(self.level_by_sum(), end)

    def levels(self) -> dict[str, tuple[str | None, datetime | None]]:
        return {"status": (self.level, self.level_until)}

    # -- spending

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        """Status points are not spendable (A-11); one exchange a calendar month (S3.32)."""
        return unit == "bonus" and local_month(event) not in self.exchange_months

    def may_hold(self, event: Event, unit: str, points: Fraction) -> bool:
        return self.may_redeem(event, unit, points)

    def decide(self, event: Event, allowed: Callable[[], bool]) -> bool:
        """A redemption or a hold. What was accepted, asked for or as a fact, uses up its month."""
        accepted = super().decide(event, allowed)
        if accepted and event.get("unit", "bonus") == "bonus":
            self.exchange_months.add(local_month(event))
        return accepted


def local_month(event: Event) -> tuple[int, int]:
    day = local_day(event["at"], MOSCOW)
    return day.year, day.month


def birthday_in(year: int, born: date) -> date:
    """29 February is kept on the 28th in years that lack it."""
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1) - timedelta(days=1)
    return born.replace(year=year)


def earning_part(event: Event) -> Fraction:
    """The amount less what was paid in points (vocabulary section 1), in roubles."""
    return max(event["amount"] - (number(event.get("paid_in_points")) or 0), ZERO)


def rejected(event: Event) -> bool:
    """Events that the door does not let in: it is as if they were never sent."""
    amounts = [line["amount"] for line in event["lines"]]
    if event["type"] in NEEDS_AMOUNT and not amounts:
        return True
    if any(amount < 0 or (amount * 100).denominator != 1 for amount in amounts):
        return True
    if event.get("currency", "RUB") != "RUB":
        return True
    points = number(event.get("points"))
    if points is not None and (points <= 0 or points.denominator != 1):
        return True
    if event["type"] == "survey_completed":
        award = number(event.get("award"))
        if award is None or award.denominator != 1:
            return True
        return not SURVEY_FROM <= award <= SURVEY_TO
    return False
