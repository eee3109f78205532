# SPDX-License-Identifier: Apache-2.0
"""The log's store on SQLite: `log.db` is the main file here, `commons.db` is attached for reading only.

BEGIN IMMEDIATE takes the write lock of `log.db`, and only then opens the read of `commons.db`. A change of
consent takes the same lock (`gateway.db.write`), so what is read here holds until our commit.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.audit.store import ClaimRow, DuplicateError, Head, Rows, StoreError

_CHUNK = 64  # rows a statement: few statement texts, and far from SQLite's limit of parameters
_Row = TypeVar("_Row", bound=tuple[Any, ...])


class SqliteStore:
    """See Store."""

    def __init__(self, log: Path, commons: Path) -> None:
        self._connection = sqlite3.connect(
            log, isolation_level=None, check_same_thread=False, timeout=2, cached_statements=512, uri=True
        )
        self._run = self._connection.execute
        self._run("PRAGMA journal_mode=WAL")
        self._run("PRAGMA synchronous=FULL")
        self._run("ATTACH DATABASE ? AS commons", (f"{commons.absolute().as_uri()}?mode=ro",))

    def begin(self) -> Head | None:
        """See Store."""
        self._all("BEGIN IMMEDIATE")
        row = self._one("SELECT size, frontier, checkpoint FROM head WHERE id = 1")
        return Head(*row) if row else None

    def consent_heads(self, people: Sequence[str]) -> dict[str, int]:
        """See Store. One row comes back, not one a person: each row read lets go of the interpreter."""
        row = self._one(
            "SELECT json_group_object(person, seq) FROM commons.consent_head WHERE person IN "
            f"({_marks(len(people))})",
            *people,
        )
        heads: dict[str, int] = json.loads(row[0]) if row else {}
        return heads

    def claims(self, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], tuple[bytes, str]]:
        """See Store."""
        found = self._all(
            f"WITH wanted(s, k) AS (VALUES {_rows(2, len(wanted))}) SELECT system, key, digest, query FROM wanted "
            "CROSS JOIN claim ON system = s AND key = k",  # in this order: IN (VALUES …) would scan the table
            *(value for pair in wanted for value in pair),
        )
        return {(system, key): (digest, query) for system, key, digest, query in found}

    def indices(self, ids: Sequence[str]) -> dict[str, int]:
        """See Store."""
        return dict(self._all(f"SELECT id, idx FROM entry WHERE id IN ({_marks(len(ids))})", *ids))

    def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[str, bytes]]:
        """See Store."""
        found = self._all(
            f"WITH wanted(s, o, r) AS (VALUES {_rows(3, len(names))}) SELECT subject, organisation, retention, id, "
            "wrapped FROM wanted CROSS JOIN data_key ON subject = s AND organisation = o AND retention = r",
            *(value for name in names for value in name),
        )
        return {(subject, org, retention): (id, wrapped) for subject, org, retention, id, wrapped in found}

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """See Store."""
        return [
            row[0]
            for row in self._all("SELECT leaf_hash FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx", start, end)
        ]

    def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT root FROM tile WHERE level = ? AND n >= ? AND n < ? ORDER BY n"
        return [row[0] for row in self._all(sql, level, start, end)]

    def insert(self, rows: Rows) -> None:
        """See Store."""
        self._insert("entry", 4, rows.entries)
        self._insert("payload", 4, rows.payloads)
        self._insert("data_key", 5, rows.data_keys)
        self._insert("tile", 4, rows.tiles)
        self._insert("claim", len(ClaimRow._fields), rows.claims)

    def advance(self, origin: str, head: Head) -> None:
        """See Store."""
        self._one(
            "INSERT INTO head (id, origin, size, frontier, checkpoint) VALUES (1, ?, ?, ?, ?) ON CONFLICT (id) DO "
            "UPDATE SET size = excluded.size, frontier = excluded.frontier, checkpoint = excluded.checkpoint",
            origin,
            *head,
        )

    def commit(self) -> None:
        """See Store."""
        self._all("COMMIT")

    def rollback(self) -> None:
        """See Store."""
        if self._connection.in_transaction:
            self._all("ROLLBACK")

    def close(self) -> None:
        """See Store."""
        self._connection.close()

    def _insert(self, table: str, columns: int, rows: Sequence[tuple[Any, ...]]) -> None:
        for chunk in _chunks(rows):
            self._one(
                f"INSERT INTO {table} VALUES {_rows(columns, len(chunk))}", *(v for row in chunk for v in row)
            )

    def _one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        found = self._all(sql, *values)
        return found[0] if found else None

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._run(sql, values).fetchall()
        except sqlite3.IntegrityError as error:
            raise DuplicateError from error
        except sqlite3.Error as error:
            raise StoreError from error


def _chunks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK))


@functools.cache
def _marks(count: int) -> str:
    return ",".join("?" * count)


@functools.cache
def _rows(columns: int, count: int) -> str:
    return ",".join([f"({_marks(columns)})"] * count)
