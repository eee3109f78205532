# SPDX-License-Identifier: Apache-2.0
"""What is taken as a client's key set, and what is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey

from gateway.identity.keys import MAX_BYTES, KeysRefused, read_jwks
from tests.gateway.identity.world import public, rsa_key, signing_key


def test_the_three_kinds_of_key_are_read_with_the_algorithms_they_make() -> None:
    keys = read_jwks(json.dumps(public(signing_key("EC", "a"), signing_key("OKP", "b"), rsa_key("c"))))
    assert {kid: set(key.algorithms) for kid, key in keys.items()} == {
        "a": {"ES256"},
        "b": {"EdDSA", "Ed25519"},
        "c": {"PS256", "RS512"},
    }


@pytest.mark.parametrize("kind", ["EC", "OKP", "RSA"])
@pytest.mark.parametrize("skip_unusable", [True, False])
def test_a_set_with_a_private_member_is_refused_whole(kind: str, skip_unusable: bool) -> None:
    leaked = rsa_key("x") if kind == "RSA" else signing_key(kind, "x")
    keys = {"keys": [*public(signing_key())["keys"], leaked.as_dict(private=True)]}
    with pytest.raises(KeysRefused, match="private") as caught:
        read_jwks(json.dumps(keys), skip_unusable=skip_unusable)
    assert str(leaked.as_dict(private=True)["d"]) not in str(caught.value)


def test_a_symmetric_key_is_refused() -> None:
    secret = OctKey.generate_key(256, {"kid": "s"})
    with pytest.raises(KeysRefused, match="symmetric"):
        read_jwks({"keys": [secret.as_dict()]})


def _jwk(**changed: Any) -> dict[str, Any]:
    jwk = {**signing_key().as_dict(private=False), **changed}
    return {name: value for name, value in jwk.items() if value is not None}


@pytest.mark.parametrize(
    "jwk",
    [
        _jwk(kid=None),
        _jwk(kid=""),
        _jwk(kid=7),
        _jwk(kid="k" * 201),
        _jwk(kid="k\n1"),
        _jwk(use="enc"),
        _jwk(key_ops=["sign"]),
        _jwk(key_ops=7),
        _jwk(alg="RS256"),
        _jwk(alg=["ES256"]),
        _jwk(kty="oct"),
        _jwk(crv="P-384"),
        _jwk(x="AA"),
        _jwk(x=None),
        _jwk(y=7),
        _jwk(y="AAAA"),
        {**ECKey.generate_key("secp256k1").as_dict(private=False), "kid": "k"},
        {"kty": "RSA", "kid": "weak", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xff" * 128).decode()},
        {"kty": "RSA", "kid": "huge", "e": "AQAB", "n": base64.urlsafe_b64encode(b"\xff" * 2048).decode()},
        {"kty": "RSA", "kid": "none", "e": "AQAB", "n": 7},
        "not an object",
        None,
    ],
)
def test_a_key_we_cannot_use_is_refused_when_pasted_and_passed_over_when_fetched(jwk: Any) -> None:
    keys = {"keys": [jwk, _jwk(kid="good")]}
    with pytest.raises(KeysRefused):
        read_jwks(keys)
    assert set(read_jwks(keys, skip_unusable=True)) == {"good"}


@pytest.mark.parametrize(
    "document",
    ["", "[]", "{}", '{"keys": []}', '{"keys": {}}', '{"keys": 1}', "{" * 5000, '{"keys": [], "keys": [1]}', "é"],
)
def test_what_is_no_key_set_is_refused(document: str) -> None:
    with pytest.raises(KeysRefused):
        read_jwks(document)


def test_sets_have_a_largest_size_and_number_of_keys() -> None:
    with pytest.raises(KeysRefused, match="larger"):
        read_jwks(" " * (MAX_BYTES + 1))
    with pytest.raises(KeysRefused, match="1 to 20"):
        read_jwks({"keys": [_jwk(kid=f"k{n}") for n in range(21)]})


def test_two_keys_of_one_kid_are_refused() -> None:
    with pytest.raises(KeysRefused, match="same kid"):
        read_jwks({"keys": [_jwk(), _jwk()]})


def test_only_members_that_make_the_key_are_kept() -> None:
    key = read_jwks({"keys": [_jwk(x5u="https://b.example/cert", note="canary", alg="ES256")]})["k1"]
    assert set(key.jwk) == {"kty", "crv", "x", "y", "kid", "alg"}
