# SPDX-License-Identifier: Apache-2.0
"""What an event must be whatever the ledger says. Pure."""

from __future__ import annotations

from consent.errors import (
    ExpiryMisplaced,
    ExpiryMissing,
    ExpiryPassed,
    FieldOutsideProvision,
    MemberMissing,
    NoticeMissing,
    PredecessorMisplaced,
    ProvisionEmpty,
)
from consent.model import Event, Kind, Provision

LIMITS = {"id": 36, "person": 64, "organisation": 128, "purpose": 128, "agreement": 128, "actor": 128}
"""Members that must be there → the most characters they may have (`consent/tables.py`)."""

LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: the last instant that every format we write a time in can hold."""


def check(event: Event) -> None:
    """Raises the MalformedEvent that says what is wrong with `event`."""
    for member, limit in LIMITS.items():
        if not 0 < len(getattr(event, member)) <= limit:
            raise MemberMissing
    if not 0 < event.at <= LAST_SECOND:
        raise MemberMissing
    _check_provision(event.provision)
    if event.kind is Kind.GIVEN:
        _check_given(event)
        return
    if event.expires_at:
        raise ExpiryMisplaced
    if event.predecessor:
        raise PredecessorMisplaced


def _check_given(event: Event) -> None:
    if not event.expires_at:
        raise ExpiryMissing
    if not event.at < event.expires_at <= LAST_SECOND:
        raise ExpiryPassed
    if not event.notice_hash or not event.language:
        raise NoticeMissing


def _check_provision(provision: Provision) -> None:
    if not provision.categories or not all((*provision.categories, *provision.fields, *provision.sources)):
        raise ProvisionEmpty
    for full in provision.fields:
        category, _, name = full.partition("/")
        if category not in provision.categories or not name:
            raise FieldOutsideProvision
