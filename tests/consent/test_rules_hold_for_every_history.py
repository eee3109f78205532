# SPDX-License-Identifier: Apache-2.0
"""What holds of every history, whatever citizens decide in whatever order."""

from __future__ import annotations

import itertools

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from consent import rules
from consent.model import Conditions, Event, Kind, Standing, State
from consent.reading import NOES
from consent.words import CONSENT, PERMITTING, AccessMode
from tests.consent.decisions import WORLD, admitted, after, histories, moments, named, permitted

AGREEMENTS = ("", "dsa-2026-014", "dsa-2026-021")


KINDS = (*CONSENT, Kind.GIVEN, Kind.GIVEN)
EVERY_KIND = histories(kinds=KINDS)
TAKING_AWAY = tuple(kind for kind in CONSENT if kind not in (*PERMITTING, Kind.INVALIDATED))


def ending(*last: Kind) -> st.SearchStrategy[list[Event]]:
    return histories(kinds=KINDS, last=last)


def split(events: list[Event]) -> tuple[rules.ByCategory, Event, rules.ByCategory]:
    return after(*events[:-1]), events[-1], after(*events)


@given(ending(*TAKING_AWAY))
def test_nothing_but_a_giving_permits_anything_at_any_time(events: list[Event]) -> None:
    before, _, now_on = split(events)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(now_on, now, agreement) <= permitted(before, now, agreement)


@given(ending(*PERMITTING))
def test_a_giving_permits_no_more_than_it_names_no_longer_than_it_says(events: list[Event]) -> None:
    before, event, now_on = split(events)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        mine = agreement in ("", event.agreement) and now < event.expires_at
        more = named(event) if mine else set()
        assert permitted(now_on, now, agreement) <= permitted(before, now, agreement) | more


