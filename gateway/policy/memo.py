# SPDX-License-Identifier: Apache-2.0
"""Decisions remembered soundly: the same rules and the same facts give the same decision until it may change.

The key is the policy revision and every fact but the time; the value is used only from the instant it was judged
at until its own `valid_until`, and for some seconds only where the judge is somebody who can fall silent. Consent
is among the facts, so one that moved is another key. Only decisions are remembered, never a failure to decide.
"""

from __future__ import annotations

from gateway.model import Decision
from gateway.policy.encoding import encode
from gateway.policy.facts import Facts
from gateway.policy.judge import Judge

BOUND = 4096
"""Decisions kept: of about 2 kB each, so some 8 MB a worker."""


class Memo:
    """A Judge that asks another one only for what it has not judged yet. `lasting_s`: for how many seconds a
    decision is used at most; None as long as it is valid, where the judge is part of this process."""

    def __init__(self, judge: Judge, bound: int = BOUND, *, lasting_s: int | None = None) -> None:
        self._judge = judge
        self._bound = bound
        self._lasting_s = lasting_s
        self._revision = judge.revision
        self._kept: dict[bytes, tuple[int, Decision]] = {}

    @property
    def revision(self) -> str:
        """See Judge."""
        return self._judge.revision

    async def judge(self, facts: Facts) -> Decision:
        """See Judge."""
        text = encode(facts)
        key = text[text.index(b",") :]  # what stands before is `now`
        if self._revision != self._judge.revision:
            self._kept.clear()
            self._revision = self._judge.revision
        kept = self._kept.get(key)
        if kept is not None and kept[0] <= facts.now < self._until(*kept):
            return kept[1]
        decision = await self._judge.judge(facts)
        if decision.revision == self._revision:
            self._keep(key, facts.now, decision)
        return decision

    def _until(self, judged: int, decision: Decision) -> int:
        until = decision.valid_until
        return until if self._lasting_s is None else min(until, judged + self._lasting_s)

    def _keep(self, key: bytes, now: int, decision: Decision) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= self._bound:
            del self._kept[next(iter(self._kept))]  # the oldest judgement goes first
        self._kept[key] = (now, decision)
