# SPDX-License-Identifier: Apache-2.0
"""Every way a client assertion can be wrong, each with its own slug. The rules do not see the store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import OctKey
from sqlalchemy import Engine

from gateway.db import write
from gateway.identity.assertions import make_assertion
from gateway.identity.registry import (
    add_keys,
    register_system,
    set_key_active,
    set_organisation_active,
    set_system_active,
)
from gateway.model import User
from tests.gateway.identity.world import (
    ISSUER,
    NHS_SYSTEM,
    NOW,
    ORGANISATION,
    SYSTEM,
    World,
    public,
    rsa_key,
    segment,
    sign,
    signing_key,
    slug,
)


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


def test_a_good_assertion_gets_a_bearer_token_of_five_minutes(world: World) -> None:
    reply = world.ask(sign(world.key, world.claims()))
    assert reply.status == 200
    assert (reply.body["token_type"], reply.body["expires_in"]) == ("Bearer", 300)
    assert set(reply.body) == {"access_token", "token_type", "expires_in"}
    assert ("Cache-Control", "no-store") in reply.headers


def test_an_assertion_made_by_our_own_client_side_is_taken_and_its_user_is_in_the_token(world: World) -> None:
    user = User(id="u-123", role="discharge-coordinator")
    reply = world.ask(make_assertion(world.key, SYSTEM, ISSUER, NOW, user), client_id=SYSTEM)
    claims = world.verifier().verify(reply.body["access_token"], NOW)
    assert claims.user == User(id="u-123", role="discharge-coordinator", assured=True)
    assert (claims.system, claims.organisation) == (SYSTEM, ORGANISATION)


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("EC", "ES256"), ("OKP", "EdDSA"), ("OKP", "Ed25519"), ("RSA", "PS256")]
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc says so of the signing that this test does
def test_each_fapi_algorithm_is_taken(world: World, kind: str, algorithm: str) -> None:
    key = rsa_key("k2") if kind == "RSA" else signing_key(kind, "k2")
    with write(world.engine) as connection:
        add_keys(connection, SYSTEM, public(key), now=NOW)
    assert world.ask(sign(key, world.claims(), alg=algorithm)).status == 200


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS512", "PS384"])
def test_other_rsa_algorithms_are_refused_to_a_fapi_client(world: World, algorithm: str) -> None:
    key = rsa_key("k2")
    with write(world.engine) as connection:
        add_keys(connection, SYSTEM, public(key), now=NOW)
    reply = world.ask(sign(key, world.claims(), alg=algorithm))
    assert slug(reply) == "assertion-alg-unsupported"
    assert "ES256" in reply.body["error_description"]


def test_an_nhs_client_may_use_rs512_and_five_minutes_and_no_iat(world: World) -> None:
    assert world.ask(sign(world.nhs_key, world.nhs_claims(), alg="RS512")).status == 200


def test_an_nhs_client_may_not_use_rs256(world: World) -> None:
    reply = world.ask(sign(world.nhs_key, world.nhs_claims(), alg="RS256"))
    assert slug(reply) == "assertion-alg-unsupported"


def test_an_nhs_client_must_name_the_token_address_not_the_issuer(world: World) -> None:
    reply = world.ask(sign(world.nhs_key, world.nhs_claims(aud=ISSUER), alg="RS512"))
    assert slug(reply) == "assertion-aud-mismatch"
    assert f"expected aud {ISSUER}/oauth2/token and got {ISSUER}" in reply.body["error_description"]


def test_an_unsigned_assertion_is_refused(world: World) -> None:
    token = f"{segment({'alg': 'none', 'kid': 'k1'})}.{segment(world.claims())}."
    assert slug(world.ask(token)) == "assertion-alg-unsupported"


def test_the_public_key_is_no_secret_to_sign_with(world: World) -> None:
    secret = OctKey.import_key(json.dumps(world.key.as_dict(private=False)), {"kid": "k1"})
    assert slug(world.ask(sign(secret, world.claims(), alg="HS256"))) == "assertion-alg-unsupported"


def test_an_algorithm_that_does_not_fit_the_key_is_refused(world: World) -> None:
    rsa = rsa_key("k1")
    assert slug(world.ask(sign(rsa, world.claims(), alg="PS256"))) == "assertion-alg-unsupported"


def test_a_key_registered_for_one_algorithm_is_not_used_for_another(world: World) -> None:
    rsa = rsa_key("n2")
    narrow = {"keys": [{**rsa.as_dict(private=False), "alg": "PS256"}]}
    with write(world.engine) as connection:
        add_keys(connection, NHS_SYSTEM, narrow, now=NOW)
    assert slug(world.ask(sign(rsa, world.nhs_claims(), alg="RS512"))) == "assertion-alg-unsupported"


def test_another_clients_key_does_not_sign_for_this_one(world: World) -> None:
    other = signing_key("EC", "k1")
    with write(world.engine) as connection:
        register_system(connection, "other", ORGANISATION, "Other", jwks=public(other), now=NOW)
    assert slug(world.ask(sign(other, world.claims()))) == "assertion-signature-invalid"


def test_a_key_in_the_header_is_not_trusted(world: World) -> None:
    own = signing_key("EC", "k1")
    token = sign(own, world.claims(), jwk=own.as_dict(private=False))
    assert slug(world.ask(token)) == "assertion-signature-invalid"


@pytest.mark.parametrize("kid", [None, ""])
def test_a_kid_is_needed(world: World, kid: str | None) -> None:
    assert slug(world.ask(sign(world.key, world.claims(), kid=kid))) == "assertion-kid-missing"


@pytest.mark.parametrize("kid", ["k9", "../../keys/token", "' OR 1=1 --", "k" * 1500])
def test_an_unknown_kid_is_refused_whatever_is_in_it(world: World, kid: str) -> None:
    reply = world.ask(sign(world.key, world.claims(), kid=kid))
    assert slug(reply) == "assertion-kid-unknown"
    assert kid not in json.dumps(reply.body).replace("assertion-kid-unknown", "")


def test_an_unknown_client_is_told_nothing_but_what_an_unknown_key_is_told(world: World) -> None:
    of_key = world.ask(sign(world.key, world.claims(), kid="k9"))
    of_client = world.ask(sign(world.key, world.claims(iss="nobody", sub="nobody")))
    assert of_client == of_key


def test_a_disabled_key_no_longer_signs(world: World) -> None:
    with write(world.engine) as connection:
        set_key_active(connection, SYSTEM, "k1", False, now=NOW)
    assert slug(world.ask(sign(world.key, world.claims()))) == "assertion-kid-unknown"


@pytest.mark.parametrize("which", ["system", "organisation"])
def test_a_disabled_system_or_organisation_gets_no_token_and_only_its_own_key_learns_it(
    world: World, which: str
) -> None:
    with write(world.engine) as connection:
        if which == "system":
            set_system_active(connection, SYSTEM, False, now=NOW)
        else:
            set_organisation_active(connection, ORGANISATION, False, now=NOW)
    reply = world.ask(sign(world.key, world.claims()))
    assert (reply.status, reply.body["error"]) == (400, "unauthorized_client")
    assert reply.body["error_description"].startswith("system-disabled")
    assert slug(world.ask(sign(signing_key(), world.claims()))) == "assertion-signature-invalid"


@pytest.mark.parametrize(
    "audience",
    [
        [ISSUER],
        [ISSUER, "https://other.example"],
        f"{ISSUER}/oauth2/token",
        f"{ISSUER}/",
        "https://other.example",
        7,
    ],
)
def test_the_audience_is_our_issuer_as_one_text(world: World, audience: Any) -> None:
    reply = world.ask(sign(world.key, world.claims(aud=audience)))
    assert slug(reply) == "assertion-aud-mismatch"
    assert f"expected aud {ISSUER} and got" in reply.body["error_description"]


def test_an_audience_that_could_be_anything_is_not_repeated(world: World) -> None:
    reply = world.ask(sign(world.key, world.claims(aud="9990000018 Mary Example")))
    assert slug(reply) == "assertion-aud-mismatch"
    assert "9990000018" not in json.dumps(reply.body)


def test_a_missing_audience_is_refused(world: World) -> None:
    assert slug(world.ask(sign(world.key, world.claims(aud=None)))) == "assertion-aud-mismatch"


@pytest.mark.parametrize(
    "changed",
    [{"iss": "other"}, {"sub": "other"}, {"iss": None}, {"sub": None}, {"iss": [SYSTEM], "sub": [SYSTEM]}],
)
def test_issuer_and_subject_are_both_the_client(world: World, changed: dict[str, Any]) -> None:
    assert slug(world.ask(sign(world.key, world.claims(**changed)))) == "assertion-iss-sub-mismatch"


def test_the_form_may_not_name_another_client(world: World) -> None:
    reply = world.ask(sign(world.key, world.claims()), client_id="other")
    assert slug(reply) == "assertion-iss-sub-mismatch"


@pytest.mark.parametrize("late", [10, 300])
def test_an_expired_assertion_is_told_by_how_many_seconds(world: World, late: int) -> None:
    reply = world.ask(sign(world.key, world.claims(exp=NOW - late)))
    assert slug(reply) == "assertion-expired"
    assert f"got one {late} s before it; 10 s of skew are allowed" in reply.body["error_description"]


def test_an_assertion_expired_within_the_skew_is_taken(world: World) -> None:
    assert world.ask(sign(world.key, world.claims(exp=NOW - 9))).status == 200


@pytest.mark.parametrize("ahead", [71, 3600, 10 * 365 * 86400])
def test_an_assertion_that_lives_too_long_is_told_by_how_many_seconds(world: World, ahead: int) -> None:
    reply = world.ask(sign(world.key, world.claims(exp=NOW + ahead)))
    assert slug(reply) == "assertion-exp-too-far"
    assert f"at most 60 s after {NOW}, and got {ahead} s" in reply.body["error_description"]


def test_a_minute_and_the_skew_is_the_longest_life(world: World) -> None:
    assert world.ask(sign(world.key, world.claims(exp=NOW + 70))).status == 200


def test_an_nhs_assertion_lives_at_most_five_minutes(world: World) -> None:
    reply = world.ask(sign(world.nhs_key, world.nhs_claims(exp=NOW + 311), alg="RS512"))
    assert slug(reply) == "assertion-exp-too-far"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["true", '"1790000030"', "NaN", "1e400", "-Infinity", "null", "[1]", "1" * 400])
def test_a_time_that_is_no_plain_number_is_refused(world: World, name: str, value: str) -> None:
    claims = world.claims(**{name: "@"})
    token = sign(world.key, json.dumps(claims).replace('"@"', value))
    assert slug(world.ask(token)) == "assertion-malformed"


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_fapi_assertion_says_when_it_began_and_ends(world: World, name: str) -> None:
    assert slug(world.ask(sign(world.key, world.claims(**{name: None})))) == "assertion-malformed"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_clock_that_is_a_little_fast_is_borne(world: World, name: str) -> None:
    assert world.ask(sign(world.key, world.claims(**{name: NOW + 10}))).status == 200


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_an_assertion_from_the_future_is_told_by_how_many_seconds(world: World, name: str) -> None:
    reply = world.ask(sign(world.key, world.claims(**{name: NOW + 61})))
    assert slug(reply) == "assertion-not-yet-valid"
    assert f"expected {name} not after {NOW}, and got one 61 s after it" in reply.body["error_description"]


@pytest.mark.parametrize("media_type", ["at+jwt", "application/at+jwt", "dpop+jwt", "secevent+jwt", "JOSE"])
def test_another_kind_of_token_is_no_assertion(world: World, media_type: str) -> None:
    assert slug(world.ask(sign(world.key, world.claims(), typ=media_type))) == "assertion-malformed"


@pytest.mark.parametrize(
    "media_type", [None, "JWT", "client-authentication+jwt", "application/Client-Authentication+JWT"]
)
def test_the_media_types_of_an_assertion_are_taken(world: World, media_type: str | None) -> None:
    assert world.ask(sign(world.key, world.claims(), typ=media_type)).status == 200


@pytest.mark.parametrize("jti", [None, "", "x" * 129, 7, ["a"]])
def test_a_jti_of_at_most_128_characters_is_needed(world: World, jti: Any) -> None:
    assert slug(world.ask(sign(world.key, world.claims(jti=jti)))) == "assertion-jti-missing"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "a.b.c.d.e",
        "é.é.é",
        f"{segment({'alg': 'ES256', 'kid': 'k1'})}.{segment('[1]')}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'k1'})}.{segment('[' * 2000)}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'k1', 'typ': 7})}.{segment('{}')}.AA",
        f"{segment({'alg': 7, 'kid': 'k1'})}.{segment('{}')}.AA",
        f"{segment({'kid': 'k1'})}.{segment('{}')}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'k1', 'crit': ['b64'], 'b64': False})}.{segment('{}')}.AA",
        f"{segment({'alg': 'ES256', 'kid': 'k1', 'crit': ['exp']})}.{segment('{}')}.AA",
        "A" * 9000,
    ],
)
def test_what_is_no_jwt_is_malformed(world: World, token: str) -> None:
    assert slug(world.ask(token)) == "assertion-malformed"


def test_a_claim_that_stands_twice_is_malformed(world: World) -> None:
    payload = json.dumps(world.claims())[:-1] + f', "sub": "{SYSTEM}"}}'
    assert slug(world.ask(sign(world.key, payload))) == "assertion-malformed"


@pytest.mark.parametrize(
    "user",
    [
        "u-1",
        {"role": "nurse"},
        {"id": ""},
        {"id": "Mary Example"},
        {"id": "u", "role": "Nurse!"},
        {"id": "u", "x": 1},
    ],
)
def test_a_user_claim_of_another_shape_is_malformed(world: World, user: Any) -> None:
    assert slug(world.ask(sign(world.key, world.claims(user=user)))) == "assertion-malformed"


def test_a_signature_over_other_claims_is_refused(world: World) -> None:
    header, _, signature = sign(world.key, world.claims()).split(".")
    token = f"{header}.{segment(world.claims(user={'id': 'u-1', 'role': 'social-worker'}))}.{signature}"
    assert slug(world.ask(token)) == "assertion-signature-invalid"
