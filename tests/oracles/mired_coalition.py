"""Oracle of MIRED: catalogue 1.3.9, vocabulary section 4.

Four merchants, a rate each; points live 12 months and are spendable at the four. A return is as
if the returned part had never been bought.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

from oracles.common import ZERO, Event, Member, floor, number, run, term_end, zone

RATES = {
    "DOM-MEBELI": Fraction(3, 100),
    "KONDITER44": Fraction(5, 100),
    "SPETSVIDEO": Fraction(4, 100),
    "AVTOZVUK": Fraction(4, 100),
}
LOT_MONTHS = 12


class MiredMember(Member):
    """One buyer."""

    TZ = zone("Europe/Moscow")
    UNITS = {"point": Fraction(1)}
    RETURNS = "as_if_never_bought"

    def earn(self, event: Event) -> None:
        """A purchase at one of the four. After a return `amount` is what was left of it, and the
        part paid in points is taken off that (CHOSEN: not lowered in proportion)."""
        if event["type"] != "purchase" or event.get("partner") not in RATES:
            return
        paid_in_points = number(event.get("paid_in_points")) or ZERO
        base = max(ZERO, event["amount"] - paid_in_points)
        points = floor(base * RATES[event["partner"]])
        self.grant(event, points, end=term_end(event["acts"], LOT_MONTHS, self.TZ))

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        """The redemption's own partner must be one of the four (CHOSEN: none named is refused)."""
        return event.get("partner") in RATES

    def standard_end(self, unit: str, now: datetime) -> datetime | None:
        return term_end(now, LOT_MONTHS, self.TZ)


def books(events: list[dict[str, Any]], until: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Every member's row just before `until`, or after the last event."""
    return run(events, MiredMember, until)
