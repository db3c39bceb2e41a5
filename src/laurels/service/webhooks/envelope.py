"""A row of the feed as a CloudEvent 1.0, in the bytes that are signed and sent.

Standard Webhooks asks for `type`, `timestamp` and `data`; CloudEvents for `specversion`, `id`,
`source`, `type` and `time`. One object holds both; `time` and `timestamp` say the same, and `time`
is the one to read. Amounts and points are decimal text inside `data`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

CONTENT_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "io.laurels"
TYPE_VERSION = "v1"
BYTES_MAX = 60_000
"""CloudEvents asks intermediaries to carry 64 KiB; some room is left for headers."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def message_id(row: Mapping[str, Any]) -> str:
    """The same for every attempt and every replay: receivers drop what they had by it."""
    what = "\0".join(str(row[key]) for key in ("program", "member", "sequence", "kind"))
    if not row["member"] or not row["sequence"]:
        what += f"\0{row['position']}"
    return "msg_" + hashlib.sha256(what.encode()).hexdigest()[:32]


def message_type(kind: str) -> str:
    """`event.taken` is `io.laurels.event.taken.v1`."""
    return f"{TYPE_PREFIX}.{kind.replace('-', '_')}.{TYPE_VERSION}"


def envelope(row: Mapping[str, Any]) -> bytes:
    """The body of the message about a row of the feed.

    row  position, program, kind, member ("" where it is about none), sequence, at (microseconds),
         and whatever else it says: that becomes `data`
    """
    at = instant_text(row["at"])
    program = str(row["program"])
    head: dict[str, Any] = {
        "specversion": "1.0",
        "id": message_id(row),
        "source": f"/v1/programs/{quote(program, safe='')}",
        "type": message_type(str(row["kind"])),
        "time": at,
        "timestamp": at,
        "datacontenttype": "application/json",
    }
    if row["member"]:
        member = str(row["member"])
        # The extensions `sequence` and `partitionkey`: texts, the first one sorts as it counts.
        head |= {"subject": member, "partitionkey": member, "sequence": f"{row['sequence']:010d}"}
    data = {key: value for key, value in row.items() if key not in {"position", "kind"}}
    data["at"] = at
    body = encode(head | {"data": data})
    if len(body) > BYTES_MAX:
        short = {key: value for key, value in data.items() if not isinstance(value, list | dict)}
        body = encode(head | {"data": short | {"shortened": True}})
    return body


def instant_text(microseconds: int) -> str:
    """RFC 3339, UTC, to the microsecond."""
    return (EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} is not for JSON")


_encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=_plain)


def encode(value: object) -> bytes:
    """JSON, decimals as text."""
    return _encoder.encode(value)
