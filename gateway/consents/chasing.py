# SPDX-License-Identifier: Apache-2.0
"""The task of one worker that writes notices that are missing, reminds recipients who are late, and tells of what
will end.

A failure here touches nothing else, nor the one the other. Several workers may do it: what is told is noted in the
transaction that tells it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from gateway.consents.expiring import Expiring
from gateway.consents.propagation import Propagation

log = logging.getLogger("commons.consents")

EVERY_S = 30.0


class Chaser:
    """Belongs to one event loop."""

    def __init__(self, propagation: Propagation, expiring: Expiring) -> None:
        self._work = {
            "recipients could not be told": propagation.catch_up,
            "recipients could not be reminded": propagation.chase,
            "what will end could not be told": expiring.sweep,
        }
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
            for failure, work in self._work.items():
                try:
                    await asyncio.to_thread(work)
                except Exception as error:  # whatever it was, the next round has to come
                    log.error("%s: %s", failure, type(error).__name__)
            await asyncio.sleep(EVERY_S)
