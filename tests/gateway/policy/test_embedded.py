# SPDX-License-Identifier: Apache-2.0
"""The judge in the process refuses whatever goes wrong around it; each trap of the engine is pinned here."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import regorus
from msgspec import structs

from gateway.errors import PolicyUnavailable
from gateway.policy import bundle, canaries
from gateway.policy import vocabulary as law
from gateway.policy.bundle import ENTRYPOINT, build
from gateway.policy.canaries import CanaryAllowedError
from gateway.policy.documents import PolicyFolderError
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import checked, encode
from gateway.policy.facts import ConsentFacts, Facts, PersonFacts
from gateway.policy.vocabulary import Vocabulary

from .conftest import Lawful
from .generated import ASKED_BY_SOME


@pytest.fixture
def good(lawful: Lawful) -> Facts:
    return lawful("dsa-2026-014", "support.plan")


def engine(vocabulary: Vocabulary, *, without: str = "", data: str = "") -> regorus.Engine:
    """The engine as the judge makes it, less one module."""
    made = bundle.build(vocabulary)
    chosen = regorus.Engine()
    for name, text in made.modules.items():
        if name != without:
            chosen.add_policy(name, text)
    chosen.add_data_json(data or made.data)
    return chosen


def allowed(chosen: regorus.Engine, text: str) -> list[int]:
    """The pairs an engine allows; none when it fails or says nothing."""
    chosen.set_input_json(text)
    try:
        answer = json.loads(chosen.eval_rule_as_json(ENTRYPOINT))
    except RuntimeError:
        return []
    if not isinstance(answer, dict):
        return []
    said = dict(enumerate(answer["verdicts"]))
    return [n for n, own in enumerate(answer["pairs"]) if own in said and said[own]["allow"] is not False]


# -- what is right ----------------------------------------------------------------------------------------


async def test_a_lawful_question_of_every_term_is_allowed(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    for agreement in vocabulary.agreements.values():
        for term in agreement.terms:
            decision = await judge.judge(canaries.lawful(agreement, term, vocabulary))
            assert all(verdict.allow for verdict in decision.verdicts)
            assert {verdict.disclosure for verdict in decision.verdicts} == {term.disclosure}


async def test_the_decision_names_the_revision_it_was_made_under(judge: EmbeddedJudge, good: Facts) -> None:
    assert (await judge.judge(good)).revision == judge.revision
    assert len(judge.revision) == 64


def test_one_question_does_not_leave_anything_for_the_next(judge: EmbeddedJudge, good: Facts) -> None:
    stranger = structs.replace(good, person=PersonFacts(False))
    for _ in range(3):
        assert all(verdict.allow for verdict in judge.decide(good).verdicts)
        assert not any(verdict.allow for verdict in judge.decide(stranger).verdicts)


def test_no_pairs_is_a_decision_about_nothing(judge: EmbeddedJudge, good: Facts) -> None:
    decision = judge.decide(structs.replace(good, pairs=()))
    assert decision.verdicts == ()
    assert decision.refuses


# -- traps of the engine ----------------------------------------------------------------------------------


def test_undefined_input_allows_nothing(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    for text in ("{}", "null", "[]", "0", '"x"', '{"pairs": []}', '{"pairs": [{}]}', '{"pairs": "all"}'):
        assert allowed(engine(vocabulary), text) == []


def test_every_fact_left_out_in_turn_allows_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    asked = engine(vocabulary)
    whole = json.loads(encode(good))
    assert allowed(asked, json.dumps(whole)) == [0, 1]
    for outer in whole:
        assert allowed(asked, json.dumps({key: value for key, value in whole.items() if key != outer})) == []
    for outer in ("caller", "person", "request"):
        for inner in set(whole[outer]) - {"role_assured"} - ASKED_BY_SOME:
            less = {key: value for key, value in whole[outer].items() if key != inner}
            assert allowed(asked, json.dumps(whole | {outer: less})) == [], inner
    for outer, members in (
        ("pairs", ("source", "category", "standing")),
        ("standings", ("consent", "fields", "restrictions", "objection")),
    ):
        for inner in members:
            less = [{key: value for key, value in one.items() if key != inner} for one in whole[outer]]
            assert allowed(asked, json.dumps(whole | {outer: less})) == [], inner


def test_a_standing_that_is_not_there_allows_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    whole = json.loads(encode(good))
    whole["pairs"][0]["standing"] = len(whole["standings"])
    assert allowed(engine(vocabulary), json.dumps(whole)) == []


def test_a_boolean_that_became_a_number_allows_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    asked = engine(vocabulary)
    for path in (("person", "known"), ("caller", "organisation_active"), ("caller", "system_active")):
        for value in (1, 0, "true", [], {}, None):
            facts = json.loads(encode(good))
            facts[path[0]][path[1]] = value
            assert allowed(asked, json.dumps(facts)) == []


def test_facts_of_a_wrong_type_are_refused_before_the_engine_compares_them(
    judge: EmbeddedJudge, good: Facts
) -> None:
    """In Rego every text is greater than every number, so a consent that ends at "0" would never end."""
    endless = cast(Any, "0")
    consent = ConsentFacts("given", endless)
    facts = structs.replace(good, pairs=tuple(structs.replace(pair, consent=consent) for pair in good.pairs))
    with pytest.raises(PolicyUnavailable):
        judge.decide(facts)
    with pytest.raises(PolicyUnavailable):
        judge.decide(structs.replace(good, now=cast(Any, True)))
    with pytest.raises(PolicyUnavailable):
        judge.decide(structs.replace(good, person=PersonFacts(cast(Any, object()))))


@pytest.mark.parametrize("without", ["asked", "agreement", "fields", "override"])
def test_without_a_part_of_the_machinery_nothing_is_allowed(
    vocabulary: Vocabulary, lawful: Lawful, without: str
) -> None:
    asked = engine(vocabulary, without=f"lib/{without}.rego")
    for category in ("support.plan", "health.medications", "housing.tenancy"):
        assert allowed(asked, encode(lawful("dsa-2026-014", category)).decode()) == []


def test_without_the_tree_of_purposes_direct_care_carries_nothing(vocabulary: Vocabulary, lawful: Lawful) -> None:
    asked = engine(vocabulary, without="lib/purpose.rego")
    assert allowed(asked, encode(lawful("dsa-2026-014", "health.medications")).decode()) == []


def test_without_the_decision_the_engine_does_not_answer(vocabulary: Vocabulary, good: Facts) -> None:
    asked = engine(vocabulary, without="access/decision.rego")
    asked.set_input_json(encode(good).decode())
    with pytest.raises(RuntimeError, match="not a valid rule path"):
        asked.eval_rule_as_json(ENTRYPOINT)


def test_a_limit_whose_file_is_gone_allows_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    limits = [name for name in bundle.build(vocabulary).modules if name.startswith("limits/")]
    assert len(limits) >= 25
    for name in limits:
        assert allowed(engine(vocabulary, without=name), encode(good).decode()) == []


def test_an_obligation_whose_file_is_gone_allows_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    duties = [name for name in bundle.build(vocabulary).modules if name.startswith("obligations/")]
    assert len(duties) >= 6
    for name in duties:
        assert allowed(engine(vocabulary, without=name), encode(good).decode()) == []


def test_a_ground_whose_file_is_gone_carries_nothing(vocabulary: Vocabulary, good: Facts) -> None:
    assert allowed(engine(vocabulary, without="grounds/consent.rego"), encode(good).decode()) == []


def test_without_grounds_or_limits_at_all_nothing_is_allowed(vocabulary: Vocabulary, good: Facts) -> None:
    made = bundle.build(vocabulary)
    for room in ("grounds/", "limits/", "obligations/"):
        asked = regorus.Engine()
        for name, text in made.modules.items():
            if not name.startswith(room):
                asked.add_policy(name, text)
        asked.add_data_json(made.data)
        assert allowed(asked, encode(good).decode()) == []


@pytest.mark.parametrize("data", ["{}", '{"manifest": {}}', '{"manifest": {"limits": [], "grounds": ["consent"]}}'])
def test_without_the_manifest_or_the_agreements_nothing_is_allowed(
    vocabulary: Vocabulary, good: Facts, data: str
) -> None:
    assert allowed(engine(vocabulary, data=data), encode(good).decode()) == []
    documents = json.loads(bundle.build(vocabulary).data)
    assert allowed(engine(vocabulary, data=json.dumps(documents | json.loads(data))), encode(good).decode()) == (
        [0, 1] if data == "{}" else []
    )


def test_the_rules_keep_to_what_the_engines_judge_alike(vocabulary: Vocabulary) -> None:
    """No `every`, `not`, `walk`, default functions, `else if` without a value, `http.send` or string interpolation
    in the rules themselves: each was seen to be judged otherwise by one engine or another."""
    for name, text in bundle.build(vocabulary).modules.items():
        code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        for word in ("every ", "not ", "walk(", "http.", '$"', "sprintf", "json.match_schema", "uuid."):
            assert word not in code, f"{name} uses {word!r}"
        assert re.search(r"default \w+\(|else if ", code) is None, name


def test_two_pairs_with_one_number_are_refused(judge: EmbeddedJudge, good: Facts) -> None:
    other = structs.replace(good.pairs[0], category="health.medications")
    with pytest.raises(PolicyUnavailable):
        judge.decide(structs.replace(good, pairs=(good.pairs[0], other)))


# -- failures around the engine ---------------------------------------------------------------------------


def test_asked_from_another_thread_it_panics_and_that_is_a_no(judge: EmbeddedJudge, good: Facts) -> None:
    """The engine belongs to its thread; its panic is a BaseException that `except Exception` would let through."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            judge.decide(good)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert isinstance(raised[0], PolicyUnavailable)
    assert not isinstance(raised[0].__cause__, Exception)
    assert judge.decide(good).verdicts[0].allow


