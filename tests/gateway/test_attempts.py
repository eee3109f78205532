# SPDX-License-Identifier: Apache-2.0
"""Whoever is turned away is in the log, however often they try, and cannot fill it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine, select

from gateway import attempts, db, keyring
from gateway.attempts import Attempts, Kind
from gateway.audit.log import Log
from gateway.audit.tables import entry
from tests.fixtures.commons import World

KIND = Kind("token-expired", "/v1/record-queries")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def log(sqlite_url: str, tmp_path: Path) -> AsyncIterator[tuple[Log, Engine]]:
    """A started log, and its engine."""
    keyring.create(tmp_path / "keys")
    engine = db.connect(sqlite_url)
    made = Log(engine, keyring.load(tmp_path / "keys"), "gateway.example/log/2026", deadline_ms=10_000)
    await made.start()
    yield made, engine
    await made.close()
    engine.dispose()


def told(log: Log, engine: Engine) -> list[tuple[str, str, int]]:
    """System, code and count of every entry about attempts."""
    with db.read(engine) as connection:
        rows = connection.execute(select(entry.c.id, entry.c.entry).order_by(entry.c.idx)).all()
    found = []
    for id_, content in rows:
        members: dict[str, Any] = msgspec.json.decode(bytes(content))
        if members["type"] == "attempt.refused":
            said = log.open_groups(id_)["request"].value
            found.append((members["svc"], said["code"], said["count"]))
    return found


async def until(count: int, log: Log, engine: Engine) -> list[tuple[str, str, int]]:
    """What is told once there are so many entries."""
    for _ in range(200):
        if len(found := told(log, engine)) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(found)} entries, not {count}")


async def test_a_million_attempts_of_one_kind_are_one_entry_at_once_and_one_a_minute(
    log: tuple[Log, Engine],
) -> None:
    clock = Clock()
    counting = Attempts(log[0], clock)
    counting.note(KIND)
    assert await until(1, *log) == [("", "token-expired", 1)]
    for _ in range(1_000_000):
        counting.note(KIND)
    await asyncio.sleep(1.2)
    assert len(told(*log)) == 1
    clock.now = attempts.EVERY_S + 1.0
    assert await until(2, *log) == [("", "token-expired", 1), ("", "token-expired", 1_000_000)]
    await counting.close()
    assert len(told(*log)) == 2


async def test_what_was_counted_is_told_at_the_end(log: tuple[Log, Engine]) -> None:
    counting = Attempts(log[0], Clock())
    counting.note(KIND)
    await until(1, *log)
    counting.note(KIND)
    counting.note(KIND)
    await counting.close()
    assert [count for *_, count in told(*log)] == [1, 2]


async def test_kinds_are_told_apart_up_to_a_bound(log: tuple[Log, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "KINDS", 2)
    counting = Attempts(log[0], Clock())
    for system in ("a", "b", "c", "d"):
        counting.note(Kind("not-found", "/v1/receipts/{id}", "org", system))
    await counting.close()
    assert sorted(told(*log)) == [("", "other", 2), ("a", "not-found", 1), ("b", "not-found", 1)]


async def test_an_attempt_is_not_forgotten_while_the_log_does_not_answer(log: tuple[Log, Engine]) -> None:
    counting = Attempts(log[0], Clock())
    await log[0].close()
    counting.note(KIND)
    await asyncio.sleep(0.1)
    assert counting._counted == {KIND: 1}
    await counting.close()
    assert counting._counted == {KIND: 1}


def test_a_bad_token_and_somebody_else_s_receipt_are_attempts_and_a_mistake_is_not(world: World) -> None:
    engine = db.connect(world.settings.url)
    log = Log(engine, keyring.load(world.settings.keys), world.settings.log_origin, deadline_ms=10_000)
    before = len(told(log, engine))
    bad = {"Authorization": "Bearer nonsense", "Content-Type": "application/json"}
    assert world.post({}, **bad).status_code == 401
    assert world.get("/v1/receipts/rc_nobody").status_code == 404
    form = {"grant_type": "client_credentials", "client_assertion": "x", "client_assertion_type": "y"}
    assert httpx.post(f"{world.url}/oauth2/token", data=form).status_code == 401
    assert world.post({}).status_code == 422
    found = asyncio.run(until(before + 3, log, engine))[before:]
    assert sorted(found) == [
        ("", "assertion-malformed", 1),
        ("", "token-invalid", 1),
        ("xzz01-discharge", "not-found", 1),
    ]
    engine.dispose()
