# SPDX-License-Identifier: Apache-2.0
"""A citizen, or whoever acts for one, sees what is asked and answers it, or puts it off.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent.model import Provision
from consent.receipts import instant
from consent.requests import Request
from gateway.consents.answering import Answering, Reply
from gateway.consents.wordings import choose
from gateway.errors import NotFound
from gateway.web.consent import examples
from gateway.web.consent.acting import Acting
from gateway.web.consent.acting import acting as of_whom
from gateway.web.consent.conditions import Conditions
from gateway.web.consent.parts import AcceptLanguage, Parts, private, shown
from gateway.web.consent.records import acknowledged
from gateway.web.consent.requests import Category, categories


class RequestAnswer(BaseModel):
    """A yes, to all that was asked or less, or a no."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ANSWER]})

    given: bool
    categories: list[Category] = Field(
        default_factory=list, max_length=30, description="What you agree to; none: all that was asked."
    )
    days: int = Field(default=0, ge=0, le=3650, description="For how long; 0: for as long as was asked.")
    notice_hash: str = Field(default="", max_length=64, description="Of the words you read, where you agree.")
    conditions: Conditions = Field(default_factory=Conditions, description="What narrows a yes further.")


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent/requests", tags=["citizens: requests"])
    answering = parts.desk.answering
    acting = Annotated[Acting, Depends(of_whom(parts))]

    @routes.get(
        "",
        summary="What you are being asked",
        responses={200: shown("Oldest first.", {"requests": [examples.ASKED]})},
    )
    def inbox(who: acting, language: AcceptLanguage = "") -> Response:
        person, viewer = who
        return private({"requests": [_shown(one, answering, language) for one in answering.inbox(person, viewer)]})

    @routes.post(
        "/{id}/answer",
        status_code=201,
        summary="Say yes, yes to less, or no",
        responses={201: shown("Recorded, logged, in force on every node.", examples.DECIDED)},
    )
    async def answer(id: str, body: RequestAnswer, who: acting) -> Response:
        person, actor = who
        named = tuple(one.code for one in body.categories)
        conditions = body.conditions.narrowed(parts.desk.law(), named)
        reply = Reply(body.given, _provision(body), body.days, body.notice_hash, conditions)
        event, seq = await answering.answer(person, _id(id), reply, actor=actor)
        return private(acknowledged(event.id, seq), 201)

    @routes.post(
        "/{id}/deferral",
        summary="Not now: it stays open until it runs out",
        responses={200: shown("Nothing is shared meanwhile.", examples.ASKED | {"state": "deferred"})},
    )
    async def defer(id: str, who: acting, language: AcceptLanguage = "") -> Response:
        person, actor = who
        made = await answering.defer(person, _id(id), actor=actor)
        return private(await asyncio.to_thread(_shown, made, answering, language))

    return routes


def _provision(body: RequestAnswer) -> Provision | None:
    if not (body.given and body.categories):
        return None
    return Provision(
        categories=tuple(one.code for one in body.categories),
        fields=tuple(f"{one.code}/{name}" for one in body.categories for name in one.fields),
    )


def _id(id: str) -> str:
    if not id.startswith("cr_"):
        raise NotFound
    return id.removeprefix("cr_")


def _shown(made: Request, answering: Answering, language: str) -> dict[str, Any]:
    """A request as the person reads it, in the form that an Accept-Language header asks for."""
    return {
        "id": f"cr_{made.id}",
        "state": made.stored,
        "organisation": made.organisation,
        "service": made.service,
        "agreement": made.asked.agreement,
        "purpose": made.asked.purpose,
        "categories": categories(made.asked.provision),
        "reason": made.asked.reason,
        "days": made.asked.days,
        "expires_at": instant(made.expires_at),
        "notice": choose(answering.words(made), language),
        "if_you_say_no": "Nothing else that you get from this or any other service depends on your answer.",
    }
