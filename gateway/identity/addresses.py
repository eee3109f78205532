# SPDX-License-Identifier: Apache-2.0
"""Addresses that agencies give us: which of them we connect to, so that nobody reaches into our own network.

https only, no private or special address, and the connection goes to the very addresses that were checked, so that
a second answer of the name server changes nothing (OWASP API7:2023, server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult


class AddressRefused(ValueError):  # noqa: N818  named as the condition, as in gateway.errors
    """An address we do not connect to. The text says what would do."""


def check_address(url: str, *, loopback: bool = False) -> None:
    """Whether we may be told to connect to `url`. `loopback` (a gateway that itself stands on a loopback
    address, so for development) also takes http there. Raises AddressRefused."""
    parts = urlsplit(url)
    host = parts.hostname
    if not host or parts.username or parts.password or parts.fragment or len(url) > 500:
        raise AddressRefused("expected an absolute address without user, password or fragment")
    if loopback and is_loopback(host) and parts.scheme in {"http", "https"}:
        return
    if parts.scheme != "https":
        raise AddressRefused("expected an https address")
    if is_loopback(host) or not _public(host, default=not _numeric(host)):
        raise AddressRefused("expected a public address, not one of a private network or this machine")


def is_loopback(host: str) -> bool:
    """Whether a host names this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return _unmapped(host).is_loopback
    except ValueError:
        return False


class Checked(AbstractResolver):
    """Gives only public addresses, and none at all when any is not: then the name is not to be trusted."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See aiohttp.abc.AbstractResolver. Raises AddressRefused."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(_public(result["host"], default=False) for result in found):
            raise AddressRefused("the name leads to an address of a private network or this machine")
        return found

    async def close(self) -> None:
        """See aiohttp.abc.AbstractResolver."""
        await self._inner.close()


def _numeric(host: str) -> bool:
    """Whether a name is an IPv4 address in an odd form (`127.1`, `0x7f000001`), which some libraries connect to
    without asking a name server (WHATWG URL §3.5: ends in a number)."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("0x")


def _public(host: str, *, default: bool) -> bool:
    """Whether an address is a global unicast one; `default` for a name."""
    try:
        address = _unmapped(host)
    except ValueError:
        return default
    return address.is_global and not address.is_multicast


def _unmapped(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address, or the IPv4 one that an IPv6 one only wraps (RFC 4291 §2.5.5.2, RFC 6052, RFC 3056)."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if wrapped := address.ipv4_mapped or address.sixtofour:
        return wrapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
