# SPDX-License-Identifier: Apache-2.0
"""`serve --workers`: several processes answer over one log; whichever is killed, no answer lacks its entry."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway import keyring
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.sandbox import story
from tests.fixtures.commons import World, question, running
from tests.fixtures.postgres import PostgresAbsentError, cluster
from tests.fixtures.starting import PATIENCE_S

from .test_kill import missing


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons whose gateway is two workers, on each store."""
    with contextlib.ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            try:
                url = stack.enter_context(cluster()).render_as_string(hide_password=False)
            except PostgresAbsentError as error:
                pytest.skip(f"PostgreSQL is absent: {error}")
        folder = tmp_path_factory.mktemp("workers")
        yield stack.enter_context(running(folder, database_url=url, workers=2))


def workers(world: World) -> dict[int, bool]:
    """pid → whether it holds the leader's lock, of the gateway's workers."""
    assert world.gateway is not None
    [seat] = world.settings.data_dir.glob("log*-leader")
    lock = seat.stat().st_ino
    holders = {
        int(fields[4])
        for line in Path("/proc/locks").read_text().splitlines()
        if (fields := line.split())[1] == "FLOCK" and int(fields[5].rsplit(":", 1)[1]) == lock
    }
    children = Path(f"/proc/{world.gateway.pid}/task/{world.gateway.pid}/children").read_text().split()
    found = [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    return {pid: pid in holders for pid in found}


async def ask_for(world: World, seconds: float, received: dict[str, str], statuses: dict[int, int]) -> None:
    """Queries in flight all the time; `received` maps receipt id → digest of the whole body a client got."""
    until = time.monotonic() + seconds
    body = question(story("all-returned"))

    async def client() -> None:
        while time.monotonic() < until:
            async with aiohttp.ClientSession(base_url=world.url) as http:  # each connection meets some worker
                headers = world.headers() | {"X-Request-ID": str(uuid.uuid4())}
                with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                    async with http.post("/v1/record-queries", json=body, headers=headers) as reply:
                        content = await reply.read()
                        statuses[reply.status] = statuses.get(reply.status, 0) + 1
                        if reply.status == 200:
                            receipt = (await reply.json())["receipt"]["id"]
                            digest = "sha-256:" + hashlib.sha256(content).hexdigest()
                            received[receipt.removeprefix("rc_")] = digest

    await asyncio.gather(*[client() for _ in range(8)])


@pytest.mark.slow
def test_whichever_worker_is_killed_every_answer_has_its_entry_and_the_log_verifies(
    world: World, soak: bool
) -> None:
    world.token()
    received: dict[str, str] = {}
    statuses: dict[int, int] = {}
    for round_ in range(100 if soak else 2):
        deadline = time.monotonic() + PATIENCE_S
        while len(up := workers(world)) < 2 or sum(up.values()) != 1:
            assert time.monotonic() < deadline, up
            time.sleep(0.1)
        victim = next(pid for pid, leads in up.items() if leads == (round_ % 2 == 0))

        async def ask_and_kill(victim: int = victim) -> None:
            asking = asyncio.create_task(ask_for(world, 2.0, received, statuses))
            await asyncio.sleep(random.Random(victim).uniform(0.3, 1.0))
            os.kill(victim, signal.SIGKILL)
            await asking

        asyncio.run(ask_and_kill())
        assert missing(world, received) == []
    assert statuses[200] > 50
    assert set(statuses) <= {200, 503}
    key = vkey(shards.this_year(world.settings.log_origin), keyring.load(world.settings.keys).log.public_key())
    report = verify.log(f"{world.url}/log", key, token=world.settings.log_monitor_token or "")
    assert report.ok, report
