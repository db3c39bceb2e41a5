"""What the seven oracles share: a member of any program, corrections, the fold.

Nothing here imports the engine. Written from `design.md` section 2 and `vocabulary.md` sections 1
to 3. Where those are silent, a comment says CHOSEN. Time and order are in `basics.py`, points in
`points.py`; everything is offered from here.

An oracle is a `Member` with a few methods filled in, and `books` is `run(events, Member, until)`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from oracles.basics import (
    ZERO,
    Event,
    Key,
    add_months,
    find,
    floor,
    half_up,
    in_order,
    instant,
    local_day,
    midnight,
    month_start,
    number,
    order_key,
    read,
    split,
    term_end,
    zone,
)
from oracles.points import Lots

__all__ = [
    "ZERO",
    "Event",
    "Key",
    "Lots",
    "Member",
    "add_months",
    "find",
    "floor",
    "half_up",
    "in_order",
    "instant",
    "local_day",
    "midnight",
    "month_start",
    "number",
    "order_key",
    "read",
    "run",
    "split",
    "term_end",
    "zone",
]


# ---------------------------------------------------------------- one member


class Member:
    """What every program does alike. A program fills in the class values and the methods of the
    first part; `self.units[name]` are its Lots.

    `decisions` outlives a fold: what was accepted or refused once stays so when the history is
    folded again.
    """

    TZ: ZoneInfo = ZoneInfo("UTC")
    UNITS: dict[str, Fraction] = {}  # unit name: its step; the first is meant when none is named
    LADDERS: tuple[str, ...] = ()
    RETURNS = "proportional"  # or "full", "none", "as_if_never_bought"
    ROUND: Callable[[Fraction, Fraction], Fraction] = staticmethod(floor)

    # -- to be filled in by a program

    def begin(self) -> None:
        """Set up the program's own state."""

    def earn(self, event: Event) -> None:
        """Everything that a plain event does: metrics, levels, grants (`self.grant`)."""

    def may_redeem(self, event: Event, unit: str, points: Fraction) -> bool:
        """Limits of a redemption. Cover is checked apart. `event["paid"]` is the event that it
        pays (None when `pays` is empty)."""
        return True

    def may_hold(self, event: Event, unit: str, points: Fraction) -> bool:
        """Limits of a hold. Cover is checked apart."""
        return True

    def standard_end(self, unit: str, now: datetime) -> datetime | None:
        """When points that an adjustment credits now end."""
        return None

    def returned(self, original: Event, amount: Fraction, event: Event) -> None:
        """A return (already cut to what was left) lowers the program's sums."""

    def credited(self, unit: str, points: Fraction, now: datetime) -> None:
        """Points became active now (granted at once, activated, or credited by adjustment)."""

    def taken(self, unit: str, points: Fraction, now: datetime) -> None:
        """Points were taken back now (by a return, not by spending)."""

    def more_dues(self) -> list[datetime]:
        """Instants of period closes, ends of levels, birthdays."""
        return []

    def close(self, now: datetime) -> None:
        """Step 2 at an instant: periods that close and levels that end now."""

    def derive(self, now: datetime) -> None:
        """Step 4 at an instant: derived events (birthday)."""

    def levels(self) -> dict[str, tuple[str | None, datetime | None]]:
        """ladder: (level, until) at the end."""
        return {}

    # -- the same for all

    def __init__(self, decisions: dict[Key, bool]) -> None:
        self.decisions = decisions
        self.units = {name: Lots() for name in self.UNITS}
        self.taken_events: dict[Key, Event] = {}
        self.left: dict[Key, list[Fraction]] = {}  # what returns left of each line
        self.grants: dict[Key, list[dict[str, Any]]] = {}
        self.paid_points: dict[Key, Fraction] = {}  # points spent to pay an event
        self.begin()

    def advance(self, to: datetime, including: bool) -> None:
        """Do what is due before `to` (and at `to`), each at its own instant, in the fixed order.
        CHOSEN: holds lapse together with expiry, before periods close."""
        while True:
            dues = [due for lots in self.units.values() for due in lots.dues()]
            dues += self.more_dues()
            now = min(dues, default=None)
            if now is None or now > to or (now == to and not including):
                return
            for lots in self.units.values():
                lots.expire(now)
                lots.lapse(now)
            self.close(now)
            for unit, lots in self.units.items():
                points = lots.activate(now)
                if points > 0:
                    self.credited(unit, points, now)
            self.derive(now)

    def take(self, event: Event) -> None:
        """One event, when the state has been brought to its instant."""
        self.taken_events[event["key"]] = event
        self.left[event["key"]] = [line["amount"] for line in event["lines"]]
        kind = event["type"]
        if kind == "return":
            self.take_return(event)
        elif kind == "redemption":
            self.take_redemption(event)
        elif kind == "hold":
            self.take_hold(event)
        elif kind in ("capture", "void"):
            self.take_capture_or_void(event)
        elif kind == "adjustment":
            self.take_adjustment(event)
        else:
            self.earn(event)

    def grant(
        self,
        event: Event,
        points: Fraction,
        end: datetime | None = None,
        unit: str = "",
        funder: str = "",
        activation: datetime | None = None,
    ) -> None:
        """One rule credits one event: points after rounding and caps, split over its lines so
        that a line's return takes back its share."""
        if points <= 0:
            return
        unit = unit or next(iter(self.UNITS))
        shares = split(points, [line["amount"] for line in event["lines"]], self.UNITS[unit])
        posting: dict[str, Any] = {"unit": unit, "end": end, "funder": funder}
        posting["activation"] = activation
        posting["shares"], posting["kept"] = shares, list(shares)
        self.grants.setdefault(event["key"], []).append(posting)
        if activation is not None and activation > event["acts"]:
            self.units[unit].add_pending(points, activation, end, funder)
        else:
            self.units[unit].add(points, end, funder)
            self.credited(unit, points, event["acts"])

    def take_return(self, event: Event) -> None:
        """A return under `proportional`, `full` or `none`; cut to what is left."""
        original = self.taken_events.get(event["original"])
        if original is None:
            return  # withdrawn: waits without effect
        before = self.left[original["key"]]
        after = after_return(original, before, event)
        self.left[original["key"]] = after
        for posting in self.grants.get(original["key"], []):
            for i, line in enumerate(original["lines"]):
                keeps = ZERO
                if self.RETURNS == "none":
                    keeps = posting["kept"][i]
                elif self.RETURNS == "proportional" and line["amount"] > 0:
                    exact = posting["shares"][i] * after[i] / line["amount"]
                    keeps = self.ROUND(exact, self.UNITS[posting["unit"]])
                back = posting["kept"][i] - keeps
                posting["kept"][i] = keeps
                if back > 0:
                    self.take_grant_back(posting, back, event["acts"])
        self.returned(original, sum(before, ZERO) - sum(after, ZERO), event)

    def take_grant_back(self, posting: dict[str, Any], points: Fraction, now: datetime) -> None:
        lots = self.units[posting["unit"]]
        activation = posting["activation"]
        got = lots.take_back(points, posting["end"], now, posting["funder"], activation)
        was_credited = activation is None or activation <= now
        if got > 0 and was_credited:
            self.taken(posting["unit"], got, now)

    def unit_and_points(self, event: Event) -> tuple[str, Fraction | None]:
        return str(event.get("unit") or next(iter(self.UNITS))), number(event.get("points"))

    def decide(self, event: Event, allowed: Callable[[], bool]) -> bool:
        """An outcome is a fact; an earlier decision stands; else decide now."""
        outcome = event.get("outcome")
        if outcome is not None:
            return bool(outcome == "accepted")
        if event["key"] not in self.decisions:
            self.decisions[event["key"]] = allowed()
        return self.decisions[event["key"]]

    def take_redemption(self, event: Event) -> None:
        """A request is refused unless covered and within the limits, never clipped; a fact is
        drawn as far as it goes, and the rest is debt."""
        unit, points = self.unit_and_points(event)
        if unit not in self.units or points is None or points <= 0:
            return
        lots = self.units[unit]

        def allowed() -> bool:
            if "pays" in event and event["paid"] is None:
                return False
            return lots.covers(points) and self.may_redeem(event, unit, points)

        if not self.decide(event, allowed):
            return
        lots.spend(points)
        if event.get("paid") is not None:
            key = event["paid"]["key"]
            self.paid_points[key] = self.paid_points.get(key, ZERO) + points

    def take_hold(self, event: Event) -> None:
        """The hold's name is its `hold`, or its own id when that is empty (CHOSEN)."""
        unit, points = self.unit_and_points(event)
        if unit not in self.units or points is None or points <= 0:
            return
        lots = self.units[unit]
        name = str(event.get("hold") or event["id"])

        def allowed() -> bool:
            free = lots.find_hold(name) is None
            return free and lots.covers(points) and self.may_hold(event, unit, points)

        if self.decide(event, allowed):
            until = instant(str(event["until"]), self.TZ) if "until" in event else None
            lots.hold(name, points, until)

    def take_capture_or_void(self, event: Event) -> None:
        """Late ones (the hold has lapsed), or of a refused hold: nothing happens."""
        _, points = self.unit_and_points(event)
        for lots in self.units.values():
            if event["type"] == "capture":
                lots.capture(str(event.get("hold", "")), points)
            else:
                lots.void(str(event.get("hold", "")), points, event["acts"])

    def take_adjustment(self, event: Event) -> None:
        """Credit: a lot with the standard term. Debit: active points, then debt."""
        unit, points = self.unit_and_points(event)
        if unit not in self.units or points is None or points <= 0:
            return
        if event.get("direction") == "credit":
            self.units[unit].add(points, self.standard_end(unit, event["acts"]))
            self.credited(unit, points, event["acts"])
        elif event.get("direction") == "debit":
            self.units[unit].spend(points)

    def report(self) -> dict[str, Any]:
        """The member's row."""
        row: dict[str, Any] = {}
        for unit, lots in self.units.items():
            row[f"active_{unit}"] = lots.active_points()
            row[f"pending_{unit}"] = lots.pending_points()
            row[f"held_{unit}"] = lots.held_points()
            row[f"debt_{unit}"] = lots.debt
        levels = self.levels()
        for ladder in self.LADDERS:
            level, until = levels.get(ladder, (None, None))
            row[f"tier_{ladder}"] = level
            row[f"tier_{ladder}_until"] = until
        ends = [lots.next_expiry() for lots in self.units.values()]
        row["next_expiry"] = min((end for end in ends if end is not None), default=None)
        return row


