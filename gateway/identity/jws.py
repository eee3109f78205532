# SPDX-License-Identifier: Apache-2.0
"""A signed JWT taken apart strictly, before and apart from any trust in it.

joserfc's defaults are wider or narrower than we want: it would take RS256, refuse PS256, warn at EdDSA and stop
at headers of 512 bytes. Here the algorithm comes from the caller, and JSON is read once, strictly.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, field
from typing import Any, NoReturn

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact

MAX_BYTES = 8192  # of a whole token


class NotAToken(ValueError):  # noqa: N818  named as the condition, as in gateway.errors
    """What came is not a signed JWT in compact form. The text says what was expected, never what came."""


@dataclass(frozen=True, slots=True)
class Unverified:
    """Header and claims of a token whose signature nobody has checked yet."""

    algorithm: str
    kid: str | None
    media_type: str
    claims: dict[str, Any] = field(repr=False)
    signed: CompactSignature = field(repr=False)


class _Registry(JWSRegistry):
    """Takes exactly the algorithms it is given, `EdDSA` without a warning (RFC 9864 only renames it), and
    headers that carry certificates, which are then ignored: keys come from registration alone."""

    max_header_length = 4096
    max_payload_length = 1 << 20  # `take_apart` has looked at the whole before

    def get_alg(self, name: str) -> JWSAlgModel:
        if not self.allowed or name not in self.allowed or name not in self.algorithms:
            raise UnsupportedAlgorithmError("the algorithm is not allowed")
        return self.algorithms[name]


_LOOSE = _Registry(algorithms=(), strict_check_header=False)


def take_apart(token: str, most_bytes: int = MAX_BYTES) -> Unverified:
    """Header and claims of a compact JWS (RFC 7515 §7.1). Raises NotAToken."""
    if len(token) > most_bytes:
        raise NotAToken(f"expected at most {most_bytes} bytes")
    if not token.isascii() or token.count(".") != 2:
        raise NotAToken("expected a JWT of three parts in compact form (RFC 7515 section 7.1)")
    header_part, payload_part, _ = token.split(".")
    header, claims = _segment(header_part), _segment(payload_part)
    # No extension is understood here, and an unencoded payload (RFC 7797) would be a second reading.
    if {"crit", "b64"} & header.keys():
        raise NotAToken("expected no crit or b64 in the header")
    algorithm, kid, media_type = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(media_type, str):
        raise NotAToken("expected alg, and typ where there is one, to be text")
    try:
        signed = extract_compact(token.encode(), registry=_LOOSE)
    except (JoseError, ValueError):
        raise NotAToken("expected a JWT in compact form (RFC 7515 section 7.1)") from None
    media_type = media_type.lower().removeprefix("application/")  # RFC 7515 §4.1.9
    return Unverified(algorithm, kid if isinstance(kid, str) and kid else None, media_type, claims, signed)


def signed_by(token: Unverified, key: Key) -> bool:
    """Whether `key` made the signature with the algorithm named; the caller has decided that it may be that
    algorithm with that key."""
    try:
        return validate_compact(
            token.signed, key, registry=_Registry(algorithms=(token.algorithm,), strict_check_header=False)
        )
    except (JoseError, ValueError, TypeError):
        return False


def numeric_date(claims: dict[str, Any], name: str) -> float | None:
    """A time claim (RFC 7519 §2 NumericDate), or None when it is absent or not a plain, finite number."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of a thousand digits is finite but no float.
    return float(value) if abs(value) < 2**53 and math.isfinite(value) else None


def strict_json(data: bytes) -> dict[str, Any]:
    """A JSON object without doubled members, NaN or Infinity. Raises ValueError."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _segment(part: str) -> dict[str, Any]:
    try:
        return strict_json(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise NotAToken("expected header and payload to be JSON objects in base64url") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("not a JSON number")
