# SPDX-License-Identifier: Apache-2.0
"""A worker that does not lead: it sends what waits to the leader, and sends it again to the next one.

An entry is known by its event id, so that one that a dying leader committed without saying so is not written twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools

from gateway.audit import wire
from gateway.audit.leading import BATCH
from gateway.audit.seat import Seat
from gateway.audit.sequencer import Claimed, Committed, Moved, Result
from gateway.audit.waiting import Queue, Waiting
from gateway.audit.wire import Ask, Hello, Sent, Told
from gateway.errors import AuditUnavailable


class OtherLogError(Exception):
    """The leader writes another log, or signs with another key."""


class Follower:
    """One worker's end of a connection. Belongs to one event loop."""

    def __init__(self, queue: Queue, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue = queue
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._sent: dict[int, Waiting] = {}
        self._gone: list[int] = []
        self._closing = False
        self._lost = False

    @classmethod
    async def dial(cls, queue: Queue, seat: Seat, expected: Hello) -> Follower:
        """Connect to the leader. Raises OSError or EOFError when there is none, OtherLogError."""
        reader, writer = await asyncio.open_unix_connection(sock=seat.connect())
        try:
            hello = wire.hello.decode(await wire.receive(reader))
        except BaseException:
            writer.close()
            raise
        if hello != expected:
            writer.close()
            raise OtherLogError
        return cls(queue, reader, writer)

    async def run(self) -> None:
        """Send what waits; until stopped and all is told, or the leader is lost."""
        listening = asyncio.create_task(self._listen(), name="log answers")
        try:
            while not self._lost and not (self._closing and self._queue.empty and not self._sent):
                await self._queue.wake.wait()
                self._queue.wake.clear()
                if not self._lost:
                    self._send()
        finally:
            listening.cancel()

    def stop(self) -> None:
        """Take no more; what waits is still sent and waited for."""
        self._closing = True
        self._queue.wake.set()

    async def close(self) -> None:
        """Close; what was sent and not told goes back into the queue."""
        self._writer.close()
        unknown, self._sent = self._sent, {}
        self._queue.give_back([waiting for waiting in unknown.values() if not waiting.done.done()])

    def _send(self) -> None:
        now = self._loop.time()
        gone, self._gone = self._gone, []
        while (batch := self._queue.take(BATCH)) or gone:
            sent = []
            for waiting in batch:
                n = next(self._numbers)
                self._sent[n] = waiting
                waiting.done.add_done_callback(functools.partial(self._ended, n))
                age_ms = max(0, int((now - waiting.since) * 1000))
                sent.append(Sent(n, waiting.item, waiting.urgent, age_ms))
            self._writer.write(wire.frame(Ask(sent, gone)))
            gone = []

    def _ended(self, n: int, _done: asyncio.Future[Result]) -> None:
        if self._sent.pop(n, None) is not None:  # nobody waits any more, and the leader does not know
            self._gone.append(n)
            self._queue.wake.set()

    async def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                self._hear(wire.told.decode(await wire.receive(self._reader)))
                if self._closing:
                    self._queue.wake.set()
        self._lost = True
        self._queue.wake.set()

    def _hear(self, told: Told) -> None:
        encoded = [at.b64 for at in told.heads]
        for n, index, place in told.committed:
            at = told.heads[place]
            self._resolve(n, Committed(index, at.size, at.origin, at.checkpoint, encoded[place]))
        for n, seq in told.moved:
            self._resolve(n, Moved(seq))
        for n, query_id, same_request in told.claimed:
            self._resolve(n, Claimed(query_id, same_request))
        for n in told.failed:
            if (waiting := self._sent.pop(n, None)) is not None and not waiting.done.done():
                waiting.done.set_exception(AuditUnavailable())

    def _resolve(self, n: int, result: Result) -> None:
        waiting = self._sent.pop(n, None)
        if waiting is not None and not waiting.done.done():
            waiting.done.set_result(result)
