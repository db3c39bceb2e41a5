"""Many clients at once on one member, and on one budget, through two servers' worth of service."""

from __future__ import annotations

import asyncio
from typing import Any

from laurels.service.service import Service
from support.service import OWNER, postings, service
from support.verified import verified

CLIENTS = 64
PROGRAM = """\
program: crowd
zone: Europe/London
currency: GBP
units:
  point: {precision: 1}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {on: purchase, give: {rate: 100%}}
    caps:
      launch: {rules: [base], per: lifetime, across: all_members, at_most: 320}
"""


def event(number: int, member: str, kind: str = "purchase", **more: str) -> dict[str, Any]:
    return {"id": f"{kind}-{number}", "member": member, "type": kind,
            "occurred_at": "2026-03-01T10:00:00Z"} | more  # fmt: skip


def test_sixty_four_clients_on_a_budget_for_half_of_them_serve_exactly_half() -> None:
    async def work() -> None:
        async with service() as one, await Service.open(one.conninfo) as two:
            await one.publish(OWNER, "crowd", PROGRAM)
            calls = [
                (one, two)[n % 2].take(OWNER, "crowd", [event(n, f"m{n}", amount="10")])
                for n in range(CLIENTS)
            ]
            answers = [answer for (answer,) in await asyncio.gather(*calls)]
            assert {each.status for each in answers} == {"taken"}
            served = [each for each in answers if each.postings]
            assert len(served) == CLIENTS // 2
            assert {posting.points for each in served for posting in each.postings} == {10}
            found = await verified(one)
            assert found.equal, found.differences

    asyncio.run(work())


def test_sixty_four_clients_on_one_member_spend_what_is_there_and_not_a_point_more() -> None:
    async def work() -> None:
        async with service() as one, await Service.open(one.conninfo) as two:
            await one.publish(OWNER, "crowd", PROGRAM)
            await one.take(OWNER, "crowd", [event(0, "anna", amount="320")])
            calls = [
                (one, two)[n % 2].take(
                    OWNER, "crowd", [event(n, "anna", "redemption", points="10")]
                )
                for n in range(1, CLIENTS + 1)
            ]
            answers = [answer for (answer,) in await asyncio.gather(*calls)]
            statuses = [each.status for each in answers]
            assert (statuses.count("taken"), statuses.count("refused")) == (32, 32)
            left = sorted(int(each.balances["point"].active) for each in answers
                          if each.status == "taken")  # fmt: skip
            assert left == list(range(0, 320, 10)), "each saw what the one before it had left"
            sequences = [each.sequence for each in answers]
            assert sorted(sequences) == list(range(2, CLIENTS + 2))
            kinds = [each.kind for each in await postings(one, "crowd")]
            assert kinds.count("spent") == 32
            found = await verified(one)
            assert found.equal, found.differences

    asyncio.run(work())
