# SPDX-License-Identifier: Apache-2.0
"""The wire: few connections for many calls, none leaked, none mixed up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from connectors.wire import Answer, Origin, WireError
from tests.connectors.upstream import Asked, Respond, Upstream, answers, hang, plain

Serve = Callable[[Respond], Awaitable[Upstream]]
Dial = Callable[..., Origin]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    opened: list[Origin] = []

    def open_origin(here: Upstream, connections: int = 2) -> Origin:
        port = int(here.url.split(":")[2].split("/")[0])
        opened.append(Origin("127.0.0.1", port, None, connections=connections, max_bytes=4096))
        return opened[-1]

    yield open_origin
    async with asyncio.timeout(5):
        for one in opened:
            await one.close()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers with the path, a little later for even numbers."""
    path = asked.line.split()[1]
    await asyncio.sleep(0.002 if path[-1] in "02468" else 0)
    writer.write(plain("200 OK", path.encode(), "text/plain"))


async def answered(origin: Origin, path: str) -> Answer:
    call = origin.send(get(path))
    try:
        async with asyncio.timeout(5):
            return await call.future
    finally:
        call.drop()


async def test_many_calls_over_few_connections_each_get_their_own_answer(serve: Serve, dial: Dial) -> None:
    here = await serve(echo)
    origin = dial(here, connections=2)
    paths = [f"/{number}" for number in range(40)]
    bodies = await asyncio.gather(*(answered(origin, path) for path in paths))
    assert [answer.body.decode() for answer in bodies] == paths
    assert here.connections == 2


async def test_a_waiting_call_that_is_dropped_is_never_sent(serve: Serve, dial: Dial) -> None:
    here = await serve(hang)
    origin = dial(here, connections=1)
    first, second, third = origin.send(get("/1")), origin.send(get("/2")), origin.send(get("/3"))
    async with asyncio.timeout(5):
        await here.heard.wait()
        second.drop()
        here.respond = echo
        first.drop()  # its connection goes with it, and the third call gets a new one
        assert (await third.future).body == b"/3"
    assert [asked.line.split()[1] for asked in here.asked] == ["/1", "/3"]
    third.drop()


async def test_a_connection_that_says_close_is_not_used_again(serve: Serve, dial: Dial) -> None:
    here = await serve(answers(plain("200 OK", b"{}", extra="Connection: close\r\n")))
    origin = dial(here)
    for _ in range(3):
        assert (await answered(origin, "/")).status == 200
    assert here.connections == 3


async def test_a_chunked_answer_is_joined(serve: Serve, dial: Dial) -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    origin = dial(await serve(answers(chunks)))
    assert (await answered(origin, "/")).body == b"abcde"
    assert (await answered(origin, "/")).body == b"abcde"


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ids=["a bad chunk", "two lengths", "both framings", "a negative length", "a bad name", "folding", "an upgrade"],
)
async def test_framing_that_two_parsers_could_read_differently_is_refused(
    serve: Serve, dial: Dial, whole: bytes
) -> None:
    with pytest.raises(WireError):
        await answered(dial(await serve(answers(whole))), "/")


async def test_bytes_that_nobody_asked_for_close_the_connection(serve: Serve, dial: Dial) -> None:
    """What comes after an answer could otherwise be taken for the answer to the next citizen's call."""
    late = asyncio.Event()

    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await echo(asked, writer)
        if asked.line.startswith("GET /1 "):
            await writer.drain()
            writer.write(plain("200 OK", b"somebody else's", "text/plain"))
            await writer.drain()
            late.set()

    here = await serve(respond)
    origin = dial(here, connections=1)
    async with asyncio.timeout(5):
        with suppress(WireError):  # if both answers came at once, neither is believed
            assert (await answered(origin, "/1")).body == b"/1"
        await late.wait()
        assert (await answered(origin, "/3")).body == b"/3"


async def test_closing_ends_calls_under_way_and_waiting(serve: Serve, dial: Dial) -> None:
    here = await serve(hang)
    origin = dial(here, connections=1)
    calls = [origin.send(get(f"/{number}")) for number in range(3)]
    async with asyncio.timeout(5):
        await here.heard.wait()
        await origin.close()
        results = await asyncio.gather(*(call.future for call in calls), return_exceptions=True)
    assert all(isinstance(result, (WireError, asyncio.CancelledError)) for result in results)


async def test_closing_ends_a_call_that_is_still_being_dialled(serve: Serve, dial: Dial) -> None:
    origin = dial(await serve(hang))
    call = origin.send(get("/"))
    await origin.close()
    assert call.future.cancelled()
