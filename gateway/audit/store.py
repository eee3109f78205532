# SPDX-License-Identifier: Apache-2.0
"""What the sequencer needs of a database: one transaction that holds the log's lock from its first statement.

Two stores, the same bytes: `sqlite.py` and `postgres.py`. Both write many rows with one statement, since on this
path each statement costs more than its rows. Nothing here waits on disk or network without letting the loop go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Head(NamedTuple):
    """Where the log ends: the size of the newest shard, its frontier (`merkle.py`, concatenated) and the signed
    note over them; the shard's year, and the place of its first leaf. A leaf's place, `start` plus its index in its
    shard, numbers all entries of all years."""

    size: int
    frontier: bytes
    checkpoint: str
    year: int
    start: int

    @property
    def end(self) -> int:
        """The place of the next leaf."""
        return self.start + self.size


class Begun(NamedTuple):
    """What a transaction found under the log's lock. `head` is None when the log has not begun; `consent` maps a
    person to the sequence number of their consent ledger (absent: none was decided yet); `changing` are those
    whose ledger another transaction is writing at this moment, so that nothing can be said. `erasures` counts how
    often data keys were deleted or replaced: none that was read before may be used after it moved."""

    head: Head | None
    consent: dict[str, int]
    changing: frozenset[str] = frozenset()
    erasures: int = 0


class EntryRow(NamedTuple):
    """A row of `log.entry`."""

    idx: int
    id: str
    leaf_hash: bytes
    entry: bytes


class PayloadRow(NamedTuple):
    """A row of `log.payload`."""

    idx: int
    actor_key: str | None
    actor: bytes | None
    subject_key: str | None
    subject: bytes | None


class DataKeyRow(NamedTuple):
    """A row of `log.data_key`."""

    id: str
    subject: str
    organisation: str
    retention: str
    wrapped: bytes


class TileRow(NamedTuple):
    """A row of `log.tile`."""

    year: int
    level: int
    n: int
    hashes: bytes
    root: bytes


class ClaimRow(NamedTuple):
    """A row of `log.claim`."""

    key: bytes
    digest: bytes
    query: str
    at_ms: int


class SubjectRow(NamedTuple):
    """A row of `log.subject_entry`."""

    subject: bytes
    organisation: str
    number: int
    idx: int
    type: str
    purpose: str
    at_ms: int


class CountRow(NamedTuple):
    """A row of `log.organisation_count`."""

    organisation: str
    entries: int


class ShardRow(NamedTuple):
    """A row of `log.shard`."""

    year: int
    origin: str
    start: int
    size: int
    checkpoint: str


class Rows(NamedTuple):
    """All that one batch inserts."""

    entries: Sequence[EntryRow]
    payloads: Sequence[PayloadRow]
    data_keys: Sequence[DataKeyRow] = ()
    tiles: Sequence[TileRow] = ()
    claims: Sequence[ClaimRow] = ()
    subjects: Sequence[SubjectRow] = ()
    shards: Sequence[ShardRow] = ()
    counts: Sequence[CountRow] = ()


class Taken(NamedTuple):
    """What is there already: event id → place, and key of a claim → (digest, query)."""

    ids: dict[str, int]
    claims: dict[bytes, tuple[bytes, str]]


class Counted(NamedTuple):
    """How far the numbers have come: (subject, organisation) → the last number, organisation → its count; those
    that are not there have none yet."""

    subjects: dict[tuple[bytes, str], int]
    organisations: dict[str, int]


class StoreError(Exception):
    """The store did not do what it was asked. Nothing was written; or, only if `commit` raised it, that is not
    known."""


class DiskError(StoreError):
    """The disk did not keep what it was told to keep (fsync failed). The kernel reports that once and then calls
    the pages clean, so another try would succeed and be no proof: this process may write no more."""


class DuplicateError(StoreError):
    """An event id, a claim or a data key is already there; nothing was written."""


class Store(Protocol):
    """One connection of one sequencer. Every method but `weakness`, `begin` and `close` is for an open transaction;
    all raise StoreError."""

    async def weakness(self) -> str:
        """Which setting of the server lets it forget what it acknowledged; empty: none. No transaction is open."""
        ...

    async def begin(self, people: Sequence[str]) -> Begun:
        """Open the transaction, take the log's lock, then read the consent heads of `people`, so that none of
        them can move until the transaction ends."""
        ...

    async def taken(self, ids: Sequence[str], claims: Sequence[bytes]) -> Taken:
        """Which of these are there already."""
        ...

    async def counted(self, subjects: Sequence[tuple[bytes, str]], organisations: Sequence[str]) -> Counted:
        """How far these numbers have come."""
        ...

    async def shards(self) -> list[ShardRow]:
        """The shards that are closed, oldest first."""
        ...

    async def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], DataKeyRow]:
        """(subject, organisation, retention) → row, of those that are there already."""
        ...

    async def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Leaf hashes of places start to end, end not included."""
        ...

    async def tile_roots(self, year: int, level: int, start: int, end: int) -> list[bytes]:
        """Roots of the full tiles of a level of a shard with n from start to end, end not included."""
        ...

    async def commit(self, rows: Rows, origin: str, head: Head) -> None:
        """Insert the rows, move the head, and make it durable. Raises DuplicateError."""
        ...

    async def sweep_claims(self, after: bytes, count: int, before_ms: int) -> bytes:
        """Of the `count` claims whose keys follow `after`, forget those older than `before_ms`; gives the last key
        looked at, empty at the end of the table."""
        ...

    async def rollback(self) -> None:
        """Give up the transaction, if one is open; never raises."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
