# SPDX-License-Identifier: Apache-2.0
"""The task of one worker that writes notices that are missing and reminds recipients who are late.

A failure here touches nothing else. Several workers may do it: a reminder is noted before it is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from gateway.consents.propagation import Propagation

log = logging.getLogger("commons.consents")

EVERY_S = 30.0


class Chaser:
    """Belongs to one event loop."""

    def __init__(self, propagation: Propagation) -> None:
        self._propagation = propagation
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="chaser")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._propagation.catch_up)
                await asyncio.to_thread(self._propagation.chase)
            except Exception as error:  # whatever it was, the next round has to come
                log.error("recipients could not be reminded: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)
