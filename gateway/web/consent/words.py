# SPDX-License-Identifier: Apache-2.0
"""The words that a citizen was shown, by their hash, so that a receipt can be read beside them. They speak of an
agreement, and of no citizen: nobody needs to sign in.

No postponed annotations here: FastAPI reads them.
"""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from consent import shown
from gateway import db
from gateway.errors import NotFound
from gateway.web.consent.parts import Parts

_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])

    @routes.get(
        "/notices/{hash}",
        summary="The words of a notice, by their SHA-256",
        responses={200: {"content": {"text/plain": {"example": "Joined-up hospital discharge. …"}}}},
    )
    def words(hash: str) -> PlainTextResponse:
        with db.read(parts.desk.engine) as connection:
            found = shown.find(connection, hash)
        if found is None:
            raise NotFound
        headers = _FOR_EVER | {"content-language": found.language}
        return PlainTextResponse(found.words, headers=headers)

    return routes
