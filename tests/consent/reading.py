# SPDX-License-Identifier: Apache-2.0
"""Asking the fast readers, waiting for what a server tells them, and a wire that can go silent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Engine, make_url

from consent import ledger, rules
from consent.live import LiveLedger
from consent.model import Event, Standing, State
from gateway import db
from tests.consent.decisions import DISCHARGE, HOSPITAL, NOON, PERSON, PLAN

RECORD = """
import sys, msgspec
from consent import ledger
from consent.model import Event
from gateway import db
engine = db.connect(sys.argv[1])
with db.write(engine) as connection:
    ledger.record(connection, msgspec.json.decode(sys.argv[2], type=Event))
engine.dispose()
"""


def record(engine: Engine, *events: Event) -> None:
    for event in events:
        with db.write(engine) as connection:
            ledger.record(connection, event)


async def record_in_another_process(url: str, event: Event) -> None:
    arguments = [sys.executable, "-c", RECORD, url, msgspec.json.encode(event).decode()]
    await asyncio.to_thread(subprocess.run, arguments, check=True, cwd=Path(__file__).parents[2])


async def ask(reader: LiveLedger, person: str = PERSON, organisation: str = HOSPITAL) -> Standing:
    return await reader.standing(person, organisation, DISCHARGE)


def state(standing: Standing) -> State:
    return rules.held(standing, PLAN, "crm", NOON).state


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for happens in a server, which gives no event
            await asyncio.sleep(0.002)


async def moved_on(reader: LiveLedger, kept: Standing, organisation: str = HOSPITAL) -> Standing:
    """The first standing that differs from `kept`."""
    async with asyncio.timeout(20):
        while (standing := await ask(reader, organisation=organisation)) == kept:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    return standing


async def heard(reader: LiveLedger, engine: Engine, event: Event, organisation: str = HOSPITAL) -> Standing:
    """Record `event` and wait until the reader has heard of it; gives what it keeps from then on."""
    before = await ask(reader, organisation=organisation)
    record(engine, event)
    return await moved_on(reader, before, organisation)


class Wire:
    """A wire to PostgreSQL that can go silent without being cut."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.open = asyncio.Event()
        self.open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def lay(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return self._url.set(port=port).render_as_string(hide_password=False)

    async def cut(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._url.host, self._url.port)
        for one, other in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(one, other))
            self._tasks.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
