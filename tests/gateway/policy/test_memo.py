# SPDX-License-Identifier: Apache-2.0
"""A decision is remembered only as long as it would be made again."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from gateway.errors import PolicyUnavailable
from gateway.model import Decision
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.facts import ConsentFacts, Facts
from gateway.policy.memo import Memo

from .conftest import Lawful


@dataclasses.dataclass
class Counting:
    """A judge that counts how often it is asked, and can be told to fail or to change its revision."""

    judge_of: EmbeddedJudge
    asked: int = 0
    fails: bool = False
    suffix: str = ""

    @property
    def revision(self) -> str:
        return self.judge_of.revision + self.suffix

    async def judge(self, facts: Facts) -> Decision:
        self.asked += 1
        if self.fails:
            raise PolicyUnavailable
        return structs.replace(self.judge_of.decide(facts), revision=self.revision)


@pytest.fixture
def counting(judge: EmbeddedJudge) -> Counting:
    return Counting(judge)


@pytest.fixture
def good(lawful: Lawful) -> Facts:
    """A question that rests on consent, at noon."""
    asked = structs.replace(lawful("dsa-2026-014", "support.plan"), now=1_795_000_000)
    pairs = tuple(
        structs.replace(pair, consent=ConsentFacts("given", asked.now + 3600, by="self")) for pair in asked.pairs
    )
    return structs.replace(asked, pairs=pairs)


def later(facts: Facts, seconds: int) -> Facts:
    return structs.replace(facts, now=facts.now + seconds)


async def test_the_same_facts_are_judged_once(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    first = await memo.judge(good)
    assert await memo.judge(later(good, 1)) is first
    assert counting.asked == 1


async def test_any_other_fact_is_judged_anew(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    await memo.judge(good)
    withdrawn = tuple(structs.replace(pair, consent=ConsentFacts("withdrawn")) for pair in good.pairs)
    others = [
        structs.replace(good, person=structs.replace(good.person, known=False)),
        structs.replace(good, caller=structs.replace(good.caller, system_active=False)),
        structs.replace(good, request=structs.replace(good.request, purpose="research.planning")),
        structs.replace(good, pairs=withdrawn),
        structs.replace(good, pairs=good.pairs[:1]),
    ]
    for number, other in enumerate(others, 2):
        assert await memo.judge(other) != await memo.judge(good)
        assert counting.asked == number


async def test_a_decision_is_not_used_from_its_valid_until_on(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    until = (await memo.judge(good)).valid_until
    await memo.judge(structs.replace(good, now=until - 1))
    assert counting.asked == 1
    await memo.judge(structs.replace(good, now=until))
    assert counting.asked == 2


async def test_a_decision_of_a_judge_that_may_fall_silent_is_used_for_some_seconds_only(
    counting: Counting, good: Facts
) -> None:
    memo = Memo(counting, lasting_s=5)
    await memo.judge(good)
    await memo.judge(later(good, 4))
    assert counting.asked == 1
    counting.fails = True
    with pytest.raises(PolicyUnavailable):
        await memo.judge(later(good, 5))


async def test_a_clock_that_went_back_asks_again(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    await memo.judge(good)
    await memo.judge(later(good, -1))
    assert counting.asked == 2


async def test_every_remembered_decision_is_the_one_that_would_be_made(
    counting: Counting, judge: EmbeddedJudge, good: Facts
) -> None:
    memo = Memo(counting)
    for minutes in range(0, 26 * 60, 7):
        facts = later(good, minutes * 60)
        assert await memo.judge(facts) == judge.decide(facts)
    assert counting.asked < 26 * 60 // 7


async def test_a_failure_is_not_remembered(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    counting.fails = True
    with pytest.raises(PolicyUnavailable):
        await memo.judge(good)
    counting.fails = False
    assert (await memo.judge(good)).verdicts[0].allow


async def test_another_revision_forgets_everything(counting: Counting, good: Facts) -> None:
    memo = Memo(counting)
    await memo.judge(good)
    counting.suffix = "-next"
    assert (await memo.judge(good)).revision.endswith("-next")
    assert counting.asked == 2


async def test_no_more_decisions_are_kept_than_the_bound(counting: Counting, good: Facts) -> None:
    memo = Memo(counting, bound=2)
    roles = ("social-worker", "discharge-coordinator", "clinician")
    facts = [structs.replace(good, caller=structs.replace(good.caller, role=role)) for role in roles]
    for one in facts:
        await memo.judge(one)
    await memo.judge(facts[2])
    await memo.judge(facts[1])
    assert counting.asked == 3
    await memo.judge(facts[0])
    assert counting.asked == 4
