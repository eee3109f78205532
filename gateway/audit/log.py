# SPDX-License-Identifier: Apache-2.0
"""The access log of one worker: append, and look up what was appended.

`append` returns when the entry is durable, integrated into the tree and covered by a signed checkpoint; if that
cannot be had within the deadline it raises AuditUnavailable, and whatever the entry was to witness must not
happen. Appending the same event id again gives the same entry.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Engine

from gateway import db
from gateway.audit import integrity, leaf
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.events import Entry
from gateway.audit.integrity import LogRefused
from gateway.audit.leaf import Opened
from gateway.audit.postgres import PostgresStore
from gateway.audit.reader import Proof, Reader, StoredEntry
from gateway.audit.sealing import SealKey
from gateway.audit.sequencer import (
    Claim,
    Claimed,
    Committed,
    Guard,
    Item,
    Moved,
    Result,
    Sequencer,
)
from gateway.audit.shards import Clock, Signers, now_ms
from gateway.audit.sqlite import SqliteStore
from gateway.audit.store import Store, StoreError
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

__all__ = ["Claim", "Claimed", "Committed", "Guard", "Log", "LogRefused", "Moved", "Proof", "StoredEntry"]

log = logging.getLogger("commons.audit")

BATCH = 512
WAITING = 4096
"""Entries that may wait; more are refused at once, since a full queue only grows slower."""

PAUSE_S = 0.002
"""How long to leave alone an item whose consent is being changed at this moment."""


class _Waiting(Struct):
    """One append on its way: `since` on the loop's clock."""

    item: Item
    done: asyncio.Future[Result]
    since: float


class Log:
    """Appends in batches, one after the other; reads through the engine. Belongs to one event loop."""

    def __init__(
        self,
        engine: Engine,
        keyring: Keyring,
        name: str,
        *,
        deadline_ms: int,
        seen: Sequence[Checkpoint] = (),
        clock: Clock = now_ms,
    ) -> None:
        """`name` and a year are the origin of a shard; `seen` are checkpoints that others keep of this log, which
        the database must not be behind of."""
        self._engine = engine
        self._deadline_ms = deadline_ms
        self._signers = Signers(name, keyring.log)
        self._seen = seen
        self._clock = clock
        self._seal_key = SealKey(keyring.seal, keyring.wrap.read)
        self._reader = Reader(engine, name, self._seal_key)
        self._waiting: deque[_Waiting] = deque()
        self._flying: list[_Waiting] = []
        self._held_up: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Check the log, begin it if it is new, and start taking entries. Raises LogRefused, AuditUnavailable."""
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._deadline_ms / 1000):
                store, sequencer = await self._open()
        except (StoreError, sqlite3.Error, TimeoutError) as error:
            raise AuditUnavailable from error
        self._work = asyncio.create_task(self._run(store, sequencer), name="log")
        self._watch()

    async def close(self) -> None:
        """Commit what waits, and stop; a disk that hangs is waited for no longer than the deadline."""
        if self._work is None:
            return
        work, self._work = self._work, None
        self._wake.set()
        await asyncio.wait({work}, timeout=self._deadline_ms / 1000)
        if self._sweep is not None:
            self._sweep.cancel()

    async def append(self, event: Entry, *, guard: Guard | None = None, claim: Claim | None = None) -> Result:
        """Append one event. Without guard and claim the result is Committed. Raises AuditUnavailable, and
        ValueError or TypeError for an event that cannot be an entry."""
        item = Item(leaf.build(event), guard, claim)
        if self._work is None or len(self._waiting) >= WAITING:
            raise AuditUnavailable
        waiting = _Waiting(item, self._loop.create_future(), self._loop.time())
        self._waiting.append(waiting)
        self._wake.set()
        return await waiting.done

    async def _open(self) -> tuple[Store, Sequencer]:
        store = self._store()
        sequencer = Sequencer(store, self._signers, self._seal_key, self._clock)
        try:
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
        return PostgresStore(dsn, self._deadline_ms)

    async def _run(self, store: Store, sequencer: Sequencer) -> None:
        """Take what waits, commit it, tell those who wait; until closed and nothing waits."""
        try:
            while self._work is not None or self._waiting or self._held_up:
                await self._wake.wait()
                self._wake.clear()
                while batch := self._take():
                    self._flying = batch
                    held_up = _tell(batch, await _outcome(sequencer, batch))
                    self._flying = []
                    if held_up:
                        self._held_up += held_up
                        self._loop.call_later(PAUSE_S, self._try_again)
        finally:
            await store.close()

    def _try_again(self) -> None:
        """Those whose consent was being changed wait again, before all others."""
        self._waiting.extendleft(reversed(self._held_up))
        self._held_up = []
        self._wake.set()

    def _take(self) -> list[_Waiting]:
        """The next batch, without those that nobody waits for any more."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < BATCH:
            waiting = self._waiting.popleft()
            if not waiting.done.done():
                batch.append(waiting)
        return batch

    def _watch(self) -> None:
        """Give up on what waits for longer than the deadline: a disk that hangs is as bad as one that fails."""
        late = self._loop.time() - self._deadline_ms / 1000
        for waiting in (*self._flying, *self._held_up, *self._waiting):
            if waiting.since <= late and not waiting.done.done():
                waiting.done.set_exception(AuditUnavailable())
        self._sweep = self._loop.call_later(self._deadline_ms / 10_000, self._watch)

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

    def proof(self, stored: StoredEntry) -> Proof:
        """That an entry is in the log, under the newest checkpoint."""
        return self._reader.proof(stored)


async def _outcome(sequencer: Sequencer, batch: list[_Waiting]) -> list[Result | None] | None:
    try:
        return await sequencer.append([w.item for w in batch], lambda n: not batch[n].done.done())
    except StoreError as error:
        log.error("the log could not be written: %s", type(error.__cause__ or error).__name__)
    except Exception as error:  # the log must go on; without a result nothing is released
        log.error("the sequencer failed: %s", type(error).__name__)
    return None


def _tell(batch: list[_Waiting], results: list[Result | None] | None) -> list[_Waiting]:
    """Give everybody their result; gives those who must wait on."""
    held_up: list[_Waiting] = []
    for n, waiting in enumerate(batch):
        if waiting.done.done():
            continue
        if results is None:
            waiting.done.set_exception(AuditUnavailable())
        elif (result := results[n]) is not None:
            waiting.done.set_result(result)
        else:
            held_up.append(waiting)
    return held_up