def after_return(original: Event, left: list[Fraction], event: Event) -> list[Fraction]:
    """What is left of each line after a return. It is cut to what is left. Without a line it is
    spread over what is left of all lines (in cents, by largest remainder: CHOSEN). Without an
    amount it is all that is left (CHOSEN). A line that the original has not: nothing (CHOSEN)."""
    named = [str(line.get("line", "")) for line in original["lines"]]
    line = str(event.get("line", ""))
    hit = [line in ("", name) for name in named]
    open_ = [value if is_hit else ZERO for value, is_hit in zip(left, hit, strict=True)]
    room = sum(open_, ZERO)
    amount = room if event["amount"] is None else min(event["amount"], room)
    parts = split(amount, open_, Fraction(1, 100))
    return [value - part for value, part in zip(left, parts, strict=True)]


# ---------------------------------------------------------------- the fold


def fold(kind: type[Member], events: list[Event], until: datetime, including: bool) -> Member:
    """One member, all events in event order.

    `past` is what was taken so far. When an event is withdrawn, or returned as if it was never
    bought, the past is folded again from nothing; decisions stand.
    """
    decisions: dict[Key, bool] = {}
    withdrawn: set[Key] = set()
    past: list[Event] = []
    member = kind(decisions)
    for event in in_order(events):
        if event["acts"] > until or (event["acts"] == until and not including):
            continue
        if event["type"] == "withdrawn":
            target = find(events, event["key"][0], str(event.get("withdraws", "")))
            if target is None or target["type"] == "withdrawn":
                continue
            withdrawn.add(target["key"])
            past = [earlier for earlier in past if earlier["key"] not in withdrawn]
            member = again(kind, past, decisions)
        elif event["key"] in withdrawn:
            continue  # the withdrawal was dated before the event: it never counts (CHOSEN)
        elif event["type"] == "return" and kind.RETURNS == "as_if_never_bought":
            past.append(event)
            member = again(kind, past, decisions)
        else:
            if event["type"] == "redemption":
                event["paid"] = payable(event, events, withdrawn)
            past.append(event)
            member.advance(event["acts"], including=True)
            member.take(event)
    member.advance(until, including)
    return member


