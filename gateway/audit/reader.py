# SPDX-License-Identifier: Apache-2.0
"""Reading the log: tiles, bundles, entries and proofs, each in one read transaction of the shared engine.

Full tiles stand in the database; partial ones are made of leaf hashes, or of the roots of the tiles below.
"""

from __future__ import annotations

import orjson
from msgspec import Struct
from sqlalchemy import Connection, Engine, select

from gateway import db
from gateway.audit import leaf, merkle, sealing, tiles
from gateway.audit.leaf import Opened
from gateway.audit.sealing import SealKey
from gateway.audit.tables import data_key, entry, head, payload, tile


class StoredEntry(Struct, frozen=True):
    """An entry as it stands in the log. `entry` is the leaf's bytes; the other members are read from it."""

    index: int
    id: str
    type: str
    org: str
    purpose: str
    at_ms: int
    entry: bytes
    leaf_hash: bytes


class Proof(Struct, frozen=True):
    """That a leaf is in the log: the path to the root of a checkpoint; `text` is a C2SP `.tlog-proof` file."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    text: str


class Reader:
    """Reads one log."""

    def __init__(self, engine: Engine, origin: str, seal_key: SealKey) -> None:
        self._engine = engine
        self._origin = origin
        self._seal_key = seal_key

    def size(self) -> int:
        """How many entries the newest checkpoint covers."""
        with db.read(self._engine) as connection:
            return _head(connection)[0]

    def checkpoint(self) -> str:
        """The newest signed checkpoint."""
        with db.read(self._engine) as connection:
            return _head(connection)[1]

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """`width` hashes of tile (level, n); None when the log is not that large."""
        with db.read(self._engine) as connection:
            if tiles.width_at(level, n, _head(connection)[0]) < width:
                return None
            return _hashes(connection, level, n, width)

    def bundle(self, n: int, width: int) -> bytes | None:
        """`width` entries of bundle n; None when the log is not that large."""
        start = n * tiles.WIDTH
        with db.read(self._engine) as connection:
            if tiles.width_at(tiles.ENTRIES, n, _head(connection)[0]) < width:
                return None
            query = select(entry.c.entry).where(entry.c.idx >= start, entry.c.idx < start + width)
            return tiles.bundle([bytes(row.entry) for row in connection.execute(query.order_by(entry.c.idx))])

    def entry_by_id(self, id: str) -> StoredEntry | None:
        """The entry of an event."""
        query = select(entry.c.idx, entry.c.leaf_hash, entry.c.entry).where(entry.c.id == id)
        with db.read(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        members = orjson.loads(bytes(row.entry))
        return StoredEntry(
            index=row.idx,
            id=id,
            type=members["type"],
            org=members["org"],
            purpose=members["purpose"],
            at_ms=members["t"],
            entry=bytes(row.entry),
            leaf_hash=bytes(row.leaf_hash),
        )

    def open_groups(self, id: str) -> dict[str, Opened]:
        """The groups of an event that can still be opened; those that were erased are absent. Raises
        cryptography.exceptions.InvalidTag when a sealed payload was changed or moved."""
        query = select(payload).join(entry, entry.c.idx == payload.c.idx).where(entry.c.id == id)
        groups: dict[str, Opened] = {}
        with db.read(self._engine) as connection:
            row = connection.execute(query).first()
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
                    groups |= leaf.unpack(key.open(sealing.bound(self._origin, id, part), bytes(sealed)))
        return groups

    def proof(self, stored: StoredEntry) -> Proof:
        """That an entry is in the log, under the newest checkpoint."""
        with db.read(self._engine) as connection:
            size, note = _head(connection)
            path = tuple(merkle.inclusion(stored.index, size, _Subtrees(connection, size)))
        return Proof(stored.index, path, note, tiles.proof_text(stored.entry, stored.index, path, note))


class _Subtrees:
    """merkle.Reader over the tiles of a log of `size`, each read once."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection = connection
        self._size = size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, n: int) -> bytes:
        height, inside = divmod(level, tiles.HEIGHT)
        number, offset = divmod(n << inside, tiles.WIDTH)
        hashes = self._tiles.get((height, number))
        if hashes is None:
            width = tiles.width_at(height, number, self._size)
            hashes = self._tiles[height, number] = _hashes(self._connection, height, number, width)
        wanted = range(offset * 32, (offset + (1 << inside)) * 32, 32)
        return merkle.tree_hash([hashes[at : at + 32] for at in wanted])


def _head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(head.c.size, head.c.checkpoint)).one()
    return row.size, row.checkpoint


def _hashes(connection: Connection, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a tile: of the full one if it is there, else from what is below it."""
    full = connection.execute(select(tile.c.hashes).where(tile.c.level == level, tile.c.n == n)).scalar()
    if full is not None:
        return bytes(full)[: width * 32]
    start = n * tiles.WIDTH
    if level == 0:
        query = select(entry.c.leaf_hash).where(entry.c.idx >= start, entry.c.idx < start + width)
        return b"".join(bytes(row[0]) for row in connection.execute(query.order_by(entry.c.idx)))
    below = select(tile.c.root).where(tile.c.level == level - 1, tile.c.n >= start, tile.c.n < start + width)
    return b"".join(bytes(row[0]) for row in connection.execute(below.order_by(tile.c.n)))
