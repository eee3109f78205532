# SPDX-License-Identifier: Apache-2.0
"""The log in yearly shards: each a log of its own by C2SP, chained to the one before.

The origin of a shard is the log's name and the year, `gateway.example/log/2026`. The last entry of a shard says
which one follows (`log.closed`); the first of the next holds the final checkpoint of the one before
(`log.continued`). So whoever trusts the newest checkpoint can check all years, and no tree grows for ever.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable

import uuid_utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from gateway.audit.checkpoint import Signer
from gateway.audit.events import Entry

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""


class Shard(Struct, frozen=True):
    """One year of the log. `start` is the place of its first leaf among all entries of all years; `size` and
    `checkpoint` are final once it is closed."""

    year: int
    origin: str
    start: int
    size: int
    checkpoint: str


UNNAMED = 0
"""The year of a log that began before logs had shards: its origin has none, and the next shard follows it."""


def origin(name: str, year: int) -> str:
    """The origin of one year of the log of this name."""
    return f"{name}/{year}" if year != UNNAMED else name


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def this_year(name: str) -> str:
    """The origin of this year's shard."""
    return origin(name, year_of(now_ms()))


def year_of(at_ms: int) -> int:
    """The calendar year (UTC) of an instant in milliseconds since 1970."""
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).year


class Signers:
    """One key signs all years; each year's signer has its own origin."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self._key = key
        self._signers: dict[int, Signer] = {}

    def of(self, year: int) -> Signer:
        """The signer of one year."""
        if year not in self._signers:
            self._signers[year] = Signer(origin(self.name, year), self._key)
        return self._signers[year]


def started(origin: str, at_ms: int) -> Entry:
    """The first entry of the first shard."""
    return _entry("log.started", at_ms, origin)


def closed(next_origin: str, at_ms: int) -> Entry:
    """The last entry of a shard: which one follows."""
    return _entry("log.closed", at_ms, next_origin)


def continued(origin: str, at_ms: int, final_checkpoint: str) -> Entry:
    """The first entry of a shard that follows another: the final checkpoint of that one."""
    return _entry("log.continued", at_ms, origin, final_checkpoint)


def _entry(kind: str, at_ms: int, service: str, previous: str = "") -> Entry:
    return Entry(str(uuid_utils.uuid7()), kind, at_ms, "", service, "", "", "", 0, {}, previous=previous)
