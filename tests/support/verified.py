"""The books of a test's database, verified."""

from __future__ import annotations

import asyncio

from laurels.service.programs import Running
from laurels.service.service import Service
from laurels.service.verify.run import Verified, verify


async def verified(opened: Service, **asked: object) -> Verified:
    """Fold everybody again, under the programs as the service has them."""
    texts: dict[int, list[Running]] = {}
    for (number, _), running in sorted(opened.programs._running.items()):
        texts.setdefault(number, []).append(running)
    return await asyncio.to_thread(
        verify,
        opened.pool.conninfo,
        texts=texts,
        **asked,  # type: ignore[arg-type]
    )
