"""Events as tills send them: purchases now, purchases of the last three days, returns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from laurels.base.errors import ensure
from laurels.base.instants import DAY, SECOND, format_instant
from laurels.base.outside import now, ticks
from laurels.service.service import Service
from laurels.service.types import Actor

LATE, RETURNS = 0.20, 0.02
LATE_MOST = 3 * DAY
PAST = 30 * DAY
SEED = 7
AT_ONCE, PART = 2, 1000
encode = msgspec.json.Encoder().encode


@dataclass
class Draws:
    """Numbers as if by chance, the same every time."""

    state: int = SEED

    def below(self, bound: int) -> int:
        """The next one, from 0 up to a bound."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 20) % bound


@dataclass
class Traffic:
    """Members with so many past purchases each, and what they do next."""

    members: int
    history: int
    draws: Draws = field(default_factory=Draws)
    count: int = 0
    returned: set[tuple[int, int]] = field(default_factory=set)

    def member(self) -> str:
        """A member, by chance."""
        return f"member-{self.draws.below(self.members):07}"

    def past(self, at: int) -> list[dict[str, Any]]:
        """Purchases of the thirty days before an instant, in their order."""
        found = []
        for member in range(self.members):
            for number in range(self.history):
                when = format_instant(at - SECOND - self.draws.below(PAST))
                found.append(self._purchase(f"past-{member}-{number}", f"member-{member:07}", when)
                             | {"recorded_at": when, "source": "shop"})  # fmt: skip
        found.sort(key=lambda each: each["occurred_at"])
        return found

    def _purchase(self, identity: str, member: str, when: str) -> dict[str, Any]:
        return {
            "id": identity, "member": member, "type": "purchase", "occurred_at": when,
            "amount": f"{(100 + self.draws.below(20_000)) / 100:.2f}", "channel": "shop",
        }  # fmt: skip

    def event(self) -> bytes:
        """The next event."""
        self.count += 1
        drawn = self.draws.below(1_000_000) / 1_000_000
        if drawn < RETURNS:
            back = (self.draws.below(self.members), self.draws.below(self.history))
            if back not in self.returned:
                self.returned.add(back)
                return encode({
                    "id": f"return-{self.count}", "member": f"member-{back[0]:07}",
                    "type": "return", "returns": f"past-{back[0]}-{back[1]}",
                    "occurred_at": format_instant(now()),
                })  # fmt: skip
        late = self.draws.below(LATE_MOST) if drawn > 1 - LATE else 0
        when = format_instant(now() - late)
        return encode(self._purchase(f"sale-{self.count}", self.member(), when))

    def quote(self) -> bytes:
        """A basket of a member."""
        basket = self._purchase("basket", self.member(), format_instant(now()))
        return encode(basket)


async def fill(service: Service, program: str, traffic: Traffic) -> float:
    """Bring in what happened before; events a second."""
    events = traffic.past(now())
    parts = iter([events[at : at + PART] for at in range(0, len(events), PART)])
    owner = Actor("bench")

    async def feed() -> None:
        for part in parts:
            answers = await service.take(owner, program, part, bulk=True)
            wrong = [each for each in answers if each.status != "taken"]
            ensure(not wrong, f"an event of the history was not taken: {wrong[:1]}")

    started = ticks()
    await asyncio.gather(*[feed() for _ in range(AT_ONCE)])
    return len(events) / (ticks() - started)
