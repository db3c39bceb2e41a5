"""Deciding a batch in memory: every event in the one order, budgets and gifts included.

Nothing here talks to the database, and nothing that is kept changes: a batch can be decided again
with more history loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from laurels.base.errors import RequestError, ensure
from laurels.base.instants import format_instant, parse_instant
from laurels.engine.events import Event, Place
from laurels.engine.kernel import layout as K
from laurels.engine.resumed import Earlier
from laurels.engine.standing import read_standing
from laurels.program import linked as L
from laurels.service.bodies import Raw, rest_of
from laurels.service.desk import BLOCKED, CLOSED, Desk, Member, New
from laurels.service.programs import Running

AHEAD = 5 * 60 * 1_000_000
"""How far ahead of the clock an event may be dated and still be taken at once."""
RECEIVED = "received"
ASKING = frozenset({"redemption", "hold", "transfer"})


@dataclass(slots=True)
class Coming:
    """An event on its way in.

    raw    with its source; named: the member as the sender calls it; given: when it was recorded,
           where the sender may say so
    to     the member who receives, of a transfer
    """

    raw: Raw
    source: str
    id: str
    named: str
    actor: str
    given: object | None = None
    member: int = 0
    to: int = 0
    event: Event | None = None
    body: str = ""
    new: New | None = None
    error: RequestError | None = None
    due: int | None = None

    @property
    def addressed(self) -> Raw:
        """The event with its receiver by number: what is kept names no other person."""
        return {**self.raw, "to": f"~{self.to}"} if self.to else self.raw


@dataclass
class Budgets:
    """What is left of the budgets that the batch's events draw on.

    used  by purse, as it was when the rows were locked; drawn: since then
    """

    running: Running
    used: Mapping[str, int] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)

    def of(self, event: Event) -> list[tuple[L.Cap, str]]:
        """The budgets that an event draws on, and their purses; versions share a purse."""
        version = self.running.compiled.program.versions[event.row[K.E_VERSION]]
        caps = [self.running.compiled.program.caps[index] for index in version.caps]
        return [(cap, purse(cap, event)) for cap in caps if cap.budget]

    def purses(self, comings: Iterable[Coming]) -> list[str]:
        """The purses that events draw on, sorted."""
        if not self.running.budgets:
            return []
        return sorted({
            name for coming in comings if coming.event is not None
            for cap, name in self.of(coming.event) if cap.per != "event"
        })  # fmt: skip

    def tell(self, event: Event) -> None:
        """Tell an event how much room there is."""
        columns = self.running.compiled.slots.columns
        for cap, name in self.of(event):
            room = K.NEVER if cap.limit is None else cap.limit
            if cap.per != "event":
                room -= self.used.get(name, 0) + self.drawn.get(name, 0)
            event.row[columns[f"E_BUDGET_{cap.index}"]] = max(0, room)

    def settle(self, event: Event) -> None:
        """Take what an event was granted out of its budgets. They get nothing back."""
        grants = event.grants
        for cap, name in self.of(event):
            granted = sum(
                grants[at + K.G_GRANTED]
                for at in range(0, len(grants), K.GRANT)
                if grants[at + K.G_EFFECT] in cap.effects
            )
            if granted and cap.per != "event":
                self.drawn[name] = self.drawn.get(name, 0) + granted


def purse(cap: L.Cap, event: Event) -> str:
    """A budget and the period in which an event draws on it."""
    day, month = event.row[K.E_DAY], event.row[K.E_MONTH]
    period = {"day": day, "month": month, "year": month // 12}.get(cap.per, 0)
    return f"{cap.name}/{cap.unit}/{cap.per}/{period}"


def read(running: Running, coming: Coming, now: int) -> None:
    """Bring an event through the door. Raises RequestError."""
    learned = now
    if coming.given is not None:
        learned = parse_instant(coming.given, running.door.zone, "recorded_at")
    if coming.due is not None:
        learned = coming.due
    stood = coming.due is not None  # it passed the door when it was parked
    event = (
        read_standing(running.door, coming.raw, learned)
        if stood
        else running.door.read(coming.raw, learned)
    )
    if event.acts > event.recorded:
        event = read_standing(running.door, coming.raw, event.acts)
    coming.event = event
    coming.body = rest_of(coming.raw)


def admit(coming: Coming, row: Member) -> None:
    """A closed member takes no event; a blocked one no request. Raises RequestError."""
    if row.status >= CLOSED:
        raise RequestError("member-closed", "the member is closed", where="member")
    if row.status == BLOCKED and coming.raw.get("type") in ASKING:
        raise RequestError("member-blocked", "the member is blocked", where="member")


def date(running: Running, coming: Coming, desk: Desk) -> None:
    """What is recorded of one member is recorded in one order: an event that would come before
    what was recorded last is recorded just after it."""
    event = coming.event
    assert event is not None
    event.member = desk.book.member
    moment = event.recorded
    if moment > desk.row.recorded:
        return
    if moment == desk.row.recorded and desk.taken is not None and event.place > desk.taken:
        return
    coming.event = read_standing(running.door, coming.raw, desk.row.recorded + 1)
    coming.event.member = desk.book.member


def order_of(coming: Coming) -> tuple[int, Place]:
    """Events are taken in the order in which they are recorded, then in event order."""
    event = coming.event
    assert event is not None
    return event.recorded, event.place


@dataclass
class More(Exception):
    """A member's history must be loaded from before a place."""

    member: int
    place: Place


def look(comings: list[Coming], desks: Mapping[int, Desk]) -> dict[int, Place]:
    """Which members' histories are needed, and from before which place."""
    late: dict[int, Place] = {}
    for coming in comings:
        assert coming.event is not None
        try:
            desks[coming.member].book.look(coming.event)
        except Earlier as earlier:
            place = late.get(coming.member, earlier.place)
            late[coming.member] = min(place, earlier.place)
    return late


def decide(comings: list[Coming], desks: Mapping[int, Desk], budgets: Budgets) -> list[New]:
    """Take every event. Raises More. What is wrong with one of them stands in its `error`."""
    taken = []
    for coming in sorted(comings, key=order_of):
        event, desk = coming.event, desks[coming.member]
        assert event is not None
        if budgets.running.budgets:
            budgets.tell(event)
        try:
            new = desk.take(event, coming.body, coming.actor, coming.due is not None)
        except Earlier as earlier:
            raise More(coming.member, earlier.place) from None
        except RequestError as error:
            coming.error = error
            continue
        coming.new = new
        taken.append(new)
        if new.decision.status != "taken":
            continue
        if budgets.running.budgets:
            budgets.settle(event)
        if event.type != "transfer":
            continue
        ensure(coming.to > 0, f"transfer {event.id} was taken and nobody receives it")
        if coming.to in desks:  # a read has the sender alone
            taken.append(give(coming, desks[coming.to], budgets.running))
    return taken


def give(coming: Coming, desk: Desk, running: Running) -> New:
    """The other side of a transfer, at the same instant."""
    event = coming.event
    assert event is not None
    raw: dict[str, Any] = {
        "id": f"{event.id}/{RECEIVED}",
        "source": event.source,
        "member": desk.book.member,
        "type": "transfer_received",
        "occurred_at": format_instant(event.occurred),
        "unit": coming.raw.get("unit"),
        "points": coming.raw.get("points"),
    }
    gift = read_standing(running.door, raw, max(event.recorded, desk.recorded))
    try:
        return desk.take(gift, rest_of(raw), coming.actor)
    except Earlier as earlier:
        raise More(coming.to, earlier.place) from None
