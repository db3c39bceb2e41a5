"""Access keys: made, found, ended.

A key is `ll_<name>_<secret>` (`lt_` for a sandbox): the name finds it, the secret is 256 random
bits. What is stored is the SHA-256 of the whole text. A password needs a slow hash because people
choose among few; nobody can try 2^256 secrets, however fast the hash, and a slow one would cost
more than the request that it lets in.

A process remembers what it found for TTL seconds, so a revoked key works nowhere after that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError, Unavailable
from laurels.service.faults import DATABASE_FAILS
from laurels.service.permissions import ROLES, Caller
from laurels.service.types import Role
from laurels.store.statements import statement

LIVE, SANDBOX = "ll", "lt"
"""Prefixes of keys: the live database, and a sandbox."""

ENTROPY = 40
"""Random bytes that a new key takes: 8 for its name, 32 for its secret."""

TTL = 10.0
"""Seconds for which a process trusts what it found. The promise is 30."""

REMEMBERED = 10_000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(rf"({LIVE}|{SANDBOX})_([0-9A-Za-z]{{11}})_[0-9A-Za-z]{{43}}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key as it is stored.

    ends_at  from this instant on it is no key; None: it has no end
    replaces the key that it was made for, when that one was rotated
    """

    name: str
    label: str
    role: Role
    programs: tuple[str, ...]
    sources: tuple[str, ...]
    digest: bytes
    created_at: int
    ends_at: int | None = None
    replaces: str = ""

    @property
    def caller(self) -> Caller:
        """What it may do."""
        return Caller(self.name, self.role, self.programs, self.sources)


def mint(prefix: str, entropy: bytes) -> tuple[str, str, bytes]:
    """A new key: (name, the whole text, which is shown once, its digest)."""
    name = _base62(entropy[:8], 11)
    text = f"{prefix}_{name}_{_base62(entropy[8:ENTROPY], 43)}"
    return name, text, _digest(text)


def _base62(raw: bytes, width: int) -> str:
    number, letters = int.from_bytes(raw, "big"), ""
    while number:
        number, at = divmod(number, 62)
        letters = _ALPHABET[at] + letters
    return letters.rjust(width, "0")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def check_key(label: str, role: str, programs: tuple[str, ...], sources: tuple[str, ...]) -> Role:
    """The role, when all that a new key should be is in order. Raises RequestError."""
    if role not in ROLES:
        raise RequestError(
            "role-unknown",
            f"there is no role `{role[:40]}`",
            where="role",
            expected="one of " + ", ".join(ROLES),
        )
    if not label.isprintable() or not 1 <= len(label) <= 200:
        raise RequestError(
            "field-value", "it is no label", where="label", expected="1 to 200 characters"
        )
    for where, names in (("program", programs), ("source", sources)):
        wrong = [each for each in names if _NAME.fullmatch(each) is None]
        if wrong:
            raise RequestError(
                "field-value",
                f"`{wrong[0][:40]}` is no name",
                where=where,
                expected="letters, digits, . _ : - and at most 80 of them",
            )
    if role == "till" and not sources:
        raise RequestError(
            "field-missing",
            "a till is bound to its source",
            where="source",
            expected="at least one source, such as till-7",
        )
    return role


async def add_key(
    connection: Connection,
    prefix: str,
    *,
    label: str,
    role: str,
    programs: tuple[str, ...],
    sources: tuple[str, ...],
    by: str,
    now: int,
    entropy: bytes,
    replaces: str = "",
) -> str:
    """Make a key and return its text, which nobody can ask for again. Raises RequestError."""
    check_key(label, role, programs, sources)
    name, text, digest = mint(prefix, entropy)
    scope = json.dumps(programs), json.dumps(sources)
    values = [name, label, role, *scope, digest, now, by, replaces]
    await connection.execute(statement("key_add"), values)
    return text


