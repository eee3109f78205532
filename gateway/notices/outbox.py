# SPDX-License-Identifier: Apache-2.0
"""The outbox: a notice is written in the transaction of what it tells of, so that no crash comes between the two.

Delivery is at least once: whoever receives a notice twice knows it by its id. The caller owns the transaction.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import uuid_utils
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, select, true, update

from gateway.notices.tables import notice, webhook

State = Literal["waiting", "delivered", "given-up"]

PAUSES_S = (5, 15, 60, 300, 900, 3600, 3600, 10_800, 21_600, 21_600, 43_200, 43_200, 86_400)
"""Seconds after each failed attempt until the next; after the last of them a notice is given up (some three days).
It can be delivered again on demand for as long as it is kept."""

REST_MOST_S = 300
"""The longest that an address that fails is left alone, so that one that comes back is not kept waiting."""

LEASE_MS = 30_000
"""For how long a node that took a notice has it to itself; longer than a delivery may take."""

_SYSTEMS = 32
_EACH = 4
"""How many systems one round serves, and how many notices of each: a slow receiver must not delay the others."""


class Waiting(Struct, frozen=True):
    """One notice that this node has taken for delivery. `attempts` counts this one."""

    id: str
    system: str
    kind: str
    payload: bytes
    attempts: int
    url: str


class Notice(Struct, frozen=True):
    """Where one notice stands. Times in epoch seconds; `status` is the HTTP status of the last attempt, 0 none."""

    id: str
    system: str
    kind: str
    payload: bytes
    state: State
    attempts: int
    status: int
    created_at: int
    ended_at: int


def enqueue(connection: Connection, system: str, kind: str, payload: Mapping[str, object], *, now: int) -> str:
    """Write a notice to a client system; gives its id (UUIDv7). `kind` is `subject.verb`, as a log event's name;
    `payload` becomes the member `data` and holds handles and ids of ours only, never a value of a record, a name
    or an identifier. It waits until the system has a webhook. `now`: epoch seconds."""
    id_ = str(uuid_utils.uuid7())
    body = msgspec.json.encode({"id": id_, "type": kind, "at": now, "data": payload})
    row = {
        "id": id_,
        "system": system,
        "kind": kind,
        "payload": body,
        "state": "waiting",
        "attempts": 0,
        "status": 0,
        "due_ms": now * 1000,
        "created_at": now,
        "ended_at": 0,
    }
    connection.execute(insert(notice), row)
    return id_


def take(connection: Connection, now_ms: int) -> list[Waiting]:
    """Take what is due for delivery by this node alone, a few of each system. Needs a write transaction, to be
    committed before the first is sent: if this node dies then, another takes them when the lease is over."""
    due = (notice.c.state == "waiting", notice.c.due_ms <= now_ms)
    open_ = select(webhook.c.system, webhook.c.url).where(webhook.c.active, webhook.c.rest_until_ms <= now_ms)
    wanted = open_.where(select(notice.c.id).where(notice.c.system == webhook.c.system, *due).exists()).order_by(
        webhook.c.rest_until_ms
    )
    taken: list[Waiting] = []
    for system, url in connection.execute(wanted.limit(_SYSTEMS)).all():
        rows = connection.execute(
            select(notice.c.id, notice.c.kind, notice.c.payload, notice.c.attempts)
            .where(notice.c.system == system, *due)
            .order_by(notice.c.due_ms, notice.c.id)
            .limit(_EACH)
            .with_for_update(skip_locked=True)
        ).all()
        taken += [Waiting(r.id, system, r.kind, bytes(r.payload), r.attempts + 1, url) for r in rows]
    if taken:
        connection.execute(
            update(notice)
            .where(notice.c.id.in_([one.id for one in taken]))
            .values(due_ms=now_ms + LEASE_MS, attempts=notice.c.attempts + 1)
        )
    return taken


def delivered(connection: Connection, sent: Waiting, status: int, now_ms: int) -> None:
    """Write down that a notice was taken by its receiver."""
    _set(connection, sent, {"state": "delivered", "status": status, "ended_at": now_ms // 1000})
    connection.execute(update(webhook).where(webhook.c.system == sent.system).values(failures=0, rest_until_ms=0))


def failed(connection: Connection, sent: Waiting, status: int, now_ms: int) -> None:
    """Write down that a notice was not taken, and when it is tried again; its address rests meanwhile.
    `status` is 0 when there was no answer."""
    if sent.attempts > len(PAUSES_S):
        _set(connection, sent, {"state": "given-up", "status": status, "ended_at": now_ms // 1000})
    else:
        pause_ms = PAUSES_S[sent.attempts - 1] * 1000
        # Spread out, so that what failed together does not come together again.
        _set(connection, sent, {"status": status, "due_ms": now_ms + pause_ms + random.randrange(pause_ms // 5)})
    failures = connection.execute(
        select(webhook.c.failures).where(webhook.c.system == sent.system)
    ).scalar_one_or_none()
    if failures is not None:
        rest_ms = min(2**failures, REST_MOST_S) * 1000
        connection.execute(
            update(webhook)
            .where(webhook.c.system == sent.system)
            .values(failures=min(failures + 1, 16), rest_until_ms=now_ms + rest_ms)
        )


def again(connection: Connection, system: str, id: str, now_ms: int) -> bool:
    """Deliver a notice of `system` once more, from its first attempt, and at once; whether there is one."""
    changed = connection.execute(
        update(notice)
        .where(notice.c.id == id, notice.c.system == system)
        .values(state="waiting", attempts=0, due_ms=now_ms, ended_at=0)
    )
    connection.execute(update(webhook).where(webhook.c.system == system).values(rest_until_ms=0))
    return changed.rowcount == 1


def find(connection: Connection, ids: Sequence[str]) -> dict[str, Notice]:
    """Notices by id, those that are kept."""
    return {one.id: one for one in _read(connection, notice.c.id.in_(ids))}


def of_system(connection: Connection, system: str, *, after: str = "", limit: int = 50) -> list[Notice]:
    """Notices of one system in the order they were written, from behind `after`."""
    behind = notice.c.id > after if after else true()
    return _read(connection, notice.c.system == system, behind, limit=limit)


def _read(connection: Connection, *where: ColumnElement[bool], limit: int | None = None) -> list[Notice]:
    columns = [notice.c[name] for name in Notice.__struct_fields__]
    rows = connection.execute(select(*columns).where(*where).order_by(notice.c.id).limit(limit))
    return [Notice(r.id, r.system, r.kind, bytes(r.payload), *r[4:]) for r in rows]


def _set(connection: Connection, sent: Waiting, values: dict[str, object]) -> None:
    """Only while nobody else has tried since: a redelivery on demand must not be undone by an older attempt."""
    connection.execute(
        update(notice).where(notice.c.id == sent.id, notice.c.attempts == sent.attempts).values(values)
    )
