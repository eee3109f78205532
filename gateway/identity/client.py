# SPDX-License-Identifier: Apache-2.0
"""A client system's side of the token endpoint, for the command line and the demo."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import aiohttp
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry

from gateway.errors import Unauthenticated, Unavailable
from gateway.identity.assertions import make_assertion
from gateway.identity.keys import KeysRefused
from gateway.identity.metadata import GRANT, token_url
from gateway.model import User

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TIMEOUT = aiohttp.ClientTimeout(total=10)


def make_key() -> tuple[str, str]:
    """A new key pair of a client system, both JSON: the private JWK (RFC 7517, ES256), and the JWK Set that holds
    its public half and is what gets registered."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
    return json.dumps(key.as_dict(private=True)), json.dumps({"keys": [key.as_dict(private=False)]})


async def ask_token(
    issuer: str, system: str, private_jwk: str, *, user: str = "", role: str = "", training: Sequence[str] = (),
    auth_time: int = 0, acr: str = "",
) -> str:  # fmt: skip
    """An access token for `system` (profile fapi), whose private key in JWK form (RFC 7517) is `private_jwk`; with
    `user`, one that names the person at the agency, what they are trained in, and when and how they last signed in.
    Raises KeysRefused, Unauthenticated with what the endpoint said, Unavailable when it does not answer."""
    try:
        key = JWKRegistry.import_key(json.loads(private_jwk))
    except (JoseError, ValueError, TypeError):
        raise KeysRefused("the key file does not hold a key in JWK form (RFC 7517)") from None
    if not key.is_private or key.key_type == "oct":
        raise KeysRefused("the key file must hold the system's private key")
    who = User(user, role, True, tuple(training), auth_time, acr) if user else None
    form = {
        "grant_type": GRANT,
        "client_assertion_type": _JWT_BEARER,
        "client_assertion": make_assertion(key, system, issuer, int(time.time()), who),
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as http,
            http.post(token_url(issuer), data=form) as reply,
        ):
            body = await reply.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unavailable(
            f"No gateway answers at {issuer}: start it with `commons serve` or `make demo`."
        ) from error
    if reply.status != 200:
        raise Unauthenticated(str(body.get("error_description", body.get("error", body.get("title", "")))))
    return str(body["access_token"])
