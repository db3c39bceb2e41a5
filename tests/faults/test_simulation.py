"""A world from a seed: members, tills and staff on two servers over one database, with everything
that goes wrong between them. A plain auditor predicts every answer; at the end `verify` agrees.

A failure prints its seed and the fewest actions that still fail. LAURELS_LONG=1 runs more worlds.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from faults.auditor import Fact, Person
from laurels.base.errors import LaurelsError
from laurels.service.merge import Merging
from laurels.service.service import Service
from laurels.service.types import Actor, Answer
from laurels.service.verify.run import verify
from laurels.testing import throwaway_database

LONG = os.environ.get("LAURELS_LONG") == "1"
WORLDS = range(60 if LONG else 3)
ACTIONS = 120 if LONG else 60
STAFF = Actor("staff")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOUBLED = START + timedelta(days=20)

PROGRAM = """\
program: world
zone: UTC
currency: EUR
units:
  point: {worth: 0.01}
events:
  purchase: {amount: required}
late: {reject_after: 365 days}
versions:
  - version: 1
    rules:
      base: {on: purchase, give: {points: 1, per: 1}}
    expires: 30 days
    returns: proportional
"""
SECOND = (
    PROGRAM
    + f"""\
  - version: 2
    published_at: {(START + timedelta(days=1)).isoformat()}
    effective_from: {DOUBLED.isoformat()}
    rules:
      base: {{on: purchase, give: {{points: 2, per: 1}}}}
    expires: 30 days
    returns: proportional
"""
)

Action = tuple[Any, ...]


def actions_of(seed: int) -> list[Action]:
    """What happens, in order. Numbers are taken modulo what there is."""
    rng = random.Random(seed)
    kinds = ("buy",) * 7 + ("spend",) * 5 + ("return",) * 3 + (
        "late", "late", "again", "conflict", "lost", "lost", "twins", "burst", "withdraw", "clock",
        "clock", "far", "unknown-return", "advance", "publish", "merge", "erase",
    )  # fmt: skip
    found: list[Action] = []
    for _ in range(ACTIONS):
        kind = rng.choice(kinds)
        found.append((kind, rng.randrange(8), rng.randrange(1, 300), rng.randrange(1, 40)))
    return found


@dataclass
class World:
    """Two servers, and the auditor's side of it."""

    servers: tuple[Service, Service]
    now: datetime = START
    count: int = 0
    doubled: bool = False
    people: dict[str, Person] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)
    merges: int = 0

    # -- the auditor's side --------------------------------------------------------------------

    def person(self, name: str) -> Person:
        return self.people.setdefault(name, Person({name}))

    def note(self, name: str, fact: Fact) -> None:
        self.person(name).side_of(name, fact.at).facts.append(fact)

    def has(self, name: str, at: datetime | None = None) -> tuple[int, int]:
        books = self.person(name).books(
            (at or self.now) + timedelta(microseconds=1), DOUBLED if self.doubled else None
        )
        return books.active, books.debt

    # -- the other side ------------------------------------------------------------------------

    def server(self) -> Service:
        return self.servers[self.count % 2]

    def event(self, kind: str, name: str, at: datetime, **more: Any) -> dict[str, Any]:
        self.count += 1
        made = {"id": f"{kind[0]}{self.count:04}", "source": "till", "type": kind, "member": name,
                "occurred_at": at.isoformat(), **more}  # fmt: skip
        self.sent[made["id"]] = made
        return made

    async def send(self, event: dict[str, Any], server: Service | None = None) -> Answer:
        (answer,) = await (server or self.server()).take(STAFF, "world", [event])
        return answer


def member(number: int) -> str:
    return f"m{number}"


def mismatch(what: str, found: object, expected: object) -> None:
    assert found == expected, f"{what}: found {found}, expected {expected}"


async def act(world: World, action: Action) -> None:
    """Do one thing, and hold its answer against what the auditor says."""
    kind, number, amount, days = action
    name = member(number)
    world.now += timedelta(seconds=61)
    await world.servers[0].move_clock(STAFF, micros(world.now))
    if name in world.gone and kind not in ("clock", "publish", "advance", "far"):
        return
    await DOING[kind](world, name, amount, days)


async def buy(world: World, name: str, amount: int, days: int) -> None:
    event = world.event("purchase", name, world.now, amount=f"{amount}.00")
    mismatch("status", (await world.send(event)).status, "taken")
    world.note(name, Fact(world.now, event["id"], "bought", amount))


