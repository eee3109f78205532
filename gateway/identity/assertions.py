# SPDX-License-Identifier: Apache-2.0
"""Client assertions: `private_key_jwt` (RFC 7523 §3), as FAPI 2.0 and as NHS England's signed-JWT pattern
want it. Pure: keys, clock and the memory of used `jti` are the caller's.

A fault has a slug of its own and says what was expected; what was got is told only where it cannot be a secret
(an address, seconds). Nothing about claims is told before the signature is right.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, serialize_compact

from gateway.identity.jws import NotAToken, Unverified, numeric_date, signed_by, take_apart
from gateway.identity.keys import FAPI, PROFILES, PublicKey
from gateway.model import User

Profile = Literal["fapi", "nhs"]
Slug = Literal[
    "assertion-malformed",
    "assertion-alg-unsupported",
    "assertion-kid-missing",
    "assertion-kid-unknown",
    "assertion-aud-mismatch",
    "assertion-iss-sub-mismatch",
    "assertion-expired",
    "assertion-exp-too-far",
    "assertion-not-yet-valid",
    "assertion-jti-missing",
    "assertion-jti-reused",
    "assertion-signature-invalid",
    "jwks-unreachable",
]

LIFETIME_S: dict[str, int] = {"fapi": 60, "nhs": 300}
"""The furthest `exp` in seconds: FAPI 2.0 §5.3.2.1; NHS England allows five minutes."""

TYPES = frozenset({"", "jwt", "client-authentication+jwt"})
"""Values of `typ`: absent, plain, or that of draft-ietf-oauth-rfc7523bis. Any other is another kind of token."""

_USER_ID = re.compile(r"[\x21-\x7e]{1,120}")
_ROLE = re.compile(r"(?:[a-z0-9]+(?:[.-][a-z0-9]+)*)?")


class AssertionFault(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """Why an assertion is refused: a stable slug and a sentence of RFC 6749 §5.2 characters."""

    def __init__(self, slug: Slug, sentence: str) -> None:
        super().__init__(f"{slug}: {sentence}")
        self.slug = slug
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Rules:
    """What this gateway wants of an assertion: its two names, and the clock skew in seconds."""

    issuer: str
    token_url: str
    skew_s: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """An assertion that is right in everything but perhaps its single use."""

    system: str
    jti: str
    expires_at: int
    user: User | None


def read_assertion(assertion: str, client_id: str | None) -> tuple[str, Unverified]:
    """The client that an assertion claims to be from, and the assertion unverified. `client_id` is the form
    parameter, if there was one (RFC 7521 §4.2). Raises AssertionFault."""
    try:
        token = take_apart(assertion)
    except NotAToken as error:
        raise AssertionFault("assertion-malformed", str(error)) from None
    if token.media_type not in TYPES:
        raise AssertionFault("assertion-malformed", "expected typ to be JWT or client-authentication+jwt")
    if token.algorithm not in PROFILES["nhs"]:
        raise AssertionFault("assertion-alg-unsupported", _algorithms(FAPI))
    if token.kid is None:
        raise AssertionFault("assertion-kid-missing", "expected the kid of a registered key in the header")
    issuer, subject = token.claims.get("iss"), token.claims.get("sub")
    if not isinstance(subject, str) or issuer != subject or client_id not in (None, subject):
        raise AssertionFault(
            "assertion-iss-sub-mismatch",
            "expected iss and sub to be your client_id, the same text in both, and in client_id if it is sent",
        )
    return subject, token


def check(token: Unverified, profile: Profile, key: PublicKey | None, rules: Rules, now: float) -> Accepted:
    """Every rule but single use. `key` is the client's registered key of the token's kid, or None.
    Raises AssertionFault."""
    if token.algorithm not in PROFILES[profile]:
        raise AssertionFault("assertion-alg-unsupported", _algorithms(PROFILES[profile]))
    if key is None:
        raise kid_unknown()
    if token.algorithm not in key.algorithms:
        raise AssertionFault("assertion-alg-unsupported", _algorithms(key.algorithms & PROFILES[profile]))
    if not signed_by(token, key.key):
        raise AssertionFault("assertion-signature-invalid", "the signature is not by the key of this kid")
    claims = token.claims
    expected = rules.issuer if profile == "fapi" else rules.token_url
    if claims.get("aud") != expected:
        raise AssertionFault("assertion-aud-mismatch", f"expected aud {expected} and {_got(claims.get('aud'))}")
    expires_at = _times(claims, profile, rules.skew_s, now)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 128:
        raise AssertionFault("assertion-jti-missing", "expected a jti of 1 to 128 characters, new each time")
    return Accepted(claims["sub"], jti, expires_at, user_claim(claims))


def kid_unknown() -> AssertionFault:
    """The one answer to an unknown client and to an unknown key of a known one."""
    return AssertionFault(
        "assertion-kid-unknown", "expected a registered client_id, and the kid of one of its keys"
    )


def _times(claims: dict[str, Any], profile: Profile, skew: int, now: float) -> int:
    expires = _time(claims, "exp")
    # NHS England's pattern has no iat; FAPI clients must say when they signed.
    optional = ("nbf",) if profile == "fapi" else ("iat", "nbf")
    begins = {name: _time(claims, name) for name in ("iat", "nbf") if name not in optional or name in claims}
    allowed = f"; {skew} s of skew are allowed"
    if expires + skew <= now:
        got = f"got one {now - expires:.0f} s before it"
        raise AssertionFault("assertion-expired", f"expected exp after {now:.0f}, and {got}{allowed}")
    if expires > now + LIFETIME_S[profile] + skew:
        got = f"got {expires - now:.0f} s"
        raise AssertionFault(
            "assertion-exp-too-far",
            f"expected exp at most {LIFETIME_S[profile]} s after {now:.0f}, and {got}{allowed}",
        )
    for name, value in begins.items():
        if value > now + skew:
            got = f"got one {value - now:.0f} s after it"
            raise AssertionFault(
                "assertion-not-yet-valid", f"expected {name} not after {now:.0f}, and {got}{allowed}"
            )
    return math.ceil(expires)


def _time(claims: dict[str, Any], name: str) -> float:
    value = numeric_date(claims, name)
    if value is None:
        raise AssertionFault("assertion-malformed", f"expected {name} as a number of seconds since 1970")
    return value


def user_claim(claims: dict[str, Any]) -> User | None:
    """The claim `user`: {id, role, training, auth_time, acr}, the person at the agency for whom the token is, what
    they are trained in, and when and how they last signed in (RFC 9470 §6). Raises AssertionFault."""
    user = claims.get("user")
    if user is None:
        return None
    if isinstance(user, dict) and user.keys() <= {"id", "role", "training", "auth_time", "acr"}:
        name, role, training = user.get("id"), user.get("role", ""), user.get("training", [])
        at, acr = user.get("auth_time", 0), user.get("acr", "")
        codes = isinstance(training, list) and len(training) <= 20 and all(_fits(c, _ROLE, 80) for c in training)
        signed_in = type(at) is int and 0 <= at < 2**40 and (acr == "" or _fits(acr, _USER_ID, 120))
        if _fits(name, _USER_ID, 120) and _fits(role, _ROLE, 80) and codes and signed_in:
            return User(name, role, True, tuple(sorted(set(training))), at, acr)
    raise AssertionFault(
        "assertion-malformed",
        "expected user to be an object with id and, if need be, role, training, auth_time and acr",
    )


def claim_of(user: User) -> dict[str, object]:
    """The claim `user` that `user_claim` reads; what is not known is left out."""
    known = {"training": list(user.training), "auth_time": user.auth_time, "acr": user.acr}
    return {"id": user.id, "role": user.role} | {name: value for name, value in known.items() if value}


def _fits(value: object, pattern: re.Pattern[str], longest: int) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) is not None


def make_assertion(
    key: Key, client_id: str, audience: str, now: int, user: User | None = None, *, lifetime_s: int = 60
) -> str:
    """A client's side: an assertion signed by `key` (private, with a kid) for `audience` (the issuer; the token
    URL for an NHS client). `now` and `lifetime_s` in seconds."""
    algorithm = key.alg or {"EC": "ES256", "OKP": "Ed25519", "RSA": "PS256"}[key.key_type]
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime_s,
        "jti": secrets.token_urlsafe(16),
    }
    if user is not None:
        claims["user"] = claim_of(user)
    header = {"alg": algorithm, "typ": "client-authentication+jwt", "kid": key.kid or key.thumbprint()}
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return serialize_compact(header, json.dumps(claims), key, registry=registry)


def _algorithms(allowed: frozenset[str]) -> str:
    return f"expected alg to be one of {', '.join(sorted(allowed)) or 'none that this key can make'}"


def _got(audience: object) -> str:
    """What came as `aud`, told only if it is a plain address; anything else could be anything."""
    if isinstance(audience, list):
        return f"got an array of {len(audience)}: send one text"
    if audience is None:
        return "got none"
    if isinstance(audience, str) and len(audience) <= 200 and re.fullmatch(r"https?://[A-Za-z0-9.:/_-]+", audience):
        return f"got {audience}"
    return "got something that is not a plain http address"