@given(ending(*PERMITTING))
def test_a_giving_takes_nothing_away_at_its_instant(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assert permitted(before, event.at) <= permitted(now_on, event.at)


@given(ending(Kind.REFUSED, Kind.WITHDRAWN))
def test_a_no_stops_exactly_what_it_names_from_then_on(events: list[Event]) -> None:
    before, event, now_on = split(events)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(now_on, now, agreement) == permitted(before, now, agreement) - named(event)


@given(EVERY_KIND)
def test_a_wider_withdrawal_leaves_no_more_than_a_narrower_one(events: list[Event]) -> None:
    before, event, _ = split(events)
    narrow = replace(event, kind=Kind.WITHDRAWN, expires_at=0, predecessor="", request="", target="")
    wide = replace(narrow, provision=replace(narrow.provision, fields=(), sources=()))
    for now in moments(events):
        assert permitted(rules.step(before, wide), now) <= permitted(rules.step(before, narrow), now)


@given(EVERY_KIND)
def test_every_giving_that_is_taken_gives_something_in_every_category_it_names(events: list[Event]) -> None:
    taken = admitted(events)
    for number, event in enumerate(taken, 1):
        if event.kind in PERMITTING:
            categories = {piece[0] for piece in permitted(after(*taken[:number]), event.at) & named(event)}
            assert categories == set(event.provision.categories)


@given(EVERY_KIND)
def test_a_yes_and_a_citizens_no_never_speak_of_the_same(events: list[Event]) -> None:
    for category, field, source in WORLD:
        statements = after(*events).get(category, ())
        speaking = {one.state for one in statements if one.says(field, source)}
        assert State.GIVEN not in speaking or not speaking & NOES


@given(EVERY_KIND)
def test_reading_a_category_is_reading_each_of_its_fields(events: list[Event]) -> None:
    statements = after(*events)
    for now, (category, field, source) in itertools.product(moments(events), WORLD):
        held = rules.held(Standing(1, statements), category, source, now)
        in_held = held.state is State.GIVEN and (
            field in held.fields if held.fields else field not in held.fields_except
        )
        assert in_held == ((category, field, source) in permitted(statements, now))
        assert not (held.fields and held.fields_except)
        assert (held.until > now) == (held.state is State.GIVEN)


@given(EVERY_KIND)
def test_the_answer_does_not_change_before_the_instant_it_names(events: list[Event]) -> None:
    standing = Standing(1, after(*events))
    for now, (category, _, source) in itertools.product(moments(events), WORLD):
        held = rules.held(standing, category, source, now)
        for later in range(now, min(held.until, now + 9)):
            assert rules.held(standing, category, source, later) == held


@given(EVERY_KIND)
def test_no_statement_is_empty(events: list[Event]) -> None:
    for category, statements in after(*events).items():
        for one in statements:
            assert any(one.says(field, source) for piece, field, source in WORLD if piece == category)


@given(ending(Kind.RENEWED))
def test_a_renewal_permits_nothing_that_was_not_permitted_and_only_for_longer(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assert permitted(now_on, event.at, event.agreement) == permitted(before, event.at, event.agreement)


@given(ending(Kind.INVALIDATED))
def test_an_invalidation_leaves_what_stands_without_what_it_is_of(events: list[Event]) -> None:
    event = events[-1]
    without = after(*(one for one in events[:-1] if one.id != event.target))
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(after(*events), now, agreement) == permitted(without, now, agreement)


@given(ending(Kind.REVOKED, Kind.SUPERSEDED))
def test_what_others_end_ends_under_their_agreement_alone(events: list[Event]) -> None:
    before, event, now_on = split(events)
    others = [agreement for agreement in AGREEMENTS if agreement not in ("", event.agreement)]
    for now, agreement in itertools.product(moments(events), others):
        assert permitted(now_on, now, agreement) == permitted(before, now, agreement)
    if not event.target:
        assert permitted(now_on, event.at, event.agreement).isdisjoint(named(event))


@given(ending(Kind.REQUESTED, Kind.DEFERRED, Kind.CARRIED_OVER))
def test_asking_putting_off_and_carrying_over_change_nothing_that_is_permitted(events: list[Event]) -> None:
    before, _, now_on = split(events)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(now_on, now, agreement) == permitted(before, now, agreement)


@given(EVERY_KIND)
def test_an_answer_is_never_wider_than_its_question(events: list[Event]) -> None:
    taken = admitted(events)
    questions = {event.id: event for event in taken if event.kind is Kind.REQUESTED}
    for event in taken:
        if event.request:
            asked = questions[event.request]
            assert event.agreement == asked.agreement
            assert event.at < asked.expires_at
            assert event.kind is not Kind.GIVEN or named(event) <= named(asked)


@given(EVERY_KIND)
def test_whoever_ended_it_no_record_that_ended_is_ever_in_force_again_but_by_an_invalidation(
    events: list[Event],
) -> None:
    taken = admitted(events)
    assume(not any(event.kind is Kind.INVALIDATED for event in taken))
    over: set[str] = set()
    for number, event in enumerate(taken, 1):
        statements = [one for some in after(*taken[:number]).values() for one in some]
        standing = {one.event for one in statements if one.state is State.GIVEN and event.at < one.until}
        assert not standing & over
        over |= {one.id for one in taken[:number] if one.kind in PERMITTING} - standing


VIEW, STORE = (Conditions(access_modes=(mode,)) for mode in (AccessMode.VIEW, AccessMode.STORE))


@given(EVERY_KIND, st.lists(st.sampled_from((None, VIEW, STORE)), min_size=7, max_size=7))
def test_conditions_never_add_a_field_and_always_come_from_a_permit(
    events: list[Event], conditions: list[Conditions | None]
) -> None:
    narrowed = [
        replace(event, provision=replace(event.provision, conditions=one))
        for event, one in zip(events, conditions, strict=False)
    ]
    standing, free = Standing(1, after(*narrowed)), permitted(after(*narrowed), events[-1].at)
    for category, field, source in WORLD:
        held = rules.held(standing, category, source, events[-1].at)
        if held.state is State.GIVEN and (field in held.fields or not (held.fields or field in held.fields_except)):
            assert (category, field, source) in free
            permits = [one for one in standing.by_category[category] if one.state is State.GIVEN]
            assert any(
                (one.conditions or Conditions()).covers(held.conditions)
                for one in permits
                if one.says(field, source)
            )
