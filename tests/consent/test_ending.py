# SPDX-License-Identifier: Apache-2.0
"""What will end by the passing of time, and when that is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from consent import ending, rules
from consent.authority import Authority
from consent.ending import DAY_S, Why, due
from consent.model import Event
from consent.words import By
from tests.consent.decisions import (
    DISCHARGE,
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    VISITS,
    given,
    refused,
    renewed,
    withdrawn,
)
from tests.consent.families import AUNT, FATHER, MOTHER, authority

END = NOON + 90 * DAY_S
BOTH = (VISITS, PLAN)


@pytest.mark.parametrize(
    ("before", "days"),
    [
        (90 * DAY_S, 0),
        (30 * DAY_S + 1, 0),
        (30 * DAY_S, 30),
        (7 * DAY_S + 1, 30),
        (7 * DAY_S, 7),
        (1, 7),
        (0, 0),
        (-DAY_S, 0),
    ],
)
def test_an_end_is_told_thirty_and_seven_days_before_and_after_a_pause_once(before: int, days: int) -> None:
    assert due(NOON, END, END - before) == days


@pytest.mark.parametrize(
    ("lifetime", "before", "days"),
    [(10, 9, 0), (10, 7, 7), (10, 1, 7), (7, 7, 0), (7, 1, 0), (30, 30, 0), (31, 30, 30)],
)
def test_what_began_later_than_a_moment_is_not_told_at_it(lifetime: int, before: int, days: int) -> None:
    assert due(END - lifetime * DAY_S, END, END - before * DAY_S) == days


def ends(*events: Event, now: int = NOON + 100) -> list[tuple[str, tuple[str, ...], int]]:
    standing = rules.fold(events).get((HOSPITAL, DISCHARGE), {})
    found = ending.consents(PERSON, HOSPITAL, DISCHARGE, standing, now)
    return sorted((one.about, one.categories, one.ends_at) for one in found)


YES = given(PLAN, VISITS, id="yes", until=END)


def test_a_consent_ends_in_all_that_it_names_until_the_second_of_its_end() -> None:
    assert ends(YES) == ends(YES, now=END - 1) == [("yes", BOTH, END)]
    assert ends(YES, now=END) == []


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (withdrawn(PLAN, VISITS), []),
        (withdrawn(PLAN), [("yes", (VISITS,), END)]),
        (refused(PLAN, VISITS), []),
        (withdrawn(PLAN, fields=(f"{PLAN}/goal",)), [("yes", BOTH, END)]),
        (refused(PLAN, by=By.PARENT, authoriser="mother", authority="a-1"), [("yes", (VISITS,), END)]),
        (renewed(PLAN, VISITS, id="again", until=END + 5), [("again", BOTH, END + 5)]),
        (given(VISITS, id="more", until=END + 5), [("more", (VISITS,), END + 5), ("yes", (PLAN,), END)]),
        (
            given(PLAN, id="part", fields=(f"{PLAN}/goal",), until=END + 5),
            [("part", (PLAN,), END + 5), ("yes", BOTH, END)],
        ),
        (
            given(PLAN, id="other", agreement="dsa-2026-021", until=END + 5),
            [("other", (PLAN,), END + 5), ("yes", BOTH, END)],
        ),
    ],
    ids=[
        "withdrawn",
        "in-part",
        "refused",
        "a-field",
        "by-another",
        "renewed",
        "longer",
        "a-part-longer",
        "elsewhere",
    ],
)
def test_only_what_stops_then_is_an_end(later: Event, left: list[tuple[str, tuple[str, ...], int]]) -> None:
    assert ends(YES, replace(later, at=NOON + 1)) == left


def test_a_parent_s_longer_yes_keeps_what_the_person_gave_from_ending() -> None:
    longer = given(PLAN, VISITS, id="hers", until=END + 5, by=By.PARENT, authoriser="mother", authority="a-1")
    assert [about for about, _, _ in ends(YES, longer)] == ["hers"]


def test_what_waits_for_others_has_no_end_yet() -> None:
    assert ends(given(PLAN, until=END, parties=(PERSON, "mother"))) == []


def lapses(*held: Authority, now: int = NOON) -> list[tuple[str, int, Why]]:
    return [(one.about, one.ends_at, one.why) for one in ending.authorities(held, now)]


def test_an_authority_lapses_at_its_end_at_its_review_and_when_the_child_is_of_age() -> None:
    aunt = authority(AUNT, By.CHOSEN, until=END)
    mother, father = authority(MOTHER, age=12), authority(FATHER, age=17)
    assert lapses(aunt, mother, father) == [
        (aunt.id, END, Why.END),
        (mother.id, mother.reviews[0], Why.REVIEW),
        (father.id, father.reviews[2], Why.OF_AGE),
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"until": 0},
        {"ended": "safeguarding", "ended_at": NOON},
        {"rests": "pending-review"},
        {"since": NOON + 1},
        {"until": NOON},
        {"reviewed_to": NOON},
    ],
)
def test_what_is_out_of_force_or_without_end_does_not_lapse(more: dict[str, Any]) -> None:
    assert lapses(authority(AUNT, By.CHOSEN, **{"until": END} | more)) == []


def test_what_was_handed_on_lapses_with_what_it_came_from_and_not_at_all_when_that_has_gone() -> None:
    above = authority(MOTHER, By.CHOSEN, id="above", until=END, depth=1)
    below = authority(AUNT, By.CHOSEN, id="below", until=END + 5, derived_from="above")
    assert [(about, at) for about, at, _ in lapses(above, below)] == [("above", END), ("below", END)]
    gone = replace(above, ended="revoked-by-person", ended_at=NOON)
    assert lapses(gone, below) == lapses(below) == []
