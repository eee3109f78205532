# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/overrides`: a user who has just signed in strongly breaks the glass for one citizen, for an hour.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import datetime
import time
from collections.abc import Container
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import FieldFault, Invalid, ReasonNotPlain, StepUpNeeded, UnknownCategory, UnknownReason
from gateway.identity.agencies import Agencies
from gateway.identity.identifiers import IdentifierError, normalise
from gateway.identity.people import People
from gateway.model import Caller, DeclaredReason, Identifier
from gateway.overrides import LIFE_S, REVIEW_S, Asking, Overrides
from gateway.policy.law import InForce
from gateway.settings import Settings
from gateway.web.bearer import bearer
from gateway.web.wire import is_plain

_EXAMPLE: dict[str, Any] = {
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "reason_code": "vital-interests",
    "text": "Found unconscious at home, allergies are not known",
    "categories": ["health.allergies", "health.medications"],
}
_OPENED = {
    "id": "ov_019abcde-0000-7000-8000-000000000004",
    "reason_code": "vital-interests",
    "categories": ["health.allergies", "health.medications"],
    "expires_at": "2026-11-23T10:12:00Z",
    "review_by": "2026-11-26T09:12:00Z",
    "receipt": "/v1/receipts/rc_019abcde-0000-7000-8000-000000000004",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OverrideIdentifier(_Part):
    """One identifier of the citizen, as in a record query."""

    system: str = Field(pattern=r"^(?:https://|urn:)[\x21-\x7e]+$", max_length=120)
    value: str = Field(pattern=r"^[\x20-\x7e]+$", max_length=64)


class OverrideSubject(_Part):
    """The citizen; stands in the body only."""

    identifier: OverrideIdentifier
    verify: dict[str, str] = Field(default_factory=dict, max_length=2)


class OverrideAsked(_Part):
    """What to lift, for whom, and why, in words that the citizen will read."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    subject: OverrideSubject
    reason_code: str = Field(max_length=40)
    text: str = Field(min_length=20, max_length=600)
    categories: list[str] = Field(min_length=1, max_length=12)


def router(
    overrides: Overrides, people: People, agencies: Agencies, in_force: InForce, settings: Settings
) -> APIRouter:
    """The route, bound to what opens an override."""
    routes = APIRouter(tags=["break-glass"])
    caller = bearer(agencies)

    @routes.post(
        "/v1/overrides",
        status_code=201,
        summary="Break the glass for one citizen: an hour, these categories, reviewed within three days",
        responses={
            201: {
                "description": "Cite its `id` as `override` in record queries.",
                "content": {"application/json": {"example": _OPENED}},
            }
        },
    )
    async def open_(asked: OverrideAsked, who: Annotated[Caller, Depends(caller)]) -> Response:
        require_step_up(who, settings, time.time())
        asking, citizen = _read(asked, in_force.law.vocabulary.categories, settings.synthetic_only)
        person = await people.resolve(citizen, asked.subject.verify, who.organisation)
        opened = await overrides.open(who, person, asking)
        body: dict[str, Any] = {
            "id": f"ov_{opened.id}",
            "reason_code": opened.reason_code,
            "categories": list(opened.categories),
            "expires_at": _instant(opened.until),
            "review_by": _instant(opened.until - LIFE_S + REVIEW_S),
            "receipt": f"/v1/receipts/rc_{opened.id}",
        }
        return JSONResponse(body, 201, {"cache-control": "no-store"})

    return routes


def require_step_up(who: Caller, settings: Settings, now: float) -> None:
    """The token must say that its user signed in within the last minutes, in one of the strong ways (RFC 9470).
    Raises StepUpNeeded, which says what would do."""
    user = who.user
    fresh = user is not None and now + settings.clock_skew_s - user.auth_time >= 0
    if (
        user is None
        or not user.assured
        or not fresh
        or now - user.auth_time > settings.step_up_max_age_s + settings.clock_skew_s
        or user.acr not in settings.step_up_acr
    ):
        wanted = {"acr_values": " ".join(settings.step_up_acr), "max_age": settings.step_up_max_age_s}
        raise StepUpNeeded(extensions=wanted)


def _read(asked: OverrideAsked, known: Container[str], synthetic_only: bool) -> tuple[Asking, Identifier]:
    codes = {str(code) for code in DeclaredReason}
    if asked.reason_code not in codes:
        expected = "one of " + ", ".join(sorted(codes))
        raise UnknownReason(errors=[FieldFault("/reason_code", "unknown-code", expected)])
    for n, category in enumerate(asked.categories):
        if category not in known:
            expected = "a code of /v1/catalogue/categories"
            raise UnknownCategory(errors=[FieldFault(f"/categories/{n}", "unknown-code", expected)])
    if not is_plain(asked.text):
        expected = "sentences in plain words, without codes, links or control characters"
        raise ReasonNotPlain(errors=[FieldFault("/text", "not-plain", expected)])
    given = asked.subject.identifier
    try:
        citizen = normalise(given.system, given.value, synthetic_only=synthetic_only)
    except IdentifierError as fault:
        member = "system" if fault.code == "unknown-system" else "value"
        pointer = f"/subject/identifier/{member}"
        raise Invalid(errors=[FieldFault(pointer, fault.code, fault.expected)]) from None
    return Asking(DeclaredReason(asked.reason_code), asked.text, tuple(sorted(set(asked.categories)))), citizen


def _instant(at: int) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
