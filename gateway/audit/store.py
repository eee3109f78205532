# SPDX-License-Identifier: Apache-2.0
"""What the sequencer needs of a database: one transaction that holds the log's lock from its first statement.

Two stores, the same bytes: `sqlite.py` speaks to the driver, `postgres.py` to psycopg. Both write many rows with
one statement, since on this path each statement costs more than its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Head(NamedTuple):
    """Where the log ends."""

    size: int
    frontier: bytes
    checkpoint: str


class ClaimRow(NamedTuple):
    """A row of `log.claim`."""

    system: str
    key: bytes
    digest: bytes
    query: str
    at_ms: int


class Rows(NamedTuple):
    """All that one batch inserts, in the order of the tables' columns."""

    entries: Sequence[tuple[int, str, bytes, bytes]]
    payloads: Sequence[tuple[int, str, str, bytes]]
    data_keys: Sequence[tuple[str, str, str, str, bytes]]
    tiles: Sequence[tuple[int, int, bytes, bytes]]
    claims: Sequence[ClaimRow]


class StoreError(Exception):
    """The store did not do what it was asked; the transaction is over and nothing of it was written, or (only if
    `commit` failed) it is not known whether it was."""


class DuplicateError(StoreError):
    """An event id or a data key is already there; nothing was written."""


class Store(Protocol):
    """One connection of one sequencer, used from one thread."""

    def begin(self) -> Head | None:
        """Open the transaction and take the log's lock; None when the log has not begun."""
        ...

    def consent_heads(self, people: Sequence[str]) -> dict[str, int]:
        """The consent sequence numbers, read under the lock that a withdrawal must take; who has none is absent."""
        ...

    def claims(self, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], tuple[bytes, str]]:
        """(system, key) → (digest, query) of those that are already there."""
        ...

    def indices(self, ids: Sequence[str]) -> dict[str, int]:
        """Event id → index of those that are already there."""
        ...

    def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[str, bytes]]:
        """(subject, organisation, retention) → (id, wrapped key) of those that are already there."""
        ...

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """Leaf hashes of indices start to end, end not included."""
        ...

    def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """Roots of the full tiles of a level with n from start to end, end not included."""
        ...

    def insert(self, rows: Rows) -> None:
        """Insert. Raises DuplicateError."""
        ...

    def advance(self, origin: str, head: Head) -> None:
        """Move the head, or write the first one."""
        ...

    def commit(self) -> None:
        """Make it durable."""
        ...

    def rollback(self) -> None:
        """Give up the transaction, if one is open."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
