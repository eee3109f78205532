# SPDX-License-Identifier: Apache-2.0
"""The client side that `commons token` uses, against a served gateway."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from gateway.db import connect
from gateway.errors import Unauthenticated, Unavailable
from gateway.identity.client import ask_token
from gateway.identity.jws import take_apart
from gateway.identity.keys import KeysRefused
from gateway.settings import Settings
from gateway.web.oauth import router
from tests.gateway.identity.world import SYSTEM, Clock, World, make_world, signing_key


@pytest.fixture
async def served(sqlite_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway's token endpoint on a free port of this machine, on the real clock."""
    listening = socket.create_server(("127.0.0.1", 0))
    engine = connect(sqlite_url)
    registered = make_world(tmp_path, engine, clock=Clock(time.time()))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = Settings(data_dir=tmp_path, public_url=address, log_origin="gateway.example/log/test")
    world = World(settings, registered.keyring, engine, registered.clock, registered.key)
    app = FastAPI()
    app.include_router(router(settings, world.keyring, world.server))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve([listening]))
    yield world
    server.should_exit = True
    await task
    engine.dispose()


async def test_a_system_gets_a_token_with_its_key_file(served: World) -> None:
    key = json.dumps(served.key.as_dict(private=True))
    token = await ask_token(str(served.settings.public_url), SYSTEM, key, user="u-1", role="social-worker")
    claims = take_apart(token).claims
    assert (claims["client_id"], claims["user"]) == (SYSTEM, {"id": "u-1", "role": "social-worker"})


async def test_a_refusal_is_passed_on_with_its_slug(served: World) -> None:
    key = json.dumps(signing_key().as_dict(private=True))
    with pytest.raises(Unauthenticated, match="assertion-signature-invalid"):
        await ask_token(str(served.settings.public_url), SYSTEM, key)


async def test_a_gateway_that_is_not_there_is_told_as_such() -> None:
    key = json.dumps(signing_key().as_dict(private=True))
    with pytest.raises(Unavailable, match="commons serve"):
        await ask_token("http://127.0.0.1:1", SYSTEM, key)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "-----BEGIN PRIVATE KEY-----", json.dumps({"kty": "oct", "k": "A" * 43})]
)
async def test_a_file_without_a_private_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeysRefused) as caught:
        await ask_token("http://127.0.0.1:1", SYSTEM, text)
    assert not text or text not in str(caught.value)


async def test_a_public_key_signs_nothing() -> None:
    with pytest.raises(KeysRefused, match="private"):
        await ask_token("http://127.0.0.1:1", SYSTEM, json.dumps(signing_key().as_dict(private=False)))
