# SPDX-License-Identifier: Apache-2.0
"""Logs on real stores, and copies of them as an auditor would take one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from gateway import db, keyring
from gateway.audit import checkpoint, tiles
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.events import Entry
from gateway.audit.log import Committed, Log
from gateway.audit.shards import Clock
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

NAME = "gateway.example/log"
ORIGIN = f"{NAME}/2026"
IN_2026 = 1_780_000_000_000
"""Milliseconds since 1970: an instant of the year whose shard the tests speak of."""

MakeEntry = Callable[..., Entry]
MakeLog = Callable[..., Log]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """Keys of one gateway."""
    folder = tmp_path_factory.mktemp("keys")
    keyring.create(folder)
    return keyring.load(folder)


@pytest.fixture(scope="session")
def vkey(keys: Keyring) -> str:
    """The verifier key of every log that `make_log` makes."""
    return checkpoint.vkey(ORIGIN, keys.log.public_key())


@pytest.fixture
def make_entry() -> MakeEntry:
    """Makes events; `n` numbers them, and keywords replace members."""

    def make(n: int = 0, **members: object) -> Entry:
        groups = {
            "actor": {"user": f"worker-{n}", "role": "discharge-coordinator"},
            "subject": {"handle": f"sub_{n}"},
            "request": {"reason": "Planning support after leaving hospital"},
            "basis": {"agreement": "dsa-2026-014", "consent_seq": n},
        }
        values: dict[str, object] = {
            "id": f"01900000-0000-7000-8000-{n:012x}",
            "type": "access.intended",
            "at_ms": 1_767_225_600_000 + n,
            "org": "uk/nhs/XZZ01",
            "svc": "xzz01-discharge",
            "purpose": "direct-care.discharge-planning",
            "decision": "permit",
            "policy": "0" * 64,
            "subjects": 1,
            "groups": groups,
            "subject_key": f"person-{n % 7}",
        }
        return Entry(**(values | members))  # type: ignore[arg-type]

    return make


@pytest.fixture
async def make_log(keys: Keyring) -> AsyncIterator[MakeLog]:
    """Makes logs over an engine, not yet started; closes them all at the end."""
    async with AsyncExitStack() as stack:

        def make(
            engine: Engine,
            *,
            name: str = NAME,
            deadline_ms: int = 10_000,
            keys: Keyring = keys,
            seen: Sequence[Checkpoint] = (),
            clock: Clock = lambda: IN_2026,
            folder: Path | None = None,
        ) -> Log:
            log = Log(engine, keys, name, deadline_ms=deadline_ms, folder=folder, seen=seen, clock=clock)
            stack.push_async_callback(log.close)
            return log

        yield make


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue whose first has waited a second refuses; in a test that is a machine with other work."""
    monkeypatch.setattr("gateway.audit.waiting.PATIENCE_S", 10.0)


async def append_again(log: Log, entry: Entry) -> Committed:
    """Append an entry, again and again until it is taken: for what comes right after a store stood still, when a
    deadline of less than a second may pass once more on a machine that has other work, or a server still starts."""
    for _ in range(600):
        with contextlib.suppress(AuditUnavailable):
            result = await log.append(entry)
            assert isinstance(result, Committed)
            return result
        await asyncio.sleep(0.05)
    pytest.fail("the log did not go on")


@pytest.fixture(params=["leads", "follows"])
async def log(request: pytest.FixtureRequest, engine: Engine, make_log: MakeLog, tmp_path: Path) -> Log:
    """A started log, on each store: of the process that writes, and of one that sends to it."""
    if request.param == "follows":
        await make_log(engine, folder=tmp_path).start()
    log = make_log(engine, folder=tmp_path)
    await log.start()
    assert log.leads == (request.param == "leads")
    return log


@pytest.fixture
def engine_of() -> Iterator[Callable[[str], Engine]]:
    """Makes engines, as every node has its own; disposes of them at the end."""
    made: list[Engine] = []

    def make(url: str) -> Engine:
        made.append(db.connect(url))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """An engine on SQLite, for what does not depend on the store."""
    engine = db.connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
async def sqlite_log(sqlite_engine: Engine, make_log: MakeLog) -> Log:
    """A started log on SQLite."""
    log = make_log(sqlite_engine)
    await log.start()
    return log


@pytest.fixture
def export() -> Callable[[Log, Path], Path]:
    """Copies a log into a folder, as tlog-tiles lays it out."""

    def copy(log: Log, folder: Path) -> Path:
        size = log.size
        put(folder / "checkpoint", log.checkpoint().encode())
        for level in range(8):
            for n in range(((size >> 8 * level) + 255) // 256):
                width = tiles.width_at(level, n, size)
                hashes = log.tile(level, n, width)
                assert hashes is not None
                put(folder / "tile" / tiles.path(level, n, width), hashes)
        for n in range((size + 255) // 256):
            width = tiles.width_at(tiles.ENTRIES, n, size)
            bundle = log.bundle(n, width)
            assert bundle is not None
            put(folder / "tile" / tiles.path(tiles.ENTRIES, n, width), bundle)
        return folder

    return copy


def unguard(connection: Connection) -> None:
    """Take away what keeps entries as they are: what somebody can do who owns the database."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no trigger fires
        return
    for name in connection.execute(text("SELECT name FROM log.sqlite_master WHERE type = 'trigger'")).scalars():
        connection.execute(text(f"DROP TRIGGER log.{name}"))


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
