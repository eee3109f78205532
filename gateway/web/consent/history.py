# SPDX-License-Identifier: Apache-2.0
"""What a citizen decided, oldest first, and whether their chain holds.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from gateway.identity.citizens import Citizen
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.session import session


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    signed_in = Annotated[Citizen, Depends(session(parts.citizens))]

    @routes.get(
        "/history",
        summary="Everything you decided, and the check that nobody changed it",
        responses={200: shown("Oldest first.", {"decisions": [examples.EVENT], "chain": "verified"})},
    )
    def history(who: signed_in) -> Response:
        events, chain = parts.deciding.history(who.person)
        return private({"decisions": events, "chain": chain})

    return routes
