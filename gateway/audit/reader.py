# SPDX-License-Identifier: Apache-2.0
"""Reading the log: tiles, bundles, entries and proofs, each in one read transaction of the shared engine.

Full tiles stand in the database; partial ones are made of leaf hashes, or of the roots of the tiles below.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import orjson
from msgspec import Struct, structs
from sqlalchemy import Connection, Engine, Row, func, select

from gateway import db
from gateway.audit import disclosure, embargo, leaf, merkle, sealing, tiles
from gateway.audit.leaf import Opened
from gateway.audit.sealing import SealKey
from gateway.audit.shards import Shard
from gateway.audit.tables import data_key, entry, head, payload, publication, subject_entry, tile
from gateway.audit.tables import shard as shard_table


class StoredEntry(Struct, frozen=True):
    """An entry as it stands in the log: `index` in its shard, `place` among all entries of all years. `entry` is
    the leaf's bytes; the other members are read from it. `number` is its number among the entries of its citizen
    and organisation, where it was found by the citizen (else 0)."""

    index: int
    id: str
    type: str
    org: str
    purpose: str
    at_ms: int
    entry: bytes
    leaf_hash: bytes
    origin: str = ""
    year: int = 0
    place: int = 0
    number: int = 0


class Proof(Struct, frozen=True):
    """That a leaf is in its shard of the log: the path to the root of a checkpoint; `text` is a C2SP `.tlog-proof`
    file."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    text: str


class Published(Struct, frozen=True):
    """The newest checkpoint of a shard that was published; `at_s` is when, or when it was cosigned afresh (seconds
    since 1970)."""

    origin: str
    size: int
    checkpoint: str
    at_s: int


