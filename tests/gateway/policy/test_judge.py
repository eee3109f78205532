# SPDX-License-Identifier: Apache-2.0
"""A judge's word is read strictly: whatever is in doubt is no decision."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import encode
from gateway.policy.facts import Facts, PairFacts
from gateway.policy.judge import read

from .conftest import Lawful


@pytest.fixture
def asked(lawful: Lawful) -> Facts:
    return lawful("dsa-2026-014", "support.plan")


@pytest.fixture
def said(judge: EmbeddedJudge, asked: Facts) -> Any:
    return json.loads(judge.ask(encode(asked).decode()))


def test_a_sound_answer_is_a_decision(asked: Facts, said: Any) -> None:
    decision = read(json.dumps(said), asked, "revision")
    assert decision.revision == "revision"
    assert [verdict.allow for verdict in decision.verdicts] == [True, True]


@pytest.mark.parametrize(
    "answer",
    ['"<undefined>"', "<undefined>", "", "{}", "null", "true", "[]", "{", b"\xff", '{"verdicts": []}'],
)
def test_an_undefined_or_shapeless_answer_is_none(asked: Facts, answer: str | bytes) -> None:
    with pytest.raises(PolicyUnavailable):
        read(answer, asked, "revision")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("allow", 1),
        ("allow", "true"),
        ("allow", None),
        ("n", 0),
        ("hidden", ["court_order"]),
        ("override", None),
        ("fields", []),
        ("fields", {"title": True}),
        ("grounds", []),
        ("broken", ["known_person"]),
        ("reason", "consent-not-given"),
        ("disclosure", "everything"),
        ("lawful_basis", None),
        ("more", 1),
    ],
)
def test_a_verdict_of_a_wrong_type_or_that_contradicts_itself_is_none(
    asked: Facts, said: Any, member: str, value: Any
) -> None:
    said["verdicts"][0][member] = value
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said), asked, "revision")


@pytest.mark.parametrize("member", ["allow", "fields", "grounds", "broken", "hidden", "reason", "fields_refused"])
def test_a_verdict_that_lacks_a_member_is_none(asked: Facts, said: Any, member: str) -> None:
    del said["verdicts"][0][member]
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said), asked, "revision")


def test_every_pair_must_have_a_verdict_that_is_there(asked: Facts, said: Any) -> None:
    assert said["pairs"] == [0, 1]
    for change in (
        {"verdicts": said["verdicts"][:1]},
        {"verdicts": []},
        {"pairs": [0]},
        {"pairs": []},
        {"pairs": [0, 1, 1]},
        {"pairs": [0, -1]},
        {"pairs": [0, 2]},
        {"pairs": [0, True]},
        {"pairs": ["0", "1"]},
    ):
        with pytest.raises(PolicyUnavailable):
            read(json.dumps(copy.deepcopy(said) | change), asked, "revision")


def test_pairs_may_share_a_verdict_and_each_has_its_own_number(asked: Facts, said: Any) -> None:
    decision = read(json.dumps(said | {"pairs": [1, 1]}), asked, "revision")
    assert [verdict.n for verdict in decision.verdicts] == [0, 1]
    assert decision.verdicts[0].fields == decision.verdicts[1].fields


def test_a_refusal_is_no_break_glass(asked: Facts, said: Any) -> None:
    refusal = {"allow": False, "fields": [], "grounds": [], "reason": "objection", "override": "vital-interests"}
    said["verdicts"][0] |= refusal
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said), asked, "revision")


def test_a_field_that_was_not_asked_for_is_not_granted(asked: Facts, said: Any) -> None:
    pair = PairFacts(0, asked.pairs[0].source, asked.pairs[0].category, ("title",))
    narrow = Facts(asked.now, asked.caller, asked.person, asked.request, (pair, asked.pairs[1]))
    assert set(said["verdicts"][0]["fields"]) > {"title"}
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said), narrow, "revision")


@pytest.mark.parametrize(
    "change", [{"reason": ""}, {"reason": "because"}, {"fields": ["title"]}, {"grounds": ["consent"]}]
)
def test_a_refusal_has_a_listed_reason_and_grants_nothing(asked: Facts, said: Any, change: dict[str, Any]) -> None:
    refusal = {"allow": False, "fields": [], "grounds": [], "reason": "consent-not-given"}
    said["verdicts"][0] |= refusal
    assert not read(json.dumps(said), asked, "revision").verdicts[0].allow
    said["verdicts"][0] |= change
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said), asked, "revision")


def test_a_decision_that_is_over_before_it_begins_is_none(asked: Facts, said: Any) -> None:
    with pytest.raises(PolicyUnavailable):
        read(json.dumps(said | {"valid_until": asked.now}), asked, "revision")
