# SPDX-License-Identifier: Apache-2.0
"""What a decision would change is what it does change: judged by the law in force, with nothing recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from consent.errors import NothingGiven
from consent.model import Event, Provision
from gateway.consents.whatif import Effect, Service, foresee
from gateway.policy import vocabulary as law
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.vocabulary import Vocabulary
from tests.consent.decisions import NOON, given, withdrawn

POLICIES = Path(__file__).parents[3] / "policies"
CRM = "uk/charity/9999901/crm"
PLAN, VISITS = "support.plan", "support.befriending"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return law.load(POLICIES)


@pytest.fixture(scope="module")
def judge() -> EmbeddedJudge:
    return EmbeddedJudge.unsafe_unsigned(POLICIES)


def seen(judge: EmbeddedJudge, vocabulary: Vocabulary, events: list[Event], decision: Event) -> list[Service]:
    return asyncio.run(foresee(judge, vocabulary, events, decision, NOON))


def changed(services: list[Service]) -> set[tuple[str, str, Effect]]:
    return {(one.agreement, one.category, one.effect) for one in services if one.effect is not Effect.UNAFFECTED}


def test_a_yes_lets_exactly_those_see_who_rest_on_it(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    services = seen(judge, vocabulary, [], given(PLAN, VISITS))
    assert changed(services) == {
        ("dsa-2026-014", PLAN, Effect.GAINS),
        ("dsa-2026-014", VISITS, Effect.GAINS),
    }
    direct_care = [one for one in services if one.category == "health.medications"]
    assert direct_care
    assert all(one.effect is Effect.UNAFFECTED for one in direct_care)
    assert any(one.fields_after for one in direct_care)


def test_a_withdrawal_takes_it_from_them_and_leaves_the_others(
    judge: EmbeddedJudge, vocabulary: Vocabulary
) -> None:
    services = seen(judge, vocabulary, [given(PLAN, VISITS)], withdrawn(PLAN))
    assert changed(services) == {("dsa-2026-014", PLAN, Effect.LOSES)}
    [lost] = [one for one in services if one.effect is Effect.LOSES]
    assert (lost.source, lost.reason, lost.fields_after) == (CRM, "consent-withdrawn", ())
    assert lost.rests_on == ("consent",)


def test_a_part_taken_back_narrows_and_given_again_widens(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    no = withdrawn(PLAN, fields=("support.plan/goal",))
    [narrowed] = [one for one in seen(judge, vocabulary, [given()], no) if one.effect is not Effect.UNAFFECTED]
    assert narrowed.effect is Effect.NARROWED
    assert set(narrowed.fields_before) - set(narrowed.fields_after) == {"goal"}
    again = given(PLAN, fields=("support.plan/goal",))
    [widened] = [
        one for one in seen(judge, vocabulary, [given(), no], again) if one.effect is not Effect.UNAFFECTED
    ]
    assert widened.effect is Effect.WIDENED


def test_what_could_not_be_recorded_is_not_foreseen(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    with pytest.raises(NothingGiven):
        seen(judge, vocabulary, [], withdrawn())


def test_a_yes_that_no_agreement_can_use_changes_nothing(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    useless = replace(given(), provision=Provision(categories=("housing.tenancy",)))
    assert changed(seen(judge, vocabulary, [], useless)) == set()


def test_nothing_is_recorded_by_asking(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    events = [given()]
    seen(judge, vocabulary, events, withdrawn())
    assert len(events) == 1
    assert changed(seen(judge, vocabulary, events, withdrawn())) == {("dsa-2026-014", PLAN, Effect.LOSES)}
