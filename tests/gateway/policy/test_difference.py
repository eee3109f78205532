# SPDX-License-Identifier: Apache-2.0
"""What a new version of an agreement changes is told, and whatever lets more through is called wider."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.policy.agreements import Agreement
from gateway.policy.conditions import Conditions
from gateway.policy.difference import Access, accesses, compared
from gateway.policy.vocabulary import Vocabulary

ID = "dsa-2026-014"


def changed(vocabulary: Vocabulary, change: dict[str, Any]) -> Agreement:
    """The hospital's agreement with some members replaced, as its file would say them."""
    whole = msgspec.to_builtins(vocabulary.agreements[ID])
    return msgspec.convert(whole | change, Agreement)


def conditioned(vocabulary: Vocabulary, **conditions: Any) -> Agreement:
    return structs.replace(vocabulary.agreements[ID], conditions=msgspec.convert(conditions, Conditions))


@pytest.mark.parametrize("id_", ["dsa-2026-014", "dsa-2026-050", "dsa-2026-070", "dsa-2026-090"])
def test_nothing_is_changed_by_nothing(vocabulary: Vocabulary, id_: str) -> None:
    one = vocabulary.agreements[id_]
    same = compared(one, one, vocabulary.below, vocabulary.below)
    assert (same.gained, same.lost, same.changes, same.widens) == ((), (), (), False)


def test_how_it_is_written_is_no_change(vocabulary: Vocabulary) -> None:
    one = vocabulary.agreements[ID]
    other = structs.replace(one, title="Another", terms=tuple(reversed(one.terms)), contact="somebody@example.org")
    assert not compared(one, other, vocabulary.below, vocabulary.below).changes
    assert not compared(one, other, vocabulary.below, vocabulary.below).widens


def test_a_new_agreement_is_all_gained_and_one_that_went_is_all_lost(vocabulary: Vocabulary) -> None:
    one, below = vocabulary.agreements[ID], vocabulary.below
    assert set(compared(None, one, below, below).gained) == accesses(one, below)
    assert set(compared(one, None, below, below).lost) == accesses(one, below)
    assert compared(None, one, below, below).widens
    assert not compared(one, None, below, below).widens


def test_one_field_more_is_one_access_more_with_all_that_it_says(vocabulary: Vocabulary) -> None:
    one = vocabulary.agreements[ID]
    term = one.terms[0]
    wider = dict(term.categories) | {"health.medications": (*term.categories["health.medications"], "prescriber")}
    other = structs.replace(one, terms=(structs.replace(term, categories=wider), *one.terms[1:]))
    found = compared(one, other, vocabulary.below, vocabulary.below)
    assert found.gained == (
        Access(
            "uk/nhs/XZZ01",
            "direct-care.discharge-planning",
            "uk/nhs/XZG01/gp-record",
            "health.medications",
            "prescriber",
            "6(1)(e) + 9(2)(h) + implied-consent-direct-care",
        ),
    )
    assert found.lost == ()


def test_a_purpose_added_below_is_seen_though_the_agreement_is_the_same(vocabulary: Vocabulary) -> None:
    one = changed(vocabulary, {"purposes": ["direct-care"]})
    before = dict(vocabulary.below) | {"direct-care": ()}
    assert {access.purpose for access in compared(one, one, before, vocabulary.below).gained} == set(
        vocabulary.below["direct-care"]
    )


def test_another_ground_for_the_same_field_is_a_gain_and_a_loss(vocabulary: Vocabulary) -> None:
    one = vocabulary.agreements[ID]
    other = structs.replace(one, terms=(*one.terms[:2], structs.replace(one.terms[2], lawful_basis="6(1)(e)")))
    found = compared(one, other, vocabulary.below, vocabulary.below)
    assert len(found.gained) == len(found.lost) == 8
    assert found.widens


YEAR = {"from": "2026-04-01", "until": "2027-04-01"}

