"""When a message that failed is tried again."""

from __future__ import annotations

SECONDS = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
"""Before each attempt, the first included. After the last one the endpoint is disabled."""

JITTER_PERCENT = 10


def wait_before(attempt: int, chance: int) -> int | None:
    """Microseconds to wait before an attempt (from 0); None: there is no further one.

    chance  a random number of 0 to 65535: endpoints that failed together come back apart
    """
    if attempt >= len(SECONDS):
        return None
    # From 100 % to 110 %: never sooner than the schedule says.
    return SECONDS[attempt] * 1_000_000 * (65_536 * 100 + JITTER_PERCENT * chance) // (65_536 * 100)
