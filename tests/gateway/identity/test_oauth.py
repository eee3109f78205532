# SPDX-License-Identifier: Apache-2.0
"""The token endpoint on both stores: single use, one grant, one way in, and nothing left lying about."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import MetaData, func, select

from gateway.db import connect, read, write
from gateway.identity.assertions import make_assertion
from gateway.identity.oauth import TokenServer
from gateway.identity.registry import register_system
from gateway.identity.replay import first_use, forget_expired
from gateway.identity.tables import assertion_jti
from gateway.settings import Settings
from tests.gateway.identity.world import (
    ASSERTION_TYPE,
    ISSUER,
    NOW,
    ORGANISATION,
    SYSTEM,
    KeySite,
    World,
    public,
    sign,
    signing_key,
    slug,
)


def test_of_fifty_at_once_over_two_workers_exactly_one_gets_a_token(world: World) -> None:
    other = connect(world.engine.url.render_as_string(hide_password=False))
    workers = [world, World(world.settings, world.keyring, other, world.clock, world.key, remote=world.remote)]
    assertion = sign(world.key, world.claims())
    barrier = threading.Barrier(50)

    def ask(n: int) -> int:
        barrier.wait()
        return workers[n % 2].ask(assertion).status

    with ThreadPoolExecutor(50) as pool:
        statuses = Counter(pool.map(ask, range(50)))
    other.dispose()
    assert statuses == {200: 1, 401: 49}


def test_a_replay_after_a_restart_is_refused(world: World) -> None:
    assertion = sign(world.key, world.claims())
    assert world.ask(assertion).status == 200
    world.engine.dispose()
    restarted = connect(world.engine.url.render_as_string(hide_password=False))
    again = World(world.settings, world.keyring, restarted, world.clock, world.key)
    assert slug(again.ask(assertion)) == "assertion-jti-reused"
    restarted.dispose()


def test_the_same_jti_in_another_assertion_is_a_replay_but_another_clients_is_not(world: World) -> None:
    key = signing_key()
    with write(world.engine) as connection:
        register_system(connection, "other", ORGANISATION, "Other", jwks=public(key), now=NOW)
    assert world.ask(sign(world.key, world.claims())).status == 200
    assert slug(world.ask(sign(world.key, world.claims(exp=NOW + 30)))) == "assertion-jti-reused"
    assert world.ask(sign(key, world.claims(iss="other", sub="other"))).status == 200


def test_a_refused_assertion_does_not_use_up_its_jti(world: World) -> None:
    assert slug(world.ask(sign(world.key, world.claims(aud="https://b.example")))) == "assertion-aud-mismatch"
    assert world.ask(sign(world.key, world.claims())).status == 200


def test_a_used_jti_is_kept_as_long_as_any_clock_might_take_it_and_then_dropped(world: World) -> None:
    def held() -> int:
        with read(world.engine) as connection:
            return connection.execute(select(func.count()).select_from(assertion_jti)).scalar_one()

    world.ask(sign(world.key, world.claims()))
    world.clock.now = NOW + 60 + 10 + 60  # its exp, the skew, the margin
    world.ask(sign(world.key, world.claims(jti="j-2", iat=NOW)))
    assert held() == 2
    world.clock.now += 61
    world.ask(sign(world.key, world.claims(jti="j-3", iat=NOW)))
    assert held() == 2  # the first has gone


def test_what_another_node_is_dropping_is_left_to_it(world: World) -> None:
    with write(world.engine) as connection:
        assert first_use(connection, SYSTEM, "j", NOW)
        assert not first_use(connection, SYSTEM, "j", NOW)
        forget_expired(connection, NOW + 60)
        assert not first_use(connection, SYSTEM, "j", NOW)
        forget_expired(connection, NOW + 61)
        assert first_use(connection, SYSTEM, "j", NOW)


_JWT_BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523 §2.1; its jti would go unchecked


def test_no_other_grant_is_served(world: World) -> None:
    for grant in ("password", "authorization_code", "refresh_token", _JWT_BEARER_GRANT, "é", ""):
        reply = world.ask(sign(world.key, world.claims()), grant_type=grant)
        assert (reply.status, reply.body["error"]) == (400, "unsupported_grant_type")
        assert reply.body["error_description"] == "expected grant_type to be client_credentials"


def test_no_other_way_of_authentication_is_taken(world: World) -> None:
    ways: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"client_id": SYSTEM}, {}),
        ({"client_id": SYSTEM, "client_secret": "s3cret-canary"}, {}),
        ({}, {"authorization": "Basic eHp6MDE6czNjcmV0LWNhbmFyeQ=="}),
        ({"client_assertion": "x.y.z"}, {}),
        ({"client_assertion": "x.y.z", "client_assertion_type": "urn:ietf:params:oauth:token-type:saml2"}, {}),
    ]
    for form, headers in ways:
        reply = world.server.answer([("grant_type", "client_credentials"), *form.items()], headers)
        assert slug(reply) == "assertion-malformed"
        assert "canary" not in str(reply)
        assert dict(reply.headers)["WWW-Authenticate"].startswith("private_key_jwt ")


def test_a_good_assertion_beside_a_secret_is_refused(world: World) -> None:
    assert slug(world.ask(sign(world.key, world.claims()), client_secret="x")) == "assertion-malformed"


def test_a_parameter_that_stands_twice_is_refused(world: World) -> None:
    assertion = sign(world.key, world.claims())
    form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", "x"),
        ("client_assertion", assertion),
    ]
    reply = world.server.answer(form, {})
    assert (reply.status, reply.body["error"]) == (400, "invalid_request")


def test_a_scope_is_refused_since_policy_decides(world: World) -> None:
    reply = world.ask(sign(world.key, world.claims()), scope="everything")
    assert (reply.status, reply.body["error"]) == (400, "invalid_scope")


def test_keys_by_address_are_fetched_and_a_rotated_key_is_found_by_asking_once_more(
    world: World, site: KeySite
) -> None:
    old, new = signing_key("EC", "old"), signing_key("OKP", "new")
    site.serve(old)
    with write(world.engine) as connection:
        register_system(connection, "by-address", ORGANISATION, "By address", jwks_uri=site.url, now=NOW)
    mine = {"iss": "by-address", "sub": "by-address"}
    assert world.ask(sign(old, world.claims(**mine, jti="a"))).status == 200
    assert world.ask(sign(old, world.claims(**mine, jti="b"))).status == 200
    assert site.asked == 1
    site.serve(new)
    assert world.ask(sign(new, world.claims(**mine, jti="c"), alg="Ed25519")).status == 200
    assert slug(world.ask(sign(old, world.claims(**mine, jti="d")))) == "assertion-kid-unknown"
    assert site.asked == 3


def test_an_address_that_does_not_answer_is_told_as_such(world: World, site: KeySite) -> None:
    site.answer = lambda handler: handler.send_json({"fault": "canary"}, 500)
    with write(world.engine) as connection:
        register_system(connection, "by-address", ORGANISATION, "By address", jwks_uri=site.url, now=NOW)
    reply = world.ask(sign(world.key, world.claims(iss="by-address", sub="by-address")))
    assert slug(reply) == "jwks-unreachable"
    assert site.url not in str(reply)


def test_no_token_assertion_or_key_is_ever_in_a_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("authlib", "joserfc", "commons"):
        caplog.set_level(logging.DEBUG, name)
    good, bad = sign(world.key, world.claims()), sign(signing_key(), world.claims(jti="canary"))
    token = world.ask(good).body["access_token"]
    world.ask(good)
    world.ask(bad)
    world.ask("x.canary.y")
    logged = caplog.text + "".join(str(record.args) for record in caplog.records)
    for secret in (token, good, bad, "canary", token.split(".")[2], good.split(".")[2]):
        assert secret not in logged


def test_the_database_holds_no_usable_credential(world: World) -> None:
    assertion = make_assertion(world.key, SYSTEM, ISSUER, NOW)
    token = world.ask(assertion).body["access_token"]
    schema = MetaData()
    schema.reflect(world.engine)
    with read(world.engine) as connection:
        dump = str([connection.execute(table.select()).all() for table in schema.sorted_tables])
    private = world.key.as_dict(private=True)["d"]
    parts = {*assertion.split("."), *token.split(".")} - {assertion.split(".")[0], token.split(".")[0]}
    for secret in {*parts, str(private)}:
        assert secret not in dump
    assert '"d"' not in dump


def test_an_issuer_over_plain_http_is_refused_at_the_start(world: World, tmp_path: Path) -> None:
    plain = Settings(data_dir=tmp_path, public_url="http://gateway.example", log_origin="gateway.example/log")
    with pytest.raises(ValueError, match="https"):
        TokenServer(plain, world.keyring, world.engine, world.remote)


def test_a_token_lives_as_long_as_is_set(world: World) -> None:
    settings = world.settings.model_copy(update={"access_token_lifetime_s": 30})
    shorter = World(settings, world.keyring, world.engine, world.clock, world.key)
    reply = shorter.ask(sign(world.key, world.claims()))
    assert reply.body["expires_in"] == 30
    assert world.verifier().verify(reply.body["access_token"], NOW).expires_at == NOW + 30
