# SPDX-License-Identifier: Apache-2.0
"""One sequencer: whatever is waiting becomes one transaction, and is acknowledged when that is durable.

There is no artificial wait: while one batch commits, the next one gathers. A batch takes the log's lock, reads
the head and the consent sequence numbers under that lock, and inserts entries, sealed payloads, full tiles and the
new signed head. An item whose consent moved, or whose key was claimed, is left out; the rest of the batch commits.
The first batch of a new year closes the shard and begins the next, in the same transaction.

A duplicate is rare, so it is not looked for: the store refuses it, and the batch is tried again with a look.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from hashlib import sha256

from msgspec import Struct

from gateway.audit import leaf, merkle, sealer, shards
from gateway.audit.growing import full_tiles
from gateway.audit.leaf import Draft
from gateway.audit.numbers import Numbers
from gateway.audit.sealer import Keys, Sealer
from gateway.audit.sealing import SealKey
from gateway.audit.shards import Clock, Signers, now_ms
from gateway.audit.store import (
    Begun,
    ClaimRow,
    DuplicateError,
    EntryRow,
    Head,
    PayloadRow,
    Rows,
    ShardRow,
    Store,
    Taken,
    TileRow,
)

CLAIM_LIFETIME_MS = 86_400_000
"""How long an Idempotency-Key is remembered at least."""

SWEEP_AFTER, SWEEP = 256, 1024
"""After so many new claims so many old ones are looked at, so that the table is swept faster than it grows."""


class Guard(Struct, frozen=True, array_like=True):
    """Write the entry only while the person's consent sequence number is still `seq` (0: none was decided)."""

    person: str
    seq: int


class Claim(Struct, frozen=True, array_like=True):
    """Write the entry only if (system, key) was never used; `key` and `request_digest` are SHA-256."""

    system: str
    key: bytes
    request_digest: bytes
    query_id: str


class Committed(Struct, frozen=True):
    """The entry is durable and integrated: it has this index in the shard of this origin, and this signed
    checkpoint of that shard covers it."""

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


class Item(Struct, frozen=True, array_like=True):
    """One event to append."""

    draft: Draft
    guard: Guard | None = None
    claim: Claim | None = None


class Sequencer:
    """Appends batches to one log, one after the other. Nothing it holds in memory is the truth: the head is read
    anew in every transaction, so any number of sequencers may write to one database."""

    def __init__(self, store: Store, signers: Signers, seal_key: SealKey, clock: Clock = now_ms) -> None:
        self._store = store
        self._signers = signers
        self._clock = clock
        self._sealer = Sealer(seal_key)
        self._numbers = Numbers(seal_key)
        self._left = -1  # where the log ended when we last wrote to it
        self._erasures = 0
        self._claims = 0
        self._swept_to = b""

    async def append(self, batch: Sequence[Item], wanted: Wanted = lambda _: True) -> list[Result | None]:
        """Append all that may be appended, in one transaction; one result an item, None for one whose consent is
        being changed at this moment, which may be tried again. `wanted` is asked for each place in the batch once
        the lock is had: who gave up meanwhile is left out (None). Raises StoreError: nothing was written, or (if
        the commit itself failed) that is unknown; the same event ids may be sent again."""
        try:
            return await self._append(batch, wanted, look=False)
        except DuplicateError:
            self._forget()  # a data key that is there although we made it, or an event id: read all anew
            return await self._append(batch, wanted, look=True)
        except BaseException:
            self._forget()
            raise

    async def begin_log(self) -> None:
        """Begin the log, unless it has begun. Raises StoreError."""
        try:
            if (await self._store.begin(())).head is None:
                head = self._nothing()
                first = shards.started(self._signers.of(head.year).origin, self._clock())
                await self._write(head, [Item(leaf.build(first))])
        finally:
            await self._store.rollback()

    def _forget(self) -> None:
        self._sealer.forget()
        self._numbers.forget()
        self._left = -1

    def _nothing(self) -> Head:
        return Head(0, b"", "", shards.year_of(self._clock()), 0)

    async def _append(self, batch: Sequence[Item], wanted: Wanted, *, look: bool) -> list[Result | None]:
        try:
            begun = await self._store.begin(list({item.guard.person: None for item in batch if item.guard}))
            head = begun.head or self._nothing()
            if begun.erasures != self._erasures:  # a data key we hold may be one that was erased
                self._forget()
                self._erasures = begun.erasures
            if head.end != self._left:  # another sequencer wrote since
                self._numbers.forget()
            given_up = frozenset(n for n in range(len(batch)) if not wanted(n))
            taken = await self._taken(batch) if look else Taken({}, {})
            fresh, fates = sort(batch, begun, taken, given_up)
            if not look and any(isinstance(fate, Moved | Claimed) for fate in fates):
                taken = await self._taken(batch)  # what is refused now may have been written before
                fresh, fates = sort(batch, begun, taken, given_up)
            after = await self._write(head, fresh) if fresh else head
            earlier = taken.ids and min(taken.ids.values()) < after.start
            closed = await self._store.shards() if earlier or after.start > head.start else []
        finally:
            await self._store.rollback()  # of what was not committed
        first = after.end - len(fresh)
        places = taken.ids | {item.draft.id: first + n for n, item in enumerate(fresh)}
        newest = ShardRow(
            after.year, self._signers.of(after.year).origin, after.start, after.size, after.checkpoint
        )
        encoded = base64.b64encode(after.checkpoint.encode())
        return [
            _committed(places[fate], newest, encoded, closed) if isinstance(fate, str) else fate for fate in fates
        ]

    async def _taken(self, batch: Sequence[Item]) -> Taken:
        claims = {claim_key(item.claim): None for item in batch if item.claim}
        return await self._store.taken([item.draft.id for item in batch], list(claims))

    async def _write(self, head: Head, items: Sequence[Item]) -> Head:
        now = self._clock()
        drafts = [item.draft for item in items]
        pages = _Pages()
        if head.size and (year := shards.year_of(now)) > head.year:
            signer = self._signers.of(year)
            head = await self._extend(pages, head, [leaf.build(shards.closed(signer.origin, now))], [(0, 0)], {})
            closing = self._signers.of(head.year).origin
            pages.shards.append(ShardRow(head.year, closing, head.start, head.size, head.checkpoint))
            drafts.insert(0, leaf.build(shards.continued(signer.origin, now, head.checkpoint)))
            head = Head(0, b"", "", year, head.end)
        assigned = await self._numbers.assign(self._store, drafts)
        keys, made = await self._sealer.keys(self._store, drafts)
        after = await self._extend(pages, head, drafts, assigned.numbers, keys)
        claims = [
            ClaimRow(claim_key(claim), claim.request_digest, claim.query_id, item.draft.at_ms)
            for item in items
            if (claim := item.claim)
        ]
        rows = Rows(
            pages.entries,
            pages.payloads,
            list(made.values()),
            pages.tiles,
            claims,
            self._numbers.rows(drafts, assigned, head.end),
            pages.shards,
            self._numbers.counts(assigned),
        )
        await self._sweep(len(claims), now)
        await self._store.commit(rows, self._signers.of(after.year).origin, after)
        self._sealer.keep(keys, list(made))
        self._numbers.keep(assigned)
        self._left = after.end
        return after

    async def _extend(
        self, pages: _Pages, head: Head, drafts: list[Draft], numbers: Sequence[tuple[int, int]], keys: Keys
    ) -> Head:
        """Put drafts at the end of a shard: their rows into `pages`; gives where it then ends."""
        leaves = [leaf.finish(draft, *given) for draft, given in zip(drafts, numbers, strict=True)]
        hashes = [one.hash for one in leaves]
        frontier, size = merkle.grow(_split(head.frontier), head.size, hashes)
        signer = self._signers.of(head.year)
        for n, (draft, one) in enumerate(zip(drafts, leaves, strict=True), head.end):
            pages.entries.append(EntryRow(n, draft.id, one.hash, one.entry))
        pages.payloads += sealer.payloads(signer.origin, head.end, drafts, leaves, keys)
        pages.tiles += await full_tiles(self._store, head, hashes)
        checkpoint = signer.sign(size, merkle.root(frontier))
        return Head(size, b"".join(frontier), checkpoint, head.year, head.start)

    async def _sweep(self, new: int, now: int) -> None:
        """Forget claims that are old enough, some at a time, going round the table."""
        self._claims += new
        if self._claims >= SWEEP_AFTER:
            self._claims = 0
            self._swept_to = await self._store.sweep_claims(self._swept_to, SWEEP, now - CLAIM_LIFETIME_MS)


