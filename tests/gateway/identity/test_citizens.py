# SPDX-License-Identifier: Apache-2.0
"""Citizens sign in with an ID token of a provider, and only with one that was made for this sign-in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import Engine, select

from connectors.sandbox.sign_in.provider import CLIENT_ID, ISSUER, Provider
from gateway.db import read, write
from gateway.errors import CitizenNotLinked, CitizenTokenInvalid, IdentityTooWeak, SessionInvalid
from gateway.identity.citizens import ABSOLUTE_S, IDLE_S, Citizens, nonce_key
from gateway.identity.id_tokens import NONCE_S, IdTokens, Nonces
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.identity.jwks import RemoteKeys
from gateway.identity.linking import Linking, bulk_link
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import citizen_session
from gateway.settings import CitizenProvider
from tests.gateway.identity.world import NOW, Clock, KeySite, gateway_keys, rsa_key, segment, sign

MINE, NOBODYS = "9990000018", "9990000026"


@dataclass
class SignIn:
    """One citizen, linked; the provider; and the gateway's side of both."""

    person: str
    provider: Provider
    nonces: Nonces
    citizens: Citizens
    clock: Clock

    def token(self, nhs_number: str = MINE, **claims: Any) -> str:
        """A good ID token for a sign-in that begins now; `claims` replace members."""
        nonce = claims.pop("nonce", None) or self.citizens.begin()
        return self.provider.id_token(nhs_number, nonce, now=int(self.clock()), **claims)


def built(engine: Engine, folder: Path, keys: PersonKeys, *, jwks: str = "", level: str = "P5") -> SignIn:
    clock = Clock()
    provider = Provider(folder / "sign-in")
    nonces = Nonces(nonce_key(gateway_keys()), clock)
    trusted = CitizenProvider(jwks=jwks or str(provider.jwks_file), audience=CLIENT_ID, level=level)
    remote = RemoteKeys(loopback=True)
    tokens = IdTokens({ISSUER: trusted}, remote, nonces, skew_s=10, synthetic_only=True, clock=clock)
    with write(engine) as connection:
        [person] = bulk_link(connection, keys, [Linking((normalise(NHS_NUMBER, MINE),))], now=NOW)
    return SignIn(person, provider, nonces, Citizens(engine, keys, tokens, nonces, clock), clock)


@pytest.fixture
def door(engine: Engine, tmp_path: Path, sealing_keys: PersonKeys) -> SignIn:
    """On both stores."""
    return built(engine, tmp_path, sealing_keys)


@pytest.fixture
def embedded(sqlite_engine: Engine, tmp_path: Path, sealing_keys: PersonKeys) -> SignIn:
    """On SQLite alone, for what the stores do not differ in."""
    return built(sqlite_engine, tmp_path, sealing_keys)


def test_an_id_token_becomes_a_session_and_the_session_the_person(door: SignIn) -> None:
    opened = door.citizens.sign_in(door.token())
    assert (opened.citizen.person, opened.citizen.level) == (door.person, "P9")
    assert door.citizens.session(opened.token) == opened.citizen
    assert len(opened.token) == 43


def test_the_database_holds_nothing_that_opens_a_session(door: SignIn, engine: Engine) -> None:
    opened = door.citizens.sign_in(door.token())
    with read(engine) as connection:
        row = connection.execute(select(citizen_session)).one()
    assert opened.token.encode() not in bytes(row.digest)
    assert opened.token not in [str(value) for value in row]
    with pytest.raises(SessionInvalid):
        door.citizens.session(opened.citizen.session_id)
    assert opened.token not in repr(opened)


def test_a_session_ends_when_it_is_not_used(door: SignIn) -> None:
    token = door.citizens.sign_in(door.token()).token
    door.clock.now += IDLE_S - 1
    assert door.citizens.session(token).person == door.person
    door.clock.now += IDLE_S - 1
    assert door.citizens.session(token).person == door.person
    door.clock.now += IDLE_S
    with pytest.raises(SessionInvalid):
        door.citizens.session(token)


