"""Steps written by hand in plain Python, to measure the generated ones against.

Each does for one kind of program what somebody would write who knows nothing of the engine: read
the event, keep what the rules need in dictionaries, give the points. Corrections, explanations,
holds and redemptions are not in them; the engine's time has all of that in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Protocol
from zoneinfo import ZoneInfo

Event = Mapping[str, Any]


class Step(Protocol):
    """What is measured."""

    def take(self, event: Event) -> object:
        """Take an event; the points that it gave."""
        ...


class Monthly:
    """A category of the month before sets the rate; a limit of the month clips."""

    LEVELS = ((100_000, 1, 10_000), (150_000, 3, 30_000), (250_000, 5, 50_000),
              (400_000, 7, 70_000), (700_000, 10, 100_000))  # fmt: skip
    ZONE = ZoneInfo("Asia/Almaty")

    def __init__(self) -> None:
        self.spend: Counter[tuple[int, int]] = Counter()
        self.given: Counter[tuple[int, int]] = Counter()
        self.balance = 0

    def take(self, event: Event) -> int:
        """Points of a purchase."""
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(self.ZONE)
        month = (at.year, at.month)
        before = (at.year, at.month - 1) if at.month > 1 else (at.year - 1, 12)
        amount = Fraction(Decimal(event["amount"]))
        rate, limit = 0, 10_000
        for least, percent, most in self.LEVELS:
            if self.spend[before] >= least:
                rate, limit = percent, most
        self.spend[month] += amount  # type: ignore[assignment]
        points = 0
        if event["network"] == "own":
            if event["method"] in ("qr", "smartphone"):
                points += int(amount * rate / 100)
            if event["instrument"] == "infinite":
                points += int(amount * 4 / 100)
        points = max(0, min(points, limit - self.given[month]))
        self.given[month] += points
        self.balance += points
        return points


class Pending:
    """A fifth of a charge, active on the tenth of the next month, for 24 months."""

    ZONE = ZoneInfo("Europe/Moscow")

    def __init__(self) -> None:
        self.lots: list[tuple[datetime, datetime, int]] = []
        self.balance = self.status = 0
        self.member = False

    def take(self, event: Event) -> int:
        """Points of a charge."""
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(self.ZONE)
        self._advance(at)
        if event["type"] == "enrolled":
            self.member = True
            self.balance += 500
            return 500
        points = int(Fraction(Decimal(event["amount"])) / 5) if self.member else 0
        first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        active = (first + timedelta(days=32)).replace(day=10)
        ends = active.replace(year=active.year + 2) + timedelta(days=1)
        self.lots.append((active, ends, points))
        return points

    def _advance(self, at: datetime) -> None:
        while self.lots and self.lots[0][0] <= at:
            _, _, points = self.lots.pop(0)
            self.balance += points
            self.status += points


class Staged:
    """Payments of the month raise the stage at once; the month before is where it starts."""

    ZONE = ZoneInfo("Asia/Tbilisi")
    STAGES = ((40, "0.003", "0.05"), (30, "0.002", "0.04"), (25, "0.001", "0.03"))

    def __init__(self) -> None:
        self.payments: Counter[tuple[int, int]] = Counter()
        self.lots: Counter[datetime] = Counter()
        self.member = False
        self.balance = Decimal(0)

    def take(self, event: Event) -> Decimal:
        """Points of a payment."""
        at = datetime.fromisoformat(event["occurred_at"]).astimezone(self.ZONE)
        if event["type"] == "product_opened":
            self.member = True
            return Decimal(0)
        month = (at.year, at.month)
        before = (at.year, at.month - 1) if at.month > 1 else (at.year - 1, 12)
        count = max(self.payments[month], self.payments[before])
        rate = Decimal(0)
        for more_than, plain, partner in self.STAGES:
            if count > more_than:
                rate = Decimal(partner if event["partner"].startswith("ERT-") else plain)
                break
        if event["network"] == "own" and event["instrument"] != "business":
            self.payments[month] += 1
        points = (Decimal(event["amount"]) * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        if event["mcc"] in ("5541", "5542"):
            points = min(points, Decimal(10))
        if self.member and points:
            ends = at.replace(year=at.year + 2, hour=0, minute=0, second=0) + timedelta(days=1)
            self.lots[ends] += points  # type: ignore[assignment]
            self.balance += points
        return points


PEERS: Mapping[str, Callable[[], Step]] = {
    "monthly": Monthly, "pending": Pending, "staged": Staged,
}  # fmt: skip
