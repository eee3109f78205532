# SPDX-License-Identifier: Apache-2.0
"""Staff write down what a citizen said on the phone, on paper or in person.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, Field

from consent.model import Provision
from consent.words import Channel
from gateway.consents.assisting import KINDS, ON_WORDS, Said
from gateway.consents.terms import consentable, in_force, provision
from gateway.consents.wordings import choose
from gateway.model import Caller
from gateway.policy.vocabulary import Vocabulary
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.conditions import Conditions
from gateway.web.consent.parts import AcceptLanguage, Parts, private, shown
from gateway.web.consent.requests import CODE, AboutWhom, Category

HEX = r"^(?:[0-9a-f]{64})?$"


class Words(BaseModel):
    """What the citizen is to agree to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.TO_READ]})

    agreement: str = Field(pattern=CODE, max_length=64)
    categories: list[Category] = Field(min_length=1, max_length=30)
    purpose: str = Field(default="", max_length=80, description="The agreement's first, if left out.")


class Body(BaseModel):
    """What the citizen said, and how."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ASSISTED]})

    decision: Literal["give", "renew", "refuse", "withdraw", "object", "opt-out", "opt-in"]
    subject: AboutWhom
    agreement: str = Field(pattern=CODE, max_length=64)
    purpose: str = Field(default="", max_length=80)
    categories: list[Category] = Field(
        default_factory=list, max_length=30, description="None: all that the decision can be about; not to agree."
    )
    channel: Literal["phone", "paper", "in-person"]
    read_back: bool = Field(description="Whether you read it back to the citizen and heard a yes.")
    days: int = Field(default=180, ge=1, le=3650)
    evidence: str = Field(default="", pattern=HEX, description="SHA-256 of the paper or the recording.")
    notice_hash: str = Field(default="", pattern=HEX, description="Of the words you read out, to agree.")
    code: str = Field(default="", max_length=64, description="Of an opt-out.")
    conditions: Conditions = Field(default_factory=Conditions, description="What narrows a yes further.")
    decided_by: AboutWhom | None = Field(default=None, description="Who decided, where it was not the citizen.")


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent/assisted", tags=["staff: assisted decisions"])
    caller = Annotated[Caller, Depends(active(parts.agencies))]
    assisting, desk = parts.desk.assisting, parts.desk

    @routes.post(
        "/words",
        summary="What to read out before a citizen agrees",
        responses={200: shown("Read all of it out.", examples.WORDS)},
    )
    def words(body: Words, who: caller, language: AcceptLanguage = "") -> Response:
        named = tuple(one.code for one in body.categories)
        chosen = choose(assisting.words(who, body.agreement, named, body.purpose), language)
        return private({"text": chosen.text, "language": chosen.language, "notice_hash": chosen.hash})

    @routes.post(
        "/decisions",
        status_code=201,
        summary="Write down what a citizen said",
        responses={201: shown("Recorded, logged, in force on every node.", examples.ASSISTED_DONE)},
    )
    async def decide(body: Body, who: caller) -> Response:
        said = Said(
            verb=body.decision,
            subject=body.subject.normal("/subject", synthetic_only=desk.synthetic_only),
            verify=body.subject.verify.given(),
            agreement=body.agreement,
            purpose=body.purpose,
            provision=_provision(body, desk.law(), assisting.now(), who),
            channel=Channel(body.channel),
            read_back=body.read_back,
            days=body.days,
            evidence=body.evidence,
            notice_hash=body.notice_hash,
            code=body.code,
            decided_by=body.decided_by.normal("/decided_by", synthetic_only=desk.synthetic_only)
            if body.decided_by
            else None,
        )
        event, seq = await assisting.record(who, said)
        take_back = examples.ASSISTED_DONE["take_back"]
        done = {
            "event": event.id,
            "seq": seq,
            "receipt": f"/v1/consent/receipts/rcp_{event.id}",
            "receipt_for_staff": f"/v1/consent/assisted/receipts/rcp_{event.id}",
            "take_back": take_back,
        }
        return private(done, 201)

    return routes


def _provision(body: Body, law: Vocabulary, now: int, who: Caller) -> Provision:
    named = [(one.code, one.fields) for one in body.categories]
    if body.decision not in KINDS:
        return Provision(categories=tuple(code for code, _ in named))
    agreement = in_force(law, body.agreement, who.organisation, now)
    if not named and body.decision not in ON_WORDS:
        named = [(code, []) for code in sorted(consentable(law, agreement))]
    found = provision(law, agreement, named)
    if body.decision not in ON_WORDS:
        return found
    return replace(found, conditions=body.conditions.narrowed(law, found.categories))
