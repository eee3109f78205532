# SPDX-License-Identifier: Apache-2.0
"""The log's store on SQLite: `log.db` is the main file here, `commons.db` is attached for reading only.

BEGIN IMMEDIATE takes the write lock of `log.db`, and only then opens the read of `commons.db`. A change of
consent takes the same lock (`gateway.db.write`), so what is read here holds until our commit.

Statements run in the event loop: they touch pages in memory and take microseconds, less than handing them to a
thread. What waits, for the disk (COMMIT, checkpoint) or for another's lock, runs apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.audit.apart import Apart
from gateway.audit.store import (
    Begun,
    Counted,
    DataKeyRow,
    DiskError,
    DuplicateError,
    Head,
    Rows,
    ShardRow,
    StoreError,
    Taken,
)
from gateway.db import Turn

_CHUNK = 64
"""Rows a statement: few statement texts to prepare, and far from SQLite's limit of parameters."""

_PATIENCE_MS = 1000
"""How long one try for the lock waits for whoever holds it."""

_CHECKPOINT_AFTER = 500
"""Commits, of some ten pages each, before the write-ahead log is moved into the file."""

_ADVANCE = (
    "INSERT INTO head (id, origin, size, frontier, checkpoint, year, start) VALUES (1, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, size = excluded.size, frontier = excluded.frontier, "
    "checkpoint = excluded.checkpoint, year = excluded.year, start = excluded.start"
)
_SYNC_FAILED = {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}
_COUNT_ON = "ON CONFLICT (organisation) DO UPDATE SET count = excluded.count"


