# SPDX-License-Identifier: Apache-2.0
"""Decisions of invented people about a very small world, made by hand or by Hypothesis."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import uuid_utils
from hypothesis import strategies as st
from msgspec.structs import replace

from consent import rules
from consent.errors import TransitionRefused
from consent.model import Channel, Conditions, Event, Kind, Provision, State
from consent.words import PERMITTING

NOON = 1_800_000_000
YEAR = 31_536_000
PERSON = "person-a"
HOSPITAL = "uk/nhs/XZZ01"
CHARITY = "uk/charity/9999901"
DISCHARGE = "direct-care.discharge-planning"
SUPPORT = "social-support"
NOTICE = "6f1d" * 16
REASON = {
    Kind.REVOKED: "controller-decision",
    Kind.INVALIDATED: "coercion",
    Kind.SUPERSEDED: "agreement-widened",
    Kind.CARRIED_OVER: "wording-changed",
}
PLAN = "support.plan"
VISITS = "support.befriending"

CATEGORIES = (PLAN, VISITS)
FIELDS = ("goal", "notes")
SOURCES = ("crm", "core")
UNNAMED = "nobody has named this"
WORLD = tuple(itertools.product(CATEGORIES, (*FIELDS, UNNAMED), (*SOURCES, UNNAMED)))
"""Every (category, field, source) that decisions in this world could treat differently."""


def decision(
    kind: Kind,
    *categories: str,
    fields: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
    at: int = NOON,
    until: int | None = None,
    id: str = "",
    person: str = PERSON,
    organisation: str = HOSPITAL,
    purpose: str = DISCHARGE,
    agreement: str = "dsa-2026-014",
    predecessor: str = "",
    conditions: Conditions | None = None,
    **more: Any,
) -> Event:
    """A well-formed event; `fields` in full, `<category>/<field>`."""
    given = kind in PERMITTING
    ends = given or kind is Kind.REQUESTED
    more.setdefault("reason", REASON.get(kind, ""))
    return Event(
        id=id or str(uuid_utils.uuid7()),
        kind=kind,
        person=person,
        organisation=organisation,
        purpose=purpose,
        agreement=agreement,
        provision=Provision(
            categories=categories or (PLAN,), fields=fields, sources=sources, conditions=conditions
        ),
        at=at,
        actor="citizen",
        channel=Channel.WEB,
        expires_at=(at + YEAR if until is None else until) if ends else 0,
        notice_hash=NOTICE if given else "",
        language="en" if given else "",
        predecessor=predecessor,
        **more,
    )


def given(*categories: str, **more: object) -> Event:
    """Yes."""
    return decision(Kind.GIVEN, *categories, **more)  # type: ignore[arg-type]


def refused(*categories: str, **more: object) -> Event:
    """No, when asked."""
    return decision(Kind.REFUSED, *categories, **more)  # type: ignore[arg-type]


def withdrawn(*categories: str, **more: object) -> Event:
    """No longer."""
    return decision(Kind.WITHDRAWN, *categories, **more)  # type: ignore[arg-type]


def requested(*categories: str, **more: object) -> Event:
    """An organisation asks."""
    return decision(Kind.REQUESTED, *categories, **more)  # type: ignore[arg-type]


def deferred(*categories: str, **more: object) -> Event:
    """Not now."""
    return decision(Kind.DEFERRED, *categories, **more)  # type: ignore[arg-type]


def renewed(*categories: str, **more: object) -> Event:
    """Yes, for longer."""
    return decision(Kind.RENEWED, *categories, **more)  # type: ignore[arg-type]


def revoked(*categories: str, **more: object) -> Event:
    """Ended by somebody else."""
    return decision(Kind.REVOKED, *categories, **more)  # type: ignore[arg-type]


def invalidated(target: str, *categories: str, **more: object) -> Event:
    """Never valid."""
    return decision(Kind.INVALIDATED, *categories, target=target, **more)  # type: ignore[arg-type]


def superseded(*categories: str, **more: object) -> Event:
    """Ended by a change of the agreement."""
    return decision(Kind.SUPERSEDED, *categories, **more)  # type: ignore[arg-type]


def after(*events: Event) -> rules.ByCategory:
    """What events about the hospital's discharge planning come to."""
    return rules.fold(events).get((HOSPITAL, DISCHARGE), {})


def permitted(
    statements: Mapping[str, rules.Statements], now: int = NOON, agreement: str = ""
) -> set[tuple[str, str, str]]:
    """The part of the world that may be shared."""
    return {
        (category, field, source)
        for category, field, source in WORLD
        if rules.word(statements.get(category, ()), field, source, now, agreement) is State.GIVEN
    }


def named(event: Event) -> set[tuple[str, str, str]]:
    """The part of the world that an event names."""
    scopes = rules.scopes(event)
    return {piece for piece in WORLD if piece[0] in scopes and scopes[piece[0]].has(*piece[1:])}


def admitted(events: list[Event]) -> list[Event]:
    """Those of `events` that the ledger would have taken, one after the other."""
    taken: list[Event] = []
    for event in events:
        key = (event.organisation, event.purpose)
        try:
            rules.admit(rules.fold(taken).get(key, {}), event, taken)
        except TransitionRefused:
            continue
        taken.append(event)
    return taken


def moments(events: list[Event]) -> Iterator[int]:
    """Every instant, from the last event on, at which something could change by itself, and the one before it."""
    last = events[-1].at
    yield last
    for event in events:
        for moment in (event.expires_at - 1, event.expires_at):
            if moment >= last:
                yield moment


YES_AND_NO = (Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN)


@st.composite
def decisions(draw: st.DrawFn, at: int, before: list[Event], kinds: Sequence[Kind] = YES_AND_NO) -> Event:
    """Any decision about the small world."""
    kind = draw(st.sampled_from(kinds))
    yeses = [event for event in before if event.kind in PERMITTING]
    questions = ["", *(event.id for event in before if event.kind is Kind.REQUESTED)]
    if kind is Kind.INVALIDATED and yeses:
        aimed = draw(st.sampled_from(yeses))
        return replace(decision(kind, at=at, target=aimed.id), provision=aimed.provision, agreement=aimed.agreement)
    categories = draw(st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=2, unique=True))
    possible = [f"{category}/{field}" for category in categories for field in FIELDS]
    return decision(
        kind,
        *categories,
        fields=tuple(draw(st.lists(st.sampled_from(possible), max_size=2, unique=True))),
        sources=tuple(draw(st.lists(st.sampled_from(SOURCES), max_size=2, unique=True))),
        at=at,
        until=at + draw(st.integers(1, 6)),
        agreement=draw(st.sampled_from(("dsa-2026-014", "dsa-2026-021"))),
        predecessor=draw(st.sampled_from(["", *(event.id for event in before)])) if kind in PERMITTING else "",
        request=draw(st.sampled_from(questions)) if kind in (Kind.GIVEN, Kind.REFUSED, Kind.DEFERRED) else "",
        target=draw(st.sampled_from(["", *(event.id for event in yeses)])) if kind is Kind.REVOKED else "",
    )


@st.composite
def histories(
    draw: st.DrawFn, most: int = 7, kinds: Sequence[Kind] = YES_AND_NO, last: Sequence[Kind] = ()
) -> list[Event]:
    """Any sequence of decisions of one person, whether or not the ledger would take them, the last of the kinds
    `last` where they are named."""
    events: list[Event] = []
    count = draw(st.integers(1, most))
    for number in range(count):
        possible = last or kinds if number == count - 1 else kinds
        events.append(draw(decisions(NOON + number, events, possible)))
    return events
