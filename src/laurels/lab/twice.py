"""One history under two programs, and what is done about redemptions.

The history says what members did, and under another program they would have had other points to
spend. There are two ways to treat that, and neither is wrong:

    facts     what was accepted under the old program happened, and happens under the new one too;
              where the points are not there it becomes debt. What was refused stays refused.
    requests  what members asked for is decided again under each program, from the points that it
              gave them; outcomes that the history records are left aside.

Budgets over all members are decided again under both, in event order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from laurels.base.money import format_decimal
from laurels.engine.compiled import Compiled
from laurels.engine.history import ASKS
from laurels.engine.join import MERGED
from laurels.replay.options import Ears, Options
from laurels.replay.play import play
from laurels.replay.raw import Events
from laurels.replay.run import Request, Result
from laurels.replay.summary import summary
from laurels.replay.tables import Kept

Redemptions = Literal["facts", "requests"]
REDEMPTIONS: tuple[Redemptions, ...] = ("facts", "requests")
OUTCOMES = {1: "accepted", 2: "refused"}

Decided = Mapping[Request, tuple[int, int]]


@dataclass(frozen=True)
class Ran:
    """A run under one program.

    members  a table with what passed through their hands
    own      what some members did, as the run took it
    """

    result: Result
    members: Any
    summary: dict[str, Any]
    own: Callable[[set[str]], Events]


class ByEvents:
    """A history that was run under the old program (``old``), and can be run under others."""

    def __init__(
        self,
        program: Compiled,
        events: Events,
        redemptions: Redemptions,
        options: Options,
        ears: Ears,
    ) -> None:
        self._events = asked_again(events) if redemptions == "requests" else events
        self._facts = redemptions == "facts"
        self._options = options
        self._ears = ears
        self.old = played(program, self._events, options, ears)

    def new(self, program: Compiled) -> Ran:
        """The same history under another program, given what became of it under the old one."""
        events = self._events
        if self._facts:
            events = as_decided(events, self.old.result.decided, self.old.result.program)
        return played(program, events, self._options, self._ears)


def played(program: Compiled, events: Events, options: Options, ears: Ears) -> Ran:
    """A run, and who did what."""
    kept = Kept(program, passed=True)
    result = play(program, events, kept, options, ears)
    words = summary(result, engine=options.engine)
    return Ran(result, kept.members, words, lambda names: own_events(events, names))


def own_events(events: Events, names: set[str]) -> Events:
    """The events of some members; of all, where members give to each other or become one."""
    if any(body.get("type") in ("transfer", MERGED) for body in events.bodies):
        return events
    kept = [(body, place) for body, place in zip(events.bodies, events.places, strict=True)
            if str(body.get("member")) in names]  # fmt: skip
    return Events([body for body, _ in kept], [place for _, place in kept], events.report)


def asked_again(events: Events) -> Events:
    """The history without the outcomes that it records."""
    bodies = [
        {**body, "outcome": None} if body.get("outcome") and body.get("type") in ASKS else body
        for body in events.bodies
    ]
    return Events(bodies, events.places, events.report)


def as_decided(events: Events, decided: Decided, program: Compiled) -> Events:
    """The history with what one program decided of its requests as their outcomes; a request that
    was cut is as large as it was accepted."""
    if not decided:
        return events
    units = program.program.units
    scales = {unit.name: unit.scale for unit in units}
    usual = next((unit.name for unit in units if unit.spendable), units[0].name)
    bodies = []
    for body in events.bodies:
        found = None
        if body.get("type") in ASKS:
            key = (str(body.get("member")), str(body.get("source") or ""), str(body.get("id")))
            found = decided.get(key)
        if found is None:
            bodies.append(body)
            continue
        outcome, steps = found
        fact = {**body, "outcome": OUTCOMES[outcome]}
        if body.get("points") and outcome == 1:
            unit = str(body.get("unit") or usual)
            fact["points"] = format_decimal(steps, scales.get(unit, 0))
        bodies.append(fact)
    return Events(bodies, events.places, events.report)
