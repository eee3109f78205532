# SPDX-License-Identifier: Apache-2.0
"""The charity twin's answers: three entities, searched by client number, twenty a page.

    POST /api/v2/{clients|plans|visits}/search?cursor=…   {"client_no": "EB100001"}   X-Api-Key: …
    → {"values": [...], "count": 2, "countMatched": 2, "next": null}

A client number nobody has is 404 CLIENT_NOT_FOUND; one that two clients have is 409 MULTIPLE_MATCHES.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path

import orjson

from connectors.sandbox.http import Reply, Request, Twin
from connectors.sandbox.store import Reader

BASE = "/api/v2"
MEDIA_TYPE = "application/json"
PAGE = 20

_ENTITIES = {f"{BASE}/{entity}/search": entity for entity in ("clients", "plans", "visits")}


def problem(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> Reply:
    """An error as this supplier words it."""
    return Reply(status, orjson.dumps({"is_error": 1, "code": code, "message": message}), headers)


DENIED = problem(401, "INVALID_API_KEY", "The API key is missing or wrong")
NO_CLIENT = problem(404, "CLIENT_NOT_FOUND", "No client has that number")
TWO_CLIENTS = problem(409, "MULTIPLE_MATCHES", "More than one client has that number")
BAD_REQUEST = problem(400, "BAD_REQUEST", 'Send {"client_no": "..."}')
NO_ENTITY = problem(404, "NO_SUCH_ENTITY", "There is no such entity")
BROKEN = problem(500, "DB_ERROR", "DB Error: connect failed")
BUSY = problem(429, "RATE_LIMIT", "Too many calls", (b"retry-after", b"5"))


def make(folder: Path) -> tuple[Twin, Callable[[], None]]:
    """The twin over the store in `folder`, and what closes it."""
    reader = Reader(folder)
    twin = Twin(
        answer=Service(reader).answer,
        identifier=client_number,
        failure=BROKEN,
        busy=BUSY,
        media_type=MEDIA_TYPE,
        faults=reader.faults(),
    )
    return twin, reader.close


def client_number(request: Request) -> str:
    """The client number a request is about, "" when it is about nobody."""
    if request.method != "POST":
        return ""
    try:
        return str(orjson.loads(request.body)["client_no"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""


class Service:
    """Looks up and answers."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._key = reader.key.encode()

    def answer(self, request: Request, liar: bool) -> Reply:
        """One answer."""
        if request.path == f"{BASE}/status":
            return Reply(200, b'{"status":"ok"}')
        if not compare_digest(request.headers.get(b"x-api-key", b""), self._key):
            return DENIED
        entity = _ENTITIES.get(request.path)
        if entity is None:
            return NO_ENTITY
        number = client_number(request)
        if not number:
            return BAD_REQUEST
        return self._search(entity, self._reader.somebody_else(entity, number) if liar else number, request)

    def _search(self, entity: str, number: str, request: Request) -> Reply:
        clients = self._reader.all("clients", number)
        if len(clients) != 1:
            return TWO_CLIENTS if clients else NO_CLIENT
        found = clients if entity == "clients" else self._reader.all(entity, number)
        start = _start(request.query.get("cursor", ""))
        if start is None:
            return BAD_REQUEST
        page = found[start : start + PAGE]
        following = f'"{_cursor(start + PAGE)}"' if start + PAGE < len(found) else "null"
        body = b'{"values":[%s],"count":%d,"countMatched":%d,"next":%s}' % (
            b",".join(page), len(page), len(found), following.encode(),
        )  # fmt: skip
        return Reply(200, body)


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(b"from:%d" % start).decode()


def _start(cursor: str) -> int | None:
    if not cursor:
        return 0
    try:
        word, _, place = base64.urlsafe_b64decode(cursor).partition(b":")
        return int(place) if word == b"from" else None
    except (binascii.Error, ValueError):
        return None
