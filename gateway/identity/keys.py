# SPDX-License-Identifier: Apache-2.0
"""Public keys of client systems: a JWK Set (RFC 7517), read strictly, and what each key may be used for.

A set that holds any private member is refused whole: whoever sent it has let the key out. The algorithm is
decided by us from the key's type, never by the token (RFC 8725 §3.1).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from gateway.identity.jws import strict_json

FAPI = frozenset({"PS256", "ES256", "EdDSA", "Ed25519"})
"""Algorithms of FAPI 2.0 Security Profile §5.4, with both names of Ed25519 (RFC 9864)."""

PROFILES: Mapping[str, frozenset[str]] = {"fapi": FAPI, "nhs": FAPI | {"RS512"}}
"""Algorithms of each profile; RS512 only where NHS England's signed-JWT pattern is followed."""

MAX_BYTES = 65536  # of a key set
MAX_KEYS = 20

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 §6.2.2, §6.3.2, §6.4.1


class KeysRefused(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """A key set that cannot be registered or used. The text says why, and holds no key material."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One verification key and the algorithms its type allows."""

    kid: str
    algorithms: frozenset[str]
    key: Key
    jwk: dict[str, str]


def read_jwks(document: str | bytes | Mapping[str, Any], *, skip_unusable: bool = False) -> dict[str, PublicKey]:
    """The usable keys of a JWK Set by kid. `skip_unusable` passes over keys for other uses (a published set
    may hold encryption keys); private members refuse the whole set in any case. Raises KeysRefused."""
    members = document if isinstance(document, Mapping) else _parse(document)
    keys = members.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise KeysRefused(f'expected a JWK Set: {{"keys": […]}} with 1 to {MAX_KEYS} keys (RFC 7517)')
    if any(isinstance(key, dict) and _PRIVATE & key.keys() for key in keys):
        raise KeysRefused(
            "the set holds private or symmetric key members: send public keys only, and replace these"
        )
    found: dict[str, PublicKey] = {}
    for jwk in keys:
        try:
            key = _read_key(jwk)
        except KeysRefused:
            if skip_unusable:
                continue
            raise
        if key.kid in found:
            raise KeysRefused("two keys of the set have the same kid")
        found[key.kid] = key
    return found


def _parse(document: str | bytes) -> Mapping[str, Any]:
    if len(document) > MAX_BYTES:
        raise KeysRefused(f"the key set is larger than {MAX_BYTES} bytes")
    try:
        members = strict_json(document if isinstance(document, bytes) else document.encode())
    except ValueError:
        raise KeysRefused("the key set is not JSON") from None
    return members


def _read_key(jwk: object) -> PublicKey:
    if not isinstance(jwk, dict):
        raise KeysRefused("a key of the set is not a JSON object")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= 200 or not kid.isprintable():
        raise KeysRefused("every key needs a kid of 1 to 200 printable characters")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise KeysRefused("a key of the set is not for signatures")
    try:
        key, algorithms, public = _import(jwk)
    except (JoseError, ValueError, TypeError, KeyError):
        raise KeysRefused("a key of the set cannot be read (RFC 7518 §6)") from None
    if (named := jwk.get("alg")) is not None:
        algorithms &= {named} if isinstance(named, str) else frozenset()
    if not algorithms:
        raise KeysRefused("a key of the set is for an algorithm that is not taken here")
    return PublicKey(kid, algorithms, key, {**public, "kid": kid} | ({"alg": named} if named else {}))


def _import(jwk: dict[str, Any]) -> tuple[Key, frozenset[str], dict[str, str]]:
    """Only the members that make the key are read, so that no other one can change its meaning."""
    kind = jwk.get("kty"), jwk.get("crv")
    if kind == ("EC", "P-256"):
        public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
        return ECKey.import_key(dict(public)), frozenset({"ES256"}), public
    if kind == ("OKP", "Ed25519"):
        public = {name: jwk[name] for name in ("kty", "crv", "x")}
        return OKPKey.import_key(dict(public)), frozenset({"EdDSA", "Ed25519"}), public
    if kind[0] == "RSA":
        public = {name: jwk[name] for name in ("kty", "n", "e")}
        # Looked at before it is read: reading a huge one costs, and joserfc only warns of a small one.
        if not 2048 <= _integer(jwk["n"]).bit_length() <= 8192:
            raise KeysRefused("an RSA key must have 2048 to 8192 bits")
        return RSAKey.import_key(dict(public)), frozenset({"PS256", "RS512"}), public
    raise KeysRefused("a key must be EC P-256, OKP Ed25519 or RSA")


def _integer(value: str) -> int:
    """RFC 7518 §2 Base64urlUInt."""
    return int.from_bytes(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
