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

    @routes.get("/checkpoint", summary="The newest signed checkpoint of this year's log (C2SP tlog-checkpoint)")
    def newest_checkpoint() -> PlainTextResponse:
        return PlainTextResponse(log.checkpoint(), headers={"cache-control": "no-cache"})

    @routes.get("/{year}/checkpoint", summary="The newest signed checkpoint of a year (C2SP tlog-checkpoint)")
    def checkpoint(year: int) -> PlainTextResponse:
        note = log.checkpoint(year)
        if not note:
            raise NotFound
        return PlainTextResponse(note, headers={"cache-control": "no-cache"})

    @routes.get("/tile/{path:path}", summary="A tile or entry bundle of this year's log (C2SP tlog-tiles)")
    def newest_tile(path: str, authorization: Annotated[str, Header()] = "") -> Response:
        return served(None, path, authorization)

    @routes.get("/{year}/tile/{path:path}", summary="A tile of hashes, or an entry bundle (C2SP tlog-tiles)")
    def tile(year: int, path: str, authorization: Annotated[str, Header()] = "") -> Response:
        return served(year, path, authorization)

    def served(year: int | None, path: str, authorization: str) -> Response:
        wanted = tiles.parse(path)
        if wanted is None:
            raise NotFound
        if wanted.level == tiles.ENTRIES:
            _admit(authorization, monitor_token)
            content = log.bundle(wanted.n, wanted.width, year)
        else:
            content = log.tile(*wanted, year)
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
