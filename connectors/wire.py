# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 to one origin over kept connections: one request, one answer, every bound kept.

A connection carries one call at a time. What is dialled is the one address this was made for; redirects are
answers like any other and are followed by nobody. A call that is dropped closes its connection, so that the
upstream stops working for nobody. Parsing is llhttp's, in its strict mode (RFC 9112).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Final

import httptools
from msgspec import Struct

MAX_HEAD: Final = 32768  # bytes of status line and headers
DIAL_S: Final = 10.0  # a call gives up earlier, at its own deadline; this frees the slot
_KEPT: Final = frozenset({b"content-type", b"content-encoding", b"retry-after", b"link"})


class WireError(Exception):
    """The exchange failed: `broken` (connection or protocol) or `too-large`."""


class Answer(Struct, frozen=True):
    """Status, the few headers that are read (lower-case names), and the body as received."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Call:
    """One request under way. `begun` tells whether the source had begun to answer."""

    __slots__ = ("_connection", "_fresh", "begun", "future", "received", "request")

    def __init__(self, request: bytes, future: asyncio.Future[Answer]) -> None:
        self.request = request
        self.future = future
        self.begun = False
        self.received = 0
        self._connection: _Connection | None = None
        self._fresh = False

    def drop(self) -> None:
        """Stop it if it still runs; the connection is closed at once."""
        if not self.future.done():
            self.future.cancel()
        elif not self.future.cancelled():
            self.future.exception()  # seen, though nobody waits for it any more
        if self._connection is not None:
            self._connection.abort()
            self._connection = None


class Origin:
    """The kept connections to one host and port. Made for one event loop; `close()` ends it."""

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, *, connections: int, max_bytes: int
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._most = connections
        self.max_bytes = max_bytes
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._dialling: dict[asyncio.Task[None], Call] = {}
        self._waiting: deque[Call] = deque()
        self._drained: asyncio.Future[None] | None = None

    def send(self, request: bytes) -> Call:
        """Starts a call; await its `future`. Never blocks: without a free connection the call waits for one."""
        call = Call(request, asyncio.get_running_loop().create_future())
        self._place(call)
        return call

    def _place(self, call: Call, *, fresh: bool = False) -> None:
        if self._idle and not fresh:
            self._idle.pop().begin(call)
        elif len(self._open) + len(self._dialling) < self._most:
            task = asyncio.get_running_loop().create_task(self._dial(call))
            self._dialling[task] = call
            task.add_done_callback(self._dialling.pop)
        else:
            self._waiting.append(call)

    async def _dial(self, call: Call) -> None:
        call._fresh = True
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DIAL_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self._host, self._port, ssl=self._tls
                )
        except asyncio.CancelledError:
            call.future.cancel()
            raise
        except (
            OSError,
            ValueError,
        ):  # TimeoutError and ssl.SSLError are too; their text may hold what the peer sent
            if not call.future.done():
                call.future.set_exception(WireError("broken"))
            self._next(None)
            return
        self._open.add(connection)
        if call.future.done():
            self._next(connection)
        else:
            connection.begin(call)

    def _next(self, connection: _Connection | None) -> None:
        """A connection came free (or could not be had): the next waiting call takes its place."""
        while self._waiting:
            call = self._waiting.popleft()
            if not call.future.done():
                if connection is not None:
                    connection.begin(call)
                else:
                    self._place(call)
                return
        if connection is not None:
            self._idle.append(connection)

    def _lost(self, connection: _Connection, call: Call | None) -> None:
        self._open.discard(connection)
        with contextlib.suppress(ValueError):
            self._idle.remove(connection)
        if call is not None and not call.future.done():
            if call.received == 0 and not call._fresh:
                self._place(
                    call, fresh=True
                )  # a kept connection the source had just closed: once more, on a new one
                return
            call.future.set_exception(WireError("broken"))
        if self._drained is not None and not self._open and not self._drained.done():
            self._drained.set_result(None)
        if self._waiting and len(self._open) + len(self._dialling) < self._most:
            self._next(None)

    async def close(self) -> None:
        """Closes every connection; every call under way or waiting ends at once."""
        for call in (*self._waiting, *self._dialling.values()):
            call.future.cancel()
        self._waiting.clear()
        dialling = tuple(self._dialling)
        for task in dialling:
            task.cancel()
        for connection in tuple(self._open):
            connection.fail("broken")
        await asyncio.gather(*dialling, return_exceptions=True)
        if self._open:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained


class _Connection(asyncio.Protocol):
    """One kept connection; llhttp calls the `on_…` methods."""

    __slots__ = (
        "_body",
        "_call",
        "_complete",
        "_framed",
        "_head",
        "_head_left",
        "_headers",
        "_keep",
        "_origin",
        "_parser",
        "_transport",
    )

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._call: Call | None = None
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)

    def begin(self, call: Call) -> None:
        self._call = call
        call._connection = self
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._head = True
        self._head_left = MAX_HEAD
        self._framed = False
        self._complete = False
        if self._transport is None or self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._transport.write(call.request)

    def abort(self) -> None:
        self._call = None
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        call = self._call
        if call is None:  # an answer nobody asked for
            self.abort()
            return
        call.begun = True
        call.received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("too-large" if self._head_left < 0 else "broken")
            return
        if self._complete:
            self._finish(call)
        elif call.received > self._origin.max_bytes + MAX_HEAD or (self._head and call.received > MAX_HEAD):
            self.fail("too-large")

    def connection_lost(self, exc: Exception | None) -> None:
        call, self._call = self._call, None
        if call is not None and not self._head and not self._framed and exc is None and not call.future.done():
            self._answer(call)  # RFC 9112 §6.3: without a length, the close is the end of the body
        self._origin._lost(self, call)

    # llhttp

    def on_message_begin(self) -> None:
        if self._complete:
            raise ValueError("a second answer to one call")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_left -= len(name) + len(value) + 4
        if self._head_left < 0:
            raise ValueError("headers too large")
        name = name.lower()
        if name in _KEPT:
            self._headers[name] = value
        elif name in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        self._head = False

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete = True
        self._keep = self._parser.should_keep_alive()  # llhttp forgets it as soon as this returns

    # both

    def _answer(self, call: Call) -> None:
        call.future.set_result(
            Answer(
                self._parser.get_status_code(),
                self._headers,
                self._body[0] if len(self._body) == 1 else b"".join(self._body),
            )
        )

    def _finish(self, call: Call) -> None:
        self._call = None
        call._connection = None
        if not call.future.done():
            self._answer(call)
        if self._keep:
            self._origin._next(self)
        else:
            self.abort()

    def fail(self, why: str) -> None:
        """Ends the call with this fault, and the connection with it."""
        call = self._call
        self.abort()
        if call is not None and not call.future.done():
            call.future.set_exception(WireError(why))
