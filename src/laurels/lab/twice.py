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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from laurels.base.money import format_decimal
from laurels.engine.compiled import Compiled
from laurels.engine.history import ASKS
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
    """A run under one program. ``members``: a table with what passed through their hands."""

    result: Result
    members: Any
    summary: dict[str, Any]
    events: Events


def run_old(
    program: Compiled, events: Events, redemptions: Redemptions, options: Options, ears: Ears
) -> Ran:
    """The history under the old program."""
    if redemptions == "requests":
        events = asked_again(events)
    return _run(program, events, options, ears)


def run_new(
    program: Compiled, old: Ran, redemptions: Redemptions, options: Options, ears: Ears
) -> Ran:
    """The same history under the new program, given what became of it under the old one."""
    events = old.events
    if redemptions == "facts":
        events = as_decided(events, old.result.decided, old.result.program)
    return _run(program, events, options, ears)


def _run(program: Compiled, events: Events, options: Options, ears: Ears) -> Ran:
    kept = Kept(program, passed=True)
    result = play(program, events, kept, options, ears)
    return Ran(result, kept.members, summary(result, engine=options.engine), events)


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
