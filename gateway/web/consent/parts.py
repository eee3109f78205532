# SPDX-License-Identifier: Apache-2.0
"""What the routes of `/v1/consent` are bound to, and how each of their answers is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import Header
from fastapi.responses import Response

from gateway.audit.log import Log
from gateway.consents.deciding import Deciding
from gateway.consents.desk import Desk
from gateway.consents.propagation import Propagation
from gateway.consents.receipts import Receipts
from gateway.consents.uses import Uses
from gateway.identity.agencies import Agencies
from gateway.identity.citizens import Citizens
from gateway.identity.people import People
from gateway.settings import CitizenProvider

AcceptLanguage = Annotated[
    str,
    Header(
        alias="Accept-Language",
        max_length=200,
        description="In which form you want to read: `en`, `cy` (Welsh) or `en-simple` (Easy Read). Default: `en`.",
    ),
]

PRIVATE = {"cache-control": "no-store"}
"""Of every answer about a citizen (RFC 9111 §5.2.2.5)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The concrete parts, made by `create_app`."""

    citizens: Citizens
    agencies: Agencies
    deciding: Deciding
    receipts: Receipts
    propagation: Propagation
    uses: Uses
    desk: Desk
    people: People
    log: Log
    providers: Mapping[str, CitizenProvider]


def private(body: object, status: int = 200) -> Response:
    """An answer as JSON that nobody may keep; Structs are written as they are."""
    return Response(msgspec.json.encode(body), status, PRIVATE, "application/json")


def shown(description: str, example: Any) -> dict[str, Any]:
    """One response of a route, for the API description."""
    return {"description": description, "content": {"application/json": {"example": example}}}
