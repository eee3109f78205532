# SPDX-License-Identifier: Apache-2.0
"""Reading the log in bulk: entries in their order with what they committed to, a batch at a time.

For whoever looks at many decisions at once. One read transaction a batch, so that a long look never holds back the
writer; data keys are unwrapped once each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, select

from gateway import db
from gateway.audit import leaf, sealing
from gateway.audit.leaf import Opened
from gateway.audit.reader import Reader
from gateway.audit.sealing import DataKey, SealKey, WrapKeyGone
from gateway.audit.shards import Shard
from gateway.audit.tables import data_key, entry, payload

BATCH = 1000
_HELD = 50_000  # unwrapped data keys; some 0.5 KB each


class Streamed(Struct, frozen=True):
    """One entry: its clear members, its `place` among all, and the groups about the citizen and the query that can
    still be opened. Those about staff are left closed."""

    place: int
    id: str
    type: str
    org: str
    purpose: str
    policy: str
    at_ms: int
    groups: Mapping[str, Opened]


class Stream:
    """Entries of some types since an instant (milliseconds since 1970), oldest first."""

    def __init__(
        self, engine: Engine, name: str, seal_key: SealKey, *, since_ms: int, types: Collection[str]
    ) -> None:
        self._engine = engine
        self._shards = Reader(engine, name, seal_key).shards()
        self._seal_key = seal_key
        self._since_ms = since_ms
        self._types = frozenset(types)
        self._keys: dict[str, DataKey | None] = {}
        self.first = self._find_first()
        self.end = self._shards[-1].start + self._shards[-1].size if self._shards else 0

    def __iter__(self) -> Iterator[Streamed]:
        """Every entry that was there when the stream was made. Raises cryptography.exceptions.InvalidTag when a
        sealed payload was changed or moved."""
        for start in range(self.first, self.end, BATCH):
            with db.read(self._engine) as connection:
                rows = connection.execute(_rows(start, min(start + BATCH, self.end))).all()
                wanted = [(row, members) for row in rows if (members := orjson.loads(bytes(row.entry)))]
                wanted = [pair for pair in wanted if self._counts(pair[1])]
                self._unwrap(connection, [row.subject_key for row, _ in wanted if row.subject_key])
            for row, members in wanted:
                yield self._streamed(row, members)

    def _counts(self, members: dict[str, Any]) -> bool:
        return members["type"] in self._types and members["t"] >= self._since_ms

    def _streamed(self, row: Row[Any], members: dict[str, Any]) -> Streamed:
        key = self._keys.get(row.subject_key)
        groups: Mapping[str, Opened] = {}
        if key is not None and row.subject is not None:
            bound = sealing.bound(_holding(self._shards, row.idx).origin, row.id, "subject")
            groups = leaf.unpack(key.open(bound, bytes(row.subject)))
        return Streamed(
            row.idx,
            row.id,
            members["type"],
            members["org"],
            members["purpose"],
            members["policy"],
            members["t"],
            groups,
        )

    def _unwrap(self, connection: Connection, ids: Sequence[str]) -> None:
        new = sorted(set(ids) - self._keys.keys())
        if len(self._keys) + len(new) > _HELD:
            self._keys.clear()
            new = sorted(set(ids))
        self._keys |= dict.fromkeys(new)
        query = select(data_key.c.id, data_key.c.wrapped).where(data_key.c.id.in_(new))
        for id_, wrapped in connection.execute(query) if new else ():
            try:
                self._keys[id_] = self._seal_key.unwrap(id_, bytes(wrapped))
            except (WrapKeyGone, InvalidUnwrap):
                continue  # erased: from before the wrapping key was destroyed

    def _find_first(self) -> int:
        """The first place at or after the instant: places follow time but for the clocks of several writers, so it
        begins a batch earlier and each entry is looked at."""
        if not self._shards:
            return 0
        low, high = self._shards[0].start, self._shards[-1].start + self._shards[-1].size
        with db.read(self._engine) as connection:
            while low < high:
                middle = (low + high) // 2
                found = connection.execute(select(entry.c.entry).where(entry.c.idx == middle)).scalar()
                if found is not None and orjson.loads(bytes(found))["t"] < self._since_ms:
                    low = middle + 1
                else:
                    high = middle
        return max(self._shards[0].start, low - BATCH)


def _rows(start: int, end: int) -> Any:
    return (
        select(entry.c.idx, entry.c.id, entry.c.entry, payload.c.subject_key, payload.c.subject)
        .outerjoin(payload, payload.c.idx == entry.c.idx)
        .where(entry.c.idx >= start, entry.c.idx < end)
        .order_by(entry.c.idx)
    )


def _holding(shards: Sequence[Shard], place: int) -> Shard:
    return next(shard for shard in reversed(shards) if shard.start <= place)
