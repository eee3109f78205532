# SPDX-License-Identifier: Apache-2.0
"""The description of the API: every route says what it takes, by an example that it would take, and how it
refuses."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.sandbox import story
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World


@pytest.fixture(scope="module")
def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{world.url}/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith("/v1/"):
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation


def test_every_operation_has_a_summary_and_refuses_with_problems(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        refusals = {status: said for status, said in operation["responses"].items() if status >= "400"}
        assert refusals, name
        for status, said in refusals.items():
            assert set(said["content"]) == {"application/problem+json"}, (name, status)
        if "/v1/catalogue/" not in name and "/v1/sessions" not in name:
            assert {"401", "403"} <= set(refusals), name
        if "{" in name:
            assert "404" in refusals, name
        if operation.get("requestBody"):
            assert "422" in refusals, name
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_body_has_an_example_that_its_own_schema_takes(document: dict[str, Any]) -> None:
    missing = []
    for name, operation in operations(document):
        if (body := operation.get("requestBody")) is None:
            continue
        content = body["content"]["application/json"]
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        examples = [one["value"] for one in content.get("examples", {}).values()] or schema.get("examples", [])
        if not examples:
            missing.append(name)
        for example in examples:
            jsonschema.validate(example, schema | {"components": document["components"]})
    assert missing == []


def test_every_problem_has_the_id_by_which_it_is_found_in_the_log(world: World) -> None:
    desk = Desk(world, story("all-returned"))
    mine = str(uuid.uuid4())
    known = httpx.get(f"{world.url}/v1/consent/records/rec_none", headers=desk.headers | {"X-Request-ID": mine})
    assert (known.status_code, known.json()["trace_id"]) == (404, mine)
    for sent in ({}, {"X-Request-ID": "not one"}, {"X-Request-ID": "x" * 36}):
        reply = httpx.get(f"{world.url}/v1/consent/history", headers=sent)
        assert reply.status_code == 401
        assert uuid.UUID(reply.json()["trace_id"])


def test_a_member_that_is_wrong_is_told_what_is_expected(world: World) -> None:
    desk = Desk(world, story("all-returned"))
    reply = desk.decide("rec_none", "perhaps", days=9999)
    expected = {fault["pointer"]: fault["expected"] for fault in reply.json()["errors"]}
    assert "'give'" in expected["/decision"]
    assert "3650" in expected["/days"]
    assert "perhaps" not in reply.text
