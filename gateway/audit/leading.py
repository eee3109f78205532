# SPDX-License-Identifier: Apache-2.0
"""The process that writes: it commits what waits here, and what other workers of the machine send."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Sequence

from gateway.audit import wire
from gateway.audit.seat import Seat
from gateway.audit.sequencer import Claimed, Committed, Moved, Result, Sequencer
from gateway.audit.store import DiskError, Store, StoreError
from gateway.audit.waiting import Queue, Waiting
from gateway.audit.wire import At, Hello, Told
from gateway.errors import AuditUnavailable

log = logging.getLogger("commons.audit")

BATCH = 512


class Leader:
    """Takes batches from the queue, one after the other. Belongs to one event loop."""

    def __init__(self, queue: Queue, store: Store, sequencer: Sequencer) -> None:
        self._queue = queue
        self._store = store
        self._sequencer = sequencer
        self._server: asyncio.Server | None = None
        self._seat: Seat | None = None
        self._desks: set[Desk] = set()
        self._closing = False

    async def open(self, seat: Seat, hello: Hello) -> None:
        """Let other workers come; the seat is ours. Raises OSError."""
        self._seat = seat

        async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(wire.frame(hello))
            desk = Desk(self._queue, writer)
            self._desks.add(desk)
            try:
                await desk.serve(reader)
            finally:
                self._desks.discard(desk)

        self._server = await asyncio.start_unix_server(come, sock=seat.listen())

    async def run(self) -> None:
        """Commit what waits, and tell those who wait; until stopped and nothing waits. Raises DiskError."""
        queue = self._queue
        while not (self._closing and queue.empty):
            await queue.wake.wait()
            queue.wake.clear()
            while batch := queue.take(BATCH):
                try:
                    held_up = _tell(batch, await _outcome(self._sequencer, batch))
                except DiskError:
                    _tell(batch, None)
                    raise
                if held_up:
                    queue.hold_up(held_up)

    def stop(self) -> None:
        """Take no more; what waits is still committed."""
        self._closing = True
        if self._seat is not None and self._server is not None:
            self._seat.hide()
            self._server.close()
        self._queue.wake.set()

    async def close(self) -> None:
        """Send what is decided, close everything, and only then give up the seat."""
        for desk in list(self._desks):
            await desk.close()
        await self._store.close()
        if self._seat is not None:
            self._seat.leave()


class Desk:
    """One worker's connection: entries come in, what became of them goes out."""

    def __init__(self, queue: Queue, writer: asyncio.StreamWriter) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue = queue
        self._writer = writer
        self._open: dict[int, Waiting] = {}
        self._done: list[tuple[int, Result | None]] = []

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Until the worker is gone; what it waited for is then given up."""
        try:
            with contextlib.suppress(EOFError, OSError, ValueError):
                while True:
                    self._take_in(wire.ask.decode(await wire.receive(reader)))
        finally:
            for waiting in list(self._open.values()):
                waiting.done.cancel()
            self._writer.close()

    def _take_in(self, asked: wire.Ask) -> None:
        for n in asked.gone:
            if (waiting := self._open.get(n)) is not None:
                waiting.done.cancel()
        for sent in asked.sent:
            try:
                waiting = self._queue.put(sent.item, urgent=sent.urgent, age_s=sent.age_ms / 1000)
            except AuditUnavailable:
                self._add(sent.n, None)
            else:
                self._open[sent.n] = waiting
                waiting.done.add_done_callback(functools.partial(self._ended, sent.n))

    def _ended(self, n: int, done: asyncio.Future[Result]) -> None:
        del self._open[n]
        if not done.cancelled():
            self._add(n, None if done.exception() else done.result())

    def _add(self, n: int, result: Result | None) -> None:
        if not self._done:
            self._loop.call_soon(self._flush)  # with all the others of its batch
        self._done.append((n, result))

    def _flush(self) -> None:
        done, self._done = self._done, []
        if done and not self._writer.is_closing():
            self._writer.write(wire.frame(_told(done)))

    async def close(self) -> None:
        """Send what is decided, and close."""
        self._flush()
        with contextlib.suppress(OSError):
            await self._writer.drain()
        self._writer.close()


def _told(done: Sequence[tuple[int, Result | None]]) -> Told:
    heads: dict[tuple[int, str], tuple[int, At]] = {}
    told = Told([], [], [], [], [])
    for n, result in done:
        match result:
            case Committed(index, size, origin, checkpoint):
                place, _ = heads.setdefault((size, origin), (len(heads), At(size, origin, checkpoint)))
                told.committed.append((n, index, place))
            case Moved(seq):
                told.moved.append((n, seq))
            case Claimed(query_id, same_request):
                told.claimed.append((n, query_id, same_request))
            case None:
                told.failed.append(n)
    told.heads.extend(at for _, at in heads.values())
    return told


async def _outcome(sequencer: Sequencer, batch: Sequence[Waiting]) -> list[Result | None] | None:
    try:
        return await sequencer.append([w.item for w in batch], lambda n: not batch[n].done.done())
    except DiskError:
        raise
    except StoreError as error:
        log.error("the log could not be written: %s", type(error.__cause__ or error).__name__)
    except Exception as error:  # the log must go on; without a result nothing is released
        log.error("the sequencer failed: %s", type(error).__name__)
    return None


def _tell(batch: Sequence[Waiting], results: list[Result | None] | None) -> list[Waiting]:
    """Give everybody their result; gives those who must wait on."""
    held_up: list[Waiting] = []
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