LOOSER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"retention_days": 70}, {"retention_days": 71}),
    ({"onward_sharing": False}, {"onward_sharing": True}),
    (
        {"valid": {"from": "2026-04-01", "until": "2027-04-01"}},
        {"valid": {"from": "2026-03-31", "until": "2027-04-01"}},
    ),
    (
        {"valid": {"from": "2026-04-01", "until": "2027-04-01"}},
        {"valid": {"from": "2026-04-01", "until": "2027-04-02"}},
    ),
    ({"roles": {"any_of": ["clinician"], "assured": True}}, {"roles": {"any_of": ["clinician"], "assured": False}}),
    ({"roles": {"any_of": ["clinician"], "assured": True}}, {"roles": {"any_of": [], "assured": True}}),
    (
        {"roles": {"any_of": ["clinician"], "assured": True}},
        {"roles": {"any_of": ["clinician", "social-worker"], "assured": True}},
    ),
    (
        {"roles": {"any_of": [], "assured": True, "training": ["a", "b"]}},
        {"roles": {"any_of": [], "assured": True, "training": ["a"]}},
    ),
]

CONDITIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"hours": {"from": "09:00", "until": "17:00", "weekdays": ["monday"]}}, {}),
    (
        {"hours": {"from": "09:00", "until": "17:00", "weekdays": ["monday"]}},
        {"hours": {"from": "09:00", "until": "17:01", "weekdays": ["monday"]}},
    ),
    (
        {"hours": {"from": "09:00", "until": "17:00", "weekdays": ["monday"]}},
        {"hours": {"from": "09:00", "until": "17:00", "weekdays": ["monday", "sunday"]}},
    ),
    ({"frequency": {"times": 2, "days": 7}}, {}),
    ({"frequency": {"times": 2, "days": 7}}, {"frequency": {"times": 3, "days": 7}}),
    ({"frequency": {"times": 2, "days": 7}}, {"frequency": {"times": 2, "days": 6}}),
    ({"relationships": ["referral"]}, {}),
    ({"relationships": ["referral"]}, {"relationships": ["referral", "admission"]}),
    ({"declared_reasons": ["court"]}, {}),
    ({"declared_reasons": ["court"]}, {"declared_reasons": ["court", "mental-capacity"]}),
    ({"sensitivity": {"clinician": ["personal"]}}, {}),
    ({"sensitivity": {"clinician": ["personal"]}}, {"sensitivity": {"clinician": ["personal", "special"]}}),
    ({}, {"overrides": ["vital-interests"]}),
    ({"suppress_counts_below": 8}, {"suppress_counts_below": 7}),
]


@pytest.mark.parametrize(("tight", "loose"), LOOSER)
def test_each_member_is_loosened_one_way_and_tightened_the_other(
    vocabulary: Vocabulary, tight: dict[str, Any], loose: dict[str, Any]
) -> None:
    below, one, other = vocabulary.below, changed(vocabulary, tight), changed(vocabulary, loose)
    assert {change.way for change in compared(one, other, below, below).changes} == {"loosened"}
    assert {change.way for change in compared(other, one, below, below).changes} == {"tightened"}


@pytest.mark.parametrize(("tight", "loose"), CONDITIONS)
def test_each_condition_is_loosened_one_way_and_tightened_the_other(
    vocabulary: Vocabulary, tight: dict[str, Any], loose: dict[str, Any]
) -> None:
    below, one, other = vocabulary.below, conditioned(vocabulary, **tight), conditioned(vocabulary, **loose)
    assert {change.way for change in compared(one, other, below, below).changes} == {"loosened"}
    assert {change.way for change in compared(other, one, below, below).changes} == {"tightened"}


def test_no_member_of_the_conditions_can_be_changed_unseen() -> None:
    tried = {name for pair in CONDITIONS for side in pair for name in side}
    assert tried == {field.name for field in structs.fields(Conditions)}


def test_a_refusal_that_says_more_is_looser_and_so_is_whatever_cannot_be_compared(vocabulary: Vocabulary) -> None:
    one, below = vocabulary.agreements["dsa-2026-070"], vocabulary.below
    for change, way in (
        ({"disclosure": "explain"}, "loosened"),
        ({"statute": None}, "loosened"),
        ({"condition": "DPA 2018 Sch 1 para 6"}, "loosened"),
    ):
        other = structs.replace(one, terms=(structs.replace(one.terms[0], **change), *one.terms[1:]))
        assert {change.way for change in compared(one, other, below, below).changes} == {way}


@given(st.data())
def test_what_one_direction_gains_the_other_loses(vocabulary: Vocabulary, data: st.DataObject) -> None:
    one, other = (
        data.draw(st.sampled_from(sorted(vocabulary.agreements.values(), key=lambda a: a.id))) for _ in "ab"
    )
    there, back = (compared(*pair, vocabulary.below, vocabulary.below) for pair in ((one, other), (other, one)))
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert there.widens or back.widens or not (there.gained or there.lost or there.changes)
