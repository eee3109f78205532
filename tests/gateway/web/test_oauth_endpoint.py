# SPDX-License-Identifier: Apache-2.0
"""The authorization server over HTTP: what it says of itself is what it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import Engine

from gateway.db import connect, write
from gateway.identity.assertions import Slug
from gateway.identity.registry import add_keys
from gateway.web import problems
from gateway.web.oauth import MAX_BODY, router
from tests.gateway.identity.world import (
    ASSERTION_TYPE,
    ISSUER,
    NHS_SYSTEM,
    NOW,
    SYSTEM,
    World,
    make_world,
    public,
    rsa_key,
    sign,
    signing_key,
)


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    engine = connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    return make_world(tmp_path, engine)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(router(world.settings, world.keyring, world.server))
    problems.install(app, ISSUER)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield client


def form(assertion: str, **changed: str) -> dict[str, str]:
    good = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return {**good, **changed}


async def test_a_client_that_reads_the_metadata_gets_a_token_that_the_published_keys_verify(
    world: World, http: httpx.AsyncClient
) -> None:
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == ISSUER
    reply = await http.post(metadata["token_endpoint"], data=form(sign(world.key, world.claims())))
    assert reply.status_code == 200
    assert (reply.headers["cache-control"], reply.headers["content-type"]) == ("no-store", "application/json")
    published = await http.get(metadata["jwks_uri"])
    assert published.headers["content-type"] == "application/jwk-set+json"
    keys = KeySet.import_key_set(published.json())
    token = jwt.decode(reply.json()["access_token"], keys, algorithms=["ES256"])
    assert (token.header["typ"], token.claims["client_id"], token.claims["aud"]) == ("at+jwt", SYSTEM, ISSUER)


async def test_authlib_finds_the_metadata_valid_and_it_lists_only_what_works(
    world: World, http: httpx.AsyncClient
) -> None:
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    AuthorizationServerMetadata(metadata).validate()
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert "authorization_endpoint" not in metadata
    for grant in ("authorization_code", "refresh_token", "password"):
        reply = await http.post("/oauth2/token", data=form(sign(world.key, world.claims()), grant_type=grant))
        assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc says so of the signing that this test does
async def test_every_algorithm_in_the_metadata_works_and_no_other(world: World, http: httpx.AsyncClient) -> None:
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    listed = metadata["token_endpoint_auth_signing_alg_values_supported"]
    okp = signing_key("OKP", "o1")
    with write(world.engine) as connection:
        add_keys(connection, NHS_SYSTEM, public(okp, signing_key("EC", "unused")), now=NOW)
        add_keys(connection, SYSTEM, public(okp), now=NOW)
    works = []
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA", "Ed25519"):
        if algorithm.startswith("E"):
            key = world.key if algorithm == "ES256" else okp
            claims = world.claims(jti=algorithm)
        else:
            key, claims = rsa_key("n1"), world.nhs_claims(jti=algorithm)
        reply = await http.post("/oauth2/token", data=form(sign(key, claims, alg=algorithm)))
        if reply.status_code == 200:
            works.append(algorithm)
    assert sorted(works) == sorted(listed)


async def test_a_fault_is_an_oauth_error_with_the_page_that_explains_it(
    world: World, http: httpx.AsyncClient
) -> None:
    reply = await http.post("/oauth2/token", data=form(sign(world.key, world.claims(exp=NOW - 60))))
    assert reply.status_code == 401
    assert reply.json()["error"] == "invalid_client"
    assert reply.json()["error_description"].startswith("assertion-expired: expected exp after")
    assert reply.json()["error_uri"] == f"{ISSUER}/problems/assertion-expired"
    assert reply.headers["cache-control"] == "no-store"
    assert "basic" not in reply.headers["www-authenticate"].lower()


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"grant_type=client_credentials", "text/plain", 400),
        (b"grant_type=client_credentials", "", 400),
        (b"\xff\xfe=%ff", "application/x-www-form-urlencoded", 400),
        (b"novalue", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * MAX_BODY, "application/x-www-form-urlencoded", 413),
        (b"grant_type=", "application/x-www-form-urlencoded", 400),
        (b"grant_type=client_credentials&grant_type=password", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_a_body_that_is_no_token_request_is_refused_in_oauths_own_shape(
    http: httpx.AsyncClient, content: bytes, media_type: str, status: int
) -> None:
    reply = await http.post("/oauth2/token", content=content, headers={"content-type": media_type})
    assert reply.status_code == status
    assert reply.json()["error"] in {"invalid_request", "unsupported_grant_type"}


async def test_a_body_without_a_length_is_cut_off_at_the_limit(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"a=1&" * 1000

    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = await http.post("/oauth2/token", content=endless(), headers=headers)
    assert reply.status_code == 413


async def test_nothing_that_was_sent_comes_back(world: World, http: httpx.AsyncClient) -> None:
    canary = "9990000018"
    bodies: list[dict[str, Any]] = [
        form(canary),
        form("x", grant_type=canary),
        form("x", client_assertion_type=canary),
        form("x", client_id=canary),
        form(sign(world.key, world.claims(aud=canary, jti="a"))),
        form(sign(world.key, world.claims(iss=canary, sub=canary))),
        form(sign(world.key, world.claims(jti="b"), kid=canary)),
        form(sign(world.key, world.claims(jti="c"), typ=canary)),
        form(sign(world.key, world.claims(jti="d", user={"id": canary, canary: canary}))),
        form(sign(world.key, world.claims(jti="e")), scope=canary),
        {canary: canary},
    ]
    for body in bodies:
        reply = await http.post("/oauth2/token", data=body, headers={"x-canary": canary})
        assert reply.status_code in {400, 401}
        assert canary not in reply.text + json.dumps(dict(reply.headers))


async def test_a_database_that_is_away_is_a_problem_to_retry(world: World) -> None:
    nobody_there = connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    away = World(world.settings, world.keyring, nobody_there, world.clock, world.key)
    app = FastAPI()
    app.include_router(router(away.settings, away.keyring, away.server))
    problems.install(app, ISSUER)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER) as client:
        reply = await client.post("/oauth2/token", data=form(sign(world.key, world.claims())))
    nobody_there.dispose()
    assert (reply.status_code, reply.json()["code"]) == (503, "database-unavailable")


def test_every_fault_of_an_assertion_stands_in_the_reference() -> None:
    reference = Path(__file__).parents[3].joinpath("docs/reference/oauth.md").read_text()
    for fault in get_args(Slug):
        assert f"| `{fault}` |" in reference
