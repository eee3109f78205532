# SPDX-License-Identifier: Apache-2.0
"""Who asked about a citizen, why, and what they got.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse, Response

from gateway.consents.uses import PAGE
from gateway.identity.citizens import Citizen
from gateway.web.consent import examples
from gateway.web.consent.parts import PRIVATE, Parts, private, shown
from gateway.web.session import session


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    signed_in = Annotated[Citizen, Depends(session(parts.citizens))]

    @routes.get(
        "/uses",
        summary="Who asked about you, why, and what they got; newest first",
        responses={200: shown(f"At most {PAGE}; go on before the last `place`.", {"uses": [examples.USE]})},
    )
    def uses(
        who: signed_in, before: Annotated[int, Query(ge=0, description="The `place` to go on before.")] = 1 << 62
    ) -> Response:
        return private({"uses": parts.uses.newest(who.person, before)})

    @routes.get(
        "/uses/{id}/proof",
        summary="That a use stands in the access log, to be checked with anybody's tools (C2SP tlog-proof)",
        responses={200: {"content": {"text/plain": {}}}},
    )
    def proof(id: str, who: signed_in) -> PlainTextResponse:
        return PlainTextResponse(parts.uses.proof(who.person, id), headers=PRIVATE)

    return routes
