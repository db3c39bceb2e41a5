"""When a call is tried again, and after how long.

Every write carries an id, so trying again never does a thing twice: the second answer is the
first one. What is tried again is what may pass by itself: no connection, no answer, 429, 502, 503,
504. Anything else is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a client is.

    attempts  in all, at least 1
    first     seconds before the second attempt at most; each further wait may be twice as long
    longest   seconds that one wait takes at most, whatever the server asks for
    """

    attempts: int = 6
    first: float = 0.2
    longest: float = 20.0

    def wait(self, attempt: int, headers: Mapping[str, str], chance: float, now: float) -> float:
        """Seconds to wait after an attempt (the first is 1).

        headers  of the answer, for Retry-After; chance: 0 to 1, so that callers do not march in
        step; now: seconds since 1970, for a Retry-After that is a date
        """
        asked = _retry_after(headers.get("retry-after", ""), now)
        most = min(self.longest, self.first * 2.0 ** (attempt - 1))
        if asked is None:
            return float(most * chance)
        # all who were told the same second would come back in the same second
        return min(self.longest, asked + most * chance)


def chance(entropy: Callable[[int], bytes]) -> float:
    """A number from 0 to 1."""
    return int.from_bytes(entropy(4), "big") / 2**32


def _retry_after(text: str, now: float) -> float | None:
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError):
        return None
