# SPDX-License-Identifier: Apache-2.0
"""Several processes over one folder: one writes, the others send to it, and take over when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway import db, keyring
from gateway.audit import wire
from gateway.audit.log import Committed, Log, LogRefused
from gateway.audit.seat import Seat
from gateway.errors import AuditUnavailable

from .conftest import MakeEntry, MakeLog, append_again
from .test_faults import check, start_writer

Export = Callable[[Log, Path], Path]


@pytest.fixture
async def pair(sqlite_engine: Engine, make_log: MakeLog) -> tuple[Log, Log]:
    """Two logs over one folder: the first leads."""
    logs = make_log(sqlite_engine), make_log(sqlite_engine)
    for log in logs:
        await log.start()
    return logs


async def test_one_leads_and_the_other_takes_over_when_it_goes(
    pair: tuple[Log, Log], make_entry: MakeEntry
) -> None:
    leader, worker = pair
    assert (leader.leads, worker.leads) == (True, False)
    await asyncio.gather(*[pair[n % 2].append(make_entry(n)) for n in range(50)])
    await leader.close()
    results = await asyncio.gather(*[worker.append(make_entry(n)) for n in range(50, 60)])
    assert worker.leads
    assert [one.index for one in results if isinstance(one, Committed)] == list(range(51, 61))


async def test_what_was_sent_to_a_leader_that_closes_is_written_once(
    pair: tuple[Log, Log], make_entry: MakeEntry
) -> None:
    leader, worker = pair
    sent = [asyncio.create_task(worker.append(make_entry(n))) for n in range(1000)]
    await asyncio.sleep(0.01)
    await leader.close()
    results = await asyncio.gather(*sent)
    assert sorted(one.index for one in results if isinstance(one, Committed)) == list(range(1, 1001))
    assert worker.size == 1001


async def test_a_lost_connection_is_made_again_and_nothing_is_written_twice(
    pair: tuple[Log, Log], make_entry: MakeEntry
) -> None:
    leader, worker = pair
    sent = [asyncio.create_task(worker.append(make_entry(n))) for n in range(500)]
    for _ in range(5):
        await asyncio.sleep(0.005)
        for desk in list(leader._duty._desks):  # type: ignore[union-attr]
            desk._writer.close()
    results = await asyncio.gather(*sent)
    assert sorted(one.index for one in results if isinstance(one, Committed)) == list(range(1, 501))
    assert (leader.leads, leader.size) == (True, 501)


async def test_who_gives_up_at_a_worker_is_not_written(
    pair: tuple[Log, Log], sqlite_engine: Engine, make_entry: MakeEntry
) -> None:
    _, worker = pair
    with db.write(sqlite_engine):
        first = asyncio.create_task(worker.append(make_entry(0)))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(worker.append(make_entry(1)))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.05)
    await first
    await worker.append(make_entry(2))
    assert [worker.entry_by_id(make_entry(n).id) is None for n in range(3)] == [False, True, False]


async def test_a_worker_that_dies_takes_with_it_what_it_waited_for(
    pair: tuple[Log, Log], sqlite_engine: Engine, make_entry: MakeEntry
) -> None:
    leader, worker = pair
    with db.write(sqlite_engine):
        first = asyncio.create_task(leader.append(make_entry(0)))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(worker.append(make_entry(1)))
        await asyncio.sleep(0.05)
        worker._duty._writer.close()  # type: ignore[union-attr]
        await asyncio.sleep(0.05)
        second.cancel()
    await first
    with contextlib.suppress(asyncio.CancelledError):
        await second
    await leader.append(make_entry(2))
    assert leader.entry_by_id(make_entry(1).id) is None


async def test_a_leader_that_cannot_write_costs_its_workers_the_deadline(
    sqlite_engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    logs = [make_log(sqlite_engine, deadline_ms=300) for _ in range(2)]
    for log in logs:
        await log.start()
    with db.write(sqlite_engine) as connection:
        connection.execute(text("UPDATE log.head SET id = 1"))
        results = await asyncio.gather(*[logs[1].append(make_entry(n)) for n in range(3)], return_exceptions=True)
    assert all(isinstance(result, AuditUnavailable) for result in results)
    assert (await append_again(logs[1], make_entry(9))).index == 1


async def test_an_urgent_entry_goes_before_a_full_queue(
    pair: tuple[Log, Log], sqlite_engine: Engine, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.waiting.WAITING", 20)
    leader = pair[0]
    with db.write(sqlite_engine):
        waiting = [asyncio.create_task(leader.append(make_entry(0)))]
        await asyncio.sleep(0.05)  # it is being written, and waits for the lock
        waiting += [asyncio.create_task(leader.append(make_entry(n))) for n in range(1, 21)]
        await asyncio.sleep(0.01)
        for log in pair:
            with pytest.raises(AuditUnavailable):
                await log.append(make_entry(90))
        urgent = [asyncio.create_task(log.append(make_entry(99 - n), urgent=True)) for n, log in enumerate(pair)]
        await asyncio.sleep(0.05)
    first, *others = await asyncio.gather(*waiting)
    emergencies = await asyncio.gather(*urgent)
    assert sorted(one.index for one in emergencies if isinstance(one, Committed)) == [2, 3]
    assert [one.index for one in others if isinstance(one, Committed)] == list(range(4, 24))
    assert isinstance(first, Committed)


async def test_nobody_joins_a_queue_that_has_stopped_but_in_an_emergency(
    sqlite_engine: Engine, make_log: MakeLog, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.waiting.PATIENCE_S", 0.05)
    log = make_log(sqlite_engine)
    await log.start()
    with db.write(sqlite_engine):
        waiting = [asyncio.create_task(log.append(make_entry(0)))]
        await asyncio.sleep(0.02)
        waiting.append(asyncio.create_task(log.append(make_entry(1))))
        await asyncio.sleep(0.1)
        with pytest.raises(AuditUnavailable):
            await log.append(make_entry(2))
        waiting.append(asyncio.create_task(log.append(make_entry(3), urgent=True)))
        await asyncio.sleep(0.01)
    assert all(isinstance(result, Committed) for result in await asyncio.gather(*waiting))


async def test_a_process_with_other_keys_does_not_send_to_this_log(
    pair: tuple[Log, Log], sqlite_engine: Engine, make_log: MakeLog, tmp_path: Path
) -> None:
    keyring.create(tmp_path / "keys")
    for strange in (
        make_log(sqlite_engine, keys=keyring.load(tmp_path / "keys")),
        make_log(sqlite_engine, name="x"),
    ):
        with pytest.raises(LogRefused, match="another log"):
            await strange.start()


async def test_the_socket_is_for_its_owner_alone_and_goes_with_the_leader(
    sqlite_engine: Engine, make_log: MakeLog
) -> None:
    log = make_log(sqlite_engine)
    await log.start()
    door = db.log_path(sqlite_engine.url).with_name("log.db-socket")
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    await log.close()
    assert not door.exists()


async def test_a_folder_that_lies_deep_has_a_socket_too(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    seat = Seat(folder, "log.db")
    assert seat.take()
    assert not Seat(folder, "log.db").take()
    listener = seat.listen()
    Seat(folder, "log.db").connect().close()
    listener.close()
    seat.leave()
    assert Seat(folder, "log.db").take()


@pytest.mark.parametrize(
    "noise", [b"\x00\x00\x00\x01\xc1", b"\xff\xff\xff\xff", b"\x00\x00\x00\x04\x92\x91\x01\x90"]
)
async def test_noise_on_the_socket_harms_nobody(
    pair: tuple[Log, Log], sqlite_engine: Engine, make_entry: MakeEntry, noise: bytes
) -> None:
    seat = Seat(db.log_path(sqlite_engine.url).parent, "log.db")
    reader, writer = await asyncio.open_unix_connection(sock=seat.connect())
    await wire.receive(reader)
    writer.write(noise)
    assert await reader.read() == b""  # it is sent away
    writer.close()
    assert isinstance(await pair[1].append(make_entry(1)), Committed)


class Writer:
    """A process that appends, and what it was told; read all the time, since a full pipe would stop it."""

    def __init__(self, url: str, keys: Path) -> None:
        self.lines: list[str] = []
        self._process = start_writer(url, keys)
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as told:
            self.lines += iter(told.readline, "")

    async def says(self, count: int) -> None:
        """Wait until it was told so many more."""
        wanted = len(self.lines) + count
        while len(self.lines) < wanted:
            assert self._process.poll() is None
            await asyncio.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)
        self._reading.join()


@pytest.mark.slow
async def test_the_leader_is_killed_while_workers_append_and_nothing_is_lost(
    sqlite_url: str, make_log: MakeLog, export: Export, tmp_path: Path, soak: bool
) -> None:
    keys = tmp_path / "keys"
    keyring.create(keys)
    writers = [Writer(sqlite_url, keys)]
    await writers[0].says(5)  # it leads
    writers += [Writer(sqlite_url, keys) for _ in range(2)]
    ended: list[Writer] = []
    for _ in range(200 if soak else 3):
        for worker in writers[1:]:
            await worker.says(40)
        writers[0].kill()
        ended.append(writers.pop(0))
        for worker in writers:
            await worker.says(100)  # somebody leads again
        writers.append(Writer(sqlite_url, keys))
        await writers[-1].says(5)
    for worker in writers:
        worker.kill()
    acknowledged = [line for writer in (*ended, *writers) for line in writer.lines]
    engine = db.connect(sqlite_url)
    await check(engine, keys, acknowledged, make_log, export, tmp_path / "log")
    engine.dispose()