class SqliteStore:
    """See Store."""

    def __init__(self, log: Path, commons: Path) -> None:
        self._connection = _open(log)
        self._run = self._connection.execute
        self._run("ATTACH DATABASE ? AS commons", (f"{commons.absolute().as_uri()}?mode=ro",))
        self._run("PRAGMA wal_autocheckpoint=0")
        self._checkpointer = _open(log)
        self._turn = Turn(log)
        self._disk = Apart("log commit")
        self._broom = Apart("log checkpoint")
        self._sweeping: asyncio.Task[None] | None = None
        self._swept = False
        self._failed = False  # the disk, while sweeping
        self._commits = 0

    async def weakness(self) -> str:
        """See Store. Nothing: each connection of ours says for itself how it writes."""
        return ""

    async def begin(self, people: Sequence[str]) -> Begun:
        """See Store."""
        if self._swept:
            await self._disk.run(self._start_over)
        if self._failed:
            raise DiskError
        try:
            if not self._turn.is_free():  # a change of consent waits for the lock: it is first
                raise sqlite3.OperationalError
            self._run("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # another holds the lock
            await self._apart(self._begin_patiently)
        found = self._all("SELECT size, frontier, checkpoint, year, start, erasures FROM head WHERE id = 1")
        consent = self._consent(people) if people else {}
        return Begun(Head(*found[0][:5]) if found else None, consent, erasures=found[0][5] if found else 0)

    def _begin_patiently(self) -> None:
        self._run(f"PRAGMA busy_timeout={_PATIENCE_MS}")
        try:
            with self._turn.held():
                self._run("BEGIN IMMEDIATE")
        finally:
            self._run("PRAGMA busy_timeout=0")

    def _consent(self, people: Sequence[str]) -> dict[str, int]:
        """One row comes back, not one a person: each step of a statement lets go of the interpreter."""
        wanted = _marks(len(people))
        sql = f"SELECT json_group_object(person, seq) FROM commons.consent_head WHERE person IN ({wanted})"
        heads: dict[str, int] = json.loads(self._all(sql, *people)[0][0])
        return heads

    async def taken(self, ids: Sequence[str], claims: Sequence[bytes]) -> Taken:
        """See Store."""
        places = dict(self._all(f"SELECT id, idx FROM entry WHERE id IN ({_marks(len(ids))})", *ids))
        wanted = f"SELECT key, digest, query FROM claim WHERE key IN ({_marks(len(claims))})"
        found = self._all(wanted, *claims) if claims else []
        return Taken(places, {key: (digest, query) for key, digest, query in found})

    async def counted(self, subjects: Sequence[tuple[bytes, str]], organisations: Sequence[str]) -> Counted:
        """See Store."""
        last: dict[tuple[bytes, str], int] = {}
        for at in range(0, len(subjects), _CHUNK):
            chunk = subjects[at : at + _CHUNK]
            found = self._all(
                f"WITH wanted(s, o) AS (VALUES {_rows(2, len(chunk))}) SELECT s, o, (SELECT max(number) FROM "
                "subject_entry WHERE subject = s AND organisation = o) FROM wanted",
                *(value for name in chunk for value in name),
            )
            last |= {(subject, organisation): number for subject, organisation, number in found if number}
        wanted = f"SELECT * FROM organisation_count WHERE organisation IN ({_marks(len(organisations))})"
        return Counted(last, dict(self._all(wanted, *organisations)))

    async def shards(self) -> list[ShardRow]:
        """See Store."""
        return [ShardRow(*row) for row in self._all("SELECT * FROM shard ORDER BY year")]

    async def sweep_claims(self, after: bytes, count: int, before_ms: int) -> bytes:
        """See Store."""
        rest = "SELECT key FROM claim WHERE key > ? ORDER BY key LIMIT ?"
        last, seen = self._all(f"SELECT max(key), count(*) FROM ({rest})", after, count)[0]
        if last is not None:
            self._all("DELETE FROM claim WHERE key > ? AND key <= ? AND at_ms < ?", after, last, before_ms)
        return last if seen == count else b""

    async def data_keys(self, names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], DataKeyRow]:
        """See Store."""
        found = self._all(
            f"WITH wanted(s, o, r) AS (VALUES {_rows(3, len(names))}) SELECT id, subject, organisation, retention, "
            "wrapped FROM wanted CROSS JOIN data_key ON subject = s AND organisation = o AND retention = r",
            *(value for name in names for value in name),
        )
        rows = [DataKeyRow(*row) for row in found]
        return {(row.subject, row.organisation, row.retention): row for row in rows}

    async def leaf_hashes(self, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT leaf_hash FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
        return [row[0] for row in self._all(sql, start, end)]

    async def tile_roots(self, year: int, level: int, start: int, end: int) -> list[bytes]:
        """See Store."""
        sql = "SELECT root FROM tile WHERE year = ? AND level = ? AND n >= ? AND n < ? ORDER BY n"
        return [row[0] for row in self._all(sql, year, level, start, end)]

    async def commit(self, rows: Rows, origin: str, head: Head) -> None:
        """See Store."""
        self._insert("entry", rows.entries)
        self._insert("payload", rows.payloads)
        self._insert("data_key", rows.data_keys)
        self._insert("tile", rows.tiles)
        self._insert("claim", rows.claims)
        self._insert("subject_entry", rows.subjects)
        self._insert("shard", rows.shards)
        self._insert("organisation_count", rows.counts, _COUNT_ON)
        self._all(_ADVANCE, origin, *head)
        await self._apart(self._connection.commit)
        self._commits += 1
        if self._sweeping is None and self._commits >= _CHECKPOINT_AFTER:
            self._sweeping = asyncio.create_task(self._sweep())

    async def rollback(self) -> None:
        """See Store."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()

    async def close(self) -> None:
        """See Store."""
        if self._sweeping is not None:
            await self._sweeping
        await self._apart(self._close)
        self._disk.stop()
        self._broom.stop()

    def _close(self) -> None:
        self._checkpointer.close()
        self._connection.close()
        self._turn.close()

    async def _sweep(self) -> None:
        """Move the write-ahead log into the file, beside the commits that go on: off their path, since it costs
        two waits for the disk and a write for every page."""
        try:
            await self._broom.run(lambda: self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())
        except sqlite3.Error as error:  # else another process is at it
            self._failed = _sync_failed(error)
        self._sweeping, self._swept, self._commits = None, True, 0

    def _start_over(self) -> None:
        """Move the few pages that came while sweeping, and begin the write-ahead log from its start: a file that
        grows for ever costs the disk more at each commit. If a reader is in the way, the next sweep tries again."""
        self._swept = False
        try:
            self._run("PRAGMA main.wal_checkpoint(RESTART)").fetchall()  # the other file is not ours to write
        except sqlite3.Error as error:
            self._failed = _sync_failed(error)

    async def _apart(self, call: Any) -> None:
        try:
            await self._disk.run(call)
        except sqlite3.Error as error:
            raise (DiskError if _sync_failed(error) else StoreError) from error

    def _insert(self, table: str, rows: Sequence[tuple[Any, ...]], conflict: str = "") -> None:
        for at in range(0, len(rows), _CHUNK):
            chunk = rows[at : at + _CHUNK]
            sql = f"INSERT INTO {table} VALUES {_rows(len(chunk[0]), len(chunk))} {conflict}"
            self._all(sql, *(value for row in chunk for value in row))

    def _all(self, sql: str, *values: Any) -> list[Any]:
        try:
            return self._run(sql, values).fetchall()
        except sqlite3.IntegrityError as error:
            raise DuplicateError from error
        except sqlite3.Error as error:
            raise StoreError from error


def _open(log: Path) -> sqlite3.Connection:
    uri = f"{log.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=0, cached_statements=512
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _sync_failed(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) in _SYNC_FAILED


@functools.cache
def _marks(count: int) -> str:
    return ",".join("?" * count)


@functools.cache
def _rows(columns: int, count: int) -> str:
    return ",".join([f"({_marks(columns)})"] * count)
