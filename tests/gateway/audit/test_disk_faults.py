# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL whose disk is full, for its data or for its write-ahead log, and disks that fail at fsync: nothing is
acknowledged that is not there, whoever cannot trust the disk any more ends, and the log goes on by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from gateway import db, keyring, migrate
from gateway.audit import verify
from gateway.audit.log import Log, LogRefused
from tests.fixtures.postgres import PostgresAbsentError, cluster
from tests.fixtures.tools import Faults

from .conftest import MakeEntry, MakeLog, append_again
from .test_disks import appended
from .test_faults import check, read_rest, read_some, start_writer

Export = Callable[[Log, Path], Path]


@contextlib.contextmanager
def server(**options: object) -> Iterator[URL]:
    """A PostgreSQL of the test's own. Skips when there is none."""
    try:
        with cluster(**options) as url:  # type: ignore[arg-type]
            yield url
    except PostgresAbsentError as error:
        pytest.skip(f"PostgreSQL is absent: {error}")


@contextlib.contextmanager
def small(megabytes: int) -> Iterator[Path]:
    """An empty folder on a file system of its own."""
    folder = Path(tempfile.mkdtemp(prefix="commons-small-"))
    options = f"size={megabytes}m,mode=0777"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        # Not a skip: what is missing is a right of the machine (CAP_SYS_ADMIN), which nothing can install.
        pytest.xfail("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all room but so many bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return ballast


def wait_until(url: URL, setting: str, value: str) -> None:
    """For a server that was told to read its settings again."""
    with psycopg.connect(dsn_of(url), autocommit=True) as connection:
        for _ in range(200):
            if connection.execute(f"SHOW {setting}").fetchone() == (value,):  # type: ignore[arg-type]
                return
            time.sleep(0.05)
    raise AssertionError("the server did not take the setting")


def give(folder: Path, pid: int) -> None:
    """Make a folder that belongs to whoever runs a process."""
    folder.mkdir()
    owner = Path("/proc", str(pid)).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)


def dsn_of(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def server_pid(url: URL) -> int:
    with psycopg.connect(dsn_of(url)) as connection:
        found = connection.execute("SHOW data_directory").fetchone()
    assert found is not None
    return int(Path(found[0], "postmaster.pid").read_text().split()[0])


class Filled:
    """A log on a disk that is filled up and emptied again."""

    def __init__(self, url: URL, disk: Path, make_log: MakeLog) -> None:
        text = url.render_as_string(hide_password=False)
        migrate.upgrade(text)
        self.engine = db.connect(text)
        self.disk = disk
        self.log = make_log(self.engine, deadline_ms=2000)

    async def through(self, make_entry: MakeEntry, leave: int) -> tuple[list[int], bool, list[int]]:
        """Write until full, make room, go on: what was acknowledged before it was full, whether the log still took
        entries then, and what was acknowledged after."""
        await self.log.start()
        await append_again(self.log, make_entry(0))
        ballast = fill(self.disk, leave)
        before, following = await appended(self.log, make_entry, 1, 20_000)
        _, following = await appended(self.log, make_entry, following, 1)
        took = self.log.takes
        ballast.unlink()
        await append_again(self.log, make_entry(following))
        after, _ = await appended(self.log, make_entry, following + 1, 50)
        return before, took, after

    def lost(self, make_entry: MakeEntry, acknowledged: list[int]) -> list[int]:
        """Which of these are not there."""
        return [n for n in acknowledged if self.log.entry_by_id(make_entry(n).id) is None]


async def test_a_disk_full_of_postgresqls_data_refuses_and_the_log_goes_on_by_itself(
    make_log: MakeLog, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    with small(40) as disk, server() as url:
        space = disk / "space"
        await asyncio.to_thread(give, space, server_pid(url))
        with psycopg.connect(dsn_of(url), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")  # type: ignore[arg-type]
            connection.execute("CREATE DATABASE on_small TABLESPACE small")
        filled = Filled(url.set(database="on_small"), disk, make_log)
        before, took, after = await filled.through(make_entry, 300_000)
        assert 0 < len(before) < 20_000
        assert not took
        assert len(after) == 50
        assert filled.lost(make_entry, [*before, *after]) == []
        assert verify.log(str(export(filled.log, tmp_path / "log")), vkey).findings == ()
        await filled.log.close()
        filled.engine.dispose()


async def test_a_disk_full_of_the_write_ahead_log_refuses_and_the_log_goes_on_by_itself(
    make_log: MakeLog, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    with small(200) as disk:
        folder = disk / "wal"
        folder.mkdir()
        with server(wal=folder, again=True) as url:
            filled = Filled(url, disk, make_log)
            before, took, after = await filled.through(make_entry, 3_000_000)
            assert 0 < len(before) < 20_000
            assert not took
            assert len(after) == 50
            assert filled.lost(make_entry, [*before, *after]) == []
            assert verify.log(str(export(filled.log, tmp_path / "log")), vkey).findings == ()
            await filled.log.close()
            filled.engine.dispose()


@pytest.mark.parametrize(("setting", "value"), [("fsync", "off"), ("full_page_writes", "off")])
async def test_a_postgresql_that_may_forget_what_it_acknowledged_is_refused_at_the_start(
    make_log: MakeLog, setting: str, value: str
) -> None:
    with server() as url:
        migrate.upgrade(url.render_as_string(hide_password=False))
        with psycopg.connect(dsn_of(url), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {setting} = {value}")  # type: ignore[arg-type]
            connection.execute("SELECT pg_reload_conf()")
        await asyncio.to_thread(wait_until, url, setting, value)
        engine = db.connect(url.render_as_string(hide_password=False))
        with pytest.raises(LogRefused, match=f"{setting} = {value}"):
            await make_log(engine).start()
        engine.dispose()


async def test_a_writer_whose_disk_fails_at_fsync_takes_no_more_even_when_the_disk_says_yes_again(
    sqlite_url: str, make_log: MakeLog, export: Export, tmp_path: Path, faults: Faults
) -> None:
    keys = tmp_path / "keys"
    keyring.create(keys)
    engine = db.connect(make_url(sqlite_url))
    writer = start_writer(sqlite_url, keys, under=faults.under)
    acknowledged = read_some(writer, 200)
    faults.sync_fails(writer.pid)
    late = threading.Timer(30, writer.kill)
    late.start()
    acknowledged += read_rest(writer)  # it ends by itself: it has said that nothing more is taken
    late.cancel()
    assert writer.returncode == 3  # as it was told to when the log is lost
    await check(engine, keys, acknowledged, make_log, export, tmp_path / "log")
    engine.dispose()
