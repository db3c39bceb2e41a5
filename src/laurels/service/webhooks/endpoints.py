"""Endpoints: who is told what, made and changed by a program's owner."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from laurels.base.errors import RequestError
from laurels.service.feed import KINDS
from laurels.service.webhooks.addresses import Network, check_url
from laurels.service.webhooks.signing import SECRET_BYTES, Secret, made
from laurels.store.statements import statement

ID_BYTES = 12
OVERLAP_SECONDS = 24 * 3600
"""For so long after a rotation both secrets sign."""

SECRETS_MAX = 3
LABEL_MAX = 200

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told.

    kinds       what it wants to hear of; empty: everything
    state       active; paused by its owner; disabled by us, and `reason` says why
    cursor      everything up to here was delivered
    attempts    how often in a row the next message has failed
    next_attempt_at, delivered_at, created_at   microseconds
    """

    webhook: str
    program: str
    url: str
    label: str
    kinds: tuple[str, ...]
    secrets: tuple[Secret, ...]
    state: str
    reason: str
    cursor: str
    attempts: int
    next_attempt_at: int
    delivered_at: int | None
    created_at: int
    created_by: str


async def add_endpoint(
    connection: Connection, program: str, url: str, *, label: str, kinds: tuple[str, ...],
    cursor: str, by: str, now: int, entropy: bytes, allowed: tuple[Network, ...] = (),
    key: bytes = b"",
) -> tuple[Endpoint, str]:  # fmt: skip
    """Make an endpoint; returns it and its secret, which is not shown again.

    entropy  ID_BYTES + SECRET_BYTES random bytes; key: see `signing.made`
    Raises: RequestError, codes webhook-url, webhook-kind, field-value
    """
    check_url(url, allowed)
    _check(label, kinds)
    name = "wh_" + entropy[:ID_BYTES].hex()
    stored, secret = made(entropy[ID_BYTES : ID_BYTES + SECRET_BYTES], key)
    await connection.execute(statement("webhook_add"), {
        "webhook": name, "program": program, "url": url, "label": label,
        "kinds": json.dumps(kinds), "secrets": _stored([Secret(stored)]),
        "cursor": cursor, "now": now, "by": by,
    })  # fmt: skip
    return await find_endpoint(connection, program, name), secret


async def program_number(connection: Connection, program: str) -> int:
    """The number of a published program. Raises: RequestError, code program-unknown."""
    cursor = await connection.execute("SELECT program FROM programs WHERE name = %s", [program])
    row = await cursor.fetchone()
    if row is None:
        raise RequestError(
            "program-unknown", f"there is no program `{program}`", where="program",
            expected="the name of a published one",
        )  # fmt: skip
    return int(row[0])


async def list_endpoints(connection: Connection, program: str) -> list[Endpoint]:
    """The endpoints of a program, the oldest first."""
    return await _found(connection, program, None)


async def find_endpoint(connection: Connection, program: str, webhook: str) -> Endpoint:
    """One endpoint. Raises: RequestError, code webhook-unknown."""
    found = await _found(connection, program, webhook)
    if not found:
        raise _unknown()
    return found[0]


async def change_endpoint(
    connection: Connection, program: str, webhook: str, *, now: int, url: str | None = None,
    label: str | None = None, kinds: tuple[str, ...] | None = None, active: bool | None = None,
    allowed: tuple[Network, ...] = (),
) -> Endpoint:  # fmt: skip
    """Change an endpoint, pause it, or let it go on from where it stopped, at once.

    Raises: RequestError, codes webhook-unknown, webhook-url, webhook-kind, field-value
    """
    if url is not None:
        check_url(url, allowed)
    _check("" if label is None else label, kinds or ())
    state = None if active is None else ("active" if active else "paused")
    await _change(connection, program, webhook, now=now, url=url, label=label, state=state,
                  kinds=None if kinds is None else json.dumps(kinds))  # fmt: skip
    return await find_endpoint(connection, program, webhook)


