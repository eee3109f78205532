# SPDX-License-Identifier: Apache-2.0
"""A controller reads an objection to what it receives, and upholds or overrides it.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent.receipts import instant
from gateway.consents.objecting import Open
from gateway.errors import NotFound
from gateway.model import Caller
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown

_PREFIX = "ob_"


class Outcome(BaseModel):
    """What the controller decided, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"outcome": "overridden", "reason": "compelling-grounds"}]},
    )

    outcome: Literal["upheld", "overridden"]
    reason: str = Field(
        max_length=64,
        description="upheld: no-compelling-grounds, unlawful; overridden: compelling-grounds, legal-claims.",
    )


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/objections", tags=["agencies: objections"])
    caller = Annotated[Caller, Depends(active(parts.agencies))]
    objecting = parts.desk.objecting

    @routes.get(
        "/{id}",
        summary="An objection to what your organisation receives",
        responses={200: shown("As it stands.", examples.OBJECTION)},
    )
    async def one(id: str, who: caller) -> Response:
        return private(_told(await asyncio.to_thread(objecting.one, who, _id(id))))

    @routes.post(
        "/{id}/decision",
        summary="Uphold or override an objection (UK GDPR Article 21(1))",
        responses={200: shown("In force on every node.", examples.OBJECTION | {"state": "upheld"})},
    )
    async def decide(id: str, body: Outcome, who: caller) -> Response:
        await objecting.decide(who, _id(id), body.outcome, body.reason)
        return private(_told(await asyncio.to_thread(objecting.one, who, _id(id))))

    return routes


def _id(id: str) -> str:
    if not id.startswith(_PREFIX):
        raise NotFound
    return id.removeprefix(_PREFIX)


def _told(one: Open) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(one)
    return told | {"at": instant(one.at)}
