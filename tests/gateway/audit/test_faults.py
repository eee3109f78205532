# SPDX-License-Identifier: Apache-2.0
"""The log when things break: processes die, locks are held, connections go. Fail closed, then go on."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from gateway import db, keyring
from gateway.audit import checkpoint, verify
from gateway.audit.log import Committed, Log
from gateway.audit.shards import this_year
from gateway.errors import AuditUnavailable

from .conftest import NAME, MakeEntry, MakeLog, append_again

Export = Callable[[Log, Path], Path]

WRITER = """
import asyncio, functools, os, sys
from pathlib import Path
import uuid_utils
from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.errors import AuditUnavailable

url, keys, origin = sys.argv[1:]

async def write(log):
    while True:
        id = str(uuid_utils.uuid7())
        groups = {"actor": {"user": "u"}, "result": {"fields": ["x"] * 50}}
        entry = Entry(id, "access.disclosed", 1, "uk/nhs/XZZ01", "s", "p", "permit", "", 1, groups, id[-1])
        try:
            committed = await log.append(entry)
        except AuditUnavailable:  # a disk that stood still for a moment
            await asyncio.sleep(0.05)
            continue
        sys.stdout.write(f"{committed.index} {id}\\n")
        sys.stdout.flush()

async def main():
    end = functools.partial(os._exit, 3)
    log = Log(db.connect(url), keyring.load(Path(keys)), origin, deadline_ms=10000, lost=end)
    await log.start()
    await asyncio.gather(*[write(log) for _ in range(8)])

asyncio.run(main())
"""


def start_writer(url: str, keys: Path, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    command = [*under, sys.executable, "-c", WRITER, url, str(keys), NAME]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])


def read_some(writer: subprocess.Popen[str], count: int) -> list[str]:
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(count)]
    assert all(lines)
    return lines


def read_rest(writer: subprocess.Popen[str]) -> list[str]:
    assert writer.stdout is not None
    with writer.stdout:
        rest = writer.stdout.readlines()
    writer.wait(30)
    return rest


async def check(
    engine: Engine, keys: Path, acknowledged: list[str], make_log: MakeLog, export: Export, folder: Path
) -> None:
    """The log goes on, verifies, and holds every acknowledged entry at its place."""
    ring = keyring.load(keys)
    log = make_log(engine, keys=ring)
    await log.start()
    report = verify.log(str(export(log, folder)), checkpoint.vkey(this_year(NAME), ring.log.public_key()))
    assert report.findings == ()
    whole = [line for line in acknowledged if line.endswith("\n")]
    assert len({line.split()[0] for line in whole}) == len(whole)
    for line in whole:
        index, id_ = line.split()
        stored = log.entry_by_id(id_)
        assert stored is not None
        assert stored.index == int(index)
    for line in whole[-20:]:
        assert set(log.open_groups(line.split()[1])) == {"actor", "result"}
    await log.close()


@pytest.mark.slow
async def test_whatever_a_killed_writer_acknowledged_is_in_a_log_that_verifies(
    database_url: str, make_log: MakeLog, export: Export, tmp_path: Path, soak: bool
) -> None:
    keys = tmp_path / "keys"
    keyring.create(keys)
    engine = db.connect(database_url)
    chosen = random.Random(11)
    acknowledged: list[str] = []
    for round_ in range(200 if soak else 2):
        writer = start_writer(database_url, keys)
        acknowledged += read_some(writer, chosen.randrange(1, 400))
        writer.send_signal(signal.SIGKILL)
        acknowledged += read_rest(writer)
        await check(engine, keys, acknowledged, make_log, export, tmp_path / str(round_))
    engine.dispose()


async def test_two_processes_write_one_log(
    database_url: str, make_log: MakeLog, export: Export, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keyring.create(keys)
    engine = db.connect(database_url)
    writers = [start_writer(database_url, keys) for _ in range(2)]
    acknowledged: list[str] = []
    for writer in writers:
        acknowledged += await asyncio.to_thread(read_some, writer, 150)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        acknowledged += read_rest(writer)
    await check(engine, keys, acknowledged, make_log, export, tmp_path / "log")
    engine.dispose()


async def test_a_lock_that_is_not_given_back_costs_the_deadline_and_nothing_is_written_late(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(engine, deadline_ms=300)
    await log.start()
    with db.write(engine) as connection:
        connection.execute(text("UPDATE log.head SET id = 1"))
        results = await asyncio.gather(*[log.append(make_entry(n)) for n in range(3)], return_exceptions=True)
        assert all(isinstance(result, AuditUnavailable) for result in results)
    assert (await append_again(log, make_entry(9))).index == 1
    assert log.size == 2


async def test_a_full_queue_refuses_at_once(
    sqlite_engine: Engine, make_log: MakeLog, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.waiting.WAITING", 4)
    log = make_log(sqlite_engine)
    await log.start()
    with db.write(sqlite_engine):
        first = asyncio.create_task(log.append(make_entry(0)))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(log.append(make_entry(n))) for n in range(1, 5)]
        await asyncio.sleep(0.01)
        with pytest.raises(AuditUnavailable):
            await log.append(make_entry(5))
        assert not any(task.done() for task in (first, *waiting))
    results = await asyncio.gather(first, *waiting)
    assert [result.index for result in results if isinstance(result, Committed)] == [1, 2, 3, 4, 5]


async def test_who_gives_up_while_waiting_is_not_written(
    sqlite_engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(sqlite_engine)
    await log.start()
    with db.write(sqlite_engine):
        first = asyncio.create_task(log.append(make_entry(0)))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(log.append(make_entry(1)))
        await asyncio.sleep(0.01)
        second.cancel()
    await first
    await log.append(make_entry(2))
    assert [log.entry_by_id(make_entry(n).id) is None for n in range(3)] == [False, True, False]


async def test_a_lost_connection_fails_what_flew_and_the_log_goes_on(
    fresh_database: str, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    engine = db.connect(fresh_database)
    log = make_log(engine)
    await log.start()
    await log.append(make_entry(1))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = make_url(fresh_database).database
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :d AND pid <> pg_backend_pid()"
        )
        connection.execute(text(others), {"d": name})
    results = [await asyncio.gather(log.append(make_entry(n)), return_exceptions=True) for n in range(2, 5)]
    kinds = [type(result) for (result,) in results]
    assert kinds[-1] is Committed
    assert set(kinds) <= {Committed, AuditUnavailable}
    assert log.size == 2 + kinds.count(Committed)
    engine.dispose()


async def test_a_store_that_is_not_there_stops_the_start(tmp_path: Path, make_log: MakeLog) -> None:
    engine = db.connect("postgresql+psycopg://nobody:x@127.0.0.1:1/nothing")
    with pytest.raises(AuditUnavailable):
        await make_log(engine, deadline_ms=3000).start()
    engine.dispose()
    with pytest.raises(AuditUnavailable):
        await make_log(db.connect(f"sqlite:///{tmp_path / 'absent' / 'commons.db'}")).start()


async def test_the_write_ahead_log_is_swept_beside_the_commits_and_begins_anew(
    sqlite_engine: Engine, make_log: MakeLog, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.sqlite._CHECKPOINT_AFTER", 10)
    log = make_log(sqlite_engine)
    await log.start()
    journal = db.log_path(sqlite_engine.url).with_name("log.db-wal")
    sizes = []
    for n in range(300):
        assert isinstance(await log.append(make_entry(n)), Committed)
        sizes.append(journal.stat().st_size)
    never_swept = sizes[8] // 9 * 300
    assert sizes[-1] < never_swept / 2
    assert log.size == 301
