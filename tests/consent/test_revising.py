# SPDX-License-Identifier: Apache-2.0
"""What a revision of an agreement means, computed over everything that may flow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace

from consent import revising, rules
from consent.conditions import Conditions
from consent.model import Event, Kind
from consent.revising import Flow, Terms, Verdict
from consent.words import AccessMode
from tests.consent.decisions import DISCHARGE, HOSPITAL, NOON, PERSON, PLAN, VISITS, after, given, withdrawn

NURSES = Conditions(roles=("nurse",))
FLOW = Flow(source="crm", category=PLAN, fields=("goal", "notes"), lawful_basis="6(1)(a)", conditions=NURSES)
BEFORE = Terms(
    agreement="dsa-2026-014",
    recipients=(HOSPITAL,),
    purposes=(DISCHARGE,),
    flows=(FLOW,),
    retention_days=70,
    words="As it was.",
)


def with_flow(**more: object) -> Terms:
    return replace(BEFORE, flows=(replace(FLOW, **more),))


@pytest.mark.parametrize(
    ("revised", "verdict"),
    [
        (BEFORE, Verdict.SAME),
        (replace(BEFORE, words="As it is."), Verdict.REWORDED),
        (replace(BEFORE, flows=()), Verdict.RETIRED),
        (replace(BEFORE, flows=(FLOW, replace(FLOW, category=VISITS))), Verdict.WIDENED),
        (replace(BEFORE, flows=(FLOW, replace(FLOW, source="core"))), Verdict.WIDENED),
        (with_flow(fields=("goal", "notes", "status")), Verdict.WIDENED),
        (with_flow(fields=("goal",)), Verdict.NARROWED),
        (with_flow(fields=("goal", "status")), Verdict.WIDENED),
        (with_flow(conditions=Conditions()), Verdict.WIDENED),
        (with_flow(conditions=Conditions(roles=("nurse", "clerk"))), Verdict.WIDENED),
        (with_flow(conditions=Conditions(roles=("nurse",), access_modes=(AccessMode.VIEW,))), Verdict.NARROWED),
        (with_flow(lawful_basis="6(1)(e)"), Verdict.WIDENED),
        (with_flow(confidentiality_basis="implied"), Verdict.WIDENED),
        (with_flow(demands=("assured role",)), Verdict.NARROWED),
        (replace(BEFORE, retention_days=71), Verdict.WIDENED),
        (replace(BEFORE, retention_days=69), Verdict.NARROWED),
        (replace(BEFORE, onward=True), Verdict.WIDENED),
        (replace(BEFORE, recipients=(HOSPITAL, "uk/nhs/XZZ02")), Verdict.WIDENED),
        (replace(BEFORE, purposes=(DISCHARGE, "research")), Verdict.WIDENED),
        (replace(BEFORE, purposes=("research",)), Verdict.WIDENED),
    ],
)
def test_a_revision_is_judged_by_what_flows(revised: Terms, verdict: Verdict) -> None:
    assert revising.compare(BEFORE, revised).verdict is verdict


def test_what_was_narrowing_is_widening_the_other_way() -> None:
    for revised in (
        with_flow(demands=("assured role",)),
        replace(BEFORE, onward=True),
        with_flow(fields=("goal",)),
    ):
        there, back = revising.compare(BEFORE, revised), revising.compare(revised, BEFORE)
        assert (there.wider, there.narrower) == (back.narrower, back.wider)
        assert {there.verdict, back.verdict} == {Verdict.NARROWED, Verdict.WIDENED}


def test_a_field_that_two_terms_give_is_as_wide_as_the_wider_of_them() -> None:
    anybody = replace(FLOW, conditions=Conditions(), fields=("goal",))
    assert revising.compare(replace(BEFORE, flows=(FLOW, anybody)), BEFORE).verdict is Verdict.NARROWED
    assert revising.compare(BEFORE, replace(BEFORE, flows=(FLOW, anybody))).wider == (
        (HOSPITAL, DISCHARGE, "crm", PLAN, "goal"),
    )


TERMS = st.builds(
    Terms,
    agreement=st.just("dsa-2026-014"),
    recipients=st.just((HOSPITAL,)),
    purposes=st.just((DISCHARGE,)),
    flows=st.lists(
        st.builds(
            Flow,
            source=st.sampled_from(("crm", "core")),
            category=st.sampled_from((PLAN, VISITS)),
            fields=st.lists(st.sampled_from(("goal", "notes")), min_size=1, unique=True).map(tuple),
            conditions=st.sampled_from((Conditions(), NURSES)),
        ),
        max_size=3,
    ).map(tuple),
    retention_days=st.integers(1, 2),
    onward=st.booleans(),
)


@for_all(TERMS, TERMS, TERMS)
def test_what_does_not_widen_step_by_step_does_not_widen_at_all(one: Terms, two: Terms, three: Terms) -> None:
    if not revising.compare(one, two).wider and not revising.compare(two, three).wider:
        assert not revising.compare(one, three).wider
    assert not revising.compare(one, one).wider


def consequences(revised: Terms, *events: Event) -> list[Event]:
    change = revising.compare(BEFORE, revised)
    return revising.consequences(
        change, PERSON, (HOSPITAL, DISCHARGE), after(*events), revision=revising.revision(revised),
        notice_hash="ab" * 32, now=NOON, actor="officer", new_id=lambda kind: f"id-{kind}",
    )  # fmt: skip


WIDER_GOAL = replace(BEFORE, flows=(FLOW, replace(FLOW, fields=("status",))))


@pytest.mark.parametrize(
    ("yes", "asked"),
    [
        (given(), True),
        (given(fields=("support.plan/status",)), True),
        (given(sources=("crm",)), True),
        (given(fields=("support.plan/goal",)), False),
        (given(sources=("core",)), False),
        (given(PLAN, VISITS), True),
        (given(VISITS), False),
    ],
)
def test_only_those_whose_consent_speaks_of_what_is_wider_are_asked_again(yes: Event, asked: bool) -> None:
    events = consequences(WIDER_GOAL, yes)
    kinds = [event.kind for event in events]
    assert (Kind.SUPERSEDED in kinds) == (Kind.REQUESTED in kinds) == asked
    assert all(event.provision.categories == (PLAN,) for event in events if event.kind is not Kind.CARRIED_OVER)
    carried = [event.provision.categories for event in events if event.kind is Kind.CARRIED_OVER]
    untouched = tuple(category for category in sorted(yes.provision.categories) if not (asked and category == PLAN))
    assert carried == ([untouched] if untouched else [])


@pytest.mark.parametrize(
    "events",
    [
        [],
        [given(), withdrawn()],
        [given(at=NOON - 9, until=NOON)],
        [given(agreement="dsa-2026-021")],
        [given(), withdrawn(fields=("support.plan/status",))],
    ],
)
def test_who_has_nothing_in_force_there_is_not_asked(events: list[Event]) -> None:
    assert Kind.SUPERSEDED not in [event.kind for event in consequences(WIDER_GOAL, *events)]


@pytest.mark.parametrize(
    ("revised", "kinds", "reason"),
    [
        (BEFORE, [], ""),
        (replace(BEFORE, words="As it is."), [Kind.CARRIED_OVER], "wording-changed"),
        (replace(BEFORE, retention_days=7), [Kind.CARRIED_OVER], "agreement-narrowed"),
        (replace(BEFORE, retention_days=99), [Kind.SUPERSEDED, Kind.REQUESTED], "agreement-widened"),
        (replace(BEFORE, flows=()), [Kind.SUPERSEDED], "agreement-retired"),
    ],
)
def test_what_a_revision_means_for_a_consent_in_force(revised: Terms, kinds: list[Kind], reason: str) -> None:
    yes = given()
    events = consequences(revised, yes)
    assert [event.kind for event in events] == kinds
    assert {event.reason for event in events} <= {reason, ""}
    taken = [yes]
    for event in events:
        rules.admit(after(*taken), event, taken)
        taken.append(event)
    still = after(*taken)[PLAN]
    in_force = revising.in_force("dsa-2026-014", {PLAN: still}, NOON)
    assert (in_force == ()) == (Kind.SUPERSEDED in kinds)


def test_the_revision_is_the_hash_of_the_terms() -> None:
    revisions = [
        revising.revision(one) for one in (BEFORE, replace(BEFORE, words="x"), replace(BEFORE, onward=True))
    ]
    assert len(set(revisions)) == 3
    assert revising.revision(replace(BEFORE)) == revisions[0]
    assert all(one != other for one, other in itertools.pairwise(revisions))
