# SPDX-License-Identifier: Apache-2.0
"""A small town and its three twins as real processes, made once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.council.binaries import CouncilError
from connectors.sandbox.council.cluster import Cluster
from connectors.sandbox.launch import Twins, launch
from connectors.sandbox.populate import populate

PEOPLE, SEED = 600, 7


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a population of 600."""
    folder = tmp_path_factory.mktemp("town")
    try:
        populate(PEOPLE, SEED, folder)
    except CouncilError as error:
        pytest.skip(f"PostgreSQL: {error}")
    yield folder
    Cluster(folder / "council").remove()


@pytest.fixture(scope="session")
def running_twins(town: Path) -> Iterator[Twins]:
    """The three twins of that town."""
    with launch(town) as twins:
        yield twins
