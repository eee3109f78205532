# SPDX-License-Identifier: Apache-2.0
"""Consent records of one person, made from their events: what others exchange where we keep events. Pure.

A record begins with a question, a giving, a renewal or a refusal and never leaves its end; who gives again begins a
new one. ISO/IEC TS 27560 `consent_record`, FHIR R4 `Consent`, GovStack `ConsentRecord`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from consent import rules
from consent.model import CategoryStanding, Event, Kind, State
from consent.words import CONSENT, DPV_RENEWED, DPV_STATUS, PERMITTING

BEGINNING = frozenset({Kind.REQUESTED, Kind.REFUSED}) | PERMITTING

_ENDED_BY = {
    Kind.REFUSED: State.REFUSED,
    Kind.WITHDRAWN: State.WITHDRAWN,
    Kind.REVOKED: State.REVOKED,
    Kind.SUPERSEDED: State.SUPERSEDED,
    Kind.INVALIDATED: State.INVALIDATED,
    Kind.GIVEN: State.SUPERSEDED,
    Kind.RENEWED: State.SUPERSEDED,
    Kind.REQUESTED: State.EXPIRED,
}
"""Kind of the event that ended a giving → state of its record; a newer giving of the same takes its place, and
a newer question that of one that ran out."""


class Record(Struct, frozen=True):
    """One record as it stands: the event it began with, its state, what of it still counts, and the event that
    ended it."""

    event: Event
    state: State
    left: tuple[CategoryStanding, ...] = ()
    ended_by: Event | None = None

    @property
    def status(self) -> str:
        """DPV status IRI."""
        renewed = self.state is State.GIVEN and self.event.kind is Kind.RENEWED
        return DPV_RENEWED if renewed else DPV_STATUS[self.state]

    @property
    def reason(self) -> str:
        """Why it ended, a code of `consent/reasons.py`; empty where none was given."""
        return self.ended_by.reason if self.ended_by else ""


def records(events: Sequence[Event], now: int) -> list[Record]:
    """The records of one person at `now`, in the order in which they began."""
    consents = [event for event in events if event.kind in CONSENT]
    answered = {event.request for event in consents if event.kind in (Kind.GIVEN, Kind.REFUSED)}
    ended = _ended(consents)
    left: dict[str, list[CategoryStanding]] = {}
    for by_category in rules.fold(consents).values():
        for one in (one for some in by_category.values() for one in some):
            left.setdefault(one.event, []).append(one)
    return [
        _record(event, tuple(left.get(event.id, ())), ended.get(event.id), now)
        for event in consents
        if event.kind in BEGINNING and event.id not in answered
    ]


def _record(event: Event, left: tuple[CategoryStanding, ...], ended_by: Event | None, now: int) -> Record:
    if event.kind is Kind.REFUSED:
        return Record(event, State.REFUSED, left, None if left else ended_by)
    if not left:
        return Record(event, _ENDED_BY[ended_by.kind] if ended_by else State.NONE, (), ended_by)
    if now >= max(one.until for one in left):
        return Record(event, State.EXPIRED, left)
    return Record(event, left[0].state, left)


def _ended(events: Sequence[Event]) -> dict[str, Event]:
    """Id of a record's first event → the event after which nothing of it counted any more."""
    ended: dict[str, Event] = {}
    counted: set[str] = set()
    for number, event in enumerate(events, 1):
        standings = rules.fold(events[:number]).values()
        counts = {one.event for by_category in standings for some in by_category.values() for one in some}
        ended.update(dict.fromkeys(counted - counts, event))
        for back in counts & ended.keys():  # an invalidation can bring one back
            del ended[back]
        counted |= counts
        counted -= ended.keys()
    return ended