async def rotate_secret(
    connection: Connection, program: str, webhook: str, *, now: int, entropy: bytes,
    overlap_seconds: int = OVERLAP_SECONDS, key: bytes = b"",
) -> str:  # fmt: skip
    """Give an endpoint a new secret; the old ones sign beside it until the overlap ends.

    Raises: RequestError, code webhook-unknown
    """
    stored, text = made(entropy[:SECRET_BYTES], key)
    async with connection.transaction():
        old = await find_endpoint(connection, program, webhook)
        ends = now + overlap_seconds * 1_000_000
        kept = [
            Secret(each.text, min(each.ends_at or ends, ends))
            for each in old.secrets
            if each.ends_at is None or each.ends_at > now
        ]
        secrets = [Secret(stored), *kept][:SECRETS_MAX]
        await _change(connection, program, webhook, now=now, secrets=_stored(secrets))
    return text


async def drop_endpoint(connection: Connection, program: str, webhook: str) -> None:
    """Forget an endpoint. Raises: RequestError, code webhook-unknown."""
    values = {"program": program, "webhook": webhook}
    cursor = await connection.execute(statement("webhook_drop"), values)
    if cursor.rowcount != 1:
        raise _unknown()


async def add_replay(
    connection: Connection, program: str, webhook: str, *, cursor: str, until: str, by: str,
    now: int, entropy: bytes,
) -> str:  # fmt: skip
    """Send a stretch of the feed again, beside what is new: ids are as they were.

    cursor, until  positions of the feed: after the one, up to and with the other
    Raises: RequestError, code webhook-unknown
    """
    await find_endpoint(connection, program, webhook)
    name = "rp_" + entropy[:ID_BYTES].hex()
    await connection.execute(statement("replay_add"), {
        "webhook": webhook, "replay": name, "cursor": cursor, "until": until, "by": by, "now": now,
    })  # fmt: skip
    await _change(connection, program, webhook, now=now)
    return name


async def _change(connection: Connection, program: str, webhook: str, **values: object) -> None:
    names = ("url", "label", "kinds", "secrets", "state")
    cursor = await connection.execute(
        statement("webhook_change"),
        dict.fromkeys(names) | values | {"program": program, "webhook": webhook},
    )
    if cursor.rowcount != 1:
        raise _unknown()


async def _found(connection: Connection, program: str, webhook: str | None) -> list[Endpoint]:
    values = {"program": program, "webhook": webhook}
    cursor = await connection.execute(statement("webhook_list"), values)
    return [
        Endpoint(
            webhook=row[0],
            program=row[1],
            url=row[2],
            label=row[3],
            kinds=tuple(json.loads(row[4])),
            secrets=read_secrets(row[5]),
            state=row[6],
            reason=row[7],
            cursor=row[8],
            attempts=row[9],
            next_attempt_at=row[10],
            delivered_at=row[11],
            created_at=row[12],
            created_by=row[13],
        )
        for row in await cursor.fetchall()
    ]


def read_secrets(text: str) -> tuple[Secret, ...]:
    """Secrets as they are stored."""
    return tuple(Secret(each["text"], each["ends_at"]) for each in json.loads(text))


def _stored(secrets: list[Secret]) -> str:
    return json.dumps([{"text": each.text, "ends_at": each.ends_at} for each in secrets])


def _check(label: str, kinds: tuple[str, ...]) -> None:
    wrong = [each for each in kinds if each not in KINDS.values()]
    if wrong:
        raise RequestError(
            "webhook-kind", f"nothing is told of `{wrong[0][:40]}`", where="kinds",
            expected="some of " + ", ".join(KINDS.values()),
        )  # fmt: skip
    if len(label) > LABEL_MAX or not label.isprintable():
        raise RequestError(
            "field-value", "it is no label", where="label",
            expected=f"at most {LABEL_MAX} printable characters",
        )  # fmt: skip


def _unknown() -> RequestError:
    return RequestError(
        "webhook-unknown",
        "there is no such webhook",
        where="webhook",
        expected="one that the program's list of webhooks has",
    )
