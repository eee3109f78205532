# SPDX-License-Identifier: Apache-2.0
"""Notices to recipients that a sharing must stop: whom the ledger's event concerns, what they answered, who is
late.

One notice for each event and recipient. It is written in the transaction of its event, and found afterwards if it
could not be (`missing`), so that a withdrawal never waits for it. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, and_, insert, or_, select, update

from consent.chain import event_of
from consent.model import Event, Recorded
from consent.tables import consent_event, consent_notice

DAY_S = 86_400

ANSWER_S = DAY_S
"""Seconds a recipient has to acknowledge before it is chased."""

ERASE_S = 30 * DAY_S
"""Seconds it has to erase what it got and say so: one month, as UK GDPR Article 12(3) gives for a request."""

CHASE_S = DAY_S
"""Seconds between one reminder and the next."""

STOPPING = frozenset({"withdrawn", "revoked", "invalidated", "superseded", "objection-upheld"})
"""Kinds of event that a recipient must act upon."""


class Notice(Struct, frozen=True, kw_only=True):
    """One notice; times in seconds since 1970. `acknowledged_at`, `erased_at`, `chased_at`: None until then."""

    id: str
    person: str
    event: str
    seq: int
    organisation: str
    agreement: str
    at: int
    answer_by: int
    erase_by: int
    acknowledged_at: int | None = None
    erased_at: int | None = None
    chased_at: int | None = None
    chased: int = 0

    def late(self, now: int) -> tuple[str, ...]:
        """What is late at `now`: `acknowledgement`, `erasure`. Whoever has erased has understood."""
        unanswered = self.acknowledged_at is None and self.erased_at is None and now >= self.answer_by
        kept = self.erased_at is None and now >= self.erase_by
        return ("acknowledgement",) * unanswered + ("erasure",) * kept


def make(connection: Connection, event: Event, recorded: Recorded, now: int) -> Notice | None:
    """The notice of an event to its recipient; None for an event that stops nothing, or that has its notice."""
    if event.kind.value not in STOPPING or not event.organisation:
        return None
    of_event = select(consent_notice.c.id).where(consent_notice.c.event == event.id)
    if connection.execute(of_event).first() is not None:
        return None
    notice = Notice(
        id=str(uuid_utils.uuid7()),
        person=event.person,
        event=event.id,
        seq=recorded.seq,
        organisation=event.organisation,
        agreement=event.agreement,
        at=now,
        answer_by=now + ANSWER_S,
        erase_by=now + ERASE_S,
    )
    columns = {name: getattr(notice, name) for name in notice.__struct_fields__}
    connection.execute(insert(consent_notice), columns)
    return notice


def find(connection: Connection, id: str, organisation: str) -> Notice | None:
    """One notice, if it is that organisation's."""
    found = _read(connection, consent_notice.c.id == id, consent_notice.c.organisation == organisation)
    return found[0] if found else None


def of_event(connection: Connection, event: str) -> list[Notice]:
    """The notices of one event."""
    return _read(connection, consent_notice.c.event == event)


def to(connection: Connection, organisation: str, *, after: str = "", limit: int = 100) -> list[Notice]:
    """The notices to one organisation that it has not answered in full, oldest first, from the id `after` on."""
    mine = (consent_notice.c.organisation == organisation, consent_notice.c.id > after)
    return _read(connection, *mine, consent_notice.c.erased_at.is_(None))[:limit]


def acknowledge(connection: Connection, notice: Notice, now: int) -> Notice:
    """The recipient has stopped. A second time changes nothing."""
    return _answer(connection, notice, acknowledged_at=notice.acknowledged_at or now)


def confirm_erasure(connection: Connection, notice: Notice, now: int) -> Notice:
    """The recipient has erased what it got, or got nothing. Acknowledges too; a second time changes nothing."""
    acknowledged = notice.acknowledged_at or now
    return _answer(connection, notice, acknowledged_at=acknowledged, erased_at=notice.erased_at or now)


def due(connection: Connection, now: int, limit: int = 200) -> list[Notice]:
    """Those who are late and were not reminded within CHASE_S."""
    unanswered = and_(consent_notice.c.acknowledged_at.is_(None), consent_notice.c.answer_by <= now)
    kept = consent_notice.c.erase_by <= now
    rested = or_(consent_notice.c.chased_at.is_(None), consent_notice.c.chased_at <= now - CHASE_S)
    return _read(connection, consent_notice.c.erased_at.is_(None), or_(unanswered, kept), rested)[:limit]


def chase(connection: Connection, notice: Notice, now: int) -> Notice:
    """Note that the recipient is being reminded."""
    return _answer(connection, notice, chased_at=now, chased=notice.chased + 1)


def missing(connection: Connection, limit: int = 200) -> list[tuple[Event, Recorded]]:
    """Events that stop something and have no notice yet."""
    rows = connection.execute(
        select(consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
        .outerjoin(consent_notice, consent_notice.c.event == consent_event.c.id)
        .where(consent_event.c.kind.in_(sorted(STOPPING)), consent_notice.c.id.is_(None))
        .where(consent_event.c.organisation != "")
        .limit(limit)
    )
    return [(event_of(bytes(row.link)), Recorded(row.seq, bytes(row.hash).hex())) for row in rows]


def _answer(connection: Connection, notice: Notice, **values: Any) -> Notice:
    connection.execute(update(consent_notice).where(consent_notice.c.id == notice.id).values(**values))
    return _read(connection, consent_notice.c.id == notice.id)[0]


def _read(connection: Connection, *where: Any) -> list[Notice]:
    wanted: Sequence[Any] = [consent_notice.c[name] for name in Notice.__struct_fields__]
    rows = connection.execute(select(*wanted).where(*where).order_by(consent_notice.c.id))
    return [Notice(**row._asdict()) for row in rows]
