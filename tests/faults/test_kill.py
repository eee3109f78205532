# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random points under load: every answer that a client received stands in the log, with its digest."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import uuid
from pathlib import Path

import aiohttp
import pytest

from gateway import db, keyring
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.audit.log import Log
from gateway.sandbox import story
from tests.fixtures.commons import World, question, running

IN_FLIGHT = 12


async def ask_until_killed(world: World, received: dict[str, str], kill_after_s: float) -> None:
    """Queries in flight all the time; `received` maps receipt id → digest of the whole body a client got."""
    bodies = [question(story(name)) for name in ("all-returned", "consent-not-given", "source-down")]

    async def client(http: aiohttp.ClientSession) -> None:
        while True:
            headers = world.headers() | {"X-Request-ID": str(uuid.uuid4())}
            async with http.post("/v1/record-queries", json=random.choice(bodies), headers=headers) as reply:
                body = await reply.read()
                if reply.status == 200:
                    receipt = (await reply.json())["receipt"]["id"]
                    received[receipt.removeprefix("rc_")] = "sha-256:" + hashlib.sha256(body).hexdigest()

    async with aiohttp.ClientSession(base_url=world.url) as http:
        clients = [asyncio.create_task(client(http)) for _ in range(IN_FLIGHT)]
        await asyncio.sleep(kill_after_s)
        assert world.gateway is not None
        world.gateway.kill()
        for task in clients:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError, asyncio.CancelledError):
                await task
    world.gateway.wait(timeout=10)


def missing(world: World, received: dict[str, str]) -> list[str]:
    """The receipts that have no seal entry with their digest, read from the database by another process."""
    engine = db.connect(world.settings.url)
    log = Log(engine, keyring.load(world.settings.keys), world.settings.log_origin, deadline_ms=2000)
    try:
        lost = []
        for id, digest in received.items():
            entry = log.entry_by_id(id)
            told = "" if entry is None else entry.type
            if told != "access.disclosed" or log.open_groups(id)["result"].value["digest"] != digest:
                lost.append(id)
        return lost
    finally:
        engine.dispose()


@pytest.mark.slow
def test_every_answer_received_before_a_kill_has_its_seal_entry_and_the_log_verifies(
    tmp_path: Path, soak: bool
) -> None:
    random.seed(7)
    with running(tmp_path) as world:
        key = vkey(shards.this_year(world.settings.log_origin), keyring.load(world.settings.keys).log.public_key())
        answers = 0
        for _ in range(200 if soak else 4):
            world.token()  # fetched here, since it cannot be inside the loop
            received: dict[str, str] = {}
            asyncio.run(ask_until_killed(world, received, random.uniform(0.05, 0.8)))
            assert missing(world, received) == []
            answers += len(received)
            world.start()
            report = verify.log(f"{world.url}/log", key, token=world.settings.log_monitor_token or "")
            assert report.ok, report
        assert answers > 0