def payable(event: Event, events: list[Event], withdrawn: set[Key]) -> Event | None:
    """The event that a redemption pays: of the same member, dated not after it, not withdrawn."""
    if "pays" not in event:
        return None
    paid = find(events, event["key"][0], str(event["pays"]))
    if paid is None or paid["at"] > event["at"] or paid["key"] in withdrawn:
        return None
    return paid


def again(kind: type[Member], past: list[Event], decisions: dict[Key, bool]) -> Member:
    """Fold the past again; under `as_if_never_bought` without the returned parts."""
    if kind.RETURNS == "as_if_never_bought":
        past = without_returned_parts(past)
    member = kind(decisions)
    for event in past:
        member.advance(event["acts"], including=True)
        member.take(event)
    return member


def without_returned_parts(past: list[Event]) -> list[Event]:
    """The events with their lines lowered by all returns so far; the returns themselves go, and
    so does an event of which nothing is left."""
    copies = {event["key"]: dict(event) for event in past if event["type"] != "return"}
    for event in past:
        if event["type"] != "return" or event["original"] not in copies:
            continue
        original = copies[event["original"]]
        left = after_return(original, [line["amount"] for line in original["lines"]], event)
        pairs = zip(original["lines"], left, strict=True)
        original["lines"] = [dict(line, amount=amount) for line, amount in pairs]
        if original["amount"]:
            original["amount"] = sum(left, ZERO)
            original["gone"] = original["amount"] == 0
    return [event for event in copies.values() if not event.get("gone")]


def run(
    events: list[dict[str, Any]], kind: type[Member], until: datetime | None = None
) -> dict[str, dict[str, Any]]:
    """Every member's row just before `until`; without it after the last event of all."""
    known = read(events, kind.TZ)
    members: dict[str, list[Event]] = {}
    for event in known:
        members.setdefault(str(event["member"]), []).append(event)
    end = until if until is not None else max((event["at"] for event in known), default=None)
    if end is None:
        return {}
    return {
        name: fold(kind, own, end.astimezone(UTC), including=until is None).report()
        for name, own in members.items()
    }
