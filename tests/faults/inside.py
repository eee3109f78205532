# SPDX-License-Identifier: Apache-2.0
"""The gateway in the process of the test, over the same databases and sources, with chosen parts broken.

It is another worker of the running commons: real parts from `create_app`, except those that a test replaces.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs
from sqlalchemy import Select, func, select

from connectors.registry import Registry, Source
from connectors.sandbox.stories import Story
from consent import ledger
from consent.model import Channel, Kind
from gateway import db, keyring
from gateway.app import Gateway, create_app
from gateway.audit.tables import entry
from gateway.completeness import Part
from gateway.consents import recording
from gateway.identity.identifiers import normalise
from gateway.items import Itemiser
from gateway.model import Identifier
from gateway.pipeline import Commons
from gateway.policy import vocabulary
from gateway.sandbox import story
from gateway.web.record_queries import ASK
from tests.fixtures.commons import World, question

ALLERGIES_AND_PLAN = [
    {"code": "health.allergies", "need": "required"},
    {"code": "support.plan", "need": "optional"},
]
"""A question that is partly allowed to the hospital whatever the citizen decided."""


class Watched(Registry):
    """The real registry, which notes every source that it hands out for a read."""

    def __init__(self, real: Registry) -> None:
        super().__init__({id: source for id in real.sources() if (source := real.source(id))}, real.findings)
        self.read: list[str] = []

    def source(self, source: str) -> Source | None:
        """See Registry."""
        self.read.append(source)
        return super().source(source)


class Meanwhile(Itemiser):
    """The real itemiser, before whose first work something happens: after the fetch and before the seal."""

    def __init__(self, real: Itemiser, happens: Callable[[], None]) -> None:
        super().__init__(real._key, real._vocabulary)
        self._happens: list[Callable[[], None]] = [happens]

    def part(self, *given: Any) -> Part:
        """See Itemiser."""
        while self._happens:
            self._happens.pop()()
        return super().part(*given)


@dataclass
class Got:
    """What was sent back: `at_body` is what `watch` gave when the first byte of a body was about to pass."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    at_body: Any = None

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """One header."""
        return dict(self.headers)[name]


@dataclass
class Inside:
    """One worker in this process."""

    world: World
    app: Gateway
    commons: Commons
    fetched: list[str]

    async def ask(
        self,
        body: dict[str, Any],
        *,
        path: str = ASK,
        system: str = "xzz01-discharge",
        role: str = "discharge-coordinator",
        headers: Mapping[str, str] | None = None,
        watch: Callable[[], Any] = lambda: None,
    ) -> Got:
        """Send one query through the whole application."""
        # The token was fetched before: a loop is running here.
        sent = {
            "authorization": f"Bearer {self.world.tokens[system, role][1]}",
            "content-type": "application/json",
            "x-request-id": str(uuid.uuid4()),
        } | {name.lower(): value for name, value in (headers or {}).items()}
        return await call(self.app, "POST", path, sent, json.dumps(body).encode(), watch)


async def call(
    app: Callable[..., Awaitable[None]],
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    watch: Callable[[], Any] = lambda: None,
) -> Got:
    """One HTTP request to an ASGI application, without a server between."""
    got = Got()
    sent = dict(headers) | {"content-length": str(len(body))}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            return
        if not got.body:
            got.at_body = watch()
        got.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return got


@asynccontextmanager
async def inside(
    world: World, parts: Callable[[Commons], Mapping[str, Any]] = lambda _: {}
) -> AsyncIterator[Inside]:
    """One more worker; `parts` says which members of its Commons are replaced, and by what."""
    app = create_app(world.settings)
    async with app.router.lifespan_context(app):
        real = app.queries
        assert real is not None
        assert real._under is not None
        joined, limits = real._under
        watched = Watched(joined.registry)
        commons = replace(joined, registry=watched)
        commons = replace(commons, **parts(commons))
        real.serve_under(commons, limits)
        yield Inside(world, app, commons, watched.read)


