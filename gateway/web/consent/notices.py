# SPDX-License-Identifier: Apache-2.0
"""A recipient reads the stops it was told of and answers them.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from typing import Annotated

import uuid_utils
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from consent.notices import Notice
from gateway.audit.events import Entry
from gateway.errors import SystemDisabled
from gateway.model import Caller
from gateway.web.bearer import bearer
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent-notices", tags=["agencies: consent notices"])
    identify = bearer(parts.agencies)

    def active(who: Annotated[Caller, Depends(identify)]) -> Caller:
        if not (who.organisation_active and who.system_active):
            raise SystemDisabled
        return who

    caller = Annotated[Caller, Depends(active)]

    @routes.get(
        "",
        summary="Stops that your organisation has still to answer, oldest first",
        responses={200: shown("At most 100; go on after the last.", {"notices": [examples.STOP]})},
    )
    def notices(
        who: caller, after: Annotated[str, Query(max_length=36, description="Id of the last one seen.")] = ""
    ) -> Response:
        return private({"notices": parts.propagation.open_to(who.organisation, after)})

    @routes.get("/{id}", summary="One stop", responses={200: shown("The notice.", examples.STOP)})
    def notice(id: str, who: caller) -> Response:
        return private(parts.propagation.one(who.organisation, id))

    @routes.post(
        "/{id}/acknowledgement",
        summary="Say that your organisation has stopped",
        responses={200: shown("Noted; the citizen sees it.", examples.ANSWERED)},
    )
    async def acknowledge(id: str, who: caller) -> Response:
        found, news = await asyncio.to_thread(parts.propagation.acknowledge, who.organisation, id)
        if news:
            await parts.log.append(_entry("notice.acknowledged", found, who))
        return private(_answered(found))

    @routes.post(
        "/{id}/erasure",
        summary="Say that your organisation has erased what it got under the consent, or got nothing",
        responses={200: shown("Noted; the citizen sees it.", examples.ANSWERED)},
    )
    async def erase(id: str, who: caller) -> Response:
        found, news = await asyncio.to_thread(parts.propagation.confirm_erasure, who.organisation, id)
        if news:
            await parts.log.append(_entry("notice.erased", found, who))
        return private(_answered(found))

    return routes


def _answered(notice: Notice) -> dict[str, object]:
    return {"id": notice.id, "acknowledged_at": notice.acknowledged_at, "erased_at": notice.erased_at}


def _entry(kind: str, notice: Notice, who: Caller) -> Entry:
    user = {"user": who.user.id, "role": who.user.role} if who.user else {}
    return Entry(
        id=str(uuid_utils.uuid7()),
        type=kind,
        at_ms=int(time.time() * 1000),
        org=who.organisation,
        svc="consent",
        purpose="",
        decision="",
        policy="",
        subjects=1,
        groups={
            "actor": {"system": who.system, "token": who.token_id} | user,
            "subject": {"person": notice.person},
            "basis": {"agreement": notice.agreement, "event": notice.event, "notice": notice.id},
        },
        subject_key=notice.person,
    )
