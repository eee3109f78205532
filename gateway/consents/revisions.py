# SPDX-License-Identifier: Apache-2.0
"""A revision of an agreement put into force for consent: compared with the one before by what flows, and applied to
everybody who consented under it.

The first revision that is seen is compared with the law in force. People are taken some hundreds at a time, each
batch in one transaction that locks them, so that no withdrawal can fall between looking and recording. Ids of the
events follow from person, revision and kind, so that a revision that was interrupted is applied again and does
nothing twice.

Do this before the law that holds the revision is activated: the wider agreement then finds nobody's old consent,
and from the announcement on nobody agrees to the old words any more. The revisions of a law that is activated are
settled with it; where it lets nothing more flow on consent, nobody needs to be asked.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, Engine, select, tuple_

from consent import ledger, requests, revised, revising, shown
from consent.model import Event, Kind, Recorded
from consent.requests import Asked, Request
from consent.revised import Stage
from consent.revising import Change, Terms, Verdict
from consent.shown import Shown
from consent.tables import consent_standing
from gateway import db, keyring
from gateway.audit.log import Log
from gateway.consents.grounds import terms_of
from gateway.consents.recording import entry
from gateway.errors import NotFound
from gateway.policy import activated, vocabulary
from gateway.policy.law import in_force
from gateway.policy.vocabulary import Agreement
from gateway.settings import Settings

AT_ONCE = 200
"""Records looked at in one transaction."""

ON_CONSENT = "explicit-consent"
"""The confidentiality basis of what flows because the citizen agreed."""

DAYS = 180
"""For how long somebody who is asked again would agree."""

REASON = "More would be shared than you agreed to, so you are asked again. Until you say yes it is not."

_IDS = uuid.UUID("5f0c7a52-6d0e-4c53-9d5f-4c1b0a7d2e11")
"""Namespace of the ids of events that follow from a revision."""


class Done(Struct, frozen=True):
    """What a revision came to: how many consents were suspended and asked again, and how many carried over."""

    verdict: Verdict
    asked: int = 0
    carried: int = 0


def before(connection: Connection, agreement: str, otherwise: Terms) -> Terms:
    """The revision that is in force for consent; `otherwise` where none was put in force yet."""
    return revised.settled(connection, agreement) or otherwise


def foreseen(settings: Settings, agreement: str, folder: Path | None = None) -> Change:
    """What putting an agreement in force would change: that of a policies folder, or of the law in force. Raises
    NotFound."""
    engine = db.connect(settings.url)
    try:
        law, coming = _agreements(engine, settings, agreement, folder)
        with db.read(engine) as connection:
            return revising.compare(before(connection, agreement, terms_of(law)), terms_of(coming))
    finally:
        engine.dispose()


async def put_in_force(
    settings: Settings, agreement: str, officer: str, told: Callable[[int], None] = lambda _: None,
    folder: Path | None = None,
) -> Done:  # fmt: skip
    """Apply an agreement, that of a policies folder or of the law in force, from outside a running gateway. Raises
    NotFound, and as `apply`."""
    engine = db.connect(settings.url)
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=settings.log_commit_deadline_ms)
    try:
        law, coming = _agreements(engine, settings, agreement, folder)
        await log.start()
        return await apply(engine, log, law, coming, officer, told)
    finally:
        await log.close()
        engine.dispose()


def unrevised(engine: Engine, keys: Path, coming: Mapping[str, Agreement]) -> tuple[str, ...]:
    """The agreements of a law to come by which more would flow on consent than was put in force for it: whoever
    agreed under them must be asked again first (`put_in_force`). None where no law is in force yet."""
    with db.read(engine) as connection:
        if activated.in_force(connection) is None:
            return ()
    law = in_force(engine, keys).vocabulary.agreements
    with db.read(engine) as connection:
        return tuple(
            sorted(
                id
                for id, agreement in coming.items()
                if id in law and _widens(before(connection, id, terms_of(law[id])), terms_of(agreement))
            )
        )


def settle(connection: Connection, coming: Mapping[str, Agreement], now: int) -> None:
    """Note the revisions that a law puts in force, in the transaction in which it does. `now`: seconds since
    1970."""
    revised.put(connection, map(terms_of, coming.values()), Stage.SETTLED, now)


def _widens(earlier: Terms, coming: Terms) -> bool:
    """Whether more flows of what somebody may have consented to. What rests on consent neither now nor then is no
    matter of theirs."""
    rest = {
        (flow.source, flow.category)
        for flow in (*earlier.flows, *coming.flows)
        if flow.confidentiality_basis == ON_CONSENT
    }
    return any((source, category) in rest for _, _, source, category, _ in revising.compare(earlier, coming).wider)


async def apply(
    engine: Engine, log: Log, law: Agreement, coming: Agreement, officer: str,
    told: Callable[[int], None] = lambda _: None,
) -> Done:  # fmt: skip
    """Announce a revision, record for everybody what it means for them, log it, and settle it last. `law`: the
    agreement as it is in force, `coming`: as it will be. Raises DatabaseUnavailable and AuditUnavailable; then it
    may be done again."""
    terms, now = terms_of(coming), int(time.time())
    with db.write(engine) as connection:
        earlier = before(connection, terms.agreement, terms_of(law))
        found = revising.compare(earlier, terms)
        shown.keep(connection, Shown(terms.agreement, terms.words, now, revision=revising.revision(terms)))
        revised.put(connection, [terms], Stage.ANNOUNCED, now)
    asked = carried = 0
    if found.verdict is not Verdict.SAME:
        after = ("", "", "")
        while True:
            with db.write(engine) as connection:
                keys = _keys(connection, {*terms.recipients, *earlier.recipients}, after)
                recorded = _record(connection, found, terms, keys, officer, now)
            for event, where in recorded:
                await log.append(entry(event, where.hash))
            asked += sum(event.kind is Kind.SUPERSEDED for event, _ in recorded)
            carried += sum(event.kind is Kind.CARRIED_OVER for event, _ in recorded)
            told(len(keys))
            if not keys:
                break
            after = keys[-1]
    with db.write(engine) as connection:
        settle(connection, {coming.id: coming}, now)
    return Done(found.verdict, asked, carried)


def _keys(connection: Connection, recipients: set[str], after: ledger.Key) -> list[ledger.Key]:
    """The next records that could rest on the agreement: by person, recipient and purpose."""
    columns = (consent_standing.c.person, consent_standing.c.organisation, consent_standing.c.purpose)
    wanted = (
        select(*columns)
        .where(consent_standing.c.organisation.in_(recipients))
        .where(tuple_(*columns) > after)
        .order_by(*columns)
        .limit(AT_ONCE)
    )
    return [(row.person, row.organisation, row.purpose) for row in connection.execute(wanted)]


def _record(
    connection: Connection, found: Change, terms: Terms, keys: Sequence[ledger.Key], officer: str, now: int
) -> list[tuple[Event, Recorded]]:
    ledger.lock(connection, sorted({person for person, _, _ in keys}))
    revision = revising.revision(terms)
    wanted: list[Event] = []
    for person, organisation, purpose in keys:
        standing = ledger.standing(connection, person, organisation, purpose)

        def new_id(kind: str, about: str = f"{person} {organisation} {purpose}") -> str:
            return str(uuid.uuid5(_IDS, f"{about} {revision} {kind}"))

        wanted += revising.consequences(
            found, person, (organisation, purpose), standing.by_category, revision=revision,
            notice_hash=Shown(terms.agreement, terms.words, now).hash, now=now, actor=officer, new_id=new_id,
        )  # fmt: skip
    done = ledger.known(connection, [event.id for event in wanted])
    events = [event for event in wanted if event.id not in done]
    recorded = ledger.record_all(connection, events)
    for event in events:
        if event.kind is Kind.REQUESTED:
            requests.add(connection, _request(event))
    return list(zip(events, recorded, strict=True))


def _request(event: Event) -> Request:
    """What the citizen finds among what they are asked. No client system asked, so none is told by itself; the
    organisation can look at it like at its own."""
    return Request(
        id=event.id,
        asked_as=event.id,
        person=event.person,
        organisation=event.organisation,
        system="",
        service=event.agreement,
        key=hashlib.sha256(event.id.encode()).digest(),
        digest=bytes(32),
        stored="requested",
        muted=False,
        asked=Asked(
            agreement=event.agreement,
            purpose=event.purpose,
            provision=event.provision,
            reason=REASON,
            days=DAYS,
        ),
        made_at=event.at,
        expires_at=event.expires_at,
        changed_at=event.at,
    )


def _agreements(engine: Engine, settings: Settings, id: str, folder: Path | None) -> tuple[Agreement, Agreement]:
    """The agreement as it is in force, and as the folder revises it. One that is new is compared with itself."""
    law = in_force(engine, settings.policy_keys).vocabulary.agreements.get(id)
    coming = vocabulary.load(folder).agreements.get(id) if folder else law
    if coming is None:
        raise NotFound("There is no agreement of that id.")
    return law or coming, coming
