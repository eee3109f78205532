# SPDX-License-Identifier: Apache-2.0
"""One sequencer on two stores: the same bytes, the same root, the same tiles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import make_url, select

from gateway import db
from gateway.audit import leaf, merkle, tiles
from gateway.audit.events import Entry
from gateway.audit.leaf import Draft
from gateway.audit.postgres import PostgresStore
from gateway.audit.sealing import SealKey
from gateway.audit.sequencer import Claim, Claimed, Guard, Item, Moved, Sequencer, claim_key, sort
from gateway.audit.shards import Signers
from gateway.audit.sqlite import SqliteStore
from gateway.audit.store import Begun, Head, Store, Taken
from gateway.audit.tables import entry, tile

from .conftest import IN_2026, NAME, MakeEntry

SIGNERS = Signers(NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
SIGNER = SIGNERS.of(2026)
OpenStore = Callable[[str], Store]


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    """Opens the store of a database; closes it at the end."""
    async with AsyncExitStack() as stack:

        def open_(url: str) -> Store:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite":
                store: Store = SqliteStore(db.log_path(parsed), db.sqlite_path(parsed))
            else:
                store = PostgresStore(parsed.set(drivername="postgresql").render_as_string(False), 5000)
            stack.push_async_callback(store.close)
            return store

        yield open_


def item(event: Entry) -> Item:
    """An item whose salts are no secret: the entry's bytes are the same each time."""
    return Item(leaf.build(event, bytes(32) * len(event.groups)))


async def head_of(store: Store) -> Head:
    head = (await store.begin(())).head
    await store.rollback()
    assert head is not None
    return head


def sequence(store: Store) -> Sequencer:
    return Sequencer(store, SIGNERS, SealKey(bytes(32), lambda: {bytes(4): bytes(32)}), lambda: IN_2026)


async def replay(store: Store, items: list[Item], batch: int) -> Head:
    sequencer = sequence(store)
    for at in range(0, len(items), batch):
        await sequencer.append(items[at : at + batch])
    return await head_of(store)


async def test_the_same_entries_give_the_same_log_on_both_stores_whatever_the_batches(
    sqlite_url: str, fresh_database: str, open_store: OpenStore, make_entry: MakeEntry
) -> None:
    items = [item(make_entry(n)) for n in range(700)]
    head = await replay(open_store(sqlite_url), items, 512)
    assert await replay(open_store(fresh_database), items, 77) == head
    assert head.size == 700
    rows = []
    for url in (sqlite_url, fresh_database):
        engine = db.connect(url)
        with db.read(engine) as connection:
            entries = connection.execute(select(entry).order_by(entry.c.idx)).all()
            full = connection.execute(select(tile).order_by(tile.c.level, tile.c.n)).all()
        engine.dispose()
        rows.append(([tuple(row) for row in entries], [tuple(row) for row in full]))
    assert rows[0] == rows[1]
    root = merkle.tree_hash([merkle.leaf_hash(bytes(row[-1])) for row in rows[0][0]])
    assert head.checkpoint == SIGNER.sign(700, root)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513])
@pytest.mark.parametrize("batch", [1, 200, 512])
async def test_full_tiles_stand_in_the_table_as_soon_as_they_are_full(
    sqlite_url: str, open_store: OpenStore, make_entry: MakeEntry, size: int, batch: int
) -> None:
    items = [item(make_entry(n, groups={})) for n in range(size)]
    await replay(open_store(sqlite_url), items, batch)
    assert tiles_of(sqlite_url) == expected_tiles(
        [leaf.finish(one.draft, 0, n).hash for n, one in enumerate(items, 1)]
    )


