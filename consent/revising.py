# SPDX-License-Identifier: Apache-2.0
"""What a revision of an agreement means for those who consented under it. Pure.

Two revisions are compared by what they let flow, over every vector (recipient, purpose, source, category, field)
that either of them knows, each under its conditions; not by their dates or versions. Whoever consented to something
of which more would now flow is suspended there and asked again; everybody else's consent is carried over, and they
are told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import product

import msgspec
from msgspec import Struct

from consent.conditions import ANY, Conditions
from consent.model import Channel, Event, Kind, Provision, State
from consent.rules import ByCategory

Vector = tuple[str, str, str, str, str]
"""recipient, purpose, source, category, field"""

ASKED_FOR_S = 28 * 86_400
"""Seconds for which whoever is asked again may answer."""


class Flow(Struct, frozen=True, kw_only=True):
    """What one source may give of one category, on which two grounds. `demands`: what else must be so, each as a
    text of its own; one that is changed counts as one given up."""

    source: str
    category: str
    fields: tuple[str, ...]
    lawful_basis: str = ""
    confidentiality_basis: str = ""
    conditions: Conditions = ANY
    demands: tuple[str, ...] = ()


class Terms(Struct, frozen=True, kw_only=True):
    """What an agreement lets flow, and the words in which it says so. Retention in days; `onward`: whether the
    recipient may pass it on. No flows: the agreement is retired."""

    agreement: str
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    flows: tuple[Flow, ...]
    retention_days: int
    onward: bool = False
    words: str = ""


class Allowed(Struct, frozen=True):
    """Under what one vector flows."""

    grounds: tuple[str, str]
    conditions: Conditions
    demands: tuple[str, ...]
    retention_days: int
    onward: bool

    def within(self, other: Allowed) -> bool:
        """Whether this lets nothing through that `other` does not, on the same grounds and for no longer."""
        return (
            self.grounds == other.grounds
            and other.conditions.covers(self.conditions)
            and set(other.demands) <= set(self.demands)
            and self.retention_days <= other.retention_days
            and (other.onward or not self.onward)
        )


class Verdict(StrEnum):
    """What a revision does."""

    SAME = "same"
    REWORDED = "reworded"
    NARROWED = "narrowed"
    WIDENED = "widened"
    RETIRED = "retired"


class Change(Struct, frozen=True):
    """The difference of two revisions: the vectors of which more flows, and those of which less does."""

    agreement: str
    verdict: Verdict
    wider: tuple[Vector, ...]
    narrower: tuple[Vector, ...]


def revision(terms: Terms) -> str:
    """SHA-256 (hexadecimal) of the terms, members sorted: what an event names as its `revision`."""
    return hashlib.sha256(msgspec.json.encode(terms, order="sorted")).hexdigest()


def vectors(terms: Terms) -> dict[Vector, list[Allowed]]:
    """Everything that may flow, and under what; a vector that two flows name may flow under either."""
    found: dict[Vector, list[Allowed]] = {}
    for recipient, purpose, flow in product(terms.recipients, terms.purposes, terms.flows):
        grounds = (flow.lawful_basis, flow.confidentiality_basis)
        allowed = Allowed(grounds, flow.conditions, flow.demands, terms.retention_days, terms.onward)
        for field in flow.fields:
            found.setdefault((recipient, purpose, flow.source, flow.category, field), []).append(allowed)
    return found


def compare(before: Terms, after: Terms) -> Change:
    """What `after` changes of `before`."""
    old, new = vectors(before), vectors(after)
    wider, narrower = tuple(_beyond(new, old)), tuple(_beyond(old, new))
    if not new:
        verdict = Verdict.RETIRED
    elif wider:
        verdict = Verdict.WIDENED
    elif narrower:
        verdict = Verdict.NARROWED
    else:
        verdict = Verdict.SAME if before.words == after.words else Verdict.REWORDED
    return Change(after.agreement, verdict, wider, narrower)


def _beyond(these: Mapping[Vector, list[Allowed]], those: Mapping[Vector, list[Allowed]]) -> Iterator[Vector]:
    for vector, ways in sorted(these.items()):
        if not all(any(way.within(other) for other in those.get(vector, ())) for way in ways):
            yield vector


def touched(change: Change, organisation: str, purpose: str, statements: ByCategory, now: int) -> tuple[str, ...]:
    """The categories in which somebody's consent in force speaks of a vector of which more would flow: these they
    must be asked about again. Nothing else of theirs is touched."""
    return tuple(
        sorted(
            {
                category
                for recipient, why, source, category, field in change.wider
                if (recipient, why) == (organisation, purpose)
                for one in statements.get(category, ())
                if one.state is State.GIVEN
                and one.agreement == change.agreement
                and now < one.until
                and one.says(field, source)
            }
        )
    )


def in_force(agreement: str, statements: ByCategory, now: int) -> tuple[str, ...]:
    """The categories in which somebody's consent under an agreement is in force."""
    return tuple(
        sorted(
            category
            for category, some in statements.items()
            if any(one.state is State.GIVEN and one.agreement == agreement and now < one.until for one in some)
        )
    )


def consequences(
    change: Change, person: str, about: tuple[str, str], statements: ByCategory, *, revision: str, notice_hash: str,
    now: int, actor: str, new_id: Callable[[str], str],
) -> list[Event]:  # fmt: skip
    """The events that a revision means for one person, recipient and purpose (`about`): what is suspended and asked
    again, and what is carried over with notice. None where nothing of theirs is in force, or nothing changed.
    `new_id` makes an id for a kind: the same one for the same kind, so that a revision can be applied again."""
    held = in_force(change.agreement, statements, now)
    if not held or change.verdict is Verdict.SAME:
        return []

    def event(kind: Kind, categories: tuple[str, ...], reason: str, until: int = 0) -> Event:
        return Event(
            id=new_id(kind), kind=kind, person=person, organisation=about[0], purpose=about[1],
            agreement=change.agreement, provision=Provision(categories=categories), at=now, actor=actor,
            channel=Channel.WEB, expires_at=until, notice_hash=notice_hash, language="en" if notice_hash else "",
            revision=revision, reason=reason,
        )  # fmt: skip

    if change.verdict is Verdict.RETIRED:
        return [event(Kind.SUPERSEDED, held, "agreement-retired")]
    asked = touched(change, *about, statements, now)
    kept = tuple(category for category in held if category not in asked)
    events = []
    if asked:
        events.append(event(Kind.SUPERSEDED, asked, "agreement-widened"))
        events.append(event(Kind.REQUESTED, asked, "", now + ASKED_FOR_S))
    if kept:
        narrowed = change.verdict is Verdict.NARROWED or bool(change.narrower)
        events.append(event(Kind.CARRIED_OVER, kept, "agreement-narrowed" if narrowed else "wording-changed"))
    return events
