# SPDX-License-Identifier: Apache-2.0
"""Where a log is read, as C2SP tlog-tiles lays it out: a folder, or a server."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from .notes import Finding
from .trees import Tree

TIMEOUT_S = 30
Get = Callable[[str], bytes | None]
"""Path after the log's address → content; None when it is not there, or not for us."""


class Place:
    """A folder, or a server over one connection."""

    def __init__(self, source: str, token: str) -> None:
        parsed = urllib.parse.urlsplit(source)
        kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(parsed.scheme)
        self._server = kind(parsed.netloc, timeout=TIMEOUT_S) if kind else None
        self._prefix = parsed.path.rstrip("/") if kind else source
        self._token = token

    def get(self, name: str) -> bytes | None:
        """The content, None when it is not there or not for us."""
        if self._server is None:
            file = Path(self._prefix, name)
            return file.read_bytes() if file.is_file() else None
        headers = {"Authorization": f"Bearer {self._token}"} if self._token and "/entries/" in name else {}
        try:
            self._server.request("GET", f"{self._prefix}/{name}", headers=headers)
            reply = self._server.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Finding(f"{name}: could not be read ({type(error).__name__})") from None
        if reply.status not in {200, 401, 403, 404}:
            raise Finding(f"{name}: answered with status {reply.status}")
        return body if reply.status == 200 else None

    def close(self) -> None:
        """Close the connection."""
        if self._server is not None:
            self._server.close()


def tile(get: Get, level: str, n: int, width: int) -> tuple[bytes, int] | None:
    """A tile or bundle and its width, None when there is none. Once it is full its partial forms may be gone: then
    the full one serves."""
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03d}")
    full = f"tile/{level}/{'/'.join(reversed(groups))}"
    if width < 256 and (found := get(f"{full}.p/{width}")) is not None:
        return found, width
    found = get(full)
    return None if found is None else (found, 256)


def hashes(get: Get, level: int, n: int, width: int) -> list[bytes]:
    """The hashes of a tile. Raises Finding."""
    found = tile(get, str(level), n, width)
    if found is None or len(found[0]) != 32 * found[1]:
        raise Finding(f"tile level {level} number {n}: missing, or not {width} hashes")
    return [found[0][at : at + 32] for at in range(0, width * 32, 32)]


def entries(get: Get, n: int, width: int) -> list[bytes] | None:
    """The entries of a bundle; None when it is not there, or not for us. Raises Finding."""
    found = tile(get, "entries", n, width)
    if found is None:
        return None
    bundle, full = found
    read, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        read.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(read) != full:
        raise Finding(f"entry bundle {n}: not {full} entries")
    return read[:width]


class Subtrees:
    """Roots of full subtrees of a log of `size` (a trees.Read), made from its tiles, each read once."""

    def __init__(self, get: Get, size: int) -> None:
        self._get, self._size = get, size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._roots: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, n: int) -> bytes:
        """The root of the n-th full subtree of 2**level leaves. Raises Finding."""
        if (level, n) not in self._roots:
            height, inside = divmod(level, 8)
            number, offset = divmod(n << inside, 256)
            if (height, number) not in self._tiles:
                width = min(256, (self._size >> 8 * height) - number * 256)
                self._tiles[height, number] = hashes(self._get, height, number, width)
            mine = self._tiles[height, number][offset : offset + (1 << inside)]
            self._roots[level, n] = Tree().add(mine).root()
        return self._roots[level, n]
