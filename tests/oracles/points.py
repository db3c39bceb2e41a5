"""The points of one member in one unit: lots, pending lots, holds, debt (design section 2).

Plain lists of dictionaries. Where the documents are silent, a comment says CHOSEN.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from oracles.basics import ZERO


class Lots:
    """One member's points of one unit.

    `active` and `pending` are lists of {"points", "end", "funder"} (pending also "activation");
    `end` None is never. `holds` is a list of {"key", "until", "lots"}. `debt` is what was taken
    and was not there; the next active points pay it.
    """

    def __init__(self) -> None:
        self.active: list[dict[str, Any]] = []
        self.pending: list[dict[str, Any]] = []
        self.holds: list[dict[str, Any]] = []
        self.debt = ZERO

    # -- sums

    def active_points(self) -> Fraction:
        return sum((lot["points"] for lot in self.active), ZERO)

    def pending_points(self) -> Fraction:
        return sum((lot["points"] for lot in self.pending), ZERO)

    def held_points(self) -> Fraction:
        return sum((lot["points"] for hold in self.holds for lot in hold["lots"]), ZERO)

    def next_expiry(self) -> datetime | None:
        """The soonest end of an active lot. (Held points do not expire while held.)"""
        return min((lot["end"] for lot in self.active if lot["end"] is not None), default=None)

    def dues(self) -> list[datetime]:
        """Every instant at which something happens by itself."""
        ends = [lot["end"] for lot in self.active if lot["end"] is not None]
        activations = [lot["activation"] for lot in self.pending]
        lapses = [hold["until"] for hold in self.holds if hold["until"] is not None]
        return ends + activations + lapses

    # -- coming in

    def add(self, points: Fraction, end: datetime | None, funder: str = "") -> None:
        """Active points come: they pay the debt first, the rest joins the lot of its kind."""
        paid = min(points, self.debt)
        self.debt -= paid
        join(self.active, points - paid, {"end": end, "funder": funder})
        self.active.sort(key=leaving_order)

    def add_pending(
        self, points: Fraction, activation: datetime, end: datetime | None, funder: str = ""
    ) -> None:
        """Points that become active at `activation`."""
        join(self.pending, points, {"activation": activation, "end": end, "funder": funder})
        self.pending.sort(key=leaving_order)

    # -- by themselves

    def expire(self, now: datetime) -> Fraction:
        """Active lots whose end has come are gone."""
        gone = [lot for lot in self.active if lot["end"] is not None and lot["end"] <= now]
        self.active = [lot for lot in self.active if lot not in gone]
        return sum((lot["points"] for lot in gone), ZERO)

    def lapse(self, now: datetime) -> None:
        """Holds whose time is up are void, whole."""
        due = [hold for hold in self.holds if hold["until"] is not None and hold["until"] <= now]
        self.holds = [hold for hold in self.holds if hold not in due]
        for hold in due:
            self.give_back(hold["lots"], now)

    def activate(self, now: datetime) -> Fraction:
        """Pending lots whose instant has come become active, in leaving order."""
        ready = [lot for lot in self.pending if lot["activation"] <= now]
        self.pending = [lot for lot in self.pending if lot not in ready]
        for lot in ready:
            self.add(lot["points"], lot["end"], lot["funder"])
        return sum((lot["points"] for lot in ready), ZERO)

    # -- going out

    def covers(self, points: Fraction) -> bool:
        return self.active_points() >= points

    def draw(self, points: Fraction) -> list[dict[str, Any]]:
        """Take from active lots in leaving order as far as they go; the pieces keep their lot."""
        self.active, pieces = cut(self.active, points)
        return pieces

    def spend(self, points: Fraction) -> Fraction:
        """Draw; what no lot holds becomes debt. Returns the new debt."""
        pieces = self.draw(points)
        missing = points - sum((piece["points"] for piece in pieces), ZERO)
        self.debt += missing
        return missing

    def take_back(
        self,
        points: Fraction,
        end: datetime | None,
        now: datetime,
        funder: str = "",
        activation: datetime | None = None,
    ) -> Fraction:
        """Take back from the lot that the event made, then from the others in leaving order, the
        rest is debt. A pending grant is lowered; an expired lot gives nothing back. Returns what
        was taken back."""
        if activation is not None and activation > now:
            kind = {"activation": activation, "end": end, "funder": funder}
            self.pending = lower(self.pending, points, kind)
            return points
        if end is not None and end <= now:
            return ZERO
        own = [lot for lot in self.active if lot["end"] == end and lot["funder"] == funder]
        from_own = min(points, sum((lot["points"] for lot in own), ZERO))
        self.active = lower(self.active, from_own, {"end": end, "funder": funder})
        self.spend(points - from_own)
        return points

    # -- holds

    def hold(self, key: str, points: Fraction, until: datetime | None) -> None:
        """Move points from their lots to held. What is not there (only after a correction: the
        hold is a fact) becomes debt; that part of the hold has no lot, so it never ends (CHOSEN).
        """
        pieces = self.draw(points)
        missing = points - sum((piece["points"] for piece in pieces), ZERO)
        self.debt += missing
        join(pieces, missing, {"end": None, "funder": ""})
        self.holds.append({"key": key, "until": until, "lots": pieces})

    def find_hold(self, key: str) -> dict[str, Any] | None:
        return next((hold for hold in self.holds if hold["key"] == key), None)

    def release(self, key: str, points: Fraction | None) -> list[dict[str, Any]]:
        """Points leave a hold, whole or in part, soonest end first (CHOSEN: for captures and for
        voids alike). More than is held, or an unknown hold: refused, nothing happens (CHOSEN)."""
        hold = self.find_hold(key)
        if hold is None:
            return []
        held = sum((lot["points"] for lot in hold["lots"]), ZERO)
        if points is None:
            points = held
        if points > held or points <= 0:
            return []
        hold["lots"], pieces = cut(hold["lots"], points)
        if not hold["lots"]:
            self.holds.remove(hold)
        return pieces

    def capture(self, key: str, points: Fraction | None) -> Fraction:
        """Held points are spent. Returns how many."""
        return sum((piece["points"] for piece in self.release(key, points)), ZERO)

    def void(self, key: str, points: Fraction | None, now: datetime) -> None:
        """Held points go back to their lots, whole or in part."""
        self.give_back(self.release(key, points), now)

    def give_back(self, pieces: list[dict[str, Any]], now: datetime) -> None:
        """Pieces return to their lots; those whose lot has ended expire at once (and pay no
        debt: CHOSEN)."""
        for piece in pieces:
            if piece["end"] is None or piece["end"] > now:
                self.add(piece["points"], piece["end"], piece["funder"])


def leaving_order(lot: dict[str, Any]) -> tuple[bool, datetime, str]:
    """Soonest end first, no end last, then funder."""
    never = datetime.max.replace(tzinfo=UTC)
    return (lot["end"] is None, lot["end"] or never, lot["funder"])


def join(lots: list[dict[str, Any]], points: Fraction, kind: dict[str, Any]) -> None:
    """Add points to the lot of this kind, making it when there is none."""
    if points == 0:
        return
    for lot in lots:
        if all(lot[name] == value for name, value in kind.items()):
            lot["points"] += points
            return
    lots.append({"points": points, **kind})


def lower(
    lots: list[dict[str, Any]], points: Fraction, kind: dict[str, Any]
) -> list[dict[str, Any]]:
    """The lots with so many points fewer in the lot of this kind; empty lots go."""
    for lot in lots:
        if all(lot[name] == value for name, value in kind.items()):
            lot["points"] -= points
            assert lot["points"] >= 0
    return [lot for lot in lots if lot["points"] > 0]


def cut(
    lots: list[dict[str, Any]], points: Fraction
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Take so many points (or all there are) in leaving order: (what stays, what was taken)."""
    stays, taken = [], []
    for lot in sorted(lots, key=leaving_order):
        piece = min(lot["points"], points)
        points -= piece
        if piece > 0:
            taken.append({**lot, "points": piece})
        if lot["points"] > piece:
            stays.append({**lot, "points": lot["points"] - piece})
    return stays, taken
