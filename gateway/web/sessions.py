# SPDX-License-Identifier: Apache-2.0
"""How a citizen signs in and out: a nonce for the OpenID provider, an ID token for a session, and its end.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

import uuid_utils
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.identity.citizens import ABSOLUTE_S, IDLE_S, Citizen, Citizens
from gateway.identity.id_tokens import NONCE_S
from gateway.settings import CitizenProvider
from gateway.web.session import session, session_token

_PRIVATE = {"cache-control": "no-store"}
_ID = "019abcde-0000-7000-8000-000000000001"
_SESSION = {
    "id": _ID,
    "identity_level": "P9",
    "session_token": "Zk9…",
    "token_type": "Bearer",
    "expires_in": ABSOLUTE_S,
    "idle_timeout": IDLE_S,
}


class SignIn(BaseModel):
    """What the provider gave for the nonce of `/v1/sign-ins`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"id_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9.…"}]}
    )

    id_token: str = Field(max_length=8192, description="The ID token (OpenID Connect Core §2), as it came.")


def router(log: Log, citizens: Citizens, providers: Mapping[str, CitizenProvider]) -> APIRouter:
    """The routes, bound to the sessions and to the log that witnesses them."""
    routes = APIRouter(prefix="/v1", tags=["citizens: sign-in"])
    trusted = [{"issuer": issuer, "client_id": one.audience, "vot": one.level} for issuer, one in providers.items()]

    @routes.post(
        "/sign-ins",
        status_code=201,
        summary="Begin to sign in: a nonce for the provider's authentication request",
        responses={
            201: _shown("A nonce, good once.", {"nonce": "q2h…", "expires_in": NONCE_S, "providers": trusted})
        },
    )
    def begin() -> Response:
        body = {"nonce": citizens.begin(), "expires_in": NONCE_S, "providers": trusted}
        return JSONResponse(body, 201, _PRIVATE)

    @routes.post(
        "/sessions",
        status_code=201,
        summary="End a sign-in: an ID token for a session",
        responses={201: _shown("The session; its token is shown once.", _SESSION)},
    )
    async def sign_in(given: SignIn) -> Response:
        opened = await asyncio.to_thread(citizens.sign_in, given.id_token)
        await log.append(_entry("session.started", opened.citizen))
        body = _described(opened.citizen) | {
            "session_token": opened.token,
            "token_type": "Bearer",
            "expires_in": ABSOLUTE_S,
            "idle_timeout": IDLE_S,
        }
        return JSONResponse(body, 201, _PRIVATE)

    @routes.get(
        "/sessions/current",
        summary="The session this is",
        responses={200: _shown("Whose session it is, without a name.", {"id": _ID, "identity_level": "P9"})},
    )
    def current(who: Annotated[Citizen, Depends(session(citizens))]) -> Response:
        return JSONResponse(_described(who), headers=_PRIVATE)

    @routes.delete(
        "/sessions/current", status_code=204, summary="Sign out; the token is worth nothing from then on"
    )
    async def sign_out(token: Annotated[str, Depends(session_token)]) -> Response:
        who = await asyncio.to_thread(citizens.session, token)
        await asyncio.to_thread(citizens.end, token)
        await log.append(_entry("session.ended", who))
        return Response(status_code=204, headers=_PRIVATE)

    return routes


def _shown(description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


def _described(who: Citizen) -> dict[str, Any]:
    return {"id": who.session_id, "identity_level": who.level}


def _entry(kind: str, who: Citizen) -> Entry:
    return Entry(
        id=str(uuid_utils.uuid7()),
        type=kind,
        at_ms=int(time.time() * 1000),
        org="",
        svc="sessions",
        purpose="",
        decision="",
        policy="",
        subjects=1,
        groups={"subject": {"person": who.person}, "request": {"session": who.session_id, "level": who.level}},
        subject_key=who.person,
    )
