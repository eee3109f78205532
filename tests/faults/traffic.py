# SPDX-License-Identifier: Apache-2.0
"""Many processes at once grant, withdraw and ask about the same few people on several nodes, and note what they
saw."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from sqlalchemy import Column, select

from consent.tables import consent_event
from gateway import db
from gateway.audit.tables import entry
from gateway.sandbox import story
from gateway.web.record_queries import ASK
from tests.faults.history import Invocation, Kind
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, free_port, question
from tests.fixtures.starting import await_answer

CHARITY_TERM = "Support from the charity, if the patient agrees"
PLAN = "support.plan"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Teller:
    """One citizen whom the traffic is about: their desk, their record and its words, the question about them."""

    desk: Desk
    record: str
    notice: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """An invocation, with the names by which the rest of it is looked up: of its event and of its log entry."""

    invocation: Invocation
    event: str = ""
    entry: str = ""


def tellers(world: World, stories: Sequence[str]) -> list[Teller]:
    """Documented citizens with a support plan, signed in."""
    found = []
    for name in stories:
        told = story(name)
        desk = Desk(world, told)
        record = desk.record(CHARITY_TERM)["id"]
        asked = question(story("all-returned")) | {
            "subject": question(told)["subject"],
            "categories": [{"code": PLAN, "need": "required"}],
            "deadline_ms": 8000,
        }
        found.append(Teller(desk, record, desk.notice(record)["hash"], json.dumps(asked).encode()))
    return found


@contextlib.contextmanager
def node(world: World, *program: str) -> Iterator[str]:
    """One more gateway process over the same databases, by the program `python -m …`; gives its address. It is of
    another machine as far as the log is concerned: with PostgreSQL it writes for itself."""
    port, data = free_port(), world.settings.data_dir
    command = [
        sys.executable,
        "-m",
        *(program or ("gateway.cli",)),
        "serve",
        "--data",
        str(data),
        "--port",
        str(port),
    ]
    seat = data / "another-machine"
    seat.mkdir(exist_ok=True)
    with (data / "node.err").open("ab") as words:
        environment = os.environ | {"COMMONS_LOG_SEAT_DIR": str(seat)}
        process = subprocess.Popen(command, stdout=words, stderr=words, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        await_answer(f"{address}/health/ready", process, said=data / "node.err")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


class Traffic:
    """Runs operations against `nodes` (addresses) until there are enough."""

    def __init__(self, world: World, nodes: Sequence[str], people: Sequence[Teller], *, seed: int = 1) -> None:
        self._world = world
        self._nodes = nodes
        self._people = people
        self._random = random.Random(seed)  # not for secrets
        self.seen: list[Seen] = []

    async def run(self, operations: int, *, processes: int = 32) -> None:
        """Do that many operations, `processes` at a time."""
        numbers = itertools.count()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as http:

            async def process(name: int) -> None:
                while next(numbers) < operations:
                    await self._one(http, name)

            await asyncio.gather(*(process(name) for name in range(processes)))

    def history(self) -> Iterator[Invocation]:
        """What was seen, completed from the ledger (numbers) and the log (places)."""
        seqs = self._lookup(consent_event.c.id, consent_event.c.seq, [one.event for one in self.seen])
        places = self._lookup(entry.c.id, entry.c.idx, [one.entry for one in self.seen])
        for one in self.seen:
            yield replace(one.invocation, seq=seqs.get(one.event, 0), place=places.get(one.entry, -1))

    async def _one(self, http: aiohttp.ClientSession, process: int) -> None:
        person, node = self._random.randrange(len(self._people)), self._random.randrange(len(self._nodes))
        kind: Kind = self._random.choices(("ask", "give", "withdraw"), (6, 1, 1))[0]  # type: ignore[assignment]
        teller, address = self._people[person], self._nodes[node]
        invoked = time.monotonic_ns()
        begun = Invocation(process, node, kind, person, invoked, invoked, "failed")
        try:
            found = await (self._ask if kind == "ask" else self._decide)(http, address, teller, begun)
        except (aiohttp.ClientError, TimeoutError):
            found = Seen(begun)
        self.seen.append(replace(found, invocation=replace(found.invocation, acked=time.monotonic_ns())))

    async def _ask(self, http: aiohttp.ClientSession, node: str, teller: Teller, begun: Invocation) -> Seen:
        held = self._world.tokens["xzz01-discharge", "discharge-coordinator"][1]
        headers = {
            "Authorization": f"Bearer {held}",
            "X-Request-ID": str(uuid.uuid4()),
            "Content-Type": "application/json",
        }
        async with http.post(node + ASK, data=teller.body, headers=headers) as reply:
            answer = await reply.json(content_type=None)
        if reply.status == 403 and answer["code"] == "no-consent":
            return Seen(replace(begun, outcome="withheld"))
        if reply.status != 200:
            return Seen(begun)
        [item, *_] = answer["items"]
        event = item["provenance"]["consent"].removeprefix("cns_")
        return Seen(replace(begun, outcome="released"), event, answer["receipt"]["id"].removeprefix("rc_"))

    async def _decide(self, http: aiohttp.ClientSession, node: str, teller: Teller, begun: Invocation) -> Seen:
        if begun.kind == "give":
            path = "/v1/consent/decisions"
            body = {"record": teller.record, "decision": "give", "categories": [PLAN], "notice_hash": teller.notice}
        else:
            path, body = f"/v1/consent/records/{teller.record}/withdraw", {}
        async with http.post(node + path, json=body, headers=teller.desk.headers) as reply:
            answer = await reply.json(content_type=None)
        if reply.status >= 500:
            return Seen(begun)
        if reply.status >= 400 or answer["already"]:
            return Seen(replace(begun, outcome="refused"))
        return Seen(replace(begun, outcome="done"), answer["event"], answer["event"])

    def _lookup(self, key: Column[Any], value: Column[Any], names: Sequence[str]) -> dict[str, int]:
        wanted = sorted({name for name in names if name})
        engine = db.connect(self._world.settings.url)
        found: dict[str, int] = {}
        try:
            with db.read(engine) as connection:
                for at in range(0, len(wanted), _CHUNK):
                    query = select(key, value).where(key.in_(wanted[at : at + _CHUNK]))
                    found |= {str(name): int(number) for name, number in connection.execute(query)}
        finally:
            engine.dispose()
        return found
