"""Columns from events that came through the door one by one: any event, any shape.

What the machine does not fold stays with the online engine (``odd``): members in whose history
a name can mean two events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from laurels.base.errors import RequestError
from laurels.engine.compiled import Compiled
from laurels.engine.door import Door, door_of
from laurels.engine.events import Event, Raw
from laurels.engine.kernel import layout as K
from laurels.replay.machine import member as M
from laurels.replay.machine.columns import (
    Array,
    Columns,
    empty_more,
    give_slots,
)
from laurels.replay.machine.filling import columns_of
from laurels.replay.machine.posted import Facts
from laurels.replay.pooled import is_pooled
from laurels.replay.raw import Place
from laurels.replay.run import Item, Result, member_of, order_of, reject

NAMES_HOLD = ("capture", "void")
FULL = frozenset({"return", "redemption", "hold", "capture", "void", "transfer", "withdrawn",
                  "adjustment", "transfer_received", "member", "sealed"})  # fmt: skip


@dataclass
class Read:
    """Events that passed the door, by member; ``odd``: members that the machine does not fold."""

    program: Compiled
    door: Door
    result: Result
    members: dict[str, list[Item]] = field(default_factory=dict)
    odd: dict[str, list[Item]] = field(default_factory=dict)
    pooled: bool = False


def read(
    program: Compiled, events: Iterable[tuple[Raw, Place]], result: Result, until: int | None
) -> Read:
    """Bring events through the door. Net: each at the instant at which it acts; as recorded (see
    ``Result``): members of whom anything would be corrected are odd, the others are as if net."""
    door = door_of(program)
    found = Read(program, door, result)
    if result.report is not None:
        found.members.update((name, []) for name in sorted(result.report.members))
    for raw, place in events:
        name = member_of(raw)
        if name is not None:
            found.members.setdefault(name, [])
        try:
            event = door.read(raw)
        except RequestError as error:
            reject(result, raw, place, error)
            continue
        if not result.as_recorded:
            event.recorded = event.acts
        moment = max(event.acts, event.recorded)
        found.members[event.member].append(Item(event, place, moment))
    if until is None:
        moments = [item.moment for items in found.members.values() for item in items]
        until = max(moments) + 1 if moments else None
    result.until = until
    everything = (item.event for items in found.members.values() for item in items)
    found.pooled = is_pooled(program, everything)
    if not found.pooled:
        if result.as_recorded:
            found.odd = {name: sorted(items, key=order_of)
                         for name, items in found.members.items()
                         if is_corrected(program, items)}  # fmt: skip
        for name in found.odd:
            del found.members[name]
        for name, items in found.members.items():
            found.members[name] = settle_identities(items, result, until)
    return found


def is_corrected(program: Compiled, items: Sequence[Item]) -> bool:
    """Whether a member's journal may hold more than a fold in event order posts: something was
    learned of late, a return came before its event, or history was changed."""
    versions = program.program.versions
    events = sorted((item.event for item in items), key=lambda event: event.place)
    last = {event.id: number for number, event in enumerate(events)}
    for number, event in enumerate(events):
        if event.recorded > event.acts or event.type == "withdrawn":
            return True
        if event.type == "return":
            version = versions[event.row[K.E_VERSION]]
            early = last.get(event.refers, -1) > number
            if early or version.returns == "as_if_never_bought":
                return True
    return False


def settle_identities(items: list[Item], result: Result, until: int | None) -> list[Item]:
    """A member's events in event order; later ones, duplicates and conflicts left out."""
    items.sort(key=lambda item: item.event.place)
    known: dict[tuple[str, str], Event] = {}
    kept = []
    for item in items:
        event = item.event
        if until is not None and item.moment >= until:
            result.events["later"] += 1
            if event.occurred < until:
                result.open.add(event.member)
            continue
        first = known.setdefault(event.key, event)
        if first is event:
            kept.append(item)
        elif dict(first.raw) == dict(event.raw):
            result.events["duplicate"] += 1
        else:
            conflict = RequestError(
                "event-id-conflict",
                f"event `{event.id}` is known with another body",
                where="id",
                expected="the same body, or another id",
            )
            reject(result, event.raw, item.place, conflict)
    return kept


