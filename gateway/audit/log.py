# SPDX-License-Identifier: Apache-2.0
"""The access log of one worker: append, and look up what was appended.

`append` returns when the entry is durable, integrated into the tree and covered by a signed checkpoint; if that
cannot be had within the deadline it raises AuditUnavailable, and whatever the entry was to witness must not
happen. Appending the same event id again gives the same entry.

Of all processes over one folder one writes, and the others send to it (`seat.py`); who leads is nobody's business
but this module's. On PostgreSQL several hosts write, each with one such leader.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from pathlib import Path

from sqlalchemy import URL, Engine

from gateway import db
from gateway.audit import integrity, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.events import Entry
from gateway.audit.following import Follower, OtherLogError
from gateway.audit.integrity import LogRefused
from gateway.audit.leading import Leader
from gateway.audit.leaf import Opened
from gateway.audit.postgres import PostgresStore
from gateway.audit.reader import Proof, Reader, StoredEntry
from gateway.audit.sealing import SealKey
from gateway.audit.seat import Seat
from gateway.audit.sequencer import Claim, Claimed, Committed, Guard, Item, Moved, Result, Sequencer
from gateway.audit.shards import Clock, Signers, now_ms
from gateway.audit.sqlite import SqliteStore
from gateway.audit.store import DiskError, Store, StoreError
from gateway.audit.waiting import Queue
from gateway.audit.wire import VERSION, Hello
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

__all__ = ["Claim", "Claimed", "Committed", "Guard", "Log", "LogRefused", "Moved", "Proof", "StoredEntry"]

log = logging.getLogger("commons.audit")

STARTING_S = 10.0
"""How long a start may take at least: it reads the whole state, and may begin the log, where an entry waits for one
commit. Nobody waits for an answer meanwhile."""

REFUSED_S = 5.0
"""How long after an entry was given up the log counts as not taking any; then it is tried again."""

AGAIN_S = 0.01
"""How long to wait before another try to find the leader, or to become it."""


class Log:
    """Appends in batches, one after the other; reads through the engine. Belongs to one event loop."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        name: str,
        *,
        deadline_ms: int,
        folder: Path | None = None,
        seen: Sequence[Checkpoint] = (),
        clock: Clock = now_ms,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` and a year are the origin of a shard. Processes that share `folder` have one that writes for all;
        on SQLite it is the folder of the files, on PostgreSQL each process writes for itself without one. `seen`
        are checkpoints that others keep of this log, which the database must not be behind of. `lost` is called
        when the disk failed and this log takes no more: the process should end."""
        self._engine = engine
        self._deadline_s = deadline_ms / 1000
        self._signers = Signers(name, keyring.log)
        self._hello = Hello(VERSION, name, keyring.log.public_key().public_bytes_raw())
        self._seen = seen
        self._clock = clock
        self._lost = lost
        self._refused_at = -math.inf
        self._seal_key = SealKey(keyring.seal, keyring.wrap.read)
        self._reader = Reader(engine, name, self._seal_key)
        self._seat = _seat(engine.url, folder)
        self._duty: Leader | Follower | None = None
        self._work: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Check the log, begin it if it is new, and start taking entries. Raises LogRefused, AuditUnavailable."""
        self._queue = Queue(self._deadline_s)
        try:
            async with asyncio.timeout(max(self._deadline_s, STARTING_S)):
                self._duty = await self._sit_down()
        except (StoreError, sqlite3.Error, OSError, TimeoutError) as error:
            raise AuditUnavailable from error
        self._work = asyncio.create_task(self._run(), name="log")
        self._queue.watch()

    async def close(self) -> None:
        """Commit what waits, and stop; a disk that hangs is waited for no longer than the deadline."""
        if self._work is None or self._closing:
            return
        self._closing = True
        if self._duty is not None:
            self._duty.stop()
        await asyncio.wait({self._work}, timeout=self._deadline_s)
        self._queue.stop()

    async def append(
        self, event: Entry, *, guard: Guard | None = None, claim: Claim | None = None, urgent: bool = False
    ) -> Result:
        """Append one event. Without guard and claim the result is Committed. `urgent` is for break-glass: it goes
        before everything that waits, and has room when the queue is full. Raises AuditUnavailable, and ValueError
        or TypeError for an event that cannot be an entry."""
        item = Item(leaf.build(event), guard, claim)
        if self._work is None or self._closing or self._work.done():
            raise AuditUnavailable
        waiting = self._queue.put(item, urgent=urgent)
        try:
            result = await waiting.done
        except AuditUnavailable:
            self._refused_at = time.monotonic()
            raise
        self._refused_at = -math.inf
        return result

    @property
    def takes(self) -> bool:
        """Whether entries can be written, as far as is known: none was given up in the last REFUSED_S, or one was
        written since."""
        running = self._work is not None and not self._work.done() and not self._closing
        return running and time.monotonic() - self._refused_at > REFUSED_S

    @property
    def leads(self) -> bool:
        """Whether this process writes; else it sends to the one that does."""
        return isinstance(self._duty, Leader)

    async def _run(self) -> None:
        """Do the duty; when the leader is lost, find another, or be it."""
        while (duty := self._duty) is not None:
            if self._closing:
                duty.stop()
            try:
                await duty.run()
            except DiskError:
                log.critical("the disk of the log failed: this process writes no more, and should end")
                self._queue.give_up()
                self._lost()
                return
            finally:
                await duty.close()
                self._duty = None
            if self._closing and self._queue.empty:
                return
            while self._duty is None:
                try:
                    self._duty = await self._sit_down()
                except (StoreError, sqlite3.Error, OSError, LogRefused) as error:
                    log.error("nobody writes the log: %s", type(error.__cause__ or error).__name__)
                    await asyncio.sleep(self._deadline_s / 10)  # what waits is given up at the deadline

    async def _sit_down(self) -> Leader | Follower:
        """Lead if nobody does, else follow. Raises LogRefused, StoreError, sqlite3.Error, OSError."""
        while True:
            if self._seat is None or self._seat.take():
                try:
                    return await self._lead()
                except BaseException:
                    if self._seat is not None:
                        self._seat.leave()
                    raise
            try:
                return await Follower.dial(self._queue, self._seat, self._hello)
            except OtherLogError as error:
                raise LogRefused(
                    "Another process writes to this database as another log, or with another log key: the settings "
                    "of both must agree (COMMONS_LOG_ORIGIN, the log key)."
                ) from error
            except (OSError, EOFError):
                await asyncio.sleep(AGAIN_S)  # it is just starting, or just ending

    async def _lead(self) -> Leader:
        store, sequencer = await self._open()
        leader = Leader(self._queue, store, sequencer)
        if self._seat is not None:
            try:
                await leader.open(self._seat, self._hello)
            except BaseException:
                await store.close()
                raise
        return leader

    async def _open(self) -> tuple[Store, Sequencer]:
        store = self._store()
        sequencer = Sequencer(store, self._signers, self._seal_key, self._clock)
        try:
            if weakness := await store.weakness():
                raise LogRefused(
                    f"The database server may forget what it acknowledged ({weakness}), and every entry must be "
                    "durable. Set it back to its default in postgresql.conf."
                )
            found = (await store.begin(())).head
            if found is not None:
                await integrity.check(store, found, self._signers, self._seen)
            await store.rollback()
            if found is None:
                if self._seen:
                    raise LogRefused(
                        "The database holds no log, but checkpoints of it were published or witnessed: restore it."
                    )
                await sequencer.begin_log()
        except BaseException:
            await store.rollback()
            await store.close()
            raise
        return store, sequencer

    def _store(self) -> Store:
        url = self._engine.url
        if url.get_backend_name() == "sqlite":
            return SqliteStore(db.log_path(url), db.sqlite_path(url))
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return PostgresStore(dsn, int(self._deadline_s * 1000))

    # -- looking up ----------------------------------------------------------------------------------------

    @property
    def reader(self) -> Reader:
        """All that can be read of the log."""
        return self._reader

    @property
    def origin(self) -> str:
        """Origin of the newest shard; empty before the log has begun."""
        shard = self._reader.shard()
        return shard.origin if shard else ""

    @property
    def size(self) -> int:
        """How many entries the newest checkpoint covers, of the newest shard."""
        return self._reader.size()

    def checkpoint(self, year: int | None = None) -> str:
        """The newest signed checkpoint of a shard (none: the newest); empty when there is no such shard."""
        return self._reader.checkpoint(year)

    def tile(self, level: int, n: int, width: int, year: int | None = None) -> bytes | None:
        """`width` hashes of tile (level, n) of a shard, None when it does not have them."""
        return self._reader.tile(level, n, width, year)

    def bundle(self, n: int, width: int, year: int | None = None) -> bytes | None:
        """`width` entries of bundle n of a shard, None when it does not have them."""
        return self._reader.bundle(n, width, year)

    def count(self, person: str, organisation: str, purpose: str, since_ms: int) -> int:
        """How many answers about a person were released; see Reader. Reads the database: not on an event loop."""
        return self._reader.count(person, organisation, purpose, since_ms)

    def entry_by_id(self, id: str) -> StoredEntry | None:
        """The entry of an event."""
        return self._reader.entry_by_id(id)

    def of_person(self, person: str, *, before: int, limit: int) -> list[StoredEntry]:
        """Entries about a person, newest first, from the place before `before`; see Reader."""
        return self._reader.of_person(person, before=before, limit=limit)

    def open_groups(self, id: str) -> dict[str, Opened]:
        """The groups of an event that can still be opened; see Reader."""
        return self._reader.open_groups(id)

    def proof(self, stored: StoredEntry, show: Collection[str] = ()) -> Proof:
        """That an entry is in the log, with the groups to `show`; see Reader."""
        return self._reader.proof(stored, show)


def _seat(url: URL, folder: Path | None) -> Seat | None:
    """Who shares it writes to one database: on PostgreSQL its name tells which."""
    if url.get_backend_name() == "sqlite":
        return Seat(db.log_path(url).parent, "log.db")
    if folder is None:
        return None
    database = f"{url.host}:{url.port}/{url.database}"
    return Seat(folder, f"log-{sha256(database.encode()).hexdigest()[:12]}")
