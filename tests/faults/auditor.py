"""An auditor of plain arithmetic: what members of the simulated shop have, from lists of facts.

It shares no code with Laurels and knows one program: a point for each euro, two from the second
version on; points end after 30 days, at the midnight that ends the day; returns take back what the
returned euros gave; who spends more than is there has a debt, which the next points pay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

LIFE = 30


@dataclass(frozen=True)
class Fact:
    """Something that happened to a member: bought, spent, or came back of a purchase."""

    at: datetime
    id: str
    kind: str
    amount: int
    of: str = ""

    @property
    def order(self) -> tuple[datetime, str]:
        return (self.at, self.id)


@dataclass
class Books:
    """Points by the instant at which they end, and points owed."""

    lots: dict[datetime, int] = field(default_factory=dict)
    debt: int = 0

    @property
    def active(self) -> int:
        return sum(self.lots.values())

    def expire(self, now: datetime) -> None:
        for end in [end for end in self.lots if end <= now]:
            del self.lots[end]

    def gain(self, end: datetime, points: int) -> None:
        paid = min(points, self.debt)
        self.debt -= paid
        if points > paid:
            self.lots[end] = self.lots.get(end, 0) + points - paid

    def lose(self, points: int, first: datetime | None = None) -> None:
        order = sorted(self.lots)
        if first in order:
            order.remove(first)
            order.insert(0, first)
        for end in order:
            taken = min(points, self.lots[end])
            self.lots[end] -= taken
            points -= taken
            if not self.lots[end]:
                del self.lots[end]
        self.debt += points


@dataclass
class Person:
    """A member: its facts; from a merge on those of both, each side folded alone until then."""

    names: set[str]
    facts: list[Fact] = field(default_factory=list)
    sides: tuple[Person, Person] | None = None
    since: datetime | None = None

    def side_of(self, name: str, at: datetime) -> Person:
        """Whose fact it is that happens to a name at an instant."""
        if self.sides is None or self.since is None or at >= self.since:
            return self
        return next(side for side in self.sides if name in side.names).side_of(name, at)

    def every(self) -> list[Fact]:
        """All facts, those of the sides too."""
        return self.facts + [f for side in self.sides or () for f in side.every()]

    def books(self, until: datetime, doubled: datetime | None) -> Books:
        """What the person has just before an instant."""
        bought = {fact.id: fact for fact in self.every() if fact.kind == "bought"}
        return self._fold(until, doubled, bought, {})

    def _fold(
        self, until: datetime, doubled: datetime | None, bought: dict[str, Fact],
        left: dict[str, int],
    ) -> Books:  # fmt: skip
        books = Books()
        if self.sides is not None and self.since is not None:
            for side in self.sides:
                found = side._fold(min(self.since, until), doubled, bought, left)
                found.expire(min(self.since, until))
                for end, points in found.lots.items():
                    books.lots[end] = books.lots.get(end, 0) + points
                books.debt += found.debt
            owed, books.debt = books.debt, 0
            books.lose(owed)
        for fact in sorted(self.facts, key=lambda each: each.order):
            if fact.at >= until:
                break
            books.expire(fact.at)
            if fact.kind == "bought":
                left[fact.id] = fact.amount
                books.gain(end_of(fact), fact.amount * rate(fact, doubled))
            elif fact.kind == "spent":
                books.lose(fact.amount)
            else:
                purchase = bought.get(fact.of)
                if purchase is None:
                    continue
                back = min(fact.amount, left[fact.of])
                left[fact.of] -= back
                if end_of(purchase) > fact.at:
                    books.lose(back * rate(purchase, doubled), end_of(purchase))
        books.expire(until)
        return books


def rate(fact: Fact, doubled: datetime | None) -> int:
    """Points for a euro."""
    return 2 if doubled is not None and fact.at >= doubled else 1


def end_of(fact: Fact) -> datetime:
    """When the points of a purchase end."""
    day = fact.at.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=LIFE + 1)
