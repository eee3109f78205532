# SPDX-License-Identifier: Apache-2.0
"""The log's store on PostgreSQL: the head's row is locked FOR UPDATE, so that any number of hosts take turns;
consent heads are read FOR SHARE, against which a change of consent takes FOR UPDATE.

A transaction is two round trips: lock and look, then write and commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from gateway.audit.libpq import Call, Lane, bigint, bigints, byteas, ints, number, texts
from gateway.audit.store import Begun, DataKeyRow, Head, Rows, StoreError, Taken

_INSERTS: dict[str, tuple[tuple[str, Callable[[Sequence[Any]], bytes]], ...]] = {
    "entry": (("bigint", bigints), ("text", texts), ("bytea", byteas), ("bytea", byteas)),
    "payload": (("bigint", bigints), ("text", texts), ("bytea", byteas), ("text", texts), ("bytea", byteas)),
    "data_key": (("text", texts), ("text", texts), ("text", texts), ("text", texts), ("bytea", byteas)),
    "tile": (("int", ints), ("bigint", bigints), ("bytea", byteas), ("bytea", byteas)),
    "claim": (("text", texts), ("bytea", byteas), ("bytea", byteas), ("text", texts), ("bigint", bigints)),
}


def _insert_sql(table: str, types: Sequence[str]) -> str:
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types, 1))
    return f"INSERT INTO log.{table} SELECT * FROM unnest({arrays})"  # noqa: S608  names of our own tables


_INSERT = {table: _insert_sql(table, [kind for kind, _ in columns]) for table, columns in _INSERTS.items()}
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement must see what was committed before it
_LOCK = "SELECT size, frontier, checkpoint, erasures FROM log.head WHERE id = 1 FOR UPDATE"
_LOCK_NOTHING = "SELECT pg_advisory_xact_lock(hashtext('log.head'))"
_CONSENT = "SELECT person, seq FROM consent_head WHERE person = ANY($1::text[]) FOR SHARE SKIP LOCKED"
_PEOPLE = "SELECT person FROM consent_head WHERE person = ANY($1::text[])"
_INDICES = "SELECT id, idx FROM log.entry WHERE id = ANY($1::text[])"
_CLAIMS = (
    "SELECT c.system, c.key, c.digest, c.query FROM log.claim c JOIN unnest($1::text[], $2::bytea[]) "
    "AS w(system, key) ON c.system = w.system AND c.key = w.key"
)
_DATA_KEYS = (
    "SELECT k.id, k.subject, k.organisation, k.retention, k.wrapped FROM log.data_key k "
    "JOIN unnest($1::text[], $2::text[], $3::text[]) AS w(s, o, r) "
    "ON k.subject = w.s AND k.organisation = w.o AND k.retention = w.r"
)
_LEAVES = "SELECT leaf_hash FROM log.entry WHERE idx >= $1::bigint AND idx < $2::bigint ORDER BY idx"
_ROOTS = "SELECT root FROM log.tile WHERE level = $1::bigint AND n >= $2::bigint AND n < $3::bigint ORDER BY n"
_ADVANCE = (
    "INSERT INTO log.head (id, origin, size, frontier, checkpoint) VALUES (1, $1::text, $2::bigint, $3::bytea, "
    "$4::text) ON CONFLICT (id) DO UPDATE SET size = excluded.size, frontier = excluded.frontier, "
    "checkpoint = excluded.checkpoint"
)


class PostgresStore:
    """See Store. A connection that broke is made anew at the next batch."""

    def __init__(self, dsn: str, deadline_ms: int) -> None:
        self._dsn = dsn
        self._timeout_s = deadline_ms / 1000
        self._settings = (
            f"SET statement_timeout = {deadline_ms}; SET lock_timeout = {deadline_ms}; SET synchronous_commit = on"
        )
        self._lane: Lane | None = None
        self._inside = False  # a transaction is open, or may be

    async def begin(self, people: Sequence[str]) -> Begun:
        """See Store. A person whose head another transaction holds does not hold up the others."""
        if self._lane is None or not self._lane.open:
            self._lane = await Lane.dial(self._dsn, self._settings)
        self._inside = True
        look: list[Call] = [(_CONSENT, (texts(people),)), (_PEOPLE, (texts(people),))] if people else []
        _, heads, *found = await self._run((_BEGIN, ()), (_LOCK, ()), *look)
        if not heads:
            # Nothing to lock yet: of two gateways that begin one log, the second waits here, then looks again.
            _, heads = await self._run((_LOCK_NOTHING, ()), (_LOCK, ()))
        consent, changing = {}, frozenset[str]()
        if found:
            consent = {person.decode(): number(seq) for person, seq in found[0]}
            changing = frozenset(person.decode() for (person,) in found[1]) - consent.keys()
        if not heads:
            return Begun(None, consent, changing)
        size, frontier, checkpoint, erasures = heads[0]
        return Begun(Head(number(size), frontier, checkpoint.decode()), consent, changing, number(erasures))

    async def taken(self, ids: Sequence[str], claims: Sequence[tuple[str, bytes]]) -> Taken:
        """See Store."""
        systems, keys = [system for system, _ in claims], [key for _, key in claims]
        indices, found = await self._run((_INDICES, (texts(ids),)), (_CLAIMS, (texts(systems), byteas(keys))))
        return Taken(
            {id_.decode(): number(index) for id_, index in indices},
            {(system.decode(), key): (digest, query.decode()) for system, key, digest, query in found},
        )

    async def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], DataKeyRow]:
        """See Store."""
        (found,) = await self._run((_DATA_KEYS, [texts(column) for column in zip(*names, strict=True)]))
        rows = [
            DataKeyRow(id_.decode(), subject.decode(), organisation.decode(), retention.decode(), wrapped)
            for id_, subject, organisation, retention, wrapped in found
        ]
        return {(row.subject, row.organisation, row.retention): row for row in rows}

    async def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """See Store."""
        (rows,) = await self._run((_LEAVES, (bigint(start), bigint(end))))
        return [leaf_hash for (leaf_hash,) in rows]

    async def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        (rows,) = await self._run((_ROOTS, (bigint(level), bigint(start), bigint(end))))
        return [root for (root,) in rows]

    async def commit(self, rows: Rows, origin: str, head: Head) -> None:
        """See Store."""
        tables = (rows.entries, rows.payloads, rows.data_keys, rows.tiles, rows.claims)
        calls: list[Call] = []
        for (table, columns), found in zip(_INSERTS.items(), tables, strict=True):
            if found:
                packed = zip(columns, zip(*found, strict=True), strict=True)
                calls.append((_INSERT[table], [pack(values) for (_, pack), values in packed]))
        advanced = (origin.encode(), bigint(head.size), head.frontier, head.checkpoint.encode())
        await self._run(*calls, (_ADVANCE, advanced), ("COMMIT", ()))
        self._inside = False

    async def rollback(self) -> None:
        """See Store."""
        if self._inside and self._lane is not None and self._lane.open:
            with contextlib.suppress(StoreError):  # then it is closed, and the server ends the transaction
                await self._run(("ROLLBACK", ()))
        self._inside = False

    async def close(self) -> None:
        """See Store."""
        if self._lane is not None and self._lane.open:
            self._lane.close()

    async def _run(self, *calls: Call) -> list[list[tuple[bytes, ...]]]:
        if self._lane is None:
            raise StoreError
        return await self._lane.run(calls, self._timeout_s)
