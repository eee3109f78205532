# SPDX-License-Identifier: Apache-2.0
"""What an agreement asks for beside its terms: checked against the other data, and compiled whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.policy import conditions, pages
from gateway.policy import vocabulary as law
from gateway.policy.bundle import documents
from gateway.policy.conditions import Conditions, Frequency, Hours
from gateway.policy.documents import PolicyFolderError

ASKED = {
    "hours": {"from": "08:30", "until": "24:00", "weekdays": ["monday", "sunday"]},
    "frequency": {"times": 3, "days": 7},
    "relationships": ["referral", "registered-patient"],
    "declared_reasons": ["vital-interests"],
    "sensitivity": {"social-worker": ["special", "personal"]},
    "overrides": ["vital-interests"],
    "suppress_counts_below": 5,
}

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def changed(folder: Path) -> Callable[[Change], None]:
    """Changes the agreement dsa-2026-014 in a copy of the policies."""

    def change(how: Change) -> None:
        path = folder / "data" / "agreements" / "dsa-2026-014.yaml"
        document = yaml.safe_load(path.read_text())
        document["valid"] = {name: str(day) for name, day in document["valid"].items()}
        how(document)
        path.write_text(yaml.safe_dump(document, allow_unicode=True))

    return change


def test_an_agreement_without_conditions_is_compiled_to_ones_that_ask_for_nothing() -> None:
    empty = conditions.compiled(Conditions())
    assert [empty[name] for name in ("hours_asked", "relationship_asked", "reason_asked")] == [False] * 3
    assert (empty["times"], empty["overrides"], empty["suppress_counts_below"]) == (0, {}, 0)


@pytest.mark.parametrize("member", ["declared_reasons", "overrides"])
def test_a_reason_that_no_request_can_declare_is_refused(
    folder: Path, changed: Callable[[Change], None], member: str
) -> None:
    changed(lambda document: document.update(conditions={member: ["section-42-enquiry"]}))
    with pytest.raises(PolicyFolderError, match="section-42-enquiry"):
        law.load(folder)


def test_every_condition_is_compiled_to_what_a_rule_can_look_up() -> None:
    made = conditions.compiled(
        Conditions(hours=Hours("08:30", "24:00", ("monday", "sunday")), frequency=Frequency(3, 7))
    )
    assert (made["hours_from"], made["hours_until"], made["weekdays"]) == (510, 1440, [0, 6])
    assert (made["times"], made["window_s"]) == (3, 7 * 86400)
    assert set(made) == set(conditions.compiled(Conditions()))


def test_conditions_are_read_and_shown_on_the_page(folder: Path, changed: Callable[[Change], None]) -> None:
    changed(lambda document: document.update(conditions=ASKED))
    vocabulary = law.load(folder)
    made = documents(vocabulary)["agreements"]["dsa-2026-014"]
    ceiling = made["ceilings"]["social-worker"]
    assert ceiling["identity.demographics"].keys() >= {"given_name", "birth_date"}
    assert "address" not in ceiling["identity.demographics"]
    assert made["relationships"] == {"referral": True, "registered-patient": True}
    page = pages.law(vocabulary)
    for line in (
        "Only from 08:30 until 24:00",
        "At most 3 answers",
        "Break-glass may lift what can be lifted, for: vital-interests",
        "fewer than 5 people",
    ):
        assert line in page


def test_the_page_of_the_law_names_every_role_training_and_relationship_and_what_would_help(
    vocabulary: law.Vocabulary,
) -> None:
    page = pages.law(vocabulary)
    for known in (vocabulary.roles, vocabulary.training, vocabulary.relationships):
        for code, one in known.items():
            assert f"| `{code}` | {one.title} | {one.title_cy} |" in page
    for rule in vocabulary.rules.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{rule.name}` | **"))
        assert vocabulary.help_with.get(rule.remedy, "") in row


def _hours(since: str, until: str) -> Change:
    hours = {"from": since, "until": until, "weekdays": ["monday"]}
    return lambda document: document.update(conditions={"hours": hours})


def _exempt(document: dict[str, Any]) -> None:
    document["terms"][0]["opt_out"] = {"exemption": "overriding-public-interest", "reference": "CAG-1"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_hours("18:00", "08:00"), "its hours end before they begin"),
        (_hours("08:00", "08:00"), "its hours end before they begin"),
        (_hours("8:00", "24:30"), "matching regex"),
        (
            lambda d: d.update(conditions={"sensitivity": {"king": ["personal"]}}),
            "role king is not in the code list",
        ),
        (lambda d: d.update(conditions={"frequency": {"times": 0, "days": 1}}), ">= 1"),
        (lambda d: d.update(conditions={"moon": "full"}), "moon is not known here"),
        (_exempt, "states no test of it"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_by_name(
    folder: Path, changed: Callable[[Change], None], change: Change, said: str
) -> None:
    changed(change)
    with pytest.raises(PolicyFolderError, match=said):
        law.load(folder)


def test_what_is_patient_information_follows_from_sector_and_article_9(vocabulary: law.Vocabulary) -> None:
    marked = {code for code, category in vocabulary.categories.items() if category.patient_information}
    assert {"health.medications", "social-care.adult-support"} <= marked
    assert not {"identity.demographics", "housing.tenancy", "benefits.council-tax"} & marked


def test_a_law_may_be_claimed_by_its_title_or_its_address(vocabulary: law.Vocabulary) -> None:
    statutes = documents(vocabulary)["agreements"]["dsa-2026-021"]["statutes"]
    assert {"Housing Act 1996 s.195", "https://www.legislation.gov.uk/ukpga/1996/52/section/195"} <= set(statutes)
