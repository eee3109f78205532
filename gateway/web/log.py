# SPDX-License-Identifier: Apache-2.0
"""The access log over HTTP, as C2SP tlog-tiles under the prefix `/log`.

Tiles and checkpoints say nothing of anybody and are public. Entry bundles hold organisations and purposes, and
are for accredited monitors, who send a bearer token.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from msgspec import structs

from gateway.audit import tiles
from gateway.audit.log import Log
from gateway.audit.publishing import Publisher
from gateway.audit.witnesses import request
from gateway.errors import NotFound, TokenInvalid, TokenMissing

_IMMUTABLE = "public, max-age=31536000, immutable"
_OCTETS = "application/octet-stream"


def router(log: Log, publisher: Publisher | None, monitor_token: str | None) -> APIRouter:
    """The routes of one log. With a publisher that asks witnesses, checkpoints are served as those cosigned them.
    Without `monitor_token` no bundle is served."""
    routes = APIRouter(tags=["access log"], prefix="/log")

    @routes.get("/checkpoint", summary="The newest signed checkpoint of this year's log (C2SP tlog-checkpoint)")
    def newest_checkpoint() -> PlainTextResponse:
        return PlainTextResponse(newest(None), headers={"cache-control": "no-cache"})

    @routes.get("/{year}/checkpoint", summary="The newest signed checkpoint of a year (C2SP tlog-checkpoint)")
    def checkpoint(year: int) -> PlainTextResponse:
        note = newest(year)
        if not note:
            raise NotFound
        return PlainTextResponse(note, headers={"cache-control": "no-cache"})

    @routes.get("/tile/{path:path}", summary="A tile or entry bundle of this year's log (C2SP tlog-tiles)")
    def newest_tile(path: str, authorization: Annotated[str, Header()] = "") -> Response:
        return _served(log, None, path, authorization, monitor_token)

    @routes.get("/{year}/tile/{path:path}", summary="A tile of hashes, or an entry bundle (C2SP tlog-tiles)")
    def tile(year: int, path: str, authorization: Annotated[str, Header()] = "") -> Response:
        return _served(log, year, path, authorization, monitor_token)

    @routes.get("/{year}/growth/{old}", summary="That a year's log only grew since it had `old` entries")
    def growth(year: int, old: int) -> PlainTextResponse:
        """A consistency proof to the newest checkpoint, as it is sent to witnesses (C2SP tlog-witness)."""
        note = newest(year)
        path = log.reader.growth(old, int(note.split("\n", 2)[1]), year) if note else None
        if path is None:
            raise NotFound
        return PlainTextResponse(request(old, path, note), headers={"cache-control": "no-cache"})

    if publisher is not None:

        @routes.get(
            "/health", tags=["health"], summary="How publishing the log goes, and when it was last cosigned"
        )
        def health() -> JSONResponse:
            return JSONResponse(structs.asdict(publisher.health()), headers={"cache-control": "no-store"})

    def newest(year: int | None) -> str:
        if publisher is not None and publisher.asks_witnesses:
            published = log.reader.published(year)
            if published is not None:
                return published.checkpoint
        return log.checkpoint(year)

    return routes


def _served(log: Log, year: int | None, path: str, authorization: str, monitor_token: str | None) -> Response:
    wanted = tiles.parse(path)
    if wanted is None:
        raise NotFound
    private = wanted.level == tiles.ENTRIES
    if private:
        _admit(authorization, monitor_token)
        content = log.bundle(wanted.n, wanted.width, year)
    else:
        content = log.tile(*wanted, year)
    if content is None:
        raise NotFound
    headers = {
        "cache-control": _IMMUTABLE.replace("public", "private") if private else _IMMUTABLE,
        "etag": f'"{sha256(content).hexdigest()[:32]}"',
    }
    return Response(content, media_type=_OCTETS, headers=headers)


def _admit(authorization: str, monitor_token: str | None) -> None:
    if monitor_token is None:
        raise NotFound
    if authorization[:7].lower() != "bearer ":
        raise TokenMissing("Entry bundles are for monitors: send their bearer token.")
    if not hmac.compare_digest(authorization[7:].encode(), monitor_token.encode()):
        raise TokenInvalid("This is not the monitors' token.")
