# SPDX-License-Identifier: Apache-2.0
"""One sequencer: whatever is waiting becomes one transaction, and is acknowledged when that is durable.

There is no artificial wait: while one batch commits, the next one gathers. A batch takes the log's lock, reads
the head, checks claims and consent under that lock, and inserts entries, sealed payloads, full tiles and the new
signed head. An item whose consent moved, or whose key was claimed, is left out; the rest of the batch commits.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from msgspec import Struct

from gateway.audit import merkle, sealing, tiles
from gateway.audit.checkpoint import Signer
from gateway.audit.leaf import Leaf
from gateway.audit.sealing import DataKey, Held, KeyName
from gateway.audit.store import ClaimRow, DuplicateError, Head, Rows, Store


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


class Item(Struct, frozen=True):
    """One event to append."""

    leaf: Leaf
    at_ms: int
    guard: Guard | None = None
    claim: Claim | None = None


class Sequencer:
    """Appends batches to one log, from one thread. Nothing it holds in memory is the truth: the head is read anew
    in every transaction, so any number of sequencers may write to one database."""

    def __init__(self, store: Store, signer: Signer, seal_key: bytes) -> None:
        self._store = store
        self._signer = signer
        self._seal_key = seal_key
        self._held = Held()
        self._tail: list[bytes] = []  # leaf hashes after the last full tile, valid for a log of `_tail_size`
        self._tail_size = -1

    def append(self, batch: Sequence[Item]) -> list[Result]:
        """Append all that may be appended, in one transaction; one result an item. Raises StoreError: nothing
        was written, or (if the commit itself failed) that is unknown; the same event ids may be sent again."""
        try:
            return self._append(batch, {})
        except DuplicateError:
            return self._append(batch, self._known(batch))

    def _known(self, batch: Sequence[Item]) -> dict[str, int]:
        self._held = Held()  # a data key that another host made first is read anew
        self._store.begin()
        known = self._store.indices([item.leaf.id for item in batch])
        self._store.rollback()
        return known

    def _append(self, batch: Sequence[Item], known: dict[str, int]) -> list[Result]:
        store = self._store
        try:
            head = store.begin() or Head(0, b"", "")
            refused = self._refused({n: item for n, item in enumerate(batch) if item.leaf.id not in known})
            fresh: dict[str, Item] = {}
            for n, item in enumerate(batch):
                if n not in refused and item.leaf.id not in known:
                    fresh.setdefault(item.leaf.id, item)
            head, made = self._write(head, list(fresh.values())) if fresh else (head, {})
            store.commit()
        except BaseException:
            self._tail_size = -1
            store.rollback()
            raise
        for name, key in made.items():
            self._held.keep(name, key)
        size = head.size
        places = known | {id: size - len(fresh) + n for n, id in enumerate(fresh)}
        encoded = base64.b64encode(head.checkpoint.encode())
        origin = self._signer.origin
        return [
            refused.get(n) or Committed(places[item.leaf.id], size, origin, head.checkpoint, encoded)
            for n, item in enumerate(batch)
        ]

    def _refused(self, batch: Mapping[int, Item]) -> dict[int, Moved | Claimed]:
        """The items that may not be written, by their place in the batch."""
        refused: dict[int, Moved | Claimed] = {}
        if people := sorted({item.guard.person for item in batch.values() if item.guard}):
            heads = self._store.consent_heads(people)
            for n, item in batch.items():
                if item.guard and (seq := heads.get(item.guard.person, 0)) != item.guard.seq:
                    refused[n] = Moved(seq)
        if claims := [(item.claim.system, item.claim.key) for item in batch.values() if item.claim]:
            taken = self._store.claims(claims)
            for n, item in batch.items():
                if item.claim is None:
                    continue
                name = (item.claim.system, item.claim.key)
                if name in taken:
                    digest, query = taken[name]
                    refused[n] = Claimed(query, digest == item.claim.request_digest)
                else:
                    taken[name] = (item.claim.request_digest, item.claim.query_id)
        return refused

    def _write(self, head: Head, items: list[Item]) -> tuple[Head, dict[KeyName, DataKey]]:
        hashes = [item.leaf.hash for item in items]
        frontier, size = merkle.grow(_split(head.frontier), head.size, hashes)
        made, stored = self._data_keys(items)
        self._store.insert(
            Rows(
                entries=[
                    (head.size + n, item.leaf.id, item.leaf.hash, item.leaf.entry) for n, item in enumerate(items)
                ],
                payloads=self._payloads(head.size, items, made),
                data_keys=stored,
                tiles=self._full_tiles(head.size, hashes),
                claims=[
                    ClaimRow(c.system, c.key, c.request_digest, c.query_id, item.at_ms)
                    for item in items
                    if (c := item.claim)
                ],
            )
        )
        after = Head(size, b"".join(frontier), self._signer.sign(size, merkle.root(frontier)))
        self._store.advance(self._signer.origin, after)
        return after, made

    def _data_keys(
        self, items: list[Item]
    ) -> tuple[dict[KeyName, DataKey], list[tuple[str, str, str, str, bytes]]]:
        """Every data key the items need that is not held, and the rows of those that had to be made."""
        missing = {
            name
            for item in items
            for part in item.leaf.parts
            if self._held.get(name := _key_name(item, part)) is None
        }
        if not missing:
            return {}, []
        found = self._store.data_keys(sorted(missing))
        keys: dict[KeyName, DataKey] = {}
        stored: list[tuple[str, str, str, str, bytes]] = []
        for name in sorted(missing):
            if name in found:
                keys[name] = sealing.unwrap(self._seal_key, *found[name])
            else:
                keys[name], wrapped = sealing.new(self._seal_key)
                stored.append((keys[name].id, *name, wrapped))
        return keys, stored

    def _payloads(
        self, start: int, items: list[Item], made: dict[KeyName, DataKey]
    ) -> list[tuple[int, str, str, bytes]]:
        rows: list[tuple[int, str, str, bytes]] = []
        for n, item in enumerate(items):
            for part, content in item.leaf.parts.items():
                name = _key_name(item, part)
                key = made.get(name) or self._held.get(name)
                if key is None:  # held when `_data_keys` looked, and pushed out since by this very batch
                    key = sealing.unwrap(self._seal_key, *self._store.data_keys([name])[name])
                sealed = sealing.seal(key, self._signer.origin, item.leaf.id, part, content)
                rows.append((start + n, part, key.id, sealed))
        return rows

    def _full_tiles(self, size: int, hashes: list[bytes]) -> list[tuple[int, int, bytes, bytes]]:
        """Rows of the tiles that become full; remembers the tail for the next batch."""
        start = size - size % tiles.WIDTH
        tail = self._tail if self._tail_size == size else self._store.leaf_hashes(start, size)
        leaves = tail + hashes
        rows: list[tuple[int, int, bytes, bytes]] = []
        n = start // tiles.WIDTH
        while len(leaves) >= tiles.WIDTH:
            full, leaves = leaves[: tiles.WIDTH], leaves[tiles.WIDTH :]
            self._add_tile(rows, 0, n, full)
            n += 1
        self._tail, self._tail_size = leaves, size + len(hashes)
        return rows

    def _add_tile(self, rows: list[tuple[int, int, bytes, bytes]], level: int, n: int, hashes: list[bytes]) -> None:
        rows.append((level, n, b"".join(hashes), merkle.tree_hash(hashes)))
        if n % tiles.WIDTH == tiles.WIDTH - 1:
            first = n - tiles.WIDTH + 1
            below = self._store.tile_roots(level, first, n)
            mine = {row[1]: row[3] for row in rows if row[0] == level}
            roots = below + [mine[m] for m in range(first + len(below), n + 1)]
            self._add_tile(rows, level + 1, n // tiles.WIDTH, roots)


def _key_name(item: Item, part: str) -> KeyName:
    return sealing.name_of(part, item.leaf.organisation, item.leaf.subject_key)


def _split(frontier: bytes) -> list[bytes]:
    return [frontier[at : at + 32] for at in range(0, len(frontier), 32)]
