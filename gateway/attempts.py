# SPDX-License-Identifier: Apache-2.0
"""Attempts that were turned away before there was a decision: no valid credential, or not the caller's to see.

They are evidence of somebody trying, and anybody can make a million of them. So each kind (what was wrong, at
which route, by which system) is an entry when it is first seen, and after that one entry a minute with how many.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import uuid_utils
from msgspec import Struct

from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.errors import AuditUnavailable

EVERY_S = 60
"""Seconds between two entries of one kind."""

KINDS = 1000
"""Kinds told apart; what comes beyond them is summed under one."""


class Kind(Struct, frozen=True):
    """One kind of attempt. `code` is the slug of the refusal, `route` a route's template, never a path;
    organisation and system are those of a valid credential, and empty without one."""

    code: str
    route: str
    organisation: str = ""
    system: str = ""


_OTHERS = Kind("other", "")


class Attempts:
    """Counts attempts and logs them; belongs to one event loop. What was counted since the last entry is written at
    `close`; a process that is killed loses that number, and not that there were any."""

    def __init__(self, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._counted: dict[Kind, int] = {}
        self._told_at: dict[Kind, float] = {}
        self._wake = asyncio.Event()
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="attempts")

    def note(self, kind: Kind) -> None:
        """Count one attempt. Costs a microsecond and waits for nothing."""
        if kind not in self._counted and len(self._counted) >= KINDS:
            kind = _OTHERS
        self._counted[kind] = self._counted.get(kind, 0) + 1
        self._wake.set()

    async def close(self) -> None:
        """Log what was counted, and stop."""
        self._end.set()
        self._wake.set()
        await self._task  # not cancelled: an entry that is on its way would be counted again
        self._told_at.clear()
        await self._tell()

    async def _run(self) -> None:
        while not self._end.is_set():
            await self._wake.wait()
            self._wake.clear()
            await self._tell()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), 1)
            if self._counted:
                self._wake.set()

    async def _tell(self) -> None:
        now = self._clock()
        self._told_at = {kind: at for kind, at in self._told_at.items() if now - at < EVERY_S}
        for kind in [kind for kind in self._counted if kind not in self._told_at]:
            count = self._counted[kind]
            try:
                await self._log.append(_entry(kind, count))
            except AuditUnavailable:
                return  # counted on, and told when the log answers again
            self._told_at[kind] = now
            self._counted[kind] -= count
            if not self._counted[kind]:
                del self._counted[kind]


def _entry(kind: Kind, count: int) -> Entry:
    said = {"code": kind.code, "route": kind.route, "count": count}
    return Entry(
        id=str(uuid_utils.uuid7()),
        type="attempt.refused",
        at_ms=time.time_ns() // 1_000_000,
        org=kind.organisation,
        svc=kind.system,
        purpose="",
        decision="deny",
        policy="",
        subjects=0,
        groups={"request": said},
    )
