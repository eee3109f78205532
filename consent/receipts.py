# SPDX-License-Identifier: Apache-2.0
"""Receipts: what a citizen holds of a decision, as claims; in plain words: `consent/printed.py`. Pure; whoever
calls it signs.

The claims are JSON-LD in the terms of the Data Privacy Vocabulary (DPV 2.3), with the fields of ISO/IEC TS
27560:2023 under their own names. A receipt says what the words shown were (hash and language), who the
controller is and how to reach it, what to do to withdraw or to complain, which event of the ledger it is about
(its hash), and that this event stands in the access log (an inclusion proof, with the two groups of the entry
that prove which decision it was). It names the citizen by the recipient's own handle alone.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from consent.model import DPV, Event, Kind, Recorded
from consent.reasons import sentence
from consent.words import DPV_OBJECTED

SCHEMA = "https://w3id.org/dpv/guides/consent-27560"
MEDIA_TYPE = "consent-receipt+jwt"
"""`typ` of the signed form (RFC 8725 §3.11), so that no other token is taken for a receipt, nor the other way."""

CONTEXT: dict[str, str] = {
    "dpv": DPV,
    "dct": "http://purl.org/dc/terms/",
    "iso27560": "https://w3id.org/dpv/schema/iso-27560#",
}

STATUS: dict[Kind, str] = {
    Kind.GIVEN: "dpv:ConsentGiven",
    Kind.REFUSED: "dpv:ConsentRefused",
    Kind.WITHDRAWN: "dpv:ConsentWithdrawn",
    Kind.RENEWED: "dpv:RenewedConsentGiven",
    Kind.REVOKED: "dpv:ConsentRevoked",
    Kind.INVALIDATED: "dpv:ConsentInvalidated",
    Kind.SUPERSEDED: "dpv:ConsentInvalidated",
    Kind.OBJECTED: "dpv:PublicInterestObjected",
    Kind.OBJECTION_UPHELD: "dpv:PublicInterestObjected",
    Kind.OBJECTION_OVERRIDDEN: "dpv:PublicInterestObjected",
    Kind.OBJECTION_TAKEN_BACK: "dpv:PublicInterestObjected",
    Kind.OPTED_OUT: "dpv:OptingOutFromProcess",
    Kind.OPTED_IN: "dpv:OptingInToProcess",
}
"""Kind of event → DPV status (`dpv:hasConsentStatus`): the kinds that there are receipts for. What an objection is
against stands in the event (`lawful_basis`), and decides its status where it is another one."""


class Party(Struct, frozen=True):
    """An organisation, as the agreement names it. `contact` reaches whoever answers for the sharing."""

    id: str
    name: str
    contact: str = ""


class Named(Struct, frozen=True):
    """A code of a vocabulary, its title, and its IRI where it has one."""

    code: str
    title: str
    iri: str = ""


class Terms(Struct, frozen=True, kw_only=True):
    """What the agreement says around the decision. Of each: in the words that a citizen reads. `fields`: those that
    the decision names, none for all; `sources`: where the agreement lets it come from."""

    agreement: str
    title: str
    controller: Party
    recipients: tuple[Party, ...]
    purposes: tuple[Named, ...]
    categories: tuple[Named, ...]
    lawful_basis: str
    confidentiality_basis: str
    erase_after_days: int
    fields: tuple[Named, ...] = ()
    sources: tuple[Named, ...] = ()


class Told(Struct, frozen=True, kw_only=True):
    """A recipient who was told to stop; times in seconds since 1970, 0 for not yet."""

    recipient: Party
    notice: str
    told_at: int
    answer_by: int
    erase_by: int
    acknowledged_at: int
    erased_at: int
    late: tuple[str, ...]
    chased: int


class Links(Struct, frozen=True, kw_only=True):
    """Where the citizen goes from here; addresses without anything personal in them."""

    record: str
    withdraw: str
    complain: str
    notice: str
    jwks: str
    log: str


class Witness(Struct, frozen=True):
    """The log entry of the event: its C2SP tlog-proof, and the groups that are shown, `name → (salt, content)`,
    each in base64."""

    proof: str
    groups: Mapping[str, tuple[str, str]]


def claims(
    event: Event, recorded: Recorded, *, issuer: str, subject: str, issued_at: int, terms: Terms, links: Links,
    witness: Witness, told: Sequence[Told] = (),
) -> dict[str, Any]:  # fmt: skip
    """The claims of the receipt for `event`. `subject` is the pairwise name by which the recipient knows the
    citizen; `issued_at` in seconds since 1970. With `told` it is a stop receipt: from which sequence number on
    nothing is released any more, who was told, who has answered, who is late."""
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "dpv:ConsentReceipt",
        "iss": issuer,
        "iat": issued_at,
        "jti": f"rcp_{event.id}",
        "sub": subject,
        "iso27560:schema_version": SCHEMA,
        "iso27560:record_id": event.id,
        "iso27560:pii_principal_id": subject,
        "iso27560:event_type": event.kind.value,
        "iso27560:event_time": instant(event.at),
        "iso27560:collection_method": event.channel.value,
        "iso27560:jurisdiction": "GB",
        "dpv:hasConsentStatus": _status(event),
        "dpv:hasNotice": {"hash": event.notice_hash, "language": event.language, "href": links.notice},
        "dpv:hasDataController": _party(terms.controller),
        "dpv:hasRecipient": [_party(one) for one in terms.recipients],
        "dpv:hasPurpose": [_named(one) for one in terms.purposes],
        "dpv:hasPersonalData": [_named(one) for one in terms.categories],
        "dpv:hasDataSource": [_named(one) for one in terms.sources],
        "dpv:isIndicatedBy": {"by": event.by.value, "read_back": event.read_back},
        "dpv:hasLegalBasis": _grounds(event, terms),
        "agreement": {
            "id": terms.agreement,
            "title": terms.title,
            "revision": event.revision,
            "erase_after_days": terms.erase_after_days,
        },
        "fields": [_named(one) for one in terms.fields],
        "links": {
            "record": links.record,
            "withdraw": links.withdraw,
            "complain": links.complain,
            "keys": links.jwks,
            "log": links.log,
        },
        "event": {"seq": recorded.seq, "hash": recorded.hash},
        "log": {
            "proof": witness.proof,
            "groups": {
                name: {"salt": salt, "content": content} for name, (salt, content) in witness.groups.items()
            },
        },
    }
    return found | _where_so(event, recorded, told)


def _where_so(event: Event, recorded: Recorded, told: Sequence[Told]) -> dict[str, Any]:
    """The claims that not every receipt has."""
    found: dict[str, Any] = {}
    if event.reason:
        found["iso27560:reason"] = {"code": event.reason, "sentence": sentence(event.kind, event.reason)}
    if event.provision.conditions is not None:
        found["conditions"] = msgspec.to_builtins(event.provision.conditions)
    if event.expires_at:
        found["dct:valid"] = {"from": instant(event.at), "until": instant(event.expires_at)}
    if told:
        found["stop"] = {
            "effective_seq": recorded.seq,
            "effective_at": instant(event.at),
            "recipients": [_told(one) for one in told],
        }
    return found


def instant(seconds: int) -> str:
    """A time in seconds since 1970 as RFC 3339 in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(event: Event) -> str:
    if event.kind in (Kind.OBJECTED, Kind.OBJECTION_UPHELD) and event.lawful_basis in DPV_OBJECTED:
        return DPV_OBJECTED[event.lawful_basis].replace(DPV, "dpv:")
    return STATUS[event.kind]


def _grounds(event: Event, terms: Terms) -> dict[str, str]:
    """The grounds as they were when it was decided; of an event that does not say them, as they are now."""
    return {
        "lawful": event.lawful_basis or terms.lawful_basis,
        "confidentiality": event.confidentiality_basis or terms.confidentiality_basis,
    }


def _party(one: Party) -> dict[str, str]:
    return {"id": one.id, "name": one.name} | ({"contact": one.contact} if one.contact else {})


def _named(one: Named) -> dict[str, str]:
    return {"code": one.code, "title": one.title} | ({"@id": one.iri} if one.iri else {})


def _told(one: Told) -> dict[str, Any]:
    times = {
        "told_at": one.told_at,
        "answer_by": one.answer_by,
        "erase_by": one.erase_by,
        "acknowledged_at": one.acknowledged_at,
        "erased_at": one.erased_at,
    }
    moments = {name: instant(seconds) for name, seconds in times.items() if seconds}
    return _party(one.recipient) | moments | {"notice": one.notice, "late": list(one.late), "chased": one.chased}
