# SPDX-License-Identifier: Apache-2.0
"""What a citizen who has signed in does with a record: agree, refuse, narrow, renew, withdraw.

Withdrawing needs the database and the log, and nothing else: no source, no judge, no notice that is delivered. It
takes one action and no reason.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Mapping

import uuid_utils
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, select

from consent import ledger
from consent.authority import Matter
from consent.concealment import may_see
from consent.deciding import NotAllowed
from consent.errors import AlreadyWithdrawn
from consent.model import Channel, Event, Kind, Provision, Recorded, Standing, State
from consent.reasons import REASONS, sentence
from consent.shown import keep
from consent.tables import consent_event
from consent.words import ENGLISH, PERMITTING, By
from gateway import db
from gateway.audit.log import Log
from gateway.consents import recording
from gateway.consents.authority import Authorities, not_yours
from gateway.consents.grounds import grounded
from gateway.consents.propagation import Propagation
from gateway.consents.records import Part, Record, Sharing, known_sources, records, sharings
from gateway.consents.wishes import KINDS, Decision, check, taken_away
from gateway.consents.wordings import Offered, Words, choose, notices, read, shown
from gateway.errors import NotFound, NoticeChanged
from gateway.identity.tables import person_identifier
from gateway.policy.vocabulary import Vocabulary


class Decided(Struct, frozen=True):
    """What became of it: the event (its receipt has the same id), its place in the citizen's chain, and whether it
    had been so before."""

    event: str
    seq: int
    kind: Kind
    already: bool = False


class Past(Struct, frozen=True, kw_only=True):
    """One event of the citizen's ledger, as they may read it: whoever acted for them is not named. `why`: the
    reason that was given, in a sentence."""

    event: str
    seq: int
    kind: Kind
    at: int
    agreement: str
    organisation: str
    purpose: str
    categories: tuple[str, ...]
    fields: tuple[str, ...]
    sources: tuple[str, ...]
    until: int
    channel: Channel
    by_you: bool
    why: str
    receipt: str


class Deciding:
    """Decisions of citizens over one ledger. `accepts`: source → identifier systems it takes. Its methods but
    `decide` and `withdraw` read the database: call them from a thread."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        vocabulary: Callable[[], Vocabulary],
        propagation: Propagation,
        authorities: Authorities,
        accepts: Mapping[str, frozenset[str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._vocabulary = vocabulary
        self._propagation = propagation
        self._authorities = authorities
        self._accepts = accepts
        self._clock = clock

    def records(self, person: str, viewer: str = "") -> list[Record]:
        """Everything that may be shared about a citizen, as `viewer` (opaque id; empty for the citizen) may see it:
        somebody who acts for them is not shown what is kept from such people."""
        with db.read(self._engine) as connection:
            return self._seen(connection, person, viewer, self._records(connection, person))

    def record(self, person: str, id: str, viewer: str = "", accept: str = "") -> tuple[Record, Words]:
        """One sharing, and the words to read before deciding, in the form that `accept` (an Accept-Language header)
        asks for. Raises NotFound."""
        with db.read(self._engine) as connection:
            found = self._seen(connection, person, viewer, self._records(connection, person, only=id))
        if not found:
            raise NotFound
        return found[0], choose(self.words(id), accept)

    def words(self, id: str) -> Offered:
        """The notice of one sharing, in every form. Raises NotFound."""
        sharing = self._sharing(id)
        return notices(
            self._vocabulary(),
            sharing.agreement,
            sharing.term.categories,
            recipient=sharing.recipient,
            purpose=sharing.purpose,
            source=sharing.term.source,
        )

    def categories(self, id: str) -> tuple[str, ...]:
        """What one sharing is about. Raises NotFound."""
        return tuple(self._sharing(id).term.categories)

    def history(self, person: str, viewer: str = "") -> tuple[list[Past], str]:
        """What was decided about a citizen, oldest first, and whether their chain is `verified` or `broken`.
        Somebody else than the citizen sees no numbers and no verdict: those would tell of what is kept from
        them."""
        with db.read(self._engine) as connection:
            if viewer not in ("", person):
                seen = self._authorities.seen_by(connection, person, viewer)
                return [_past(event, 0, viewer) for event in seen], "not-shown"
            events = ledger.numbered(connection, person)
            chain = ledger.verify_chain(connection, person)
        told = [_past(event, seq, person) for seq, event in events]
        return told, type(chain).__name__.lower()

    async def decide(
        self, person: str, decision: Decision, *, actor: str = "", channel: Channel = Channel.WEB
    ) -> Decided:
        """Record a decision. `actor`: who decides, if not the person. Raises NotFound, Invalid, NoticeChanged,
        DecisionNotYours, consent.errors.EventRefused and as `recording.record`."""
        await self._require_seen(person, actor, decision.record)
        event, words = await self._meant(person, decision, actor, channel)
        if words is not None and decision.notice_hash != words.hash:
            raise NoticeChanged
        return await self._record(event, actor or person, words)

    async def suppose(
        self, person: str, decision: Decision, *, withdraw: bool = False, actor: str = ""
    ) -> tuple[list[Event], Event]:
        """What was decided so far, and the event that a decision would be (with `withdraw`, the one that takes back
        all of the record); nothing is recorded. `actor`: who asks, if not the person. Raises NotFound, Invalid."""
        await self._require_seen(person, actor, decision.record)
        if withdraw:
            sharing = self._sharing(decision.record)
            event = self._event(person, sharing, Kind.WITHDRAWN, sharing.provision(), Channel.WEB, 0)
        else:
            event, _ = await self._meant(person, decision, actor, Channel.WEB)
        return await asyncio.to_thread(self.events, person), event

    async def _meant(
        self, person: str, decision: Decision, actor: str, channel: Channel
    ) -> tuple[Event, Words | None]:
        """The event that a decision comes to, and the words to be read for it."""
        sharing = self._sharing(decision.record)
        check(decision, sharing)
        if decision.verb == "narrow":
            found, _ = await asyncio.to_thread(self.record, person, decision.record, actor)
            provision = taken_away(found, sharing, decision)
        else:
            named = decision.categories or tuple(dict.fromkeys(one.partition("/")[0] for one in decision.fields))
            provision = sharing.provision(named, decision.fields)
            if decision.verb != "refuse":
                provision = await asyncio.to_thread(self._spelt_out, person, sharing, provision)
        kind = KINDS[decision.verb]
        words = None
        if kind in PERMITTING:
            provision = replace(provision, conditions=decision.conditions)
            offered = self.words(decision.record)
            words = read(offered, decision.notice_hash) or offered[ENGLISH]
        return self._event(person, sharing, kind, provision, channel, decision.days, words), words

    def events(self, person: str) -> list[Event]:
        """All that was decided about a citizen, oldest first."""
        with db.read(self._engine) as connection:
            return ledger.history(connection, person)

    async def withdraw(self, person: str, id: str, *, actor: str = "", channel: Channel = Channel.WEB) -> Decided:
        """Take back all consent that a record rests on; one that is taken back already is told so, with the event
        that did it. Raises as `decide`."""
        sharing = self._sharing(id)
        await self._require_seen(person, actor, id)
        event = self._event(person, sharing, Kind.WITHDRAWN, sharing.provision(), channel, 0)
        try:
            return await self._record(event, actor or person)
        except AlreadyWithdrawn:
            found, _ = await asyncio.to_thread(self.record, person, id, actor)
            events = [part.events for part in found.categories if part.state is State.WITHDRAWN and part.events]
            if not events:
                raise
            before = events[0][0]
            seq = await asyncio.to_thread(self._seq, person, before)
            return Decided(before, seq, Kind.WITHDRAWN, already=True)

    async def _require_seen(self, person: str, actor: str, id: str) -> None:
        """What is kept from somebody who acts for another is not there for them to decide either."""
        if actor not in ("", person):
            await asyncio.to_thread(self.record, person, id, actor)

    async def _record(self, event: Event, actor: str, words: Words | None = None) -> Decided:
        decided, recorded = await asyncio.to_thread(self._write, event, actor, words)
        await self._log.append(recording.entry(decided, recorded.hash))
        return Decided(decided.id, recorded.seq, decided.kind)

    def _write(self, event: Event, actor: str, words: Words | None) -> tuple[Event, Recorded]:
        """Record an event in the right in which `actor` may decide it, found under the lock of the person's chain,
        and keep the words that were read.
        The person's own no needs no right, so nothing that could fail is asked for it."""
        with db.write(self._engine) as connection:
            ledger.hold(connection, event.person)
            if actor != event.person or event.kind in PERMITTING:
                event = self._in_right(connection, event, actor)
            recorded = ledger.record(connection, event)
            if words is not None:
                keep(connection, shown(words, event))
            self._propagation.tell(connection, event, recorded)
            return event, recorded

    def _in_right(self, connection: Connection, event: Event, actor: str) -> Event:
        matter = Matter(event.purpose, event.provision.categories)
        kind, recipient = event.kind, event.organisation
        may = self._authorities.may_decide(connection, event.person, actor, kind, recipient, matter)
        if isinstance(may, NotAllowed):
            raise not_yours(may)
        yes = kind in PERMITTING
        return replace(
            event,
            actor=actor,
            by=may.by,
            authoriser="" if actor == event.person else actor,
            authority=may.authority,
            parties=may.parties if yes else (),
            expires_at=min(event.expires_at, may.until or event.expires_at) if yes else 0,
            predecessor=may.overrides[0] if yes and may.overrides else "",
        )

    def _seen(self, connection: Connection, person: str, viewer: str, found: list[Record]) -> list[Record]:
        if viewer in ("", person):
            return found
        subject = self._authorities.subject(connection, person)
        hidden = self._authorities.hidden(connection, person)
        now = int(self._clock())

        def seen(part: Part, purpose: str) -> bool:
            own = part.state is not State.NONE and part.by is By.SELF
            return may_see(subject, hidden, viewer, Matter(purpose, (part.category,)), now, own=own)

        return [one for one in found if all(seen(part, one.purpose) for part in one.categories)]

    def _event(
        self,
        person: str,
        sharing: Sharing,
        kind: Kind,
        provision: Provision,
        channel: Channel,
        days: int,
        words: Words | None = None,
    ) -> Event:
        now = int(self._clock())
        given = kind in PERMITTING
        event = Event(
            id=str(uuid_utils.uuid7()),
            kind=kind,
            person=person,
            organisation=sharing.recipient,
            purpose=sharing.purpose,
            agreement=sharing.agreement.id,
            provision=provision,
            at=now,
            actor=person,
            channel=channel,
            expires_at=now + days * recording.DAY_S if given else 0,
            notice_hash=words.hash if words else "",
            language=words.language if words else "",
        )
        return grounded(event, sharing.agreement)

    def _spelt_out(self, person: str, sharing: Sharing, provision: Provision) -> Provision:
        """The provision of a yes, with the fields of a category named where the citizen once said no to some of
        them: having read the words again they mean these too, and a yes to "all" would not take back that
        no."""
        with db.read(self._engine) as connection:
            standing = ledger.standing(connection, person, sharing.recipient, sharing.purpose)
        named = {full.partition("/")[0] for full in provision.fields}
        more = [
            f"{category}/{name}"
            for category in provision.categories
            if category not in named and _no_to_fields(standing, category)
            for name in sharing.term.categories[category]
        ]
        return replace(provision, fields=(*provision.fields, *more))

    def _records(self, connection: Connection, person: str, only: str = "") -> list[Record]:
        known = known_sources(_systems(connection, person), self._accepts)
        held: dict[tuple[str, str], Standing] = {}

        def standing(organisation: str, purpose: str) -> Standing:
            key = organisation, purpose
            if key not in held:
                held[key] = ledger.standing(connection, person, organisation, purpose)
            return held[key]

        return records(self._vocabulary(), standing, known, int(self._clock()), only=only)

    def _sharing(self, id: str) -> Sharing:
        for sharing in sharings(self._vocabulary(), _today(self._clock())):
            if sharing.id == id:
                return sharing
        raise NotFound

    def _seq(self, person: str, event: str) -> int:
        query = select(consent_event.c.seq).where(consent_event.c.id == event, consent_event.c.person == person)
        with db.read(self._engine) as connection:
            return int(connection.execute(query).scalar_one())


def _no_to_fields(standing: Standing, category: str) -> bool:
    return any(said.fields and said.state is not State.GIVEN for said in standing.by_category.get(category, ()))


def _past(event: Event, seq: int, person: str) -> Past:
    return Past(
        event=event.id,
        seq=seq,
        kind=event.kind,
        at=event.at,
        agreement=event.agreement,
        organisation=event.organisation,
        purpose=event.purpose,
        categories=event.provision.categories,
        fields=event.provision.fields,
        sources=event.provision.sources,
        until=event.expires_at,
        channel=event.channel,
        by_you=event.actor == person,
        why=sentence(event.kind, event.reason) if event.kind in REASONS else "",
        receipt=f"/v1/consent/receipts/rcp_{event.id}",
    )


def _today(now: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).date()


def _systems(connection: Connection, person: str) -> frozenset[str]:
    mine = (person_identifier.c.person == person, person_identifier.c.current)
    return frozenset(connection.execute(select(person_identifier.c.system).where(*mine)).scalars())
