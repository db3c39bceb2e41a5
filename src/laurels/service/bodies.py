"""Bodies of events: what is kept of them, what makes two of them the same, what a name is.

What every event has (identity, member, type, times) stands in columns; the rest is kept as
canonical JSON, keys sorted, so that equal bodies are equal texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from laurels.base.errors import RequestError

COLUMNS = ("id", "source", "member", "type", "occurred_at", "recorded_at")
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
pack_bytes = msgspec.msgpack.Encoder().encode
unpack_bytes = msgspec.msgpack.Decoder().decode

Raw = Mapping[str, Any]


def rest_of(raw: Raw) -> str:
    """Everything of a body that has no column, as canonical JSON. Absent values are left away."""
    rest = {
        key: value
        for key, value in raw.items()
        if key not in COLUMNS and value is not None and value != ""
    }
    try:
        return _encode(rest).decode() if rest else "{}"
    except (TypeError, ValueError) as error:
        raise RequestError("event-form", f"the event is no JSON: {error}") from None


def read_rest(text: str) -> dict[str, Any]:
    """The other way round."""
    found: dict[str, Any] = _decode(text) if text != "{}" else {}
    return found


def identity(name: str, key: bytes) -> bytes:
    """What a member is called, as a keyed hash: 16 bytes. A name is an external id, or
    `phone:`, `card:`, `email:` and the like before it."""
    return hashlib.blake2b(name.encode(), digest_size=16, key=key).digest()
