"""How much a key may send: a bucket of tokens for each.

The buckets are in this process. A server of several processes gives a key as many buckets; the
limit is there to keep one caller from taking all, not to sell by the piece.
"""

from __future__ import annotations

from dataclasses import dataclass

from laurels.web.api.problems import Trouble

KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and so many a second from then on."""

    burst: int = 10_000
    per_second: float = 5_000.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """Buckets by name of key."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, now: float, cost: int = 1) -> dict[str, str]:
        """Take tokens and say what is left, in the headers of the answer.

        now   seconds of a clock that never goes back
        cost  1 for a request; a batch costs more, and never more than a full bucket
        Raises: Trouble `too-many-requests`, with Retry-After.
        """
        rate = self.rate
        cost = min(cost, rate.burst)
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= KEYS_MAX:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[key] = _Bucket(float(rate.burst), now)
        gained = (now - bucket.at) * rate.per_second
        bucket.tokens = min(float(rate.burst), bucket.tokens + max(0.0, gained))
        bucket.at = now
        if bucket.tokens < cost:
            wait = (cost - bucket.tokens) / rate.per_second
            seconds = max(1, -int(-wait // 1))
            raise Trouble(
                "too-many-requests",
                "the key has sent more than it may",
                headers={"Retry-After": str(seconds), **self._headers(bucket)},
                hint=f"wait {seconds} s, or send many events in one request",
            )
        bucket.tokens -= cost
        return self._headers(bucket)

    def _headers(self, bucket: _Bucket) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has it: quota, what remains, when it is full."""
        rate = self.rate
        window = max(1, round(rate.burst / rate.per_second))
        full = max(0, round((rate.burst - bucket.tokens) / rate.per_second))
        return {
            "RateLimit-Policy": f'"key";q={rate.burst};w={window}',
            "RateLimit": f'"key";r={int(bucket.tokens)};t={full}',
        }
