# SPDX-License-Identifier: Apache-2.0
"""What holds of every history, whatever citizens decide in whatever order."""

from __future__ import annotations

import itertools

from hypothesis import assume, given
from msgspec.structs import replace

from consent import rules
from consent.model import Event, Kind, Standing, State
from tests.consent.decisions import WORLD, admitted, after, histories, moments, named, permitted

AGREEMENTS = ("", "dsa-2026-014", "dsa-2026-021")


def split(events: list[Event]) -> tuple[rules.ByCategory, Event, rules.ByCategory]:
    before = after(*events[:-1])
    return before, events[-1], rules.step(before, events[-1])


@given(histories())
def test_nothing_but_a_giving_permits_anything_at_any_time(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assume(event.kind is not Kind.GIVEN)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(now_on, now, agreement) <= permitted(before, now, agreement)


@given(histories())
def test_a_giving_permits_no_more_than_it_names_no_longer_than_it_says(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assume(event.kind is Kind.GIVEN)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        mine = agreement in ("", event.agreement) and now < event.expires_at
        more = named(event) if mine else set()
        assert permitted(now_on, now, agreement) <= permitted(before, now, agreement) | more


@given(histories())
def test_a_giving_takes_nothing_away_at_its_instant(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assume(event.kind is Kind.GIVEN)
    assert permitted(before, event.at) <= permitted(now_on, event.at)


@given(histories())
def test_a_no_stops_exactly_what_it_names_from_then_on(events: list[Event]) -> None:
    before, event, now_on = split(events)
    assume(event.kind is not Kind.GIVEN)
    for now, agreement in itertools.product(moments(events), AGREEMENTS):
        assert permitted(now_on, now, agreement) == permitted(before, now, agreement) - named(event)


@given(histories())
def test_a_wider_withdrawal_leaves_no_more_than_a_narrower_one(events: list[Event]) -> None:
    before, event, _ = split(events)
    narrow = replace(event, kind=Kind.WITHDRAWN, expires_at=0, predecessor="")
    wide = replace(narrow, provision=replace(narrow.provision, fields=(), sources=()))
    for now in moments(events):
        assert permitted(rules.step(before, wide), now) <= permitted(rules.step(before, narrow), now)


@given(histories())
def test_every_giving_that_is_taken_gives_something_in_every_category_it_names(events: list[Event]) -> None:
    taken = admitted(events)
    for number, event in enumerate(taken, 1):
        if event.kind is Kind.GIVEN:
            categories = {piece[0] for piece in permitted(after(*taken[:number]), event.at) & named(event)}
            assert categories == set(event.provision.categories)


@given(histories())
def test_yes_and_no_never_speak_of_the_same(events: list[Event]) -> None:
    for category, field, source in WORLD:
        statements = after(*events).get(category, ())
        speaking = {one.state for one in statements if one.says(field, source)}
        assert State.GIVEN not in speaking or len(speaking) == 1


@given(histories())
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


@given(histories())
def test_the_answer_does_not_change_before_the_instant_it_names(events: list[Event]) -> None:
    standing = Standing(1, after(*events))
    for now, (category, _, source) in itertools.product(moments(events), WORLD):
        held = rules.held(standing, category, source, now)
        for later in range(now, held.until):
            assert rules.held(standing, category, source, later) == held


@given(histories())
def test_no_statement_is_empty(events: list[Event]) -> None:
    for category, statements in after(*events).items():
        for one in statements:
            assert any(one.says(field, source) for piece, field, source in WORLD if piece == category)