async def rotate_key(
    connection: Connection, prefix: str, name: str, *, by: str, now: int, ends_at: int,
    entropy: bytes,
) -> str:  # fmt: skip
    """Make a key like another, which ends at `ends_at`: both work until then.

    Raises: RequestError `key-not-found`, also for a key that has ended.
    """
    async with connection.transaction():
        old = await find_key(connection, name)
        if old is None or (old.ends_at is not None and old.ends_at <= now):
            raise _not_found()
        text = await add_key(
            connection, prefix, label=old.label, role=old.role, programs=old.programs,
            sources=old.sources, by=by, now=now, entropy=entropy, replaces=old.name,
        )  # fmt: skip
        await connection.execute(statement("key_end"), [ends_at, name])
    return text


async def revoke_key(connection: Connection, name: str, now: int) -> None:
    """End a key at once. Raises RequestError `key-not-found`."""
    cursor = await connection.execute(statement("key_end"), [now, name])
    if cursor.rowcount != 1:
        raise _not_found()


async def list_keys(connection: Connection) -> list[AccessKey]:
    """All keys, the newest first; those that have ended too."""
    cursor = await connection.execute(statement("key_list"))
    return [_key(row) for row in await cursor.fetchall()]


async def find_key(connection: Connection, name: str) -> AccessKey | None:
    """A key by its name."""
    cursor = await connection.execute(statement("key_find"), [name])
    row = await cursor.fetchone()
    return None if row is None else _key(row)


async def secret(connection: Connection, name: str, entropy: bytes) -> bytes:
    """A secret of this database, the same for every process; made from `entropy` if there is none.

    It signs cursors and quotes: whoever has it can read no more than its key lets it.
    """
    await connection.execute(statement("secret_keep"), [name, entropy.hex()])
    cursor = await connection.execute(statement("secret_find"), [name])
    row = await cursor.fetchone()
    return bytes.fromhex(row[0]) if row else entropy


def _key(row: tuple[Any, ...]) -> AccessKey:
    name, label, role, programs, sources, digest, created_at, ends_at, replaces = row
    scopes = tuple(json.loads(programs)), tuple(json.loads(sources))
    return AccessKey(name, label, role, *scopes, bytes(digest), created_at, ends_at, replaces)


def _not_found() -> RequestError:
    return RequestError("key-not-found", "there is no such key", where="name",
                        expected="a name from `laurels keys list`")  # fmt: skip


class KeyRing:
    """The keys of one database, as a process knows them."""

    def __init__(self, pool: AsyncConnectionPool[Connection], prefix: str) -> None:
        self.prefix = prefix
        self._pool = pool
        self._known: OrderedDict[str, tuple[AccessKey | None, float]] = OrderedDict()

    async def caller(self, text: str, ticks: float, now: int) -> Caller:
        """Who carries a key.

        ticks  seconds of a clock that never goes back, for what is remembered; now: microseconds
        Raises: RequestError `access-key-wrong`; Unavailable where the database does not answer.
        """
        form = _FORM.fullmatch(text)
        if form is None or form[1] != self.prefix:
            raise _wrong()
        key = await self._find(form[2], ticks)
        if key is None or not hmac.compare_digest(key.digest, _digest(text)):
            raise _wrong()
        if key.ends_at is not None and key.ends_at <= now:
            raise _wrong()
        return key.caller

    async def _find(self, name: str, ticks: float) -> AccessKey | None:
        known = self._known.get(name)
        if known is not None and ticks - known[1] < TTL:
            return known[0]
        try:
            async with self._pool.connection() as connection:
                key = await find_key(connection, name)
        except DATABASE_FAILS as error:
            raise Unavailable("store-unreachable", f"keys cannot be looked up: {error}") from None
        self._known[name] = (key, ticks)
        self._known.move_to_end(name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return key


def _wrong() -> RequestError:
    return RequestError("access-key-wrong", "the key is unknown, revoked or ended")
