"""Standard Webhooks: secrets, and the headers that prove who sent a message.

While a secret is being replaced, every message carries a signature of the old one and of the new.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from laurels.base.errors import Unavailable

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


def made(entropy: bytes, key: bytes) -> tuple[str, str]:
    """A secret: as it is stored, and as receivers are given it.

    key  of the server, at least 32 bytes; with it nothing is stored that signs, only what the
         secret is made from. Without one (b"") the secret is stored as it is.
    """
    if not key:
        secret = new_secret(entropy)
        return secret, secret
    stored = DERIVED + base64.b64encode(entropy).decode("ascii")
    return stored, opened(stored, key)


def opened(stored: str, key: bytes) -> str:
    """The secret that was stored. Raises Unavailable where the server lacks its key."""
    if not stored.startswith(DERIVED):
        return stored
    if not key:
        raise Unavailable(
            "webhook-key-missing", "secrets were made with a key that the server does not have"
        )
    entropy = base64.b64decode(stored.removeprefix(DERIVED))
    return new_secret(hmac.new(key, entropy, hashlib.sha256).digest())


DERIVED = "from-key:"


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
