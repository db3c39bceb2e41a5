"""Oracle of Kaspi Bonus: catalogue 1.2 and 4.2, vocabulary section 4.

Until 1 June 2025 every payment earns 1 %; from then on only offers earn. Any return takes back
all. At most 60 % of a store price is payable in points. No expiry.
"""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction
from typing import Any

from oracles.common import ZERO, Event, Member, floor, midnight, number, run, zone

TZ = zone("Asia/Almaty")
VERSION_2 = midnight(date(2025, 6, 1), TZ)
OFFERS_END = midnight(date(2026, 6, 1), TZ)
STORE_SHARE = Fraction(60, 100)


class KaspiMember(Member):
    """One client."""

    TZ = TZ
    UNITS = {"bonus": Fraction(1)}
    RETURNS = "full"

    def earn(self, event: Event) -> None:
        if event["type"] not in ("purchase", "bill_payment"):
            return
        paid_in_points = number(event.get("paid_in_points")) or ZERO
        base = max(ZERO, event["amount"] - paid_in_points)
        if event["at"] < VERSION_2:
            rate = Fraction(1, 100)
        else:
            rate = best_offer(event)
        self.grant(event, floor(base * rate))

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        paid = event["paid"]
        if paid is None or paid.get("ecosystem") != "store" or paid["amount"] is None:
            return True
        already = self.paid_points.get(paid["key"], ZERO)
        return already + points <= floor(paid["amount"] * STORE_SHARE)


def best_offer(event: Event) -> Fraction:
    """The best rate of the offers that fit; they are for purchases (CHOSEN), within the dates."""
    if event["type"] != "purchase" or event["at"] >= OFFERS_END:
        return ZERO
    rates = [ZERO]
    by_qr = event.get("method") == "qr" and event.get("instrument") in ("gold", "red_plus")
    if by_qr and event.get("partner") == "P1":
        rates.append(Fraction(15, 100))
    if by_qr and event.get("partner") == "P2":
        rates.append(Fraction(7, 100))
    if event.get("ecosystem") == "travel":
        rates.append(Fraction(15, 100))
    return max(rates)


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Every member's row just before `until`, or after the last event."""
    return run(events, KaspiMember, until)
