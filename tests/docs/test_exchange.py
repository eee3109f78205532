# SPDX-License-Identifier: Apache-2.0
"""The examples of the agency API's reference are of the types that the gateway reads and writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.dev import exchange, reference
from gateway.model import Answer, Preview, State
from gateway.web.overrides import OverrideAsked
from gateway.web.wire import RecordQuery

PAGE = (Path(__file__).parents[2] / "docs/reference/exchange.md").read_text()


def examples(kind: str) -> list[dict[str, Any]]:
    """The JSON blocks of the page that are marked so."""
    found = re.findall(rf"^```json {kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return [json.loads(text) for text in found]


def test_every_example_is_marked_with_what_it_is() -> None:
    kinds = re.findall(r"^```json ?(\w*)$", PAGE, re.MULTILINE)
    assert set(kinds) == {"request", "answer", "preview", "problem", "decision", "override"}


def test_the_request_can_be_read() -> None:
    read = [msgspec.convert(example, RecordQuery) for example in examples("request")]
    assert all(query.purpose and query.categories for query in read)
    assert read


def test_the_override_can_be_read() -> None:
    assert all(OverrideAsked.model_validate(example).categories for example in examples("override"))


@pytest.mark.parametrize(("kind", "type_"), [("answer", Answer), ("preview", Preview)])
def test_what_is_answered_is_written_as_the_types_write_it(kind: str, type_: type[msgspec.Struct]) -> None:
    for example in examples(kind):
        assert json.loads(msgspec.json.encode(msgspec.convert(example, type_))) == example


def test_a_problem_says_of_its_code_what_the_code_says() -> None:
    kinds = {error.code: error for error in reference.family()}
    for example in examples("problem"):
        kind = kinds[example["code"]]
        assert example["type"].endswith(f"/problems/{kind.code}")
        told = {"title": kind.title, "status": kind.status, "layer": kind.layer, "retryable": kind.retryable}
        assert told == {name: example[name] for name in told}


def test_every_state_has_a_meaning_and_something_to_do() -> None:
    assert set(exchange.STATES) == set(State)


def test_a_member_without_a_meaning_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(exchange.REQUEST, "purpose")
    with pytest.raises(LookupError, match="purpose"):
        reference.agency_api()


def test_a_meaning_without_a_member_stops_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(exchange.ANSWER, "items[].colour", "The colour.")
    with pytest.raises(LookupError, match="colour"):
        reference.agency_api()


def test_a_table_without_a_place_stops_the_page() -> None:
    with pytest.raises(LookupError, match="places"):
        exchange.fill("<!-- made: request -->\n<!-- /made -->", {"request": "", "answer": ""})
