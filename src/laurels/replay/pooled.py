"""What members share in a run: budgets over all of them, and points given from one to another.

Both are decided once, in the order of the events over all members, and then belong to the event
as facts: the room that was left in each budget stands in its row, and what was received is an
event of the one who received it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from laurels.engine.compiled import Compiled
from laurels.engine.events import Event, Raw
from laurels.engine.join import MERGED
from laurels.engine.kernel import layout as K
from laurels.program import linked as L

RECEIVED = "received"


def is_pooled(program: Compiled, events: Iterable[Event]) -> bool:
    """Whether members must be run together."""
    if any(cap.budget for cap in program.program.caps):
        return True
    touching = {MERGED}
    if any(unit.transferable for unit in program.program.units):
        touching.add("transfer")
    return any(event.type in touching for event in events)


class Pool:
    """Budgets and what is left of them. A budget gets nothing back from returns."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.used: Counter[tuple[object, ...]] = Counter()
        columns = program.slots.columns
        self.budgets = [
            [(cap, columns[f"E_BUDGET_{cap.index}"]) for cap in program.program.caps
             if cap.budget and cap.version == version.index]
            for version in program.program.versions
        ]  # fmt: skip

    def prepare(self, event: Event) -> None:
        """Tell an event how much room every budget has left."""
        row = event.row
        for cap, column in self.budgets[row[K.E_VERSION]]:
            room = K.NEVER if cap.limit is None else cap.limit
            if cap.per != "event":
                room -= self.used[_purse(cap, event)]
            row[column] = max(0, room)

    def settle(self, event: Event) -> None:
        """Take what an event was granted out of its budgets."""
        grants = event.grants
        for cap, _ in self.budgets[event.row[K.E_VERSION]]:
            granted = sum(
                grants[at + K.G_GRANTED]
                for at in range(0, len(grants), K.GRANT)
                if grants[at + K.G_EFFECT] in cap.effects
            )
            if granted and cap.per != "event":
                self.used[_purse(cap, event)] += granted

    def gift_of(self, event: Event) -> Raw | None:
        """What the other member receives by a transfer that was accepted."""
        if event.type != "transfer":
            return None
        raw = event.raw
        gift = {
            "id": f"{event.id}/{RECEIVED}",
            "source": event.source,
            "member": event.to,
            "type": "transfer_received",
            "occurred_at": raw["occurred_at"],
            "recorded_at": raw.get("recorded_at"),
            "unit": raw.get("unit"),
            "points": raw.get("points"),
        }
        return {key: value for key, value in gift.items() if value is not None}


def _purse(cap: L.Cap, event: Event) -> tuple[object, ...]:
    """The budget and the period that an event draws on; versions share a budget of one name."""
    day, month = event.row[K.E_DAY], event.row[K.E_MONTH]
    period = {"day": day, "month": month, "year": month // 12}.get(cap.per, 0)
    return cap.name, cap.unit, cap.per, period
