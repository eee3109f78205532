# SPDX-License-Identifier: Apache-2.0
"""A citizen, or who may decide for them, objects to what does not rest on consent, opts out, and takes either back.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent.words import OPT_OUTS
from gateway.errors import NotFound
from gateway.web.consent import examples
from gateway.web.consent.acting import Acting, acting
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.consent.records import acknowledged
from gateway.web.consent.requests import CODE


class Objection(BaseModel):
    """What is objected to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.OBJECT]})

    agreement: str = Field(pattern=CODE, max_length=64)
    organisation: str = Field(max_length=120, description="Who receives.")
    purpose: str = Field(default="", max_length=80)
    categories: list[str] = Field(
        default_factory=list, max_length=30, description="None: all that one can object to."
    )


class OptOut(BaseModel):
    """What is opted out of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "national-data-opt-out"}]})

    code: str = Field(max_length=64)


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["citizens: objections and opt-outs"])
    for_whom = Annotated[Acting, Depends(acting(parts))]
    objecting = parts.desk.objecting
    done = shown("Recorded, logged, in force on every node.", examples.DECIDED)

    @routes.get(
        "/objections",
        summary="What you objected to, and what became of it",
        responses={200: shown("Those that were not taken back, oldest first.", {"objections": [examples.MINE]})},
    )
    def objections(who: for_whom) -> Response:
        return private({"objections": objecting.standing(*who)[0]})

    @routes.get(
        "/opt-outs",
        summary="What one can opt out of, and whether you did",
        responses={200: shown("Every one that there is.", {"opt_outs": [examples.OPTED_OUT]})},
    )
    def opt_outs(who: for_whom) -> Response:
        made = objecting.standing(*who)[1]
        return private(
            {
                "opt_outs": [
                    {
                        "code": code,
                        "opted_out": code in made,
                        "method": "DELETE" if code in made else "POST",
                        "href": f"/v1/consent/opt-outs/{code}" if code in made else "/v1/consent/opt-outs",
                    }
                    for code in sorted(OPT_OUTS)
                ]
            }
        )

    @routes.post("/objections", status_code=201, summary="Object (UK GDPR Article 21)", responses={201: done})
    async def object_(body: Objection, who: for_whom) -> Response:
        event, seq = await objecting.object(
            who[0], body.agreement, body.organisation, tuple(body.categories), purpose=body.purpose, actor=who[1]
        )
        return private(acknowledged(event.id, seq) | {"objection": f"ob_{event.id}"}, 201)

    @routes.delete("/objections/{id}", summary="Take an objection back", responses={200: done})
    async def take_back(id: str, who: for_whom) -> Response:
        if not id.startswith("ob_"):
            raise NotFound
        event, seq = await objecting.take_back(who[0], id.removeprefix("ob_"), actor=who[1])
        return private(acknowledged(event.id, seq))

    @routes.post("/opt-outs", status_code=201, summary="Opt out", responses={201: done})
    async def opt_out(body: OptOut, who: for_whom) -> Response:
        event, seq = await objecting.opt(who[0], body.code, out=True, actor=who[1])
        return private(acknowledged(event.id, seq), 201)

    @routes.delete("/opt-outs/{id}", summary="Opt in again", responses={200: done})
    async def opt_in(id: str, who: for_whom) -> Response:
        event, seq = await objecting.opt(who[0], id, out=False, actor=who[1])
        return private(acknowledged(event.id, seq))

    return routes
