# SPDX-License-Identifier: Apache-2.0
"""An agreement as an officer reads it leaves nothing out."""

from __future__ import annotations

import pytest

from gateway.policy.reading import explained
from gateway.policy.vocabulary import Vocabulary, load

WORKED = sorted(load().agreements)


@pytest.mark.parametrize("id_", WORKED)
def test_it_names_every_party_purpose_field_statute_and_condition(vocabulary: Vocabulary, id_: str) -> None:
    agreement = vocabulary.agreements[id_]
    said = "\n".join(explained(agreement, vocabulary))
    for party in agreement.parties:
        assert f"{party.name} ({party.organisation})" in said
    for code in agreement.purposes:
        assert vocabulary.purposes[code].description in said
    for term in agreement.terms:
        assert term.source in said
        assert f"Article {term.lawful_basis}: " in said
        assert term.special_category_basis in said
        assert term.statute is None or term.statute.uri in said
        for category, fields in term.categories.items():
            titles = ", ".join(vocabulary.categories[category].fields[name].title for name in fields)
            assert f"({category}): {titles}." in said
    for role in agreement.roles.any_of:
        assert vocabulary.roles[role].title in said
    for code in (*agreement.roles.training, *agreement.conditions.declared_reasons):
        assert code in said
    assert f"erased after {agreement.retention_days} days" in said
    assert agreement.dpia in said
    assert agreement.contact in said


def test_the_services_of_the_commons_each_have_their_agreement(vocabulary: Vocabulary) -> None:
    purposes = {code for agreement in vocabulary.agreements.values() for code in agreement.purposes}
    assert purposes >= {
        "direct-care.discharge-planning",
        "direct-care.social-prescribing",
        "social-support.supporting-families",
        "social-support.homelessness-prevention",
        "social-support.warm-spaces",
        "benefits.blue-badge",
        "benefits.council-tax-support",
        "safeguarding.child",
        "safeguarding.adult",
    }
    assert len(vocabulary.agreements) >= 10


def test_every_agreement_has_its_welsh_name_its_assessment_and_its_law(vocabulary: Vocabulary) -> None:
    for agreement in vocabulary.agreements.values():
        assert agreement.title_cy, agreement.id
        assert agreement.dpia.startswith("DPIA-"), agreement.id
        for term in agreement.terms:
            consent = term.lawful_basis == "6(1)(a)"
            assert consent or term.statute or term.lawful_basis == "6(1)(d)", (agreement.id, term.title)
            special = {c for c in term.categories if vocabulary.categories[c].special}
            assert not special or term.special_category_basis, (agreement.id, term.title)


def test_no_category_is_defined_that_no_agreement_uses_but_those_kept_for_a_source(vocabulary: Vocabulary) -> None:
    used = {c for agreement in vocabulary.agreements.values() for term in agreement.terms for c in term.categories}
    kept = {"benefits.blue-badge", "health.care-plan", "housing.application", "support.warm-space"}
    assert set(vocabulary.categories) - used == kept
