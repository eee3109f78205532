# SPDX-License-Identifier: Apache-2.0
"""The log's store on PostgreSQL: the head's row is locked FOR UPDATE, so that any number of hosts take turns;
consent heads are read FOR SHARE, against which a change of consent takes FOR UPDATE.

A transaction is two round trips: lock and look, then write and commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from gateway.audit.libpq import Call, Lane, bigint, bigints, byteas, integer, ints, number, texts
from gateway.audit.store import Begun, Counted, DataKeyRow, Head, Rows, ShardRow, StoreError, Taken

_INSERTS: dict[str, tuple[tuple[str, Callable[[Sequence[Any]], bytes]], ...]] = {
    "entry": (("bigint", bigints), ("text", texts), ("bytea", byteas), ("bytea", byteas)),
    "payload": (("bigint", bigints), ("text", texts), ("bytea", byteas), ("text", texts), ("bytea", byteas)),
    "data_key": (("text", texts), ("text", texts), ("text", texts), ("text", texts), ("bytea", byteas)),
    "tile": (("int", ints), ("int", ints), ("bigint", bigints), ("bytea", byteas), ("bytea", byteas)),
    "claim": (("bytea", byteas), ("bytea", byteas), ("text", texts), ("bigint", bigints)),
    "subject_entry": (
        ("bytea", byteas),
        ("text", texts),
        ("bigint", bigints),
        ("bigint", bigints),
        ("text", texts),
        ("text", texts),
        ("bigint", bigints),
    ),
    "shard": (("int", ints), ("text", texts), ("bigint", bigints), ("bigint", bigints), ("text", texts)),
}


def _insert_sql(table: str, types: Sequence[str]) -> str:
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(types, 1))
    return f"INSERT INTO log.{table} SELECT * FROM unnest({arrays})"  # noqa: S608  names of our own tables


_INSERT = {table: _insert_sql(table, [kind for kind, _ in columns]) for table, columns in _INSERTS.items()}
_WEAK = (
    "SELECT name, setting FROM pg_settings WHERE (name, setting) IN "
    "(('fsync', 'off'), ('full_page_writes', 'off'), ('data_sync_retry', 'on')) ORDER BY name"
)
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # each statement must see what was committed before it
_LOCK = "SELECT size, frontier, checkpoint, year, start, erasures FROM log.head WHERE id = 1 FOR UPDATE"
_LOCK_NOTHING = "SELECT pg_advisory_xact_lock(hashtext('log.head'))"
_CONSENT = "SELECT person, seq FROM consent_head WHERE person = ANY($1::text[]) FOR SHARE SKIP LOCKED"
_PEOPLE = "SELECT person FROM consent_head WHERE person = ANY($1::text[])"
_PLACES = "SELECT id, idx FROM log.entry WHERE id = ANY($1::text[])"
_CLAIMS = "SELECT key, digest, query FROM log.claim WHERE key = ANY($1::bytea[])"
_LAST_NUMBERS = (
    "SELECT w.s, w.o, last.number FROM unnest($1::bytea[], $2::text[]) AS w(s, o) JOIN LATERAL (SELECT number FROM "
    "log.subject_entry WHERE subject = w.s AND organisation = w.o ORDER BY number DESC LIMIT 1) AS last ON true"
)
_COUNTS = "SELECT organisation, count FROM log.organisation_count WHERE organisation = ANY($1::text[])"
_SHARDS = "SELECT year, origin, start, size, checkpoint FROM log.shard ORDER BY year"
_SWEEP = (
    "WITH looked AS MATERIALIZED (SELECT key, at_ms FROM log.claim WHERE key > $1::bytea ORDER BY key "
    "LIMIT $2::bigint), gone AS (DELETE FROM log.claim WHERE key IN (SELECT key FROM looked "
    "WHERE at_ms < $3::bigint)) SELECT key FROM looked ORDER BY key DESC LIMIT 1"
)
_DATA_KEYS = (
    "SELECT k.id, k.subject, k.organisation, k.retention, k.wrapped FROM log.data_key k "
    "JOIN unnest($1::text[], $2::text[], $3::text[]) AS w(s, o, r) "
    "ON k.subject = w.s AND k.organisation = w.o AND k.retention = w.r"
)
_LEAVES = "SELECT leaf_hash FROM log.entry WHERE idx >= $1::bigint AND idx < $2::bigint ORDER BY idx"
_ROOTS = (
    "SELECT root FROM log.tile WHERE year = $1::int AND level = $2::int AND n >= $3::bigint AND n < $4::bigint "
    "ORDER BY n"
)
_ADVANCE = (
    "SELECT log.advance($1::text, $2::bigint, $3::bytea, $4::text, $5::int, $6::bigint, $7::text[], $8::bigint[])"
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

    async def weakness(self) -> str:
        """See Store: PostgreSQL, section "Write Ahead Log" of its settings, and `data_sync_retry`, since after a
        failed fsync the server has to end and read what the disk really holds."""
        await self._dial()
        (found,) = await self._run((_WEAK, ()))
        return ", ".join(f"{name.decode()} = {setting.decode()}" for name, setting in found)

    async def _dial(self) -> None:
        if self._lane is None or not self._lane.open:
            self._lane = await Lane.dial(self._dsn, self._settings)

    async def begin(self, people: Sequence[str]) -> Begun:
        """See Store. A person whose head another transaction holds does not hold up the others."""
        await self._dial()
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
        size, frontier, checkpoint, year, start, erasures = heads[0]
        head = Head(number(size), frontier, checkpoint.decode(), number(year), number(start))
        return Begun(head, consent, changing, number(erasures))

    async def taken(self, ids: Sequence[str], claims: Sequence[bytes]) -> Taken:
        """See Store."""
        places, found = await self._run((_PLACES, (texts(ids),)), (_CLAIMS, (byteas(claims),)))
        return Taken(
            {id_.decode(): number(place) for id_, place in places},
            {key: (digest, query.decode()) for key, digest, query in found},
        )

    async def counted(self, subjects: Sequence[tuple[bytes, str]], organisations: Sequence[str]) -> Counted:
        """See Store."""
        columns = (byteas([subject for subject, _ in subjects]), texts([name for _, name in subjects]))
        last, counts = await self._run((_LAST_NUMBERS, columns), (_COUNTS, (texts(organisations),)))
        return Counted(
            {(subject, organisation.decode()): number(n) for subject, organisation, n in last},
            {organisation.decode(): number(count) for organisation, count in counts},
        )

    async def shards(self) -> list[ShardRow]:
        """See Store."""
        (found,) = await self._run((_SHARDS, ()))
        return [
            ShardRow(number(year), origin.decode(), number(start), number(size), checkpoint.decode())
            for year, origin, start, size, checkpoint in found
        ]

    async def sweep_claims(self, after: bytes, count: int, before_ms: int) -> bytes:
        """See Store."""
        (found,) = await self._run((_SWEEP, (after, bigint(count), bigint(before_ms))))
        return found[0][0] if found else b""

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

    async def tile_roots(self, year: int, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        (rows,) = await self._run((_ROOTS, (integer(year), integer(level), bigint(start), bigint(end))))
        return [root for (root,) in rows]

    async def commit(self, rows: Rows, origin: str, head: Head) -> None:
        """See Store."""
        tables = (
            rows.entries, rows.payloads, rows.data_keys, rows.tiles, rows.claims, rows.subjects, rows.shards,
        )  # fmt: skip
        calls: list[Call] = []
        for (table, columns), found in zip(_INSERTS.items(), tables, strict=True):
            if found:
                packed = zip(columns, zip(*found, strict=True), strict=True)
                calls.append((_INSERT[table], [pack(values) for (_, pack), values in packed]))
        advanced = (
            origin.encode(),
            bigint(head.size),
            head.frontier,
            head.checkpoint.encode(),
            integer(head.year),
            bigint(head.start),
            texts([row.organisation for row in rows.counts]),
            bigints([row.entries for row in rows.counts]),
        )
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
