# SPDX-License-Identifier: Apache-2.0
"""Access tokens: `at+jwt` (RFC 9068), ours or of a trusted external issuer.

What Authlib's generator and validator leave open is closed here: a life of at most five minutes, `typ` required,
one audience as one text, our own choice of algorithm, and no token that is bound to a key (`cnf`, RFC 7800)
taken as a plain bearer token.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from joserfc.jwk import ECKey
from joserfc.jws import serialize_compact
from msgspec import Struct

from gateway.errors import TokenExpired, TokenInvalid
from gateway.identity.assertions import AssertionFault, claim_of, user_claim
from gateway.identity.jwks import KeySetUnreachable, RemoteKeys
from gateway.identity.jws import NotAToken, Unverified, numeric_date, signed_by, take_apart
from gateway.identity.keys import FAPI, PublicKey, read_jwks
from gateway.model import User

ALGORITHM = "ES256"
"""Of the tokens we issue."""

LONGEST_S = 300  # seconds any access token may still live, ours or another issuer's


class TokenClaims(Struct, frozen=True):
    """What a verified access token says. `organisation` is empty when an external issuer does not name it."""

    issuer: str
    system: str
    organisation: str
    id: str
    expires_at: int
    user: User | None


def issue(
    key: ECKey, *, issuer: str, system: str, organisation: str, user: User | None, now: int, life: int
) -> str:
    """An access token of `life` seconds, signed by `key` (private, P-256, with a kid). The audience is the issuer:
    the commons is both the authorization server and the resource server."""
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": issuer,
        "sub": system,
        "client_id": system,
        "organisation": organisation,
        "iat": now,
        "exp": now + min(life, LONGEST_S),
        "jti": secrets.token_urlsafe(16),
    }
    if user is not None:
        claims["user"] = claim_of(user)
    header = {"typ": "at+jwt", "alg": ALGORITHM, "kid": key.kid}
    return serialize_compact(header, json.dumps(claims), key, algorithms=[ALGORITHM])


def public_jwks(keys: Sequence[ECKey]) -> dict[str, list[dict[str, object]]]:
    """The JWK Set that verifies our tokens (RFC 7517 §5), public members only."""
    return {
        "keys": [{**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM, "kid": key.kid} for key in keys]
    }


class TokenVerifier:
    """Verifies access tokens for one audience. May fetch a key set: call it from a thread, or expect to wait."""

    def __init__(
        self,
        keys: Sequence[ECKey],
        *,
        audience: str,
        trusted: Mapping[str, str],
        remote: RemoteKeys,
        skew_s: int,
    ) -> None:
        self._own = read_jwks(public_jwks(keys))
        self._audience = audience
        self._addresses = {issuer: at for issuer, at in trusted.items() if at.startswith(("https://", "http://"))}
        self._files = {
            issuer: read_jwks(Path(at).read_bytes(), skip_unusable=True)
            for issuer, at in trusted.items()
            if issuer not in self._addresses
        }
        self._remote = remote
        self._skew_s = skew_s

    def verify(self, token: str, now: float) -> TokenClaims:
        """The claims of a good token. Raises TokenExpired, TokenInvalid: each says which check failed."""
        try:
            unverified = take_apart(token)
        except NotAToken as error:
            raise TokenInvalid(str(error)) from None
        # 1. It is an access token (RFC 9068 §4), not an assertion, an identity token or a proof.
        if unverified.media_type != "at+jwt":
            raise TokenInvalid("expected an access token: typ at+jwt (RFC 9068)")
        # 2. Its issuer is one we know, and the key is that issuer's, with an algorithm of ours.
        issuer = unverified.claims.get("iss")
        key = self._key(issuer, unverified.kid) if isinstance(issuer, str) else None
        if key is None or not isinstance(issuer, str):
            raise TokenInvalid("expected iss to be this gateway or an issuer it trusts, and kid one of its keys")
        allowed = {ALGORITHM} if issuer == self._audience else FAPI
        if unverified.algorithm not in allowed & key.algorithms:
            raise TokenInvalid(f"expected alg to be one of {', '.join(sorted(allowed))}, and to fit the key")
        if not signed_by(unverified, key.key):
            raise TokenInvalid("the signature is not by the key of this kid")
        return self._claims(unverified, issuer, now)

    def _claims(self, token: Unverified, issuer: str, now: float) -> TokenClaims:
        claims = token.claims
        # 3. It is for us alone.
        if claims.get("aud") != self._audience:
            raise TokenInvalid(f"expected aud to be {self._audience}, as one text")
        # 4. It is not bound to a key that the caller would have to prove (RFC 7800): we cannot check that here.
        if "cnf" in claims:
            raise TokenInvalid("expected a bearer token, and got one that is bound to a key (cnf)")
        # 5. Its time is now, and short. Our own clock made our own tokens; another issuer's may differ.
        skew = 0 if issuer == self._audience else self._skew_s
        expires, issued, begins = (numeric_date(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None or issued is None or (begins is None and "nbf" in claims):
            raise TokenInvalid("expected exp and iat as numbers of seconds since 1970")
        if expires + skew <= now:
            raise TokenExpired
        if expires > now + LONGEST_S + self._skew_s:
            raise TokenInvalid(f"expected exp at most {LONGEST_S} s from now")
        if max(issued, begins or issued) > now + self._skew_s:
            raise TokenInvalid(f"expected iat and nbf not in the future ({self._skew_s} s of skew are allowed)")
        # 6. It says who holds it (RFC 9068 §2.2).
        system, token_id, organisation = (claims.get(name) for name in ("client_id", "jti", "organisation"))
        if not isinstance(system, str) or not isinstance(token_id, str) or not 1 <= len(token_id) <= 128:
            raise TokenInvalid("expected client_id and jti as text")
        try:
            user = user_claim(claims)
        except AssertionFault as fault:
            raise TokenInvalid(fault.sentence) from None
        return TokenClaims(
            issuer=issuer,
            system=system,
            organisation=organisation if isinstance(organisation, str) else "",
            id=token_id,
            expires_at=int(expires + skew),
            user=user,
        )

    def _key(self, issuer: str, kid: str | None) -> PublicKey | None:
        if kid is None:
            return None
        if issuer == self._audience:
            return self._own.get(kid)
        if issuer in self._files:
            return self._files[issuer].get(kid)
        if issuer not in self._addresses:
            return None
        try:
            return self._remote.find(self._addresses[issuer], kid, trusted=True)
        except KeySetUnreachable:
            raise TokenInvalid("the key set of this token's issuer does not answer just now") from None