def asked(outcome: str = "all-returned") -> dict[str, Any]:
    """A question about a documented citizen that is allowed, whatever they decided."""
    return question(story(outcome)) | {"categories": ALLERGIES_AND_PLAN}


def plan_row(answer: dict[str, Any]) -> dict[str, Any]:
    """The charity's line about the support plan."""
    table = answer["completeness"]["summary"]
    [row] = [row for row in table if (row["category"], row["source"]) == ("support.plan", "uk/charity/9999901/crm")]
    found: dict[str, Any] = row
    return found


def own_copy(world: World, folder: Path) -> World:
    """The same commons over databases of the test's own, which it may break; keys and sources are shared."""
    for name in ("commons.db", "log.db"):
        with (
            contextlib.closing(sqlite3.connect(world.settings.data_dir / name)) as source,
            contextlib.closing(sqlite3.connect(folder / name)) as copy,
        ):
            source.backup(copy)
    changes = {
        "data_dir": folder,
        "keys_dir": world.settings.keys,
        "secrets_dir": world.settings.secrets,
        "policy_keys_dir": world.settings.policy_keys,
        "log_commit_deadline_ms": 5000,  # a slow machine is no fault here
    }
    return replace(world, settings=world.settings.model_copy(update=changes), gateway=None)


def sql(world: World, name: str, *statements: str) -> list[Any]:
    """Run statements on `commons.db` or `log.db` as their owner would; gives the rows of the last."""
    rows: list[Any] = []
    with contextlib.closing(sqlite3.connect(world.settings.data_dir / name)) as connection, connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows


def decide(
    world: World,
    told: Story,
    kind: Kind,
    categories: Sequence[str],
    *,
    agreement: str = "",
    days_ago: int = 0,
    fields: tuple[str, ...] = (),
) -> None:
    """A documented citizen decides something under an agreement (that of their question), a while ago perhaps; a
    giving lives 180 days. `fields` (full ids) narrow it. Recorded and not logged, as if the gateway had died
    between the two."""
    engine = db.connect(world.settings.url)
    try:
        decided = recording.event(
            kind,
            recording.found(engine, keyring.load(world.settings.keys), identifier(told)),
            law := vocabulary.load(),
            law.agreements[agreement or told.ask.agreement],
            categories,
            actor="citizen",
            channel=Channel.PAPER,
            now=int(time.time()) - days_ago * recording.DAY_S,
            lifetime_s=180 * recording.DAY_S,
        )
        provision = structs.replace(decided.provision, fields=fields)
        with db.write(engine) as connection:
            ledger.record(connection, structs.replace(decided, provision=provision))
    finally:
        engine.dispose()


def identifier(told: Story) -> Identifier:
    """The identifier that a documented citizen is asked for by."""
    return normalise(told.subject, told.identifiers[told.subject])


def refuse_entries(world: World, kind: str) -> None:
    """From now on the log's database takes no entry of that type."""
    sql(
        world,
        "log.db",
        f"CREATE TRIGGER refused BEFORE INSERT ON entry WHEN instr(NEW.entry, CAST('\"{kind}\"' AS BLOB)) > 0 "
        "BEGIN SELECT RAISE(FAIL, 'no'); END",
    )


def entry_types(world: World, after: int = -1) -> list[str]:
    """The types of the log's committed entries from an index on, read by a connection of their own."""
    rows = _entries(world, select(entry.c.entry).where(entry.c.idx > after).order_by(entry.c.idx))
    return [json.loads(bytes(row[0]))["type"] for row in rows]


def log_size(world: World) -> int:
    """Committed entries."""
    return int(_entries(world, select(func.count()).select_from(entry))[0][0])


def _entries(world: World, query: Select[Any]) -> list[Any]:
    engine = db.connect(world.settings.url)
    try:
        with db.read(engine) as connection:
            return list(connection.execute(query))
    finally:
        engine.dispose()
