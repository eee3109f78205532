# SPDX-License-Identifier: Apache-2.0
"""The log has a shard a year: each a log of its own, chained to the one before, whoever turns the page."""

from __future__ import annotations

import asyncio
import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from gateway import db, migrate
from gateway.audit import checkpoint, merkle, tiles, verify
from gateway.audit.checkpoint import Checkpoint, Signer, open_note
from gateway.audit.log import Claim, Claimed, Committed, Log, LogRefused
from gateway.keyring import Keyring

from .conftest import IN_2026, NAME, MakeEntry, MakeLog, put


def in_year(year: int) -> int:
    return int(datetime.datetime(year, 1, 1, tzinfo=datetime.UTC).timestamp() * 1000)


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at_ms = IN_2026

    def __call__(self) -> int:
        return self.at_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def started(make_log: MakeLog, engine: Engine, clock: Callable[[], int]) -> Log:
    log = make_log(engine, clock=clock)
    await log.start()
    return log


async def fill(log: Log, make_entry: MakeEntry, start: int, end: int) -> list[Committed]:
    results = await asyncio.gather(*[log.append(make_entry(n)) for n in range(start, end)])
    return [result for result in results if isinstance(result, Committed)]


def copy(log: Log, year: int, folder: Path) -> str:
    """One shard in a folder, as tlog-tiles lays it out."""
    size = log.reader.size(year)
    put(folder / "checkpoint", log.checkpoint(year).encode())
    for level in (0, 1):
        for n in range(((size >> 8 * level) + 255) // 256):
            width = tiles.width_at(level, n, size)
            put(folder / "tile" / tiles.path(level, n, width), log.tile(level, n, width, year) or b"")
    for n in range((size + 255) // 256):
        width = tiles.width_at(tiles.ENTRIES, n, size)
        put(folder / "tile" / tiles.path(tiles.ENTRIES, n, width), log.bundle(n, width, year) or b"")
    return str(folder)


def entries(log: Log, year: int) -> list[dict[str, object]]:
    size = log.reader.size(year)
    found: list[dict[str, object]] = []
    for n in range((size + 255) // 256):
        bundle = log.bundle(n, tiles.width_at(tiles.ENTRIES, n, size), year) or b""
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            found.append(json.loads(bundle[2 : 2 + length]))
            bundle = bundle[2 + length :]
    return found


def key(year: int, keys: Keyring) -> str:
    return checkpoint.vkey(f"{NAME}/{year}", keys.log.public_key())


async def test_each_year_is_a_log_of_its_own_that_verifies(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock, keys: Keyring, tmp_path: Path
) -> None:
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 0, 300)
    clock.at_ms = in_year(2027)
    first = await fill(log, make_entry, 300, 600)
    assert [one.index for one in first] == list(range(1, 301))
    assert {one.origin for one in first} == {f"{NAME}/2027"}
    for year, size in ((2026, 302), (2027, 301)):
        report = verify.log(copy(log, year, tmp_path / str(year)), key(year, keys))
        assert (report.findings, report.size) == ((), size)


async def test_a_year_begins_with_the_final_checkpoint_of_the_one_before(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock, keys: Keyring
) -> None:
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 0, 3)
    for year in (2027, 2029):  # nobody asked anything in 2028
        clock.at_ms = in_year(year)
        await fill(log, make_entry, year, year + 1)
    assert [shard.year for shard in log.reader.shards()] == [2026, 2027, 2029]
    for before, after in ((2026, 2027), (2027, 2029)):
        last, first = entries(log, before)[-1], entries(log, after)[0]
        assert (last["type"], last["svc"]) == ("log.closed", f"{NAME}/{after}")
        assert (first["type"], first["previous"]) == ("log.continued", log.checkpoint(before))
        held = open_note(str(first["previous"]), f"{NAME}/{before}", keys.log.public_key())
        assert held.size == log.reader.size(before)


async def test_nobody_falls_back_into_a_year_that_is_closed(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock
) -> None:
    fast = await started(make_log, engine, clock)
    slow = await started(make_log, engine, lambda: IN_2026)
    clock.at_ms = in_year(2027)
    results = []
    for n in range(0, 40, 4):
        for log in (fast, slow):
            results += await fill(log, make_entry, n + 2 * (log is slow), n + 2 * (log is slow) + 2)
    assert {one.origin for one in results} == {f"{NAME}/2027"}
    assert sorted(one.index for one in results) == list(range(1, 41))
    assert [shard.year for shard in slow.reader.shards()] == [2026, 2027]


async def test_of_several_nodes_one_turns_the_page(
    fresh_database: str, engine_of: Callable[[str], Engine], make_log: MakeLog, make_entry: MakeEntry, clock: Clock
) -> None:
    logs = [await started(make_log, engine_of(fresh_database), clock) for _ in range(3)]
    await fill(logs[0], make_entry, 0, 10)
    clock.at_ms = in_year(2027)
    await asyncio.gather(*[fill(log, make_entry, 100 * n, 100 * n + 50) for n, log in enumerate(logs, 1)])
    assert [(shard.year, shard.size) for shard in logs[0].reader.shards()] == [(2026, 12), (2027, 151)]


async def test_an_entry_is_found_and_proven_in_its_own_year(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock, keys: Keyring
) -> None:
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 0, 5)
    clock.at_ms = in_year(2027)
    await fill(log, make_entry, 5, 9)
    for n, year, index in ((2, 2026, 3), (6, 2027, 2)):
        stored = log.entry_by_id(make_entry(n).id)
        assert stored is not None
        assert (stored.year, stored.index, stored.origin) == (year, index, f"{NAME}/{year}")
        assert verify.proof(log.proof(stored).text, key(year, keys)).ok
        assert set(log.open_groups(stored.id)) == {"actor", "subject", "request", "basis"}


