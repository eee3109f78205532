# SPDX-License-Identifier: Apache-2.0
"""What is personal stands nowhere in the clear: not in entries, tiles, database files or journals."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, text

from gateway import db
from gateway.audit import leaf, tables
from gateway.audit.log import Log

from .conftest import MakeEntry

Export = Callable[[Log, Path], Path]

CANARIES = {
    "actor": {"user": "canary-worker-7301"},
    "subject": {"handle": "sub_canary7302", "nested": {"deep": ["canary-deep-7303"]}},
    "request": {"reason": "Canary reason 7304", "case": "canary-case-7305"},
    "basis": {"agreement": "canary-agreement-7306"},
    "result": {"fields": ["canary-field-7307"]},
}
PERSON = "canary-person-7308"
TRACES = ("canary-worker-7301", "canary7302", "canary-deep-7303", "Canary reason 7304", "canary-case-7305",
          "canary-agreement-7306", "canary-field-7307", PERSON)  # fmt: skip


def stored_bytes(engine: Engine) -> bytes:
    """All that the store holds of the log: SQLite's files as they are, PostgreSQL's rows as text."""
    if engine.dialect.name == "sqlite":
        folder = db.sqlite_path(engine.url).parent
        return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    with db.read(engine) as connection:
        names = [table.name for table in tables.metadata.sorted_tables]
        rows = [row for name in names for row in connection.execute(text(f"SELECT t::text FROM log.{name} t"))]
    return "\n".join(row[0] for row in rows).encode()


async def test_no_canary_is_found_in_what_is_stored_or_published(
    log: Log, engine: Engine, make_entry: MakeEntry, export: Export, tmp_path: Path
) -> None:
    events = [make_entry(n, type="access.disclosed", groups=CANARIES, subject_key=PERSON) for n in range(300)]
    await asyncio.gather(*[log.append(event) for event in events])
    published = b"".join(path.read_bytes() for path in export(log, tmp_path / "log").rglob("*") if path.is_file())
    stored = stored_bytes(engine)
    assert events[0].id.encode() in stored
    assert events[0].id.encode() in published
    for trace in TRACES:
        for form in (trace, trace.encode().hex(), b64encode(trace.encode()).decode().rstrip("=")[:-1]):
            assert form.encode() not in stored
            assert form.encode() not in published
    assert log.open_groups(events[0].id)["actor"].value == CANARIES["actor"]


async def test_equal_events_look_different(log: Log, make_entry: MakeEntry) -> None:
    await asyncio.gather(log.append(make_entry(1, groups=CANARIES)), log.append(make_entry(2, groups=CANARIES)))
    first, second = (log.entry_by_id(make_entry(n).id) for n in (1, 2))
    assert first is not None
    assert second is not None
    one, other = json.loads(first.entry)["c"], json.loads(second.entry)["c"]
    assert one.keys() == other.keys() == CANARIES.keys()
    assert all(one[group] != other[group] for group in one)
    salts = [group.salt for n in (1, 2) for group in log.open_groups(make_entry(n).id).values()]
    assert len(set(salts)) == len(salts) == 10


async def test_a_payload_opens_at_its_own_entry_only(log: Log, engine: Engine, make_entry: MakeEntry) -> None:
    await log.append(make_entry(1, subject_key="p"))
    await log.append(make_entry(2, subject_key="p"))
    with db.write(engine) as connection:
        moved = "UPDATE log.payload SET subject = (SELECT subject FROM log.payload WHERE idx = 1) WHERE idx = 2"
        connection.execute(text(moved))
    with pytest.raises(InvalidTag):
        log.open_groups(make_entry(2).id)


async def test_a_payload_that_was_changed_does_not_open(log: Log, engine: Engine, make_entry: MakeEntry) -> None:
    await log.append(make_entry(1))
    with db.write(engine) as connection:
        sealed = bytes(connection.execute(text("SELECT actor FROM log.payload WHERE idx = 1")).scalar_one())
        bent = sealed[:-1] + bytes([sealed[-1] ^ 1])
        connection.execute(text("UPDATE log.payload SET actor = :bent WHERE idx = 1"), {"bent": bent})
    with pytest.raises(InvalidTag):
        log.open_groups(make_entry(1).id)


def test_an_entry_is_built_as_specified(make_entry: MakeEntry) -> None:
    event = make_entry(1, groups={"actor": {"user": "u"}, "basis": {"a": 1}})
    built = leaf.finish(leaf.build(event, b"a" * 32 + b"b" * 32), 0, 12)
    members = json.loads(built.entry)
    assert list(members) == sorted(members)
    assert members == {
        "v": 1,
        "id": event.id,
        "t": event.at_ms,
        "type": "access.intended",
        "org": "uk/nhs/XZZ01",
        "svc": "xzz01-discharge",
        "purpose": "direct-care.discharge-planning",
        "decision": "permit",
        "policy": "0" * 64,
        "n": 1,
        "count": 12,
        "c": {
            "actor": b64encode(leaf.commitment("actor", b"a" * 32, b'{"user":"u"}')).decode(),
            "basis": b64encode(leaf.commitment("basis", b"b" * 32, b'{"a":1}')).decode(),
        },
    }
