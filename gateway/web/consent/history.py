# SPDX-License-Identifier: Apache-2.0
"""What a citizen decided, oldest first, and whether their chain holds.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.parts import Parts, private, shown


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    for_whom = Annotated[Acting, Depends(acting(parts))]

    @routes.get(
        "/history",
        summary="Everything you decided, and the check that nobody changed it",
        responses={200: shown("Oldest first.", {"decisions": [examples.EVENT], "chain": "verified"})},
    )
    def history(who: for_whom) -> Response:
        events, chain = parts.deciding.history(*who)
        return private({"decisions": events, "chain": chain})

    return routes
