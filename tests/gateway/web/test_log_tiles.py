# SPDX-License-Identifier: Apache-2.0
"""The log over HTTP: C2SP tlog-tiles as any client of the standard reads them, and entries for monitors only."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from gateway import db, keyring
from gateway.audit import checkpoint, verify
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.keyring import Keyring
from gateway.web import log as web_log
from gateway.web import problems

NAME = "gateway.example/log"
ORIGIN = f"{NAME}/2026"
TOKEN = "monitor-" + "t" * 32
SIZE = 300


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    folder = tmp_path_factory.mktemp("keys")
    keyring.create(folder)
    return keyring.load(folder)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Engine]:
    engine = db.connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
async def access_log(store: Engine, keys: Keyring) -> AsyncIterator[Log]:
    log = Log(store, keys, NAME, deadline_ms=10_000, clock=lambda: 1_780_000_000_000)
    await log.start()
    entries = [
        Entry(f"01900000-0000-7000-8000-{n:012x}", "access.refused", n, "o", "s", "p", "deny", "", 1, {})
        for n in range(1, SIZE)
    ]
    await asyncio.gather(*[log.append(entry) for entry in entries])
    yield log
    await log.close()


def app_of(log: Log, token: str | None = TOKEN) -> FastAPI:
    app = FastAPI()
    problems.install(app, "https://gateway.example")
    app.include_router(web_log.router(log, None, token))
    return app


@pytest.fixture
async def client(access_log: Log) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(access_log))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        yield client


@pytest.fixture
def served(access_log: Log) -> Iterator[str]:
    """Base URL of a real server of the log."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app_of(access_log), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/log"
        server.should_exit = True
        thread.join()


async def test_the_checkpoint_is_plain_text_that_is_asked_for_afresh(
    client: httpx.AsyncClient, access_log: Log
) -> None:
    reply = await client.get("/log/checkpoint")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.text == access_log.checkpoint()


@pytest.mark.parametrize(
    ("path", "length"), [("0/000", 8192), ("0/000.p/7", 224), ("0/001.p/44", 1408), ("1/000.p/1", 32)]
)
async def test_a_tile_is_hashes_that_never_change(client: httpx.AsyncClient, path: str, length: int) -> None:
    reply = await client.get(f"/log/tile/{path}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(reply.content) == length


@pytest.mark.parametrize(
    "path",
    ["0/001", "0/001.p/45", "0/002.p/1", "1/000", "1/000.p/2", "2/000.p/1", "64/000", "0/0", "0/000.p/256", "", "x",
     "0/..%2F..%2Fcheckpoint", "0/000.p/0", "0/x001/000"],
)  # fmt: skip
async def test_a_tile_that_is_not_there_is_no_tile_and_not_kept_by_caches(
    client: httpx.AsyncClient, path: str
) -> None:
    reply = await client.get(f"/log/tile/{path}")
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"


async def test_entries_are_for_monitors(client: httpx.AsyncClient) -> None:
    path = "/log/tile/entries/001.p/44"
    for sent in (b"Bearer wrong", f"Basic {TOKEN}".encode(), b"Bearer ", "Bearer ünknown".encode(), b""):
        refused = await client.get(path, headers={b"authorization": sent})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.headers["cache-control"] == "no-store"
    reply = await client.get(path, headers={"authorization": f"Bearer {TOKEN}"})
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert int.from_bytes(reply.content[:2]) < len(reply.content)


async def test_without_a_monitor_token_no_entry_is_served(access_log: Log) -> None:
    transport = httpx.ASGITransport(app_of(access_log, None))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer None"}):
            assert (await client.get("/log/tile/entries/000", headers=headers)).status_code == 404


async def test_a_monitor_checks_the_whole_log_over_http(served: str, keys: Keyring, tmp_path: Path) -> None:
    vkey = checkpoint.vkey(ORIGIN, keys.log.public_key())
    report = await asyncio.to_thread(verify.log, served, vkey, token=TOKEN)
    assert report.findings == ()
    assert (report.size, report.entries) == (SIZE, SIZE)
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    assert await asyncio.to_thread(verify.main, ["--vkey", vkey, "--log", served, "--token", f"@{secret}"]) == 0


async def test_anybody_checks_tiles_and_root_over_http(served: str, keys: Keyring) -> None:
    vkey = checkpoint.vkey(ORIGIN, keys.log.public_key())
    report = await asyncio.to_thread(verify.log, served, vkey)
    assert report.ok
    assert report.entries == 0
    assert not (await asyncio.to_thread(verify.log, served, vkey, token="wrong")).ok


async def test_a_server_that_is_not_there_is_a_finding(keys: Keyring) -> None:
    vkey = checkpoint.vkey(ORIGIN, keys.log.public_key())
    report = await asyncio.to_thread(verify.log, "http://127.0.0.1:1/log", vkey)
    assert report.findings == ("checkpoint: could not be read (ConnectionRefusedError)",)
