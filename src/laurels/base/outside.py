"""What only the outermost layer asks for: the time, and chance. Everything below gets arguments."""

import os
import time
import uuid


def now() -> int:
    """This instant by the machine's clock: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def ticks() -> float:
    """Seconds of a clock that never goes back: for durations, not for dates."""
    return time.monotonic()


def random_bytes(count: int) -> bytes:
    """Bytes that nobody can guess, from the operating system."""
    return os.urandom(count)


def fresh_id() -> str:
    """A new UUID (RFC 9562, version 4), as text."""
    return str(uuid.UUID(bytes=random_bytes(16), version=4))