class Builder:
    """Puts members into columns, one after the other."""

    def __init__(self, program: Compiled) -> None:
        self.program = program
        self.width = program.slots.width
        self.plan = columns_of(program)
        self.rows: list[Event] = []
        self.places: list[Place] = []
        self.members: list[str] = []
        self.start = [0]
        self.more: list[tuple[int, ...]] = []
        self.more_start = [0]
        self.named: list[bool] = []
        self.counts: list[int] = []
        self.lines: list[int] = []
        self.largest = 1

    def add(self, member: str, items: Sequence[Item]) -> bool:
        """Add a member; False when its history is not for the machine."""
        events = [item.event for item in items]
        targets = resolve(events)
        if targets is None:
            return False
        self.members.append(member)
        base = len(self.rows)
        self.rows += events
        self.places += [item.place for item in items]
        self.start.append(len(self.rows))
        named = {target for target in targets.values() if target >= 0}
        wanted = [k for k, event in enumerate(events) if k in named or is_more(event, self.width)]
        self._more(events, wanted, targets, base)
        return True

    def _more(
        self, events: list[Event], wanted: list[int], targets: dict[int, int], base: int
    ) -> None:
        first = len(self.more)
        place = {k: first + number for number, k in enumerate(wanted)}
        returns: dict[int, list[int]] = {}
        slotted = set()
        for k, target in targets.items():
            if events[k].type == "return" and target >= 0:
                returns.setdefault(target, []).append(k)
                slotted.add(target)
        heads, nexts = chains(events, returns)
        for k in wanted:
            event, target = events[k], targets.get(k, -1)
            named = events[target] if target >= 0 else None
            own = has_own_lines(event, self.width)
            count = event.row[K.E_LINES] if own else 0
            line = event.row[K.E_LINE]
            if event.type == "return":
                line = line_of(event, named)
            self.more.append((
                base + k, event.row[K.E_POINTS], event.row[K.E_UNTIL], event.row[K.E_UNIT],
                event.row[K.E_OUTCOME], line, place.get(target, -1), int(bool(event.pays)),
                len(self.lines) // self.width if own else 0, count, -1,
                place.get(heads.get(k, -1), -1), place.get(nexts.get(k, -1), -1),
                int(named is None or named.source == event.source),
            ))  # fmt: skip
            if own:
                self.lines += event.lines
                self.largest = max(self.largest, count)
            self.named.append(k in slotted)
            self.counts.append(count)
        self.more_start.append(len(self.more))

    def columns(self) -> Columns:
        """Everything that was added."""
        rows = self.rows
        kinds = self.program.program.events
        types = [
            event.row[K.E_TYPE] or (-kinds[event.type].index if event.type in kinds else 0)
            for event in rows
        ]
        more = empty_more(0)
        if self.more:
            pairs = zip(zip(*self.more, strict=True), more, strict=True)
            more = [np.array(each, dtype=old.dtype) for each, old in pairs]
        more_start = np.array(self.more_start, dtype=np.int64)
        slots = give_slots(
            more, more_start, np.array(self.named, dtype=bool), np.array(self.counts, dtype=int)
        )
        return Columns(
            self.program, self.members, np.array(self.start, dtype=np.int64),
            np.array(types, dtype=np.int8), column(rows, K.E_AT, np.int64),
            np.array([event.occurred for event in rows], dtype=np.int64),
            column(rows, K.E_AMOUNT, np.int64), short(column(rows, K.E_VERSION, np.int8)),
            tuple(short(column(rows, each.place, each.type)) for each in self.plan)
            or (np.zeros(1, dtype=np.int8),),
            np.arange(len(rows)), tuple(more), more_start, np.array(self.lines, dtype=np.int64),
            self.largest, slots,
        )  # fmt: skip


def facts_of(builder: Builder, columns: Columns) -> Facts:
    """What postings say of the events that a builder took."""
    rows = builder.rows
    sources = [event.source for event in rows]
    lines = [str(event.raw.get("line") or "") for event in rows]
    return Facts(
        columns,
        pa.array(builder.members, pa.string()),
        pa.array([event.id for event in rows], pa.large_string()),
        pa.array(sources, pa.large_string()) if any(sources) else None,
        pa.array(lines, pa.large_string()) if any(lines) else None,
    )


def column(rows: list[Event], place: int, kind: Any) -> Array:
    """A column of the events' rows."""
    return np.array([event.row[place] for event in rows], dtype=kind)


def short(values: Array) -> Array:
    """A column in which nothing stands is one zero."""
    return values if values.any() else np.zeros(1, dtype=values.dtype)


def is_more(event: Event, width: int) -> bool:
    """Whether an event has more than the columns that all events have."""
    row = event.row
    usual = -1 if row[K.E_TYPE] else 0
    return (
        event.type in FULL or row[K.E_LINE] != usual or row[K.E_POINTS] != 0
        or has_own_lines(event, width)
    )  # fmt: skip


def has_own_lines(event: Event, width: int) -> bool:
    """Whether the lines say more than the amount."""
    if not event.row[K.E_LINES]:
        return False
    amount = event.row[K.E_AMOUNT]
    return len(event.lines) != width or event.lines != [amount, amount] + [0] * (width - 2) or (
        bool(event.line_names)
    )  # fmt: skip


def resolve(events: list[Event]) -> dict[int, int] | None:
    """What each event of a member names, by position, -1 nothing; None when that is not clear."""
    ids: dict[str, int] = {}
    holds: dict[str, int] = {}
    twins, twin_holds = set(), set()
    for k, event in enumerate(events):
        if event.id in ids:
            twins.add(event.id)
        ids.setdefault(event.id, k)
        if event.type == "hold":
            if event.refers in holds:
                twin_holds.add(event.refers)
            holds.setdefault(event.refers, k)
    found = {}
    for k, event in enumerate(events):
        if event.type in NAMES_HOLD:
            if event.refers in twin_holds:
                return None
            found[k] = holds.get(event.refers, -1)
            continue
        name = event.pays or (event.refers if event.type in ("return", "withdrawn") else "")
        if name:
            if name in twins:
                return None
            target = found[k] = ids.get(name, -1)
            if target >= 0 and events[target].type == "sealed":
                return None
    return found


def chains(
    events: list[Event], returns: dict[int, list[int]]
) -> tuple[dict[int, int], dict[int, int]]:
    """For each returned event its first return, for each return the next, as they act: early
    ones come with their event, in the order of source and id."""
    heads: dict[int, int] = {}
    nexts: dict[int, int] = {}
    for target, backs in returns.items():
        early = sorted(
            (k for k in backs if k < target),
            key=lambda k: (events[k].source, events[k].id.encode()),
        )
        order = early + [k for k in backs if k > target]
        heads[target] = order[0]
        nexts.update(pairwise(order))
    return heads, nexts


def line_of(event: Event, named: Event | None) -> int:
    """Which line comes back: -1 the whole event, -2 a line that it does not have."""
    line = str(event.raw.get("line") or "")
    if not line or named is None:
        return -1
    return named.line_names.index(line) if line in named.line_names else -2


assert M.X_SAME == len(empty_more(0)) - 1
