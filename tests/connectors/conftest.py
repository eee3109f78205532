# SPDX-License-Identifier: Apache-2.0
"""Every connector test listens to all logs, and fails if one of them holds a value of a citizen or a secret."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.connectors.upstream import Respond, Upstream, upstream
from tests.connectors.world import ASKED, OTHER, SECRET_KEY, SURNAME


@pytest.fixture(autouse=True)
def no_value_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    said = "\n".join(
        f"{record.getMessage()} {record.exc_text or ''} {record.exc_info or ''}"
        for when in ("setup", "call")
        for record in caplog.get_records(when)
    )
    for canary in (ASKED, OTHER, SURNAME, SECRET_KEY):
        assert canary not in said


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Respond], Any]]:
    """Starts upstreams that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(respond: Respond) -> Upstream:
            return await stack.enter_async_context(upstream(respond))

        yield start
