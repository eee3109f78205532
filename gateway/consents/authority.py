# SPDX-License-Identifier: Apache-2.0
"""Who may decide for whom, joined to the register and the log: asked at each recording, changed by staff.

Ending an authority and taking away what rested on it is one transaction under the person's lock, so that no
decision can slip in between under an authority that is being ended.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable

import uuid_utils
from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from consent import authorities, deciding, ledger
from consent.authority import (
    BEST_INTEREST_REVIEW_S,
    EVIDENCE,
    NEVER_HELD,
    Assessment,
    Authority,
    Matter,
    Restriction,
    chain_of,
    impossible,
    next_review,
    review_instants,
    unbounded,
)
from consent.concealment import Concealment, about_event, visible
from consent.deciding import REASONS, Allowed, NotAllowed, Subject
from consent.model import Event, Provision, Recorded
from consent.words import By, Channel, Kind
from gateway import db
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.consents.errors import DecisionNotYours
from gateway.consents.recording import Also, entry
from gateway.errors import FieldFault, Invalid, NotFound
from gateway.identity.circumstances import status
from gateway.identity.sealing import PersonKeys
from gateway.policy.vocabulary import Vocabulary


class Authorities:
    """Authority over one ledger. `told` is called for every event that ends something, in its transaction; `law`
    has the codes that an authority may be limited to. Methods that take a connection are for the caller's
    transaction; the others are for the event loop."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        keys: PersonKeys,
        told: Also | None = None,
        clock: Callable[[], float] = time.time,
        law: Callable[[], Vocabulary] | None = None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._keys = keys
        self._told = told
        self._clock = clock
        self._law = law

    # -- asked --------------------------------------------------------------------------------------------

    def subject(self, connection: Connection, person: str) -> Subject:
        """What is known of a person for deciding who may decide."""
        band, deceased = status(connection, self._keys, person, self._now())
        return authorities.subject(connection, person, age_band=band, deceased=deceased)

    def may_decide(
        self, connection: Connection, person: str, actor: str, kind: Kind, organisation: str, matter: Matter
    ) -> Allowed | NotAllowed:
        """Whether `actor` may decide this for `person` now. For an answer that holds until something is recorded,
        call it after `ledger.hold` in the same transaction."""
        history = [
            event
            for event in valid(ledger.history(connection, person))
            if event.kind is Kind.ERASED or (event.organisation, event.purpose) == (organisation, matter.purpose)
        ]
        subject = self.subject(connection, person)
        return deciding.may_decide(subject, actor, kind, matter, history, self._now())

    def hidden(self, connection: Connection, person: str) -> list[Concealment]:
        """What is kept from those who act for a person."""
        return authorities.concealments(connection, person)

    def seen_by(self, connection: Connection, person: str, viewer: str) -> list[Event]:
        """The person's events that `viewer` may see; to somebody who acts for them without what is kept from such
        people, so that not even its number shows."""
        events = ledger.history(connection, person)
        if viewer == person:
            return events
        hidden = self.hidden(connection, person)
        return visible(events, about_event, self.subject(connection, person), hidden, viewer, self._now())

    # -- changed ------------------------------------------------------------------------------------------

    async def grant(self, authority: Authority, *, actor: str, born: datetime.date | None = None) -> Authority:
        """Record an authority that staff have seen evidence of; gives it with its id. `born`: the child's date of
        birth, for parental responsibility; only the instants at which it must be reviewed are kept. Raises
        Invalid."""
        made = self._complete(authority, born)
        event, recorded = await asyncio.to_thread(self._grant, made, actor)
        await self._log.append(entry(event, recorded.hash))
        return made

    async def end(self, id: str, reason: str, *, actor: str) -> list[Event]:
        """End an authority, and every consent that rests on it; gives the events that did. Raises NotFound."""
        events = await asyncio.to_thread(self._end, id, reason, actor)
        for event, recorded in events:
            await self._log.append(entry(event, recorded.hash))
        return [event for event, _ in events if event.kind is not Kind.AUTHORITY_ENDED]

    async def review(self, id: str, *, actor: str, goes_on: bool) -> Authority:
        """Write down that somebody looked at an authority: it goes on until the child's next review, or it rests.
        Raises NotFound."""
        changed = await asyncio.to_thread(self._review, id, goes_on)
        detail = {"authority": id, "outcome": "goes-on" if goes_on else "rests"}
        made = self._entry("authority.reviewed", str(uuid_utils.uuid7()), changed.person, actor, detail)
        await self._log.append(made)
        return changed

    async def establish(
        self, id: str, authority: Authority, *, actor: str, born: datetime.date | None = None
    ) -> Authority:
        """Put an authority whose ground staff have established in the place of one whose ground was not known; the
        person and the holder are taken from that one. Raises NotFound, Invalid."""
        with db.read(self._engine) as connection:
            unknown = _existing(connection, id)
        if unknown.by is not By.UNKNOWN or unknown.ended or authority.by is By.UNKNOWN:
            raise Invalid(errors=[FieldFault("/id", "ground-known", "one whose ground is not known yet")])
        wanted = replace(authority, person=unknown.person, holder=unknown.holder)
        made = await self.grant(wanted, actor=actor, born=born)
        await self.end(id, "ground-established", actor=actor)
        return made

    async def assess(self, assessment: Assessment) -> None:
        """Record whether somebody was found able to decide. Raises Invalid."""
        if assessment.kind not in ("gillick", "capacity"):
            raise Invalid(errors=[FieldFault("/kind", "unknown-code", "gillick or capacity")])
        await asyncio.to_thread(self._write, lambda connection: authorities.assess(connection, assessment))
        detail = {"kind": assessment.kind, "able": str(assessment.able).lower()}
        made = self._entry("capacity.assessed", assessment.id, assessment.person, assessment.assessor, detail)
        await self._log.append(made)

    async def restrict(self, id: str, restriction: Restriction, *, actor: str) -> Authority:
        """Write down what a court took away from whoever holds an authority, or, with an end that is past, that the
        order no longer stands. Raises NotFound, Invalid for a category that is not there."""
        self._require_codes(restriction.categories, ())
        changed = await asyncio.to_thread(self._restrict, id, restriction)
        detail = {"authority": id, "order": restriction.order}
        made = self._entry("authority.restricted", str(uuid_utils.uuid7()), changed.person, actor, detail)
        await self._log.append(made)
        return changed

    async def reveal(self, id: str, *, actor: str) -> None:
        """End a concealment: from now on those who act for the person see it again. Raises NotFound."""
        ended = await asyncio.to_thread(self._reveal, id)
        await self._log.append(
            self._entry("consent.revealed", str(uuid_utils.uuid7()), ended.person, actor, {"concealment": id})
        )

    async def conceal(self, concealment: Concealment) -> None:
        """Keep something from those who act for a person."""
        await asyncio.to_thread(self._write, lambda connection: authorities.conceal(connection, concealment))
        made = self._entry("consent.concealed", concealment.id, concealment.person, concealment.set_by, {})
        await self._log.append(made)

    # -- inside -------------------------------------------------------------------------------------------

    def _require_codes(self, categories: tuple[str, ...], purposes: tuple[str, ...]) -> None:
        if self._law is None:
            return
        law = self._law()
        known = (("categories", categories, law.categories), ("purposes", purposes, law.purposes))
        faults = [
            FieldFault(f"/{member}/{n}", "unknown-code", ", ".join(there))
            for member, codes, there in known
            for n, code in enumerate(codes)
            if code not in there
        ]
        if faults:
            raise Invalid(errors=faults)

    def _restrict(self, id: str, restriction: Restriction) -> Authority:
        with db.write(self._engine) as connection:
            held = _existing(connection, id)
            ledger.hold(connection, held.person)
            return authorities.restrict(connection, id, restriction, now=self._now())

    def _reveal(self, id: str) -> Concealment:
        with db.write(self._engine) as connection:
            ended = authorities.reveal(connection, id, now=self._now())
        if ended is None:
            raise NotFound("Nothing is hidden under that id.")
        return ended

    def _complete(self, authority: Authority, born: datetime.date | None) -> Authority:
        self._require_codes(authority.categories, authority.purposes)
        if authority.evidence.type not in EVIDENCE.get(authority.by, ()):
            expected = ", ".join(EVIDENCE.get(authority.by, ()))
            raise Invalid(errors=[FieldFault("/evidence/type", "unknown-code", expected)])
        if lacking := unbounded(authority, self._now()):
            raise Invalid(errors=[FieldFault(f"/{member}", "missing", expected) for member, expected in lacking])
        made = replace(authority, id=str(uuid_utils.uuid7()))
        if authority.by is By.BEST_INTEREST:
            return replace(made, reviewed_to=self._next_look(made))
        if authority.by is not By.PARENT:
            return made
        if born is None:
            raise Invalid(errors=[FieldFault("/born", "missing", "the child's date of birth")])
        reviews = review_instants(born)
        if self._now() >= reviews[-1]:
            raise Invalid(errors=[FieldFault("/born", "of-age", "a child: parental responsibility ends at 18")])
        return replace(made, reviews=reviews, reviewed_to=next_review(reviews, self._now()))

    def _grant(self, made: Authority, actor: str) -> tuple[Event, Recorded]:
        with db.write(self._engine) as connection:
            ledger.hold(connection, made.person)
            subject = self.subject(connection, made.person)
            if wrong := impossible(made, subject.age_band):
                raise Invalid(errors=[FieldFault(f"/{member}", code, expected) for member, code, expected in wrong])
            held = subject.authorities
            matters = [Matter(purpose, made.categories) for purpose in made.purposes]
            if made.by is By.BEST_INTEREST and not all(
                deciding.lacks_capacity(subject, one, self._now()) for one in matters
            ):
                expected = "an assessment in force that the person lacks capacity for all of this"
                raise Invalid(errors=[FieldFault("/by", "not-assessed", expected)])
            if chain_of(made, (*held, made)) is None:
                expected = "an authority that may be handed on, with a narrower scope and a smaller depth"
                raise Invalid(errors=[FieldFault("/derived_from", "handed-on-too-far", expected)])
            authorities.grant(connection, made, now=self._now())
            event = self._event(Kind.AUTHORITY_GRANTED, made, actor)
            return event, ledger.record(connection, event)

    def _end(self, id: str, reason: str, actor: str) -> list[tuple[Event, Recorded]]:
        with db.write(self._engine) as connection:
            before = _existing(connection, id)
            ledger.hold(connection, before.person)
            ended = authorities.end(connection, id, reason, now=self._now())
            held = authorities.subject(connection, before.person).authorities
            never = reason in NEVER_HELD
            live = _live(connection, before.person)
            history = valid(ledger.history(connection, before.person))
            fallen = [one for one in deciding.dependants(history, held, id) if never or one.id in live]
            events = [
                deciding.fall(one, reason, id=str(uuid_utils.uuid7()), actor=actor, now=self._now())
                for one in fallen
            ]
            if not before.ended:
                events.append(replace(self._event(Kind.AUTHORITY_ENDED, ended, actor), reason=reason))
            recorded = list(zip(events, ledger.record_all(connection, events), strict=True))
            if self._told is not None:
                for event, place in recorded:
                    self._told(connection, event, place)
            return recorded

    def _event(self, kind: Kind, authority: Authority, actor: str) -> Event:
        """The granting or the ending of an authority, on the chain of the person it is about; the granting has the
        authority's id."""
        granting = kind is Kind.AUTHORITY_GRANTED
        return Event(
            id=authority.id if granting else str(uuid_utils.uuid7()),
            kind=kind,
            person=authority.person,
            organisation="",
            purpose="",
            agreement="",
            provision=Provision(categories=authority.categories),
            at=self._now(),
            actor=actor,
            channel=Channel.IN_PERSON,
            expires_at=authority.until if granting else 0,
            target="" if granting else authority.id,
            by=authority.by if granting else By.SELF,
            authoriser=authority.holder if granting else "",
        )

    def _review(self, id: str, goes_on: bool) -> Authority:
        with db.write(self._engine) as connection:
            held = _existing(connection, id)
            ledger.hold(connection, held.person)
            if not goes_on:
                return authorities.suspend(connection, id, "pending-review", now=self._now())
            upto = next_review(held.reviews, self._now())
            if held.by is By.BEST_INTEREST:
                upto = self._next_look(held)
            return authorities.reviewed(connection, id, upto, now=self._now())

    def _next_look(self, authority: Authority) -> int:
        return min(authority.until, self._now() + BEST_INTEREST_REVIEW_S)

    def _write(self, work: Callable[[Connection], None]) -> None:
        with db.write(self._engine) as connection:
            work(connection)

    def _entry(self, type: str, id: str, person: str, actor: str, detail: dict[str, str]) -> Entry:
        return Entry(
            id=id,
            type=type,
            at_ms=int(self._clock() * 1000),
            org="",
            svc="consent",
            purpose="",
            decision="",
            policy="",
            subjects=1,
            groups={"actor": {"id": actor}, "subject": {"person": person}, "result": detail},
            subject_key=person,
        )

    def _now(self) -> int:
        return int(self._clock())


def not_yours(may: NotAllowed) -> DecisionNotYours:
    """The error for whoever may not decide, with the sentence that says why."""
    return DecisionNotYours(REASONS[may.reason], extensions={"reason": may.reason})


def valid(events: list[Event]) -> list[Event]:
    """Events without those that a later one declared invalid."""
    void = {event.target for event in events if event.kind is Kind.INVALIDATED}
    return [event for event in events if event.id not in void]


def _existing(connection: Connection, id: str) -> Authority:
    held = authorities.find(connection, id)
    if held is None:
        raise NotFound("There is no authority of that id.")
    return held


def _live(connection: Connection, person: str) -> frozenset[str]:
    """Ids of the events that still say something."""
    return frozenset(
        statement.event
        for by_category in ledger.projection(connection, person).values()
        for statements in by_category.values()
        for statement in statements
    )
