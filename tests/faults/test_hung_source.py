# SPDX-License-Identifier: Apache-2.0
"""A source that hangs costs the deadline and no more, is reported, and holds up nobody else."""

from __future__ import annotations

import os
import signal

from gateway.sandbox import story
from tests.fixtures.commons import World, question

CHARITY = "uk/charity/9999901/crm"


def test_a_hung_source_is_reported_and_the_rest_comes(world: World) -> None:
    pid = world.twins.pids["charity"]
    body = question(story("all-returned")) | {"deadline_ms": 3000}
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = world.post(body).json()
        assert answer["status"] == "partial"
        states = {
            row["source"]: row["state"]
            for row in answer["completeness"]["summary"]
            if row["category"] != "identity.demographics"
        }
        assert states.pop(CHARITY) in ("unavailable", "late")
        assert set(states.values()) == {"returned"}
        hung = [
            row
            for row in answer["completeness"]["summary"]
            if row["source"] == CHARITY and row["state"] != "not-asked"
        ]
        assert all(row["reason"] == "source-timeout" for row in hung)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert world.post(question(story("all-returned"))).json()["status"] == "complete"
