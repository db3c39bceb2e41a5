"""One attempt to deliver one message, and what came of it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import httpx2

from laurels import __version__
from laurels.base.errors import RequestError
from laurels.service.webhooks.addresses import Network, Target, resolve
from laurels.service.webhooks.envelope import CONTENT_TYPE

SECONDS = 20.0
ANSWER_BYTES = 64 * 1024
LONGEST_WAIT = 24 * 3600
HOSTS_KEPT = 200
SOFTWARE = "user-a" + "gent"
"""The header that says which software sends (RFC 9110, 10.1.5)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt.

    delivered  the receiver answered 2xx; nothing else counts
    failed     try again later; wait: seconds that the receiver asked for, 0 where it did not
    gone       410: the receiver wants no more
    """

    kind: Literal["delivered", "failed", "gone"]
    detail: str
    wait: int = 0


class Sender:
    """Sends to addresses that were checked.

    allowed  networks that may be called though they are not public
    """

    def __init__(
        self, allowed: tuple[Network, ...] = (), *, seconds: float = SECONDS,
        trust: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.allowed = allowed
        self._seconds = seconds
        self._trust = trust
        self._clients: OrderedDict[str, httpx2.AsyncClient] = OrderedDict()

    async def close(self) -> None:
        """Close the connections that are kept."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _client(self, host: str) -> httpx2.AsyncClient:
        """The connections to one host: never shared by names that have one address, since a
        connection is proven for the name that it was opened for."""
        client = self._clients.get(host)
        if client is None:
            # No proxy of the environment and no redirects: both would go where nobody checked.
            client = self._clients[host] = httpx2.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=self._seconds,
                verify=self._trust or True, headers={SOFTWARE: f"laurels/{__version__}"},
            )  # fmt: skip
        self._clients.move_to_end(host)
        while len(self._clients) > HOSTS_KEPT:
            _, oldest = self._clients.popitem(last=False)
            await oldest.aclose()
        return client

    async def send(self, url: str, body: bytes, headers: dict[str, str], now: int) -> Outcome:
        """Make one attempt. It never raises for what the receiver or the network does."""
        try:
            async with asyncio.timeout(self._seconds):
                target = await resolve(url, self.allowed)
                return await self._post(target, body, headers, now)
        except TimeoutError:
            return Outcome("failed", f"no answer within {self._seconds:g} seconds")
        except RequestError as error:
            return Outcome("failed", error.message)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return Outcome("failed", f"{type(error).__name__}: {error}")

    async def _post(
        self, target: Target, body: bytes, headers: dict[str, str], now: int
    ) -> Outcome:
        parts = urlsplit(target.url)
        address = str(target.address)
        place = f"[{address}]" if isinstance(target.address, ipaddress.IPv6Address) else address
        host = f"[{target.host}]" if ":" in target.host else target.host
        port = f":{parts.port}" if parts.port else ""
        pinned = parts._replace(netloc=place + port)
        client = await self._client(target.host)
        async with client.stream(
            "POST",
            urlunsplit(pinned),
            content=body,
            headers=headers
            | {
                "content-type": CONTENT_TYPE,
                "host": f"{host}:{parts.port}" if parts.port else host,
            },
            extensions={"sni_hostname": target.host},
        ) as response:
            # A short answer is read, so that the connection can serve again; a long one is cut.
            size = 0
            async for part in response.aiter_raw():
                size += len(part)
                if size > ANSWER_BYTES:
                    break
            return outcome_of(response.status_code, response.headers.get("retry-after", ""), now)


def outcome_of(status: int, retry_after: str, now: int) -> Outcome:
    """What an answer means. A redirect is a failure: nobody checked where it leads."""
    if 200 <= status < 300:
        return Outcome("delivered", str(status))
    if status == 410:
        return Outcome("gone", "410: the receiver wants no more messages")
    return Outcome("failed", f"the receiver answered {status}", wait_seconds(retry_after, now))


def wait_seconds(retry_after: str, now: int) -> int:
    """Seconds that a Retry-After asks for, at most a day; 0 where it is missing or unreadable."""
    text = retry_after.strip()
    if text.isdecimal() and text.isascii():
        return min(int(text[:9]), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    seconds = (at - datetime.fromtimestamp(now / 1_000_000, tz=UTC)).total_seconds()
    return max(0, min(int(seconds), LONGEST_WAIT))
