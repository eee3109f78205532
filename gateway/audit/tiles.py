# SPDX-License-Identifier: Apache-2.0
"""Paths and arithmetic of C2SP tlog-tiles: a tile is up to 256 hashes of one level, eight tree levels apart."""

from __future__ import annotations

import re
from typing import NamedTuple

WIDTH = 256
HEIGHT = 8
_PATH = re.compile(r"(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
ENTRIES = -1
"""The level of an entry bundle in a TilePath."""


class TilePath(NamedTuple):
    """Which tile: `level` 0 to 63 (ENTRIES for a bundle), `n` from 0, `width` 1 to 256 hashes."""

    level: int
    n: int
    width: int


def path(level: int, n: int, width: int = WIDTH) -> str:
    """The path after `tile/`, e.g. `0/x001/x234/067` or `entries/000.p/17`."""
    name = "entries" if level == ENTRIES else str(level)
    partial = "" if width == WIDTH else f".p/{width}"
    return f"{name}/{number(n)}{partial}"


def number(n: int) -> str:
    """Groups of three digits, all but the last with an x before them."""
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03d}")
    return "/".join(reversed(groups))


def parse(text: str) -> TilePath | None:
    """Read a path after `tile/`; None when it is not exactly of the form that `path` writes."""
    match = _PATH.fullmatch(text)
    if match is None:
        return None
    level = ENTRIES if match[1] == "entries" else int(match[1])
    n = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or WIDTH)
    found = TilePath(level, n, width)
    return found if level < 64 and path(*found) == text else None


def width_at(level: int, n: int, size: int) -> int:
    """How many hashes tile (level, n) has in a tree of `size` leaves: 0 to 256. A bundle is as a level 0 tile."""
    return max(0, min(WIDTH, (size >> HEIGHT * max(level, 0)) - n * WIDTH))


def bundle(entries: list[bytes]) -> bytes:
    """An entry bundle: each entry with its length before it (uint16, big-endian)."""
    return b"".join([len(entry).to_bytes(2, "big") + entry for entry in entries])
