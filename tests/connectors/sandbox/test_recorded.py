# SPDX-License-Identifier: Apache-2.0
"""The golden fixtures are what the twins answer, so that neither can move without the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.sandbox.fixtures import Case, ask, cases, record, written
from connectors.sandbox.launch import Twins

FIXTURES = Path(__file__).parents[3] / "connectors" / "fixtures"
AGAIN = "run `python -m connectors.sandbox.fixtures connectors/fixtures` and look at what changed"


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.source}-{case.name}")
def test_a_twin_answers_as_recorded(running_twins: Twins, case: Case) -> None:
    recorded = (FIXTURES / case.source / f"{case.name}.upstream.json").read_bytes()
    assert written(ask(running_twins, case)) == recorded, AGAIN


def test_recording_again_gives_the_same_files(running_twins: Twins, tmp_path: Path) -> None:
    record(tmp_path, running_twins)
    made = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*.json")}
    kept = {file.relative_to(FIXTURES): file.read_bytes() for file in FIXTURES.rglob("*.json")}
    assert made == kept, AGAIN
