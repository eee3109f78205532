# SPDX-License-Identifier: Apache-2.0
"""Rehearsal: past decisions judged under a law that is not in force, to see which real accesses it would flip.

Each decision is judged at its own instant, so that agreements and consents stand as they stood. What it is compared
with is what was really decided, under whichever law that was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from gateway.audit.stream import Stream, Streamed
from gateway.errors import PolicyUnavailable
from gateway.model import Decision
from gateway.policy.bundle import Bundle
from gateway.policy.comparison import Expected, Group, Tally, compare, unexpected
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import encode
from gateway.policy.facts import Facts
from gateway.rehearsing.past import Past, past

TYPES = frozenset({"access.intended", "access.refused"})
_HELD = 20_000  # decisions under the new law that are remembered


class Rehearsed(Struct, frozen=True):
    """What a rehearsal found. `decisions`: all that were looked at; of them `erased` hold no facts any more,
    `unknown` hold facts of another form, `unjudged` could not be judged under the new law; `flipped`
    differ, in `accesses` (a category of a source each). `unmet`: widenings that were meant and did not happen."""

    revision: str
    since_ms: int
    decisions: int
    flipped: int
    erased: int
    unknown: int
    unjudged: int
    groups: tuple[Group, ...]
    unexpected: tuple[Group, ...]
    unmet: tuple[Expected, ...] = ()

    @property
    def judged(self) -> int:
        """How many decisions were judged anew."""
        return self.decisions - self.erased - self.unknown - self.unjudged

    @property
    def accesses(self) -> int:
        """How many accesses differ."""
        return sum(one.accesses for one in self.groups)

    @property
    def passes(self) -> bool:
        """Whether nothing widens that nobody meant, and the new law answered every question."""
        return not self.unexpected and not self.unjudged


def rehearse(
    stream: Stream,
    bundle: Bundle,
    *,
    since_ms: int,
    expected: tuple[Expected, ...] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Rehearsed:
    """Judge every decision of a stream of TYPES under `bundle`. `progress(done, all)` counts places of the log.
    Raises PolicyFolderError when the engine cannot read the rules."""
    judge = _Judge(bundle)
    tally = Tally()
    counts = dict.fromkeys(("decisions", "flipped", "erased", "unknown", "unjudged"), 0)
    total = max(stream.end - stream.first, 1)
    for streamed in stream:
        counts["decisions"] += 1
        outcome = _look(streamed, judge, tally)
        if outcome:
            counts[outcome] += 1
        if counts["decisions"] % 200 == 0:
            progress(streamed.place - stream.first, total)
    progress(total, total)
    groups = tally.groups()
    return Rehearsed(
        revision=bundle.revision,
        since_ms=since_ms,
        groups=groups,
        unexpected=tuple(unexpected(groups, expected)),
        unmet=tuple(one for one in expected if not any(group.widens and one.covers(group.key) for group in groups)),
        **counts,
    )


def _look(streamed: Streamed, judge: _Judge, tally: Tally) -> str:
    try:
        found = past(streamed.groups)
    except msgspec.ValidationError:
        return "unknown"
    if found is None:
        return "erased"
    try:
        decision = judge.decide(found.facts)
    except PolicyUnavailable:
        return "unjudged"
    return "flipped" if _compare(streamed, found, decision, tally, judge.order) else ""


def _compare(streamed: Streamed, found: Past, decision: Decision, tally: Tally, order: Mapping[str, int]) -> bool:
    flipped = False
    for before, after in zip(found.verdicts, decision.verdicts, strict=True):
        change = None if found.anew and not before.allow else compare(before, after, order)
        if change is not None:
            flipped = True
            tally.add(streamed.org, streamed.purpose, before.category, f"dec_{streamed.id}", change)
    return flipped


class _Judge:
    """The new law; decisions are remembered as `policy/memo.py` does, since they come in the order of time."""

    def __init__(self, bundle: Bundle) -> None:
        self._judge = EmbeddedJudge.of(bundle)
        limits = msgspec.json.decode(bundle.data)["manifest"]["limits"]
        self.order = {limit["name"]: place for place, limit in enumerate(limits)}
        self._held: dict[bytes, tuple[int, Decision]] = {}

    def decide(self, facts: Facts) -> Decision:
        text = encode(facts)
        key = text[text.index(b",") :]  # what stands before is `now`
        held = self._held.get(key)
        if held is not None and held[0] <= facts.now < held[1].valid_until:
            return held[1]
        decision = self._judge.decide(facts)
        while len(self._held) >= _HELD:
            del self._held[next(iter(self._held))]
        self._held[key] = (facts.now, decision)
        return decision
