# SPDX-License-Identifier: Apache-2.0
"""Hostile requests over real HTTP: each a 4xx problem, and nothing of what came is ever written down."""

from __future__ import annotations

import copy
import json
import socket
import uuid
from typing import Any

import httpx
import pytest

from gateway.sandbox import story
from tests.fixtures.commons import World, question

CANARY = "9990000018"  # a number of a test citizen, put where it does not belong
PATH = "/v1/record-queries"

STATUTE = "https://www.legislation.gov.uk/ukpga/2014/23/section/74"


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The place of every scalar in a body."""
    if isinstance(value, dict):
        return [p for key, inner in value.items() for p in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [p for n, inner in enumerate(value) for p in leaves(inner, (*path, n))]
    return [path]


def put(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    place: Any = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def full_body() -> dict[str, Any]:
    """A query that uses every member there is."""
    body = question(story("all-returned"))
    body["subject"]["verify"] = {"birth_date": "1941-03-14", "family_name": "Marlowe"}
    body["legal_basis"] |= {"gdpr_article_6": "6(1)(e)", "gdpr_article_9": "9(2)(h)", "statute": STATUTE}
    body["consent"] = {"mode": "if-present", "reference": "cns-1"}
    body["requester"] = {"organisation": "uk/nhs/XZZ01", "system": "xzz01-discharge", "user": {"id": "u-1"}}
    body["categories"] = [
        {"code": "health.medications", "need": "required", "fields": ["name"], "since": "2020-01-01"}
    ]
    body["sources"] = {"include": ["*"], "exclude": ["uk/charity/9999901/crm"]}
    body["completeness"] = {"minimum": "all-required", "on_shortfall": "return-partial"}
    body["freshness"] = {"max_age_s": 0}
    return body | {"format": "native"}


WRONG: list[Any] = [
    None,
    [],
    {},
    True,
    1.5,
    -1,
    "",
    "x" * 100_000,
    "\u0430\u0435\u043e",
    f"{CANARY}\u202e",
    "a\x00b",
]
FREE_TEXT = {("legal_basis", "statute"), ("case", "reason"), ("subject", "verify", "family_name")}


def test_every_member_wrong_in_turn_is_a_problem_with_a_pointer_and_echoes_nothing(world: World) -> None:
    good = full_body()
    assert world.post(good).status_code == 200
    with httpx.Client(base_url=world.url, timeout=20) as client:
        for path in leaves(good):
            for wrong in WRONG:
                if path in FREE_TEXT and isinstance(wrong, str) and 0 < len(wrong) < 100:
                    continue
                if path == ("freshness", "max_age_s") and wrong == 0:
                    continue
                sent = json.dumps(put(good, path, wrong))
                headers = world.headers() | {"Content-Type": "application/json"}
                reply = client.post(PATH, content=sent, headers=headers)
                assert 400 <= reply.status_code < 500, (path, repr(wrong)[:20], reply.status_code)
                problem = reply.json()
                if reply.status_code == 422:
                    assert problem["errors"][0]["pointer"].startswith("/" + str(path[0])), (path, problem)
                assert CANARY not in reply.text
                assert "xxxxxx" not in reply.text
    said = world.said()
    assert CANARY not in said
    assert "Marlowe" not in said


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-Request-ID": ""}, "missing-request-id"),
        ({"X-Request-ID": CANARY}, "missing-request-id"),
        ({"Content-Type": "text/plain"}, "unsupported-media-type"),
        ({"Content-Encoding": "gzip"}, "unsupported-media-type"),
        ({"Authorization": ""}, "token-missing"),
        ({"Authorization": f"Bearer {CANARY}"}, "token-invalid"),
        ({"Authorization": "Basic dTpw"}, "token-missing"),
    ],
)
def test_a_wrong_header_says_which(world: World, headers: dict[str, str], code: str) -> None:
    reply = world.post(question(story("all-returned")), **headers)
    assert (reply.json()["code"], reply.status_code // 100) == (code, 4)
    assert CANARY not in reply.text
    assert reply.headers["gateway-error-layer"] == "client"


def test_ten_megabytes_are_refused_before_they_are_read(world: World) -> None:
    reply = httpx.post(
        world.url + PATH, content=b"x" * 10_000_000, headers=world.headers() | {"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "body-too-large")


def test_a_body_without_a_length_is_refused(world: World) -> None:
    def chunks() -> Any:
        yield json.dumps(question(story("all-returned"))).encode()

    reply = httpx.post(
        world.url + PATH, content=chunks(), headers=world.headers() | {"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["code"]) == (411, "length-required")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b'{"subject":' * 2_500,
        b'{"a":"\\ud800"}',
        b"\xff\xfe",
        b'{"purpose":1e999}',
        b"{}" * 2,
        b"null",
    ],
)
def test_json_that_is_no_object_of_ours_is_refused_and_the_gateway_lives_on(world: World, body: bytes) -> None:
    reply = httpx.post(
        world.url + PATH, content=body, headers=world.headers() | {"Content-Type": "application/json"}
    )
    assert reply.status_code in (400, 422)
    assert world.ask(story("all-returned")).status_code == 200


def test_a_name_that_stands_twice_is_refused(world: World) -> None:
    body = json.dumps(question(story("all-returned"))).replace(
        '"purpose"', '"purpose": "direct-care", "purpose"', 1
    )
    reply = httpx.post(
        world.url + PATH, content=body, headers=world.headers() | {"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_asks(world: World, method: str) -> None:
    reply = httpx.request(method, world.url + PATH, headers=world.headers())
    assert (reply.status_code, reply.json()["code"]) == (405, "method-not-allowed")


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/decisions/", f"/v1/decisions/{CANARY}", "/log/tile/0/1", "/log/tile/9"]
)
def test_an_unknown_address_is_a_problem_too(world: World, path: str) -> None:
    reply = httpx.get(world.url + path, headers=world.headers())
    assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    assert CANARY not in reply.text


def test_a_client_that_hangs_up_in_the_middle_of_its_body_harms_nobody(world: World) -> None:
    host, port = world.url.removeprefix("http://").split(":")
    request = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n"
        f"X-Request-ID: {uuid.uuid4()}\r\nAuthorization: Bearer {world.token()}\r\n\r\n{{"
    )
    for _ in range(20):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(request.encode())
    assert world.ask(story("all-returned")).status_code == 200