class Failing:
    """An engine that raises what it is told to, or answers with something else than text."""

    def __init__(self, what: object) -> None:
        self.what = what

    def set_input_json(self, text: str) -> None:
        if isinstance(self.what, BaseException):
            raise self.what

    def eval_rule_as_json(self, path: str) -> object:
        return self.what


def with_engine(what: object) -> EmbeddedJudge:
    judge = EmbeddedJudge.unsafe_unsigned()
    judge._engines[:] = [cast(Any, Failing(what))]
    return judge


class Panic(BaseException):
    """As pyo3 raises: no Exception."""


@pytest.mark.parametrize("what", [RuntimeError("x"), Panic(), MemoryError(), RecursionError(), None, b"{}", {}])
async def test_whatever_the_engine_raises_or_returns_instead_of_text_is_a_no(what: object, good: Facts) -> None:
    with pytest.raises(PolicyUnavailable):
        await with_engine(what).judge(good)


@pytest.mark.parametrize("what", [KeyboardInterrupt(), SystemExit(), GeneratorExit(), asyncio.CancelledError()])
async def test_what_must_stop_the_program_or_the_task_is_passed_on(what: BaseException, good: Facts) -> None:
    with pytest.raises(type(what)):
        await with_engine(what).judge(good)


async def test_an_engine_that_failed_is_made_anew(good: Facts) -> None:
    judge = with_engine(Panic())
    with pytest.raises(PolicyUnavailable):
        await judge.judge(good)
    assert (await judge.judge(good)).verdicts[0].allow


