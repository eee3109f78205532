# SPDX-License-Identifier: Apache-2.0
"""Access tokens: what RFC 9068 asks, and every token that must not be taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey
from sqlalchemy import Engine

from gateway.errors import TokenExpired, TokenInvalid
from gateway.identity.jws import take_apart
from gateway.identity.tokens import TokenVerifier, issue, public_jwks
from gateway.model import User
from tests.gateway.identity.world import (
    ISSUER,
    NOW,
    ORGANISATION,
    SYSTEM,
    KeySite,
    World,
    public,
    rsa_key,
    segment,
    sign,
    signing_key,
)

EXTERNAL = "https://login.example/realms/health"


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


def claims(**changed: Any) -> dict[str, Any]:
    """Claims of a good access token; None leaves one out."""
    good = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": SYSTEM,
        "client_id": SYSTEM,
        "organisation": ORGANISATION,
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "t-1",
        **changed,
    }
    return {name: value for name, value in good.items() if value is not None}


def signed(world: World, payload: Any, **header: Any) -> str:
    return sign(world.keyring.token[0], payload, **{"typ": "at+jwt", **header})


def issued(world: World, life: int) -> str:
    key = world.keyring.token[0]
    return issue(key, issuer=ISSUER, system=SYSTEM, organisation=ORGANISATION, user=None, now=NOW, life=life)


def test_an_issued_token_says_what_rfc_9068_asks(world: World) -> None:
    token = issue(
        world.keyring.token[0],
        issuer=ISSUER,
        system=SYSTEM,
        organisation=ORGANISATION,
        user=None,
        now=NOW,
        life=300,
    )
    header, parsed = take_apart(token), take_apart(token).claims
    assert (header.media_type, header.algorithm, header.kid) == ("at+jwt", "ES256", world.keyring.token[0].kid)
    assert parsed.keys() == {"iss", "aud", "sub", "client_id", "organisation", "iat", "exp", "jti"}
    assert (parsed["aud"], parsed["sub"], parsed["exp"]) == (ISSUER, SYSTEM, NOW + 300)


def test_no_token_is_issued_for_longer_than_five_minutes(world: World) -> None:
    token = issued(world, life=864000)
    assert take_apart(token).claims["exp"] == NOW + 300


def test_a_good_token_is_read(world: World) -> None:
    found = world.verifier().verify(signed(world, claims(user={"id": "u-1", "role": "nurse"})), NOW)
    assert (found.system, found.organisation, found.id, found.expires_at) == (
        SYSTEM,
        ORGANISATION,
        "t-1",
        NOW + 300,
    )
    assert found.user == User(id="u-1", role="nurse", assured=True)


@pytest.mark.parametrize("media_type", [None, "", "JWT", "client-authentication+jwt", "dpop+jwt", "id_token"])
def test_only_an_access_token_is_an_access_token(world: World, media_type: str | None) -> None:
    with pytest.raises(TokenInvalid, match="at\\+jwt"):
        world.verifier().verify(signed(world, claims(), typ=media_type), NOW)


def test_a_client_assertion_is_not_an_access_token(world: World) -> None:
    with pytest.raises(TokenInvalid):
        world.verifier().verify(sign(world.key, world.claims()), NOW)


@pytest.mark.parametrize(
    "audience", [[ISSUER], [ISSUER, "https://b.example"], "https://b.example", f"{ISSUER}/", None, 7]
)
def test_the_audience_is_this_gateway_alone(world: World, audience: Any) -> None:
    with pytest.raises(TokenInvalid, match="aud"):
        world.verifier().verify(signed(world, claims(aud=audience)), NOW)


@pytest.mark.parametrize("issuer", ["https://b.example", f"{ISSUER}/", None, [ISSUER]])
def test_the_issuer_is_exactly_one_we_know(world: World, issuer: Any) -> None:
    with pytest.raises(TokenInvalid, match="iss"):
        world.verifier().verify(signed(world, claims(iss=issuer)), NOW)


def test_a_token_bound_to_a_key_is_not_taken_as_a_bearer_token(world: World) -> None:
    with pytest.raises(TokenInvalid, match="cnf"):
        world.verifier().verify(signed(world, claims(cnf={"jkt": "x"})), NOW)


def test_an_expired_token_is_told_apart(world: World) -> None:
    with pytest.raises(TokenExpired):
        world.verifier().verify(signed(world, claims(exp=NOW)), NOW)


@pytest.mark.parametrize("ahead", [311, 30 * 365 * 86400])
def test_a_token_that_lives_too_long_is_refused_whoever_signed_it(world: World, ahead: int) -> None:
    with pytest.raises(TokenInvalid, match="at most 300 s"):
        world.verifier().verify(signed(world, claims(exp=NOW + ahead)), NOW)


@pytest.mark.parametrize("changed", [{"iat": NOW + 61}, {"nbf": NOW + 61}])
def test_a_token_from_the_future_is_refused(world: World, changed: dict[str, int]) -> None:
    with pytest.raises(TokenInvalid, match="future"):
        world.verifier().verify(signed(world, claims(**changed)), NOW)


@pytest.mark.parametrize("name", ["exp", "iat", "client_id", "jti"])
def test_a_missing_claim_is_refused(world: World, name: str) -> None:
    with pytest.raises(TokenInvalid):
        world.verifier().verify(signed(world, claims(**{name: None})), NOW)


@pytest.mark.parametrize("value", [True, "1790000030", [1], 1e300])
def test_a_time_of_another_type_is_refused(world: World, value: Any) -> None:
    with pytest.raises(TokenInvalid):
        world.verifier().verify(signed(world, claims(exp=value)), NOW)


def test_an_unsigned_token_is_refused(world: World) -> None:
    header = segment({"alg": "none", "typ": "at+jwt", "kid": world.keyring.token[0].kid})
    with pytest.raises(TokenInvalid, match="alg"):
        world.verifier().verify(f"{header}.{segment(claims())}.", NOW)


def test_our_public_key_is_no_secret_to_sign_with(world: World) -> None:
    own = public_jwks(world.keyring.token)["keys"][0]
    secret = OctKey.import_key(json.dumps(own), {"kid": str(own["kid"])})
    with pytest.raises(TokenInvalid, match="alg"):
        world.verifier().verify(sign(secret, claims(), alg="HS256", typ="at+jwt"), NOW)


def test_a_forged_signature_is_refused(world: World) -> None:
    forger = signing_key("EC", str(world.keyring.token[0].kid))
    with pytest.raises(TokenInvalid, match="signature"):
        world.verifier().verify(sign(forger, claims(), typ="at+jwt"), NOW)


def test_a_key_that_was_rotated_out_no_longer_verifies(world: World) -> None:
    token = signed(world, claims())
    next_key = ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True)
    both = TokenVerifier(
        [next_key, *world.keyring.token], audience=ISSUER, trusted={}, remote=world.remote, skew_s=10
    )
    assert both.verify(token, NOW).id == "t-1"
    without = TokenVerifier([next_key], audience=ISSUER, trusted={}, remote=world.remote, skew_s=10)
    with pytest.raises(TokenInvalid):
        without.verify(token, NOW)


def test_the_published_keys_hold_no_private_member(world: World) -> None:
    keys = public_jwks(world.keyring.token)["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


def test_what_is_refused_is_never_repeated(world: World) -> None:
    for token in (signed(world, claims(aud="canary", client_id="canary")), "canary.canary.canary"):
        with pytest.raises(TokenInvalid) as caught:
            world.verifier().verify(token, NOW)
        assert "canary" not in f"{caught.value} {caught.value.detail}"


@pytest.mark.parametrize("where", ["file", "address"])
@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "PS256"), ("OKP", "Ed25519")])
def test_a_trusted_issuer_may_be_a_file_or_an_address(
    world: World, site: KeySite, tmp_path: Path, where: str, kind: str, algorithm: str
) -> None:
    key = rsa_key("e1") if kind == "RSA" else signing_key(kind, "e1")
    file = tmp_path / "issuer.json"
    file.write_text(json.dumps(public(key)))
    site.serve(key)
    verifier = world.verifier({EXTERNAL: str(file) if where == "file" else site.url})
    found = verifier.verify(sign(key, claims(iss=EXTERNAL), alg=algorithm, typ="at+jwt"), NOW)
    assert (found.issuer, found.system) == (EXTERNAL, SYSTEM)
    with pytest.raises(TokenInvalid, match="alg"):
        verifier.verify(sign(rsa_key("e1"), claims(iss=EXTERNAL), alg="RS256", typ="at+jwt"), NOW)


def test_an_external_issuer_cannot_sign_in_our_name(world: World, site: KeySite) -> None:
    key = signing_key("EC", "e1")
    site.serve(key)
    with pytest.raises(TokenInvalid):
        world.verifier({EXTERNAL: site.url}).verify(sign(key, claims(), typ="at+jwt"), NOW)
    with pytest.raises(TokenInvalid):
        world.verifier({EXTERNAL: site.url}).verify(signed(world, claims(iss=EXTERNAL)), NOW)


def test_an_external_issuer_that_does_not_answer_refuses_without_failing(world: World, site: KeySite) -> None:
    site.answer = lambda handler: handler.send_json({}, 503)
    with pytest.raises(TokenInvalid, match="does not answer"):
        world.verifier({EXTERNAL: site.url}).verify(sign(signing_key(), claims(iss=EXTERNAL), typ="at+jwt"), NOW)
