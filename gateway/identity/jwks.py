# SPDX-License-Identifier: Apache-2.0
"""Key sets by address: fetched under the rules against server-side request forgery, remembered, refetched once.

An address comes from an agency, so fetching it must not let anybody reach into our own network: https only, no
redirect, no private or special address (the connection goes to the very addresses that were checked, so that a
second answer of the name server changes nothing), a limit on size and on the whole time. An address of a
trusted issuer comes from the operator's settings and may be in a private network.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from gateway.identity.addresses import AddressRefused, Checked, check_address, is_loopback
from gateway.identity.keys import MAX_BYTES, KeysRefused, PublicKey, read_jwks

FRESH_S = 300  # seconds a fetched set is used without asking again
STALE_S = 3600  # seconds it is used when its address no longer answers
PAUSE_S = 5  # seconds before an address that failed is asked again
UNKNOWN_KIDS = 16  # further kids asked after within FRESH_S: an unsigned guess must not make us a flood
TIMEOUT_S = 3.0


class KeySetUnreachable(Exception):  # noqa: N818
    """The key set could not be fetched or read, and no remembered one is young enough."""


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
            aiohttp.TCPConnector(resolver=inner if open_to_all else Checked(inner)) as connector,
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
