# SPDX-License-Identifier: Apache-2.0
"""May this gateway continue the log it finds? Asked once, at the start.

The whole log is checked by `verify.py`; here it is what can be known in some milliseconds: that the head is ours
and signed, and that it is the head of the leaves and tiles that stand in the database.
"""

from __future__ import annotations

from gateway.audit import merkle, tiles
from gateway.audit.checkpoint import Checkpoint, NoteError, Signer, open_note
from gateway.audit.store import Head, Store


class LogRefused(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """This log must not be written to: another origin, another key, or a tree that does not add up."""


async def check(store: Store, head: Head, signer: Signer) -> None:
    """Refuse a log that this gateway must not continue; the store's transaction is open. Raises LogRefused, whose
    text says what to do, and StoreError."""
    origin = head.checkpoint.partition("\n")[0]
    if origin != signer.origin:
        raise LogRefused(
            f"The database holds the log {origin}, the settings name {signer.origin}: set COMMONS_LOG_ORIGIN to "
            "the first, or begin with an empty database."
        )
    try:
        signed = open_note(head.checkpoint, signer.origin, signer.public)
    except NoteError as error:
        raise LogRefused(
            f"The log's checkpoint cannot be continued with this log key: {error}. Put back the key file that "
            "signed it."
        ) from error
    stored = await _frontier(store, head.size)
    known = [head.frontier[at : at + 32] for at in range(0, len(head.frontier), 32)]
    beyond = await store.leaf_hashes(head.size, head.size + 1)
    if stored != known or beyond or signed != Checkpoint(signer.origin, head.size, merkle.root(known)):
        raise LogRefused(
            "The log in the database is not the one its checkpoint signs: restore it whole, or keep it as evidence "
            "and begin a new one under another origin."
        )


async def _frontier(store: Store, size: int) -> list[bytes]:
    """The frontier as leaves and full tiles have it: each level's tile that is still growing gives the roots of at
    most eight subtrees."""
    frontier: list[bytes] = []
    level, count = 0, size
    while count:
        start = count - count % tiles.WIDTH
        if level == 0:
            hashes = await store.leaf_hashes(start, count)
        else:
            hashes = await store.tile_roots(level - 1, start, count)
        frontier = merkle.grow([], 0, hashes)[0] + frontier
        level, count = level + 1, count // tiles.WIDTH
    return frontier
