# SPDX-License-Identifier: Apache-2.0
"""Finding entries by what stands in them in the clear, and by their citizen: a read model beside the log.

`log.entry_index` repeats the clear members of each entry in columns. It is filled when somebody searches, off the
path of queries, and can be emptied at any time: it is read from the entries again. What is sealed is in no index.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, insert, select

from gateway.audit.sealing import SealKey
from gateway.audit.tables import entry, entry_index, subject_entry

CHUNK = 1000
"""Entries read into the index in one transaction: it holds the log's lock on SQLite, so it must be short."""


class Search(Struct, frozen=True, omit_defaults=True):
    """What an auditor looks for. Empty members mean any; instants are milliseconds since 1970, `until_ms` not
    included. `after` is the place of the last entry seen before, so that a search goes on from there."""

    type: str = ""
    organisation: str = ""
    service: str = ""
    purpose: str = ""
    decision: str = ""
    since_ms: int = 0
    until_ms: int = 0
    after: int = -1
    limit: int = 100


def catch_up(connection: Connection) -> int:
    """Read the next CHUNK of entries into the index; gives how many there were. Takes a write transaction."""
    last = connection.execute(select(func.max(entry_index.c.idx))).scalar()
    start = 0 if last is None else last + 1
    wanted = select(entry.c.idx, entry.c.entry).where(entry.c.idx >= start, entry.c.idx < start + CHUNK)
    rows = [_row(row.idx, bytes(row.entry)) for row in connection.execute(wanted.order_by(entry.c.idx))]
    if rows:
        connection.execute(insert(entry_index), rows)
    return len(rows)


def find(connection: Connection, seal_key: SealKey, wanted: Search, person: str = "") -> Sequence[int]:
    """The places of the entries that fit, oldest first, at most `wanted.limit`; `person` (opaque id) takes only the
    entries about one citizen that can still be found: an erasure takes them out."""
    query = select(entry_index.c.idx).where(*_fitting(wanted)).order_by(entry_index.c.idx).limit(wanted.limit)
    if person:
        mine = subject_entry.c.subject == seal_key.short(person)
        query = query.join(subject_entry, subject_entry.c.idx == entry_index.c.idx).where(mine)
    return connection.execute(query).scalars().all()


def _fitting(wanted: Search) -> list[ColumnElement[bool]]:
    column = entry_index.c
    fitting = [column.idx > wanted.after]
    fitting += [
        column[name] == value
        for name in ("type", "organisation", "service", "purpose", "decision")
        if (value := getattr(wanted, name))
    ]
    if wanted.since_ms:
        fitting.append(column.at_ms >= wanted.since_ms)
    if wanted.until_ms:
        fitting.append(column.at_ms < wanted.until_ms)
    return fitting


def _row(idx: int, content: bytes) -> dict[str, object]:
    members = orjson.loads(content)
    return {
        "idx": idx,
        "at_ms": members["t"],
        "type": members["type"],
        "organisation": members["org"],
        "service": members["svc"],
        "purpose": members["purpose"],
        "decision": members["decision"],
    }
