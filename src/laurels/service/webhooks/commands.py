"""What an owner does with endpoints, over HTTP: each is on the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg_pool import AsyncConnectionPool

from laurels.base.errors import RequestError
from laurels.service.audit import audit
from laurels.service.feed import BEGINNING, end_of_feed, stretch
from laurels.service.types import Actor
from laurels.service.webhooks import endpoints as E
from laurels.service.webhooks.addresses import Network
from laurels.service.webhooks.signing import SECRET_BYTES


@dataclass(frozen=True, slots=True)
class Hooks:
    """The endpoints of a database.

    allowed  networks that may be called though they are not public; key: see `signing.made`
    clock    microseconds UTC, this instant; chance: so many random bytes
    """

    pool: AsyncConnectionPool[Any]
    clock: Callable[[], int]
    chance: Callable[[int], bytes]
    allowed: tuple[Network, ...] = ()
    key: bytes = b""

    async def add(
        self, actor: Actor, program: str, url: str, *, label: str, kinds: tuple[str, ...],
        everything: bool,
    ) -> tuple[E.Endpoint, str]:  # fmt: skip
        """A new endpoint, and its secret, which is shown this once. everything: all that was
        written before, too. Raises RequestError."""
        async with self.pool.connection() as connection, connection.transaction():
            await self._record(connection, actor, "add_webhook", program, url)
            return await E.add_endpoint(
                connection, program, url, label=label, kinds=kinds,
                cursor=BEGINNING if everything else await end_of_feed(connection),
                by=actor.name, now=self.clock(), entropy=self.chance(E.ID_BYTES + SECRET_BYTES),
                allowed=self.allowed, key=self.key,
            )  # fmt: skip

    async def every(self, program: str) -> list[E.Endpoint]:
        """The endpoints of a program, the oldest first. Raises RequestError."""
        async with self.pool.connection() as connection:
            await E.program_number(connection, program)
            return await E.list_endpoints(connection, program)

    async def one(self, program: str, webhook: str) -> E.Endpoint:
        """An endpoint. Raises RequestError."""
        async with self.pool.connection() as connection:
            return await E.find_endpoint(connection, program, webhook)

    async def change(
        self, actor: Actor, program: str, webhook: str, *, url: str | None = None,
        label: str | None = None, kinds: tuple[str, ...] | None = None, active: bool | None = None,
    ) -> E.Endpoint:  # fmt: skip
        """Change an endpoint, pause it, let it go on. Raises RequestError."""
        async with self.pool.connection() as connection, connection.transaction():
            await self._record(connection, actor, "change_webhook", program, webhook)
            return await E.change_endpoint(
                connection, program, webhook, now=self.clock(), url=url, label=label, kinds=kinds,
                active=active, allowed=self.allowed,
            )  # fmt: skip

    async def rotate(self, actor: Actor, program: str, webhook: str) -> str:
        """A new secret; the old one signs beside it for a day. Raises RequestError."""
        async with self.pool.connection() as connection, connection.transaction():
            await self._record(connection, actor, "rotate_webhook", program, webhook)
            return await E.rotate_secret(
                connection, program, webhook, now=self.clock(), entropy=self.chance(SECRET_BYTES),
                key=self.key,
            )  # fmt: skip

    async def replay(self, actor: Actor, program: str, webhook: str, since: int, until: int) -> str:
        """Send again what was recorded in [since, until). Raises RequestError."""
        if since >= until:
            raise RequestError("field-wrong", "it ends before it begins", where="until",
                               expected="an instant after `since`")  # fmt: skip
        async with self.pool.connection() as connection, connection.transaction():
            number = await self._record(connection, actor, "replay_webhook", program, webhook)
            before, after = await stretch(connection, number, since, until)
            return await E.add_replay(
                connection, program, webhook, cursor=before, until=after, by=actor.name,
                now=self.clock(), entropy=self.chance(E.ID_BYTES),
            )  # fmt: skip

    async def drop(self, actor: Actor, program: str, webhook: str) -> None:
        """Forget an endpoint. Raises RequestError."""
        async with self.pool.connection() as connection, connection.transaction():
            await self._record(connection, actor, "drop_webhook", program, webhook)
            await E.drop_endpoint(connection, program, webhook)

    async def _record(
        self, connection: E.Connection, actor: Actor, action: str, program: str, detail: str
    ) -> int:
        number = await E.program_number(connection, program)
        await audit(connection, self.clock(), actor, action, number, None, detail)
        return number