async def test_the_second_level_of_tiles_is_written_at_65536(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    entries = [b'{"c":{},"n":%d}' % n for n in range(65_537)]
    hashes = [merkle.leaf_hash(written) for written in entries]
    items = [
        Item(Draft(f"{n:036d}", "", 0, "", "", written, b"", b"", b"", b"", "", "", ""))
        for n, written in enumerate(entries)
    ]
    for start, end in ((0, 65_535), (65_535, 65_536), (65_536, 65_537)):
        head = await replay(store, items[start:end], 10_000)
        assert head.checkpoint == SIGNER.sign(end, merkle.tree_hash(hashes[:end]))
        assert tiles_of(database_url) == expected_tiles(hashes[:end])


def tiles_of(url: str) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    engine = db.connect(url)
    with db.read(engine) as connection:
        rows = connection.execute(select(tile)).all()
    engine.dispose()
    return {(row.level, row.n): (bytes(row.hashes), bytes(row.root)) for row in rows}


def expected_tiles(hashes: list[bytes]) -> dict[tuple[int, int], tuple[bytes, bytes]]:
    found = {}
    level = 0
    while len(hashes) >= tiles.WIDTH:
        chunks = [hashes[at : at + 256] for at in range(0, len(hashes) - 255, 256)]
        found |= {(level, n): (b"".join(chunk), merkle.tree_hash(chunk)) for n, chunk in enumerate(chunks)}
        hashes = [merkle.tree_hash(chunk) for chunk in chunks]
        level += 1
    return found


async def test_a_log_begins_once(database_url: str, open_store: OpenStore) -> None:
    for _ in range(2):
        await sequence(open_store(database_url)).begin_log()
    assert (await head_of(open_store(database_url))).size == 1


NOTHING = Taken({}, {})
CLAIM = Claim("system", b"k", b"digest", "query-9")


def guarded(make_entry: MakeEntry, n: int, person: str, seq: int) -> Item:
    return Item(leaf.build(make_entry(n)), guard=Guard(person, seq))


def test_what_becomes_of_each_item_is_decided_one_by_one(make_entry: MakeEntry) -> None:
    claim = Claim("system", b"k", b"digest", "query-1")
    batch = [
        guarded(make_entry, 0, "still", 3),
        guarded(make_entry, 1, "moved", 3),
        guarded(make_entry, 2, "changing", 3),
        guarded(make_entry, 3, "unknown", 0),
        Item(leaf.build(make_entry(4)), claim=claim),
        Item(leaf.build(make_entry(5)), claim=claim),
        Item(leaf.build(make_entry(6))),
        Item(leaf.build(make_entry(6))),
        guarded(make_entry, 7, "moved", 3),
    ]
    ids = [one.draft.id for one in batch]
    begun = Begun(None, {"still": 3, "moved": 4}, frozenset(["changing"]))
    fresh, fates = sort(batch, begun, Taken({ids[8]: 40}, {}))
    assert sort(batch, begun, Taken({ids[8]: 40}, {}), frozenset([0, 8]))[1][::8] == [None, ids[8]]
    assert fates == [ids[0], Moved(4), None, ids[3], ids[4], Claimed("query-1", True), ids[6], ids[6], ids[8]]
    assert [one.draft.id for one in fresh] == [ids[0], ids[3], ids[4], ids[6]]


def test_a_claim_that_stands_in_the_table_is_compared_by_its_digest(make_entry: MakeEntry) -> None:
    batch = [Item(leaf.build(make_entry(1)), claim=CLAIM)]
    taken = Taken({}, {claim_key(CLAIM): (b"digest", "query-1")})
    assert sort(batch, Begun(None, {}), taken) == ([], [Claimed("query-1", True)])
    taken = Taken({}, {claim_key(CLAIM): (b"other", "query-1")})
    assert sort(batch, Begun(None, {}), taken) == ([], [Claimed("query-1", False)])


def test_a_claim_is_not_used_up_by_an_item_that_is_not_written(make_entry: MakeEntry) -> None:
    claim = Claim("system", b"k", b"digest", "query-1")
    moved = Item(leaf.build(make_entry(1)), guard=Guard("moved", 1), claim=claim)
    batch = [moved, Item(leaf.build(make_entry(2)), claim=claim)]
    fresh, fates = sort(batch, Begun(None, {"moved": 2}), NOTHING)
    assert fates == [Moved(2), batch[1].draft.id]
    assert fresh == [batch[1]]