async def test_the_refusal_says_nothing_of_what_was_asked(good: Facts) -> None:
    with pytest.raises(PolicyUnavailable) as raised:
        await with_engine(RuntimeError("the engine quotes uk/nhs/XZZ01")).judge(good)
    assert raised.value.detail == ""
    assert "XZZ01" not in str(raised.value)


# -- before anything is served ----------------------------------------------------------------------------


def test_every_kind_of_canary_is_asked_of_every_term(judge: EmbeddedJudge, vocabulary: Vocabulary) -> None:
    asked = canaries.prove(judge.decide, vocabulary)
    terms = sum(len(agreement.terms) for agreement in vocabulary.agreements.values())
    assert asked > 15 * terms


@pytest.mark.parametrize("name", ["known_person", "agreement_valid", "purpose_in_agreement", "consent_not_expired"])
def test_a_limit_that_always_holds_is_not_served(folder: Path, name: str) -> None:
    path = folder / "limits" / f"{name}.rego"
    head = path.read_text().partition(f"package commons.limits.{name}\n")
    path.write_text(head[0] + head[1] + "\nholds := data.commons.lib.asked.all_positions\n")
    with pytest.raises(CanaryAllowedError):
        EmbeddedJudge.unsafe_unsigned(folder)


def test_a_decision_that_allows_everything_is_not_served(folder: Path) -> None:
    path = folder / "access" / "decision.rego"
    path.write_text(path.read_text().replace("\tunhindered == true\n", ""))
    with pytest.raises(CanaryAllowedError):
        EmbeddedJudge.unsafe_unsigned(folder)


def test_a_ground_that_always_applies_is_not_served(folder: Path, regenerate: Callable[[], None]) -> None:
    path = folder / "grounds" / "consent.rego"
    head = path.read_text().partition("package commons.grounds.consent\n")
    path.write_text(head[0] + head[1] + "\napplies := data.commons.lib.asked.all_positions\n")
    with pytest.raises(CanaryAllowedError):
        EmbeddedJudge.unsafe_unsigned(folder)


def test_rules_that_cannot_be_read_are_not_served(folder: Path) -> None:
    path = folder / "access" / "decision.rego"
    path.write_text(path.read_text() + "\nbroken := {\n")
    with pytest.raises(PolicyFolderError):
        EmbeddedJudge.unsafe_unsigned(folder)


def test_a_judge_that_does_not_answer_the_canaries_is_not_served(vocabulary: Vocabulary) -> None:
    def silent(_: Facts) -> Any:
        raise PolicyUnavailable

    with pytest.raises(PolicyUnavailable):
        canaries.prove(silent, law.load(vocabulary.folder))


def test_facts_survive_their_own_check(judge: EmbeddedJudge, good: Facts) -> None:
    assert checked(encode(good)) == good


def test_a_judge_may_be_forgotten_on_a_thread_that_is_not_its_own(
    vocabulary: Vocabulary, capfd: pytest.CaptureFixture[str]
) -> None:
    def forget(judge: list[EmbeddedJudge]) -> None:
        judge.clear()
        gc.collect()

    gc.collect()  # what the tests before left is dropped here, and not on the other thread
    made = [EmbeddedJudge.of(build(vocabulary))]
    thread = threading.Thread(target=forget, args=(made,))
    thread.start()
    thread.join()
    EmbeddedJudge.of(build(vocabulary))  # drops what was laid aside, on this thread
    gc.collect()
    assert "unsendable" not in "".join(capfd.readouterr())
