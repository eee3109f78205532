# SPDX-License-Identifier: Apache-2.0
"""Checks a recorded history of grants, withdrawals and questions, whoever ran them and on however many nodes.

Each invocation has the instant at which it was sent and the one at which its answer was there, on one clock;
between the two it took effect, or, if it failed, perhaps at any time after it was sent, perhaps never. What
must hold:

1. **No release after a stop.** A question sent after a withdrawal was acknowledged is not answered under a consent
   that is older than that withdrawal.
2. **Nor in the log.** In the one order of the log, no answer stands behind a withdrawal under a consent that is
   older: this sees what the first rule cannot, questions that were in flight.
3. **No refusal without a stop.** A question sent after a consent was acknowledged is answered, unless a later
   withdrawal was at least sent before the answer.
4. **One chain.** Decisions of one person have numbers of their own that follow the order in which they happened.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["give", "withdraw", "ask"]
Outcome = Literal["done", "refused", "released", "withheld", "failed"]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One operation. `process`: who sent it; `node`: who took it; times in nanoseconds of one monotonic clock.

    `seq`: of a decision its number in the person's chain, of an answer that of the consent it was released under;
    0 where there is none or it is not known. `place`: of its entry in the log, -1 if it has none.
    """

    process: int
    node: int
    kind: Kind
    person: int
    invoked: int
    acked: int
    outcome: Outcome
    seq: int = 0
    place: int = -1


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `counts` says how much there was to be seen: a history in which nothing happens holds too."""

    violations: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether no rule is broken."""
        return not self.violations


def check(history: Iterable[Invocation]) -> Report:
    """Check all rules for each person."""
    people: dict[int, list[Invocation]] = defaultdict(list)
    counts: Counter[str] = Counter()
    violations: list[str] = []
    for one in history:
        people[one.person].append(one)
        counts[f"{one.kind} {one.outcome}"] += 1
    for theirs in people.values():
        violations += _released_after_a_stop(theirs)
        violations += _behind_a_stop_in_the_log(theirs)
        violations += _withheld_without_a_stop(theirs)
        violations += _out_of_order(theirs)
        counts["overlapping"] += _overlapping(theirs)
    return Report(tuple(violations), counts)


class _Newest:
    """The greatest number among those up to a point."""

    def __init__(self, points: Iterable[tuple[int, int]]) -> None:
        self._at: list[int] = []
        self._newest: list[int] = []
        newest = 0
        for at, seq in sorted(points):
            newest = max(newest, seq)
            self._at.append(at)
            self._newest.append(newest)

    def before(self, point: int) -> int:
        """The greatest number of those strictly before; 0 for none."""
        found = bisect.bisect_left(self._at, point)
        return self._newest[found - 1] if found else 0


def _done(history: Sequence[Invocation], kind: Kind) -> list[Invocation]:
    return [one for one in history if one.kind == kind and one.outcome == "done"]


def _released(history: Sequence[Invocation]) -> list[Invocation]:
    return [one for one in history if one.outcome == "released"]


def _released_after_a_stop(history: Sequence[Invocation]) -> list[str]:
    stopped = _Newest((one.acked, one.seq) for one in _done(history, "withdraw"))
    return [
        f"person {one.person}: process {one.process} was answered by node {one.node} under decision {one.seq}, "
        f"after withdrawal {stop} was acknowledged"
        for one in _released(history)
        if (stop := stopped.before(one.invoked)) > one.seq
    ]


def _behind_a_stop_in_the_log(history: Sequence[Invocation]) -> list[str]:
    stopped = _Newest((one.place, one.seq) for one in _done(history, "withdraw") if one.place >= 0)
    return [
        f"person {one.person}: an answer by node {one.node} under decision {one.seq} stands in the log behind "
        f"withdrawal {stop}"
        for one in _released(history)
        if one.place >= 0 and (stop := stopped.before(one.place)) > one.seq
    ]


def _withheld_without_a_stop(history: Sequence[Invocation]) -> list[str]:
    given = _Newest((one.acked, one.seq) for one in _done(history, "give"))
    unknown = 1 << 62  # one that failed may have been recorded, as whichever number
    sent = _Newest(
        (one.invoked, one.seq if one.outcome == "done" else unknown)
        for one in history
        if one.kind == "withdraw" and one.outcome in ("done", "failed")
    )
    return [
        f"person {one.person}: node {one.node} withheld although consent {consent} stood and nobody withdrew it"
        for one in history
        if one.outcome == "withheld" and (consent := given.before(one.invoked)) > sent.before(one.acked)
    ]


def _out_of_order(history: Sequence[Invocation]) -> list[str]:
    decisions = [*_done(history, "give"), *_done(history, "withdraw")]
    repeated = [seq for seq, times in Counter(one.seq for one in decisions).items() if times > 1]
    found = [f"person {history[0].person}: two decisions have the number {seq}" for seq in repeated]
    earlier = _Newest((one.acked, one.seq) for one in decisions)
    return found + [
        f"person {one.person}: decision {one.seq} began after decision {before} was acknowledged"
        for one in decisions
        if (before := earlier.before(one.invoked)) > one.seq
    ]


def _overlapping(history: Sequence[Invocation]) -> int:
    """Questions that were on their way while a withdrawal was: without any, rules 1 and 2 say little."""
    stops = sorted((one.invoked, one.acked) for one in _done(history, "withdraw"))
    begins = [invoked for invoked, _ in stops]
    latest = _Newest(stops)
    return sum(
        latest.before(one.acked) > one.invoked and bisect.bisect_left(begins, one.acked) > 0
        for one in history
        if one.kind == "ask"
    )
