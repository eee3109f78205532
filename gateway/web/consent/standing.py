# SPDX-License-Identifier: Apache-2.0
"""An agency asks how consent to its own organisation stands, before it asks for a record.

It learns what a query would tell it and no more: that there is consent and until when, that it was withdrawn or has
run out; a refusal, a question never asked and a person nobody knows are the same `not-given`. The identifier
stands in the body, and the look is in the log, where the citizen sees it.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from consent import ledger, reading
from consent.model import Standing, State
from gateway import db
from gateway.audit.events import Entry
from gateway.consents.records import needs_consent
from gateway.errors import NoAgreement
from gateway.model import Caller, Person
from gateway.policy.vocabulary import Agreement, Vocabulary
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.consent.requests import CODE, AboutWhom

_TOLD = {State.GIVEN: "given", State.WITHDRAWN: "withdrawn", State.EXPIRED: "expired"}


class Body(BaseModel):
    """About whom, under which agreement."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.STANDING_ASKED]})

    subject: AboutWhom
    agreement: str = Field(pattern=CODE, max_length=64)
    purpose: str = Field(default="", max_length=80, description="One of the agreement's; its first, if left out.")


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent", tags=["agencies: consent requests"])
    caller = Annotated[Caller, Depends(active(parts.agencies))]
    desk = parts.desk

    def read(person: str, organisation: str, purpose: str) -> Standing:
        with db.read(desk.engine) as connection:
            return ledger.standing(connection, person, organisation, purpose)

    @routes.post(
        "/standing",
        summary="How a citizen's consent to your organisation stands",
        responses={200: shown("As it stands at this instant; ask again, do not keep it.", examples.STANDING)},
    )
    async def standing(body: Body, who: caller) -> Response:
        law = desk.law()
        agreement = law.agreements.get(body.agreement)
        if agreement is None or who.organisation not in agreement.recipients:
            raise NoAgreement
        purpose = body.purpose or agreement.purposes[0]
        if purpose not in agreement.purposes:
            raise NoAgreement
        subject = body.subject.normal("/subject", synthetic_only=desk.synthetic_only)
        person = await parts.people.resolve(subject, body.subject.verify.given(), who.organisation)
        now = int(time.time())
        await parts.log.append(_entry(who, person, agreement.id, purpose, now))
        found = await asyncio.to_thread(read, person.id, who.organisation, purpose)
        return private({"subject": person.handle, "categories": _rows(law, agreement, found, now)})

    return routes


def _rows(law: Vocabulary, agreement: Agreement, standing: Standing, now: int) -> list[dict[str, Any]]:
    rows = []
    for term in agreement.terms:
        if not needs_consent(law, term):
            continue
        for category in term.categories:
            held = reading.held(standing, category, term.source, now, agreement.id)
            state = _TOLD.get(held.state, "not-given")
            until = held.until if state == "given" else 0
            rows.append({"category": category, "source": term.source, "state": state, "until": until})
    return rows


def _entry(who: Caller, person: Person, agreement: str, purpose: str, now: int) -> Entry:
    user = {"user": who.user.id, "role": who.user.role} if who.user else {}
    return Entry(
        id=str(uuid_utils.uuid7()),
        type="consent.looked-up",
        at_ms=now * 1000,
        org=who.organisation,
        svc=who.system,
        purpose=purpose,
        decision="",
        policy="",
        subjects=1,
        groups={
            "actor": {"system": who.system, "token": who.token_id} | user,
            "subject": {"handle": person.handle},
            "basis": {"agreement": agreement},
        },
        subject_key=person.id,
    )