async def late(world: World, name: str, amount: int, days: int) -> None:
    at = world.now - timedelta(days=days, hours=3, seconds=world.count)
    event = world.event("purchase", name, at, amount=f"{amount}.00")
    mismatch("status", (await world.send(event)).status, "taken")
    world.note(name, Fact(at, event["id"], "bought", amount))


async def spend(world: World, name: str, amount: int, days: int) -> None:
    active, _ = world.has(name)
    event = world.event("redemption", name, world.now, unit="point", points=str(amount))
    expected = "taken" if amount <= active else "refused"
    mismatch("status", (await world.send(event)).status, expected)
    if expected == "taken":
        world.note(name, Fact(world.now, event["id"], "spent", amount))


def bought_by(world: World, name: str, number: int) -> Fact | None:
    bought = [fact for fact in world.person(name).every() if fact.kind == "bought"]
    return sorted(bought, key=lambda each: each.id)[number % len(bought)] if bought else None


async def give_back(world: World, name: str, amount: int, days: int) -> None:
    purchase = bought_by(world, name, amount)
    if purchase is None:
        return
    back = min(amount, purchase.amount)
    event = world.event("return", name, world.now, returns=purchase.id, amount=f"{back}.00")
    mismatch("status", (await world.send(event)).status, "taken")
    world.note(name, Fact(world.now, event["id"], "back", back, purchase.id))


async def unknown_return(world: World, name: str, amount: int, days: int) -> None:
    event = world.event("return", name, world.now, returns=f"nothing-{amount}", amount="1.00")
    mismatch("status", (await world.send(event)).status, "waiting")


async def again(world: World, name: str, amount: int, days: int) -> None:
    """A duplicate, at the other server."""
    mine = [each for each in world.sent.values() if each["member"] == name]
    if mine:
        event = mine[amount % len(mine)]
        answer = await world.send(event, world.servers[(world.count + 1) % 2])
        mismatch("status", answer.status, "duplicate")


async def conflict(world: World, name: str, amount: int, days: int) -> None:
    """The id of another purchase."""
    purchase = bought_by(world, name, amount)
    if purchase is not None:
        other = {**world.sent[purchase.id], "amount": f"{purchase.amount + 1}.00"}
        answer = await world.send(other)
        mismatch("status", answer.status, "conflict")


async def lost(world: World, name: str, amount: int, days: int) -> None:
    """The answer never comes: the other server is asked, then the event is sent there again."""
    event = world.event("purchase", name, world.now, amount=f"{amount}.00")
    await world.send(event, world.servers[0])
    truth = await world.servers[1].event(STAFF, "world", "till", event["id"])
    mismatch("truth", truth.status, "taken")
    mismatch("again", (await world.send(event, world.servers[1])).status, "duplicate")
    world.note(name, Fact(world.now, event["id"], "bought", amount))


async def twins(world: World, name: str, amount: int, days: int) -> None:
    """The same event at both servers at one time: taken once."""
    event = world.event("purchase", name, world.now, amount=f"{amount}.00")
    answers = await asyncio.gather(*(world.send(event, each) for each in world.servers))
    mismatch("twins", sorted(each.status for each in answers), ["duplicate", "taken"])
    world.note(name, Fact(world.now, event["id"], "bought", amount))


