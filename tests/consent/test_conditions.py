# SPDX-License-Identifier: Apache-2.0
"""Conditions of a consent: what covers what, and what several come to together."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent.conditions import ANY, Conditions, Frequency, both
from consent.errors import (
    AuthoriserMissing,
    ConditionsImpossible,
    MemberMisplaced,
    MemberMissing,
    PartiesIncomplete,
    ProvisionEmpty,
    ReasonMissing,
)
from consent.model import Event, Kind, Provision
from consent.wellformed import check
from consent.words import NATIONAL_DATA_OPT_OUT, AccessMode, By, Unit
from tests.consent.decisions import NOON, PERSON, PLAN, decision, deferred, given, invalidated, revoked, withdrawn

NAMES = st.sampled_from([(), ("a",), ("b",), ("a", "b")])
DATES = st.sampled_from(["", "2020-01-01", "2021-01-01"])
CONDITIONS = st.builds(
    Conditions,
    roles=NAMES,
    services=NAMES,
    period_from=DATES,
    period_to=DATES,
    access_modes=st.sampled_from([(), (AccessMode.VIEW,), (AccessMode.VIEW, AccessMode.STORE)]),
    frequency=st.none() | st.builds(Frequency, st.integers(1, 2), st.integers(1, 2), st.sampled_from(Unit)),
    erase_by=st.sampled_from([0, NOON + 1, NOON + 2]),
)


@for_all(CONDITIONS, CONDITIONS, CONDITIONS)
def test_covering_is_an_order(one: Conditions, two: Conditions, three: Conditions) -> None:
    assert ANY.covers(one)
    assert one.covers(one)
    if one.covers(two) and two.covers(three):
        assert one.covers(three)
    if one.covers(two) and two.covers(one):
        assert one.admits("a", "b") == two.admits("a", "b")


@for_all(CONDITIONS, CONDITIONS)
def test_what_two_come_to_lies_within_each_of_them(one: Conditions, other: Conditions) -> None:
    together = both(one, other)
    if together is not None:
        assert one.covers(together)
        assert other.covers(together)
        for role, service in (("a", "a"), ("b", "a"), ("", "")):
            assert together.admits(role, service) <= (one.admits(role, service) and other.admits(role, service))
    assert both(one, ANY) == one == both(ANY, one) or one.period_from > one.period_to != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Conditions(roles=("a",)), Conditions(roles=("b",))),
        (Conditions(services=("a",)), Conditions(services=("b",))),
        (Conditions(access_modes=(AccessMode.VIEW,)), Conditions(access_modes=(AccessMode.STORE,))),
        (Conditions(period_from="2021-01-01"), Conditions(period_to="2020-12-31")),
    ],
)
def test_two_that_contradict_each_other_leave_nothing(one: Conditions, other: Conditions) -> None:
    assert both(one, other) is None
    assert both(other, one) is None


def test_a_window_has_seconds() -> None:
    assert [Frequency(1, 2, unit).window_s for unit in Unit] == [7_200, 172_800, 1_209_600, 5_184_000, 63_072_000]


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(period_from="20260101"),
        Conditions(period_to="yesterday"),
        Conditions(period_from="2026-02-01", period_to="2026-01-31"),
        Conditions(roles=("",)),
        Conditions(services=("",)),
        Conditions(frequency=Frequency(0, 1, Unit.DAY)),
        Conditions(frequency=Frequency(1, 0, Unit.DAY)),
        Conditions(erase_by=NOON),
        Conditions(erase_by=253_402_300_800),
    ],
)
def test_conditions_that_nothing_could_meet_are_refused(conditions: Conditions) -> None:
    with pytest.raises(ConditionsImpossible):
        check(given(conditions=conditions))


def test_conditions_that_something_could_meet_are_taken() -> None:
    day = Conditions(period_from="2026-01-01", period_to="2026-01-01", erase_by=NOON + 1)
    check(given(conditions=day))


# -- what each kind must and may say --------------------------------------------------------------------------

MOTHER = {"by": By.PARENT, "authoriser": "mother", "authority": "auth-1"}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (deferred(), MemberMissing),
        (decision(Kind.OBJECTION_UPHELD, reason="unlawful"), MemberMissing),
        (decision(Kind.INVALIDATED), MemberMissing),
        (decision(Kind.OPTED_OUT), MemberMissing),
        (decision(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT), MemberMisplaced),
        (given(code=NATIONAL_DATA_OPT_OUT), MemberMisplaced),
        (given(target="another"), MemberMisplaced),
        (withdrawn(request="a-question"), MemberMisplaced),
        (withdrawn(parties=(PERSON, "mother")), MemberMisplaced),
        (revoked(reason=""), ReasonMissing),
        (revoked(reason="changed-mind"), ReasonMissing),
        (given(reason="changed-mind"), ReasonMissing),
        (invalidated("x", reason="agreement-ended"), ReasonMissing),
        (given(by=By.PARENT), AuthoriserMissing),
        (given(authoriser="mother"), AuthoriserMissing),
        (given(authority="auth-1"), AuthoriserMissing),
        (given(**{**MOTHER, "authority": ""}), AuthoriserMissing),
        (decision(Kind.AUTHORITY_GRANTED), AuthoriserMissing),
        (decision(Kind.AUTHORITY_GRANTED, by=By.PARENT), AuthoriserMissing),
        (given(parties=(PERSON,)), PartiesIncomplete),
        (given(parties=("mother", "father")), PartiesIncomplete),
        (given(parties=(PERSON, PERSON)), PartiesIncomplete),
        (given(evidence="a" * 65), MemberMissing),
        (given(request="a" * 37), MemberMissing),
    ],
)
def test_what_a_kind_must_say_and_what_it_may_not(event: Event, error: type[Exception]) -> None:
    with pytest.raises(error):
        check(event)


@pytest.mark.parametrize(
    "event",
    [
        given(**MOTHER),
        given(parties=(PERSON, "mother")),
        given(parties=(PERSON, "mother"), **MOTHER),
        withdrawn(reason="changed-mind"),
        withdrawn(),
        revoked(target="one"),
        deferred(request="a-question"),
        decision(Kind.AUTHORITY_GRANTED, by=By.HEALTH_LPA, authoriser="attorney"),
        decision(Kind.OBJECTED),
    ],
)
def test_what_is_whole_is_taken(event: Event) -> None:
    check(event)


def test_only_consent_must_name_a_kind_of_information() -> None:
    nothing = Provision(categories=())
    members = {name: getattr(decision(Kind.OBJECTED), name) for name in Event.__struct_fields__}
    check(Event(**{**members, "provision": nothing}))
    members = {name: getattr(given(PLAN), name) for name in Event.__struct_fields__}
    with pytest.raises(ProvisionEmpty):
        check(Event(**{**members, "provision": nothing}))
