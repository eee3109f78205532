# SPDX-License-Identifier: Apache-2.0
"""Records in the shapes of others: FHIR R4 Consent (read by a validator that is not ours) and GovStack."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.consent import Consent
from hypothesis import given as for_all
from msgspec.structs import replace

from consent import fhir, govstack, rules
from consent.conditions import Conditions, Frequency
from consent.errors import MalformedEvent
from consent.model import Event, Kind, Scope, State
from consent.records import Record, records
from consent.words import CONSENT, DPV_RENEWED, AccessMode, By, Channel, Unit
from tests.consent.decisions import (
    NOON,
    PERSON,
    PLAN,
    VISITS,
    YEAR,
    admitted,
    deferred,
    given,
    histories,
    invalidated,
    refused,
    renewed,
    requested,
    revoked,
    superseded,
    withdrawn,
)

SUBJECT = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}
GOAL = ("support.plan/goal",)
FULL = replace(
    given(
        PLAN,
        VISITS,
        fields=GOAL,
        sources=("crm", "core"),
        conditions=Conditions(
            roles=("nurse",),
            period_from="2020-01-01",
            access_modes=(AccessMode.VIEW,),
            frequency=Frequency(3, 1, Unit.WEEK),
            erase_by=NOON + 9,
        ),
    ),
    by=By.PARENT,
    authoriser="mother",
    authority="auth-1",
    parties=("mother", PERSON),
    channel=Channel.PHONE,
    read_back=True,
    evidence="cd" * 32,
    revision="ef" * 32,
    lawful_basis="6(1)(a)",
    confidentiality_basis="explicit-consent",
)


def states(*events: Event, now: int = NOON) -> list[State]:
    return [record.state for record in records(events, now)]


def test_a_record_begins_with_a_yes_a_no_or_a_question_and_says_how_it_ended() -> None:
    assert states(given()) == [State.GIVEN]
    assert states(refused()) == [State.REFUSED]
    assert states(requested()) == [State.REQUESTED]
    question = requested()
    assert states(question, deferred(request=question.id)) == [State.DEFERRED]
    assert states(question, given(request=question.id)) == [State.GIVEN]
    assert states(requested(until=NOON + 5), now=NOON + 5) == [State.EXPIRED]
    assert states(given(), withdrawn()) == [State.WITHDRAWN]
    assert states(given(), withdrawn(fields=GOAL)) == [State.GIVEN]
    assert states(given(), withdrawn(fields=GOAL), refused()) == [State.REFUSED, State.REFUSED]
    assert states(given(), revoked()) == [State.REVOKED]
    assert states(given(), superseded()) == [State.SUPERSEDED]
    assert states(given(id="yes"), invalidated("yes")) == [State.INVALIDATED]
    assert states(given(until=NOON + 5), now=NOON + 5) == [State.EXPIRED]
    assert states(given(parties=(PERSON, "mother"))) == [State.AWAITING]


def test_who_gives_again_begins_a_new_record_and_the_old_one_stays_at_its_end() -> None:
    events = [given(), withdrawn(reason="changed-mind"), given()]
    assert states(*events) == [State.WITHDRAWN, State.GIVEN]
    assert records(events, NOON)[0].reason == "changed-mind"
    assert states(given(), given(until=NOON + YEAR + 5)) == [State.SUPERSEDED, State.GIVEN]
    assert records([given(), renewed(until=NOON + 2 * YEAR)], NOON)[-1].status == DPV_RENEWED


def test_what_an_invalid_consent_displaced_is_a_record_in_force_again() -> None:
    events = [given(id="first"), given(id="forced", until=NOON + 9), invalidated("forced")]
    assert states(*events) == [State.GIVEN, State.INVALIDATED]


@for_all(histories(kinds=CONSENT))
def test_a_record_is_in_force_as_long_as_something_of_it_is(events: list[Event]) -> None:
    taken = admitted(events)
    now = events[-1].at
    left = [one for by in rules.fold(taken).values() for some in by.values() for one in some]
    in_force = {one.event for one in left if one.state is State.GIVEN and now < one.until}
    assert {one.event.id for one in records(taken, now) if one.state is State.GIVEN} == in_force


# -- FHIR R4 --------------------------------------------------------------------------------------------------

KINDS = [FULL, given(), refused(), requested(), renewed(), given(sources=("crm",))]


def exported(event: Event, state: State = State.GIVEN) -> dict[str, Any]:
    return fhir.consent(Record(event, state), SUBJECT)


@pytest.mark.parametrize("event", KINDS)
@pytest.mark.parametrize("state", State)
def test_a_validator_that_is_not_ours_reads_every_record_in_every_state(event: Event, state: State) -> None:
    assert Consent.model_validate(exported(event, state)).status == exported(event, state)["status"]


@pytest.mark.parametrize("event", KINDS)
def test_fhir_gives_back_the_event_it_was_made_from(event: Event) -> None:
    assert fhir.event(exported(event), PERSON) == event


def test_fhir_keeps_to_the_profile_for_privacy_consent() -> None:
    for event in KINDS:
        resource = exported(event)
        for one in ("status", "scope", "patient", "dateTime", "sourceReference", "provision"):
            assert resource[one]
        assert [len(resource[many]) >= 1 for many in ("performer", "organization")] == [True, True]
        assert [policy["uri"] for policy in resource["policy"]] == ["urn:commons:consent:agreement:dsa-2026-014"]
        assert resource["provision"]["type"] in ("permit", "deny")
        assert {actor["role"]["coding"][0]["code"] for actor in resource["provision"]["actor"]} == {"IRCP"}
        assert not {"verification"} & set(resource)
        assert not {"action", "code"} & set(resource["provision"])


def test_fhir_says_what_was_taken_out_as_an_exception_one_level_deep() -> None:
    [record] = records([given(), withdrawn(fields=GOAL)], NOON)
    resource = fhir.consent(record, SUBJECT)
    Consent.model_validate(resource)
    assert [one["type"] for one in resource["provision"]["provision"]] == ["deny"]
    assert fhir.exceptions(resource) == [(PLAN, Scope(("goal",)))]
    assert fhir.exceptions(exported(given())) == []


def test_fhir_says_why_it_ended_and_in_which_of_its_words() -> None:
    [record] = records([given(), revoked(reason="safeguarding")], NOON)
    resource = fhir.consent(record, SUBJECT)
    assert resource["status"] == "inactive"
    assert {"url": "urn:commons:consent:status-reason", "valueCode": "safeguarding"} in resource["extension"]
    assert "https://w3id.org/dpv#ConsentRevoked" in str(resource["extension"])


def test_fhir_names_the_person_only_as_the_caller_says() -> None:
    assert PERSON not in str(exported(replace(FULL, parties=())))


def test_a_bundle_holds_every_record() -> None:
    made = fhir.bundle(records([given(), refused(VISITS)], NOON), SUBJECT)
    Bundle.model_validate(made)
    assert len(made["entry"]) == 2


def test_a_consent_of_another_system_is_read_as_far_as_it_goes() -> None:
    resource = exported(given(until=NOON + 9))
    del resource["extension"]
    event = fhir.event(resource, PERSON)
    assert (event.kind, event.expires_at, event.channel) == (Kind.GIVEN, NOON + 9, Channel.PAPER)
    assert fhir.event({**resource, "status": "proposed"}, PERSON).kind is Kind.REQUESTED
    assert fhir.event(exported(refused()) | {"extension": []}, PERSON).kind is Kind.REFUSED


@pytest.mark.parametrize("missing", ["id", "status", "policy", "provision", "dateTime", "sourceReference"])
def test_a_consent_that_leaves_something_open_is_not_guessed_at(missing: str) -> None:
    resource = exported(given())
    del resource[missing]
    if missing == "status":
        del resource["extension"]
    with pytest.raises(MalformedEvent):
        fhir.event(resource, PERSON)


@pytest.mark.parametrize("spoilt", [{}, {"provision": []}, {"provision": {"provision": [{}]}}])
def test_an_exception_that_cannot_be_read_is_not_passed_over(spoilt: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        fhir.exceptions(spoilt)


# -- GovStack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", KINDS)
@pytest.mark.parametrize("state", State)
def test_govstack_gives_back_the_event_it_was_made_from(event: Event, state: State) -> None:
    made = govstack.consent_record(Record(event, state), "pairwise-1")
    assert govstack.event(made, PERSON) == event
    assert made["optIn"] == (state is State.GIVEN)
    assert made["state"] in ("unsigned", "pending more signatures", "signed")
    required = {"id", "dataAgreementRevisionHash", "state", "dataAgreement", "individual", "optIn"}
    assert required <= set(made)
    assert made["individual"] == "pairwise-1"


def test_a_govstack_record_without_recipient_and_end_is_no_consent() -> None:
    made = govstack.consent_record(Record(given(), State.GIVEN), "pairwise-1")
    del made["x-commons"]
    with pytest.raises(MalformedEvent):
        govstack.event(made, PERSON)
