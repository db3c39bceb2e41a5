"""Purchases that are sent to a service, also from a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

from laurels.service.service import Service
from support.service import OWNER


def buy(number: int, member: str, when: str = "2026-03-01T10:00:00Z") -> dict[str, Any]:
    return {"id": f"e{number}", "member": member, "type": "purchase", "amount": "10",
            "occurred_at": when, "recorded_at": when}  # fmt: skip


def buys(place: str, first: int) -> list[str]:
    """Send every second purchase from a number on, eight at a time; what became of them."""

    async def work() -> list[str]:
        async with await Service.open(place) as opened:
            found: list[str] = []
            numbers = list(range(first, 120, 2))
            for at in range(0, len(numbers), 8):
                each = await asyncio.gather(*(
                    opened.take(OWNER, "shared", [buy(number, f"m{number % 31}")])
                    for number in numbers[at : at + 8]
                ))  # fmt: skip
                found += [answer.status for (answer,) in each]
            return found

    return asyncio.run(work())
