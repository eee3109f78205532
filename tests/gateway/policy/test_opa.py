# SPDX-License-Identifier: Apache-2.0
"""The judge beside the process: a real OPA, and everything that can be wrong with it (security.md F12, C1)."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Refused
from gateway.policy import canaries
from gateway.policy.bundle import Bundle, build
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.facts import Facts
from gateway.policy.law import Law, examine
from gateway.policy.memo import Memo
from gateway.policy.opa import Opa, OpaJudge, OpaJudges
from gateway.policy.packing import BUNDLE_MANIFEST, SIGNATURES, BundleRefusedError, archive, extract
from gateway.policy.vocabulary import Vocabulary, load
from tests.fixtures.law import Steward, edited, stripped
from tests.fixtures.opa import Line, OpaServer, line_to, opa_server

TIMEOUT_MS = 1000

Lawful = Callable[[str, str], Facts]


@pytest.fixture(scope="module")
def server(opa: str, steward: Steward, law: Bundle) -> Iterator[OpaServer]:
    """OPA under the law of the repository; a test leaves it as it found it."""
    with opa_server(opa, steward, steward.pack(law)) as up:
        yield up


@pytest.fixture
async def line(server: OpaServer) -> AsyncIterator[Line]:
    """A line to it that a test may spoil."""
    async with line_to(server) as line:
        yield line


@pytest.fixture
async def judge(line: Line, law: Bundle) -> AsyncIterator[OpaJudge]:
    """A judge that asks over that line."""
    async with Opa(f"unix://{line.path}", timeout_ms=TIMEOUT_MS) as asked:
        await loaded(asked)
        yield OpaJudge(asked, law.revision)


@pytest.fixture
def good(lawful: Lawful) -> Facts:
    return lawful("dsa-2026-014", "health.medications")


async def loaded(asked: Opa, healthy: bool = True) -> None:
    until = time.monotonic() + 10
    while await asked.healthy() is not healthy:
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def unavailable(judge: OpaJudge, facts: Facts) -> bool:
    """Whether the judge says that it cannot judge, and not that it refuses."""
    try:
        await judge.judge(facts)
    except PolicyUnavailable as error:
        return (error.status, error.code) == (503, "policy-unavailable") and not isinstance(error, Refused)
    return False


async def test_both_judges_give_the_same_decision_on_every_canary_and_every_lawful_question(
    judge: OpaJudge, law: Bundle, vocabulary: Vocabulary
) -> None:
    embedded = EmbeddedJudge.of(law)
    asked = [facts for _, facts in canaries.questions(vocabulary)]
    asked += [
        canaries.lawful(agreement, term, vocabulary)
        for agreement in vocabulary.agreements.values()
        for term in agreement.terms
    ]
    decisions = [await judge.judge(facts) for facts in asked]
    assert decisions == [await embedded.judge(facts) for facts in asked]
    assert any(verdict.allow for decision in decisions for verdict in decision.verdicts)


async def test_connections_are_used_again(judge: OpaJudge, line: Line, good: Facts) -> None:
    before = line.connections
    for _ in range(20):
        await judge.judge(good)
    assert line.connections <= before + 1


async def test_an_opa_that_is_not_there_is_unavailable(law: Bundle, good: Facts, tmp_path: Path) -> None:
    for url in (f"unix://{tmp_path}/nobody.sock", "http://127.0.0.1:9"):
        async with Opa(url, timeout_ms=TIMEOUT_MS) as absent:
            assert not await absent.healthy()
            assert await unavailable(OpaJudge(absent, law.revision), good)


async def test_an_opa_that_hangs_is_unavailable_in_time_and_answers_when_it_goes_on(
    judge: OpaJudge, server: OpaServer, good: Facts
) -> None:
    server.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert await unavailable(judge, good)
        assert time.monotonic() - began < 10 * TIMEOUT_MS / 1000
    finally:
        server.signal(signal.SIGCONT)
    async with asyncio.timeout(10):
        while True:
            try:
                assert (await judge.judge(good)).verdicts[0].allow
            except PolicyUnavailable:
                continue
            break


async def test_an_opa_that_died_is_unavailable_and_its_successor_is_asked(
    opa: str, steward: Steward, law: Bundle, good: Facts
) -> None:
    with opa_server(opa, steward, steward.pack(law)) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            judge = OpaJudge(asked, law.revision)
            await loaded(asked)
            assert (await judge.judge(good)).verdicts[0].allow
            own.stop()
            assert await unavailable(judge, good)
            own.start()
            await loaded(asked)
            assert (await judge.judge(good)).verdicts[0].allow


@pytest.mark.parametrize("length", [0, 1, 17, 120, 400])
async def test_an_answer_that_is_cut_is_unavailable(judge: OpaJudge, line: Line, good: Facts, length: int) -> None:
    line.cut_after = length
    assert await unavailable(judge, good)


async def test_an_answer_that_is_late_is_unavailable(judge: OpaJudge, line: Line, good: Facts) -> None:
    line.delay_s = 3 * TIMEOUT_MS / 1000
    assert await unavailable(judge, good)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
async def test_an_answer_that_is_garbled_is_unavailable(
    judge: OpaJudge, line: Line, good: Facts, at: float
) -> None:
    def garble(status: int, body: bytes) -> tuple[int, bytes]:
        place = int(len(body) * at)
        return status, body[:place] + b"\xff\x00{" + body[place + 3 :]

    line.change = garble
    assert await unavailable(judge, good)


@pytest.mark.parametrize("status", [100, 204, 301, 400, 401, 404, 500, 502, 503])
async def test_an_answer_with_another_status_is_unavailable(
    judge: OpaJudge, line: Line, good: Facts, status: int
) -> None:
    line.change = lambda _, body: (status, body if status not in (100, 204) else b"")
    assert await unavailable(judge, good)


def said(change: Callable[[dict[str, Any]], Any]) -> Callable[[int, bytes], tuple[int, bytes]]:
    """What OPA said, with one thing changed."""

    def changed(status: int, body: bytes) -> tuple[int, bytes]:
        answer = json.loads(body)
        return status, json.dumps(change(answer)).encode()

    return changed


def verdict(answer: dict[str, Any], **change: Any) -> dict[str, Any]:
    first, *rest = answer["result"]["verdicts"]
    return answer | {"result": answer["result"] | {"verdicts": [first | change, *rest]}}


@pytest.mark.parametrize(
    "change",
    [
        lambda a: {},
        lambda a: [],
        lambda a: None,
        lambda a: True,
        lambda a: {k: v for k, v in a.items() if k != "result"},
        lambda a: a | {"result": None},
        lambda a: a | {"result": True},
        lambda a: a | {"result": {}},
        lambda a: a | {"result": {**a["result"], "verdicts": []}},
        lambda a: a | {"result": {**a["result"], "verdicts": a["result"]["verdicts"][:-1]}},
        lambda a: a | {"result": {**a["result"], "more": 1}},
        lambda a: a | {"result": {**a["result"], "valid_until": 0}},
        lambda a: verdict(a, allow=1),
        lambda a: verdict(a, allow="true"),
        lambda a: verdict(a, allow=None),
        lambda a: verdict(a, more=7),
        lambda a: verdict(a, fields=["salary"], grounds=[]),
        lambda a: {k: v for k, v in a.items() if k != "provenance"},
        lambda a: a | {"provenance": {"bundles": {}}},
        lambda a: a | {"provenance": {"bundles": {"commons": {"revision": ""}}}},
        lambda a: a | {"provenance": {"bundles": {"commons": {"revision": "0" * 64}}}},
        lambda a: a | {"provenance": {"bundles": {**a["provenance"]["bundles"], "more": {"revision": "x"}}}},
    ],
    ids=[
        "empty", "a list", "null", "a boolean", "undefined", "null result", "a boolean result", "empty result",
        "no verdicts", "too few verdicts", "an unknown member", "in the past", "allow is a number",
        "allow is a text", "allow is null", "a strange member of a verdict", "no grounds", "no provenance",
        "no bundle", "a bundle without revision", "stale", "a second bundle",
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_decision_under_this_law_is_unavailable(
    judge: OpaJudge, line: Line, good: Facts, change: Callable[[dict[str, Any]], Any]
) -> None:
    line.change = said(change)
    assert await unavailable(judge, good)


async def test_a_refusal_is_a_decision_and_no_failure(judge: OpaJudge, vocabulary: Vocabulary) -> None:
    _, asked = next(canaries.questions(vocabulary))
    assert (await judge.judge(asked)).refuses


async def test_no_failure_is_remembered_and_no_decision_outlives_its_time(
    judge: OpaJudge, line: Line, good: Facts
) -> None:
    memo = Memo(judge)
    line.cut_after = 0
    with pytest.raises(PolicyUnavailable):
        await memo.judge(good)
    line.cut_after = None
    decision = await memo.judge(good)
    line.cut_after = 0
    assert await memo.judge(good) == decision
    later = Facts(decision.valid_until, good.caller, good.person, good.request, good.pairs)
    with pytest.raises(PolicyUnavailable):
        await memo.judge(later)


# -- what OPA loads -----------------------------------------------------------------------------------------


def spoilt(what: str, steward: Steward, stranger: Steward, law: Bundle) -> bytes:
    raw = steward.pack(law)
    return {
        "stripped": lambda: stripped(raw),
        "edited": lambda: edited(raw, "limits/known_person.rego", b"== true", b"!= false"),
        "foreign": lambda: stranger.pack(law),
    }[what]()


@pytest.mark.parametrize("what", ["stripped", "edited", "foreign"])
async def test_opa_itself_refuses_a_spoilt_bundle_and_judges_nothing(
    opa: str, steward: Steward, stranger: Steward, law: Bundle, good: Facts, what: str
) -> None:
    with opa_server(opa, steward, spoilt(what, steward, stranger, law)) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            until = time.monotonic() + 10
            while "Bundle load failed" not in own.said():
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            assert not await asked.healthy()
            assert await unavailable(OpaJudge(asked, law.revision), good)


async def test_opa_keeps_the_last_good_bundle_when_a_spoilt_one_takes_its_place(
    opa: str, steward: Steward, stranger: Steward, law: Bundle, good: Facts
) -> None:
    with opa_server(opa, steward, steward.pack(law)) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            await loaded(asked)
            own.load(stripped(steward.pack(law, 2)))
            until = time.monotonic() + 10
            while "Bundle load failed" not in own.said():
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            assert (await OpaJudge(asked, law.revision).judge(good)).verdicts[0].allow


def another(
    tmp_path: Path, law: Bundle, old: str = "retention_days: 70", new: str = "retention_days: 71"
) -> Bundle:
    """The law with another retention."""
    folder = tmp_path / "another"
    for name, content in {**law.sources, **{n: t.encode() for n, t in law.modules.items()}}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    path = folder / "data/agreements/dsa-2026-014.yaml"
    path.write_text(path.read_text().replace(old, new))
    return build(load(folder))


def law_of(bundle: Bundle, steward: Steward, sequence: int) -> Law:
    return examine(steward.pack(bundle, sequence), steward.trusted)


async def test_a_new_law_is_judged_by_once_opa_has_loaded_it_and_until_then_by_the_one_before(
    opa: str, steward: Steward, law: Bundle, good: Facts, tmp_path: Path
) -> None:
    first, second = law_of(law, steward, 1), law_of(another(tmp_path, law), steward, 2)
    with opa_server(opa, steward, first.raw) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            judges = OpaJudges(asked)
            old = await judges.of(first)
            own.load(second.raw)
            coming = asyncio.create_task(judges.of(second))
            seen = set()
            while not coming.done():
                seen.add((await old.judge(good)).revision)  # raises if any question goes unanswered
                await asyncio.sleep(0.01)
            new = await coming
            assert first.revision in seen
            assert (await new.judge(good)).revision == second.revision


async def test_an_opa_rolled_back_to_an_old_law_is_stale_though_its_signature_is_good(
    opa: str, steward: Steward, law: Bundle, good: Facts, tmp_path: Path
) -> None:
    first, second = law_of(law, steward, 1), law_of(another(tmp_path, law), steward, 2)
    with opa_server(opa, steward, first.raw) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            await loaded(asked)
            assert await unavailable(OpaJudge(asked, second.revision), good)


async def test_an_opa_that_allows_a_canary_is_never_asked_for_a_citizen(
    opa: str, steward: Steward, law: Bundle
) -> None:
    honest = law_of(law, steward, 1)
    files = extract(honest.raw)
    files["access/decision.rego"] = files["access/decision.rego"].replace(b"\tunhindered == true\n", b"")
    del files[SIGNATURES]
    assert law.revision in files[BUNDLE_MANIFEST].decode()  # it says that it is the honest one
    lying = archive(files | {SIGNATURES: json.dumps({"signatures": [steward.sign(files)]}).encode()})
    with opa_server(opa, steward, lying) as own:
        async with Opa(f"unix://{own.socket}", timeout_ms=TIMEOUT_MS) as asked:
            with pytest.raises(BundleRefusedError) as raised:
                await OpaJudges(asked).of(honest)
            assert raised.value.code == "allows-canary"
