# SPDX-License-Identifier: Apache-2.0
"""What a decision would change, before it is made: the law in force judged over the ledger as it stands and as it
would stand. Nothing is recorded, nothing is fetched, nobody is told.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent.model import Event
from gateway.consents.whatif import Effect, foresee
from gateway.consents.wishes import LONGEST_DAYS, Decision
from gateway.errors import PolicyUnavailable
from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.decisions import Code
from gateway.web.consent.parts import Parts, private, shown


class Supposed(BaseModel):
    """One decision about one record, as it might be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"record": examples.RECORD["id"], "decision": "withdraw"}]}
    )

    record: str = Field(max_length=64, description="Id of the record.")
    decision: Literal["give", "refuse", "narrow", "renew", "withdraw", "object", "opt-out"]
    categories: list[Code] = Field(default_factory=list, max_length=64)
    fields: list[Code] = Field(default_factory=list, max_length=256)
    days: int = Field(default=180, ge=1, le=LONGEST_DAYS)


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    for_whom = Annotated[Acting, Depends(acting(parts))]

    @routes.post(
        "/simulate",
        summary="What would change if you decided this; nothing is recorded",
        responses={
            200: shown("The services that would change, and those that would not.", examples.SIMULATED),
        },
    )
    async def simulate(supposed: Supposed, who: for_whom, request: Request) -> Response:
        judge = getattr(request.app.state, "judge", None)
        if judge is None:
            raise PolicyUnavailable
        if supposed.decision == "object" or supposed.decision == "opt-out":  # noqa: PLR1714  # mypy narrows this only
            events, event = await asyncio.to_thread(_beside, parts, supposed, *who)
        else:
            verb = "narrow" if supposed.decision == "withdraw" else supposed.decision
            decision = Decision(
                record=supposed.record,
                verb=verb,
                categories=tuple(supposed.categories),
                fields=tuple(supposed.fields),
                days=supposed.days,
            )
            taken_back = supposed.decision == "withdraw"
            events, event = await parts.deciding.suppose(who[0], decision, withdraw=taken_back, actor=who[1])
        services = await foresee(judge, parts.desk.law(), events, event, int(time.time()))
        changed = [one for one in services if one.effect is not Effect.UNAFFECTED]
        return private({"changed": changed, "unaffected": [one for one in services if one not in changed]})

    return routes


def _beside(parts: Parts, supposed: Supposed, person: str, viewer: str) -> tuple[list[Event], Event]:
    """What was decided so far, and an objection to what a record shares, or the opt-out, as it would be."""
    record, _ = parts.deciding.record(person, supposed.record, viewer)
    objecting = parts.desk.objecting
    if supposed.decision == "opt-out":
        event = objecting.suppose_opting_out(person)
    else:
        event = objecting.suppose_objecting(person, record.agreement, record.recipient, record.purpose)
    return parts.deciding.events(person), event
