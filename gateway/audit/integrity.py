# SPDX-License-Identifier: Apache-2.0
"""May this gateway continue the log it finds? Asked once, at the start.

The whole log is checked by `verify`; here it is what can be known in some milliseconds: that the head is ours
and signed, that it is the head of the leaves and tiles that stand in the database, and that nothing that was
published or witnessed is missing: a database that was put back to an older state would fork the log.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.audit import merkle, tiles
from gateway.audit.checkpoint import Checkpoint, NoteError, open_note
from gateway.audit.shards import Signers
from gateway.audit.store import Head, ShardRow, Store


class LogRefused(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """This log must not be written to: another origin, another key, or a tree that does not add up."""


async def check(store: Store, head: Head, signers: Signers, seen: Sequence[Checkpoint] = ()) -> None:
    """Refuse a log that this gateway must not continue; the store's transaction is open. `seen` are checkpoints
    that left this gateway, published or cosigned, as somebody else kept them: each must be of a tree that ours
    grew from. Raises LogRefused, whose text says what to do, and StoreError."""
    signer = signers.of(head.year)
    origin = head.checkpoint.partition("\n")[0]
    if origin != signer.origin:
        raise LogRefused(
            f"The database holds the log {origin}, the settings name {signers.name} (and a year is added): set "
            "COMMONS_LOG_ORIGIN to the first without its year, or begin with an empty database."
        )
    try:
        signed = open_note(head.checkpoint, signer.origin, signer.public)
    except NoteError as error:
        raise LogRefused(
            f"The log's checkpoint cannot be continued with this log key: {error}. Put back the key file that "
            "signed it."
        ) from error
    newest = ShardRow(head.year, origin, head.start, head.size, head.checkpoint)
    stored = await _frontier(store, newest, head.size)
    known = [head.frontier[at : at + 32] for at in range(0, len(head.frontier), 32)]
    beyond = await store.leaf_hashes(head.end, head.end + 1)
    if stored != known or beyond or signed != Checkpoint(signer.origin, head.size, merkle.root(known)):
        raise LogRefused(
            "The log in the database is not the one its checkpoint signs: restore it whole, or keep it as evidence "
            "and begin a new one under another origin."
        )
    shards = {shard.origin: shard for shard in (*await store.shards(), newest)}
    for checkpoint in seen:
        await _require_grown_from(store, shards, checkpoint)


async def _require_grown_from(store: Store, shards: dict[str, ShardRow], seen: Checkpoint) -> None:
    shard = shards.get(seen.origin)
    if shard is None or seen.size > shard.size:
        found = "nothing" if shard is None else f"{shard.size} entries"
        raise LogRefused(
            f"A checkpoint of {seen.origin} for {seen.size} entries was published or witnessed, but the database "
            f"has {found} of it: it was put back to an older state. Restore the newest state, with all that was "
            "committed; going on from here would fork the log."
        )
    if merkle.root(await _frontier(store, shard, seen.size)) != seen.root:
        raise LogRefused(
            f"The log in the database is not the one whose checkpoint of {seen.origin} for {seen.size} entries was "
            "published or witnessed: its past was rewritten. Keep both as evidence, and restore the other."
        )


async def _frontier(store: Store, shard: ShardRow, size: int) -> list[bytes]:
    """The frontier of a shard's first `size` entries as leaves and full tiles have it: each level's tile that was
    still growing then gives the roots of at most eight subtrees."""
    frontier: list[bytes] = []
    level, count = 0, size
    while count:
        start = count - count % tiles.WIDTH
        if level == 0:
            hashes = await store.leaf_hashes(shard.start + start, shard.start + count)
        else:
            hashes = await store.tile_roots(shard.year, level - 1, start, count)
        frontier = merkle.grow([], 0, hashes)[0] + frontier
        level, count = level + 1, count // tiles.WIDTH
    return frontier
