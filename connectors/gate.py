# SPDX-License-Identifier: Apache-2.0
"""What stands before one source: a bulkhead, a rate limit and a circuit breaker. Each says no at once, none waits.

State of one process and one event loop; no locks are needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from connectors.base import Envelope, ReadError, Reason
from connectors.manifest import Manifest

_COUNTED = frozenset({Reason.SOURCE_ERROR, Reason.GARBAGE, Reason.ENGINE_FAULT, Reason.SOURCE_UNSAFE})


class Gate:
    """Counts what one source is doing. Times are seconds on the event loop's clock."""

    def __init__(self, manifest: Manifest) -> None:
        limits, breaker = manifest.limits, manifest.breaker
        self._most = limits.concurrency
        self._rate = limits.rate_per_s
        self._tokens = max(1.0, limits.rate_per_s)
        self._filled = 0.0
        self._fail = breaker.fail
        self._open_s = breaker.open_s
        self._slow_s = breaker.slow_ms / 1000
        self._failures = 0
        self._open_until = 0.0
        self._trying = False
        self.inside = 0

    def enter(self, now: float) -> None:
        """Raises `ReadError` when the source is not to be asked now; else `leave` must follow."""
        if self.inside >= self._most:
            raise ReadError(Reason.BULKHEAD_FULL, retry_after_s=1)
        if self._failures >= self._fail and (now < self._open_until or self._trying):
            raise ReadError(Reason.BREAKER_OPEN, retry_after_s=max(1, math.ceil(self._open_until - now)))
        if self._rate:
            most = max(1.0, self._rate)
            self._tokens = min(most, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                raise ReadError(
                    Reason.SOURCE_BUSY, retry_after_s=max(1, math.ceil((1 - self._tokens) / self._rate))
                )
            self._tokens -= 1
        self._trying = self._failures >= self._fail  # half open: this read is the trial
        self.inside += 1

    def leave(self, envelopes: Iterable[Envelope], started: float, now: float) -> None:
        """Counts how the read ended. No envelopes: it was cancelled, which says nothing of the source."""
        self.inside -= 1
        self._trying = False
        verdicts = [self._failed(envelope, now - started) for envelope in envelopes]
        if not verdicts:
            return
        if not any(verdicts):
            self._failures = 0
        elif all(verdicts):
            self._failures += 1
            if self._failures >= self._fail:
                self._open_until = now + self._open_s

    def _failed(self, envelope: Envelope, took_s: float) -> bool:
        """A timeout counts only if the source had time to answer: an asker's tiny deadline is not its fault."""
        return envelope.reason in _COUNTED or (envelope.reason is Reason.SOURCE_TIMEOUT and took_s >= self._slow_s)