class _Pages:
    """Rows of one batch that belong to one shard or, at the turn of a year, to two."""

    def __init__(self) -> None:
        self.entries: list[EntryRow] = []
        self.payloads: list[PayloadRow] = []
        self.tiles: list[TileRow] = []
        self.shards: list[ShardRow] = []


def claim_key(claim: Claim) -> bytes:
    """The 16 bytes by which a claim is found; `claim.key` has a fixed length, so that the parts cannot be moved."""
    return sha256(claim.system.encode() + claim.key).digest()[:16]


def _committed(place: int, newest: ShardRow, encoded: bytes, closed: Sequence[ShardRow]) -> Committed:
    """What to tell of the entry at a place: which shard it stands in, and the newest checkpoint of that one."""
    if place >= newest.start:
        return Committed(place - newest.start, newest.size, newest.origin, newest.checkpoint, encoded)
    shard = next(one for one in reversed(closed) if one.start <= place)
    note = shard.checkpoint
    return Committed(place - shard.start, shard.size, shard.origin, note, base64.b64encode(note.encode()))


def sort(
    batch: Sequence[Item], begun: Begun, taken: Taken, given_up: frozenset[int] = frozenset()
) -> tuple[list[Item], list[Moved | Claimed | str | None]]:
    """Which items are to be written, in their order, and what becomes of each item of the batch: Moved, Claimed,
    the id of its entry, or None when nothing can be said yet. Pure."""
    fresh: dict[str, Item] = {}
    fates: list[Moved | Claimed | str | None] = []
    claims = dict(taken.claims)
    for n, item in enumerate(batch):
        id_, guard, claim = item.draft.id, item.guard, item.claim
        fate: Moved | Claimed | str | None = id_
        if id_ in taken.ids or id_ in fresh:
            pass  # the same event again is the same entry
        elif n in given_up or (guard and guard.person in begun.changing):
            fate = None
        elif guard and (seq := begun.consent.get(guard.person, 0)) != guard.seq:
            fate = Moved(seq)
        elif claim and (used := claims.get(claim_key(claim))):
            fate = Claimed(used[1], used[0] == claim.request_digest)
        else:
            fresh[id_] = item
            if claim:
                claims[claim_key(claim)] = (claim.request_digest, claim.query_id)
        fates.append(fate)
    return list(fresh.values()), fates


def _split(frontier: bytes) -> list[bytes]:
    return [frontier[at : at + 32] for at in range(0, len(frontier), 32)]
