# SPDX-License-Identifier: Apache-2.0
"""Objections (UK GDPR Article 21) and opt-outs, recorded and logged; and the controller's answer to an objection.

They are events of the person's chain: each moves the number that a release is checked against at its seal, so that
an objection stops the next release just as a withdrawal does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Literal

import uuid_utils
from msgspec import Struct
from msgspec.structs import replace as _replace
from sqlalchemy import Connection, Engine

from consent import ledger
from consent.authority import Matter
from consent.deciding import NotAllowed
from consent.model import Event, ObjectionStanding, Provision, Recorded
from consent.objections import SENTENCES, Admitted, admit
from consent.reasons import sentence
from consent.wide import Objection
from consent.words import NATIONAL_DATA_OPT_OUT, OPT_OUTS, By, Channel, Kind, ObjectionState
from gateway import db
from gateway.audit.log import Log
from gateway.consents.authority import Authorities, not_yours
from gateway.consents.errors import ObjectionNotAdmitted
from gateway.consents.grounds import grounded
from gateway.consents.heard import Heard, require, written
from gateway.consents.recording import Also, entry
from gateway.consents.terms import flows, in_force, purpose_of
from gateway.errors import FieldFault, Invalid, NotFound
from gateway.identity.registry import systems
from gateway.identity.sealing import PersonKeys
from gateway.model import Caller
from gateway.notices import outbox
from gateway.policy.vocabulary import Vocabulary

MADE = "objection.made"
ENDED = "objection.taken-back"
"""Kinds of the notices to the controller."""

DECIDED = (Kind.OBJECTION_UPHELD, Kind.OBJECTION_OVERRIDDEN)

Outcome = Literal["upheld", "overridden"]


class Open(Struct, frozen=True):
    """An objection as its controller sees it: the person by that organisation's handle."""

    id: str
    subject: str
    purpose: str
    agreement: str
    categories: tuple[str, ...]
    lawful_basis: str
    at: int
    state: str


class Mine(Struct, frozen=True, kw_only=True):
    """An objection as whoever made it reads it. `at`: seconds since 1970; `sentence`: what became of it; `href`:
    where to take it back (DELETE)."""

    id: str
    organisation: str
    purpose: str
    agreement: str
    categories: tuple[str, ...]
    at: int
    state: str
    sentence: str
    href: str


BECAME: dict[ObjectionState, str] = {
    ObjectionState.PENDING: "The organisation is looking at it. Until it has, this is not shared.",
    ObjectionState.UPHELD: "It was upheld: this is no longer shared.",
    ObjectionState.OVERRIDDEN: "It was looked at, and this is shared all the same.",
}


