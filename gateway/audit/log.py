# SPDX-License-Identifier: Apache-2.0
"""The access log of one worker: append, and look up what was appended.

`append` returns when the entry is durable, integrated into the tree and covered by a signed checkpoint; if that
cannot be had within the deadline it raises AuditUnavailable, and whatever the entry was to witness must not
happen. Appending the same event id again gives the same entry.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time

import orjson
import uuid_utils
from msgspec import Struct
from sqlalchemy import Engine, select

from gateway import db
from gateway.audit import leaf, merkle, sealing, tiles
from gateway.audit.checkpoint import Checkpoint, NoteError, Signer, open_note
from gateway.audit.events import Entry
from gateway.audit.leaf import Opened
from gateway.audit.postgres import PostgresStore
from gateway.audit.reader import TreeReader
from gateway.audit.sequencer import Claim, Claimed, Committed, Guard, Item, Moved, Result, Sequencer
from gateway.audit.sqlite import SqliteStore
from gateway.audit.store import Store, StoreError
from gateway.audit.tables import data_key, entry, head, payload
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

__all__ = ["Claim", "Claimed", "Committed", "Guard", "Log", "LogRefused", "Moved", "Proof", "StoredEntry"]

log = logging.getLogger("commons.audit")

BATCH = 512
WAITING = 4096
"""Entries that may wait; more are refused at once, since a full queue only grows slower."""


class LogRefused(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """This log must not be written to: another origin, another key, or a tree that does not add up."""


class StoredEntry(Struct, frozen=True):
    """An entry as it stands in the log. `entry` is the leaf's bytes; the other members are read from it."""

    index: int
    id: str
    type: str
    org: str
    purpose: str
    at_ms: int
    entry: bytes
    leaf_hash: bytes


class Proof(Struct, frozen=True):
    """That a leaf is in the log: the path to the root of a checkpoint; `text` is a C2SP `.tlog-proof` file."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    text: str


class _Waiting(Struct):
    """One append on its way: `since` on the loop's clock."""

    item: Item
    done: asyncio.Future[Result]
    since: float


