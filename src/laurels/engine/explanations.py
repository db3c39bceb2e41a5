"""What is handed out: the explanation of an event, of a posting, of a member."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from laurels.engine.explained import (
    MOVES,
    Correction,
    Data,
    Drawn,
    Elsewhere,
    EventSeen,
    LevelSeen,
    Reason,
    ReturnSeen,
    RuleSeen,
    SpendingSeen,
)

ADJUSTS = frozenset({"adjusted", "transferred", "debt", "waived"})
"""Kinds of postings in which an adjustment moves its points; what pays debt is a part of them."""


@dataclass(frozen=True)
class EventExplanation(Data):
    """What became of an event, as it was known when it was decided.

    status    taken, refused, waiting, ignored, withdrawn
    rules     every rule of the version in force that reads the event's type
    elsewhere rules of other versions that would have given
    reason    why it earned nothing, None when it earned
    corrected postings by which it changed what other events had brought
    revised   what later corrections made of it
    """

    program: str
    zone: str
    currency: str
    exponent: int
    event: EventSeen
    status: str
    version: int
    note: str
    effective_from: int | None
    rules: tuple[RuleSeen, ...]
    elsewhere: tuple[Elsewhere, ...]
    reason: Reason | None
    spending: SpendingSeen | None
    returned: ReturnSeen | None
    postings: tuple[Drawn, ...]
    corrected: tuple[Drawn, ...]
    levels: tuple[LevelSeen, ...]
    revised: tuple[Correction, ...]
    unit_titles: dict[str, str]

    def computes(self) -> bool:
        """Whether every rule's numbers, computed again, come to what was posted."""
        given: dict[str, Decimal] = {}
        posted: dict[str, Decimal] = {}
        for rule in self.rules:
            given[rule.unit] = given.get(rule.unit, Decimal(0)) + rule.granted
        for each in self.postings:
            if each.kind == "earned":
                posted[each.unit] = posted.get(each.unit, Decimal(0)) + each.points
        same = all(points == posted.get(unit, 0) for unit, points in given.items())
        return same and all(rule.computes() for rule in self.rules)


@dataclass(frozen=True)
class PostingSeen(Data):
    """A posting as the ledger has it."""

    id: str
    kind: str
    unit: str
    points: Decimal
    from_account: str
    to_account: str
    rule: str
    version: int
    funder: str
    effective_at: int
    posted_at: int
    active_at: int | None
    expires_at: int | None
    lot: str
    line: str
    corrects: str


@dataclass(frozen=True)
class PostingExplanation(Data):
    """A posting's own derivation, as it was known when it was posted.

    event      what caused it; None for what falls due by itself
    rule       the rule's numbers (earned)
    together   all that moved with it, in the order in which lots left
    sources    the postings that had filled its lot
    asked      points that an adjustment, or a transfer from another member, was to move
    came, left of what expires: what had come to its lot, and what had left it before; None where
               a merge brought points
    """

    program: str
    zone: str
    currency: str
    exponent: int
    posting: PostingSeen
    event: EventSeen | None
    note: str
    rule: RuleSeen | None
    spending: SpendingSeen | None
    returned: ReturnSeen | None
    together: tuple[Drawn, ...]
    sources: tuple[Drawn, ...]
    correction: Correction | None
    unit_titles: dict[str, str]
    asked: Decimal | None = None
    came: Decimal | None = None
    left: Decimal | None = None

    def computes(self) -> bool:
        """Whether the numbers shown come to the posting's points."""
        points = self.posting.points
        if self.correction is not None:
            return self.correction.computes(points, self.posting.kind)
        if self.posting.kind == "earned":
            rule = self.rule
            return rule is not None and rule.computes() and rule.granted == points
        if self.returned is not None:
            return self._return_computes()
        if self.spending is not None and self.spending.refusal == "":
            moved = (
                each.points for each in self.together
                if each.unit == self.spending.unit and each.kind in MOVES
            )  # fmt: skip
            return sum(moved, Decimal(0)) == self.spending.moved
        if self.asked is not None:
            moved = (each.points for each in self.together if each.kind in ADJUSTS)
            return sum(moved, Decimal(0)) == self.asked
        if self.came is not None and self.left is not None:
            return self.came - self.left == points
        return True

    def _return_computes(self) -> bool:
        assert self.returned is not None
        if not all(each.computes(self.returned.policy) for each in self.returned.grants):
            return False
        back = sum(
            (each.back() for each in self.returned.grants
             if each.unit == self.posting.unit and not each.expired), Decimal(0),
        )  # fmt: skip
        moved = sum(
            (each.points for each in self.together
             if each.unit == self.posting.unit and each.kind in ("taken_back", "debt", "waived")),
            Decimal(0),
        )  # fmt: skip
        return back == moved


@dataclass(frozen=True)
class BalanceSeen(Data):
    """Points of a unit by stage."""

    unit: str
    active: Decimal
    pending: Decimal
    held: Decimal
    debt: Decimal


@dataclass(frozen=True)
class Moment(Data):
    """One line of a member's history: a posting with the active balance after it."""

    at: int
    posting: str
    kind: str
    event: str
    event_title: str
    rule: str
    unit: str
    change: Decimal
    points: Decimal
    active: Decimal
    corrects: str


@dataclass(frozen=True)
class EndSeen(Data):
    """Points that end."""

    unit: str
    points: Decimal
    at: int


@dataclass(frozen=True)
class StandingSeen(Data):
    """The level in force on a ladder."""

    ladder: str
    level: str
    until: int | None


@dataclass(frozen=True)
class MemberExplanation(Data):
    """A member's history, readable."""

    program: str
    member: str
    zone: str
    currency: str
    exponent: int
    moments: tuple[Moment, ...]
    levels: tuple[LevelSeen, ...]
    balances: tuple[BalanceSeen, ...]
    standing: tuple[StandingSeen, ...]
    expiries: tuple[EndSeen, ...]
    unit_titles: dict[str, str]
