"""A history goes in: many events that happened long ago, in the order in which they were recorded.

An event that says when it was recorded is recorded then; others when they happened, as in
`replay --as-recorded`. What is known already is passed over, so an import that was cut short is
simply begun again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from laurels.base.errors import LaurelsError, RequestError, Unavailable
from laurels.base.instants import parse_instant
from laurels.engine.compiled import Compiled
from laurels.engine.door import door_of
from laurels.engine.join import MERGED
from laurels.replay.raw import Events, Place
from laurels.replay.values import Rejected, shown
from laurels.service.decide import RECEIVED
from laurels.service.merge import Merging
from laurels.service.service import Service
from laurels.service.types import Actor, Answer

BATCH = 1000
AGAIN = 30
"""How often events are sent again that could not be taken."""
PAUSE = 0.2
"""Seconds before that."""
Progress = Callable[[int, int], None]
Body = Mapping[str, Any]


@dataclass
class Imported:
    """What became of every event.

    counts    events by status; `duplicate`: it was there already
    rejected  what could not be taken, and where it stands
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)


async def import_events(
    service: Service, actor: Actor, program: str, events: Events, progress: Progress
) -> Imported:
    """Take a history. actor: an owner; only one says when an event was recorded.

    Raises: Unavailable, Fault; what was taken until then stays, and is passed over next time
    """
    done = Imported(rejected=list(events.report.rejected))
    ordered = in_order(await service.compiled(program), events, done)
    start = 0
    for part in parts_of(ordered):
        bodies = [body for body, _ in part]
        if bodies[0].get("type") == MERGED:
            answers = [await merged(service, actor, program, bodies[0])]
        else:
            answers = await taken(service, actor, program, bodies)
        note(part, answers, done)
        start += len(part)
        progress(start, len(ordered))
    return done


def parts_of(ordered: Sequence[tuple[Body, Place]]) -> Iterator[Sequence[tuple[Body, Place]]]:
    """What is sent at once. A merge goes alone: what comes before it comes before it."""
    start = 0
    for end, (body, _) in enumerate(ordered):
        if end > start and (end - start == BATCH or MERGED in (
            body.get("type"), ordered[end - 1][0].get("type")
        )):  # fmt: skip
            yield ordered[start:end]
            start = end
    if start < len(ordered):
        yield ordered[start:]


async def merged(service: Service, actor: Actor, program: str, body: Body) -> Answer:
    """Merge two members as a history says."""
    at = parse_instant(body["recorded_at"], "UTC")
    source, name = str(body.get("source") or ""), str(body["id"])
    asked = Merging(str(body["member"]), str(body.get("absorbed") or ""), source, name, at)
    try:
        done = await service.merge(actor, program, asked)
    except RequestError as error:
        return Answer("rejected", source, name, asked.member, error=error)
    return Answer("duplicate" if done.repeated else "taken", source, name, done.member)


async def taken(
    service: Service, actor: Actor, program: str, bodies: Sequence[Body]
) -> list[Answer]:
    """The answers to events; those that could not be taken now are sent again, a while long.

    Raises: Unavailable where some still cannot be, Fault
    """
    answers = await service.take(actor, program, bodies, bulk=True)
    for _ in range(AGAIN):
        left = waiting(answers)
        if not left:
            return answers
        await asyncio.sleep(PAUSE)
        with suppress(Unavailable):  # all of them again
            again = await service.take(actor, program, [bodies[i] for i in left], bulk=True)
            for i, answer in zip(left, again, strict=True):
                answers[i] = answer
    if left := waiting(answers):
        raise Unavailable("member-busy", f"{len(left)} events could not be taken: import again")
    return answers


def waiting(answers: Sequence[Answer]) -> list[int]:
    """The places of what could not be taken."""
    return [i for i, each in enumerate(answers) if each.status == "retry-later"]


def in_order(program: Compiled, events: Events, done: Imported) -> list[tuple[Body, Place]]:
    """Events as they were recorded, in that order; those that no door lets in are listed."""
    door = door_of(program)
    given = {
        (body.get("source"), f"{body.get('id')}/{RECEIVED}")
        for body in events.bodies if body.get("type") == "transfer"
    }  # fmt: skip
    found: list[tuple[tuple[Any, ...], Body, Place]] = []
    for body, place in zip(events.bodies, events.places, strict=True):
        try:
            event = door.read(body)
        except RequestError as error:
            done.counts["rejected"] += 1
            done.rejected.append(rejected(body, place, error))
            continue
        if event.type == "transfer_received" and (body.get("source"), event.id) in given:
            done.counts["duplicate"] += 1  # the transfer brings it
            continue
        moment = max(event.acts, event.recorded)
        told = body if body.get("recorded_at") else {**body, "recorded_at": body["occurred_at"]}
        found.append(((moment, event.place), told, place))
    found.sort(key=lambda each: each[0])
    return [(body, place) for _, body, place in found]


def note(part: Sequence[tuple[Body, Place]], answers: Sequence[Answer], done: Imported) -> None:
    """Count answers, and list the events that were not taken."""
    for (body, place), answer in zip(part, answers, strict=True):
        done.counts[answer.status] += 1
        if answer.error is not None:
            done.rejected.append(rejected(body, place, answer.error))


def rejected(body: Body, place: Place, error: LaurelsError) -> Rejected:
    """One line of the list of what was not taken."""
    where = error.where if isinstance(error, RequestError) else ""
    expected = error.expected if isinstance(error, RequestError) else ""
    value = shown(body.get(where)) if where else ""
    return Rejected(place.file, place.row, where, error.code, expected, value)
