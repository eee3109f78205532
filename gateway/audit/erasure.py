# SPDX-License-Identifier: Apache-2.0
"""Forgetting what entries committed to, while every proof still holds: data keys and payloads go, leaves stay.

An erasure is written down before its entry is appended and carried out after it, each step repeatable, so that a
crash leaves nothing half done (`pending`). What stands under a legal hold is not erased. Each function takes the
caller's write transaction (`gateway.db.write`), which holds the lock that orders all writers of the log.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select, update

from gateway.audit import retention
from gateway.audit.sealing import SHORT, SealKey
from gateway.audit.tables import data_key, erasure, head, legal_hold, payload, shard, subject_entry

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
    theirs = [subject_entry.c.subject == _short(subject)]
    if organisation:
        theirs.append(subject_entry.c.organisation == organisation)
    keys_ = connection.execute(select(func.count()).select_from(_keys_of(subject, organisation).subquery()))
    entries = connection.execute(select(func.count()).select_from(subject_entry).where(*theirs))
    return keys_.scalar_one(), entries.scalar_one()


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
    _forget(connection, connection.execute(_keys_of(decided.subject, decided.organisation)).all())
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
    wanted = _KEYS.where(data_key.c.retention == period, ~select(legal_hold.c.id).where(holds).exists())
    return _forget(connection, connection.execute(wanted.limit(most)).all())


def places(connection: Connection, year: int) -> range:
    """The places of the entries of one year's shard."""
    columns = (shard.c.start, shard.c.size)
    row = connection.execute(select(*columns).where(shard.c.year == year)).first()
    row = row or connection.execute(select(head.c.start, head.c.size).where(head.c.year == year)).first()
    return range(row.start, row.start + row.size) if row else range(0)


def sweep_staff(connection: Connection, among: range) -> int:
    """Delete what was sealed about staff under keys that are gone, among these places; gives how many."""
    gone = ~select(data_key.c.id).where(data_key.c.id == payload.c.actor_key).exists()
    wanted = (payload.c.idx >= among.start, payload.c.idx < among.stop, payload.c.actor_key.is_not(None), gone)
    return connection.execute(update(payload).where(*wanted).values(actor_key=None, actor=None)).rowcount


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
    here = {row.id: row for row in connection.execute(_KEYS)}
    back = 0
    for row in rows:
        if here.pop(row.id, None) is not None:
            connection.execute(update(data_key).where(data_key.c.id == row.id).values(wrapped=row.wrapped))
            back += 1
    return back, _forget(connection, here.values())


_KEYS = select(data_key.c.id, data_key.c.subject, data_key.c.organisation, data_key.c.retention)


def _forget(connection: Connection, gone: Iterable[Any]) -> int:
    """Delete data keys (rows of _KEYS), what they sealed about citizens and where that is found; and let every
    gateway drop the keys it holds in memory."""
    number = 0
    for key in gone:
        name, _, year = key.retention.partition(":")
        theirs = (
            subject_entry.c.subject == _short(key.subject),
            subject_entry.c.organisation == key.organisation,
            subject_entry.c.type.in_(retention.types(name)),
            subject_entry.c.at_ms.between(*retention.bounds(int(year))),
        )
        for some in _some(connection.execute(select(subject_entry.c.idx).where(*theirs)).scalars().all()):
            sealed = update(payload).where(payload.c.idx.in_(some))
            connection.execute(sealed.values(subject_key=None, subject=None))
        connection.execute(delete(subject_entry).where(*theirs))
        connection.execute(delete(data_key).where(data_key.c.id == key.id))
        number += 1
    if number:
        connection.execute(update(head).values(erasures=head.c.erasures + 1))
    return number


def _keys_of(subject: str, organisation: str) -> Select[tuple[str, str, str, str]]:
    theirs = _KEYS.where(data_key.c.subject == subject, ~data_key.c.retention.startswith(retention.PROOF + ":"))
    return theirs.where(data_key.c.organisation == organisation) if organisation else theirs


def _short(subject: str) -> bytes:
    return bytes.fromhex(subject)[:SHORT]


def _some(places: Sequence[int]) -> Iterator[Sequence[int]]:
    return (places[at : at + MANY] for at in range(0, len(places), MANY))
