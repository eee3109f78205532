# SPDX-License-Identifier: Apache-2.0
"""What holds beside consent, for a whole recipient or the whole person: objections, opt-outs, authority. Pure.

An objection (UK GDPR Article 21) is to a recipient, for one purpose or all, about some categories or all; it counts
where consent is not the ground. An opt-out is about the person. Which authority may decide what is judged by
`consent/authority.py`; here stands only which were granted and have not been ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from consent.errors import ErasureIsOrdered, ErasureStands, TargetUnknown
from consent.model import Event, Kind, ObjectionStanding, ObjectionState
from consent.transitions import OBJECTIONS, AlreadyOptedOut, AuthorityNotHeld, NotOptedOut
from consent.words import OBJECTION


class Objection(Struct, frozen=True, forbid_unknown_fields=True):
    """One objection that was not taken back."""

    event: str
    organisation: str
    purpose: str
    categories: tuple[str, ...]
    state: ObjectionState


class Wide(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What stands for the whole person: objections in the order they were made, opt-outs, authorities held by
    others (ids of their events). `erased`: id of the erasure of all that was decided before it, empty for none."""

    objections: tuple[Objection, ...] = ()
    opt_outs: tuple[str, ...] = ()
    authorities: tuple[str, ...] = ()
    erased: str = ""

    def about(self, organisation: str, purpose: str) -> tuple[ObjectionStanding, ...]:
        """The objections to what `organisation` does for `purpose`."""
        return tuple(
            ObjectionStanding(one.categories, one.state, one.event)
            for one in self.objections
            if one.organisation == organisation and one.purpose in ("", purpose)
        )


NOTHING = Wide()


def admit(before: Wide, event: Event) -> None:
    """Raises the TransitionRefused that says why `event` does not follow."""
    if event.kind in OBJECTION:
        _admit_objection(before, event)
    elif event.kind is Kind.OPTED_OUT:
        if event.code in before.opt_outs:
            raise AlreadyOptedOut
    elif event.kind is Kind.OPTED_IN:
        if event.code not in before.opt_outs:
            raise NotOptedOut
    elif event.kind is Kind.ERASED:
        raise ErasureIsOrdered
    elif event.kind is Kind.AUTHORITY_ENDED and event.target not in before.authorities:
        raise AuthorityNotHeld


def admit_giving(before: Wide, event: Event, said: Sequence[Event]) -> None:
    """After an erasure nobody knows any more what was said no to. So the first yes about each category names it; a
    yes from before, sent again or taken over from elsewhere, is none. `said`: all that is left and came since.
    Raises ErasureStands."""
    if any(one.id == before.erased and event.at < one.at for one in said):
        raise ErasureStands
    freed = {
        category
        for one in (event, *said)
        if one.kind is Kind.GIVEN
        and one.predecessor == before.erased
        and (one.organisation, one.purpose) == (event.organisation, event.purpose)
        for category in one.provision.categories
    }
    if not set(event.provision.categories) <= freed:
        raise ErasureStands


def _admit_objection(before: Wide, event: Event) -> None:
    found = _found(before, event)
    outcome = OBJECTIONS[found.state if found else None][event.kind]
    if isinstance(outcome, type):
        raise outcome
    if found and found.organisation != event.organisation:
        raise TargetUnknown


def step(before: Wide, event: Event) -> Wide:
    """What stands after `event`. Total."""
    if event.kind in OBJECTION:
        return replace(before, objections=_objections(before, event))
    match event.kind:
        case Kind.OPTED_OUT:
            after = replace(before, opt_outs=tuple(sorted({*before.opt_outs, event.code})))
        case Kind.OPTED_IN:
            after = replace(before, opt_outs=_without(before.opt_outs, event.code))
        case Kind.AUTHORITY_GRANTED:
            after = replace(before, authorities=(*before.authorities, event.id))
        case Kind.AUTHORITY_ENDED:
            after = replace(before, authorities=_without(before.authorities, event.target))
        case Kind.ERASED:
            after = Wide(erased=event.id)  # what stands beside consent is said again after it
        case _:
            after = before
    return after


def fold(events: Iterable[Event]) -> Wide:
    """What the events of one person come to, in their order."""
    wide = NOTHING
    for event in events:
        wide = step(wide, event)
    return wide


def _objections(before: Wide, event: Event) -> tuple[Objection, ...]:
    found = _found(before, event)
    others = tuple(one for one in before.objections if one is not found)
    outcome = OBJECTIONS[found.state if found else None][event.kind]
    if outcome is None:
        return others
    if not isinstance(outcome, ObjectionState):
        return before.objections
    if event.kind is Kind.OBJECTED:
        categories = tuple(sorted(event.provision.categories))
        return (*others, Objection(event.id, event.organisation, event.purpose, categories, outcome))
    return tuple(replace(one, state=outcome) if one is found else one for one in before.objections)


def _found(before: Wide, event: Event) -> Objection | None:
    """The objection that an event is about: the one it names, or for a new one the one to just the same."""
    same = (event.organisation, event.purpose, tuple(sorted(event.provision.categories)))
    if event.target:
        return next((one for one in before.objections if one.event == event.target), None)
    return next((one for one in before.objections if (one.organisation, one.purpose, one.categories) == same), None)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(one for one in names if one != name)
