# SPDX-License-Identifier: Apache-2.0
"""Consent records in the shapes of the GovStack Consent Building Block 1.1, and back. A pure translation, without
loss.

GovStack has no place for an expiry, a recipient, a language or a delegate on a record; what it cannot say stands in
the member `x-commons`. Its hashes are SHA-1; ours are SHA-256, and `serializedHash` says so by its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from consent.errors import MalformedEvent
from consent.model import Event, State
from consent.records import Record
from consent.revising import Terms, revision
from consent.words import GOVSTACK_OPT_IN, GOVSTACK_STATE

REST = "x-commons"
"""Member that holds what GovStack has no place for."""

_IN_PLACE = ("id", "agreement", "revision", "person")


def consent_record(record: Record, individual: str) -> dict[str, Any]:
    """The `ConsentRecord`. `individual`: how the receiver knows the person."""
    event = record.event
    members = msgspec.to_builtins(event)
    return {
        "id": event.id,
        "dataAgreement": event.agreement,
        "dataAgreementRevision": event.revision,
        "dataAgreementRevisionHash": event.revision,
        "individual": individual,
        "optIn": GOVSTACK_OPT_IN[record.state],
        "state": GOVSTACK_STATE[record.state],
        REST: {name: value for name, value in members.items() if name not in _IN_PLACE}
        | {
            "status": record.status,
            "except": [
                (one.category, msgspec.to_builtins(hole))
                for one in record.left
                if one.state is State.GIVEN
                for hole in one.holes
            ],
        },
    }


def event(consent_record: Mapping[str, Any], person: str) -> Event:
    """The event that a `ConsentRecord` began with, about `person`. Raises MalformedEvent: without what stands in
    `x-commons` a record names no recipient, purpose or end, and is no consent."""
    try:
        members = {name: value for name, value in consent_record[REST].items() if name not in ("status", "except")}
        members |= {
            "id": consent_record["id"],
            "agreement": consent_record["dataAgreement"],
            "revision": consent_record["dataAgreementRevisionHash"],
            "person": person,
        }
        return msgspec.convert(members, Event)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedEvent from error


def data_agreement(terms: Terms, *, purpose: str, controller: str, dpia: str, version: str) -> dict[str, Any]:
    """The `DataAgreement` of an agreement's terms, for one purpose."""
    bases = sorted({flow.lawful_basis for flow in terms.flows})
    return {
        "id": terms.agreement,
        "version": version,
        "purpose": purpose,
        "lawfulBasis": _LAWFUL_BASES.get(bases[0][:6] if bases else "", "public_task"),
        "controller": controller,
        "dpia": dpia,
        "policy": {"dataRetentionPeriodDays": terms.retention_days},
        "active": bool(terms.flows),
        "forgettable": False,
        "lifecycle": "Complete",
    }


_LAWFUL_BASES = {
    "6(1)(a": "consent",
    "6(1)(b": "contract",
    "6(1)(c": "legal_obligation",
    "6(1)(d": "vital_interest",
    "6(1)(e": "public_task",
    "6(1)(f": "legitimate_interest",
}


def agreement_revision(terms: Terms, at: str, predecessor: str = "") -> dict[str, Any]:
    """The `Revision` of an agreement; `at` in ISO 8601, `predecessor` the hash of the one before."""
    serialized = msgspec.json.encode(terms, order="sorted").decode()
    return {
        "id": revision(terms),
        "schemaName": "DataAgreement",
        "objectId": terms.agreement,
        "serializedSnapshot": serialized,
        "serializedHash": hashlib.sha256(serialized.encode()).hexdigest(),
        "timestamp": at,
        "predecessorHash": predecessor,
    }
