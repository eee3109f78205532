# SPDX-License-Identifier: Apache-2.0
"""What helps an author: templates that pass as they are written, failures that can be read, questions answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import structs

from gateway.policy import generate, templates
from gateway.policy.asking import Question, answer, unknown
from gateway.policy.bundle import build
from gateway.policy.documents import PolicyFolderError
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.proofs import find_opa, prove
from gateway.policy.vocabulary import Vocabulary, load

TRUST, GP = "uk/nhs/XZZ01", "uk/nhs/XZG01/gp-record"
DISCHARGE = "direct-care.discharge-planning"
NOW = 1_795_000_000


@pytest.fixture
def folder(tmp_path: Path, vocabulary: Vocabulary) -> Path:
    copy = tmp_path / "law"
    shutil.copytree(vocabulary.folder, copy)
    return copy


def completed(folder: Path) -> None:
    for path in generate.stale(folder):
        path.write_bytes(generate.files(folder)[path])


def test_every_template_passes_lint_and_all_tests_as_it_is_written(folder: Path, opa: str) -> None:
    for kind in get_args(templates.Kind):
        templates.write(folder, kind, f"made_for_{kind}", "health.allergies")
    completed(folder)
    assert subprocess.run([opa, "fmt", "--list", "."], cwd=folder, capture_output=True, check=True).stdout == b""
    subprocess.run([opa, "check", "--strict", "--v1-compatible", "."], cwd=folder, check=True)
    proved = prove(folder, Path(opa))
    assert (proved.failures, proved.uncovered, proved.coverage) == ((), {}, 100)
    made = load(folder)
    assert "limits/made_for_limit" in made.rules
    EmbeddedJudge.unsafe_unsigned(folder)


def test_a_name_that_is_taken_or_is_none_is_refused(folder: Path) -> None:
    for name in ("known_person", "Upper", "with-hyphen", "../escape", ""):
        with pytest.raises(PolicyFolderError):
            templates.write(folder, "limit", name, "health.allergies")


def test_a_failure_tells_what_was_expected_the_facts_and_what_was_found(folder: Path, opa: str) -> None:
    proof = folder / "limits/known_person_test.rego"
    proof.write_text(proof.read_text().replace("known_person.holds == {0, 1}", "known_person.holds == {7}"))
    proved = prove(folder, Path(opa))
    [failure] = proved.failures
    assert failure.sentence == "a known person holds"
    assert (failure.file, failure.row) == ("limits/known_person_test.rego", 8)
    assert "known_person.holds == {7}" in failure.says
    assert '"known": true' in failure.facts
    assert "{0, 1}" in failure.found
    assert not proved.passes


def test_a_line_that_no_test_reaches_is_named(folder: Path, opa: str) -> None:
    rule = folder / "limits/known_person.rego"
    rule.write_text(rule.read_text() + "\nunreached if input.person.known == 7\n")
    proved = prove(folder, Path(opa))
    assert list(proved.uncovered) == ["limits/known_person.rego"]
    assert not proved.passes


def test_rules_that_cannot_be_read_are_told_as_opa_tells_them(folder: Path, opa: str) -> None:
    (folder / "limits/known_person.rego").write_text("package nonsense {")
    with pytest.raises(PolicyFolderError, match="cannot read the rules"):
        prove(folder, Path(opa))


def test_without_opa_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(PolicyFolderError, match="install-opa"):
        find_opa(tmp_path / "absent")


@pytest.mark.parametrize(
    ("changes", "allow"),
    [
        ({"role": "discharge-coordinator"}, True),
        ({"role": "benefits-officer"}, False),
        ({"role": ""}, False),
        ({"role": "discharge-coordinator", "category": "support.plan"}, False),
        ({"role": "discharge-coordinator", "category": "support.plan", "consent": True}, True),
        ({"role": "discharge-coordinator", "purpose": "direct-care.social-prescribing"}, False),
    ],
)
def test_a_question_is_answered_from_the_law_with_its_reasons(
    vocabulary: Vocabulary, changes: dict[str, Any], allow: bool
) -> None:
    asked = {
        "organisation": TRUST,
        "category": "health.allergies",
        "purpose": DISCHARGE,
        "agreement": "dsa-2026-014",
    }
    given: dict[str, Any] = asked | {"relationship": "referral"} | changes
    [found] = answer(Question(**given), vocabulary, EmbeddedJudge.of(build(vocabulary)), NOW)
    assert found.allow is allow
    assert bool(found.fields) is allow
    assert found.sentences


def test_what_no_agreement_covers_has_no_answer(vocabulary: Vocabulary) -> None:
    judge = EmbeddedJudge.of(build(vocabulary))
    assert answer(Question("uk/nhs/NOBODY", "health.allergies", DISCHARGE), vocabulary, judge, NOW) == []
    assert answer(Question(TRUST, "health.nothing", DISCHARGE), vocabulary, judge, NOW) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"category": "health.alergies"}, "the law knows no category health.alergies; is health.allergies"),
        ({"purpose": "nonsense"}, "the law knows no purpose nonsense"),
        ({"organisation": "uk/nhs/XZZ99"}, "the law knows no organisation uk/nhs/XZZ99; is uk/nhs/XZZ0"),
        ({"source": "uk/nhs/XZG01/gp"}, "the law knows no source uk/nhs/XZG01/gp; is uk/nhs/XZ"),
        ({"role": "socialworker"}, "the law knows no role socialworker; is social-worker"),
        ({"agreement": "dsa-2026-999"}, "the law knows no agreement dsa-2026-999"),
        ({"relationship": "referal"}, "the law knows no relationship referal; is referral meant?"),
        ({"declared_reason": "vital-interest"}, "the law knows no declared reason vital-interest; is vital-int"),
        ({"training": ("safeguarding",)}, "the law knows no training safeguarding"),
    ],
)
def test_a_name_that_the_law_does_not_know_is_no_no(
    vocabulary: Vocabulary, changes: dict[str, Any], sentence: str
) -> None:
    asked = {"organisation": "uk/nhs/XZZ01", "category": "health.allergies", "purpose": "emergency.vital-interests"}
    assert not list(unknown(Question(**asked), vocabulary))
    [found] = unknown(Question(**(asked | changes)), vocabulary)
    assert found.sentence.startswith(sentence)


def test_training_and_the_hour_can_be_asked_with(vocabulary: Vocabulary) -> None:
    judge = EmbeddedJudge.of(build(vocabulary))
    agreement = vocabulary.agreements["dsa-2026-050"]
    category, source = next((code, term.source) for term in agreement.terms for code in term.categories)
    question = Question(
        agreement.recipients[0],
        category,
        agreement.purposes[0],
        "social-worker",
        source,
        agreement.id,
        consent=True,
    )
    [without] = answer(question, vocabulary, judge, NOW)
    assert any("training" in sentence for sentence in without.sentences)
    [trained] = answer(structs.replace(question, training=("information-governance",)), vocabulary, judge, NOW)
    assert not any("training" in sentence for sentence in trained.sentences)


def manifest(env: dict[str, str], *more: str) -> str:
    """What `commons policy manifest` says."""
    command = [sys.executable, "-m", "gateway.cli", "policy", "manifest", *more]
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=True)
    return ran.stdout


def test_the_manifest_of_a_copied_law_is_written_anew(folder: Path) -> None:
    made = templates.write(folder, "limit", "assured_role", "identity.demographics")
    before = (folder / "manifest.json").read_bytes()
    ran = manifest({"COMMONS_POLICIES_DIR": str(folder)})
    assert "manifest.json" in ran
    assert (folder / "manifest.json").read_bytes() != before
    assert manifest({}, "--policies", str(folder)) == "All of it is current.\n"
    assert made[0].stem in (folder / "manifest.json").read_text()


def test_a_failure_of_a_test_from_the_template_shows_its_facts(folder: Path, opa: str) -> None:
    _, test = templates.write(folder, "limit", "assured_role", "identity.demographics")
    test.write_text(
        test.read_text().replace('held(world.asking("task")) == set()', 'held(world.asking("task")) == {0}')
    )
    completed(folder)
    [failure] = prove(folder, Path(opa)).failures
    assert '"organisation"' in failure.facts
    assert failure.file.endswith(test.name)
