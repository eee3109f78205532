# SPDX-License-Identifier: Apache-2.0
"""A client system's side of the token endpoint, for the command line and the demo."""

from __future__ import annotations

import time

import aiohttp
from joserfc.jwk import import_key

from gateway.errors import Unauthenticated, Unavailable
from gateway.identity.assertions import make_assertion
from gateway.model import User

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def ask_token(issuer: str, system: str, private_jwk: str, *, user: str = "", role: str = "") -> str:
    """An access token for `system`, for whose key `private_jwk` is the private JWK; with `user`, one that names the
    person at the agency. Raises Unauthenticated with what the endpoint said, Unavailable when it does not answer."""
    who = User(user, role, assured=True) if user else None
    assertion = make_assertion(import_key(private_jwk), system, issuer, int(time.time()), who)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _JWT_BEARER,
        "client_assertion": assertion,
    }
    try:
        async with aiohttp.ClientSession() as http, http.post(f"{issuer}/oauth2/token", data=form) as reply:
            body = await reply.json(content_type=None)
    except (aiohttp.ClientError, ValueError) as error:
        raise Unavailable(
            f"No gateway answers at {issuer}: start it with `commons serve` or `make demo`."
        ) from error
    if reply.status != 200:
        raise Unauthenticated(str(body.get("error_description", body.get("error", ""))))
    return str(body["access_token"])
