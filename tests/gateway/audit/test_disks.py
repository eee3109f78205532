# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, read-only or hang, and a database server that dies: nothing is acknowledged that is not
there, nobody waits longer than the deadline, and the log goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from gateway import db, migrate
from gateway.audit import verify
from gateway.audit.log import Log
from gateway.errors import AuditUnavailable
from tests.fixtures.postgres import PostgresAbsentError, cluster

from .conftest import MakeEntry, MakeLog, append_again

Export = Callable[[Log, Path], Path]


@pytest.fixture
def small_disk(tmp_path: Path, sqlite_template: Path) -> Iterator[Path]:
    """A folder with a store's files on a file system of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        # Not a skip: what is missing is a right of the machine (CAP_SYS_ADMIN), which nothing can install.
        pytest.xfail("a small file system cannot be mounted here")
    try:
        for file in sqlite_template.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def appended(log: Log, make_entry: MakeEntry, first: int, most: int) -> tuple[list[int], int]:
    """Append one after the other until one is refused; gives the numbers that were acknowledged, and the next."""
    acknowledged = []
    for n in range(first, first + most):
        try:
            await log.append(make_entry(n))
        except AuditUnavailable:
            return acknowledged, n + 1
        acknowledged.append(n)
    return acknowledged, first + most


async def test_a_full_disk_refuses_and_when_there_is_room_again_the_log_goes_on(
    small_disk: Path, make_log: MakeLog, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    engine = db.connect(f"sqlite:///{small_disk / 'commons.db'}")
    log = make_log(engine, deadline_ms=2000)
    await log.start()
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - 600_000)))
    acknowledged, following = await appended(log, make_entry, 0, 2000)
    assert 0 < len(acknowledged) < 2000
    for _ in range(3):  # full is full
        with pytest.raises(AuditUnavailable):
            await log.append(make_entry(following))
        following += 1
    ballast.unlink()
    more, _ = await appended(log, make_entry, following, 50)
    assert len(more) == 50
    stored = {n for n in range(following + 50) if log.entry_by_id(make_entry(n).id) is not None}
    assert stored >= {*acknowledged, *more}
    assert verify.log(str(export(log, tmp_path / "log")), vkey).findings == ()
    await log.close()
    engine.dispose()


async def test_a_disk_that_takes_no_writes_stops_the_start(small_disk: Path, make_log: MakeLog) -> None:
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(small_disk)], check=True)
    engine = db.connect(f"sqlite:///{small_disk / 'commons.db'}")
    with pytest.raises(AuditUnavailable):
        await make_log(engine, deadline_ms=1000).start()
    engine.dispose()


@pytest.fixture
def own_cluster() -> Iterator[tuple[str, int]]:
    """A PostgreSQL server that a test may break: the URL of a migrated database, and the server's pid."""
    try:
        with cluster() as url:
            migrate.upgrade(url.render_as_string(hide_password=False))
            with psycopg.connect(url.set(drivername="postgresql").render_as_string(False)) as connection:
                folder = connection.execute("SHOW data_directory").fetchone()
            assert folder is not None
            pid = int(Path(folder[0], "postmaster.pid").read_text().split()[0])
            yield url.render_as_string(hide_password=False), pid
    except PostgresAbsentError as error:
        pytest.skip(f"PostgreSQL is absent: {error}")


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@contextlib.contextmanager
def hung(server: int) -> Iterator[None]:
    """Every process of the server stands still."""
    stopped = family(server)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


async def test_a_database_that_hangs_costs_the_deadline_and_no_entry_is_acknowledged(
    own_cluster: tuple[str, int], make_log: MakeLog, make_entry: MakeEntry
) -> None:
    url, server = own_cluster
    engine = db.connect(url)
    log = make_log(engine, deadline_ms=400)
    await log.start()
    await append_again(log, make_entry(0))
    with hung(server):
        began = time.monotonic()
        results = await asyncio.gather(*[log.append(make_entry(n)) for n in range(1, 30)], return_exceptions=True)
        assert all(isinstance(result, AuditUnavailable) for result in results)
        assert time.monotonic() - began < 4  # ten times the deadline: this machine has other work
    await append_again(log, make_entry(100))  # what was on its way when it hung may still hold the lock
    engine.dispose()


async def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(
    own_cluster: tuple[str, int],
    make_log: MakeLog,
    make_entry: MakeEntry,
    vkey: str,
    export: Export,
    tmp_path: Path,
) -> None:
    url, server = own_cluster
    engine = db.connect(url)
    log = make_log(engine, deadline_ms=2000)
    await log.start()
    acknowledged: list[int] = []
    stop = asyncio.Event()

    async def write(worker: int) -> None:
        n = worker * 1_000_000
        while not stop.is_set():
            n += 1
            with contextlib.suppress(AuditUnavailable):
                await log.append(make_entry(n))
                acknowledged.append(n)
            await asyncio.sleep(0.005)

    writing = [asyncio.create_task(write(worker)) for worker in range(1, 9)]

    async def go_on() -> None:
        reached = len(acknowledged)
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if len(acknowledged) > reached + 50:
                return
        pytest.fail("the log did not go on")

    for _ in range(3):
        await go_on()
        with psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False)) as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            backends = [row[0] for row in connection.execute(query) if row[0] in family(server)]
        os.kill(backends[0], signal.SIGKILL)  # the server ends every session and recovers
    await go_on()
    stop.set()
    await asyncio.gather(*writing)
    assert verify.log(str(export(log, tmp_path / "log")), vkey).findings == ()
    assert [n for n in acknowledged if log.entry_by_id(make_entry(n).id) is None] == []
    engine.dispose()
