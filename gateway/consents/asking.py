# SPDX-License-Identifier: Apache-2.0
"""Requests for consent by agencies: asking, looking, taking back.

A request that reaches its person is an event on that person's chain, with the same id. One that does not (nobody
has that identifier, the person has died, or is to be left in peace) is written in the same table and in the log
and gets the same reply: it waits, and runs out. So an agency cannot ask who exists, or who has said no.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from consent import ledger, requests
from consent.deciding import NO
from consent.errors import TransitionRefused
from consent.model import Event, Recorded
from consent.requests import Asked, AskedLately, New, OpenAlready, Request
from consent.tables import consent_request
from consent.words import Kind
from gateway import db
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.tables import entry as log_entry
from gateway.consents.authority import Authorities, valid
from gateway.consents.errors import RateLimited, RequestOpen, RequestRefusedLately
from gateway.consents.recording import entry
from gateway.consents.requests import event as event_of
from gateway.consents.requests import moved
from gateway.errors import IdempotencyMismatch, NotFound
from gateway.identity.people import People
from gateway.identity.sealing import PersonKeys
from gateway.model import Caller, Identifier

HOUR_S = 3600


class Wanted(Struct, frozen=True):
    """A request as it came, already checked against the agreement. `key`, `digest`: see
    consent.requests.Request."""

    subject: Identifier
    verify: Mapping[str, str]
    service: str
    asked: Asked
    key: bytes
    digest: bytes


class Asking:
    """Requests of agencies over one ledger. Methods that are not coroutines read the database: call them from a
    thread."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        people: People,
        keys: PersonKeys,
        authorities: Authorities,
        *,
        per_hour: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._people = people
        self._keys = keys
        self._authorities = authorities
        self._per_hour = per_hour
        self._clock = clock

    async def ask(self, caller: Caller, wanted: Wanted) -> Request:
        """Ask a person. The same request again gives what it gave. Raises IdempotencyMismatch, RequestOpen,
        RequestRefusedLately, RateLimited."""
        person = await self._people.resolve(wanted.subject, wanted.verify, caller.organisation)
        subject = self._keys.stranger(self._keys.blind_index(wanted.subject))
        made, recorded, fresh = await asyncio.to_thread(
            self._ask, caller, wanted, subject, person.id, muted=not person.known
        )
        if fresh:
            await self._log.append(_made(made, recorded.hash if recorded else ""))
        return made

    def mine(self, caller: Caller, id: str) -> Request:
        """A request of the caller's organisation. Raises NotFound: not there, and another's, are the same."""
        with db.read(self._engine) as connection:
            return _mine(connection, caller, id)

    async def cancel(self, caller: Caller, id: str) -> Request:
        """Take a request back; one that was taken back already stays so. Raises NotFound, RequestClosed."""
        made, event = await asyncio.to_thread(self._cancel, caller, id)
        if event is not None:
            await self._log.append(entry(*event))
        return made

    async def log_missing(self) -> int:
        """Log every muted request that a crash kept out of the log (the others are events, and logged as such);
        gives how many."""
        query = (
            select(consent_request.c.id)
            .outerjoin(log_entry, log_entry.c.id == consent_request.c.id)
            .where(log_entry.c.id.is_(None), consent_request.c.muted)
        )
        with db.read(self._engine) as connection:
            missing = [requests.find(connection, id) for id in connection.execute(query).scalars().all()]
        for made in missing:
            if made is not None:
                await self._log.append(_made(made, ""))
        return len(missing)

    # -- inside, each in one transaction ------------------------------------------------------------------

    def _ask(
        self, caller: Caller, wanted: Wanted, subject: str, person: str, *, muted: bool
    ) -> tuple[Request, Recorded | None, bool]:
        now = self._now()
        try:
            with db.write(self._engine) as connection:
                before = requests.repeated(connection, caller.system, wanted.key)
                if before is not None:
                    return _same(before, wanted), None, False
                self._within_rate(connection, caller.organisation, now)
                earlier = requests.asked_as(connection, subject, caller.organisation)
                requests.close_expired(connection, earlier, now)
                may = requests.may_ask(earlier, wanted.asked, wanted.service, muted=muted, now=now)
                match may:
                    case OpenAlready(id=id):
                        # A first try of this same request may have been committed since it was looked for.
                        before = requests.repeated(connection, caller.system, wanted.key)
                        if before is not None:
                            return _same(before, wanted), None, False
                        raise RequestOpen(extensions={"request": f"cr_{id}"})
                    case AskedLately(until=until):
                        raise RequestRefusedLately(extensions={"not_before": until})
                    case New():
                        made = self._new(caller, wanted, subject, person, muted=muted, now=now)
                recorded = None if made.muted else self._reach(connection, made)
                if recorded is None:
                    made = requests.mute(made)
                requests.add(connection, made)
                return made, recorded, True
        except IntegrityError:  # somebody was first, at this moment
            with db.read(self._engine) as connection:
                before = requests.repeated(connection, caller.system, wanted.key)
            if before is None:
                raise RequestOpen from None
            return _same(before, wanted), None, False

    def _within_rate(self, connection: Connection, organisation: str, now: int) -> None:
        if requests.made_since(connection, organisation, now - HOUR_S) >= self._per_hour:
            raise RateLimited(f"At most {self._per_hour} requests for consent an hour.")

    def _new(self, caller: Caller, wanted: Wanted, subject: str, person: str, *, muted: bool, now: int) -> Request:
        return Request(
            id=str(uuid_utils.uuid7()),
            asked_as=subject,
            person=person,
            organisation=caller.organisation,
            system=caller.system,
            service=wanted.service,
            key=wanted.key,
            digest=wanted.digest,
            stored="requested",
            muted=muted,
            asked=wanted.asked,
            made_at=now,
            expires_at=now + requests.LIFETIME_S,
            changed_at=now,
        )

    def _reach(self, connection: Connection, made: Request) -> Recorded | None:
        """Put a request on the person's chain; None when it must not reach them."""
        ledger.hold(connection, made.person)
        if self._authorities.subject(connection, made.person).deceased or self._in_peace(connection, made):
            return None
        try:
            return ledger.record(connection, event_of(made, Kind.REQUESTED, made.system))
        except TransitionRefused:  # given already, or being asked in other words
            return None

    def _in_peace(self, connection: Connection, made: Request) -> bool:
        """Whether the person said no to any of this lately, in whatever way, or is being asked for it under another
        identifier of theirs."""
        earlier = requests.asked_of(connection, made.person, made.organisation)
        if not isinstance(requests.may_ask(earlier, made.asked, made.service, muted=False, now=made.made_at), New):
            return True
        wanted = set(made.asked.provision.categories)
        return any(
            made.made_at < event.at + requests.PEACE_S
            and (_no_to(event, made, wanted) or (event.kind is Kind.ERASED and event.parties))
            for event in valid(ledger.history(connection, made.person))
        )

    def _cancel(self, caller: Caller, id: str) -> tuple[Request, tuple[Event, str] | None]:
        now = self._now()
        with db.write(self._engine) as connection:
            made = _mine(connection, caller, id)
            if made.stored == "cancelled":
                return made, None
            if not made.muted:
                ledger.hold(connection, made.person)
                made = _mine(connection, caller, id)
            cancelled = moved(connection, made, "cancelled", now)
            if made.muted:
                return cancelled, None
            event = event_of(made, Kind.INVALIDATED, caller.system, now, target=made.id, reason="request-cancelled")
            return cancelled, (event, ledger.record(connection, event).hash)

    def _now(self) -> int:
        return int(self._clock())


def _no_to(event: Event, made: Request, categories: set[str]) -> bool:
    """Whether an event is a no to any of what a request asks."""
    return (
        event.kind in NO
        and (event.organisation, event.purpose) == (made.organisation, made.asked.purpose)
        and not categories.isdisjoint(event.provision.categories)
    )


def _mine(connection: Connection, caller: Caller, id: str) -> Request:
    made = requests.find(connection, id)
    if made is None or made.organisation != caller.organisation:
        raise NotFound
    return made


def _same(before: Request, wanted: Wanted) -> Request:
    if before.digest != wanted.digest:
        raise IdempotencyMismatch
    return before


def _made(made: Request, hash_: str) -> Entry:
    """The log entry of a request; the same members whether it reached anybody or not."""
    return entry(event_of(made, Kind.REQUESTED, made.system), hash_)
