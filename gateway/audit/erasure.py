# SPDX-License-Identifier: Apache-2.0
"""Forgetting what entries committed to, while every proof still holds: data keys and payloads go, leaves stay.

An erasure is written down before its entry is appended and carried out after it, each step repeatable, so that a
crash leaves nothing half done (`pending`). What stands under a legal hold is not erased. Each function takes the
caller's write transaction (`gateway.db.write`), which holds the lock that orders all writers of the log.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select, update

from gateway.audit import retention
from gateway.audit.sealing import SealKey
from gateway.audit.tables import data_key, erasure, head, legal_hold, payload

MANY = 500
"""Rows a statement: few statements, and far from any store's limit of parameters."""


class Told(Struct, frozen=True):
    """What the entry says of an erasure: why, by whose authority (a reference, such as a request's number), and the
    opaque ids of the officer who asked and of the other one who approved. Never of whom."""

    reason: str
    authority: str
    requested_by: str
    approved_by: str
    organisation: str
    keys: int
    entries: int


class Erasure(Struct, frozen=True):
    """One erasure that was decided: `subject` is the keyed digest of a person."""

    id: str
    subject: str
    organisation: str
    told: Told


class KeyRow(Struct, frozen=True):
    """A data key as it stands in a backup of the keys: still wrapped, so that the file alone opens nothing."""

    id: str
    subject: str
    organisation: str
    retention: str
    wrapped: bytes


def is_held(connection: Connection, subject: str, organisation: str = "") -> bool:
    """Whether a legal hold stands in the way of erasing what `organisation` (empty: anybody) saw of the subject."""
    meets = [legal_hold.c.subject == subject, legal_hold.c.lifted == 0]
    if organisation:
        meets.append(legal_hold.c.organisation.in_(["", organisation]))
    return connection.execute(select(func.count()).select_from(legal_hold).where(*meets)).scalar_one() > 0


def set_hold(connection: Connection, id: str, subject: str, organisation: str = "") -> None:
    """Let a legal hold stand from now on."""
    connection.execute(insert(legal_hold).values(id=id, subject=subject, organisation=organisation))


def lift_hold(connection: Connection, id: str) -> bool:
    """End a legal hold; False when there is none of that id that still stands."""
    wanted = (legal_hold.c.id == id, legal_hold.c.lifted == 0)
    return connection.execute(update(legal_hold).where(*wanted).values(lifted=int(time.time()))).rowcount == 1


def count(connection: Connection, subject: str, organisation: str = "") -> tuple[int, int]:
    """How many data keys and how many entries' payloads an erasure would take."""
    ids = [row.id for row in connection.execute(_keys_of(subject, organisation))]
    entries = sum(
        connection.execute(
            select(func.count()).select_from(payload).where(payload.c.subject_key.in_(some))
        ).scalar_one()
        for some in _some(ids)
    )
    return len(ids), entries


def decide(connection: Connection, decided: Erasure) -> None:
    """Write an erasure down, before its entry is appended."""
    connection.execute(
        insert(erasure).values(
            id=decided.id,
            subject=decided.subject,
            organisation=decided.organisation,
            told=msgspec.json.encode(decided.told).decode(),
        )
    )


def pending(connection: Connection) -> list[Erasure]:
    """What was decided and is not done."""
    rows = connection.execute(select(erasure).where(erasure.c.done == 0).order_by(erasure.c.id))
    return [
        Erasure(row.id, row.subject, row.organisation, msgspec.json.decode(row.told, type=Told)) for row in rows
    ]


def carry_out(connection: Connection, decided: Erasure) -> None:
    """Delete the keys and the payloads of an erasure whose entry is in the log. Doing it again changes nothing."""
    _forget(connection, [row.id for row in connection.execute(_keys_of(decided.subject, decided.organisation))])
    done = {"subject": "", "done": int(time.time())}
    connection.execute(update(erasure).where(erasure.c.id == decided.id).values(done))


def ended(connection: Connection, today: datetime.date) -> list[str]:
    """The retention periods that are over and still have keys. Raises ValueError for one that is not ours."""
    stored = connection.execute(select(data_key.c.retention).distinct()).scalars().all()
    return sorted(period for period in stored if retention.ended(period, today))


def end_period(connection: Connection, period: str, most: int) -> int:
    """Delete up to `most` keys of a period that is over, with what they sealed; gives how many. What a legal hold
    protects stays."""
    holds = and_(
        legal_hold.c.subject == data_key.c.subject,
        legal_hold.c.lifted == 0,
        or_(legal_hold.c.organisation == "", legal_hold.c.organisation == data_key.c.organisation),
    )
    wanted = select(data_key.c.id).where(
        data_key.c.retention == period, ~select(legal_hold.c.id).where(holds).exists()
    )
    return _forget(connection, [row.id for row in connection.execute(wanted.limit(most))])


def rewrap(connection: Connection, seal_key: SealKey, after: str, most: int) -> tuple[str, int]:
    """Put up to `most` data keys with an id above `after` under the newest wrapping key; gives the last id looked
    at (empty: none are left) and how many were wrapped anew."""
    wanted = select(data_key.c.id, data_key.c.wrapped).where(data_key.c.id > after).order_by(data_key.c.id)
    last, moved = "", 0
    for row in connection.execute(wanted.limit(most)).all():
        last = row.id
        if not seal_key.is_newest(bytes(row.wrapped)):
            anew = seal_key.wrap(seal_key.raw(bytes(row.wrapped)))
            connection.execute(update(data_key).where(data_key.c.id == row.id).values(wrapped=anew))
            moved += 1
    return last, moved


def keys(connection: Connection) -> Iterator[KeyRow]:
    """Every data key, wrapped: what is backed up apart from the log, and not kept for long."""
    for row in connection.execution_options(yield_per=1000).execute(select(data_key).order_by(data_key.c.id)):
        yield KeyRow(row.id, row.subject, row.organisation, row.retention, bytes(row.wrapped))


def put_back(connection: Connection, rows: Iterator[KeyRow]) -> tuple[int, int]:
    """Make the keys of a restored database those of a newer backup of the keys: wrapped as there, and those absent
    there deleted, since they were erased. Gives how many were put back and how many forgotten."""
    here = set(connection.execute(select(data_key.c.id)).scalars())
    found: set[str] = set()
    for row in rows:
        found.add(row.id)
        if row.id in here:
            connection.execute(update(data_key).where(data_key.c.id == row.id).values(wrapped=row.wrapped))
    return len(here & found), _forget(connection, sorted(here - found))


def _forget(connection: Connection, ids: Sequence[str]) -> int:
    """Delete data keys and what they sealed, and let every gateway drop the keys it holds in memory."""
    for some in _some(ids):
        for key, sealed in (("actor_key", "actor"), ("subject_key", "subject")):
            theirs = payload.c[key].in_(some)
            connection.execute(update(payload).where(theirs).values({key: None, sealed: None}))
        connection.execute(delete(data_key).where(data_key.c.id.in_(some)))
    if ids:
        connection.execute(update(head).values(erasures=head.c.erasures + 1))
    return len(ids)


def _keys_of(subject: str, organisation: str) -> Select[tuple[str]]:
    theirs = [data_key.c.subject == subject]
    if organisation:
        theirs.append(data_key.c.organisation == organisation)
    return select(data_key.c.id).where(*theirs)


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + MANY] for at in range(0, len(ids), MANY))
