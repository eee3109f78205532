# SPDX-License-Identifier: Apache-2.0
"""A witness over HTTP: `POST /add-checkpoint`, and the newest cosigned checkpoint of a log for monitors, at
`GET /<hex SHA-256 of the log's origin>/checkpoint`."""

from __future__ import annotations

from hashlib import sha256

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.witness.cosigning import LARGEST, TEXT, Answer, Witness


def app(witness: Witness) -> Starlette:
    """The ASGI application of one witness."""
    by_digest = {sha256(origin.encode()).hexdigest(): origin for origin in witness.origins}

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return _response(Answer(413, "the request is too large\n"))
        return _response(await run_in_threadpool(witness.add_checkpoint, body))

    def newest(request: Request) -> Response:
        origin = by_digest.get(request.path_params["digest"])
        note = witness.newest(origin) if origin else None
        return _response(Answer(200, note) if note else Answer(404, "nothing was cosigned of this log\n"))

    def live(_: Request) -> Response:
        return _response(Answer(200, "live\n"))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/health/live", live),
            Route("/{digest}/checkpoint", newest),
        ]
    )


def _response(answer: Answer) -> Response:
    headers = {"content-type": answer.media_type, "cache-control": "no-store"}
    return Response(answer.body.encode(), answer.status, headers)


__all__ = ["TEXT", "app"]
