# SPDX-License-Identifier: Apache-2.0
"""One delivery over HTTP, under the rules against server-side request forgery: to a registered address only, which
is checked again; to the network addresses that were checked; without redirects; what comes back is not read.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from gateway.identity.addresses import AddressRefused, Checked, check_address, is_loopback

TIMEOUT_S = 10.0
"""For the whole delivery; a receiver answers first and works afterwards."""


class Post:
    """Sends notices. Belongs to one event loop. `loopback`: this gateway stands on a loopback address itself, so
    for development; `tls` takes the place of the system's trusted roots."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        tls: ssl.SSLContext | None = None,
        resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._loopback = loopback
        self._outside = _session(aiohttp.TCPConnector(resolver=Checked(resolver()), ssl=tls or True), timeout_s)
        self._inside = _session(aiohttp.TCPConnector(), timeout_s)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The HTTP status that `url` answered with, 0 when it did not or may not be asked."""
        session = self._outside
        if self._loopback and is_loopback(urlsplit(url).hostname or ""):
            session = self._inside
        try:
            check_address(url, loopback=self._loopback)
            sent = {"Content-Type": "application/json", "User-Agent": "commons-gateway", **headers}
            async with session.post(url, data=body, headers=sent, allow_redirects=False) as response:
                status = response.status
                response.close()
                return status
        except (AddressRefused, aiohttp.ClientError, OSError, TimeoutError):
            return 0

    async def close(self) -> None:
        """Close what was opened."""
        await self._outside.close()
        await self._inside.close()


def _session(connector: aiohttp.TCPConnector, timeout_s: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
