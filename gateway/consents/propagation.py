# SPDX-License-Identifier: Apache-2.0
"""How a stop reaches those who have received: a signed notice to the recipient, its answers, reminders, and the
stop receipt of the citizen.

The notice is written in the transaction of the event that stops the sharing, inside a savepoint: if it cannot be
written, the stop stands all the same, and the notice is written afterwards (`catch_up`). Nothing here is on the way
of a release: what stops the next release is the event itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from joserfc.jwk import ECKey
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from consent import notices
from consent.chain import event_of
from consent.model import Event, Recorded
from consent.notices import Notice
from consent.receipts import Party, Told, instant
from consent.tables import consent_event
from gateway import db
from gateway.consents.receipts import sign
from gateway.errors import NotFound
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import system
from gateway.notices import outbox
from gateway.policy.vocabulary import Vocabulary

log = logging.getLogger("commons.consents")

MEDIA_TYPE = "consent-notice+jwt"
"""`typ` of the signed notice (RFC 8725 §3.11)."""

KIND = "consent.stopped"
"""Kind of the webhook that carries it; a reminder is the same notice again."""


class Propagation:
    """Tells recipients, takes their answers, reminds them. Reads and writes the database: call it from a thread."""

    def __init__(
        self,
        engine: Engine,
        key: ECKey,
        keys: PersonKeys,
        vocabulary: Callable[[], Vocabulary],
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._key = key
        self._keys = keys
        self._vocabulary = vocabulary
        self._url = public_url
        self._clock = clock

    def tell(self, connection: Connection, event: Event, recorded: Recorded) -> None:
        """Write the notice of an event, where it stops something, in the transaction that records it. Never raises
        for what is wrong with the notice."""
        try:
            with connection.begin_nested():
                self._tell(connection, event, recorded)
        except SQLAlchemyError as error:
            log.error("a notice could not be written with its event, and will be later: %s", type(error).__name__)

    def catch_up(self) -> int:
        """Write the notices that could not be written with their events; gives how many."""
        with db.read(self._engine) as connection:
            missing = notices.missing(connection)
        for event, recorded in missing:
            with db.write(self._engine) as connection:
                self._tell(connection, event, recorded)
        return len(missing)

    def chase(self) -> int:
        """Remind those who are late; gives how many."""
        now = int(self._clock())
        with db.read(self._engine) as connection:
            late = notices.due(connection, now)
        for notice in late:
            with db.write(self._engine) as connection:
                event, recorded = _event(connection, notice.event)
                self._send(connection, notices.chase(connection, notice, now), event, recorded)
        return len(late)

    def open_to(self, organisation: str, after: str) -> list[dict[str, Any]]:
        """The notices that an organisation has still to answer, as it may read them, oldest first."""
        with db.read(self._engine) as connection:
            found = notices.to(connection, organisation, after=after)
            return [self._shown(notice, *_event(connection, notice.event)) for notice in found]

    def one(self, organisation: str, id: str) -> dict[str, Any]:
        """One notice. Raises NotFound, also for another organisation's."""
        with db.read(self._engine) as connection:
            notice = _theirs(connection, organisation, id)
            return self._shown(notice, *_event(connection, notice.event))

    def acknowledge(self, organisation: str, id: str) -> tuple[Notice, bool]:
        """The recipient says that it has stopped; gives the notice, and whether that is news. Raises NotFound."""
        with db.write(self._engine) as connection:
            notice = _theirs(connection, organisation, id)
            return notices.acknowledge(connection, notice, int(self._clock())), notice.acknowledged_at is None

    def confirm_erasure(self, organisation: str, id: str) -> tuple[Notice, bool]:
        """The recipient says that it has erased what it got; as `acknowledge`."""
        with db.write(self._engine) as connection:
            notice = _theirs(connection, organisation, id)
            return notices.confirm_erasure(connection, notice, int(self._clock())), notice.erased_at is None

    def told(self, event: str) -> list[Told]:
        """Who was told of an event, and what they answered."""
        now = int(self._clock())
        with db.read(self._engine) as connection:
            found = notices.of_event(connection, event)
        return [self._told(notice, now) for notice in found]

    def _tell(self, connection: Connection, event: Event, recorded: Recorded) -> None:
        notice = notices.make(connection, event, recorded, int(self._clock()))
        if notice is not None:
            self._send(connection, notice, event, recorded)

    def _send(self, connection: Connection, notice: Notice, event: Event, recorded: Recorded) -> None:
        payload = self._shown(notice, event, recorded)
        of_recipient = select(system.c.id).where(system.c.organisation == notice.organisation, system.c.active)
        for row in connection.execute(of_recipient).all():
            outbox.enqueue(connection, row.id, KIND, payload, now=int(self._clock()))

    def _shown(self, notice: Notice, event: Event, recorded: Recorded) -> dict[str, Any]:
        """The notice as its recipient reads it, plain and signed."""
        here = f"{self._url}/v1/consent-notices/{notice.id}"
        shown = {
            "id": notice.id,
            "kind": f"consent.{event.kind.value}",
            "subject": self._keys.handle(notice.organisation, notice.person),
            "agreement": notice.agreement,
            "purpose": event.purpose,
            "categories": list(event.provision.categories),
            "fields": list(event.provision.fields),
            "sources": list(event.provision.sources),
            "effective_seq": recorded.seq,
            "effective_at": instant(event.at),
            "told_at": instant(notice.at),
            "answer_by": instant(notice.answer_by),
            "erase_by": instant(notice.erase_by),
            "reminder": notice.chased,
            "acknowledge": f"{here}/acknowledgement",
            "confirm_erasure": f"{here}/erasure",
        }
        claims = {"iss": self._url, "aud": notice.organisation, "jti": notice.id, "iat": notice.at, "notice": shown}
        return shown | {"jws": sign(claims, self._key, MEDIA_TYPE)}

    def _told(self, notice: Notice, now: int) -> Told:
        agreement = self._vocabulary().agreements.get(notice.agreement)
        names = {party.organisation: party.name for party in agreement.parties} if agreement else {}
        contact = agreement.contact if agreement else ""
        return Told(
            recipient=Party(notice.organisation, names.get(notice.organisation, notice.organisation), contact),
            notice=notice.id,
            told_at=notice.at,
            answer_by=notice.answer_by,
            erase_by=notice.erase_by,
            acknowledged_at=notice.acknowledged_at or 0,
            erased_at=notice.erased_at or 0,
            late=notice.late(now),
            chased=notice.chased,
        )


def _theirs(connection: Connection, organisation: str, id: str) -> Notice:
    notice = notices.find(connection, id, organisation)
    if notice is None:
        raise NotFound
    return notice


def _event(connection: Connection, id: str) -> tuple[Event, Recorded]:
    columns = (consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
    row = connection.execute(select(*columns).where(consent_event.c.id == id)).one()
    return event_of(bytes(row.link)), Recorded(row.seq, bytes(row.hash).hex())