class Reader:
    """Reads one log, all its shards. Where a method takes a `year`, none means the newest shard."""

    def __init__(self, engine: Engine, name: str, seal_key: SealKey) -> None:
        self._engine = engine
        self._name = name
        self._seal_key = seal_key
        self._closed: tuple[Shard, ...] = ()

    def shards(self) -> tuple[Shard, ...]:
        """Every shard, oldest first; the last is the one that grows. Empty before the log has begun."""
        with db.read(self._engine) as connection:
            return self._shards(connection)

    def shard(self, year: int | None = None) -> Shard | None:
        """One shard, None when there is none of that year."""
        with db.read(self._engine) as connection:
            return self._shard(connection, year)

    def size(self, year: int | None = None) -> int:
        """How many entries the newest checkpoint of a shard covers; 0 when there is no such shard."""
        shard = self.shard(year)
        return shard.size if shard else 0

    def checkpoint(self, year: int | None = None) -> str:
        """The newest signed checkpoint of a shard; empty when there is no such shard."""
        shard = self.shard(year)
        return shard.checkpoint if shard else ""

    def tile(self, level: int, n: int, width: int, year: int | None = None) -> bytes | None:
        """`width` hashes of tile (level, n) of a shard; None when it is not that large."""
        with db.read(self._engine) as connection:
            shard = self._shard(connection, year)
            if shard is None or tiles.width_at(level, n, shard.size) < width:
                return None
            return _hashes(connection, shard, level, n, width)

    def bundle(self, n: int, width: int, year: int | None = None) -> bytes | None:
        """`width` entries of bundle n of a shard; None when it is not that large."""
        with db.read(self._engine) as connection:
            shard = self._shard(connection, year)
            if shard is None or tiles.width_at(tiles.ENTRIES, n, shard.size) < width:
                return None
            start = shard.start + n * tiles.WIDTH
            query = select(entry.c.entry).where(entry.c.idx >= start, entry.c.idx < start + width)
            return tiles.bundle([bytes(row.entry) for row in connection.execute(query.order_by(entry.c.idx))])

    def entry_by_id(self, id: str) -> StoredEntry | None:
        """The entry of an event."""
        query = select(entry).where(entry.c.id == id)
        with db.read(self._engine) as connection:
            row = connection.execute(query).first()
            return None if row is None else self._stored(row, self._shards(connection))

    def entries(self, places: Sequence[int]) -> list[StoredEntry]:
        """The entries at these places, in order of place; at most some thousands."""
        query = select(entry).where(entry.c.idx.in_(places)).order_by(entry.c.idx)
        with db.read(self._engine) as connection:
            shards = self._shards(connection)
            return [self._stored(row, shards) for row in connection.execute(query)]

    def of_person(
        self, person: str, after: int = -1, limit: int = 100, *, before: int | None = None, organisation: str = ""
    ) -> list[StoredEntry]:
        """Entries about a person (opaque id), oldest first, from the place behind `after`; or, with `before`,
        newest first, from the place before that one. `organisation` takes only those of one."""
        mine = subject_entry.c
        query = (
            select(entry, mine.number)
            .join(subject_entry, mine.idx == entry.c.idx)
            .where(mine.subject == self._seal_key.short(person))
        )
        if organisation:
            query = query.where(mine.organisation == organisation)
        if before is None:
            query = query.where(mine.idx > after).order_by(mine.idx)
        else:
            query = query.where(mine.idx < before).order_by(mine.idx.desc())
        with db.read(self._engine) as connection:
            shards = self._shards(connection)
            return [self._stored(row, shards, row.number) for row in connection.execute(query.limit(limit))]

    def count(self, person: str, organisation: str, purpose: str, since_ms: int) -> int:
        """How many answers about a person were released to an organisation for a purpose since an instant
        (milliseconds since 1970)."""
        mine = subject_entry.c
        query = select(func.count()).where(
            mine.subject == self._seal_key.short(person),
            mine.organisation == organisation,
            mine.purpose == purpose,
            mine.type == "access.disclosed",
            mine.at_ms >= since_ms,
        )
        with db.read(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def open_groups(self, id: str) -> dict[str, Opened]:
        """The groups of an event that can still be opened; those that were erased are absent. Raises
        cryptography.exceptions.InvalidTag when a sealed payload was changed or moved."""
        query = select(payload).join(entry, entry.c.idx == payload.c.idx).where(entry.c.id == id)
        groups: dict[str, Opened] = {}
        with db.read(self._engine) as connection:
            row = connection.execute(query).first()
            origin = "" if row is None else _holding(self._shards(connection), row.idx).origin
            parts = (
                []
                if row is None
                else [("actor", row.actor_key, row.actor), ("subject", row.subject_key, row.subject)]
            )
            for part, key_id, sealed in parts:
                if sealed is None:
                    continue
                wrapped = connection.execute(select(data_key.c.wrapped).where(data_key.c.id == key_id)).scalar()
                if wrapped is not None:
                    key = self._seal_key.unwrap(key_id, bytes(wrapped))
                    groups |= leaf.unpack(key.open(sealing.bound(origin, id, part), bytes(sealed)))
        return groups

    def proof(self, stored: StoredEntry, show: Collection[str] = ()) -> Proof:
        """That an entry is in the log, under the newest published checkpoint of its shard if that has it (then with
        the cosignatures of witnesses), else under the newest one. The groups to `show` go with it, where they can
        still be opened. Raises NotCommitted, InvalidTag."""
        groups = self.open_groups(stored.id) if show else {}
        with db.read(self._engine) as connection:
            shard = _holding(self._shards(connection), stored.place)
            published = _published(connection, shard.origin)
            if published is not None and published.size > stored.index:
                shard = structs.replace(shard, size=published.size, checkpoint=published.checkpoint)
            path = tuple(merkle.inclusion(stored.index, shard.size, Subtrees(connection, shard)))
        carried = disclosure.carried(stored.entry, groups, disclosure.showable(groups, show))
        note = shard.checkpoint
        return Proof(stored.index, path, note, disclosure.proof_text(carried, stored.index, path, note))

    def hidden(self, ids: Sequence[str], now_s: int) -> frozenset[str]:
        """Those of these entries that their citizen is not shown at an instant (seconds since 1970)."""
        with db.read(self._engine) as connection:
            return embargo.hidden(connection, ids, now_s)

    def published(self, year: int | None = None) -> Published | None:
        """What was published last of a shard; None when nothing was."""
        with db.read(self._engine) as connection:
            shard = self._shard(connection, year)
            return None if shard is None else _published(connection, shard.origin)

    def growth(self, old: int, size: int, year: int | None = None) -> list[bytes] | None:
        """The consistency proof between two sizes of a shard, empty where none is needed; None when it has no such
        sizes."""
        with db.read(self._engine) as connection:
            shard = self._shard(connection, year)
            if shard is None or not 0 <= old <= size <= shard.size:
                return None
            if old in {0, size}:
                return []
            return merkle.consistency(old, size, Subtrees(connection, structs.replace(shard, size=size)))

    def _shards(self, connection: Connection) -> tuple[Shard, ...]:
        row = connection.execute(select(head)).first()
        if row is None:
            return ()
        newest = Shard(row.year, row.origin, row.start, row.size, row.checkpoint)
        if newest.start and (not self._closed or self._closed[-1].start + self._closed[-1].size < newest.start):
            closed = connection.execute(select(shard_table).order_by(shard_table.c.year))
            self._closed = tuple(Shard(one.year, one.origin, one.start, one.size, one.checkpoint) for one in closed)
        return (*self._closed, newest) if newest.start else (newest,)

    def _shard(self, connection: Connection, year: int | None) -> Shard | None:
        shards = self._shards(connection)
        if year is None:
            return shards[-1] if shards else None
        return next((shard for shard in shards if shard.year == year), None)

    @staticmethod
    def _stored(row: Row[Any], shards: Sequence[Shard], number: int = 0) -> StoredEntry:
        members = orjson.loads(bytes(row.entry))
        shard = _holding(shards, row.idx)
        return StoredEntry(
            index=row.idx - shard.start,
            id=row.id,
            type=members["type"],
            org=members["org"],
            purpose=members["purpose"],
            at_ms=members["t"],
            entry=bytes(row.entry),
            leaf_hash=bytes(row.leaf_hash),
            origin=shard.origin,
            year=shard.year,
            place=row.idx,
            number=number,
        )


class Subtrees:
    """merkle.Reader over the tiles of one shard, each read once."""

    def __init__(self, connection: Connection, shard: Shard) -> None:
        self._connection = connection
        self._shard = shard
        self._tiles: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, n: int) -> bytes:
        height, inside = divmod(level, tiles.HEIGHT)
        number, offset = divmod(n << inside, tiles.WIDTH)
        hashes = self._tiles.get((height, number))
        if hashes is None:
            width = tiles.width_at(height, number, self._shard.size)
            hashes = self._tiles[height, number] = _hashes(self._connection, self._shard, height, number, width)
        wanted = range(offset * 32, (offset + (1 << inside)) * 32, 32)
        return merkle.tree_hash([hashes[at : at + 32] for at in wanted])


def _holding(shards: Sequence[Shard], place: int) -> Shard:
    return next(shard for shard in reversed(shards) if shard.start <= place)


def _published(connection: Connection, origin: str) -> Published | None:
    row = connection.execute(select(publication).where(publication.c.origin == origin)).first()
    return None if row is None else Published(row.origin, row.size, row.checkpoint, row.at_s)


def _hashes(connection: Connection, shard: Shard, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a tile: of the full one if it is there, else from what is below it."""
    of_year, row = tile.c.year == shard.year, tile.c
    full = connection.execute(select(row.hashes).where(of_year, row.level == level, row.n == n)).scalar()
    if full is not None:
        return bytes(full)[: width * 32]
    start = n * tiles.WIDTH
    if level == 0:
        first = shard.start + start
        query = select(entry.c.leaf_hash).where(entry.c.idx >= first, entry.c.idx < first + width)
        return b"".join(bytes(row[0]) for row in connection.execute(query.order_by(entry.c.idx)))
    below = select(row.root).where(of_year, row.level == level - 1, row.n >= start, row.n < start + width)
    return b"".join(bytes(row[0]) for row in connection.execute(below.order_by(row.n)))
