# SPDX-License-Identifier: Apache-2.0
"""One sequencer: whatever is waiting becomes one transaction, and is acknowledged when that is durable.

There is no artificial wait: while one batch commits, the next one gathers. A batch takes the log's lock, reads
the head and the consent sequence numbers under that lock, and inserts entries, sealed payloads, full tiles and the
new signed head. An item whose consent moved, or whose key was claimed, is left out; the rest of the batch commits.

A duplicate is rare, so it is not looked for: the store refuses it, and the batch is tried again with a look.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence

from msgspec import Struct

from gateway.audit import merkle, sealing, tiles
from gateway.audit.checkpoint import Signer
from gateway.audit.leaf import Leaf
from gateway.audit.sealing import DataKey, Held, KeyName, SealKey
from gateway.audit.store import (
    Begun,
    ClaimRow,
    DataKeyRow,
    DuplicateError,
    EntryRow,
    Head,
    PayloadRow,
    Rows,
    Store,
    Taken,
    TileRow,
)


class Guard(Struct, frozen=True):
    """Write the entry only while the person's consent sequence number is still `seq` (0: none was decided)."""

    person: str
    seq: int


class Claim(Struct, frozen=True):
    """Write the entry only if (system, key) was never used; `key` and `request_digest` are SHA-256."""

    system: str
    key: bytes
    request_digest: bytes
    query_id: str


class Committed(Struct, frozen=True):
    """The entry is durable and integrated: it has this index, and this signed checkpoint covers it."""

    index: int
    size: int
    origin: str
    checkpoint: str
    checkpoint_b64: bytes


class Moved(Struct, frozen=True):
    """Nothing was written: the person's consent sequence number is now `seq`."""

    seq: int


class Claimed(Struct, frozen=True):
    """Nothing was written: the key was used before, for query `query_id`; whether with the same body."""

    query_id: str
    same_request: bool


Result = Committed | Moved | Claimed

Wanted = Callable[[int], bool]
"""Whether somebody still waits for the item at this place of a batch."""


class Item(Struct, frozen=True):
    """One event to append."""

    leaf: Leaf
    at_ms: int
    guard: Guard | None = None
    claim: Claim | None = None