async def test_an_event_of_a_closed_year_sent_again_is_told_where_it_stands(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock
) -> None:
    log = await started(make_log, engine, clock)
    (first,) = await fill(log, make_entry, 7, 8)
    clock.at_ms = in_year(2027)
    await fill(log, make_entry, 8, 9)
    again = await log.append(make_entry(7))
    assert isinstance(again, Committed)
    assert (again.index, again.origin, again.size) == (first.index, first.origin, 3)
    assert again.checkpoint == log.checkpoint(2026)


async def test_a_log_goes_on_in_the_year_it_finds(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock
) -> None:
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 0, 300)
    await log.close()
    clock.at_ms = in_year(2027)
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 300, 600)
    await log.close()
    log = await started(make_log, engine, clock)  # the turned page is checked at the start
    assert (await fill(log, make_entry, 600, 601))[0].index == 301


def seen_of(log: Log, year: int, keys: Keyring) -> Checkpoint:
    return open_note(log.checkpoint(year), f"{NAME}/{year}", keys.log.public_key())


async def test_a_database_that_is_behind_what_was_published_is_not_continued(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, clock: Clock, keys: Keyring
) -> None:
    log = await started(make_log, engine, clock)
    await fill(log, make_entry, 0, 300)
    early = seen_of(log, 2026, keys)
    clock.at_ms = in_year(2027)
    await fill(log, make_entry, 300, 400)
    seen = [early, seen_of(log, 2026, keys), seen_of(log, 2027, keys)]
    await log.close()
    again = make_log(engine, seen=seen, clock=clock)
    await again.start()  # it grew from each of them
    await again.close()
    for ahead in (
        Checkpoint(f"{NAME}/2027", seen[2].size + 1, bytes(32)),
        Checkpoint(f"{NAME}/2026", seen[1].size + 1, bytes(32)),
        Checkpoint(f"{NAME}/2028", 1, bytes(32)),
    ):
        with pytest.raises(LogRefused, match="put back to an older state"):
            await make_log(engine, seen=[ahead], clock=clock).start()
    for one in seen:
        with pytest.raises(LogRefused, match="its past was rewritten"):
            await make_log(engine, seen=[one._replace(root=bytes(32))], clock=clock).start()


async def test_an_empty_database_is_not_begun_when_the_log_was_published(engine: Engine, make_log: MakeLog) -> None:
    with pytest.raises(LogRefused, match="restore it"):
        await make_log(engine, seen=[Checkpoint(f"{NAME}/2026", 5, bytes(32))]).start()


@pytest.mark.parametrize("old", [NAME, f"{NAME}/2025"])
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_a_log_from_before_there_were_shards_is_continued_as_the_first(
    request: pytest.FixtureRequest, store: str, old: str, tmp_path: Path, keys: Keyring, make_log: MakeLog,
    engine_of: Callable[[str], Engine], make_entry: MakeEntry, clock: Clock,
) -> None:  # fmt: skip
    url = f"sqlite:///{tmp_path / 'commons.db'}"
    if store == "postgresql":
        url = request.getfixturevalue("empty_postgres")()
    engine = engine_of(url)
    written = [b'{"c":{},"id":"%d"}' % n for n in range(300)]
    hashes = [merkle.leaf_hash(one) for one in written]
    frontier, size = merkle.grow([], 0, hashes)
    with db.write(engine) as connection:
        command.upgrade(migrate.config(connection), "0006")
        rows = [{"idx": n, "id": f"{n:036d}", "hash": hashes[n], "entry": one} for n, one in enumerate(written)]
        connection.execute(text("INSERT INTO log.entry VALUES (:idx, :id, :hash, :entry)"), rows)
        full = {"hashes": b"".join(hashes[:256]), "root": merkle.tree_hash(hashes[:256])}
        connection.execute(text("INSERT INTO log.tile VALUES (0, 0, :hashes, :root)"), full)
        head = {"o": old, "f": b"".join(frontier), "c": Signer(old, keys.log).sign(size, merkle.root(frontier))}
        connection.execute(text("INSERT INTO log.head VALUES (1, :o, 300, :f, :c)"), head)
        claim = {"key": b"k" * 32, "digest": b"d" * 32}
        connection.execute(text("INSERT INTO log.claim VALUES ('system', :key, :digest, 'query-1', 5)"), claim)
    migrate.upgrade(url)
    log = await started(make_log, engine, clock)
    again = Claim("system", b"k" * 32, b"d" * 32, "query-2")
    assert await log.append(make_entry(0), claim=again) == Claimed("query-1", same_request=True)
    await fill(log, make_entry, 0, 3)
    assert [(shard.origin, shard.size) for shard in log.reader.shards()] == [(old, 301), (f"{NAME}/2026", 4)]
    before = log.reader.shards()[0]
    assert entries(log, 2026)[0]["previous"] == before.checkpoint
    report = verify.log(copy(log, before.year, tmp_path / "old"), checkpoint.vkey(old, keys.log.public_key()))
    assert report.findings == ()
