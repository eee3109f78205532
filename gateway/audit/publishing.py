# SPDX-License-Identifier: Apache-2.0
"""Publishing the log: every second, if it has grown, its checkpoint goes to the witnesses, and then to everybody.

One process of all that share a database does it at a time, and any can: what was published stands in the database.
What is about to leave is first kept in files outside it (`seen.py`). With a policy nothing is published that is not
cosigned by a quorum; an idle log is cosigned afresh every ten minutes, so that a stale checkpoint means trouble.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256

from msgspec import Struct
from sqlalchemy import Engine, delete, insert, text
from sqlalchemy.exc import SQLAlchemyError

from gateway import db
from gateway.audit.folder import Folder, FolderRefused
from gateway.audit.integrity import LogRefused
from gateway.audit.reader import Published, Reader
from gateway.audit.seen import Seen
from gateway.audit.shards import Shard
from gateway.audit.tables import publication
from gateway.audit.witnesses import Witnesses
from gateway.errors import DatabaseUnavailable

log = logging.getLogger("commons.audit.publishing")

EVERY_S = 1.0
IDLE_S = 600


class Health(Struct, frozen=True):
    """How publishing goes: entries of the newest shard, entries of it that are published, how many seconds ago that
    was published or cosigned (None: never), and whether witnesses are asked."""

    size: int
    published_size: int
    age_s: int | None
    witnessed: bool


class Publisher:
    """Publishes the log of one database."""

    def __init__(
        self, engine: Engine, reader: Reader, seen: Seen, witnesses: Witnesses | None, folder: Folder | None
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._seen = seen
        self._witnesses = witnesses
        self._folder = folder
        self._work: asyncio.Task[None] | None = None
        self._said = ""

    @property
    def asks_witnesses(self) -> bool:
        """Whether a checkpoint is published only with the cosignatures of a quorum."""
        return self._witnesses is not None

    async def start(self) -> None:
        """Begin to publish."""
        self._work = asyncio.create_task(self._run(), name="publisher")

    async def close(self) -> None:
        """Stop publishing."""
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        if self._witnesses is not None:
            await self._witnesses.close()

    async def publish(self) -> None:
        """Publish what is due; nothing when another process is at it. Raises DatabaseUnavailable, OSError,
        FolderRefused."""
        turn = contextlib.ExitStack()
        try:
            if await asyncio.to_thread(turn.enter_context, _turn(self._engine)):
                for shard in await asyncio.to_thread(self._due):
                    await self._publish(shard)
        finally:
            await asyncio.to_thread(turn.close)
        await asyncio.to_thread(self._remember)

    def health(self) -> Health:
        """How publishing goes. Reads the database."""
        published = self._reader.published()
        age = None if published is None else max(0, int(time.time()) - published.at_s)
        size = published.size if published else 0
        return Health(self._reader.size(), size, age, self._witnesses is not None)

    async def _run(self) -> None:
        while True:
            try:
                await self.publish()
                self._said = ""
            except (DatabaseUnavailable, SQLAlchemyError, OSError, FolderRefused, LogRefused) as error:
                said = str(error) if isinstance(error, FolderRefused | LogRefused) else type(error).__name__
                if said != self._said:
                    log.error("the log could not be published: %s", said)
                self._said = said
            await asyncio.sleep(EVERY_S)

    def _due(self) -> list[Shard]:
        """The shards of which there is more than was published, and the newest one when it was idle for long."""
        found = []
        shards = self._reader.shards()
        for shard in shards:
            before = self._reader.published(shard.year)
            idle = shard is shards[-1] and before is not None and time.time() - before.at_s >= IDLE_S
            if before is None or before.size < shard.size or idle:
                found.append(shard)
        return found

    async def _publish(self, shard: Shard) -> None:
        note = shard.checkpoint
        await asyncio.to_thread(self._seen.keep, "published", note)  # before anybody sees it, witnesses too
        if self._witnesses is not None:

            async def growth(old: int) -> Sequence[bytes] | None:
                return await asyncio.to_thread(self._reader.growth, old, shard.size, shard.year)

            note, cosigned = await self._witnesses.cosigned(note, growth)
            if not self._witnesses.policy.is_met(cosigned):
                return
        published = Published(shard.origin, shard.size, note, int(time.time()))
        await asyncio.to_thread(self._record, shard, published)

    def _record(self, shard: Shard, published: Published) -> None:
        if self._folder is not None:
            self._folder.write(self._reader, shard.year, published)
        with db.write(self._engine) as connection:
            connection.execute(delete(publication).where(publication.c.origin == published.origin))
            connection.execute(
                insert(publication).values(
                    origin=published.origin,
                    size=published.size,
                    checkpoint=published.checkpoint,
                    at_s=published.at_s,
                )
            )

    def _remember(self) -> None:
        """Keep what any process published, so that each host knows it when the database has forgotten."""
        if (published := self._reader.published()) is not None:
            self._seen.keep("witnessed" if self._witnesses is not None else "published", published.checkpoint)


@contextlib.contextmanager
def _turn(engine: Engine) -> Iterator[bool]:
    """Whether it is this process's turn to publish; nobody waits for theirs. Held by the kernel or by a session of
    PostgreSQL, so that a process that dies gives it back."""
    if engine.url.get_backend_name() == "sqlite":
        file = db.log_path(engine.url)
        held = os.open(file.with_name(f"{file.name}-publisher"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(held)
        return
    number = int.from_bytes(sha256(b"commons log publisher").digest()[:8], signed=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mine = bool(connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": number}).scalar())
        try:
            yield mine
        finally:
            if mine:
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": number})
