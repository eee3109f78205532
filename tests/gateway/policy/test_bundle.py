# SPDX-License-Identifier: Apache-2.0
"""What a judge is loaded with, and that it is refused when rules, packages and manifest differ."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policy import vocabulary as law
from gateway.policy.bundle import build
from gateway.policy.documents import PolicyFolderError
from gateway.policy.vocabulary import Vocabulary


def test_the_tests_of_the_rules_are_not_among_the_rules(vocabulary: Vocabulary) -> None:
    assert not [name for name in build(vocabulary).modules if "test" in name]


def test_the_revision_is_the_same_for_the_same_folder(vocabulary: Vocabulary, folder: Path) -> None:
    assert build(law.load(folder)).revision == build(vocabulary).revision


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("limits/known_person.rego", "== true", "!= false"),
        ("data/agreements/dsa-2026-014.yaml", "retention_days: 70", "retention_days: 71"),
        ("data/purposes.yaml", "title: Direct care", "title: Care"),
    ],
)
def test_any_change_of_a_rule_or_of_data_is_another_revision(
    vocabulary: Vocabulary, folder: Path, file: str, old: str, new: str
) -> None:
    path = folder / file
    path.write_text(path.read_text().replace(old, new, 1))
    assert build(law.load(folder)).revision != build(vocabulary).revision


def test_a_test_may_change_without_a_new_revision(vocabulary: Vocabulary, folder: Path) -> None:
    path = folder / "limits" / "known_person_test.rego"
    path.write_text(path.read_text() + "\n# more\n")
    assert build(law.load(folder)).revision == build(vocabulary).revision


def test_a_limit_whose_file_is_gone_is_not_loaded_without_it(folder: Path) -> None:
    (folder / "limits" / "known_person.rego").unlink()
    with pytest.raises(PolicyFolderError, match=r"manifest\.json"):
        build(law.load(folder))


def test_a_limit_that_is_added_is_not_forgotten_in_the_manifest(
    folder: Path, regenerate: Callable[[], None]
) -> None:
    text = (folder / "limits" / "known_person.rego").read_text()
    new = folder / "limits" / "at_daytime.rego"
    new.write_text(text.replace("order: 70", "order: 170").replace("limits.known_person", "limits.at_daytime"))
    with pytest.raises(PolicyFolderError, match=r"manifest\.json"):
        build(law.load(folder))
    regenerate()
    assert "at_daytime" in build(law.load(folder)).data


def test_a_file_in_another_package_than_its_name_is_refused(folder: Path) -> None:
    path = folder / "limits" / "known_person.rego"
    path.write_text(path.read_text().replace("package commons.limits.known_person", "package commons.limits.other"))
    with pytest.raises(PolicyFolderError, match=r"must be commons\.limits\.known_person"):
        build(law.load(folder))


def test_two_limits_of_one_order_are_refused(folder: Path) -> None:
    path = folder / "limits" / "known_person.rego"
    path.write_text(path.read_text().replace("order: 70", "order: 80"))
    both = r"limits/consent_mode\.rego and limits/known_person\.rego have the same order, 80"
    with pytest.raises(PolicyFolderError, match=both):
        law.load(folder)


@pytest.mark.parametrize(
    ("line", "instead", "said"),
    [
        ("#   remedy: none\n", "#   remedy: prayer\n", "remedy: 'prayer' is not allowed here; known are agreement"),
        ("#   remedy: none\n", "", "remedy is missing"),
        ("#   remedy: none\n", "#   remdy: none\n", "remdy is not known here; is remedy meant?"),
        ("# title: ", "# titel: ", "titel is not known here; is title meant?"),
    ],
)
def test_a_mistake_in_what_people_read_of_a_rule_is_told(folder: Path, line: str, instead: str, said: str) -> None:
    path = folder / "limits" / "court_order.rego"
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, instead, 1))
    with pytest.raises(PolicyFolderError, match=rf"limits/court_order\.rego: METADATA: {re.escape(said)}"):
        law.load(folder)


@pytest.mark.parametrize(
    "member", ["agency", "citizen", "legal_source", "withheld_reason", "remedy", "order", "title"]
)
def test_a_rule_without_all_its_metadata_is_refused(folder: Path, member: str) -> None:
    path = folder / "limits" / "known_person.rego"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if f" {member}:" not in line))
    with pytest.raises(PolicyFolderError, match=r"limits/known_person\.rego"):
        law.load(folder)


def test_an_agreement_is_compiled_to_maps_and_instants(vocabulary: Vocabulary) -> None:
    data = json.loads(build(vocabulary).data)
    agreement = data["agreements"]["dsa-2026-014"]
    assert agreement["from"] == 1775001600  # 2026-04-01T00:00:00Z
    assert agreement["recipients"] == {"uk/nhs/XZZ01": True}
    assert agreement["claims"] == {"6(1)(a)": True, "6(1)(e)": True, "9(2)(a)": True, "9(2)(h)": True}
    term = agreement["kinds"][agreement["terms"]["uk/nhs/XZG01/gp-record"]["health.medications"]]
    assert term["category"] == "health.medications"
    assert term["patient_information"] is True
    assert term["confidentiality_basis"] == "implied-consent-direct-care"
    assert "prescriber" not in term["fields"]


def test_an_agreement_on_a_purpose_covers_those_below_it(folder: Path, regenerate: Callable[[], None]) -> None:
    path = folder / "data" / "agreements" / "dsa-2026-014.yaml"
    path.write_text(path.read_text().replace("[direct-care.discharge-planning]", "[direct-care]"))
    data = json.loads(build(law.load(folder)).data)
    assert data["agreements"]["dsa-2026-014"]["purposes"] == {
        "direct-care": True,
        "direct-care.discharge-planning": True,
        "direct-care.social-prescribing": True,
    }
