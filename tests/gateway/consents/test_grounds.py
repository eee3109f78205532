# SPDX-License-Identifier: Apache-2.0
"""What a decision rests on is written into it: its agreement's revision, and both grounds of what it is about."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from consent.model import Channel, Event, Kind, Provision
from consent.revising import revision
from gateway.consents import recording
from gateway.consents.grounds import grounded, terms_of
from gateway.policy import vocabulary
from gateway.policy.vocabulary import Agreement

COUNCIL = "uk/council/E06999901/core"
GP = "uk/nhs/XZG01/gp-record"


LAW = vocabulary.load()


@pytest.fixture(scope="module")
def discharge() -> Agreement:
    return LAW.agreements["dsa-2026-014"]


def decided(agreement: Agreement, *categories: str, sources: tuple[str, ...] = ()) -> Event:
    made = recording.event(
        Kind.REFUSED, "p", LAW, agreement, categories or ("support.plan",), actor="p", channel=Channel.PAPER, now=1
    )
    return replace(made, provision=Provision(categories=categories, sources=sources))


@pytest.mark.parametrize("kind", [Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN])
def test_a_decision_names_the_revision_and_both_grounds_of_what_it_is_about(
    discharge: Agreement, kind: Kind
) -> None:
    made = recording.event(
        kind, "p", LAW, discharge, ["support.plan"], actor="p", channel=Channel.PAPER, now=1, lifetime_s=60
    )
    assert (made.lawful_basis, made.confidentiality_basis) == ("6(1)(a)", "explicit-consent")
    assert made.revision == revision(terms_of(discharge))


def test_a_decision_about_what_rests_on_several_grounds_names_each_once(discharge: Agreement) -> None:
    made = grounded(decided(discharge, "support.plan", "health.allergies", "housing.tenancy"), discharge)
    assert made.lawful_basis == "6(1)(e), 6(1)(a)"
    assert made.confidentiality_basis == "implied-consent-direct-care, statutory-gateway, explicit-consent"


def test_of_a_category_that_several_sources_hold_only_the_ground_of_the_named_one_counts(
    discharge: Agreement,
) -> None:
    from_both = grounded(decided(discharge, "identity.demographics"), discharge)
    assert from_both.confidentiality_basis == "implied-consent-direct-care, statutory-gateway"
    for source, basis in ((GP, "implied-consent-direct-care"), (COUNCIL, "statutory-gateway")):
        from_one = grounded(decided(discharge, "identity.demographics", sources=(source,)), discharge)
        assert from_one.confidentiality_basis == basis


def test_a_change_of_what_flows_is_another_revision_and_one_of_the_contact_is_not(discharge: Agreement) -> None:
    before = decided(discharge, "support.plan")
    longer = grounded(before, replace(discharge, retention_days=discharge.retention_days + 1))
    elsewhere = grounded(before, replace(discharge, contact="somebody.else@acute.example"))
    assert longer.revision != before.revision
    assert elsewhere.revision == before.revision