async def burst(world: World, name: str, amount: int, days: int) -> None:
    """Requests to spend at both servers at one time: no more than there is."""
    active, _ = world.has(name)
    events = [world.event("redemption", name, world.now, unit="point", points=str(amount))
              for _ in range(4)]  # fmt: skip
    answers = await asyncio.gather(
        *(world.send(event, world.servers[n % 2]) for n, event in enumerate(events))
    )
    taken = [event for event, each in zip(events, answers, strict=True) if each.status == "taken"]
    mismatch("burst", len(taken), min(4, active // amount))
    for event in taken:
        world.note(name, Fact(world.now, event["id"], "spent", amount))


async def withdraw(world: World, name: str, amount: int, days: int) -> None:
    purchase = bought_by(world, name, amount)
    person = world.person(name)
    if purchase is None or any(fact.of == purchase.id for fact in person.every()):
        return  # what becomes of its returns is another story
    event = world.event("withdrawn", name, world.now, withdraws=purchase.id)
    mismatch("status", (await world.send(event)).status, "taken")
    forget(person, purchase)


def forget(person: Person, fact: Fact) -> None:
    if fact in person.facts:
        person.facts.remove(fact)
    for side in person.sides or ():
        forget(side, fact)


async def clock(world: World, name: str, amount: int, days: int) -> None:
    world.now += timedelta(days=days / 4)
    await world.servers[amount % 2].move_clock(STAFF, micros(world.now))


async def far(world: World, name: str, amount: int, days: int) -> None:
    """A till whose clock is wrong."""
    event = world.event("purchase", f"far{amount}", datetime(2099, 1, 1, tzinfo=UTC), amount="9.00")
    mismatch("status", (await world.send(event)).status, "parked")


async def advance(world: World, name: str, amount: int, days: int) -> None:
    await world.server().advance("world")


async def publish(world: World, name: str, amount: int, days: int) -> None:
    """The second version, announced before it is in force."""
    if world.doubled or world.now >= DOUBLED - timedelta(days=1) or (
        world.now < START + timedelta(days=1)
    ):  # fmt: skip
        return
    text = SECOND.replace(
        (START + timedelta(days=1)).isoformat(), (world.now - timedelta(seconds=5)).isoformat()
    )
    published = await world.server().publish(STAFF, "world", text)
    if published.state == "preparing":
        mismatch("prepared", await world.server().prepare(STAFF, "world"), [])
    world.doubled = True


async def merge(world: World, name: str, amount: int, days: int) -> None:
    other = member(amount % 8)
    one, two = world.person(name), world.person(other)
    if one is two or other in world.gone or one.sides or two.sides or not (
        one.every() and two.every()
    ):  # fmt: skip
        return
    world.merges += 1
    done = await world.server().merge(
        STAFF, "world", Merging(name, other, "crm", f"merge-{world.merges}")
    )
    mismatch("stays", done.member, name)
    world.people[name] = world.people[other] = Person(
        one.names | two.names, [], (one, two), world.now
    )


async def erase(world: World, name: str, amount: int, days: int) -> None:
    """Now and then; nobody hears of the person again."""
    person = world.person(name)
    if amount % 3 or not person.every():
        return
    mismatch("erased", await world.server().erase(STAFF, "world", name), "erased")
    world.gone |= person.names


DOING = {
    "buy": buy, "late": late, "spend": spend, "return": give_back, "again": again,
    "unknown-return": unknown_return, "conflict": conflict, "lost": lost, "twins": twins,
    "burst": burst, "withdraw": withdraw, "clock": clock, "far": far, "advance": advance,
    "publish": publish, "merge": merge, "erase": erase,
}  # fmt: skip


def micros(at: datetime) -> int:
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


async def live(actions: Sequence[Action]) -> None:
    """A world, from its beginning to the audit of its end."""
    database = throwaway_database("sandbox").owner
    async with await Service.open(database) as one, await Service.open(database) as two:
        world = World((one, two))
        await one.move_clock(STAFF, micros(START))
        await one.publish(STAFF, "world", PROGRAM)
        for place, action in enumerate(actions):
            try:
                await act(world, action)
                if place % 10 == 9 or place == len(actions) - 1:
                    await audit(world)
            except (AssertionError, LaurelsError) as error:
                raise AssertionError(f"action {place} {action}: {error}") from error
    found = await asyncio.to_thread(verify, database)
    assert found.differences == [], found.differences


async def audit(world: World) -> None:
    """Everybody has what the auditor says, whichever server is asked."""
    for number, name in enumerate(sorted(world.people)):
        if name in world.gone or not world.person(name).every():
            continue
        view = await world.servers[number % 2].member(STAFF, "world", name)
        balance = view.balances["point"]
        mismatch(f"{name} has", (int(balance.active), int(balance.debt)), world.has(name))


def fewest(actions: list[Action]) -> tuple[list[Action], str]:
    """The fewest actions that still fail, and how."""
    said = failure(actions)
    size = len(actions) // 2
    while size:
        at = 0
        while at < len(actions):
            fewer = actions[:at] + actions[at + size :]
            found = failure(fewer)
            if found:
                actions, said = fewer, found
            else:
                at += size
        size //= 2
    return actions, said


def failure(actions: Sequence[Action]) -> str:
    try:
        asyncio.run(live(actions))
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("seed", WORLDS)
def test_every_answer_of_a_world_is_the_one_that_plain_arithmetic_gives(seed: int) -> None:
    actions = actions_of(seed)
    if not failure(actions):
        return
    few, said = fewest(actions)
    raise AssertionError(f"seed {seed}: {said}\n" + "\n".join(map(repr, few)))
