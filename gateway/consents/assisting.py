# SPDX-License-Identifier: Apache-2.0
"""Decisions that staff write down for a citizen: on the phone, on paper, in person.

Whatever a citizen can do alone can be done with help, and withdrawing with help is no harder than agreeing with
help. What was decided is read back and confirmed first; paper and recordings are named by their SHA-256. The
member of staff is named by a token, in a role that the agreement allows, and stands in the log.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Literal

import uuid_utils
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from consent import ledger
from consent.authority import Matter
from consent.deciding import NotAllowed
from consent.model import Event, Provision, Recorded
from consent.shown import keep
from consent.words import PERMITTING, Channel, Kind
from gateway import db
from gateway.audit.log import Log
from gateway.consents.authority import Authorities, not_yours
from gateway.consents.errors import AssistanceNotAllowed
from gateway.consents.grounds import grounded
from gateway.consents.heard import Heard, written
from gateway.consents.heard import faults as missing
from gateway.consents.objecting import Objecting
from gateway.consents.recording import DAY_S, Also, entry
from gateway.consents.terms import in_force, purpose_of
from gateway.consents.wordings import Offered, Words, notices, read, shown
from gateway.errors import FieldFault, Invalid, NotFound
from gateway.identity.people import People
from gateway.model import Caller, Identifier
from gateway.policy.vocabulary import Agreement, Vocabulary

Verb = Literal["give", "renew", "refuse", "withdraw", "object", "opt-out", "opt-in"]

KINDS: dict[str, Kind] = {
    "give": Kind.GIVEN,
    "renew": Kind.RENEWED,
    "refuse": Kind.REFUSED,
    "withdraw": Kind.WITHDRAWN,
}

ON_WORDS = ("give", "renew")
"""What is decided on words that were read out."""


class Said(Struct, frozen=True, kw_only=True):
    """What a citizen said to staff. `subject`, `verify`: the citizen; one thing at least is verified. `decided_by`:
    who decided for them, if it was not they. `provision`: for objections its categories may be empty, which means
    all. `days`: how long a consent holds. `evidence`: SHA-256 (hexadecimal) of the paper or the recording.
    `notice_hash`: of the words that were read out, for a consent: it says in which form; `code`: of an opt-out."""

    verb: Verb
    subject: Identifier
    verify: Mapping[str, str]
    agreement: str
    channel: Channel
    read_back: bool
    purpose: str = ""
    provision: Provision = Provision(categories=())
    days: int = 180
    evidence: str = ""
    notice_hash: str = ""
    code: str = ""
    decided_by: Identifier | None = None


class Assisting:
    """What staff record, over one ledger."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        people: People,
        authorities: Authorities,
        objecting: Objecting,
        vocabulary: Callable[[], Vocabulary],
        *,
        told: Also | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._people = people
        self._authorities = authorities
        self._objecting = objecting
        self._vocabulary = vocabulary
        self._told = told
        self._clock = clock

    def now(self) -> int:
        """Epoch seconds, by the clock that decisions are recorded at."""
        return int(self._clock())

    def words(self, caller: Caller, id: str, categories: tuple[str, ...], purpose: str = "") -> Offered:
        """What is to be read out before a consent, in every form. Raises NoAgreement, AssistanceNotAllowed,
        Invalid."""
        agreement = self._allowed(caller, id)
        return self._words(caller, agreement, categories, purpose)

    async def record(self, caller: Caller, said: Said) -> tuple[Event, int]:
        """Write down what a citizen said; gives the event and its place in their chain. Raises NoAgreement,
        AssistanceNotAllowed, Invalid, NotFound (nobody of that identifier, or what was verified does not fit),
        DecisionNotYours and consent.errors.EventRefused."""
        agreement = self._allowed(caller, said.agreement)
        words = None
        if said.verb in ON_WORDS:
            offered = self._words(caller, agreement, said.provision.categories, said.purpose)
            words = read(offered, said.notice_hash)
        _check(caller, said, words)
        person = await self._person(said.subject, said.verify, caller)
        actor = person
        if said.decided_by is not None:
            actor = await self._person(said.decided_by, {}, caller)
        if said.verb not in KINDS:
            return await self._beside(caller, said, person, actor)
        event = self._event(caller, said, agreement, person, words)
        decided, recorded = await asyncio.to_thread(self._write, event, actor, words)
        await self._log.append(entry(decided, recorded.hash))
        return decided, recorded.seq

    def _allowed(self, caller: Caller, id: str) -> Agreement:
        agreement = in_force(self._vocabulary(), id, caller.organisation, self.now())
        user, roles = caller.user, agreement.roles.any_of
        if user is None or not user.assured or (roles and user.role not in roles):
            raise AssistanceNotAllowed
        return agreement

    async def _person(self, subject: Identifier, verify: Mapping[str, str], caller: Caller) -> str:
        found = await self._people.resolve(subject, verify, caller.organisation)
        if not found.known:
            raise NotFound("Nobody here has that identifier, or what was verified does not fit.")
        return found.id

    async def _beside(self, caller: Caller, said: Said, person: str, actor: str) -> tuple[Event, int]:
        """Objections and opt-outs, which are not about consent."""
        if said.verb == "object":
            return await self._objecting.object(
                person,
                said.agreement,
                caller.organisation,
                said.provision.categories,
                purpose=said.purpose,
                actor=actor,
                heard=_heard(caller, said),
            )
        out = said.verb == "opt-out"
        return await self._objecting.opt(person, said.code, out=out, actor=actor, heard=_heard(caller, said))

    def _words(self, caller: Caller, agreement: Agreement, categories: tuple[str, ...], purpose: str) -> Offered:
        law, organisation = self._vocabulary(), caller.organisation
        named = purpose_of(agreement, purpose)
        if not set(categories) <= {category for term in agreement.terms for category in term.categories}:
            raise Invalid(errors=[FieldFault("/categories", "not-in-agreement", "categories of the agreement")])
        return notices(law, agreement, categories, recipient=organisation, purpose=named)

    def _event(self, caller: Caller, said: Said, agreement: Agreement, person: str, words: Words | None) -> Event:
        now, given = self.now(), said.verb in ON_WORDS
        event = Event(
            id=str(uuid_utils.uuid7()),
            kind=KINDS[said.verb],
            person=person,
            organisation=caller.organisation,
            purpose=purpose_of(agreement, said.purpose),
            agreement=agreement.id,
            provision=said.provision,
            at=now,
            actor=person,
            channel=said.channel,
            expires_at=now + said.days * DAY_S if given else 0,
            notice_hash=words.hash if words else "",
            language=words.language if words else "",
        )
        return grounded(written(event, _heard(caller, said)), agreement)

    def _write(self, event: Event, actor: str, words: Words | None) -> tuple[Event, Recorded]:
        with db.write(self._engine) as connection:
            ledger.hold(connection, event.person)
            decided = self._judged(connection, event, actor)
            recorded = ledger.record(connection, decided)
            if words is not None:
                keep(connection, shown(words, decided))
            if self._told is not None:
                self._told(connection, decided, recorded)
            return decided, recorded

    def _judged(self, connection: Connection, event: Event, actor: str) -> Event:
        """The event in the right in which it is decided. Raises DecisionNotYours."""
        matter = Matter(event.purpose, event.provision.categories)
        may = self._authorities.may_decide(connection, event.person, actor, event.kind, event.organisation, matter)
        if isinstance(may, NotAllowed):
            raise not_yours(may)
        given = event.kind in PERMITTING
        return replace(
            event,
            by=may.by,
            authority=may.authority,
            authoriser="" if actor == event.person else actor,
            parties=may.parties if given else (),
            predecessor=may.overrides[0] if event.kind is Kind.GIVEN and may.overrides else "",
            expires_at=min(event.expires_at, may.until or event.expires_at),
        )


def _heard(caller: Caller, said: Said) -> Heard:
    staff = caller.user.id if caller.user else ""
    return Heard(staff=staff, channel=said.channel, read_back=said.read_back, evidence=said.evidence)


def _check(caller: Caller, said: Said, words: Words | None) -> None:
    faults = list(missing(_heard(caller, said)))
    if not said.verify and said.verb in (*ON_WORDS, "opt-in"):
        faults.append(FieldFault("/subject/verify", "missing", "what shows that it is this person"))
    if said.verb in ON_WORDS and words is None:
        faults.append(FieldFault("/notice_hash", "not-these-words", "of the words for exactly these categories"))
    if faults:
        raise Invalid(errors=faults)
