# SPDX-License-Identifier: Apache-2.0
"""Full tiles that new leaves make: the rows that a batch adds to `log.tile`."""

from __future__ import annotations

from gateway.audit import merkle, tiles
from gateway.audit.store import Head, Store, TileRow


async def full_tiles(store: Store, head: Head, hashes: list[bytes]) -> list[TileRow]:
    """Rows of the tiles that `hashes` fill when they are appended to the shard that ends at `head`. Raises
    StoreError."""
    inside = head.size % tiles.WIDTH
    if inside + len(hashes) < tiles.WIDTH:
        return []
    start = head.size - inside
    leaves = await store.leaf_hashes(head.start + start, head.end) + hashes
    rows: list[TileRow] = []
    for at in range(0, len(leaves) - tiles.WIDTH + 1, tiles.WIDTH):
        await _add(store, rows, head.year, 0, (start + at) // tiles.WIDTH, leaves[at : at + tiles.WIDTH])
    return rows


async def _add(store: Store, rows: list[TileRow], year: int, level: int, n: int, hashes: list[bytes]) -> None:
    rows.append(TileRow(year, level, n, b"".join(hashes), merkle.tree_hash(hashes)))
    if n % tiles.WIDTH == tiles.WIDTH - 1:  # the 256th of its level: a tile of the level above is full, too
        first = n - tiles.WIDTH + 1
        below = await store.tile_roots(year, level, first, n)
        mine = {row.n: row.root for row in rows if row.level == level}
        roots = below + [mine[m] for m in range(first + len(below), n + 1)]
        await _add(store, rows, year, level + 1, n // tiles.WIDTH, roots)
