# SPDX-License-Identifier: Apache-2.0
"""The law in force as its signed file: for OPA servers, and for whoever wants to check what is judged by.

No postponed annotations here: FastAPI reads them.
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from gateway.errors import NotFound
from gateway.policy.archive import Archive

PATH = "/law/in-force.tar.gz"


def router(archive: Archive) -> APIRouter:
    """The route, bound to where bundles are kept."""
    routes = APIRouter(tags=["catalogue"])

    @routes.get(PATH, summary="The law in force: an OPA bundle with the steward's signature")
    def in_force(if_none_match: Annotated[str, Header()] = "") -> Response:
        raw = archive.in_force()
        if raw is None:
            raise NotFound
        tag = f'"{hashlib.sha256(raw).hexdigest()}"'
        if if_none_match == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return Response(raw, media_type="application/gzip", headers={"ETag": tag, "Cache-Control": "no-cache"})

    return routes
