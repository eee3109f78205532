# SPDX-License-Identifier: Apache-2.0
"""A population is written once, whole, and the same wherever it is written."""

from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sandbox.council.cluster import Cluster
from connectors.sandbox.populate import current, populate, read_links, summary
from connectors.sandbox.population import VERSION, population
from connectors.sandbox.stories import CHARITY_REF, COUNCIL_REF, NHS_NUMBER
from connectors.sandbox.test_citizens import TEST_CITIZENS

PINNED = ("3", "4d4504f0ea273303b254fdcf554a76de0c6e63fd4da655f1105cc04f78d2a3b3")
"""Version, and the digest of 100 people for seed 1. Stores are kept as long as the version is the same: when this
digest moves, raise VERSION in connectors/sandbox/population.py and pin both anew."""


@pytest.fixture
def folder(tmp_path: Path, town: Path) -> Iterator[Path]:
    """An empty data folder (after the town, which skips where there is no PostgreSQL)."""
    yield tmp_path
    Cluster(tmp_path / "council").remove()


def test_the_digest_is_the_same_everywhere_until_the_version_moves(folder: Path) -> None:
    assert (VERSION, populate(100, 1, folder).digest) == PINNED


def test_what_is_there_already_is_not_made_again(town: Path) -> None:
    told = summary(town)
    assert told is not None
    before = (town / "nhs" / "store.db").stat().st_mtime_ns
    again = populate(told.people, told.seed, town)
    assert not again.fresh
    assert again.digest == told.digest
    assert (town / "nhs" / "store.db").stat().st_mtime_ns == before


def test_another_seed_is_not_what_is_there(town: Path) -> None:
    told = summary(town)
    assert told is not None
    assert current(town, told.people, told.seed + 1) is None
    assert current(town, told.people + 1, told.seed) is None


def test_a_run_that_was_cut_short_counts_for_nothing(folder: Path) -> None:
    class CutShortError(Exception):
        pass

    def stop(done: int, _people: int) -> None:
        if done:
            raise CutShortError

    with pytest.raises(CutShortError):
        populate(60, 1, folder, stop)
    assert summary(folder) is None
    assert populate(60, 1, folder).fresh


def test_progress_is_told_to_the_end(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    populate(60, 1, folder, lambda done, people: told.append((done, people)))
    assert told[-1] == (60, 60)


def test_a_number_that_does_not_fit_leaves_the_folder_as_it_was(folder: Path) -> None:
    with pytest.raises(ValueError, match="a population holds"):
        populate(3, 1, folder)
    assert list(folder.iterdir()) == []


def test_the_links_are_the_population_in_its_order(town: Path) -> None:
    told = summary(town)
    assert told is not None
    links = list(read_links(town))
    people = list(population(told.people, told.seed))
    assert [link.number for link in links] == [citizen.number for citizen in people]
    assert [link.verify["family_name"] for link in links] == [citizen.family for citizen in people]
    known = Counter(system for link in links for system in link.identifiers)
    assert known == told.known_to


def test_a_replaced_number_is_linked_by_the_old_one(town: Path) -> None:
    place = next(n for n, story in enumerate(TEST_CITIZENS) if story.outcome == "superseded")
    link = list(read_links(town))[place]
    citizen = TEST_CITIZENS[place].citizen
    assert link.identifiers[NHS_NUMBER] == citizen.superseded_nhs_number != citizen.nhs_number
    assert link.identifiers[COUNCIL_REF] == citizen.council_ref
    assert link.identifiers[CHARITY_REF] == citizen.charity_ref


def test_a_link_shows_no_identifier_when_it_is_printed(town: Path) -> None:
    link = next(read_links(town))
    assert not [value for value in (*link.identifiers.values(), *link.verify.values()) if value in repr(link)]


def test_secrets_and_links_are_for_our_eyes_alone(town: Path) -> None:
    files = [town / "links.jsonl", town / "nhs" / "api-key", town / "charity" / "api-key"]
    files += list((town / "council").glob("*.password"))
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_every_projected_patient_is_in_the_store_once(town: Path) -> None:
    told = summary(town)
    assert told is not None
    with closing(sqlite3.connect(town / "nhs" / "store.db")) as store:
        count = store.execute("SELECT count(DISTINCT about) FROM document WHERE kind = 'Patient'").fetchone()[0]
    assert count == told.known_to[NHS_NUMBER]