def test_a_session_ends_after_eight_hours_however_much_it_is_used(embedded: SignIn) -> None:
    token = embedded.citizens.sign_in(embedded.token()).token
    for _ in range(ABSOLUTE_S // 600 - 1):
        embedded.clock.now += 600
        embedded.citizens.session(token)
    embedded.clock.now = NOW + ABSOLUTE_S
    with pytest.raises(SessionInvalid):
        embedded.citizens.session(token)


def test_a_session_that_was_ended_is_worth_nothing_and_another_one_goes_on(door: SignIn) -> None:
    one, other = (door.citizens.sign_in(door.token()) for _ in range(2))
    door.citizens.end(one.token)
    door.citizens.end(one.token)
    with pytest.raises(SessionInvalid):
        door.citizens.session(one.token)
    assert door.citizens.session(other.token) == other.citizen


def test_an_id_token_serves_once_even_after_its_session_was_ended(door: SignIn) -> None:
    used = door.token()
    door.citizens.end(door.citizens.sign_in(used).token)
    with pytest.raises(CitizenTokenInvalid, match="not used before"):
        door.citizens.sign_in(used)
    again = door.token(nonce=json.loads(_payload(used))["nonce"])
    with pytest.raises(CitizenTokenInvalid, match="not used before"):
        door.citizens.sign_in(again)


def test_who_is_not_linked_is_told_so_and_gets_no_session(door: SignIn, engine: Engine) -> None:
    with pytest.raises(CitizenNotLinked):
        door.citizens.sign_in(door.token(NOBODYS))
    with read(engine) as connection:
        assert connection.execute(select(citizen_session)).all() == []


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"aud": "another-service"}, "aud"),
        ({"aud": [CLIENT_ID, "another-service"]}, "aud"),
        ({"aud": None}, "aud"),
        ({"azp": "another-service"}, "azp"),
        ({"exp": NOW - 10}, "exp"),
        ({"exp": NOW + 7200}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"iat": NOW + 60}, "iat"),
        ({"iat": None}, "iat"),
        ({"nonce": "of-my-own-making"}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"nhs_number": None}, "nhs_number"),
        ({"nhs_number": "9990000019"}, "nhs_number"),
        ({"nhs_number": "9434765919"}, "nhs_number"),
        ({"nhs_number": 9990000018}, "nhs_number"),
    ],
)
def test_a_claim_that_is_wrong_opens_nothing(embedded: SignIn, claims: dict[str, Any], expected: str) -> None:
    with pytest.raises(CitizenTokenInvalid, match=rf"expected .*{expected}") as refused:
        embedded.citizens.sign_in(embedded.token(**claims))
    assert not [value for value in claims.values() if value is not None and str(value) in refused.value.detail]


@pytest.mark.parametrize("vot", ["P0.Cp.Cd", "P2", "Cl.Cm", "P9.P9", "p9", "P10", "", None, 9])
def test_an_identity_that_was_not_proven_well_enough_opens_nothing(embedded: SignIn, vot: Any) -> None:
    with pytest.raises(IdentityTooWeak):
        embedded.citizens.sign_in(embedded.token(vot=vot))


def test_one_logins_level_two_is_enough_where_it_is_asked_for(
    sqlite_engine: Engine, tmp_path: Path, sealing_keys: PersonKeys
) -> None:
    door = built(sqlite_engine, tmp_path, sealing_keys, level="P2")
    assert door.citizens.sign_in(door.token(vot="P2.Cl.Cm")).citizen.level == "P2"
    with pytest.raises(IdentityTooWeak):
        door.citizens.sign_in(door.token(vot="P1.Cl.Cm"))


def test_a_sign_in_that_takes_longer_than_ten_minutes_begins_again(embedded: SignIn) -> None:
    nonce = embedded.citizens.begin()
    embedded.clock.now += NONCE_S - 1
    assert embedded.nonces.is_ours(nonce)
    embedded.clock.now += 1
    assert not embedded.nonces.is_ours(nonce)


def test_a_nonce_that_was_changed_anywhere_is_not_ours(embedded: SignIn) -> None:
    nonce = embedded.citizens.begin()
    for at in range(len(nonce)):
        other = "A" if nonce[at] != "A" else "B"
        assert not embedded.nonces.is_ours(nonce[:at] + other + nonce[at + 1 :])
    for other in (nonce[:-4], nonce + "AAAA", nonce + "\n", "", "é"):
        assert not embedded.nonces.is_ours(other)


def test_a_token_by_another_key_or_of_another_kind_opens_nothing(embedded: SignIn) -> None:
    good = embedded.token()
    header, payload, signature = good.split(".")
    claims = json.loads(_payload(good))
    stranger = ECKey.generate_key("P-256", {"kid": json.loads(_segment(header))["kid"]})
    for token in (
        sign(stranger, claims),
        sign(ECKey.generate_key("P-256", {"kid": "k9"}), claims),
        f"{segment({'alg': 'none'})}.{payload}.",
        f"{header}.{segment(claims | {'nhs_number': NOBODYS})}.{signature}",
        f"{header}.{payload}",
        "not a token",
    ):
        with pytest.raises(CitizenTokenInvalid):
            embedded.citizens.sign_in(token)


def test_the_providers_keys_are_found_at_their_address_and_rsa_is_taken_as_nhs_login_signs(
    sqlite_engine: Engine, tmp_path: Path, sealing_keys: PersonKeys, site: KeySite
) -> None:
    key = rsa_key("login-1")
    site.serve(key)
    door = built(sqlite_engine, tmp_path, sealing_keys, jwks=site.url)
    claims = json.loads(_payload(door.token()))
    assert door.citizens.sign_in(sign(key, claims, alg="RS512")).citizen.person == door.person
    with pytest.raises(CitizenTokenInvalid, match="alg"):
        door.citizens.sign_in(sign(key, claims, alg="RS256"))
    with pytest.raises(CitizenTokenInvalid, match="typ"):
        door.citizens.sign_in(sign(key, claims, alg="RS512", typ="at+jwt"))


def _payload(token: str) -> bytes:
    return _segment(token.split(".")[1])


def _segment(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
