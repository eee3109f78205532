# SPDX-License-Identifier: Apache-2.0
"""What may be shared about a citizen, on which ground, and the one action that stops it.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.parts import AcceptLanguage, Parts, private, shown


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent/records", tags=["citizens: consent"])
    for_whom = Annotated[Acting, Depends(acting(parts))]

    @routes.get(
        "",
        summary="What may be shared about you, on which ground, and what you can do",
        responses={200: shown("One record for each sharing.", {"records": [examples.RECORD]})},
    )
    def records(who: for_whom) -> Response:
        return private({"records": parts.deciding.records(*who)})

    @routes.get(
        "/{id}",
        summary="One sharing, with the words to read before you decide",
        responses={
            200: shown("The record and its notice.", {"record": examples.RECORD, "notice": examples.NOTICE})
        },
    )
    def record(id: str, who: for_whom, language: AcceptLanguage = "") -> Response:
        found, words = parts.deciding.record(who[0], id, who[1], language)
        return private({"record": found, "notice": words})

    @routes.post(
        "/{id}/withdraw",
        summary="Take your consent back: one action, no reason, at once on every node",
        responses={200: shown("It is stopped; the stop receipt says who was told.", examples.WITHDRAWN)},
    )
    async def withdraw(id: str, who: for_whom) -> Response:
        done = await parts.deciding.withdraw(who[0], id, actor=who[1])
        told = await asyncio.to_thread(parts.propagation.told, done.event)
        return private(acknowledged(done.event, done.seq, already=done.already) | {"told": told})

    return routes


def acknowledged(event: str, seq: int, *, already: bool = False) -> dict[str, Any]:
    """What every decision is answered with."""
    return {
        "event": event,
        "effective_seq": seq,
        "already": already,
        "receipt": f"/v1/consent/receipts/rcp_{event}",
    }
