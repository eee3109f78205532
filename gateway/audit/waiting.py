# SPDX-License-Identifier: Apache-2.0
"""What waits to be written: two lanes, each bounded, under one deadline.

More is refused at once when a lane is full or its first has waited long, since a queue that is behind only grows
slower. Break-glass has the lane of its own, which is emptied first: an emergency does not stand in line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from gateway.audit.sequencer import Item, Result
from gateway.errors import AuditUnavailable

WAITING = 4096
"""Entries that may wait."""

URGENT = 256
"""Entries that may wait in the urgent lane."""

PATIENCE_S = 1.0
"""Nobody joins a lane whose first has waited longer: what it waits for has stopped."""

PAUSE_S = 0.002
"""How long to leave alone an item whose consent is being changed at this moment."""


class Waiting(Struct, eq=False):
    """One append on its way: `since` on the loop's clock."""

    item: Item
    done: asyncio.Future[Result]
    since: float
    urgent: bool


class Queue:
    """The two lanes of one process. Belongs to one event loop."""

    def __init__(self, deadline_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline_s = deadline_s
        self._urgent: deque[Waiting] = deque()
        self._others: deque[Waiting] = deque()
        self._held_up: list[Waiting] = []
        self._all: deque[Waiting] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self.wake = asyncio.Event()
        """Set when there is something to take, or when whoever takes must look up."""

    def put(self, item: Item, *, urgent: bool = False, age_s: float = 0.0) -> Waiting:
        """Join a lane; `age_s` is how long it has waited elsewhere. Raises AuditUnavailable."""
        lane, most = (self._urgent, URGENT) if urgent else (self._others, WAITING)
        now = self._loop.time()
        if len(lane) >= most or (lane and lane[0].since < now - PATIENCE_S and not urgent):
            raise AuditUnavailable
        waiting = Waiting(item, self._loop.create_future(), now - age_s, urgent)
        lane.append(waiting)
        self._all.append(waiting)
        self.wake.set()
        return waiting

    def take(self, most: int) -> list[Waiting]:
        """The next to be written, urgent ones first, without those that nobody waits for any more."""
        batch: list[Waiting] = []
        for lane in (self._urgent, self._others):
            while lane and len(batch) < most:
                waiting = lane.popleft()
                if not waiting.done.done():
                    batch.append(waiting)
        return batch

    def give_back(self, waitings: Sequence[Waiting]) -> None:
        """Let them wait again, before all others of their lane."""
        for waiting in reversed(waitings):
            (self._urgent if waiting.urgent else self._others).appendleft(waiting)
        self.wake.set()

    def hold_up(self, waitings: Sequence[Waiting]) -> None:
        """Give them back in a moment: their consent is being changed just now."""
        self._held_up += waitings
        self._loop.call_later(PAUSE_S, self._try_again)

    def _try_again(self) -> None:
        held_up, self._held_up = self._held_up, []
        self.give_back(held_up)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._urgent or self._others or self._held_up)

    def watch(self) -> None:
        """From now on give up on whatever is older than the deadline: a disk that hangs is as bad as one that
        fails."""
        late = self._loop.time() - self._deadline_s
        while self._all and ((first := self._all[0]).done.done() or first.since <= late):
            self._all.popleft()
            if not first.done.done():
                first.done.set_exception(AuditUnavailable())
        self._sweep = self._loop.call_later(self._deadline_s / 10, self.watch)

    def give_up(self) -> None:
        """On all that waits: nobody will write it."""
        while self._all:
            if not (waiting := self._all.popleft()).done.done():
                waiting.done.set_exception(AuditUnavailable())

    def stop(self) -> None:
        """Watch no more."""
        if self._sweep is not None:
            self._sweep.cancel()
