# SPDX-License-Identifier: Apache-2.0
"""Reading the tree out of the database: tiles, entry bundles, and the roots of full subtrees for proofs."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from gateway import db
from gateway.audit import merkle, tiles
from gateway.audit.tables import entry, head, tile


class TreeReader:
    """Reads what the log holds now; each method in a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tile(self, level: int, n: int, width: int) -> bytes | None:
        """`width` hashes of tile (level, n); None when the log is not that large."""
        with db.read(self._engine) as connection:
            if tiles.width_at(level, n, _size(connection)) < width:
                return None
            return _hashes(connection, level, n, width)

    def bundle(self, n: int, width: int) -> bytes | None:
        """`width` entries of bundle n; None when the log is not that large."""
        start = n * tiles.WIDTH
        with db.read(self._engine) as connection:
            if tiles.width_at(tiles.ENTRIES, n, _size(connection)) < width:
                return None
            query = select(entry.c.entry).where(entry.c.idx >= start, entry.c.idx < start + width)
            return tiles.bundle([bytes(row.entry) for row in connection.execute(query.order_by(entry.c.idx))])

    def subtree(self, level: int, n: int) -> bytes:
        """Root of the n-th full subtree of 2**level leaves (merkle.Reader)."""
        height, inside = divmod(level, tiles.HEIGHT)
        first = n << inside
        number, offset = divmod(first, tiles.WIDTH)
        with db.read(self._engine) as connection:
            hashes = _hashes(connection, height, number, offset + (1 << inside))
        leaves = [hashes[at : at + 32] for at in range(offset * 32, len(hashes), 32)]
        return merkle.tree_hash(leaves)


def _size(connection: Connection) -> int:
    return connection.execute(select(head.c.size)).scalar() or 0


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