class Log:
    """Appends through a thread of its own, reads through the engine."""

    def __init__(self, engine: Engine, keyring: Keyring, origin: str, *, deadline_ms: int) -> None:
        self._engine = engine
        self._seal_key = keyring.seal
        self._signer = Signer(origin, keyring.log)
        self._deadline_s = deadline_ms / 1000
        self._reader = TreeReader(engine)
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._waiting: dict[int, _Waiting] = {}
        self._thread: threading.Thread | None = None
        self._sweep: asyncio.TimerHandle | None = None

    # -- appending -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Check the log, begin it if it is new, and start taking entries. Raises LogRefused, AuditUnavailable."""
        self._loop = asyncio.get_running_loop()
        store = await asyncio.to_thread(self._open)
        sequencer = Sequencer(store, self._signer, self._seal_key)
        self._thread = threading.Thread(target=self._work, args=(sequencer, store), name="sequencer", daemon=True)
        self._thread.start()
        self._watch()

    async def close(self) -> None:
        """Commit what waits, and stop."""
        if self._sweep is not None:
            self._sweep.cancel()
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    async def append(self, event: Entry, *, guard: Guard | None = None, claim: Claim | None = None) -> Result:
        """Append one event. Without guard and claim the result is Committed. Raises AuditUnavailable, and
        ValueError for an event that cannot be an entry."""
        item = Item(leaf.build(event), event.at_ms, guard, claim)
        if len(self._waiting) >= WAITING or self._thread is None:
            raise AuditUnavailable
        waiting = _Waiting(item, self._loop.create_future(), self._loop.time())
        key = id(waiting)
        self._waiting[key] = waiting
        self._queue.put(waiting)
        try:
            return await waiting.done
        finally:
            self._waiting.pop(key, None)

    def _work(self, sequencer: Sequencer, store: Store) -> None:
        """The thread: take what waits, commit it, tell the loop once a batch."""
        while (first := self._queue.get()) is not None:
            batch = [first]
            stop = False
            while len(batch) < BATCH:
                try:
                    further = self._queue.get_nowait()
                except queue.Empty:
                    break
                if further is None:
                    stop = True
                    break
                batch.append(further)
            self._tell(batch, _outcome(sequencer, [waiting.item for waiting in batch]))
            if stop:
                break
        store.close()

    def _tell(self, batch: list[_Waiting], results: list[Result] | None) -> None:
        def resolve() -> None:
            for n, waiting in enumerate(batch):
                if not waiting.done.done():
                    if results is None:
                        waiting.done.set_exception(AuditUnavailable())
                    else:
                        waiting.done.set_result(results[n])

        self._loop.call_soon_threadsafe(resolve)

    def _watch(self) -> None:
        """Give up on what waits for longer than the deadline: a disk that hangs is as bad as one that fails."""
        late = self._loop.time() - self._deadline_s
        for waiting in list(self._waiting.values()):
            if waiting.since > late:
                break
            if not waiting.done.done():
                waiting.done.set_exception(AuditUnavailable())
        self._sweep = self._loop.call_later(self._deadline_s / 10, self._watch)

    # -- the start -----------------------------------------------------------------------------------------

    def _open(self) -> Store:
        store = self._store()
        try:
            found = store.begin()
            if found is not None:
                self._check(store, found.size, found.frontier, found.checkpoint)
            store.rollback()
            if found is None:
                self._begin(store)
        except StoreError as error:
            store.close()
            raise AuditUnavailable from error
        except LogRefused:
            store.rollback()
            store.close()
            raise
        return store

    def _store(self) -> Store:
        url = self._engine.url
        if url.get_backend_name() == "sqlite":
            return SqliteStore(db.log_path(url), db.sqlite_path(url))
        return PostgresStore(url.set(drivername="postgresql").render_as_string(hide_password=False))

    def _begin(self, store: Store) -> None:
        now_ms, id = time.time_ns() // 1_000_000, str(uuid_utils.uuid7())
        started = Entry(id, "log.started", now_ms, "", self._signer.origin, "", "", "", 0, {})
        Sequencer(store, self._signer, self._seal_key).append([Item(leaf.build(started), now_ms)])

    def _check(self, store: Store, size: int, frontier: bytes, note: str) -> None:
        """The head must be ours, signed by our key, and be the tree of the leaves that stand in the database."""
        try:
            signed = open_note(note, self._signer.origin, self._signer.public)
        except NoteError as error:
            raise LogRefused(f"The log's checkpoint cannot be continued by this gateway: {error}.") from error
        roots = [frontier[at : at + 32] for at in range(0, len(frontier), 32)]
        start = size - size % tiles.WIDTH
        leaves = store.leaf_hashes(start, size)
        tail = merkle.grow([], 0, leaves)[0]
        adds_up = (
            signed == Checkpoint(self._signer.origin, size, merkle.root(roots))
            and len(leaves) == size - start
            and (not tail or roots[-len(tail) :] == tail)
            and not store.leaf_hashes(size, size + 1)
        )
        if not adds_up:
            raise LogRefused(
                "The log in the database is not the one its checkpoint signs: restore it whole, or keep it as "
                "evidence and begin a new one under another origin."
            )

    # -- looking up ----------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many entries the published checkpoint covers."""
        return open_note(self.checkpoint(), self._signer.origin, self._signer.public).size

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        with db.read(self._engine) as connection:
            return str(connection.execute(select(head.c.checkpoint)).scalar_one())

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """`width` hashes of tile (level, n), None when the log does not have them."""
        return self._reader.tile(level, n, width)

    def bundle(self, n: int, width: int) -> bytes | None:
        """`width` entries of bundle n, None when the log does not have them."""
        return self._reader.bundle(n, width)

    def entry_by_id(self, id: str) -> StoredEntry | None:
        """The entry of an event."""
        query = select(entry.c.idx, entry.c.leaf_hash, entry.c.entry).where(entry.c.id == id)
        with db.read(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        members = orjson.loads(bytes(row.entry))
        return StoredEntry(
            index=row.idx,
            id=id,
            type=members["type"],
            org=members["org"],
            purpose=members["purpose"],
            at_ms=members["t"],
            entry=bytes(row.entry),
            leaf_hash=bytes(row.leaf_hash),
        )

    def open_groups(self, id: str) -> dict[str, Opened]:
        """The groups of an event that can still be opened; those that were erased are absent. Raises
        cryptography.exceptions.InvalidTag when a sealed payload was changed or moved."""
        query = (
            select(payload.c.part, payload.c.sealed, data_key.c.id, data_key.c.wrapped)
            .join(entry, entry.c.idx == payload.c.idx)
            .join(data_key, data_key.c.id == payload.c.data_key)
            .where(entry.c.id == id)
        )
        with db.read(self._engine) as connection:
            rows = connection.execute(query).all()
        groups: dict[str, Opened] = {}
        for row in rows:
            key = sealing.unwrap(self._seal_key, row.id, bytes(row.wrapped))
            groups |= leaf.unpack(sealing.open_(key, self._signer.origin, id, row.part, bytes(row.sealed)))
        return groups

    def proof(self, stored: StoredEntry) -> Proof:
        """That an entry is in the log, under the newest checkpoint."""
        note = self.checkpoint()
        size = open_note(note, self._signer.origin, self._signer.public).size
        path = tuple(merkle.inclusion(stored.index, size, self._reader.subtree))
        return Proof(stored.index, path, note, tiles.proof_text(stored.entry, stored.index, path, note))


def _outcome(sequencer: Sequencer, items: list[Item]) -> list[Result] | None:
    try:
        return sequencer.append(items)
    except StoreError as error:
        log.error("the log could not be written: %s", type(error.__cause__ or error).__name__)
    except Exception as error:  # the thread must live; without a result nothing is released
        log.error("the sequencer failed: %s", type(error).__name__)
    return None
