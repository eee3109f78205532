# SPDX-License-Identifier: Apache-2.0
"""What is published is cosigned by a quorum, kept outside the database, written once, and never rolled back."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from gateway import db
from gateway.audit import publishing, seen, verify
from gateway.audit.checkpoint import Signer
from gateway.audit.folder import Folder, FolderRefused
from gateway.audit.log import Log, LogRefused
from gateway.audit.publishing import Publisher
from gateway.audit.seen import Seen
from gateway.audit.tables import publication
from gateway.audit.verify import Policy
from gateway.audit.witnesses import Witnesses
from gateway.keyring import Keyring
from gateway.witness import folder as witness_folder
from tests.fixtures.witness import Running

from .conftest import MakeEntry, MakeLog

Run = Callable[..., Running]
MakePublisher = Callable[..., Publisher]


@pytest.fixture
async def make_publisher() -> AsyncIterator[MakePublisher]:
    """Makes publishers of a log, not started; closes them at the end."""
    async with AsyncExitStack() as stack:

        def make(
            engine: Engine, log: Log, kept: Path, policy: str = "", folder: Path | None = None, bundles: bool = True
        ) -> Publisher:
            witnesses = Witnesses(Policy.parse(policy)) if policy else None
            place = Folder(folder, bundles=bundles) if folder else None
            publisher = Publisher(engine, log.reader, Seen(kept), witnesses, place)
            stack.push_async_callback(publisher.close)
            return publisher

        yield make


@pytest.fixture
def three(tmp_path: Path, run_witness: Run, vkey: str) -> tuple[list[Running], str]:
    """Three witnesses that know the log, and a policy that asks for two of them."""
    lines, running = [f"log {vkey}"], []
    for n in range(3):
        data = tmp_path / f"witness{n}"
        key = witness_folder.create(data, f"w{n}.example/w")
        witness_folder.trust(data, vkey)
        running.append(run_witness(data))
        lines.append(f"witness w{n} {key} {running[-1].url}")
    return running, "\n".join([*lines, "group two 2 w0 w1 w2", "quorum two", ""])


async def fill(log: Log, make_entry: MakeEntry, first: int, count: int) -> None:
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(first, first + count)])


async def test_what_is_published_has_a_quorum_and_each_receipt_carries_it(
    engine: Engine, log: Log, make_entry: MakeEntry, make_publisher: MakePublisher, tmp_path: Path,
    three: tuple[list[Running], str],
) -> None:  # fmt: skip
    running, policy = three
    publisher = make_publisher(engine, log, tmp_path / "seen", policy)
    for first, down in ((0, None), (10, running[0]), (300, None)):
        if down is not None:
            down.kill()
        await fill(log, make_entry, first, 9)
        await publisher.publish()
        published = log.reader.published()
        assert published is not None
        assert published.size == log.size
        stored = log.entry_by_id(make_entry(first).id)
        assert stored is not None
        report = verify.proof(log.proof(stored).text, policy=policy)
        assert report.ok
        assert len(report.witnesses) == (3 if first == 0 else 2)
    health = publisher.health()
    assert (health.size, health.published_size, health.witnessed) == (log.size, log.size, True)
    assert health.age_s is not None


async def test_without_a_quorum_nothing_new_is_published(
    sqlite_engine: Engine, sqlite_log: Log, make_entry: MakeEntry, make_publisher: MakePublisher, tmp_path: Path,
    three: tuple[list[Running], str],
) -> None:  # fmt: skip
    running, policy = three
    publisher = make_publisher(sqlite_engine, sqlite_log, tmp_path / "seen", policy)
    await publisher.publish()
    before = sqlite_log.reader.published()
    for one in running[:2]:
        one.kill()
    await fill(sqlite_log, make_entry, 0, 5)
    await publisher.publish()
    assert sqlite_log.reader.published() == before
    assert publisher.health().size == sqlite_log.size
    again = Running(tmp_path / "witness0", running[0].port)
    await publisher.publish()
    again.kill()
    assert publisher.health().published_size == sqlite_log.size


async def test_an_idle_log_is_cosigned_afresh(
    sqlite_engine: Engine, sqlite_log: Log, make_publisher: MakePublisher, tmp_path: Path,
    three: tuple[list[Running], str],
) -> None:  # fmt: skip
    publisher = make_publisher(sqlite_engine, sqlite_log, tmp_path / "seen", three[1])
    await publisher.publish()
    long_ago = int(time.time()) - publishing.IDLE_S
    with db.write(sqlite_engine) as connection:
        connection.execute(update(publication).values(at_s=long_ago))
    await publisher.publish()
    published = sqlite_log.reader.published()
    assert published is not None
    assert published.at_s > long_ago


async def test_a_witness_refuses_a_rewritten_log_and_nothing_is_published(
    sqlite_engine: Engine, sqlite_log: Log, make_log: MakeLog, make_entry: MakeEntry, make_publisher: MakePublisher,
    tmp_path: Path, three: tuple[list[Running], str], sqlite_template: Path, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await fill(sqlite_log, make_entry, 0, 5)
    await make_publisher(sqlite_engine, sqlite_log, tmp_path / "seen", three[1]).publish()
    shutil.copytree(sqlite_template, tmp_path / "fork")
    other = db.connect(f"sqlite:///{tmp_path / 'fork' / 'commons.db'}")
    fork = make_log(other)
    await fork.start()
    publisher = make_publisher(other, fork, tmp_path / "seen-of-fork", three[1])
    for first, count, said in ((0, 1, "has seen more entries"), (100, 9, "has seen another history")):
        await fill(fork, make_entry, first, count)
        await publisher.publish()
        assert fork.reader.published() is None
        assert said in caplog.text or first
    other.dispose()


async def test_a_log_behind_what_was_published_is_not_continued(
    sqlite_engine: Engine, sqlite_url: str, make_log: MakeLog, make_entry: MakeEntry, make_publisher: MakePublisher,
    keys: Keyring, tmp_path: Path,
) -> None:  # fmt: skip
    log = make_log(sqlite_engine)
    await log.start()
    await fill(log, make_entry, 0, 5)
    backup = shutil.copytree(tmp_path / "store", tmp_path / "backup", ignore=shutil.ignore_patterns("*-socket"))
    await fill(log, make_entry, 5, 5)
    await make_publisher(sqlite_engine, log, tmp_path / "seen").publish()
    await log.close()
    restored = db.connect(f"sqlite:///{backup / 'commons.db'}")
    known = Seen(tmp_path / "seen").read()
    refused = Log(restored, keys, "gateway.example/log", deadline_ms=10_000, seen=known)
    with pytest.raises(LogRefused, match="older state"):
        await refused.start()
    forked = make_log(restored)  # as somebody would who goes on nevertheless
    await forked.start()
    await fill(forked, make_entry, 50, 9)
    await forked.close()
    refused = Log(restored, keys, "gateway.example/log", deadline_ms=10_000, seen=known)
    with pytest.raises(LogRefused, match="rewritten"):
        await refused.start()
    restored.dispose()


async def test_the_folder_grows_with_the_log_and_verifies_at_every_size(
    sqlite_engine: Engine, sqlite_log: Log, make_entry: MakeEntry, make_publisher: MakePublisher, tmp_path: Path,
    vkey: str,
) -> None:  # fmt: skip
    folder = tmp_path / "public"
    publisher = make_publisher(sqlite_engine, sqlite_log, tmp_path / "seen", folder=folder)
    kept: list[str] = []
    for first, count in ((0, 3), (3, 250), (253, 3), (256, 300)):
        await fill(sqlite_log, make_entry, first, count)
        await publisher.publish()
        [place] = folder.iterdir()
        report = verify.log(str(place), vkey, since=kept)
        assert (report.findings, report.size) == ((), sqlite_log.size)
        kept.append((place / "checkpoint").read_text())
    assert not list(folder.rglob(".*"))


async def test_entries_are_written_only_if_asked_for(
    sqlite_engine: Engine, sqlite_log: Log, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    await make_publisher(
        sqlite_engine, sqlite_log, tmp_path / "seen", folder=tmp_path / "public", bundles=False
    ).publish()
    assert list((tmp_path / "public").rglob("tile/0/*"))
    assert not list((tmp_path / "public").rglob("entries"))


async def test_a_folder_of_another_log_is_not_written_over(
    sqlite_engine: Engine, sqlite_log: Log, make_entry: MakeEntry, make_publisher: MakePublisher, tmp_path: Path
) -> None:
    publisher = make_publisher(sqlite_engine, sqlite_log, tmp_path / "seen", folder=tmp_path / "public")
    await publisher.publish()
    [place] = (tmp_path / "public").iterdir()
    before = (place / "checkpoint").read_bytes()
    (place / "tile/0/000.p").mkdir(exist_ok=True)
    await fill(sqlite_log, make_entry, 0, 1)
    (place / f"tile/0/000.p/{sqlite_log.size}").write_bytes(b"of another log")
    with pytest.raises(FolderRefused, match="other bytes"):
        await publisher.publish()
    assert (place / "checkpoint").read_bytes() == before


async def test_one_process_publishes_at_a_time(
    engine: Engine, log: Log, make_publisher: MakePublisher, make_entry: MakeEntry, tmp_path: Path
) -> None:
    publisher = make_publisher(engine, log, tmp_path / "seen")
    other = db.connect(engine.url.render_as_string(hide_password=False))
    with publishing._turn(other) as theirs:
        assert theirs
        await publisher.publish()
        assert log.reader.published() is None
    await publisher.publish()
    assert log.reader.published() is not None
    other.dispose()


async def test_a_publisher_that_runs_publishes_within_seconds(
    engine: Engine, log: Log, make_publisher: MakePublisher, make_entry: MakeEntry, tmp_path: Path
) -> None:
    publisher = make_publisher(engine, log, tmp_path / "seen")
    await publisher.start()
    await fill(log, make_entry, 0, 3)
    for _ in range(100):
        if publisher.health().published_size == log.size:
            break
        await asyncio.sleep(0.1)
    assert publisher.health().published_size == log.size
    assert [one.size for one in Seen(tmp_path / "seen").read()] == [log.size]


def test_what_was_seen_never_goes_back(tmp_path: Path, keys: Keyring) -> None:
    signer = Signer("gateway.example/log/2026", keys.log)
    kept = Seen(tmp_path / "seen")
    kept.keep("published", signer.sign(9, bytes(32)))
    kept.keep("published", signer.sign(8, bytes(32)))
    assert [one.size for one in Seen(tmp_path / "seen").read()] == [9]
    (tmp_path / "seen/published.checkpoint").write_text("something")
    with pytest.raises(LogRefused, match="no checkpoint"):
        Seen(tmp_path / "seen").read()


def test_a_file_is_put_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    seen.replace(tmp_path / "file", b"one")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        seen.replace(tmp_path / "folder", b"two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
