# SPDX-License-Identifier: Apache-2.0
"""An HTTP upstream on loopback that answers byte for byte what a test tells it to, or misbehaves as told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


Respond = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstream:
    """A running upstream; `asked` keeps every request, `closed` is set when a client went first."""

    url: str
    respond: Respond
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)


def plain(status: str, body: bytes, content_type: str = "application/json", extra: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def answers(*wholes: bytes) -> Respond:
    """Sends these answers in turn, the last one for ever."""
    left = list(wholes)

    async def respond(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])

    return respond


def document(value: object) -> Respond:
    """200 with this JSON, for every request."""
    return answers(plain("200 OK", orjson.dumps(value)))


async def hang(_: Asked, __: asyncio.StreamWriter) -> None:
    """Accepts, reads, and says nothing until the client goes."""
    await asyncio.Event().wait()


async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
    """One byte of body at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.005)


@asynccontextmanager
async def upstream(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Runs an upstream on a port of its own; over TLS when it is given a context."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines if one)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = Asked(line, headers, body)
                here.asked.append(asked)
                here.heard.set()
                await _until_gone(here.respond(asked, writer), reader)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            here.closed.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    here = Upstream(f"https://localhost:{port}/api" if tls else f"http://127.0.0.1:{port}/api", respond)
    try:
        yield here
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _until_gone(work: Awaitable[None], reader: asyncio.StreamReader) -> None:
    """Runs `work`, but stops it when the client closes the connection."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_closed(reader))
    await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        working.result()
        return
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    raise ConnectionError


async def _closed(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():
        if reader._buffer:  # type: ignore[attr-defined] # a pipelined request is not read here
            await asyncio.sleep(0.01)
        else:
            await reader._wait_for_data("closed")  # type: ignore[attr-defined]
