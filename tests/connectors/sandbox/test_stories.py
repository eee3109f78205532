# SPDX-License-Identifier: Apache-2.0
"""Each test citizen, read through the shipped manifests from the running twins, comes out as documented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import yaml

from connectors.base import Envelope, Outcome, Read
from connectors.gather import gather
from connectors.registry import Registry, load
from connectors.sandbox.fixtures import ROOT
from connectors.sandbox.launch import Twins
from connectors.sandbox.stories import CHARITY, CHARITY_REF, COUNCIL, COUNCIL_REF, GP, NHS_NUMBER, Row, Story
from connectors.sandbox.test_citizens import TEST_CITIZENS

DEADLINE_S = 4.5
"""Less than the five seconds of a slow source; as long as can be for all others."""
SYSTEM = {GP: NHS_NUMBER, COUNCIL: COUNCIL_REF, CHARITY: CHARITY_REF}
OUTCOMES = {
    "returned": Outcome.FOUND,
    "redacted": Outcome.FOUND,
    "withheld": Outcome.FOUND,  # policy withholds; the source would have answered
    "absent": Outcome.FOUND,
    "empty": Outcome.NONE,
    "stale": Outcome.STALE,
    "unavailable": Outcome.UNAVAILABLE,
}
UNMATCHED = {"identifier-superseded": Outcome.SUPERSEDED, "identifier-ambiguous": Outcome.AMBIGUOUS}


def _vocabulary() -> dict[str, frozenset[str]]:
    file = ROOT.parent / "policies" / "data" / "categories.yaml"
    return {one["code"]: frozenset(one["fields"]) for one in yaml.safe_load(file.read_text())["categories"]}


@pytest.fixture
async def registry(running_twins: Twins) -> AsyncIterator[Registry]:
    loaded = load(ROOT / "manifests", ROOT / "mappings", _vocabulary(), running_twins.secrets)
    yield loaded
    await loaded.close()


async def _told(registry: Registry, story: Story) -> dict[tuple[str, str], Envelope]:
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    fields = {category: tuple(sorted(names)) for category, names in _vocabulary().items()}
    reads = [
        Read(
            source=source,
            identifier_system=SYSTEM[source],
            identifier=story.identifiers[SYSTEM[source]],
            wants={category.id: fields[category.id] for category in manifest.categories},
            deadline=deadline,
        )
        for source, manifest in registry.sources().items()
        if SYSTEM[source] in story.identifiers
    ]
    return {(one.source, one.category): one for one in await gather(registry, reads, deadline)}


def _agrees(row: Row, envelope: Envelope | None) -> bool:
    if row.reason == "no-identifier":
        return envelope is None
    if envelope is None:
        return False
    if row.state == "unmatched":
        return envelope.outcome is UNMATCHED[row.reason]
    told = envelope.outcome is OUTCOMES[row.state]
    if row.state == "unavailable":
        return told and envelope.reason == row.reason
    return told and (not row.items or len(envelope.records) == row.items)


@pytest.mark.parametrize("story", TEST_CITIZENS, ids=lambda story: story.outcome)
async def test_a_test_citizen_comes_out_as_documented(registry: Registry, story: Story) -> None:
    told = await _told(registry, story)
    wrong = [row for row in story.rows if not _agrees(row, told.get((row.source, row.category)))]
    assert wrong == []


@pytest.mark.parametrize("story", TEST_CITIZENS, ids=lambda story: story.outcome)
async def test_only_a_source_that_lies_raises_an_alarm(registry: Registry, story: Story) -> None:
    told = await _told(registry, story)
    alarmed = {envelope.source for envelope in told.values() if envelope.alarm}
    assert alarmed == {fault.source for fault in story.faults if fault.mode == "lie"}


async def test_no_answer_is_about_the_other_twin(registry: Registry) -> None:
    first, second = (story for story in TEST_CITIZENS if story.outcome.startswith("twin-"))
    for story in (first, second):
        told = await _told(registry, story)
        names = {
            record.fields["given_name"]
            for (_, category), envelope in told.items()
            if category == "identity.demographics"
            for record in envelope.records
        }
        assert names == {story.citizen.given}


async def test_a_replaced_number_brings_the_new_one_for_relinking(registry: Registry) -> None:
    story = next(story for story in TEST_CITIZENS if story.outcome == "superseded")
    told = await _told(registry, story)
    assert told[GP, "identity.demographics"].replaced_by == story.citizen.nhs_number


async def test_a_stale_extract_says_of_when_it_is(registry: Registry) -> None:
    story = next(story for story in TEST_CITIZENS if story.outcome == "stale-extract")
    fresh = await _told(registry, TEST_CITIZENS[0])
    told = await _told(registry, story)
    key = (COUNCIL, "housing.tenancy")
    assert told[key].as_of < fresh[key].as_of


async def test_every_twin_is_well_when_it_is_probed(registry: Registry) -> None:
    assert [health.source for health in await registry.probe() if not health.well] == []
