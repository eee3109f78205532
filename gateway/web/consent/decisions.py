# SPDX-License-Identifier: Apache-2.0
"""A citizen agrees, refuses, narrows or renews.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.consents.wishes import LONGEST_DAYS, Decision
from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.conditions import Conditions
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.consent.records import acknowledged

Code = Annotated[str, Field(max_length=130)]


class Wanted(BaseModel):
    """One decision about one record."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.DECISION]})

    record: str = Field(max_length=64, description="Id of the record.")
    decision: Literal["give", "refuse", "narrow", "renew"]
    categories: list[Code] = Field(
        default_factory=list, max_length=64, description="For `narrow`: what you keep; else what it is about."
    )
    fields: list[Code] = Field(default_factory=list, max_length=256, description="As `<category>/<field>`.")
    days: int = Field(default=180, ge=1, le=LONGEST_DAYS, description="How long you agree for.")
    notice_hash: str = Field(default="", max_length=64, description="Of the words you read, where you agree.")
    conditions: Conditions = Field(default_factory=Conditions, description="What narrows a yes further.")


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: consent"])
    for_whom = Annotated[Acting, Depends(acting(parts))]

    @routes.post(
        "/decisions",
        status_code=201,
        summary="Agree, refuse, keep less, or agree for longer",
        responses={201: shown("Recorded, logged, in force on every node.", examples.DECIDED)},
    )
    async def decide(wanted: Wanted, who: for_whom) -> Response:
        decision = Decision(
            record=wanted.record,
            verb=wanted.decision,
            categories=tuple(wanted.categories),
            fields=tuple(wanted.fields),
            days=wanted.days,
            notice_hash=wanted.notice_hash,
            conditions=wanted.conditions.narrowed(parts.desk.law(), _about(parts, wanted)),
        )
        done = await parts.deciding.decide(who[0], decision, actor=who[1])
        return private(acknowledged(done.event, done.seq), 201)

    return routes


def _about(parts: Parts, wanted: Wanted) -> tuple[str, ...]:
    """The categories that a decision is about: those it names, else all of the record."""
    named = dict.fromkeys([*wanted.categories, *(full.partition("/")[0] for full in wanted.fields)])
    return tuple(named) or parts.deciding.categories(wanted.record)
