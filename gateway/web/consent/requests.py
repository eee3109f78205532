# SPDX-License-Identifier: Apache-2.0
"""An agency asks citizens to agree: asks, looks what became of it, takes it back.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import hashlib
import re
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent import requests
from consent.model import Provision
from consent.receipts import instant
from consent.requests import Asked
from gateway.consents.asking import Wanted
from gateway.consents.terms import in_force, provision, purpose_of
from gateway.errors import FieldFault, Invalid, MissingRequestId, NotFound, ReasonNotPlain
from gateway.identity.identifiers import IdentifierError, normalise
from gateway.identity.sealing import PersonKeys
from gateway.model import Caller, Identifier
from gateway.policy.vocabulary import Vocabulary
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.wire import is_plain

CODE = r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_PREFIX = "cr_"


class Named(BaseModel):
    """One identifier of a citizen. Stands in a body only, never in an address."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(max_length=120)
    value: str = Field(max_length=64)


class VerifiedBy(BaseModel):
    """What the agency believes; where it does not fit, the reply is the one for anybody."""

    model_config = ConfigDict(extra="forbid")

    birth_date: str = Field(default="", max_length=10)
    family_name: str = Field(default="", max_length=80)

    def given(self) -> dict[str, str]:
        """What is to be verified."""
        return {name: value for name, value in self.model_dump().items() if value}


class AboutWhom(BaseModel):
    """Whom it is about."""

    model_config = ConfigDict(extra="forbid")

    identifier: Named
    verify: VerifiedBy = VerifiedBy()

    def normal(self, pointer: str, *, synthetic_only: bool) -> Identifier:
        """The identifier in normal form. Raises Invalid, pointing below `pointer`."""
        try:
            return normalise(self.identifier.system, self.identifier.value, synthetic_only=synthetic_only)
        except IdentifierError as fault:
            member = "system" if fault.code == "unknown-system" else "value"
            at = f"{pointer}/identifier/{member}"
            raise Invalid(errors=[FieldFault(at, fault.code, fault.expected)]) from None


class Category(BaseModel):
    """One kind of information; no fields means all of it that the agreement holds."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=CODE, max_length=80)
    fields: list[str] = Field(default_factory=list, max_length=40)


class Body(BaseModel):
    """What is asked of whom, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.REQUEST]})

    subject: AboutWhom
    agreement: str = Field(pattern=CODE, max_length=64)
    purpose: str = Field(default="", max_length=80, description="One of the agreement's; its first, if left out.")
    categories: list[Category] = Field(min_length=1, max_length=30)
    service: str = Field(pattern=CODE, max_length=80, description="Your own name of the service you ask for.")
    reason: str = Field(min_length=8, max_length=300, description="Why, in a sentence that the citizen reads.")
    days: int = Field(default=180, ge=1, le=3650, description="For how long you ask.")


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent-requests", tags=["agencies: consent requests"])
    caller = Annotated[Caller, Depends(active(parts.agencies))]
    asking, desk = parts.desk.asking, parts.desk

    def told(made: requests.Request) -> dict[str, Any]:
        return _told(made, desk.keys)

    @routes.post(
        "",
        status_code=201,
        summary="Ask a citizen to agree",
        responses={
            201: shown("It waits for the citizen. The reply says nothing of who exists.", examples.REQUEST_MADE)
        },
    )
    async def ask(
        body: Body,
        request: Request,
        who: caller,
        x_request_id: Annotated[str, Header(description="A UUID; the same one on a retry.")] = "",
    ) -> Response:
        if not _UUID.fullmatch(x_request_id):
            raise MissingRequestId
        wanted = Wanted(
            subject=body.subject.normal("/subject", synthetic_only=desk.synthetic_only),
            verify=body.subject.verify.given(),
            service=body.service,
            asked=_asked(body, desk.law(), who),
            key=hashlib.sha256(x_request_id.lower().encode()).digest(),
            digest=hashlib.sha256(await request.body()).digest(),
        )
        return private(told(await asking.ask(who, wanted)), 201)

    @routes.get(
        "/{id}",
        summary="What became of a request",
        responses={200: shown("As it stands now.", examples.REQUEST_ANSWERED)},
    )
    async def look(id: str, who: caller) -> Response:
        return private(told(await asyncio.to_thread(asking.mine, who, _id(id))))

    @routes.delete(
        "/{id}",
        summary="Take a request back",
        responses={200: shown("It is no longer asked.", examples.REQUEST_MADE | {"state": "cancelled"})},
    )
    async def cancel(id: str, who: caller) -> Response:
        return private(told(await asking.cancel(who, _id(id))))

    return routes


def _asked(body: Body, law: Vocabulary, who: Caller) -> Asked:
    agreement = in_force(law, body.agreement, who.organisation, int(time.time()))
    if not is_plain(body.reason):
        expected = "a sentence in plain words, without codes, links or control characters"
        raise ReasonNotPlain(errors=[FieldFault("/reason", "not-plain", expected)])
    return Asked(
        agreement=agreement.id,
        purpose=purpose_of(agreement, body.purpose),
        provision=provision(law, agreement, [(one.code, one.fields) for one in body.categories]),
        reason=body.reason,
        days=body.days,
    )


def _id(id: str) -> str:
    if not id.startswith(_PREFIX):
        raise NotFound
    return id.removeprefix(_PREFIX)


def _told(made: requests.Request, keys: PersonKeys) -> dict[str, Any]:
    """A request as its asker sees it. The citizen's handle comes with the answer: before, it would tell whether
    there is anybody."""
    body: dict[str, Any] = {
        "id": f"{_PREFIX}{made.id}",
        "state": made.state(int(time.time())),
        "service": made.service,
        "agreement": made.asked.agreement,
        "purpose": made.asked.purpose,
        "categories": categories(made.asked.provision),
        "reason": made.asked.reason,
        "days": made.asked.days,
        "made_at": instant(made.made_at),
        "expires_at": instant(made.expires_at),
    }
    if (answer := made.answer) is not None:
        body["answer"] = {
            "given": answer.given,
            "at": instant(answer.at),
            "subject": keys.handle(made.organisation, made.person),
            "categories": categories(answer.provision) if answer.provision else [],
            "expires_at": instant(answer.expires_at) if answer.expires_at else None,
        }
    return body


def categories(provision: Provision) -> list[dict[str, Any]]:
    """A provision as the routes write it."""
    return [
        {
            "code": code,
            "fields": [full.partition("/")[2] for full in provision.fields if full.startswith(f"{code}/")],
        }
        for code in provision.categories
    ]
