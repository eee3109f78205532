# SPDX-License-Identifier: Apache-2.0
"""Consent records in the shapes of the GovStack Consent Building Block 1.1, and back. A pure translation, without
loss.

GovStack has no place for an expiry, a recipient, a language or a delegate on a record; what it cannot say stands in
the member `x-commons`. Its hashes are SHA-1; ours are SHA-256, which their length says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from consent.errors import MalformedEvent
from consent.model import Event, State
from consent.records import Record
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
