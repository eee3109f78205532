# SPDX-License-Identifier: Apache-2.0
"""A citizen's receipts, and those of what somebody decided for them: signed, or in plain words. That of a stop
also says who was told and who has answered.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import PlainTextResponse, Response

from gateway.errors import NotFound
from gateway.model import Caller
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.parts import PRIVATE, Parts, private, shown

JOSE = "application/jose"
"""RFC 7515 §9.2.1"""


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    for_whom = Annotated[Acting, Depends(acting(parts))]
    caller = Annotated[Caller, Depends(active(parts.agencies))]

    @routes.get(
        "/receipts/{id}",
        summary="The receipt of a decision; a new one each time, with the newest proof and answers",
        responses={
            200: {
                "description": "Signed (`application/jose`), in plain words (`text/plain`), or both (JSON).",
                "content": {"application/json": {"example": examples.RECEIPT}, JOSE: {}, "text/plain": {}},
            }
        },
    )
    def receipt(id: str, who: for_whom, accept: Annotated[str, Header()] = "") -> Response:
        if not id.startswith("rcp_"):
            raise NotFound
        event = id.removeprefix("rcp_")
        issued = parts.receipts.issue(who[0], event, parts.propagation.told(event), holder=who[1])
        if accept.startswith("text/plain"):
            return PlainTextResponse(issued.plain, headers=PRIVATE)
        if accept.startswith(JOSE):
            return Response(issued.jws, media_type=JOSE, headers=PRIVATE)
        return private({"id": id, "jws": issued.jws, "plain": issued.plain})

    @routes.get(
        "/assisted/receipts/{id}",
        tags=["staff: assisted decisions"],
        summary="The receipt of a decision that you wrote down, to print or send to the citizen",
        responses={200: shown("Signed, and in plain words.", examples.RECEIPT)},
    )
    def for_staff(id: str, who: caller) -> Response:
        if not id.startswith("rcp_") or who.user is None or not who.user.assured:
            raise NotFound
        event, staff = id.removeprefix("rcp_"), who.user.id
        issued = parts.receipts.by_staff(event, who.organisation, staff, parts.propagation.told)
        return private({"id": id, "jws": issued.jws, "plain": issued.plain})

    return routes
