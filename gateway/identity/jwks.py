# SPDX-License-Identifier: Apache-2.0
"""Key sets by address: fetched under the rules against server-side request forgery, remembered, refetched once.

An address comes from an agency, so fetching it must not let anybody reach into our own network: https only, no
redirect, no private or special address (the connection goes to the very addresses that were checked, so that a
second answer of the name server changes nothing), a limit on size and on the whole time. An address of a
trusted issuer comes from the operator's settings and may be in a private network.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.identity.keys import MAX_BYTES, KeysRefused, PublicKey, read_jwks

FRESH_S = 300  # seconds a fetched set is used without asking again
STALE_S = 3600  # seconds it is used when its address no longer answers
PAUSE_S = 5  # seconds before an address that failed is asked again
UNKNOWN_KIDS = 16  # further kids asked after within FRESH_S: an unsigned guess must not make us a flood
TIMEOUT_S = 3.0


class AddressRefused(ValueError):  # noqa: N818  named as the condition, as in gateway.errors
    """An address we do not fetch from. The text says what would do."""


class KeySetUnreachable(Exception):  # noqa: N818
    """The key set could not be fetched or read, and no remembered one is young enough."""


def check_address(url: str, *, loopback: bool = False) -> None:
    """Whether a key set may be registered at `url`. `loopback` (a gateway that itself stands on a loopback
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


@dataclass
class _Held:
    """What is remembered of one address; `lock` guards all of it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: dict[str, PublicKey] = field(default_factory=dict)
    fetched_at: float = -1e9
    pause_until: float = -1e9
    window_from: float = -1e9
    unknown: set[str] = field(default_factory=set)


class RemoteKeys:
    """Key sets by address, one memory for the process; for threads. `clock` in seconds, monotonic."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        clock: Callable[[], float] = time.monotonic,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
    ) -> None:
        self._loopback = loopback
        self._clock = clock
        self._resolver = resolver
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def find(self, url: str, kid: str, *, trusted: bool = False) -> PublicKey | None:
        """The key `kid` of the set at `url`, or None when the set as it is now has none. An unknown kid asks the
        address once more. `trusted`: the address is the operator's own. Raises KeySetUnreachable."""
        with self._lock:
            held = self._held.setdefault(url, _Held())
        with held.lock:
            now = self._clock()
            fresh = now - held.fetched_at < FRESH_S
            if fresh and (kid in held.keys or not self._worth_asking(held, kid, now)):
                return held.keys.get(kid)
            if now >= held.pause_until:
                try:
                    held.keys = read_jwks(self._fetch(url, trusted), skip_unusable=True)
                    held.fetched_at = now
                    return held.keys.get(kid)
                except (AddressRefused, KeysRefused, aiohttp.ClientError, OSError, TimeoutError):
                    held.pause_until = self._clock() + PAUSE_S
            if kid in held.keys and now - held.fetched_at < STALE_S:
                return held.keys[kid]
            raise KeySetUnreachable

    def _worth_asking(self, held: _Held, kid: str, now: float) -> bool:
        if now - held.window_from >= FRESH_S:
            held.window_from = now
            held.unknown.clear()
        if kid in held.unknown or len(held.unknown) >= UNKNOWN_KIDS:
            return False
        held.unknown.add(kid)
        return True

    def _fetch(self, url: str, trusted: bool) -> bytes:
        # A loop of its own in a thread of its own: callers are threads, some of which run inside a loop.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, self._get(url, trusted)).result()

    async def _get(self, url: str, trusted: bool) -> bytes:
        if not trusted:
            check_address(url, loopback=self._loopback)
        inner = self._resolver()
        open_to_all = trusted or (self._loopback and is_loopback(urlsplit(url).hostname or ""))
        async with (
            aiohttp.TCPConnector(resolver=inner if open_to_all else _Checked(inner)) as connector,
            aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                auto_decompress=False,
                headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise KeysRefused(f"the address answered {response.status}")
            body = bytearray()
            async for part in response.content.iter_chunked(8192):
                body += part
                if len(body) > MAX_BYTES:
                    raise KeysRefused(f"the key set is larger than {MAX_BYTES} bytes")
            return bytes(body)


class _Checked(AbstractResolver):
    """Gives only public addresses, and none at all when any is not: then the name is not to be trusted."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found or not all(_public(result["host"], default=False) for result in found):
            raise AddressRefused("the name leads to an address of a private network or this machine")
        return found

    async def close(self) -> None:
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
