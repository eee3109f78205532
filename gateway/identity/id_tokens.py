# SPDX-License-Identifier: Apache-2.0
"""ID tokens (OpenID Connect Core §2) of the providers that citizens sign in with, in the shapes of GOV.UK One Login
and NHS login.

A provider proves who somebody is, how surely (`vot`, RFC 8485), and under which identifier the commons knows them.
The nonce in the token must be one that this gateway made for a sign-in that is under way: so a token that was seen
elsewhere, or made for another service, opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from gateway.errors import CitizenTokenInvalid, IdentityTooWeak
from gateway.identity.identifiers import IdentifierError, normalise
from gateway.identity.jwks import KeySetUnreachable, RemoteKeys
from gateway.identity.jws import NotAToken, Unverified, numeric_date, signed_by, take_apart
from gateway.identity.keys import FAPI, PublicKey, read_jwks
from gateway.model import Identifier
from gateway.settings import CitizenProvider

ALGORITHMS = FAPI | {"RS512"}
"""One Login signs with ES256, NHS login with RS512."""

NONCE_S = 600  # seconds between the start of a sign-in and its end
LONGEST_S = 3600  # seconds an ID token may still live
_TYPES = frozenset({"", "jwt", "id_token"})
_LEVEL = re.compile(r"P([0-9])")
_RANDOM, _EXPIRY, _MAC = 16, 8, 16


class SignedIn(Struct, frozen=True):
    """What a good ID token says. `nonce` is the digest of its nonce, which serves once; `level` is `P` and a
    digit."""

    issuer: str
    identifier: Identifier
    level: str
    nonce: bytes


class Nonces:
    """Nonces of sign-ins that are under way. They carry their own expiry and proof of origin, so that whoever only
    begins to sign in, a million times, leaves nothing behind."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock

    def make(self) -> str:
        """A new nonce, good for NONCE_S."""
        body = secrets.token_bytes(_RANDOM) + int(self._clock() + NONCE_S).to_bytes(_EXPIRY, "big")
        return base64.urlsafe_b64encode(body + self._mac(body)).decode()

    def is_ours(self, nonce: str) -> bool:
        """Whether this gateway, on any node, made the nonce within NONCE_S."""
        try:
            raw = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return False
        body, mac = raw[: _RANDOM + _EXPIRY], raw[_RANDOM + _EXPIRY :]
        fresh = int.from_bytes(body[_RANDOM:], "big") > self._clock()
        return (
            hmac.compare_digest(self._mac(body), mac) and fresh and base64.urlsafe_b64encode(raw).decode() == nonce
        )

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC]


class IdTokens:
    """Verifies ID tokens of the providers in the settings. May fetch a key set: call it from a thread."""

    def __init__(
        self,
        providers: Mapping[str, CitizenProvider],
        remote: RemoteKeys,
        nonces: Nonces,
        *,
        skew_s: int,
        synthetic_only: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._providers = providers
        self._remote = remote
        self._nonces = nonces
        self._skew_s = skew_s
        self._synthetic_only = synthetic_only
        self._clock = clock
        self._files = {
            issuer: read_jwks(Path(provider.jwks).read_bytes(), skip_unusable=True)
            for issuer, provider in providers.items()
            if not provider.jwks.startswith(("https://", "http://"))
        }

    def verify(self, token: str) -> SignedIn:
        """Who signed in. Raises CitizenTokenInvalid, saying which check failed, and IdentityTooWeak."""
        try:
            unverified = take_apart(token)
        except NotAToken as error:
            raise CitizenTokenInvalid(str(error)) from None
        # 1. It may be an ID token: not an access token or an assertion (RFC 8725 §3.11).
        if unverified.media_type not in _TYPES:
            raise CitizenTokenInvalid("expected an ID token: typ absent or JWT")
        # 2. Its issuer is a provider of ours, and the key is that provider's.
        issuer = unverified.claims.get("iss")
        provider = self._providers.get(issuer) if isinstance(issuer, str) else None
        if provider is None or not isinstance(issuer, str):
            raise CitizenTokenInvalid("expected iss to be an OpenID provider that citizens sign in with here")
        key = self._key(issuer, provider, unverified.kid)
        if key is None or unverified.algorithm not in ALGORITHMS & key.algorithms:
            raise CitizenTokenInvalid("expected kid to be a key of the provider, and alg to fit it")
        if not signed_by(unverified, key.key):
            raise CitizenTokenInvalid("the signature is not by the key of this kid")
        return self._claims(unverified, issuer, provider)

    def _claims(self, token: Unverified, issuer: str, provider: CitizenProvider) -> SignedIn:
        claims, now = token.claims, self._clock()
        # 3. It was made for us (OpenID Connect Core §3.1.3.7: 3 to 5), and for nobody else too.
        if claims.get("aud") not in (provider.audience, [provider.audience]):
            raise CitizenTokenInvalid("expected aud to be the client id of this gateway alone")
        if claims.get("azp", provider.audience) != provider.audience:
            raise CitizenTokenInvalid("expected azp, where there is one, to be the client id of this gateway")
        # 4. It is in time.
        expires, issued = numeric_date(claims, "exp"), numeric_date(claims, "iat")
        if expires is None or issued is None:
            raise CitizenTokenInvalid("expected exp and iat as numbers of seconds since 1970")
        if not now - self._skew_s < expires <= now + LONGEST_S + self._skew_s or issued > now + self._skew_s:
            raise CitizenTokenInvalid("expected exp within the next hour, and iat not in the future")
        # 5. It belongs to a sign-in that began here (§3.1.3.7: 11).
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not self._nonces.is_ours(nonce):
            raise CitizenTokenInvalid("expected nonce to be one of /v1/sign-ins, not older than ten minutes")
        # 6. The provider is sure enough of who it is.
        level = _level(claims.get("vot"))
        if level < provider.level:
            raise IdentityTooWeak(f"expected the level of identity proof {provider.level} or higher in vot")
        return SignedIn(issuer, self._identifier(claims.get(provider.claim), provider), level, _digest(nonce))

    def _identifier(self, value: object, provider: CitizenProvider) -> Identifier:
        try:
            if not isinstance(value, str):
                raise IdentifierError("length")
            return normalise(provider.system, value, synthetic_only=self._synthetic_only)
        except IdentifierError as error:
            raise CitizenTokenInvalid(f"expected the claim {provider.claim} to be {error.expected}") from None

    def _key(self, issuer: str, provider: CitizenProvider, kid: str | None) -> PublicKey | None:
        if kid is None:
            return None
        if issuer in self._files:
            return self._files[issuer].get(kid)
        try:
            return self._remote.find(provider.jwks, kid, trusted=True)
        except KeySetUnreachable:
            raise CitizenTokenInvalid("the key set of the provider does not answer just now") from None


def _level(vot: object) -> str:
    """The component of a vector of trust that speaks of identity proof (RFC 8485 §2.1): `P9.Cp.Cd` → `P9`; a vector
    without one proves nothing: P0."""
    parts = vot.split(".") if isinstance(vot, str) else []
    found = [part for part in parts if _LEVEL.fullmatch(part)]
    return found[0] if len(found) == 1 else "P0"


def _digest(nonce: str) -> bytes:
    return hmac.digest(b"commons sign-in nonce v1", nonce.encode(), "sha256")
