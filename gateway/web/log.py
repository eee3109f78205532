# SPDX-License-Identifier: Apache-2.0
"""The access log over HTTP, as C2SP tlog-tiles under the prefix `/log`.

Tiles and checkpoints say nothing of anybody and are public. Entry bundles hold organisations and purposes, and
are for accredited monitors, who send a bearer token.
"""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import PlainTextResponse, Response

from gateway.audit import tiles
from gateway.audit.log import Log
from gateway.errors import NotFound, TokenInvalid, TokenMissing

_IMMUTABLE = "public, max-age=31536000, immutable"
_OCTETS = "application/octet-stream"


def router(log: Log, monitor_token: str | None) -> APIRouter:
    """The routes of one log. Without `monitor_token` no bundle is served."""
    routes = APIRouter(tags=["access log"], prefix="/log")

    @routes.get("/checkpoint", summary="The newest signed checkpoint (C2SP tlog-checkpoint)")
    def checkpoint() -> PlainTextResponse:
        return PlainTextResponse(log.checkpoint(), headers={"cache-control": "no-cache"})

    @routes.get("/tile/{path:path}", summary="A tile of hashes, or an entry bundle (C2SP tlog-tiles)")
    def tile(path: str, authorization: Annotated[str, Header()] = "") -> Response:
        wanted = tiles.parse(path)
        if wanted is None:
            raise NotFound
        if wanted.level == tiles.ENTRIES:
            _admit(authorization, monitor_token)
            content = log.bundle(wanted.n, wanted.width)
        else:
            content = log.tile(*wanted)
        if content is None:
            raise NotFound
        private = wanted.level == tiles.ENTRIES
        caching = _IMMUTABLE.replace("public", "private") if private else _IMMUTABLE
        return Response(content, media_type=_OCTETS, headers={"cache-control": caching})

    return routes


def _admit(authorization: str, monitor_token: str | None) -> None:
    if monitor_token is None:
        raise NotFound
    if authorization[:7].lower() != "bearer ":
        raise TokenMissing("Entry bundles are for monitors: send their bearer token.")
    if not hmac.compare_digest(authorization[7:].encode(), monitor_token.encode()):
        raise TokenInvalid("This is not the monitors' token.")
