# SPDX-License-Identifier: Apache-2.0
"""A gateway whose disk fails at fsync: nothing leaves it, it ends by itself, and the next one goes on."""

from __future__ import annotations

from pathlib import Path

from gateway.sandbox import story
from tests.fixtures.commons import running
from tests.fixtures.tools import Faults

from .inside import log_size


def test_a_gateway_whose_disk_fails_discloses_nothing_and_ends_and_the_next_one_goes_on(
    tmp_path: Path, faults: Faults
) -> None:
    told = story("all-returned")
    with running(tmp_path) as world:
        world.stop()
        world.under = faults.under
        world.start()
        assert world.ask(told).status_code == 200
        assert world.gateway is not None
        size = log_size(world)
        faults.sync_fails(world.gateway.pid)
        refused = world.ask(told)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "items" not in refused.json()
        world.gateway.wait(timeout=30)  # nobody told it to
        assert log_size(world) - size <= 1  # what the failed commit left; it was not acknowledged
        world.under = ()
        world.start()
        assert world.ask(told).status_code == 200
        assert log_size(world) > size
