# SPDX-License-Identifier: Apache-2.0
"""Each documented test citizen gives the outcome that docs/test-citizens.md promises, over the real API."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sandbox.stories import Row, Story
from connectors.sandbox.test_citizens import TEST_CITIZENS
from tests.fixtures.commons import World


def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    table = answer["completeness"]["summary"] if "completeness" in answer else answer["summary"]
    found: list[dict[str, Any]] = table
    return found


def fits(row: dict[str, Any], expected: Row) -> bool:
    return (row["category"], row["source"], row["state"]) == (expected.category, expected.source, expected.state)


@pytest.mark.parametrize("told", TEST_CITIZENS, ids=lambda told: told.outcome)
def test_a_documented_citizen_gives_the_documented_outcome(world: World, told: Story) -> None:
    reply = world.ask(told)
    assert reply.status_code in (200, 403)
    table = rows(reply.json())
    for expected in told.rows:
        here = [r for r in table if (r["category"], r["source"]) == (expected.category, expected.source)]
        if expected.state == "absent":
            assert here == []
            continue
        assert [r["state"] for r in here] == [expected.state], expected
        if expected.items:
            assert here[0].get("items", 0) == expected.items, expected
        if expected.reason and expected.state in ("withheld", "unavailable", "late", "not-asked"):
            assert here[0].get("reason") == expected.reason, expected
    assert all(
        len([r for r in table if (r["category"], r["source"]) == (row["category"], row["source"])]) == 1
        for row in table
    )
