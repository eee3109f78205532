# SPDX-License-Identifier: Apache-2.0
"""What a citizen, or whoever acts for one, is told before it ends.

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
        "/endings",
        summary="What ends soon: your consents, and who may decide for whom",
        responses={
            200: shown(
                "Told 30 and 7 days before; gone once it is renewed or over.", {"endings": [examples.ENDING]}
            )
        },
    )
    def endings(who: for_whom) -> Response:
        return private({"endings": parts.desk.expiring.notices(*who)})

    return routes
