"""The oracle of TBC Ertguli: what the books must say, worked out slowly and plainly.

Written from `vocabulary.md` section 4 (TBC) and S4.1 to S4.30, never from the engine. Lari and
points are `Fraction`; a point has two decimals and is worth 1 lari.

    books(events)              the state after the last event of all
    books(events, until=...)   the state just before that instant
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from oracles.common import (
    ZERO,
    Event,
    Member,
    half_up,
    midnight,
    month_start,
    number,
    run,
    term_end,
    zone,
)

TBILISI = zone("Asia/Tbilisi")
STEP = Fraction("0.01")
LIFE_MONTHS = 24

MAKES_A_MEMBER = {"plan", "concept_plan", "salary_card"}  # S4.2, AT-E17

# S4.12 to S4.14: the rate without a partner, the rate at a partner.
STAGE_RATES = {
    1: (ZERO, ZERO),
    2: (Fraction("0.001"), Fraction("0.03")),
    3: (Fraction("0.002"), Fraction("0.04")),
    4: (Fraction("0.003"), Fraction("0.05")),
}
# S4.16, S4.17: the card's own rate replaces the stage's.
CREDIT_CARD_RATES = {
    "credit_standard": Fraction("0.005"),
    "credit_classic": Fraction("0.02"),
    "credit_gold": Fraction("0.05"),
    "credit_platinum": Fraction("0.11"),
}

NIKORA_RATE = Fraction("0.05")
NIKORA_BEGINS = midnight(datetime(2025, 4, 1, tzinfo=UTC).date(), TBILISI)
NIKORA_ENDS = midnight(datetime(2025, 5, 1, tzinfo=UTC).date(), TBILISI)  # exclusive

FUEL = ("5541", "5542")
MOST_POINTS_FOR_FUEL = Fraction("10.00")

NEEDS_AMOUNT = ("purchase", "bill_payment", "service_charge", "topup", "package_purchased")


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Member to balances: `active_point`, `pending_point`, `held_point`, `debt_point`,
    `tier_stage` (`stage1` to `stage4`), `tier_stage_until`, `next_expiry`."""
    return run(events, Client, until)


class Client(Member):
    """One client of the bank, member or not."""

    TZ = TBILISI
    UNITS = {"point": STEP}
    LADDERS = ("stage",)
    RETURNS = "proportional"
    ROUND = staticmethod(half_up)

    def begin(self) -> None:
        self.products: set[str] = set()  # held now
        self.month: datetime | None = None  # where the current month began; None: no event yet
        self.payments = 0  # of the current month
        self.started_at = 1  # the stage at which the current month began
        self.reached = 1  # the highest stage that this month reached by its own payments

    def take(self, event: Event) -> None:
        if rejected(event):
            return
        if self.month is None:
            self.month = month_start(event["at"], TBILISI)  # the ladder is kept from here on
        super().take(event)

    def earn(self, event: Event) -> None:
        product = str(event.get("product", ""))
        if event["type"] == "product_opened":
            self.products.add(product)
        elif event["type"] == "product_closed":
            self.products.discard(product)
        elif event["type"] == "purchase" and counts(event):
            self.payments += 1
            # this payment is still paid at the stage in force before it.
            self.grant(event, self.points_for(event), term_end(event["at"], LIFE_MONTHS, TBILISI))
        self.reached = max(self.reached, self.stage_by_payments())

    # -- earning

    def points_for(self, event: Event) -> Fraction:
        """One rate for one payment, rounded once, then the ceiling for fuel."""
        if not self.products & MAKES_A_MEMBER:
            return ZERO
        base = max(event["amount"] - (number(event.get("paid_in_points")) or 0), ZERO)
        points = half_up(base * self.rate_for(event), STEP)
        if str(event.get("mcc", "")) in FUEL:
            points = min(points, MOST_POINTS_FOR_FUEL)
        return points

    def rate_for(self, event: Event) -> Fraction:
        instrument = str(event.get("instrument", ""))
        if instrument in CREDIT_CARD_RATES:
            return CREDIT_CARD_RATES[instrument]
        partner = str(event.get("partner", ""))
        plain_rate, partner_rate = STAGE_RATES[self.stage()]
        rate = partner_rate if partner.startswith("ERT-") else plain_rate
        if partner == "ERT-NIKORA" and NIKORA_BEGINS <= event["at"] < NIKORA_ENDS:
            rate = max(rate, NIKORA_RATE)
        return rate

    def standard_end(self, unit: str, now: datetime) -> datetime:
        return term_end(now, LIFE_MONTHS, TBILISI)

    # -- the ladder

    def stage(self) -> int:
        """The stage in force: it begins the month where the last month left it, and only rises."""
        return max(self.started_at, self.reached)

    def stage_by_payments(self) -> int:
        """What this month's payments give with the products held now (S4.11 to S4.14)."""
        loan_or_deposit = bool(self.products & {"loan", "deposit"})
        any_plan = bool(self.products & {"plan", "concept_plan"})
        if self.payments > 40 and "concept_plan" in self.products and loan_or_deposit:
            return 4
        if self.payments > 30 and (loan_or_deposit or any_plan):
            return 3
        if self.payments > 25:
            return 2
        return 1

    def more_dues(self) -> list[datetime]:
        return [] if self.month is None else [month_start(self.month, TBILISI, 1)]

    def close(self, now: datetime) -> None:
        """A month ends. The next begins at what this one reached by its own payments (A-8)."""
        if self.month is None or now < month_start(self.month, TBILISI, 1):
            return
        self.month = month_start(self.month, TBILISI, 1)
        self.started_at = self.reached
        self.reached = 1
        self.payments = 0

    def levels(self) -> dict[str, tuple[str | None, datetime | None]]:
        """A stage that this month earned lasts through the next one; a stage that was only kept
        ends with this month; stage 1 has no end."""
        if self.month is None:
            return {"stage": (None, None)}
        stage = self.stage()
        if stage == 1:
            until = None
        elif self.reached == stage:
            until = month_start(self.month, TBILISI, 2)
        else:
            until = month_start(self.month, TBILISI, 1)
        return {"stage": (f"stage{stage}", until)}


def counts(event: Event) -> bool:
    """S4.18: the bank's own terminals and online payments; not business cards (AT-E17)."""
    return event.get("network") == "own" and event.get("instrument") != "business"


def rejected(event: Event) -> bool:
    """Events that the door does not let in: it is as if they were never sent."""
    amounts = [line["amount"] for line in event["lines"]]
    if event["type"] in NEEDS_AMOUNT and not amounts:
        return True
    if any(amount < 0 or (amount * 100).denominator != 1 for amount in amounts):
        return True
    if event.get("currency", "GEL") != "GEL":
        return True
    points = number(event.get("points"))
    return points is not None and (points <= 0 or (points / STEP).denominator != 1)
