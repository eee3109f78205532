# SPDX-License-Identifier: Apache-2.0
"""The page of the test citizens says what the test citizens are, and they are what an integrator needs."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml

from connectors.sandbox.document import page
from connectors.sandbox.faults import Mode
from connectors.sandbox.launch import Twins
from connectors.sandbox.stories import CHARITY, COUNCIL, GP, NHS_NUMBER, Story
from connectors.sandbox.test_citizens import TEST_CITIZENS

ROOT = Path(__file__).parents[3]
STATES = {
    "returned", "empty", "withheld", "redacted", "unavailable", "stale", "unmatched", "not-asked", "late", "absent",
}  # fmt: skip
OUTCOMES = {
    "all-returned", "consent-not-given", "consent-denied", "consent-given", "consent-withdrawn", "consent-expired",
    "redacted-fields", "restricted", "superseded", "ambiguous", "unmatched", "nothing-held", "slow-source",
    "source-down", "lying-source", "garbage-source", "stale-extract", "silent-withheld", "conflicting-duplicates",
    "deceased", "no-nhs-number", "hung-source", "twin-first", "twin-second",
    "throttled",
}  # fmt: skip

each_story = pytest.mark.parametrize("story", TEST_CITIZENS, ids=lambda story: story.outcome)


def test_the_page_is_current() -> None:
    again = "run `python -m connectors.sandbox.document docs/test-citizens.md`"
    assert (ROOT / "docs" / "test-citizens.md").read_text(encoding="utf-8") == page(), again


def test_there_is_one_test_citizen_for_each_outcome() -> None:
    assert sorted(story.outcome for story in TEST_CITIZENS) == sorted(OUTCOMES)


def test_the_identifiers_of_the_first_never_move() -> None:
    assert list(TEST_CITIZENS[0].identifiers.values()) == ["9990000018", "1000001", "EB100001"]


@each_story
def test_a_story_is_told_in_known_states_and_asked_by_an_identifier_it_has(story: Story) -> None:
    assert {row.state for row in story.rows} <= STATES
    assert story.subject in story.identifiers
    assert story.rows


@each_story
def test_a_story_asks_what_its_agreement_holds(story: Story) -> None:
    file = ROOT / "policies" / "data" / "agreements" / f"{story.ask.agreement}.yaml"
    agreement = yaml.safe_load(file.read_text(encoding="utf-8"))
    held = {(term["source"], category) for term in agreement["terms"] for category in term["categories"]}
    assert story.ask.purpose in agreement["purposes"]
    assert {"organisation": story.ask.organisation, "role": "recipient"}.items() <= next(
        party.items() for party in agreement["parties"] if party["role"] == "recipient"
    )
    assert set(story.ask.categories) <= {category for _, category in held}
    assert {(row.source, row.category) for row in story.rows} <= held
    for act in story.consents:
        assert set(act.categories) <= {category for _, category in held}


@each_story
def test_a_fault_is_built_in_only_where_the_source_knows_the_citizen(story: Story) -> None:
    known = {GP: NHS_NUMBER in story.identifiers, COUNCIL: bool(story.citizen.council_ref)}
    known[CHARITY] = bool(story.citizen.charity_ref)
    assert all(known[fault.source] for fault in story.faults)


def test_the_python_of_the_guide_runs_as_printed(
    town: Path, tmp_path: Path, running_twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "docs" / "guides" / "sandbox.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    # The twins of the town already run, and two cannot run over one folder.
    monkeypatch.setattr("connectors.sandbox.launch.launch", lambda _: nullcontext(running_twins))
    scope = {"data_dir": town, "secrets_dir": tmp_path / "secrets"}
    for block in blocks:
        exec(block, scope)  # noqa: S102
    assert (tmp_path / "secrets" / "nhs_gp_base_url").exists()


def test_the_guide_tells_every_mode() -> None:
    guide = (ROOT / "docs" / "guides" / "sandbox.md").read_text(encoding="utf-8")
    assert [mode for mode in Mode if f"| `{mode}` |" not in guide] == []
