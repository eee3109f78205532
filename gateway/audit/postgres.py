# SPDX-License-Identifier: Apache-2.0
"""The log's store on PostgreSQL: the head's row is locked FOR UPDATE, so that any number of hosts take turns;
consent heads are read FOR SHARE, against which a change of consent takes FOR UPDATE.

A transaction is two round trips, each a pipeline: lock and look, then write and commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncCursor, errors
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from gateway.audit.store import Begun, DataKeyRow, DuplicateError, Head, Rows, StoreError, Taken

T = TypeVar("T")

_COLUMNS = {
    "entry": ("bigint", "text", "bytea", "bytea"),
    "payload": ("bigint", "text", "bytea", "text", "bytea"),
    "data_key": ("text", "text", "text", "text", "bytea"),
    "tile": ("int", "bigint", "bytea", "bytea"),
    "claim": ("text", "bytea", "bytea", "text", "bigint"),
}


def _insert_sql(table: str, types: Sequence[str]) -> str:
    arrays = ", ".join(f"%b::{kind}[]" for kind in types)
    return f"INSERT INTO log.{table} SELECT * FROM unnest({arrays})"  # noqa: S608  names of our own tables


_INSERT = {table: _insert_sql(table, types) for table, types in _COLUMNS.items()}
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement must see what was committed before it
_LOCK = "SELECT size, frontier, checkpoint FROM log.head WHERE id = 1 FOR UPDATE"
_CONSENT = "SELECT person, seq FROM consent_head WHERE person = ANY(%b) FOR SHARE SKIP LOCKED"
_ADVANCE = (
    "INSERT INTO log.head (id, origin, size, frontier, checkpoint) VALUES (1, %b, %b, %b, %b) ON CONFLICT (id) "
    "DO UPDATE SET size = excluded.size, frontier = excluded.frontier, checkpoint = excluded.checkpoint"
)


class PostgresStore:
    """See Store. A connection that broke is made anew at the next batch."""

    def __init__(self, dsn: str, deadline_ms: int) -> None:
        self._dsn = dsn
        self._deadline_ms = deadline_ms
        self._connection: AsyncConnection[TupleRow] | None = None

    async def begin(self, people: Sequence[str]) -> Begun:
        """See Store. A person whose head another transaction holds does not hold up the others."""
        return await self._tell(self._begin(sorted(people)))

    async def _begin(self, people: list[str]) -> Begun:
        connection = await self._connected()
        async with connection.pipeline():
            await connection.execute(_BEGIN)
            locked = await self._execute(_LOCK)
            found = await self._execute(_CONSENT, people) if people else None
        rows = await locked.fetchall()
        if not rows:
            # Nothing to lock yet: of two gateways that begin one log, the second waits here, then looks again.
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('log.head'))")
            rows = await (await self._execute(_LOCK)).fetchall()
        consent: dict[str, int] = dict(await found.fetchall()) if found else {}
        absent = [person for person in people if person not in consent]
        changing = frozenset[str]()
        if absent:
            sql = "SELECT person FROM consent_head WHERE person = ANY(%b)"
            changing = frozenset(row[0] for row in await (await self._execute(sql, absent)).fetchall())
        return Begun(Head(*rows[0]) if rows else None, consent, changing)

    async def taken(self, ids: Sequence[str], claims: Sequence[tuple[str, bytes]]) -> Taken:
        """See Store."""
        indices = await self._all("SELECT id, idx FROM log.entry WHERE id = ANY(%b)", list(ids))
        found = await self._all(
            "SELECT c.system, c.key, c.digest, c.query FROM log.claim c JOIN unnest(%b::text[], %b::bytea[]) "
            "AS w(system, key) ON c.system = w.system AND c.key = w.key",
            *_columns(claims, 2),
        )
        return Taken(dict(indices), {(system, key): (digest, query) for system, key, digest, query in found})

    async def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], DataKeyRow]:
        """See Store."""
        found = await self._all(
            "SELECT k.id, k.subject, k.organisation, k.retention, k.wrapped FROM log.data_key k "
            "JOIN unnest(%b::text[], %b::text[], %b::text[]) AS w(s, o, r) "
            "ON k.subject = w.s AND k.organisation = w.o AND k.retention = w.r",
            *_columns(names, 3),
        )
        rows = [DataKeyRow(*row) for row in found]
        return {(row.subject, row.organisation, row.retention): row for row in rows}

    async def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT leaf_hash FROM log.entry WHERE idx >= %b AND idx < %b ORDER BY idx"
        return [row[0] for row in await self._all(sql, start, end)]

    async def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT root FROM log.tile WHERE level = %b AND n >= %b AND n < %b ORDER BY n"
        return [row[0] for row in await self._all(sql, level, start, end)]

    async def commit(self, rows: Rows, origin: str, head: Head) -> None:
        """See Store."""
        await self._tell(self._commit(rows, origin, head))

    async def _commit(self, rows: Rows, origin: str, head: Head) -> None:
        if self._connection is None:
            raise StoreError
        tables = (rows.entries, rows.payloads, rows.data_keys, rows.tiles, rows.claims)
        async with self._connection.pipeline():
            for (table, types), found in zip(_COLUMNS.items(), tables, strict=True):
                if found:
                    await self._execute(_INSERT[table], *_columns(found, len(types)))
            await self._execute(_ADVANCE, origin, *head)
            await self._connection.execute("COMMIT")

    async def rollback(self) -> None:
        """See Store."""
        connection = self._connection
        if connection is None or connection.info.transaction_status == TransactionStatus.IDLE:
            return
        try:
            await connection.execute("ROLLBACK", prepare=False)  # it makes psycopg forget what was prepared
        except psycopg.Error:
            await self.close()  # the server ends what a lost connection had begun

    async def close(self) -> None:
        """See Store."""
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                await self._connection.close()

    async def _connected(self) -> AsyncConnection[TupleRow]:
        if self._connection is None or self._connection.closed:
            connection = await AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=2)
            self._connection = connection
            connection.prepare_threshold = 1
            for setting in ("statement_timeout", "lock_timeout"):
                await connection.execute(f"SET {setting} = {self._deadline_ms}")
            await connection.execute("SET synchronous_commit = on")
        return self._connection

    async def _execute(self, sql: str, *values: Any) -> AsyncCursor[TupleRow]:
        if self._connection is None:
            raise StoreError
        return await self._connection.cursor(binary=True).execute(sql, values)

    async def _all(self, sql: str, *values: Any) -> list[Any]:
        async def fetched() -> list[Any]:
            return await (await self._execute(sql, *values)).fetchall()

        return await self._tell(fetched())

    async def _tell(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except errors.UniqueViolation as error:
            raise DuplicateError from error
        except psycopg.Error as error:
            raise StoreError from error


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]
