"""The oracle of Tele2 "Больше": what the books must say, worked out slowly and plainly.

Written from `vocabulary.md` section 4 (Tele2) and S2.1 to S2.71, never from the engine. Roubles
and bonuses are `Fraction`; 1 bonus is worth 0.01 rouble (S2.53).

    books(events)              the state after the last event of all
    books(events, until=...)   the state just before that instant
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from oracles.common import Event, Member, floor, midnight, number, run, term_end, zone

MOSCOW = zone("Europe/Moscow")

BONUSES_IN_A_ROUBLE = 100  # S2.53
SMALLEST_PAYMENT = 10  # S2.54
LIFE_MONTHS = 12  # vocabulary 4; S2.68 allows 3 to 12 months

SURVEY_FROM, SURVEY_TO = 10, 500

SPRING_MONTHS = 3
SPRING_BONUSES = Fraction(1000)
SPRING_SMALLEST_TOPUP = Fraction(300)
SPRING_BEGINS = midnight(datetime(2025, 3, 1, tzinfo=UTC).date(), MOSCOW)
SPRING_ENDS = midnight(datetime(2025, 4, 1, tzinfo=UTC).date(), MOSCOW)  # exclusive

NEEDS_AMOUNT = ("purchase", "bill_payment", "service_charge", "topup", "package_purchased")


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Member to balances: `active_bonus`, `pending_bonus`, `held_bonus`, `debt_bonus`,
    `next_expiry`. The program has no ladder (S2.G2)."""
    return run(events, Bolshe, until)


class Bolshe(Member):
    """One subscriber."""

    TZ = MOSCOW
    UNITS = {"bonus": Fraction(1)}
    RETURNS = "proportional"

    def begin(self) -> None:
        self.enrolled = False
        self.wallet_activated = False

    def take(self, event: Event) -> None:
        if not rejected(event):
            super().take(event)

    # -- earning

    def earn(self, event: Event) -> None:
        if event["type"] == "enrolled":
            self.enrolled = True
        elif event["type"] == "wallet_activated":
            self.wallet_activated = True

        # S2.34: "only after activation"; S2.G3, policy `none`: what came before earns nothing.
        if not (self.enrolled and self.wallet_activated):
            return

        if event["type"] == "service_charge":
            self.earn_for_service(event)
        elif event["type"] == "topup":
            self.earn_for_topup(event)
            self.earn_spring_offer(event)
        elif event["type"] == "survey_completed":
            self.grant(event, number(event["award"]), self.life(event, LIFE_MONTHS))

    def earn_for_service(self, event: Event) -> None:
        """1 bonus per full rouble (S2.1, A-15)."""
        self.grant(event, floor(earning_part(event)), self.life(event, LIFE_MONTHS))

    def earn_for_topup(self, event: Event) -> None:
        """5 bonuses per full 100 roubles, through the app or the site (S2.40, S2.49)."""
        if event.get("channel") in ("app", "web"):
            full_hundreds = floor(earning_part(event) / 100)
            self.grant(event, 5 * full_hundreds, self.life(event, LIFE_MONTHS))

    def earn_spring_offer(self, event: Event) -> None:
        """1 000 on top, for each top-up of 300 roubles or more in March 2025, any channel."""
        in_march = SPRING_BEGINS <= event["at"] < SPRING_ENDS
        if in_march and event["amount"] >= SPRING_SMALLEST_TOPUP:
            self.grant(event, SPRING_BONUSES, self.life(event, SPRING_MONTHS))

    # -- terms

    def life(self, event: Event, months: int) -> datetime:
        return term_end(event["at"], months, MOSCOW)

    def standard_end(self, unit: str, now: datetime) -> datetime:
        return term_end(now, LIFE_MONTHS, MOSCOW)

    # -- spending

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        """At least 10 (S2.54). All that pays one service: at most its price (S2.55)."""
        if points < SMALLEST_PAYMENT:
            return False
        paid = event["paid"]
        if paid is None:
            return True  # pays no event: only the minimum applies
        if paid["key"] not in self.taken_events:
            return False  # rejected, or later in event order: unknown at this instant
        price = (paid["amount"] or Fraction(0)) * BONUSES_IN_A_ROUBLE
        already = self.paid_points.get(paid["key"], Fraction(0))
        return already + points <= price

    def may_hold(self, event: Event, unit: str, points: Fraction) -> bool:
        """A hold carries no `pays`, so only the minimum applies."""
        return points >= SMALLEST_PAYMENT


def earning_part(event: Event) -> Fraction:
    """The amount less what was paid in points (vocabulary section 1), in roubles."""
    return max(event["amount"] - (number(event.get("paid_in_points")) or 0), Fraction(0))


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