class Sequencer:
    """Appends batches to one log, one after the other. Nothing it holds in memory is the truth: the head is read
    anew in every transaction, so any number of sequencers may write to one database."""

    def __init__(self, store: Store, signer: Signer, seal_key: SealKey) -> None:
        self._store = store
        self._signer = signer
        self._seal_key = seal_key
        self._held = Held()
        self._erasures = 0

    async def append(self, batch: Sequence[Item], wanted: Wanted = lambda _: True) -> list[Result | None]:
        """Append all that may be appended, in one transaction; one result an item, None for one whose consent is
        being changed at this moment, which may be tried again. `wanted` is asked for each place in the batch once
        the lock is had: who gave up meanwhile is left out (None). Raises StoreError: nothing was written, or (if
        the commit itself failed) that is unknown; the same event ids may be sent again."""
        try:
            return await self._append(batch, wanted, look=False)
        except DuplicateError:
            self._held = Held()  # a data key that is there although we made it: read all anew
            return await self._append(batch, wanted, look=True)

    async def begin_log(self, started: Leaf, at_ms: int) -> None:
        """Begin the log with this entry, unless it has begun. Raises StoreError."""
        try:
            if (await self._store.begin(())).head is None:
                await self._write(Head(0, b"", ""), [Item(started, at_ms)])
        finally:
            await self._store.rollback()

    async def _append(self, batch: Sequence[Item], wanted: Wanted, *, look: bool) -> list[Result | None]:
        try:
            begun = await self._store.begin(list({item.guard.person: None for item in batch if item.guard}))
            if begun.erasures != self._erasures:  # a data key we hold may be one that was erased
                self._held, self._erasures = Held(), begun.erasures
            given_up = frozenset(n for n in range(len(batch)) if not wanted(n))
            taken = await self._taken(batch) if look else Taken({}, {})
            fresh, fates = sort(batch, begun, taken, given_up)
            if not look and any(isinstance(fate, Moved | Claimed) for fate in fates):
                taken = await self._taken(batch)  # what is refused now may have been written before
                fresh, fates = sort(batch, begun, taken, given_up)
            head = begun.head or Head(0, b"", "")
            after = await self._write(head, fresh) if fresh else head
        finally:
            await self._store.rollback()  # of what was not committed
        places = taken.ids | {item.leaf.id: head.size + n for n, item in enumerate(fresh)}
        origin, note = self._signer.origin, after.checkpoint
        encoded = base64.b64encode(note.encode())
        return [
            Committed(places[fate], after.size, origin, note, encoded) if isinstance(fate, str) else fate
            for fate in fates
        ]

    async def _taken(self, batch: Sequence[Item]) -> Taken:
        claims = {(item.claim.system, item.claim.key): None for item in batch if item.claim}
        return await self._store.taken([item.leaf.id for item in batch], list(claims))

    async def _write(self, head: Head, items: Sequence[Item]) -> Head:
        hashes = [item.leaf.hash for item in items]
        frontier, size = merkle.grow(_split(head.frontier), head.size, hashes)
        keys, made = await self._keys(items)
        rows = Rows(
            [
                EntryRow(head.size + n, item.leaf.id, item.leaf.hash, item.leaf.entry)
                for n, item in enumerate(items)
            ],
            self._payloads(head.size, items, keys),
            list(made.values()),
            await self._full_tiles(head.size, hashes),
            [
                ClaimRow(claim.system, claim.key, claim.request_digest, claim.query_id, item.at_ms)
                for item in items
                if (claim := item.claim)
            ],
        )
        after = Head(size, b"".join(frontier), self._signer.sign(size, merkle.root(frontier)))
        await self._store.commit(rows, self._signer.origin, after)
        for name in made:
            self._held.keep(name, keys[name])
        return after

    async def _keys(self, items: Sequence[Item]) -> tuple[dict[KeyName, DataKey], dict[KeyName, DataKeyRow]]:
        """Every data key that the items need, and the rows of those that had to be made."""
        names: set[KeyName] = set()
        for item in items:
            staff, citizen = _key_names(item.leaf)
            if item.leaf.actor:
                names.add(staff)
            if item.leaf.subject:
                names.add(citizen)
        keys = {name: key for name in names if (key := self._held.get(name))}
        made: dict[KeyName, DataKeyRow] = {}
        if missing := {self._seal_key.row_name(name): name for name in names if name not in keys}:
            for row_name, row in (await self._store.data_keys(list(missing))).items():
                keys[missing[row_name]] = self._seal_key.unwrap(row.id, row.wrapped)
                self._held.keep(missing[row_name], keys[missing[row_name]])
            for name in missing.values():
                if name not in keys:
                    keys[name], made[name] = self._seal_key.make(name)
        return keys, made

    def _payloads(self, start: int, items: Sequence[Item], keys: dict[KeyName, DataKey]) -> list[PayloadRow]:
        origin, width = self._signer.origin, sealing.NONCE
        nonces = os.urandom(2 * width * len(items))  # one call: each costs as much as a seal
        rows: list[PayloadRow] = []
        for n, item in enumerate(items):
            leaf, at = item.leaf, 2 * width * n
            staff, citizen = _key_names(leaf)
            actor_key = actor = subject_key = subject = None
            if leaf.actor:
                key, belongs = keys[staff], sealing.bound(origin, leaf.id, "actor")
                actor_key, actor = key.id, key.seal(nonces[at : at + width], belongs, leaf.actor)
            if leaf.subject:
                key, belongs = keys[citizen], sealing.bound(origin, leaf.id, "subject")
                subject_key, subject = key.id, key.seal(nonces[at + width : at + 2 * width], belongs, leaf.subject)
            rows.append(PayloadRow(start + n, actor_key, actor, subject_key, subject))
        return rows

    async def _full_tiles(self, size: int, hashes: list[bytes]) -> list[TileRow]:
        """Rows of the tiles that the new leaves make full."""
        inside = size % tiles.WIDTH
        if inside + len(hashes) < tiles.WIDTH:
            return []
        start = size - inside
        leaves = await self._store.leaf_hashes(start, size) + hashes
        rows: list[TileRow] = []
        for at in range(0, len(leaves) - tiles.WIDTH + 1, tiles.WIDTH):
            await self._add_tile(rows, 0, (start + at) // tiles.WIDTH, leaves[at : at + tiles.WIDTH])
        return rows

    async def _add_tile(self, rows: list[TileRow], level: int, n: int, hashes: list[bytes]) -> None:
        rows.append(TileRow(level, n, b"".join(hashes), merkle.tree_hash(hashes)))
        if n % tiles.WIDTH == tiles.WIDTH - 1:  # the 256th of its level: a tile of the level above is full, too
            first = n - tiles.WIDTH + 1
            below = await self._store.tile_roots(level, first, n)
            mine = {row.n: row.root for row in rows if row.level == level}
            roots = below + [mine[m] for m in range(first + len(below), n + 1)]
            await self._add_tile(rows, level + 1, n // tiles.WIDTH, roots)


def sort(
    batch: Sequence[Item], begun: Begun, taken: Taken, given_up: frozenset[int] = frozenset()
) -> tuple[list[Item], list[Moved | Claimed | str | None]]:
    """Which items are to be written, in their order, and what becomes of each item of the batch: Moved, Claimed,
    the id of its entry, or None when nothing can be said yet. Pure."""
    fresh: dict[str, Item] = {}
    fates: list[Moved | Claimed | str | None] = []
    claims = dict(taken.claims)
    for n, item in enumerate(batch):
        id_, guard, claim = item.leaf.id, item.guard, item.claim
        fate: Moved | Claimed | str | None = id_
        if id_ in taken.ids or id_ in fresh:
            pass  # the same event again is the same entry
        elif n in given_up or (guard and guard.person in begun.changing):
            fate = None
        elif guard and (seq := begun.consent.get(guard.person, 0)) != guard.seq:
            fate = Moved(seq)
        elif claim and (used := claims.get((claim.system, claim.key))):
            fate = Claimed(used[1], used[0] == claim.request_digest)
        else:
            fresh[id_] = item
            if claim:
                claims[claim.system, claim.key] = (claim.request_digest, claim.query_id)
        fates.append(fate)
    return list(fresh.values()), fates


def _key_names(leaf: Leaf) -> tuple[KeyName, KeyName]:
    staff = (sealing.ACTOR, leaf.organisation, leaf.staff_period)
    return staff, (leaf.subject_key, leaf.organisation, leaf.period)


def _split(frontier: bytes) -> list[bytes]:
    return [frontier[at : at + 32] for at in range(0, len(frontier), 32)]
