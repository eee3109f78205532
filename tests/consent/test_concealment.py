# SPDX-License-Identifier: Apache-2.0
"""What is kept from somebody who acts for a person does not show in what they see, nor in how much that is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.authority import Restriction
from consent.concealment import Concealment, about_event, may_see, visible
from consent.words import By, Kind
from tests.consent.decisions import NOON, PERSON, PLAN, VISITS
from tests.consent.families import AUNT, FATHER, HEALTH, MOTHER, authority, family, matter, said


def hidden(**more: Any) -> Concealment:
    return Concealment(id="c-1", person=PERSON, set_by="staff-1", **{"since": NOON - 10} | more)


@pytest.mark.parametrize(
    ("concealment", "sees"),
    [
        (hidden(), False),
        (hidden(holders=(MOTHER,)), False),
        (hidden(holders=(FATHER,)), True),
        (hidden(categories=(PLAN,)), False),
        (hidden(categories=(VISITS,)), True),
        (hidden(since=NOON), False),
        (hidden(since=NOON + 1), True),
        (hidden(until=NOON), True),
        (hidden(until=NOON + 1), False),
    ],
)
def test_a_concealment_hides_what_it_names_from_whom_it_names_while_it_lasts(
    concealment: Concealment, sees: bool
) -> None:
    subject = family(authority(MOTHER), authority(FATHER))
    assert may_see(subject, [concealment], MOTHER, matter(), NOON) is sees
    assert may_see(subject, [concealment], PERSON, matter(), NOON), "nothing is kept from the person"


@pytest.mark.parametrize(
    ("more", "sees"),
    [
        ({}, True),
        ({"restrictions": (Restriction(order="order-1", see=True),)}, False),
        ({"restrictions": (Restriction(order="order-1", see=True, categories=(VISITS,)),)}, True),
        ({"restrictions": (Restriction(order="order-1"),)}, True),
        ({"categories": (HEALTH,)}, False),
        ({"ended": "safeguarding", "ended_at": NOON}, False),
        ({"rests": "pending-review"}, False),
    ],
)
def test_a_proxy_sees_what_their_authority_reaches(more: dict[str, Any], sees: bool) -> None:
    assert may_see(family(authority(MOTHER, **more)), [], MOTHER, matter(), NOON) is sees
    assert not may_see(family(authority(MOTHER, **more)), [], AUNT, matter(), NOON)


def test_what_a_child_decided_alone_is_not_shown_to_parents() -> None:
    subject = family(authority(MOTHER), authority(AUNT, By.CHOSEN))
    events = [said(Kind.GIVEN, PERSON), said(Kind.GIVEN, MOTHER)]
    for viewer, seen in ((MOTHER, events[1:]), (AUNT, events), (PERSON, events), (FATHER, [])):
        assert visible(events, about_event, subject, [], viewer, NOON) == seen


@given(st.lists(st.tuples(st.sampled_from((PERSON, MOTHER)), st.sampled_from((PLAN, VISITS, HEALTH))), max_size=8))
def test_a_list_with_hidden_rows_is_the_list_of_a_world_without_them(rows: list[tuple[str, str]]) -> None:
    subject = family(authority(AUNT, By.CHOSEN))
    events = [said(Kind.GIVEN, who, category, at=NOON - n - 1) for n, (who, category) in enumerate(rows)]
    kept = [event for event in events if event.provision.categories != (HEALTH,)]
    concealed = [hidden(categories=(HEALTH,))]
    assert visible(events, about_event, subject, concealed, AUNT, NOON) == visible(
        kept, about_event, subject, concealed, AUNT, NOON
    )
