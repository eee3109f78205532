# SPDX-License-Identifier: Apache-2.0
"""`POST /oauth2/token` and the two documents that describe it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from gateway.identity.metadata import validated
from gateway.identity.oauth import TokenServer
from gateway.identity.tokens import public_jwks
from gateway.keyring import Keyring
from gateway.settings import Settings
from gateway.web import problems

MAX_BODY = 16384  # bytes; an assertion is under 8192

_FORM = {
    "type": "object",
    "required": ["grant_type", "client_assertion_type", "client_assertion"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_assertion_type": {"const": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
        "client_assertion": {"type": "string", "description": "A JWT signed by the system's key (RFC 7523)"},
        "client_id": {"type": "string", "description": "If sent, the same as iss and sub of the assertion"},
    },
}
_BODY = {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An access token (RFC 6749 §5.1)",
        "content": {
            "application/json": {"example": {"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 300}}
        },
    },
    400: {"description": "RFC 6749 §5.2: the request is not one for this endpoint, or the system is disabled"},
    401: {"description": "RFC 6749 §5.2 `invalid_client`; error_description begins with the slug of the fault"},
}


def router(settings: Settings, keyring: Keyring, server: TokenServer) -> APIRouter:
    """The routes of the authorization server."""
    routes = APIRouter(tags=["OAuth 2.0"])
    metadata = validated(str(settings.public_url))
    jwks = public_jwks(keyring.token)
    public = {"Cache-Control": "public, max-age=300"}

    @routes.post("/oauth2/token", summary="Get an access token", openapi_extra=_BODY, responses=_RESPONSES)
    async def token(request: Request) -> JSONResponse:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            return _invalid_request("send application/x-www-form-urlencoded", 400)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return _invalid_request(f"send at most {MAX_BODY} bytes", 413)
        try:
            form = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=20)
        except ValueError:
            return _invalid_request("send form parameters, at most 20", 400)
        reply = await run_in_threadpool(server.answer, form, dict(request.headers))
        if reply.status != 200:
            problems.note(request, 401, str(reply.body.get("error_description", "")).partition(":")[0])
        return JSONResponse(reply.body, reply.status, dict(reply.headers))

    @routes.get("/.well-known/oauth-authorization-server", summary="Authorization server metadata (RFC 8414)")
    async def describe() -> JSONResponse:
        return JSONResponse(metadata, headers=public)

    @routes.get("/.well-known/jwks.json", summary="Keys that verify our access tokens (RFC 7517)")
    async def keys() -> JSONResponse:
        return JSONResponse(jwks, headers=public | {"Content-Type": "application/jwk-set+json"})

    return routes


def _invalid_request(description: str, status: int) -> JSONResponse:
    body = {"error": "invalid_request", "error_description": description}
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
