# SPDX-License-Identifier: Apache-2.0
"""One law, two judges: the engine in the process and a real OPA server give the same decision, byte for byte."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import PolicyUnavailable
from gateway.policy import bundle
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import checked
from gateway.policy.vocabulary import Vocabulary
from tests.fixtures.starting import PATIENCE_S

from . import generated

UNDEFINED = "undefined"


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket: a port could be taken by another."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Opa:
    """A running OPA server with the rules and data of one bundle."""

    def __init__(self, path: Path) -> None:
        self._connection = _Unix(path)

    def ask(self, facts: str) -> str:
        """The decision as canonical JSON; what is undefined, as a word."""
        self._connection.request("POST", "/v1/data/commons/access/decision", f'{{"input":{facts}}}')
        response = self._connection.getresponse()
        body = json.loads(response.read())
        assert response.status == 200, body
        return canonical(body["result"]) if "result" in body else UNDEFINED

    def close(self) -> None:
        self._connection.close()


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.fixture(scope="module")
def server(opa: str, vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opa]:
    folder = tmp_path_factory.mktemp("opa")
    made = bundle.build(vocabulary)
    for name, text in made.modules.items():
        path = folder / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "bundle" / "data.json").write_text(made.data)
    address = folder / "opa.sock"
    with subprocess.Popen(
        [opa, "run", "--server", "--addr", f"unix://{address}", "--log-level", "error", "--disable-telemetry",
         str(folder / "bundle")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        until = time.monotonic() + PATIENCE_S
        while not address.exists():
            assert process.poll() is None, "OPA did not start"
            assert time.monotonic() < until, "OPA is not ready"
            time.sleep(0.05)
        asked = Opa(address)
        try:
            yield asked
        finally:
            asked.close()
            process.terminate()
            process.wait(10)


def embedded(judge: EmbeddedJudge, facts: str) -> str:
    answer = json.loads(judge.ask(facts))
    return canonical(answer) if answer != "<undefined>" else UNDEFINED


def examples(soak: bool) -> int:
    return 5000 if soak else 300


@pytest.mark.slow
def test_both_judges_give_the_same_decision_for_any_facts(
    judge: EmbeddedJudge, server: Opa, vocabulary: Vocabulary, soak: bool
) -> None:
    seen = {"allowed": 0, "refused": 0}
    reasons: set[str] = set()

    @settings(max_examples=examples(soak), deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.one_of(generated.plausible(vocabulary), generated.plausible(vocabulary), generated.strange(vocabulary))
    )
    def agree(facts: dict[str, Any]) -> None:
        text = json.dumps(facts)
        checked(text.encode())
        ours = embedded(judge, text)
        assert ours == server.ask(text)
        assert ours != UNDEFINED
        for verdict in json.loads(ours)["verdicts"]:
            seen["allowed" if verdict["allow"] else "refused"] += 1
            reasons.add(verdict["reason"])

    agree()
    assert min(seen.values()) > examples(soak) // 10, "the facts that were made all go one way"
    # Which facts are made also follows from the modules that happen to be loaded: Hypothesis looks into them.
    assert len(reasons) >= (8 if soak else 4), "the facts that were made do not reach the rules"


@pytest.mark.slow
def test_neither_judge_allows_anything_when_a_fact_is_left_out(
    judge: EmbeddedJudge, server: Opa, vocabulary: Vocabulary, soak: bool
) -> None:
    allowed = 0

    @settings(max_examples=examples(soak) // 3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(generated.plausible(vocabulary), st.data())
    def refuse(facts: dict[str, Any], data: st.DataObject) -> None:
        nonlocal allowed
        holder = data.draw(st.sampled_from([facts, facts["caller"], facts["person"], facts["request"]]))
        member = data.draw(
            st.sampled_from(sorted(set(holder) - {"role", "role_assured"} - generated.ASKED_BY_SOME))
        )
        del holder[member]
        text = json.dumps(facts)
        theirs = server.ask(text)
        assert theirs == UNDEFINED or not _allows(theirs)
        try:
            ours = embedded(judge, text)
        except PolicyUnavailable:
            return
        assert ours == UNDEFINED or not _allows(ours)

    refuse()


def _allows(answer: str) -> bool:
    return any(verdict["allow"] is not False for verdict in json.loads(answer)["verdicts"])


@pytest.mark.parametrize(
    "text",
    ["{}", "null", "[]", '{"pairs": []}', '{"now": 1, "pairs": [{}]}', '{"now": "x", "pairs": [{"n": 0}]}'],
)
def test_neither_judge_allows_anything_for_an_empty_or_shapeless_input(
    judge: EmbeddedJudge, server: Opa, text: str
) -> None:
    theirs = server.ask(text)
    assert theirs == UNDEFINED or not _allows(theirs)
    try:
        ours = embedded(judge, text)
    except PolicyUnavailable:
        return
    assert ours == UNDEFINED or not _allows(ours)
