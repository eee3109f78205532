# SPDX-License-Identifier: Apache-2.0
"""A citizen's decision, recorded and logged: first the ledger, then the log, then the acknowledgement.

The event's id is also the id of its log entry, so that whatever a crash leaves between the two is found and
logged later (`log_missing`), and logging twice is logging once.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Sequence

import uuid_utils
from sqlalchemy import Connection, Engine, func, select

from consent import ledger
from consent.chain import event_of
from consent.model import Channel, Event, Kind, Provision, Recorded
from consent.shown import keep
from consent.tables import consent_event
from consent.words import ENGLISH, PERMITTING
from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.seen import Seen
from gateway.audit.tables import entry as log_entry
from gateway.consents.grounds import grounded
from gateway.consents.wordings import Words, notices, shown
from gateway.errors import Malformed, NotFound
from gateway.identity.sealing import person_keys
from gateway.identity.tables import person_identifier
from gateway.keyring import Keyring
from gateway.model import Identifier
from gateway.policy.law import in_force
from gateway.policy.vocabulary import Agreement, Vocabulary
from gateway.settings import Settings

DAY_S = 86_400

Also = Callable[[Connection, Event, Recorded], None]
"""What has to happen with a decision or not at all; see `propagation`."""


def event(
    kind: Kind, person: str, law: Vocabulary, agreement: Agreement, categories: Sequence[str], *, actor: str,
    channel: Channel, now: int, lifetime_s: int = 0, predecessor: str = "", language: str = ENGLISH,
) -> Event:  # fmt: skip
    """One decision about an agreement's single recipient and purpose, on the words of one of consent.shown.FORMS.
    Raises Malformed when a category is not in the agreement: a citizen is never asked for more than it could
    use; or when there are no words in that form."""
    held = {category for term in agreement.terms for category in term.categories}
    if not categories or not set(categories) <= held:
        raise Malformed("Name one or more categories that the agreement holds.")
    given = kind in PERMITTING
    read = words(law, agreement, categories, language) if given else None
    decided = Event(
        id=str(uuid_utils.uuid7()),
        kind=kind,
        person=person,
        organisation=agreement.recipients[0],
        purpose=agreement.purposes[0],
        agreement=agreement.id,
        provision=Provision(categories=tuple(categories)),
        at=now,
        actor=actor,
        channel=channel,
        expires_at=now + lifetime_s if given else 0,
        notice_hash=read.hash if read else "",
        language=read.language if read else "",
        predecessor=predecessor,
    )
    return grounded(decided, agreement)


def words(law: Vocabulary, agreement: Agreement, categories: Sequence[str], language: str) -> Words:
    """What is read to a citizen in one of consent.shown.FORMS. Raises Malformed when it is not there in that
    form."""
    found = notices(law, agreement, categories).get(language)
    if found is None:
        raise Malformed("There are no words of this agreement in that language.")
    return found


def kept(read: Words) -> Also:
    """Keeps the words that a decision was made on, in its transaction."""

    def also(connection: Connection, decided: Event, _: Recorded) -> None:
        keep(connection, shown(read, decided))

    return also


async def record(engine: Engine, log: Log, decided: Event, also: Also | None = None) -> int:
    """Write one decision and log it; gives the person's consent sequence number. Acknowledged when it returns:
    from then on no release under what was withdrawn starts. `also` is done in the same transaction. Raises
    consent.errors.EventRefused, DatabaseUnavailable, AuditUnavailable (then the decision stands, and is logged at
    the next start)."""
    # On a thread: the lock it may wait for can be held by a batch of the log that needs this loop to go on.
    recorded = await asyncio.to_thread(_write, engine, decided, also)
    await log.append(entry(decided, recorded.hash))
    return recorded.seq


def _write(engine: Engine, decided: Event, also: Also | None) -> Recorded:
    with db.write(engine) as connection:
        recorded = ledger.record(connection, decided)
        if also is not None:
            also(connection, decided, recorded)
        return recorded


async def log_missing(engine: Engine, log: Log) -> int:
    """Log every decision that a crash kept out of the log; gives how many."""
    with db.read(engine) as connection:
        rows = connection.execute(
            select(consent_event.c.link, consent_event.c.hash)
            .outerjoin(log_entry, log_entry.c.id == consent_event.c.id)
            .where(log_entry.c.id.is_(None), func.length(consent_event.c.link) > 0)  # else it was erased
        ).all()
    for link, hash_ in rows:
        await log.append(entry(event_of(bytes(link)), bytes(hash_).hex()))
    return len(rows)


async def assist(
    settings: Settings, kind: Kind, citizen: Identifier, agreement: str, categories: Sequence[str], *,
    actor: str, channel: Channel, days: int, language: str = ENGLISH,
) -> int:  # fmt: skip
    """Record a decision for a citizen whom staff assist, from outside a running gateway. Raises NotFound for an
    unknown citizen or agreement, and as `record`."""
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    deadline_ms, seen = settings.log_commit_deadline_ms, Seen(settings.log_seen).read()
    log = Log(engine, keys, settings.log_origin, deadline_ms=deadline_ms, seen=seen)
    try:
        law = in_force(engine, settings.policy_keys).vocabulary
        terms = law.agreements.get(agreement)
        if terms is None:
            raise NotFound("There is no agreement of that id.")
        await log.start()
        person = found(engine, keys, citizen)
        now = int(time.time())
        lifetime_s = days * DAY_S
        with db.read(engine) as connection:
            erased = ledger.person_wide(connection, person).erased if kind in PERMITTING else ""
        decided = event(
            kind, person, law, terms, categories, actor=actor, channel=channel, now=now, lifetime_s=lifetime_s,
            predecessor=erased, language=language,
        )  # fmt: skip
        also = kept(words(law, terms, categories, language)) if kind in PERMITTING else None
        return await record(engine, log, decided, also)
    finally:
        await log.close()
        engine.dispose()


def told(settings: Settings, citizen: Identifier) -> list[str]:
    """What a citizen decided, a line each, and at the end whether their chain holds. Raises NotFound."""
    engine = db.connect(settings.url)
    try:
        person = found(engine, keyring.load(settings.keys), citizen)
        with db.read(engine) as connection:
            events, chain = ledger.history(connection, person), ledger.verify_chain(connection, person)
    finally:
        engine.dispose()
    lines = [
        f"{datetime.datetime.fromtimestamp(one.at, datetime.UTC):%Y-%m-%d %H:%M} {one.kind:9} {one.agreement} "
        f"{', '.join(one.provision.categories)}  {one.id}{f' ({one.reason})' if one.reason else ''}"
        for one in events
    ]
    return [*lines, f"The chain of {len(events)} decisions: {type(chain).__name__.lower()}."]


def found(engine: Engine, keys: Keyring, citizen: Identifier) -> str:
    """The opaque id of a citizen. Raises NotFound."""
    wanted = person_identifier.c.blind_index == person_keys(keys).blind_index(citizen)
    with db.read(engine) as connection:
        person = connection.execute(select(person_identifier.c.person).where(wanted)).scalar()
    if person is None:
        raise NotFound("Nobody here has that identifier.")
    return str(person)


def entry(decided: Event, hash_: str) -> Entry:
    """What the log says of a decision whose place in the ledger has this hash (hexadecimal)."""
    return Entry(
        id=decided.id,
        type=f"consent.{decided.kind}",
        at_ms=int(time.time() * 1000),
        org=decided.organisation,
        svc="consent",
        purpose=decided.purpose,
        decision="",
        policy="",
        subjects=1,
        groups={
            "actor": {"id": decided.actor, "channel": decided.channel},
            "subject": {"person": decided.person},
            "basis": {"agreement": decided.agreement, "event_hash": hash_, "notice_hash": decided.notice_hash},
            "result": {"categories": list(decided.provision.categories)},
        },
        subject_key=decided.person,
    )
