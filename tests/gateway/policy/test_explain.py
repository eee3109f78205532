# SPDX-License-Identifier: Apache-2.0
"""Sentences for the agency, and what they must not give away."""

from __future__ import annotations

import pytest
from msgspec import structs

from gateway.evidence import Judged
from gateway.model import Decision, Verdict, WithheldReason
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.explain import auditor_sentence, citizen_sentences, duty_rule, explain
from gateway.policy.facts import ConsentFacts, PersonFacts
from gateway.policy.vocabulary import Vocabulary

from .conftest import Lawful


def test_what_was_shared_is_explained_by_its_ground_and_both_bases(
    judge: EmbeddedJudge, vocabulary: Vocabulary, lawful: Lawful
) -> None:
    verdict = judge.decide(lawful("dsa-2026-014", "health.medications")).verdicts[0]
    assert explain(verdict, vocabulary) == [
        "You need this to care for this person.",
        "The lawful basis is UK GDPR Article 6(1)(e): public task.",
        "Under the duty of confidentiality it rests on: implied consent for direct care.",
    ]


def test_refused_fields_are_named(vocabulary: Vocabulary) -> None:
    verdict = Verdict(0, True, ("dose",), ("consent",), fields_refused=("prescriber",))
    assert explain(verdict, vocabulary)[-1].endswith(": prescriber.")


@pytest.mark.parametrize("reason", list(WithheldReason))
def test_every_reason_has_a_sentence(vocabulary: Vocabulary, reason: WithheldReason) -> None:
    said = explain(Verdict(0, False, reason=reason.value, disclosure="explain"), vocabulary)
    assert said[0] == vocabulary.reasons[reason].agency


def test_a_missing_consent_says_what_would_help(vocabulary: Vocabulary) -> None:
    said = explain(Verdict(0, False, reason="consent-not-given", disclosure="explain"), vocabulary)
    assert said[-1] == "Ask the citizen for their consent."


def test_where_the_reason_could_harm_one_sentence_is_said_whatever_it_is(vocabulary: Vocabulary) -> None:
    said = {tuple(explain(Verdict(0, False, reason=reason), vocabulary)) for reason in WithheldReason}
    assert said == {(vocabulary.generic,)}


def test_silence_says_nothing(vocabulary: Vocabulary) -> None:
    assert explain(Verdict(0, False, reason="consent-not-given", disclosure="silent"), vocabulary) == []


def test_a_reason_nobody_knows_is_not_shown(vocabulary: Vocabulary) -> None:
    assert explain(Verdict(0, False, reason="odd", disclosure="explain"), vocabulary) == [vocabulary.generic]


def told(decision: Decision) -> Decision:
    """A decision without what only the auditor may know."""
    verdicts = tuple(structs.replace(verdict, hidden=()) for verdict in decision.verdicts)
    return structs.replace(decision, verdicts=verdicts)


def test_a_stranger_is_explained_like_somebody_who_never_decided(
    judge: EmbeddedJudge, vocabulary: Vocabulary, lawful: Lawful
) -> None:
    asked = lawful("dsa-2026-014", "support.plan")
    undecided = structs.replace(
        asked, pairs=tuple(structs.replace(pair, consent=ConsentFacts()) for pair in asked.pairs)
    )
    stranger = structs.replace(undecided, person=PersonFacts(False))
    assert told(judge.decide(stranger)) == told(judge.decide(undecided))
    assert (
        explain(judge.decide(stranger).verdicts[0], vocabulary)[0] == vocabulary.reasons["consent-not-given"].agency
    )


def test_an_auditor_is_told_which_limits_do_not_hold_and_which_the_agency_never_hears_of(
    vocabulary: Vocabulary,
) -> None:
    verdict = Judged(
        "uk/nhs/XZG01/gp-record", "health.medications", False, broken=("care_relationship",),
        hidden=("court_order",), reason="no-relationship",
    )  # fmt: skip
    told, hidden = (vocabulary.rules[f"limits/{name}"].title for name in ("care_relationship", "court_order"))
    assert auditor_sentence(verdict, vocabulary) == (
        "health.medications of uk/nhs/XZG01/gp-record: refused (no-relationship). "
        f"Does not hold: {told} (limits/care_relationship). "
        f"Does not hold, and the agency is not told: {hidden} (limits/court_order)."
    )


@pytest.mark.parametrize(
    ("broken", "reason", "said"),
    [
        (("known_person",), "no-relationship", ["A court has restricted this."]),
        ((), "consent-not-given", ["A court has restricted this."]),
        (
            ("role_where_asked",),
            "role-not-permitted",
            ["The person who asked does not have the right job to see this.", "A court has restricted this."],
        ),
    ],
    ids=["told as of a stranger", "told as of somebody who never decided", "the request is wrong too"],
)
def test_the_citizen_is_never_told_what_is_only_told_of_a_stranger(
    vocabulary: Vocabulary, broken: tuple[str, ...], reason: str, said: list[str]
) -> None:
    hidden = ("care_relationship", "court_order", "not_objected")
    verdict = Judged("", "health.medications", False, broken=broken, hidden=hidden, reason=reason)
    assert citizen_sentences(verdict, vocabulary) == said


def test_what_the_law_of_another_day_hid_is_explained_by_its_public_reason(vocabulary: Vocabulary) -> None:
    verdict = Judged("", "health.medications", False, hidden=("of_old",), reason="objection")
    assert citizen_sentences(verdict, vocabulary) == [vocabulary.reasons["objection"].citizen]


def test_an_auditor_is_not_told_that_somebody_is_a_stranger_whom_the_commons_knows(vocabulary: Vocabulary) -> None:
    verdict = Judged(
        "", "health.medications", False, broken=("known_person",), hidden=("court_order",), reason="no-relationship"
    )
    told = auditor_sentence(verdict, vocabulary, known=True)
    assert "limits/known_person" not in told
    assert "told what it would be told of a stranger. Does not hold, and the agency is not told" in told
    assert "Does not hold: " in auditor_sentence(verdict, vocabulary, known=False)


def test_an_auditor_is_told_on_what_it_would_have_to_rest(vocabulary: Vocabulary) -> None:
    bases = {"lawful_basis": "6(1)(a)", "confidentiality_basis": "explicit-consent"}
    verdict = Judged("", "support.plan", False, reason="consent-not-given", **bases)
    assert "no ground carries it. By the agreement it rests on Article 6(1)(a) (Consent) and Explicit consent." in (
        auditor_sentence(verdict, vocabulary)
    )


def test_an_auditor_is_told_of_break_glass_and_of_rules_that_are_no_more(vocabulary: Vocabulary) -> None:
    verdict = Judged("", "health.medications", True, grounds=("of_old",), override="vital-interests")
    assert auditor_sentence(verdict, vocabulary) == (
        "health.medications of no source: shared. Carried by: a rule of another law (grounds/of_old). "
        "Under break-glass, declared as vital-interests."
    )


def test_every_duty_has_its_rule(vocabulary: Vocabulary) -> None:
    rules = {one: duty_rule(one, vocabulary) for one in ("erase-by", "review-by", "notify-citizen", "view-only")}
    assert {one: rule.name for one, rule in rules.items() if rule} == {
        "erase-by": "erase_by",
        "review-by": "review_override",
        "notify-citizen": "review_override",
        "view-only": "view_only",
    }
    assert duty_rule("of-old", vocabulary) is None
