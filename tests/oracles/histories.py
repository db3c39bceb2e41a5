"""Random histories of raw events for the seven programs, made to hurt.

`history(program, rng, members)` returns raw mappings as they come in (all text). The mix moves
levels (sums and counts just below, at and just above each threshold) and hits month ends, first
instants, ends of lots, an hour that came twice, equal instants, leap days. Returns come whole, in
part, too large, twice, by line, early, at the same instant, for unknown events and for other
members' events. Every event is recorded when it happens (no `recorded_at`), duplicates are equal
to what they duplicate: so the list may be shuffled without changing any book.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from oracles.common import add_months, local_day, midnight, term_end, zone
from oracles.history_months import MIRED_PARTNERS, MONTHS

Raw = dict[str, Any]
SECOND = timedelta(seconds=1)
TYPES_WITH_AMOUNT = ("purchase", "bill_payment", "service_charge", "topup", "package_purchased")

#          zone, currency, smallest point, largest usual redemption, lot months worth hitting
PROGRAMS: dict[str, tuple[str, str, str, int, tuple[int, ...]]] = {
    "halyk-plus": ("Asia/Almaty", "KZT", "1", 40_000, ()),
    "kaspi-bonus": ("Asia/Almaty", "KZT", "1", 4_000, ()),
    "tele2-bolshe": ("Europe/Moscow", "RUB", "1", 400, (12, 3)),
    "rostelecom-bonus": ("Europe/Moscow", "RUB", "1", 1_500, (24,)),
    "tbc-ertguli": ("Asia/Tbilisi", "GEL", "0.01", 20, (24,)),
    "mired-coalition": ("Europe/Moscow", "RUB", "1", 300, (12,)),
    "retail-starter": ("Europe/London", "GBP", "1", 120, (12,)),
}


def history(
    program: str, rng: random.Random, members: int, months: int = 40, start: str = "2023-01-10"
) -> list[Raw]:
    """Raw events of so many members over so many months, in order of time."""
    tellers = [Teller(program, rng, f"m{number:03d}") for number in range(members)]
    for teller in tellers:
        teller.live(date.fromisoformat(start), months)
    for teller in tellers:
        teller.trouble_with_others(tellers)
    events = [event for teller in tellers for event in teller.events]
    events += [dict(event) for event in events if rng.random() < 0.01]
    events.sort(key=lambda event: event["_at"])
    return [teller_text(program, rng, event) for event in events]


def teller_text(program: str, rng: random.Random, event: Raw) -> Raw:
    """The event as it comes in: its time as text, in one of the ways in which it may be written."""
    at = event["_at"]
    tz = zone(PROGRAMS[program][0])
    local = at.astimezone(tz)
    raw = {name: value for name, value in event.items() if name != "_at"}
    once = local.replace(tzinfo=None).replace(tzinfo=tz).astimezone(UTC) == at
    style = event["id"][-1] if once else "0"  # a duplicate is written like its original
    if style in "12":
        raw["occurred_at"] = local.replace(tzinfo=None).isoformat()
    elif style in "345":
        raw["occurred_at"] = local.isoformat()
    else:
        raw["occurred_at"] = at.isoformat().replace("+00:00", "Z")
    return raw


class Teller:
    """Tells the life of one member."""

    def __init__(self, program: str, rng: random.Random, member: str) -> None:
        zone_name, self.currency, self.step, self.usual, self.lot_months = PROGRAMS[program]
        self.program, self.rng, self.member = program, rng, member
        self.tz = zone(zone_name)
        self.events: list[Raw] = []
        self.count = 0

    # -- small tools

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def pick(self, *choices: Any) -> Any:
        return self.rng.choice(choices)

    def emit(self, at: datetime, kind: str, after: str = "", **attributes: Any) -> Raw:
        """One event. Its id sorts at random, or directly after the id `after`."""
        self.count += 1
        stem = f"{self.member}-{self.count:04d}{self.rng.randrange(10)}"
        head = self.rng.choice(["0", "5", "B", "a", "e", "x", "é", "я", "ｱ", "😀"])
        ident = f"{after}~{stem}" if after else f"{head}{stem}"
        event: Raw = {"id": ident, "member": self.member, "type": kind, "_at": at}
        if self.chance(0.05):
            event["source"] = self.pick("pos", "app", "Касса")
        event |= {name: value for name, value in attributes.items() if value is not None}
        if "amount" in event and self.chance(0.2):
            event["currency"] = self.currency
        self.events.append(event)
        return event

    def follow(self, first: Raw, at: datetime, kind: str, **attributes: Any) -> Raw:
        """An event that names another: of the same source, so that the name is clear."""
        event = self.emit(at, kind, after=first["id"], **attributes)
        event.pop("source", None)
        if "source" in first:
            event["source"] = first["source"]
        return event

    def money(self, low: int, high: int) -> str:
        """An amount: round, with cents, or with a half that rounding must decide."""
        whole = self.rng.randint(low, high)
        style = self.rng.random()
        if style < 0.4:
            return str(max(low, whole // 100 * 100))
        if style < 0.7:
            return str(whole)
        return f"{whole}.{self.rng.randrange(100):02d}"

    def points(self, low: int, high: int) -> str:
        value = Decimal(self.rng.randint(low, high))
        if self.step == "0.01":
            value += Decimal(self.rng.randrange(100)) / 100
        return str(value)

    def moment(self, month: date) -> datetime:
        """An instant in a local month: often one at which something else happens."""
        first, after = midnight(month, self.tz), midnight(add_months(month, 1), self.tz)
        style = self.rng.random()
        if style < 0.05:
            return first
        if style < 0.10:
            return after - SECOND
        if style < 0.12:
            return after - timedelta(microseconds=1)
        if style < 0.15:
            return first + timedelta(microseconds=1)
        if style < 0.20:
            return midnight(month + timedelta(days=self.rng.randrange(28)), self.tz)
        if style < 0.23:
            return midnight(month.replace(day=10), self.tz)
        if style < 0.26 and self.lot_months and self.events:
            past = self.rng.choice(self.events)["_at"]
            end = term_end(past, self.rng.choice(self.lot_months), self.tz)
            if first <= end < after:
                return end - self.rng.choice([timedelta(0), SECOND])
        if style < 0.29 and self.events and first <= self.events[-1]["_at"] < after:
            latest: datetime = self.events[-1]["_at"]
            return latest
        if style < 0.31 and after - first > timedelta(days=29):
            return after - timedelta(seconds=self.rng.randrange(1, 7_200))
        seconds = int((after - first).total_seconds())
        return first + timedelta(seconds=self.rng.randrange(seconds))

    def moments(self, month: date, count: int) -> list[datetime]:
        return sorted(self.moment(month) for _ in range(count))

    # -- a life

    def live(self, start: date, months: int) -> None:
        """From `start`, or some months later; now and then silent for long."""
        begin = add_months(start.replace(day=1), self.pick(0, 0, 0, 1, 5))
        first = midnight(begin.replace(day=10), self.tz)
        self.join(first + timedelta(seconds=self.rng.randrange(86_400)))
        silent = 0
        for number in range(1, months):
            month = add_months(begin, number)
            if silent:
                silent -= 1
                continue
            if self.chance(0.06):
                silent = self.pick(1, 1, 2, 3, 9, 14, 26)
                continue
            MONTHS[self.program](self, month)
            self.spend_in(month)
            self.adjust_in(month)
            self.regret_in(month)

    def join(self, at: datetime) -> None:
        """How a member begins: known, enrolled, or simply there."""
        if self.chance(0.7):
            self.tell_about_me(at)
        if self.program in ("tele2-bolshe", "rostelecom-bonus") and self.chance(0.95):
            late = timedelta(days=self.pick(0, 0, 0, 0, 3, 40))
            enrolled = self.emit(at + late, "enrolled", channel=self.pick("web", "app"))
            self.maybe_activate_wallet(at + late, enrolled)
        if self.program == "halyk-plus" and self.chance(0.6):
            self.emit(at, "product_opened", product="deposit")
        if self.program == "tbc-ertguli":
            for product in ("plan", "salary_card", "concept_plan", "deposit"):
                if self.chance(0.35):
                    self.emit(at, "product_opened", product=product)

    def maybe_activate_wallet(self, at: datetime, enrolled: Raw) -> None:
        if self.program == "tele2-bolshe" and self.chance(0.95):
            late = timedelta(days=self.pick(0, 0, 0, 1, 35))
            self.follow(enrolled, at + late, "wallet_activated", channel="app")

    def tell_about_me(self, at: datetime) -> None:
        born = date(self.rng.randint(1950, 2004), self.rng.randint(1, 12), self.rng.randint(1, 28))
        if self.chance(0.25):
            born = date(self.pick(1980, 1988, 1996, 2000), 2, 29)
        if self.chance(0.1):
            born = date(1990, self.pick(1, 3, 12), self.pick(1, 31))
        region = self.pick(None, "north", "south")
        self.emit(at, "member", born=born.isoformat() if self.chance(0.9) else None, region=region)

    # -- spending, holding

    def spend_in(self, month: date) -> None:
        if self.chance(0.45):
            for at in self.moments(month, self.pick(1, 1, 1, 2, 3)):
                self.redeem(at)
        if self.chance(0.15):
            self.hold(self.moment(month))

    def wanted(self) -> str:
        """Points asked for: the least, some, about a balance, far too many."""
        style = self.rng.random()
        if style < 0.1:
            return self.rng.choice([self.step, "9", "10", "11"])
        if style < 0.6:
            return self.points(10, max(20, self.usual // 4))
        if style < 0.92:
            return self.points(10, self.usual * 2)
        return self.rng.choice(["1000000", "250000"])

    def redeem(self, at: datetime) -> None:
        outcome = self.pick(None, None, None, None, "accepted", "refused")
        details: Raw = {"points": self.wanted(), "outcome": outcome}
        if outcome == "accepted":  # a fact makes debt: not one that is never paid again
            details["points"] = self.points(10, max(20, self.usual // 3))
        if self.program == "mired-coalition":
            details["partner"] = self.pick(*MIRED_PARTNERS, "OTHER-SHOP")
        paid = self.something_to_pay(at)
        if paid is None:
            self.emit(at, "redemption", **details)
            return
        price = amount_of(paid)
        if self.program == "kaspi-bonus" and self.chance(0.5):
            limit = int(price * 60 // 100)
            details["points"] = str(max(1, limit + self.pick(-1, 0, 0, 1)))
        elif self.program == "tele2-bolshe" and self.chance(0.5):
            details["points"] = str(max(1, int(price * 100) + self.pick(-1, 0, 0, 1)))
        self.follow(paid, at, "redemption", pays=paid["id"], **details)
        if self.chance(0.2):
            self.follow(paid, at + SECOND, "redemption", pays=paid["id"], **details)
        if self.chance(0.04):
            self.emit(at, "redemption", pays="nobody-knows", **(details | {"outcome": None}))

    def something_to_pay(self, at: datetime) -> Raw | None:
        if self.chance(0.4):
            return None
        payable = {"tele2-bolshe": ("service_charge",)}.get(self.program, ("purchase",))
        past = [e for e in self.events if e["type"] in payable and e["_at"] <= at]
        return self.rng.choice(past[-6:]) if past else None

    def hold(self, at: datetime) -> None:
        """A hold, then captures and voids: in part, whole, in time, late, or a lapse."""
        asked = int(Decimal(self.points(10, max(20, self.usual // 3))))
        days = self.pick(1, 3, 30, 45, 400)
        until = at + timedelta(days=days)
        if self.chance(0.3):
            until = midnight(add_months(local_day(at, self.tz).replace(day=1), 1), self.tz)
        with_end = self.chance(0.8) and until > at
        text = until.isoformat().replace("+00:00", "Z") if with_end else None
        hold = self.emit(at, "hold", points=str(asked), until=text)
        later = at + timedelta(seconds=self.rng.randrange(1, days * 86_400 + 1))
        part = str(self.rng.randint(1, asked))
        style = self.rng.random()
        if style < 0.25:
            self.follow(hold, later, "capture", hold=hold["id"])
        elif style < 0.45:
            self.follow(hold, later, "capture", hold=hold["id"], points=part)
            rest = self.pick("capture", "void")
            self.follow(hold, later + timedelta(hours=5), rest, hold=hold["id"])
        elif style < 0.65:
            self.follow(hold, later, "void", hold=hold["id"], points=part)
        elif style < 0.8:
            self.follow(hold, later, "void", hold=hold["id"])
        elif style < 0.9 and with_end:
            kind = self.pick("capture", "void")
            late = until + self.pick(timedelta(0), SECOND, timedelta(days=2))
            self.follow(hold, late, kind, hold=hold["id"])

    def adjust_in(self, month: date) -> None:
        if self.chance(0.05):
            self.emit(
                self.moment(month),
                "adjustment",
                points=self.points(1, self.usual),
                direction=self.pick("credit", "credit", "debit"),
                reason="goodwill",
                author="support",
            )

    # -- returns and withdrawals

    def regret_in(self, month: date) -> None:
        """What of the last months is given back, or never was."""
        recent = [event for event in self.events if event["type"] in TYPES_WITH_AMOUNT][-30:]
        for event in recent:
            if self.chance(0.012):
                self.give_back(event, month)
        if recent and self.chance(0.03):
            self.give_back(self.rng.choice(self.events_with_amount()), month)
        for event in self.events[-12:]:
            if event["type"] not in ("withdrawn", "hold", "capture", "void") and self.chance(0.004):
                at = max(event["_at"], self.moment(month))
                self.follow(event, at, "withdrawn", withdraws=event["id"])
        if self.chance(0.01):
            self.emit(
                self.moment(month), "return", returns="never-was", amount=self.money(1, 5_000)
            )

    def events_with_amount(self) -> list[Raw]:
        return [event for event in self.events if event["type"] in TYPES_WITH_AMOUNT]

    def give_back(self, event: Raw, month: date) -> None:
        line = self.rng.choice(event["lines"]) if "lines" in event and self.chance(0.5) else None
        name = line["line"] if line else None
        price = Decimal(line["amount"]) if line else amount_of(event)
        cent = Decimal("0.01")
        share = Decimal(self.rng.randint(1, 99)) / 100
        part = max(cent, (price * share).quantize(cent))
        amount = self.pick(price, price, part, part, cent, price * 2)
        if amount <= 0:
            return
        at = max(event["_at"], self.moment(month))
        style = self.rng.random()
        if style < 0.06:
            early = event["_at"] - timedelta(seconds=self.rng.randrange(1, 5_000_000))
            self.follow(event, early, "return", returns=event["id"], amount=f"{part:f}", line=name)
            return
        if style < 0.12:
            self.give_back_at_once(event, f"{part:f}", name)
            return
        self.follow(event, at, "return", returns=event["id"], amount=f"{amount:f}", line=name)
        if self.chance(0.25):
            again = at + timedelta(seconds=self.rng.randrange(3_000_000))
            self.follow(event, again, "return", returns=event["id"], amount=f"{part:f}")

    def give_back_at_once(self, event: Raw, amount: str, line: str | None) -> None:
        """At the very instant of the purchase, with an id that sorts before it."""
        back = self.follow(
            event, event["_at"], "return", returns=event["id"], amount=amount, line=line
        )
        back["id"] = f"!{back['id']}"

    def trouble_with_others(self, tellers: list[Teller]) -> None:
        """A return of another member's purchase, and paying another member's purchase."""
        other = self.rng.choice(tellers)
        theirs = other.events_with_amount()
        if other is self or not theirs:
            return
        event = self.rng.choice(theirs)
        at = event["_at"] + timedelta(days=1)
        self.follow(event, at, "return", returns=event["id"], amount="100")
        if self.program != "mired-coalition":
            self.follow(event, at, "redemption", pays=event["id"], points="10")

    # -- buying

    def buy(self, at: datetime, amount: str, kind: str = "purchase", **attributes: Any) -> Raw:
        """A payment; now and then partly in points, or in several lines."""
        if kind == "purchase" and self.chance(0.05):
            share = Decimal(amount) * self.rng.randint(1, 120) / 100
            attributes["paid_in_points"] = str(int(share))
        in_lines = kind in ("purchase", "service_charge") and Decimal(amount) > 10
        if in_lines and self.chance(0.06):
            return self.emit(at, kind, lines=self.lines(Decimal(amount)), **attributes)
        return self.emit(at, kind, amount=amount, **attributes)

    def lines(self, total: Decimal) -> list[Raw]:
        """Two to four lines with this sum."""
        cents = int(total * 100)
        cuts = sorted(self.rng.randrange(1, cents) for _ in range(self.pick(1, 1, 2, 3)))
        edges = [0, *cuts, cents]
        amounts = [after - before for before, after in pairwise(edges)]
        category = ["food", "toys", "garden", "gift_card"]
        return [
            {
                "line": str(number),
                "amount": f"{Decimal(amount) / 100:f}",
                "category": self.rng.choice(category),
            }
            for number, amount in enumerate(amounts, 1)
        ]

    def toggle_product(self, month: date, *products: str) -> None:
        """Opened, closed, opened twice, closed when not held."""
        if self.chance(0.12):
            kind = self.pick("product_opened", "product_opened", "product_closed")
            self.emit(self.moment(month), kind, product=self.rng.choice(products))


def amount_of(event: Raw) -> Decimal:
    """The event's amount: the sum of its lines."""
    if "lines" in event:
        return sum((Decimal(line["amount"]) for line in event["lines"]), Decimal(0))
    return Decimal(event["amount"])
