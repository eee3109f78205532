# SPDX-License-Identifier: Apache-2.0
"""The HTTP ground of the twins: one ASGI callable each, its requests read, its answers sent, its faults shown.

Plain ASGI instead of a framework, because benchmarks measure the gateway against these twins: several thousand
answers a second must cost them little.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from msgspec import Struct

from connectors.sandbox.faults import Fault, Faults, Mode
from connectors.sandbox.process import Options, announce

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

GARBAGE = b"<html><body>It works!</body></html>"
_MOST_BODY = 65_536


class Request(Struct):
    """One request, as far as a twin cares. `form` holds the members of a form body (a repeated one: its last)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[bytes, bytes]
    body: bytes
    form: dict[str, str]


class Reply(Struct):
    """One answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Twin:
    """An ASGI application that answers through `answer(request, liar)` and shows its faults.

    `identifier(request)` says whom a request is about ("" for nobody); a lying twin is asked with `liar` true.
    `failure` is what it says when it is told to fail, `busy` when it is throttled.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Request, bool], Reply],
        identifier: Callable[[Request], str],
        failure: Reply,
        busy: Reply,
        media_type: str,
        faults: Faults,
    ) -> None:
        self._answer = answer
        self._identifier = identifier
        self._failure = failure
        self._busy = busy
        self._type = (b"content-type", media_type.encode())
        self._faults = faults

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        request = await _read(scope, receive)
        if request is None:
            await self._send(send, Reply(413, b"{}"))
            return
        if request.path == "/__sandbox/faults":
            await self._send(send, self._control(request))
            return
        fault = self._faults.about(self._identifier(request))
        if fault is None:
            await self._send(send, self._answer(request, False))
        else:
            await self._misbehave(fault, request, receive, send)

    async def _misbehave(self, fault: Fault, request: Request, receive: Receive, send: Send) -> None:
        match fault.mode:
            case Mode.HANG:
                await _gone(receive)
            case Mode.FAIL:
                await self._send(send, self._failure)
            case Mode.THROTTLE:
                await self._send(send, self._busy)
            case Mode.GARBAGE:
                await self._send(send, Reply(200, GARBAGE))
            case Mode.DRIP:
                await self._drip(send, self._answer(request, False), fault.delay_ms / 1000)
            case Mode.LIE:
                await self._send(send, self._answer(request, True))
            case _:
                if not await _gone(receive, fault.delay_ms / 1000):
                    await self._send(send, self._answer(request, False))

    async def _send(self, send: Send, reply: Reply) -> None:
        await send(self._start(reply))
        await send({"type": "http.response.body", "body": reply.body})

    async def _drip(self, send: Send, reply: Reply, seconds: float) -> None:
        await send(self._start(reply))
        for place in range(len(reply.body)):
            await send({"type": "http.response.body", "body": reply.body[place : place + 1], "more_body": True})
            await asyncio.sleep(seconds)
        await send({"type": "http.response.body", "body": b""})

    def _start(self, reply: Reply) -> Message:
        length = (b"content-length", str(len(reply.body)).encode())
        return {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [self._type, length, *reply.headers],
        }

    def _control(self, request: Request) -> Reply:
        try:
            if request.method == "PUT":
                self._faults.tell(request.body)
            elif request.method == "DELETE":
                self._faults.forget()
        except msgspec.MsgspecError:
            return Reply(400, b'{"expected":{"mode":"...","identifier":"...","delay_ms":0}}')
        return Reply(200, self._faults.in_force())


async def _gone(receive: Receive, seconds: float | None = None) -> bool:
    """Waits until the asker hangs up, at most `seconds`; whether it did."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _read(scope: MutableMapping[str, Any], receive: Receive) -> Request | None:
    """The request with its body; None when that is too large."""
    body = b""
    if scope["method"] in {"POST", "PUT"}:
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _MOST_BODY:
                return None
    query = scope["query_string"]
    headers = dict(scope["headers"])
    is_form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(query.decode("latin-1"))) if query else {},
        headers=headers,
        body=body,
        form=dict(parse_qsl(body.decode("utf-8", "replace"))) if is_form else {},
    )


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(twin: Twin, found: Options, base_path: str) -> int:
    """Serves the twin on 127.0.0.1 until SIGTERM or SIGINT; 0 is the exit status of an orderly end."""
    listener = socket.create_server(("127.0.0.1", found.port), backlog=1024)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        twin, loop="auto", http="httptools", ws="none", lifespan="off", access_log=False, log_level="critical",
        server_header=False, date_header=False, timeout_graceful_shutdown=1, timeout_keep_alive=300,
        interface="asgi3", proxy_headers=False,
    )  # fmt: skip
    server = _Server(config, lambda: announce(found, f"http://127.0.0.1:{port}{base_path}", port))
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn hands the signal on to the handler of before when it is done: that one has nothing more to do.
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    return 0
