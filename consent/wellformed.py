# SPDX-License-Identifier: Apache-2.0
"""What an event must be whatever the ledger says. Pure."""

from __future__ import annotations

import datetime

from consent.conditions import Conditions
from consent.errors import (
    AuthoriserMissing,
    ConditionsImpossible,
    ExpiryMisplaced,
    ExpiryMissing,
    ExpiryPassed,
    FieldOutsideProvision,
    MemberMisplaced,
    MemberMissing,
    NoticeMissing,
    PartiesIncomplete,
    PredecessorMisplaced,
    ProvisionEmpty,
    ReasonMissing,
)
from consent.model import By, Event, Kind, Provision
from consent.reasons import OPTIONAL, REASONS
from consent.words import AUTHORITY, CONSENT, OBJECTION, OPT_OUT, OPT_OUTS, PERMITTING

LIMITS = {"id": 36, "person": 64, "organisation": 128, "purpose": 128, "agreement": 128, "actor": 128, "erased": 64}
"""Members that an event about consent must have → the most characters they may have (`consent/tables.py`)."""

_ALWAYS = ("id", "person", "actor")
_SHORT = {
    "request": 36,
    "target": 36,
    "authority": 36,
    "authoriser": 128,
    "revision": 64,
    "evidence": 64,
    "code": 64,
}

LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: the last instant that every format we write a time in can hold."""

_NEEDED = {
    **dict.fromkeys(CONSENT, ("id", "person", "organisation", "purpose", "agreement", "actor")),
    **dict.fromkeys(OBJECTION, (*_ALWAYS, "organisation")),
    **dict.fromkeys((*OPT_OUT, *AUTHORITY), _ALWAYS),
    Kind.ERASED: (*_ALWAYS, "erased"),
}
"""Kind → the members that must be there."""

_CARRIED: dict[str, frozenset[Kind]] = {
    "request": frozenset({Kind.DEFERRED, Kind.GIVEN, Kind.REFUSED}),
    "target": frozenset({Kind.REVOKED, Kind.INVALIDATED, Kind.AUTHORITY_ENDED, *OBJECTION} - {Kind.OBJECTED}),
    "parties": PERMITTING | {Kind.ERASED},
    "erased": frozenset({Kind.ERASED}),
    "code": frozenset(OPT_OUT),
}
"""Member → the only kinds that carry it."""

_TARGETED = frozenset({Kind.INVALIDATED, Kind.AUTHORITY_ENDED, *OBJECTION} - {Kind.OBJECTED})
_EXPIRING = frozenset({*PERMITTING, Kind.REQUESTED})
_MAY_EXPIRE = _EXPIRING | {Kind.AUTHORITY_GRANTED}


def check(event: Event) -> None:
    """Raises the MalformedEvent that says what is wrong with `event`."""
    _check_members(event)
    _check_provision(event)
    _check_end(event)
    if event.kind in PERMITTING:
        if not event.notice_hash or not event.language:
            raise NoticeMissing
    elif event.predecessor:
        raise PredecessorMisplaced
    _check_reason(event)
    _check_authoriser(event)
    if (
        event.kind in PERMITTING
        and event.parties
        and (len(set(event.parties)) < 2 or event.party not in event.parties)
    ):
        raise PartiesIncomplete


def _check_members(event: Event) -> None:
    needed = _NEEDED[event.kind]
    for member, limit in LIMITS.items():
        length = len(getattr(event, member))
        if length > limit or (member in needed and not length):
            raise MemberMissing
    if not 0 < event.at <= LAST_SECOND:
        raise MemberMissing
    if any(len(getattr(event, member)) > limit for member, limit in _SHORT.items()):
        raise MemberMissing
    for member, kinds in _CARRIED.items():
        if getattr(event, member) and event.kind not in kinds:
            raise MemberMisplaced
    if event.kind in OPT_OUT:
        if event.code not in OPT_OUTS:
            raise MemberMissing
        if event.organisation or event.purpose or event.agreement:
            raise MemberMisplaced
    if event.kind is Kind.ERASED and (event.organisation or event.purpose or event.agreement):
        raise MemberMisplaced
    if (event.kind in _TARGETED and not event.target) or (event.kind is Kind.DEFERRED and not event.request):
        raise MemberMissing


def _check_end(event: Event) -> None:
    if not event.expires_at:
        if event.kind in _EXPIRING:
            raise ExpiryMissing
    elif event.kind not in _MAY_EXPIRE:
        raise ExpiryMisplaced
    elif not event.at < event.expires_at <= LAST_SECOND:
        raise ExpiryPassed


def _check_reason(event: Event) -> None:
    possible = REASONS.get(event.kind, {})
    if event.reason:
        if event.reason not in possible:
            raise ReasonMissing
    elif possible and event.kind not in OPTIONAL:
        raise ReasonMissing


def _check_authoriser(event: Event) -> None:
    alone = event.by is By.SELF
    if event.kind is Kind.AUTHORITY_GRANTED:
        if alone or not event.authoriser:
            raise AuthoriserMissing
    elif alone != (not event.authoriser) or alone != (not event.authority):
        raise AuthoriserMissing


def _check_provision(event: Event) -> None:
    provision: Provision = event.provision
    if event.kind in CONSENT and not provision.categories:
        raise ProvisionEmpty
    if not all((*provision.categories, *provision.fields, *provision.sources)):
        raise ProvisionEmpty
    if event.kind in (*OPT_OUT, Kind.ERASED) and provision != Provision(categories=()):
        raise MemberMisplaced
    for full in provision.fields:
        category, _, name = full.partition("/")
        if category not in provision.categories or not name:
            raise FieldOutsideProvision
    if provision.conditions is not None:
        _check_conditions(provision.conditions, event.at)


def _check_conditions(conditions: Conditions, at: int) -> None:
    frequency = conditions.frequency
    for date in filter(None, conditions.period):
        try:
            written = datetime.date.fromisoformat(date).isoformat()
        except ValueError:
            raise ConditionsImpossible from None
        if written != date:  # 20260101 is a date too, and would be compared wrongly
            raise ConditionsImpossible
    if (
        not all((*conditions.roles, *conditions.services))
        or (conditions.period_to and conditions.period_from > conditions.period_to)
        or (frequency is not None and (frequency.times < 1 or frequency.every < 1))
        or (conditions.erase_by and not at < conditions.erase_by <= LAST_SECOND)
    ):
        raise ConditionsImpossible
