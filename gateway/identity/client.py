# SPDX-License-Identifier: Apache-2.0
"""A client system's side, for the command line and the demo: its key → an access token."""

from __future__ import annotations

import json
import time

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from gateway.identity.assertions import make_assertion
from gateway.identity.keys import KeysRefused
from gateway.identity.metadata import GRANT, token_url
from gateway.identity.registry import RegistryFault
from gateway.model import User

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TIMEOUT_S = 10


async def ask_token(issuer: str, system_id: str, jwk: str, *, user: str = "", role: str = "") -> str:
    """An access token from the gateway at `issuer` for a FAPI client. `jwk` is the system's private key in JWK form
    (RFC 7517); `user` and `role` name the person for whom it asks. Raises RegistryFault with what the gateway
    said, KeysRefused, aiohttp's ClientError when nobody answers."""
    try:
        key = JWKRegistry.import_key(json.loads(jwk))
    except (JoseError, ValueError, TypeError):
        raise KeysRefused("the key file does not hold a key in JWK form (RFC 7517)") from None
    if not key.is_private or key.key_type == "oct":
        raise KeysRefused("the key file must hold the system's private key")
    on_behalf = User(id=user, role=role) if user else None
    form = {
        "grant_type": GRANT,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": make_assertion(key, system_id, issuer, int(time.time()), on_behalf),
    }
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.post(token_url(issuer), data=form) as response:
        reply = await response.json(content_type=None)
    if "access_token" not in reply:
        raise RegistryFault(f"the gateway refused: {reply.get('error_description') or reply.get('error')}")
    return str(reply["access_token"])
