# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/record-queries` and `POST /v1/record-queries:preview`: parse, call `pipeline.answer`, send.

A plain ASGI callable, since this path carries the load (DESIGN §6); `web/openapi.py` describes it beside the
FastAPI routes. The first byte of a body is sent only after `answer` has returned, so after the seal.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from typing import Any

import uuid_utils
from starlette.types import Receive, Scope, Send

from gateway.attempts import Attempts, Kind
from gateway.errors import (
    BodyTooLarge,
    Busy,
    CommonsError,
    LengthRequired,
    Malformed,
    MethodNotAllowed,
    MissingRequestId,
    PolicyUnavailable,
    TokenMissing,
    UnsupportedMediaType,
)
from gateway.identity.agencies import Agencies
from gateway.pipeline import Commons, Request, Stopwatch, answer
from gateway.replies import Reply
from gateway.web import problems
from gateway.web.wire import Limits, parse

ASK = "/v1/record-queries"
PREVIEW = "/v1/record-queries:preview"
BODY_TIMEOUT_S = 10
_UUID = re.compile(rb"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_CORRELATION = re.compile(rb"^[\x21-\x7e]{1,120}$")


class RecordQueries:
    """The query route of one worker; it answers once it was told what to serve under."""

    _under: tuple[Commons, Limits] | None = None

    def __init__(
        self,
        agencies: Agencies,
        *,
        public_url: str,
        max_body: int,
        max_in_flight: int,
        attempts: Attempts,
    ) -> None:
        self._attempts = attempts
        self._agencies = agencies
        self._public_url = public_url
        self._max_body = max_body
        self._free = max_in_flight

    def serve_under(self, commons: Commons, limits: Limits) -> None:
        """Answer every query that begins from now on with these parts; what has begun ends with those before."""
        self._under = commons, limits

    @property
    def serves(self) -> bool:
        """Whether there is a law, and a judge, to answer under."""
        return self._under is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Every error is a problem; an unforeseen one is a 500 that says nothing."""
        sent = dict(scope["headers"])
        request_id = ""
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed
            if self._free <= 0:
                raise Busy
            self._free -= 1
            try:
                request_id = _request_id(sent)
                reply, watch = await self._answer(scope, receive, sent, request_id)
            finally:
                self._free += 1
        except CommonsError as error:
            if error.status == 401:
                self._attempts.note(Kind(error.code, ASK))
            await self._refuse(send, error, request_id, sent)
        except Exception as error:
            await self._refuse(send, problems.unforeseen(error, request_id), request_id, sent)
        else:
            await send(
                {"type": "http.response.start", "status": 200, "headers": _headers(reply, watch, request_id, sent)}
            )
            await send({"type": "http.response.body", "body": reply.body})

    async def _answer(
        self, scope: Scope, receive: Receive, sent: dict[bytes, bytes], request_id: str
    ) -> tuple[Reply, Stopwatch]:
        watch = Stopwatch()
        token = sent.get(b"authorization", b"")
        if token[:7].lower() != b"bearer ":
            raise TokenMissing
        caller = await self._agencies.identify_apart(token[7:].decode("latin-1"))
        watch.lap("identify")
        body = await self._body(receive, sent)
        if self._under is None:
            raise PolicyUnavailable
        commons, limits = self._under
        preview = scope["path"] == PREVIEW
        query = parse(body, id=str(uuid_utils.uuid7()), caller=caller, limits=limits, preview=preview)
        key = sent.get(b"idempotency-key") or request_id.encode()
        claim_key = hashlib.sha256(key).digest()
        request = Request(request_id, claim_key, hashlib.sha256(body).digest())
        return await answer(commons, caller, query, request, watch), watch

    async def _body(self, receive: Receive, sent: dict[bytes, bytes]) -> bytes:
        if sent.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMediaType
        if b"content-encoding" in sent:
            raise UnsupportedMediaType("Send the body without a content coding.")
        length = sent.get(b"content-length", b"")
        if not length.isdigit():
            raise LengthRequired
        if len(length) > 12 or int(length) > self._max_body:
            raise self._too_large
        message = await receive()
        body = _bytes(message)
        if message.get("more_body", False):
            try:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    while message.get("more_body", False) and len(body) <= self._max_body:
                        message = await receive()
                        body += _bytes(message)
            except TimeoutError:
                raise Malformed("The body did not arrive in time.") from None
        if len(body) > self._max_body:  # whatever its length said
            raise self._too_large
        return body

    @property
    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"At most {self._max_body} bytes.")

    async def _refuse(self, send: Send, error: CommonsError, request_id: str, sent: dict[bytes, bytes]) -> None:
        body = problems.body(error, self._public_url, request_id)
        fields: list[tuple[bytes, bytes]] = [(k.encode(), v.encode()) for k, v in problems.headers(error).items()]
        fields += [(b"content-length", str(len(body)).encode()), *_echoed(request_id, sent)]
        decision = error.extensions.get("decision")
        if decision:
            fields.append((b"decision-id", str(decision).encode()))
        await send({"type": "http.response.start", "status": error.status, "headers": fields})
        await send({"type": "http.response.body", "body": body})


def _bytes(message: Any) -> bytes:
    if message["type"] == "http.disconnect":
        raise Malformed("The connection closed before the body was whole.")
    body: bytes = message.get("body", b"")
    return body


def _request_id(sent: dict[bytes, bytes]) -> str:
    found = sent.get(b"x-request-id", b"")
    if _UUID.match(found) is None:
        raise MissingRequestId
    return found.decode().lower()


def _echoed(request_id: str, sent: dict[bytes, bytes]) -> Iterable[tuple[bytes, bytes]]:
    """The caller's own ids, for their matching; the correlation id goes nowhere else."""
    if request_id:
        yield b"x-request-id", request_id.encode()
    correlation = sent.get(b"x-correlation-id")
    if correlation is not None and _CORRELATION.match(correlation):
        yield b"x-correlation-id", correlation


def _headers(
    reply: Reply, watch: Stopwatch, request_id: str, sent: dict[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    timing = ", ".join([f"{stage};dur={ms:.2f}" for stage, ms in watch.spent])
    committed = reply.committed
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(reply.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"decision-id", reply.decision.encode()),
        (b"link", f'</v1/receipts/{reply.receipt}>; rel="receipt"'.encode()),
        (b"audit-entry", f"{committed.origin}#{committed.index}".encode()),
        (b"audit-checkpoint", committed.checkpoint_b64),
        (b"server-timing", timing.encode()),
        *_echoed(request_id, sent),
    ]