class Objecting:
    """Objections and opt-outs over one ledger. `told` is called for each in its transaction. Methods that are not
    coroutines read the database: call them from a thread."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        keys: PersonKeys,
        authorities: Authorities,
        vocabulary: Callable[[], Vocabulary],
        *,
        told: Also | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._keys = keys
        self._authorities = authorities
        self._vocabulary = vocabulary
        self._told = told
        self._clock = clock

    async def object(
        self,
        person: str,
        agreement: str,
        organisation: str,
        categories: tuple[str, ...] = (),
        *,
        purpose: str = "",
        actor: str = "",
        heard: Heard | None = None,
    ) -> tuple[Event, int]:
        """Object to what `organisation` receives under an agreement: to these categories, or to all that one can
        object to there. The sharing rests from now on. `actor`: who decides, if not the person; `heard`: how staff
        who wrote it down heard it. Raises NoAgreement, Invalid, ObjectionNotAdmitted (which
        says what to do instead), DecisionNotYours and consent.errors.EventRefused."""
        event = self._objection(person, agreement, organisation, categories, purpose, actor)
        return await self._record(event, actor or person, MADE, heard)

    def _objection(
        self, person: str, agreement: str, organisation: str, categories: tuple[str, ...], purpose: str, actor: str
    ) -> Event:
        terms = in_force(self._vocabulary(), agreement, organisation, self._now())
        admitted = admit(flows(terms), categories)
        if not isinstance(admitted, Admitted):
            sentence = SENTENCES[admitted.instead]
            law = f" {admitted.statute}." if admitted.statute else ""
            raise ObjectionNotAdmitted(f"{sentence}{law}", extensions={"instead": admitted.instead})
        event = self._event(Kind.OBJECTED, person, actor)
        event = _replace(
            event,
            organisation=organisation,
            purpose=purpose_of(terms, purpose),
            agreement=agreement,
            provision=Provision(categories=admitted.categories),
        )
        return _replace(grounded(event, terms), lawful_basis=admitted.lawful_bases[0])

    async def take_back(
        self, person: str, id: str, *, actor: str = "", heard: Heard | None = None
    ) -> tuple[Event, int]:
        """Take an objection back, whatever became of it. Raises NotFound, DecisionNotYours and as `object`."""
        objected = await asyncio.to_thread(self._objected, person, id)
        event = _about(objected, self._event(Kind.OBJECTION_TAKEN_BACK, person, actor))
        return await self._record(event, actor or person, ENDED, heard)

    async def opt(
        self, person: str, code: str, *, out: bool, actor: str = "", heard: Heard | None = None
    ) -> tuple[Event, int]:
        """Opt out of something for the whole person, such as `national-data-opt-out`, or back in. Raises Invalid
        for an unknown code, DecisionNotYours and consent.errors.EventRefused."""
        if code not in OPT_OUTS:
            raise Invalid(errors=[FieldFault("/code", "unknown-code", " or ".join(sorted(OPT_OUTS)))])
        kind = Kind.OPTED_OUT if out else Kind.OPTED_IN
        event = _replace(self._event(kind, person, actor), code=code)
        return await self._record(event, actor or person, "", heard)

    def standing(self, person: str, viewer: str = "") -> tuple[list[Mine], tuple[str, ...]]:
        """The objections of a person that were not taken back, oldest first, and the codes of their opt-outs, as
        `viewer` (opaque id; empty for the person) may see them."""
        with db.read(self._engine) as connection:
            stands = ledger.person_wide(connection, person)
            events = {one.id: one for one in self._authorities.seen_by(connection, person, viewer or person)}
        said = {one.target: sentence(one.kind, one.reason) for one in events.values() if one.kind in DECIDED}
        mine = [_mine(one, events[one.event], said) for one in stands.objections if one.event in events]
        opted = {one.code for one in events.values() if one.kind is Kind.OPTED_OUT}
        return mine, tuple(code for code in stands.opt_outs if code in opted)

    def suppose_objecting(self, person: str, agreement: str, organisation: str, purpose: str) -> Event:
        """The event that an objection to all that one can object to would be; nothing is recorded. Raises as
        `object`."""
        return self._objection(person, agreement, organisation, (), purpose, "")

    def suppose_opting_out(self, person: str) -> Event:
        """The event that the National Data Opt-out would be; nothing is recorded."""
        return _replace(self._event(Kind.OPTED_OUT, person, ""), code=NATIONAL_DATA_OPT_OUT)

    # -- the controller -----------------------------------------------------------------------------------

    def one(self, caller: Caller, id: str) -> Open:
        """An objection to the caller's organisation. Raises NotFound."""
        with db.read(self._engine) as connection:
            return self._shown(connection, caller, self._to(connection, caller, id))

    async def decide(self, caller: Caller, id: str, outcome: Outcome, reason: str) -> tuple[Event, int]:
        """Uphold an objection, or override it for `reason` (a code of consent/reasons.py: compelling legitimate
        grounds, or a legal claim). Raises NotFound, and consent.errors.EventRefused."""
        kind = Kind.OBJECTION_UPHELD if outcome == "upheld" else Kind.OBJECTION_OVERRIDDEN
        actor = caller.user.id if caller.user else caller.system

        def write() -> tuple[Event, Recorded]:
            with db.write(self._engine) as connection:
                objected = self._to(connection, caller, id)
                ledger.hold(connection, objected.person)
                event = self._event(kind, objected.person, actor)
                event = _replace(_about(objected, event), by=By.SELF, authoriser="", reason=reason)
                return event, self._write(connection, event)

        event, recorded = await asyncio.to_thread(write)
        await self._log.append(entry(event, recorded.hash))
        return event, recorded.seq

    # -- inside -------------------------------------------------------------------------------------------

    async def _record(self, event: Event, actor: str, notice: str, heard: Heard | None) -> tuple[Event, int]:
        if heard is not None:
            require(heard)

        def write() -> tuple[Event, Recorded]:
            with db.write(self._engine) as connection:
                ledger.hold(connection, event.person)
                matter = Matter(event.purpose, event.provision.categories)
                may = self._authorities.may_decide(
                    connection, event.person, actor, event.kind, event.organisation, matter
                )
                if isinstance(may, NotAllowed):
                    raise not_yours(may)
                decided = _replace(
                    written(event, heard),
                    by=may.by,
                    authority=may.authority,
                    authoriser="" if actor == event.person else actor,
                )
                recorded = self._write(connection, decided)
                if notice:
                    self._tell(connection, decided, notice)
                return decided, recorded

        decided, recorded = await asyncio.to_thread(write)
        await self._log.append(entry(decided, recorded.hash))
        return decided, recorded.seq

    def _write(self, connection: Connection, event: Event) -> Recorded:
        recorded = ledger.record(connection, event)
        if self._told is not None:
            self._told(connection, event, recorded)
        return recorded

    def _tell(self, connection: Connection, event: Event, notice: str) -> None:
        id_ = event.target or event.id
        for system in systems(connection, event.organisation):
            outbox.enqueue(connection, system.id, notice, {"objection": f"ob_{id_}"}, now=self._now())

    def _objected(self, person: str, id: str) -> Event:
        with db.read(self._engine) as connection:
            found = ledger.find(connection, id)
        if found is None or found.kind is not Kind.OBJECTED or found.person != person:
            raise NotFound
        return found

    def _to(self, connection: Connection, caller: Caller, id: str) -> Event:
        found = ledger.find(connection, id)
        if found is None or found.kind is not Kind.OBJECTED or found.organisation != caller.organisation:
            raise NotFound
        return found

    def _shown(self, connection: Connection, caller: Caller, objected: Event) -> Open:
        held = ledger.standing(connection, objected.person, objected.organisation, objected.purpose)
        return Open(
            id=f"ob_{objected.id}",
            subject=self._keys.handle(caller.organisation, objected.person),
            purpose=objected.purpose,
            agreement=objected.agreement,
            categories=objected.provision.categories,
            lawful_basis=objected.lawful_basis,
            at=objected.at,
            state=_state(held.objections, objected.id),
        )

    def _event(self, kind: Kind, person: str, actor: str) -> Event:
        return Event(
            id=str(uuid_utils.uuid7()),
            kind=kind,
            person=person,
            organisation="",
            purpose="",
            agreement="",
            provision=Provision(categories=()),
            at=self._now(),
            actor=actor or person,
            channel=Channel.WEB,
        )

    def _now(self) -> int:
        return int(self._clock())


def _mine(one: Objection, objected: Event, said: Mapping[str, str]) -> Mine:
    became = BECAME[one.state]
    return Mine(
        id=f"ob_{one.event}",
        organisation=one.organisation,
        purpose=one.purpose,
        agreement=objected.agreement,
        categories=one.categories,
        at=objected.at,
        state=str(one.state),
        sentence=f"{became} {said[one.event]}" if one.event in said else became,
        href=f"/v1/consent/objections/ob_{one.event}",
    )


def _about(objected: Event, event: Event) -> Event:
    """An event about an objection: to the same, from the same."""
    return _replace(
        event,
        organisation=objected.organisation,
        purpose=objected.purpose,
        agreement=objected.agreement,
        provision=objected.provision,
        target=objected.id,
    )


def _state(objections: tuple[ObjectionStanding, ...], id: str) -> str:
    return next((str(one.state) for one in objections if one.event == id), "taken-back")
