# SPDX-License-Identifier: Apache-2.0
"""Receipts of citizens' decisions, made from the ledger and the log whenever they are asked for, and signed.

Nothing is stored: the event and its log entry are the truth, and a receipt says what they say. Each one carries the
inclusion proof under the newest checkpoint of the moment it was made.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence

from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry, serialize_compact
from msgspec import Struct
from sqlalchemy import Engine, select

from consent import ledger, receipts
from consent.chain import event_of
from consent.model import Event, Recorded
from consent.printed import plain
from consent.receipts import Links, Named, Party, Terms, Told, Witness
from consent.tables import consent_event
from consent.words import Channel
from gateway import db
from gateway.audit.log import Log
from gateway.errors import AuditUnavailable, NotFound
from gateway.identity.sealing import PersonKeys
from gateway.identity.tokens import ALGORITHM
from gateway.policy.vocabulary import Vocabulary

SHOWN = ("basis", "result")
"""Groups of the entry that a receipt opens: which agreement, which event, which words; which categories."""

COMPLAIN = "https://ico.org.uk/make-a-complaint/"

_registry = JWSRegistry(algorithms=[ALGORITHM])
_registry.max_payload_length = 1 << 20


class Issued(Struct, frozen=True):
    """One receipt: as signed (JWS in compact form), and in plain words."""

    jws: str
    plain: str


def sign(claims: object, key: ECKey, media_type: str) -> str:
    """Claims as a compact JWS (RFC 7515) by `key` (private, P-256, with a kid that stands in our JWKS)."""
    header = {"typ": media_type, "alg": ALGORITHM, "kid": key.kid}
    return serialize_compact(header, json.dumps(claims, ensure_ascii=False), key, registry=_registry)


class Receipts:
    """Makes receipts. Reads the database: call it from a thread."""

    def __init__(
        self,
        engine: Engine,
        log: Log,
        key: ECKey,
        keys: PersonKeys,
        vocabulary: Callable[[], Vocabulary],
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._log = log
        self._key = key
        self._keys = keys
        self._vocabulary = vocabulary
        self._url = public_url
        self._clock = clock

    def issue(self, person: str, id: str, told: Sequence[Told] = (), *, holder: str = "") -> Issued:
        """The receipt of the event `id` of `person`; with `told` a stop receipt. `holder`: who asks, if not the
        person; they have those of what they decided themself. Raises NotFound, also for an event of somebody else;
        AuditUnavailable while the event is not in the log yet."""
        event, recorded = self._event(person, id)
        if holder not in ("", person, event.authoriser):
            raise NotFound
        claims = receipts.claims(
            event,
            recorded,
            issuer=self._url,
            subject=self._keys.handle(event.organisation, person),
            issued_at=int(self._clock()),
            terms=terms(event, self._vocabulary()),
            links=self._links(event),
            witness=self._witness(event),
            told=told,
        )
        return Issued(sign(claims, self._key, receipts.MEDIA_TYPE), plain(claims))

    def by_staff(self, id: str, organisation: str, staff: str, told: Callable[[str], Sequence[Told]]) -> Issued:
        """The receipt of a decision that this member of staff wrote down for a citizen, about what their own
        organisation receives, to print or send it. Raises as `issue`."""
        with db.read(self._engine) as connection:
            event = ledger.find(connection, id)
        if (
            event is None
            or event.channel is Channel.WEB
            or (event.organisation, event.actor) != (organisation, staff)
        ):
            raise NotFound
        return self.issue(event.person, id, told(id))

    def _event(self, person: str, id: str) -> tuple[Event, Recorded]:
        columns = (consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
        wanted = select(*columns).where(consent_event.c.id == id, consent_event.c.person == person)
        with db.read(self._engine) as connection:
            row = connection.execute(wanted).one_or_none()
        event = event_of(bytes(row.link)) if row is not None else None
        if row is None or event is None or event.kind not in receipts.STATUS:
            raise NotFound
        return event, Recorded(row.seq, bytes(row.hash).hex())

    def _links(self, event: Event) -> Links:
        here = f"{self._url}/v1/consent"
        return Links(
            record=f"{here}/records",
            withdraw=f"{here}/records",
            complain=COMPLAIN,
            notice=f"{here}/notices/{event.notice_hash}" if event.notice_hash else "",
            jwks=f"{self._url}/.well-known/jwks.json",
            log=f"{self._url}/log",
        )

    def _witness(self, event: Event) -> Witness:
        entry = self._log.entry_by_id(event.id)
        if entry is None:
            raise AuditUnavailable("The decision holds; its log entry is still to be written.")
        opened = self._log.open_groups(event.id)
        shown = {name: (_b64(opened[name].salt), _b64(opened[name].content)) for name in SHOWN if name in opened}
        return Witness(self._log.proof(entry).text, shown)


def terms(event: Event, vocabulary: Vocabulary) -> Terms:
    """What the agreement of an event says around it; bare names where the agreement is no longer there."""
    agreement = vocabulary.agreements.get(event.agreement)
    names = {party.organisation: party.name for party in agreement.parties} if agreement else {}
    contact = agreement.contact if agreement else ""
    recipient = Party(event.organisation, names.get(event.organisation, event.organisation), contact)
    purpose = vocabulary.purposes.get(event.purpose)
    categories = [vocabulary.categories.get(code) for code in event.provision.categories]
    held = (
        [term for term in agreement.terms if set(event.provision.categories) & set(term.categories)]
        if agreement
        else []
    )
    return Terms(
        agreement=event.agreement,
        title=agreement.title if agreement else event.agreement,
        controller=recipient,
        recipients=(recipient,),
        purposes=(
            Named(event.purpose, purpose.title if purpose else event.purpose, purpose.dpv if purpose else ""),
        ),
        categories=tuple(
            Named(code, category.title if category else code)
            for code, category in zip(event.provision.categories, categories, strict=True)
        ),
        lawful_basis=held[0].lawful_basis if held else "",
        confidentiality_basis=held[0].confidentiality_basis if held else "",
        erase_after_days=agreement.retention_days if agreement else 0,
        fields=tuple(_field(full, vocabulary) for full in event.provision.fields),
        sources=tuple(
            Named(source, names.get(source.rpartition("/")[0], source))
            for source in event.provision.sources or dict.fromkeys(term.source for term in held)
        ),
    )


def _field(full: str, vocabulary: Vocabulary) -> Named:
    """A field by its full id, `<category>/<field>`."""
    code, _, name = full.partition("/")
    category = vocabulary.categories.get(code)
    field = category.fields.get(name) if category else None
    return Named(full, field.title if field else name)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
