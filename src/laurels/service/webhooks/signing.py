"""Standard Webhooks: secrets, and the headers that prove who sent a message.

While a secret is being replaced, every message carries a signature of the old one and of the new.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRET_BYTES = 32
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Secret:
    """What signs. `ends_at` in microseconds; None: it has no end."""

    text: str
    ends_at: int | None = None


def new_secret(entropy: bytes) -> str:
    """A secret as receivers are given it, made from SECRET_BYTES random bytes."""
    return PREFIX + base64.b64encode(entropy).decode("ascii")


def headers(body: bytes, message: str, secrets: Iterable[Secret], now: int) -> dict[str, str]:
    """The headers of one attempt: the id stays, the timestamp is that of the attempt."""
    at = datetime.fromtimestamp(now // 1_000_000, tz=UTC)
    text = body.decode("utf-8")
    signatures = [
        Webhook(each.text).sign(message, at, text)
        for each in secrets
        if each.ends_at is None or each.ends_at > now
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(now // 1_000_000),
        "webhook-signature": " ".join(signatures),
    }
