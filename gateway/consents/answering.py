# SPDX-License-Identifier: Apache-2.0
"""Requests for consent as the person sees them, or whoever acts for them: the inbox, the answer, the putting
off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import uuid_utils
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from consent import authorities, ledger, requests
from consent.authority import Matter
from consent.concealment import visible
from consent.conditions import Conditions
from consent.deciding import NotAllowed
from consent.errors import WiderThanAsked
from consent.model import Event, Provision, Recorded
from consent.requests import Answer, Request
from consent.shown import keep
from consent.words import Channel, Kind, State
from gateway import db
from gateway.audit.log import Log
from gateway.consents.authority import Authorities, not_yours
from gateway.consents.errors import RequestClosed
from gateway.consents.grounds import grounded
from gateway.consents.heard import Heard, require, written
from gateway.consents.recording import DAY_S, Also, entry
from gateway.consents.requests import event as event_of
from gateway.consents.requests import moved
from gateway.consents.wordings import Offered, notices, read, shown
from gateway.errors import NotFound, NoticeChanged
from gateway.notices import outbox
from gateway.policy.vocabulary import Vocabulary

ANSWERED = "consent-request.answered"
"""Kind of the notice that tells the asking system to look."""


class Reply(Struct, frozen=True):
    """What an answer consists of. `categories` none and `given` false is a no. `notice_hash`: SHA-256 (hexadecimal)
    of what was read, which says in which form; needed for a yes. `conditions`: what narrows a yes further."""

    given: bool
    provision: Provision | None = None
    days: int = 0
    notice_hash: str = ""
    conditions: Conditions | None = None

    def meant(self, asked: Provision) -> Provision:
        """What is answered, of what was asked."""
        provision = self.provision or asked
        return replace(provision, conditions=self.conditions or asked.conditions)


class Answering:
    """Answers over one ledger. `told` is called for each answer in its transaction, after the ledger has it.
    Methods that are not coroutines read the database: call them from a thread."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        authorities: Authorities,
        law: Callable[[], Vocabulary],
        *,
        told: Also | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._authorities = authorities
        self._law = law
        self._told = told
        self._clock = clock

    def inbox(self, person: str, viewer: str = "") -> list[Request]:
        """What a person is being asked, as `viewer` (opaque id; empty for the person) may see it: somebody who acts
        for them is shown neither what is kept from such people nor how much that is."""
        now = self._now()
        with db.read(self._engine) as connection:
            found = requests.inbox(connection, person, now)
            if viewer in ("", person):
                return found
            subject = self._authorities.subject(connection, person)
            hidden = self._authorities.hidden(connection, person)
        return visible(found, _about, subject, hidden, viewer, now)

    def words(self, made: Request) -> Offered:
        """What is to be read before a request is answered, in every form. Raises NotFound when its agreement is no
        longer there."""
        law, asked = self._law(), made.asked
        agreement = law.agreements.get(asked.agreement)
        if agreement is None:
            raise NotFound
        categories = asked.provision.categories
        return notices(law, agreement, categories, recipient=made.organisation, purpose=asked.purpose)

    def acts_for(self, holder: str, authority: str) -> str:
        """The person for whom `holder` acts by the authority of this id. Raises NotFound: no such authority, and
        another's, are the same."""
        with db.read(self._engine) as connection:
            held = authorities.find(connection, authority)
        if held is None or held.holder != holder:
            raise NotFound
        return held.person

    async def answer(
        self, person: str, id: str, reply: Reply, *, actor: str = "", heard: Heard | None = None
    ) -> tuple[Event, int]:
        """Answer a request: a no, or a yes to all of it or less. `actor`: who decides, if not the person; `heard`:
        how staff who wrote it down heard it. Gives the event and its place in the person's chain. Raises NotFound,
        RequestClosed, DecisionNotYours, Invalid and consent.errors.EventRefused; else as `recording.record`."""
        if heard is not None:
            require(heard)
        event, recorded = await asyncio.to_thread(self._answer, person, id, reply, actor or person, heard)
        await self._log.append(entry(event, recorded.hash))
        return event, recorded.seq

    async def defer(self, person: str, id: str, *, actor: str = "", channel: Channel = Channel.WEB) -> Request:
        """Put a request off: it stays open until it runs out. Raises as `answer`."""
        made, event = await asyncio.to_thread(self._defer, person, id, actor or person, channel)
        if event is not None:
            await self._log.append(entry(*event))
        return made

    # -- inside, each in one transaction ------------------------------------------------------------------

    def _answer(
        self, person: str, id: str, reply: Reply, actor: str, heard: Heard | None
    ) -> tuple[Event, Recorded]:
        now = self._now()
        with db.write(self._engine) as connection:
            ledger.hold(connection, person)
            made = _open(_theirs(connection, person, id), now)
            provision = reply.meant(made.asked.provision)
            if not requests.narrows(provision, made.asked.provision):
                raise WiderThanAsked
            kind = Kind.GIVEN if reply.given else Kind.REFUSED
            words = read(self.words(made), reply.notice_hash) if reply.given else None
            if reply.given and words is None:
                raise NoticeChanged
            matter = Matter(made.asked.purpose, provision.categories)
            may = self._authorities.may_decide(connection, person, actor, kind, made.organisation, matter)
            if isinstance(may, NotAllowed):
                raise not_yours(may)
            until = now + min(reply.days or made.asked.days, made.asked.days) * DAY_S
            until = min(until, may.until or until) if reply.given else 0
            event = Event(
                id=str(uuid_utils.uuid7()),
                kind=kind,
                person=person,
                organisation=made.organisation,
                purpose=made.asked.purpose,
                agreement=made.asked.agreement,
                provision=provision if reply.given else made.asked.provision,
                at=now,
                actor=actor,
                channel=Channel.WEB,
                expires_at=until,
                notice_hash=words.hash if words else "",
                language=words.language if words else "",
                predecessor=may.overrides[0] if reply.given and may.overrides else "",
                request=made.id,
                by=may.by,
                authoriser="" if actor == person else actor,
                authority=may.authority,
                parties=may.parties if reply.given else (),
            )
            event = self._grounded(written(event, heard))
            recorded = ledger.record(connection, event)
            if words is not None:
                keep(connection, shown(words, event))
            if self._waits(connection, event):
                return event, recorded
            answer = Answer(
                given=reply.given,
                event=event.id,
                at=now,
                provision=provision if reply.given else None,
                expires_at=until,
            )
            moved(connection, made, "answered", now, answer)
            outbox.enqueue(connection, made.system, ANSWERED, {"request": f"cr_{made.id}"}, now=now)
            if self._told is not None:
                self._told(connection, event, recorded)
            return event, recorded

    def _grounded(self, event: Event) -> Event:
        """The event with its grounds; without an agreement no yes comes this far."""
        agreement = self._law().agreements.get(event.agreement)
        return event if agreement is None else grounded(event, agreement)

    def _waits(self, connection: Connection, event: Event) -> bool:
        """Whether others must still agree, so that the request stays open."""
        held = ledger.standing(connection, event.person, event.organisation, event.purpose)
        return any(
            one.event == event.id and one.state is State.AWAITING
            for some in held.by_category.values()
            for one in some
        )

    def _defer(
        self, person: str, id: str, actor: str, channel: Channel
    ) -> tuple[Request, tuple[Event, str] | None]:
        now = self._now()
        with db.write(self._engine) as connection:
            ledger.hold(connection, person)
            made = _theirs(connection, person, id)
            if _open(made, now).stored == "deferred":
                return made, None
            matter = Matter(made.asked.purpose, made.asked.provision.categories)
            may = self._authorities.may_decide(connection, person, actor, Kind.DEFERRED, made.organisation, matter)
            if isinstance(may, NotAllowed):
                raise not_yours(may)
            event = event_of(made, Kind.DEFERRED, actor, now, channel=channel, request=made.id)
            recorded = ledger.record(connection, event)
            return moved(connection, made, "deferred", now), (event, recorded.hash)

    def _now(self) -> int:
        return int(self._clock())


def _theirs(connection: Connection, person: str, id: str) -> Request:
    made = requests.find(connection, id)
    if made is None or made.person != person or made.muted:
        raise NotFound
    return made


def _open(made: Request, now: int) -> Request:
    if made.state(now) not in requests.OPEN:
        raise RequestClosed
    return made


def _about(made: Request) -> Matter:
    return Matter(made.asked.purpose, made.asked.provision.categories)
