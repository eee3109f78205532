# SPDX-License-Identifier: Apache-2.0
"""The words of the law: complete, consistent, and refused when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.model import WithheldReason
from gateway.policy import vocabulary as law
from gateway.policy.documents import PolicyFolderError
from gateway.policy.vocabulary import Vocabulary


def test_every_withheld_reason_has_its_public_sentences(vocabulary: Vocabulary) -> None:
    assert set(vocabulary.reasons) == {reason.value for reason in WithheldReason}


def test_a_field_belongs_to_one_category_by_its_full_id(vocabulary: Vocabulary) -> None:
    assert "arrears_pence" in vocabulary.fields("housing.tenancy")
    assert vocabulary.fields("health.allergies") == {
        "substance",
        "reaction",
        "severity",
        "recorded",
        "status",
        "code",
    }


def test_an_answer_without_allergies_or_medicines_is_not_safe_to_rely_on(vocabulary: Vocabulary) -> None:
    assert vocabulary.critical == {"health.allergies", "health.medications"}


def test_disclosure_is_what_the_term_says_and_generic_where_there_is_none(vocabulary: Vocabulary) -> None:
    crm = "uk/charity/9999901/crm"
    assert vocabulary.disclosure("dsa-2026-021", crm, "support.befriending") == "silent"
    assert vocabulary.disclosure("dsa-2026-021", crm, "support.plan") == "generic"
    assert vocabulary.disclosure("dsa-2026-014", crm, "support.plan") == "explain"
    assert vocabulary.disclosure("dsa-2026-014", crm, "health.conditions") == "generic"
    assert vocabulary.disclosure("none", crm, "support.plan") == "generic"


def test_a_refused_field_is_outside_the_agreement_or_outside_the_consent(vocabulary: Vocabulary) -> None:
    pair = ("dsa-2026-014", "uk/nhs/XZG01/gp-record", "health.medications")
    assert vocabulary.field_refusal(*pair, "prescriber") is WithheldReason.NOT_NECESSARY
    assert vocabulary.field_refusal(*pair, "dose") is WithheldReason.CONSENT_SCOPE
    assert vocabulary.field_refusal(*pair, "dose", "benefits-officer") is WithheldReason.SENSITIVE_CATEGORY


def test_a_remedy_stands_only_where_something_would_help(vocabulary: Vocabulary) -> None:
    assert vocabulary.remedies["consent-not-given"] == "Ask the citizen for their consent."
    assert "court-order" not in vocabulary.remedies


def test_purposes_are_a_tree_by_their_codes(vocabulary: Vocabulary) -> None:
    assert "direct-care.discharge-planning" in vocabulary.below["direct-care"]
    assert vocabulary.below["direct-care.discharge-planning"] == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("purposes", "parent: direct-care\n", "parent: research\n", "parent of direct-care.discharge-planning"),
        ("purposes", "- code: benefits\n", "- code: reliefs\n", "benefits.council-tax-support is not there"),
        ("purposes", "hl7: TREAT", "hl7: treat", "purposes.yaml"),
        ("withheld-reasons", "code: court-order", "code: royal-order", "withheld-reasons.yaml"),
        ("withheld-reasons", "  wait: Ask again later.\n", "", "remedy of outside-hours"),
        ("categories", "code: support.befriending", "code: support.plan", "support.plan stands twice"),
        ("agreements/dsa-2026-014", "id: dsa-2026-014", "id: dsa-2026-015", "name of the file"),
        ("agreements/dsa-2026-014", "until: 2029-04-01", "until: 2025-04-01", "ends before it begins"),
        ("agreements/dsa-2026-014", "role: recipient", "role: processor", "nobody receives"),
        ("agreements/dsa-2026-014", "direct-care.discharge-planning]", "magic]", "purpose magic"),
        ("agreements/dsa-2026-014", "social-worker]", "wizard]", "role wizard"),
        ("agreements/dsa-2026-014", "6(1)(e)", "6(1)(z)", "6(1)(z) is not an Article 6 basis"),
        ("agreements/dsa-2026-014", "9(2)(h)", "6(1)(e)", "6(1)(e) is not an Article 9 basis"),
        ("agreements/dsa-2026-014", "statutory-gateway", "a-hunch", "a-hunch is not a basis of confidentiality"),
        ("agreements/dsa-2026-014", "[title, goal,", "[title, salary,", "support.plan/salary is not"),
        ("agreements/dsa-2026-014", "[title, goal,", "[title, title,", "names a field twice"),
        ("agreements/dsa-2026-014", "/9999901/crm", "/1/crm", "nobody who is a party"),
        ("agreements/dsa-2026-021", "  benefits.council-tax:", "  housing.tenancy:", "stands in two terms"),
        ("agreements/dsa-2026-021", "    statute: {", "    statute: null  # {", "names no statute"),
    ],
)  # fmt: skip
def test_data_that_contradicts_itself_is_refused_with_what_to_correct(
    folder: Path, file: str, old: str, new: str, says: str
) -> None:
    path = folder / "data" / f"{file}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(PolicyFolderError) as raised:
        law.load(folder)
    assert says in str(raised.value)


def test_a_folder_without_data_is_no_policies_folder(tmp_path: Path) -> None:
    with pytest.raises(PolicyFolderError, match="COMMONS_POLICIES_DIR"):
        law.load(tmp_path)


def test_without_a_folder_the_repositorys_own_is_found(vocabulary: Vocabulary) -> None:
    assert law.load().agreements.keys() == vocabulary.agreements.keys()
