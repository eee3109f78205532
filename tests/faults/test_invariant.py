# SPDX-License-Identifier: Apache-2.0
"""No byte of an answer passes before its entry is committed, as a second connection sees it; and what cannot be
written down is answered 503, with the time after which to try again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import signal
import sqlite3
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import keyring
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.sandbox import story
from gateway.web.record_queries import ASK, PREVIEW
from tests.fixtures.commons import World, question, running

from .inside import Inside, asked, call, inside, own_copy, sql
from .test_kill import missing
from .traffic import node

STORIES = ("all-returned", "consent-not-given", "source-down", "silent-withheld")
_EVENT = re.compile(rb"(?:dec|rc)_([0-9a-f-]{36})")

App = Callable[..., Awaitable[None]]


class Watchman:
    """An ASGI application that lets no body byte of another pass whose events are not committed: durable in the log
    and under its head, read by a connection of its own."""

    def __init__(self, app: App, world: World) -> None:
        self._app = app
        self._connection = sqlite3.connect(world.settings.data_dir / "log.db", check_same_thread=False)
        self.bodies = 0
        self.faults: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status = 0

        async def watched(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif body := message.get("body", b""):
                self.bodies += 1
                self._look(status, body)
            await send(message)

        await self._app(scope, receive, watched)

    def _look(self, status: int, body: bytes) -> None:
        named = {event.decode() for event in _EVENT.findall(body)}
        if not named and status not in {400, 401, 422, 503}:
            self.faults.append(f"an answer of status {status} names no entry")
        for event in named:
            committed = self._connection.execute(
                "SELECT h.start + h.size > e.idx FROM entry e, head h WHERE e.id = ?", (event,)
            ).fetchone()
            if committed != (1,):
                self.faults.append(f"a body of status {status} passed before its entry {event} was committed")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextlib.contextmanager
def watching(up: Inside) -> Iterator[Watchman]:
    """Everything that `up` sends goes past a watchman."""
    watchman = Watchman(up.app, up.world)
    try:
        yield watchman
    finally:
        watchman.close()


async def ask(watchman: Watchman, world: World, body: dict[str, Any], path: str = ASK) -> int:
    headers = {
        "authorization": f"Bearer {world.tokens['xzz01-discharge', 'discharge-coordinator'][1]}",
        "content-type": "application/json",
        "x-request-id": str(uuid.uuid4()),
    }
    got = await call(watchman, "POST", path, headers, json.dumps(body).encode())
    return got.status


def test_no_byte_of_an_answer_passes_before_its_entry(world: World, tmp_path: Path) -> None:
    world.token()
    mine = own_copy(world, tmp_path)

    async def hammer() -> tuple[Watchman, list[int]]:
        async with inside(mine) as up:
            with watching(up) as watchman:
                bodies = [question(story(name)) for name in STORIES] + [asked(), {"nonsense": True}]
                wanted = [(body, path) for body in bodies for path in (ASK, PREVIEW)] * 6
                return watchman, await asyncio.gather(*[ask(watchman, mine, *one) for one in wanted])

    watchman, statuses = asyncio.run(hammer())
    assert watchman.faults == []
    assert watchman.bodies == len(statuses)
    assert {200, 403} <= set(statuses) <= {200, 403, 400, 422, 503}  # a slow log may give up on a query


def test_the_watchman_sees_an_answer_without_its_entry(world: World, tmp_path: Path) -> None:
    world.token()
    mine = own_copy(world, tmp_path)

    async def hammer() -> Watchman:
        async with inside(mine) as up:

            async def early(scope: Any, receive: Any, send: Any) -> None:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": f'{{"receipt": "rc_{uuid.uuid4()}"}}'.encode()})

            watchman = Watchman(early, up.world)
            await ask(watchman, mine, asked())
            watchman.close()
            return watchman

    assert len(asyncio.run(hammer()).faults) == 1


def test_what_cannot_be_written_down_is_answered_503_with_the_time_to_try_again(
    world: World, tmp_path: Path
) -> None:
    world.token()
    mine = own_copy(world, tmp_path)

    async def refused() -> Any:
        async with inside(mine) as up:
            sql(mine, "log.db", "CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(FAIL, 'full'); END")
            return await up.ask(asked())

    got = asyncio.run(refused())
    assert (got.status, got.header("retry-after"), got.json["type"].rsplit("/", 1)[1]) == (
        503,
        "1",
        "audit-unavailable",
    )
    assert b"items" not in got.body


async def _clients(
    urls: list[str], world: World, received: dict[str, str], statuses: dict[int, int], stop: asyncio.Event
) -> None:
    """Queries in flight at each address; `received` maps receipt id → digest of the whole body a client got."""

    async def client(url: str) -> None:
        body = question(story("all-returned"))
        while not stop.is_set():
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async with aiohttp.ClientSession(base_url=url) as http:
                    headers = world.headers() | {"X-Request-ID": str(uuid.uuid4())}
                    async with http.post(ASK, json=body, headers=headers) as reply:
                        content = await reply.read()
                        statuses[reply.status] = statuses.get(reply.status, 0) + 1
                        if reply.status == 200:
                            receipt = (await reply.json())["receipt"]["id"].removeprefix("rc_")
                            received[receipt] = "sha-256:" + hashlib.sha256(content).hexdigest()
            await asyncio.sleep(0.005)

    await asyncio.gather(*[client(url) for url in urls for _ in range(5)])


def _verifies(world: World) -> bool:
    key = vkey(shards.this_year(world.settings.log_origin), keyring.load(world.settings.keys).log.public_key())
    return verify.log(f"{world.url}/log", key, token=world.settings.log_monitor_token or "").ok


@pytest.mark.slow
def test_two_gateways_over_postgresql_are_killed_in_turn_and_no_answer_lacks_its_entry(
    tmp_path: Path, new_postgres: Callable[[], str], soak: bool
) -> None:
    received: dict[str, str] = {}
    statuses: dict[int, int] = {}
    with running(tmp_path, database_url=new_postgres()) as world:
        for _ in range(100 if soak else 1):
            world.token()
            with node(world) as other:
                asyncio.run(_killed_in_turn(world, other, received, statuses))
            assert missing(world, received) == []
        assert _verifies(world)
    assert statuses[200] > 20
    assert set(statuses) <= {200, 503}


async def _killed_in_turn(world: World, other: str, received: dict[str, str], statuses: dict[int, int]) -> None:
    stop = asyncio.Event()
    asking = asyncio.create_task(_clients([world.url, other], world, received, statuses, stop))
    await asyncio.sleep(0.7)
    assert world.gateway is not None
    world.gateway.kill()
    world.gateway.wait(10)
    await asyncio.sleep(0.7)  # the other goes on
    await asyncio.to_thread(world.start)
    await asyncio.sleep(0.7)
    stop.set()
    await asking


@pytest.mark.slow
def test_a_gateway_that_is_told_to_stop_ends_what_it_began(world: World) -> None:
    received: dict[str, str] = {}
    statuses: dict[int, int] = {}

    async def drained() -> None:
        stop = asyncio.Event()
        asking = asyncio.create_task(_clients([world.url] * 20, world, received, statuses, stop))
        await asyncio.sleep(1.5)
        assert world.gateway is not None
        world.gateway.send_signal(signal.SIGTERM)
        await asyncio.to_thread(world.gateway.wait, 30)
        stop.set()
        await asking

    world.token()
    asyncio.run(drained())
    world.start()
    assert missing(world, received) == []
    assert _verifies(world)
    assert statuses[200] > 20
    assert set(statuses) <= {200, 503}
