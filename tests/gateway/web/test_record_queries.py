# SPDX-License-Identifier: Apache-2.0
"""The query route as a server meets it: headers, bodies that come in parts or not at all, callers that leave."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.sandbox import story
from gateway.web import record_queries
from gateway.web.record_queries import ASK, PREVIEW
from tests.faults.inside import Got, Inside, asked, call, inside
from tests.fixtures.commons import World, question


@pytest.fixture
def body() -> bytes:
    return json.dumps(asked()).encode()


@pytest.fixture(autouse=True)
def token(world: World) -> str:
    return world.token()


def headers(world: World, **changes: str | None) -> list[tuple[bytes, bytes]]:
    sent: dict[str, str | None] = {
        "authorization": f"Bearer {world.token()}",
        "content-type": "application/json",
        "x-request-id": str(uuid.uuid4()),
    }
    sent |= {name.replace("_", "-"): value for name, value in changes.items()}
    return [(name.encode(), value.encode()) for name, value in sent.items() if value is not None]


async def send_in_parts(
    worker: Inside, sent: list[tuple[bytes, bytes]], messages: Iterable[dict[str, Any]], path: str = ASK
) -> Got:
    """One request whose body comes as `messages`; after them nothing comes."""
    got = Got()
    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
        got.body += message.get("body", b"")

    await worker.app({"type": "http", "method": "POST", "path": path, "headers": sent}, receive, send)
    return got


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_may_come_in_parts(world: World, body: bytes) -> None:
    messages = [part(body[:7], more=True), part(b"", more=True), part(body[7:], more=False)]
    async with inside(world) as worker:
        got = await send_in_parts(worker, headers(world, content_length=str(len(body))), messages)
    assert got.status == 200


async def test_a_body_that_stops_coming_is_given_up(
    world: World, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_queries, "BODY_TIMEOUT_S", 0.05)
    async with inside(world) as worker:
        got = await send_in_parts(worker, headers(world, content_length="900"), [part(body[:7], more=True)])
        assert (got.status, got.json["code"]) == (400, "malformed")
        assert worker.fetched == []


@pytest.mark.parametrize("begun", [[], [part(b'{"subject"', more=True)]])
async def test_a_caller_that_leaves_before_the_body_is_whole_harms_nobody(
    world: World, body: bytes, begun: list[dict[str, Any]]
) -> None:
    async with inside(world) as worker:
        leaving = [*begun, {"type": "http.disconnect"}]
        got = await send_in_parts(worker, headers(world, content_length="900"), leaving)
        assert got.status == 400
        assert worker.fetched == []
        queries = worker.app.queries
        assert queries is not None
        assert queries._free == world.settings.max_in_flight


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0x10", "12 ", "٣", "5, 5"])
async def test_a_length_that_is_no_number_is_asked_for(world: World, body: bytes, length: str) -> None:
    async with inside(world) as worker:
        got = await send_in_parts(worker, headers(world, content_length=length), [part(body, more=False)])
    assert (got.status, got.json["code"]) == (411, "length-required")


@pytest.mark.parametrize("length", ["99999", "9" * 5000, "0" * 20 + "99999", "17"])
async def test_a_body_above_the_limit_is_refused_whatever_its_length_says(world: World, length: str) -> None:
    large = b" " * (world.settings.max_body_bytes + 1)
    for messages in ([part(large, more=False)], [part(large[:-9], more=True), part(large[-9:], more=False)]):
        async with inside(world) as worker:
            got = await send_in_parts(worker, headers(world, content_length=length), messages)
        assert (got.status, got.json["code"]) == (413, "body-too-large")


def test_a_length_with_leading_noughts_does_not_open_the_door_to_a_large_body(world: World) -> None:
    host, port = world.url.removeprefix("http://").split(":")
    large = 8_000_000
    request = (
        f"POST {ASK} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {large:030d}\r\nX-Request-ID: {uuid.uuid4()}\r\n"
        f"Authorization: Bearer {world.token()}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.encode())
        try:
            for _ in range(large // 100_000):
                connection.sendall(b" " * 100_000)
        except OSError:
            return  # it did not wait for the end
        reply = connection.recv(4096)
    assert b"body-too-large" in reply or reply.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain")


@pytest.mark.parametrize(
    "id",
    ["", "x", "{%s}", "urn:uuid:%s", "%s0", "%s\t", "0" * 32],
)
async def test_a_request_id_is_a_uuid_in_its_usual_form(world: World, body: bytes, id: str) -> None:
    id = id % uuid.uuid4() if "%s" in id else id
    async with inside(world) as worker:
        got = await send_in_parts(worker, headers(world, x_request_id=id), [part(body, more=False)])
    assert (got.status, got.json["code"]) == (400, "missing-request-id")
    assert "x-request-id" not in dict(got.headers)


@pytest.mark.parametrize("told", ["a b", "a\u00e9", "x" * 121, "a\x7f", ""])
async def test_a_correlation_id_of_another_form_is_not_echoed(world: World, told: str) -> None:
    async with inside(world) as worker:
        got = await worker.ask(asked(), headers={"x-correlation-id": told})
        assert got.status == 200
        assert "x-correlation-id" not in dict(got.headers)
        good = await worker.ask(asked(), headers={"x-correlation-id": "ours/17:b"})
        assert good.header("x-correlation-id") == "ours/17:b"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token-missing"),
        ("", "token-missing"),
        ("Bearer", "token-missing"),
        ("Bearer ", "token-invalid"),
        ("DPoP x", "token-missing"),
        ("Bearer " + "x" * 20_000, "token-invalid"),
        ("Bearer é.é.é", "token-invalid"),
        ("Bearer a.b.c d", "token-invalid"),
    ],
)
async def test_a_credential_that_is_none_is_told_so(
    world: World, body: bytes, authorization: str | None, code: str
) -> None:
    async with inside(world) as worker:
        sent = headers(world, authorization=authorization, content_length=str(len(body)))
        got = await send_in_parts(worker, sent, [part(body, more=False)])
    assert (got.status, got.json["code"]) == (401, code)
    assert got.header("www-authenticate").startswith("Bearer")


async def test_the_word_bearer_is_read_in_any_case(world: World, body: bytes) -> None:
    async with inside(world) as worker:
        sent = headers(world, authorization=f"bEARER {world.token()}", content_length=str(len(body)))
        assert (await send_in_parts(worker, sent, [part(body, more=False)])).status == 200


@pytest.mark.parametrize("path", [f"{ASK}/", f"{ASK}:Preview", f"{ASK}:previe", f"/{ASK}", "/v1/record-querie"])
async def test_an_address_that_is_nearly_right_is_not_there(world: World, path: str) -> None:
    async with inside(world) as worker:
        got = await call(worker.app, "POST", path, {}, b"{}")
    assert (got.status, got.json["code"]) == (404, "not-found")


async def test_a_fault_in_the_route_itself_is_a_500_that_says_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside(world) as worker:
        queries = worker.app.queries
        assert queries is not None
        queries._under = (worker.commons, None)  # type: ignore[assignment]  # a fault of ours
        with caplog.at_level(logging.DEBUG):
            got = await worker.ask(asked())
            assert (got.status, got.json["code"]) == (500, "internal-fault")
        assert worker.fetched == []
        assert "AttributeError at wire.py" in caplog.text
        assert queries._free == world.settings.max_in_flight


async def test_a_caller_that_hangs_up_while_its_sources_are_read_is_not_answered(world: World) -> None:
    body = json.dumps(question(story("slow-source")) | {"deadline_ms": 8000}).encode()
    async with inside(world) as worker:
        sent = headers(world, content_length=str(len(body)))
        asking = asyncio.create_task(send_in_parts(worker, sent, [part(body, more=False)]))
        while not worker.fetched:  # noqa: ASYNC110  # a list has no event to wait for
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        queries = worker.app.queries
        assert queries is not None
        assert queries._free == world.settings.max_in_flight
        assert (await worker.ask(asked())).status == 200


async def test_a_dry_run_takes_no_key_away_from_the_question(world: World) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    async with inside(world) as worker:
        looked = await worker.ask(asked(), path=PREVIEW, headers=key)
        other = await worker.ask(asked("consent-not-given"), headers=key)
        assert (looked.status, other.status) == (200, 200)
        assert (await worker.ask(asked(), headers=key)).status == 409
