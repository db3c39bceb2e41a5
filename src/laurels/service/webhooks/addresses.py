"""Which addresses a webhook may call.

Whoever names an endpoint would otherwise make this server ask others in its own network: a cloud's
metadata, a database. So a name is resolved, every address that it has must be public, and the
connection goes to the address that was checked, not to what the name says a moment later.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from laurels.base.errors import RequestError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Prefixes that wrap an IPv4 address for translators, which would unwrap a private one.
NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a message goes: the name for the certificate and the Host header, and the address."""

    url: str
    host: str
    address: Address


def networks(text: str) -> tuple[Network, ...]:
    """Networks that are allowed though they are not public: `10.1.0.0/16, 127.0.0.1/32`.

    Raises: RequestError, code webhook-network
    """
    try:
        return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise RequestError(
            "webhook-network", f"no network: {error}", expected="such as 10.1.0.0/16"
        ) from None


def check_url(url: str, allowed: Iterable[Network] = ()) -> str:
    """A URL that may be an endpoint's, before its name is resolved.

    Raises: RequestError, code webhook-url
    """
    parts = urlsplit(url)
    wrong = ""
    try:
        _ = parts.port
    except ValueError:
        wrong = "its port is no port"
    if parts.scheme != "https" and not (parts.scheme == "http" and any(True for _ in allowed)):
        wrong = "it is not https"
    elif not parts.hostname:
        wrong = "it names no host"
    elif parts.username or parts.password:
        wrong = "it holds a password: the signature says who sends"
    elif parts.fragment:
        wrong = "it has a fragment"
    elif len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        wrong = "it is not plain ASCII of at most 2000 characters"
    if wrong:
        raise RequestError(
            "webhook-url", wrong, where="url", expected="such as https://example.com/laurels"
        )
    return url


async def resolve(url: str, allowed: tuple[Network, ...] = ()) -> Target:
    """The address to call.

    Raises: RequestError, codes webhook-url, webhook-address
    """
    parts = urlsplit(check_url(url, allowed))
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RequestError("webhook-address", f"{host} has no address: {error}") from None
    addresses = [ipaddress.ip_address(each[4][0]) for each in found]
    for address in addresses:
        inside = any(address in network for network in allowed)
        if not inside and not is_public(address):
            raise RequestError(
                "webhook-address",
                f"{host} leads to {address}, which is not a public address",
                where="url",
                hint="the setting LAURELS_WEBHOOK_NETWORKS names networks of yours to allow",
            )
        if not inside and parts.scheme != "https":
            raise RequestError("webhook-url", "it is not https", where="url")
    return Target(url, host, addresses[0])


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, wrapped addresses unwrapped."""
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in NAT64):
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None and not is_public(inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
