# SPDX-License-Identifier: Apache-2.0
"""The log's store on PostgreSQL: the head's row is locked FOR UPDATE, so that any number of hosts take turns;
consent heads are read FOR SHARE, against which a change of consent takes FOR UPDATE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from gateway.audit.store import DuplicateError, Head, Rows, StoreError

_INSERTS = {
    "entry": ("bigint", "text", "bytea", "bytea"),
    "payload": ("bigint", "text", "text", "bytea"),
    "data_key": ("text", "text", "text", "text", "bytea"),
    "tile": ("int", "bigint", "bytea", "bytea"),
    "claim": ("text", "bytea", "bytea", "text", "bigint"),
}


def _insert_sql(table: str, types: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    return f"INSERT INTO log.{table} SELECT * FROM unnest({arrays})"  # noqa: S608  names of our own tables


class PostgresStore:
    """See Store. A connection that broke is made anew at the next batch."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[TupleRow] | None = None
        self._sql = {table: _insert_sql(table, types) for table, types in _INSERTS.items()}

    def begin(self) -> Head | None:
        """See Store."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=2)
                self._connection.prepare_threshold = 1
                self._connection.execute("SET statement_timeout = '2s'; SET lock_timeout = '2s'")
                self._connection.execute("SET synchronous_commit = on")
        except psycopg.Error as error:
            raise StoreError from error
        self._all("BEGIN")
        rows = self._all("SELECT size, frontier, checkpoint FROM log.head WHERE id = 1 FOR UPDATE")
        if not rows:
            # Nothing to lock yet: of two gateways that begin one log, the second waits here, then looks again.
            self._all("SELECT pg_advisory_xact_lock(hashtext('log.head'))")
            rows = self._all("SELECT size, frontier, checkpoint FROM log.head WHERE id = 1 FOR UPDATE")
        return Head(rows[0][0], bytes(rows[0][1]), rows[0][2]) if rows else None

    def consent_heads(self, people: Sequence[str]) -> dict[str, int]:
        """See Store."""
        sql = "SELECT person, seq FROM consent_head WHERE person = ANY(%s) ORDER BY person FOR SHARE"
        return dict(self._all(sql, list(people)))

    def claims(self, wanted: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], tuple[bytes, str]]:
        """See Store."""
        rows = self._all(
            "SELECT c.system, c.key, c.digest, c.query FROM log.claim c JOIN unnest(%s::text[], %s::bytea[]) "
            "AS w(system, key) ON c.system = w.system AND c.key = w.key",
            *_columns(wanted, 2),
        )
        return {(system, bytes(key)): (bytes(digest), query) for system, key, digest, query in rows}

    def indices(self, ids: Sequence[str]) -> dict[str, int]:
        """See Store."""
        return dict(self._all("SELECT id, idx FROM log.entry WHERE id = ANY(%s)", list(ids)))

    def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], tuple[str, bytes]]:
        """See Store."""
        rows = self._all(
            "SELECT k.subject, k.organisation, k.retention, k.id, k.wrapped FROM log.data_key k "
            "JOIN unnest(%s::text[], %s::text[], %s::text[]) AS w(s, o, r) "
            "ON k.subject = w.s AND k.organisation = w.o AND k.retention = w.r",
            *_columns(names, 3),
        )
        return {(subject, org, retention): (id, bytes(wrapped)) for subject, org, retention, id, wrapped in rows}

    def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """See Store."""
        rows = self._all("SELECT leaf_hash FROM log.entry WHERE idx >= %s AND idx < %s ORDER BY idx", start, end)
        return [bytes(row[0]) for row in rows]

    def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT root FROM log.tile WHERE level = %s AND n >= %s AND n < %s ORDER BY n"
        return [bytes(row[0]) for row in self._all(sql, level, start, end)]

    def insert(self, rows: Rows) -> None:
        """See Store."""
        tables = {
            "entry": rows.entries,
            "payload": rows.payloads,
            "data_key": rows.data_keys,
            "tile": rows.tiles,
            "claim": rows.claims,
        }
        for table, found in tables.items():
            if found:
                self._all(self._sql[table], *_columns(found, len(_INSERTS[table])))

    def advance(self, origin: str, head: Head) -> None:
        """See Store."""
        self._all(
            "INSERT INTO log.head (id, origin, size, frontier, checkpoint) VALUES (1, %s, %s, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier, "
            "checkpoint = excluded.checkpoint",
            origin,
            *head,
        )

    def commit(self) -> None:
        """See Store."""
        self._all("COMMIT")

    def rollback(self) -> None:
        """See Store."""
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                self._connection.close()  # the server ends what a lost connection had begun

    def close(self) -> None:
        """See Store."""
        if self._connection is not None:
            self._connection.close()

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            raise StoreError
        try:
            cursor = self._connection.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []
        except errors.UniqueViolation as error:
            raise DuplicateError from error
        except psycopg.Error as error:
            raise StoreError from error


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[n] for row in rows] for n in range(count)]
