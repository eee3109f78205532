# SPDX-License-Identifier: Apache-2.0
"""Problems say which rule was broken and never what came in, and our own log says no more."""

from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from gateway import errors
from gateway.errors import CommonsError, FieldFault, Invalid, TokenExpired, Unavailable
from gateway.web import problems
from tests.faults.inside import call
from tests.fixtures.commons import free_port

URL = "https://gateway.example"
MARK = "Marlowe 9990000018"


def family(root: type[CommonsError] = CommonsError) -> list[type[CommonsError]]:
    ours = [root] if root.__module__ == errors.__name__ else []
    return ours + [kind for child in root.__subclasses__() for kind in family(child)]


@pytest.mark.parametrize("kind", family(), ids=lambda kind: kind.code)
def test_every_error_is_one_shape_and_has_a_page(kind: type[CommonsError]) -> None:
    problem = json.loads(problems.body(kind(), URL, "trace"))
    assert problem.keys() >= {"type", "title", "status", "code", "layer", "retryable", "trace_id"}
    assert (problem["type"], problem["trace_id"]) == (f"{URL}/problems/{kind.code}", "trace")
    assert 400 <= problem["status"] < 600
    fields = problems.headers(kind())
    assert fields["content-type"] == "application/problem+json"
    assert fields["cache-control"] == "no-store"
    assert fields["gateway-error-layer"] == problem["layer"]
    assert ("retry-after" in fields) == ("retry_after_s" in problem) == (kind.retry_after_s is not None)
    assert ("www-authenticate" in fields) == (problem["status"] == 401)


def test_the_codes_are_each_used_once() -> None:
    for one, other in itertools.combinations(family(), 2):
        assert one.code != other.code or issubclass(other, one), one.code


def test_what_can_be_retried_says_when_and_what_cannot_does_not() -> None:
    assert problems.headers(Unavailable())["retry-after"] == "1"
    assert json.loads(problems.body(Unavailable(), URL, ""))["retryable"] is True
    assert "retry-after" not in problems.headers(TokenExpired())


def test_a_wrong_member_is_pointed_at_and_not_repeated() -> None:
    fault = Invalid(errors=[FieldFault("/subject/identifier/value", "check-digit", "a valid number")])
    assert json.loads(problems.body(fault, URL, ""))["errors"] == [
        {"pointer": "/subject/identifier/value", "code": "check-digit", "expected": "a valid number"}
    ]


@pytest.fixture
def app() -> FastAPI:
    """Routes that fail in every way."""
    made = FastAPI()
    problems.install(made, URL)
    made.include_router(problems.router())

    @made.get("/ours")
    def ours() -> None:
        raise Unavailable("Try later.")

    @made.get("/theirs")
    def theirs() -> None:
        raise ValueError(MARK)

    @made.get("/late")
    def late() -> StreamingResponse:
        def parts() -> Iterator[bytes]:
            yield b"begun"
            raise ValueError(MARK)

        return StreamingResponse(parts())

    @made.get("/status")
    def status(code: int) -> None:
        raise HTTPException(code, MARK)

    @made.get("/number")
    def number(n: int = Query(ge=1)) -> int:
        return n

    return made


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/ours", "", 503, "unavailable"),
        ("/theirs", "", 500, "internal-fault"),
        ("/nothing", "", 404, "not-found"),
        ("/status", "code=404", 404, "not-found"),
        ("/status", "code=418", 400, "malformed"),
        ("/number", f"n={MARK.replace(' ', '%20')}", 422, "invalid"),
        ("/number", "n=0", 422, "invalid"),
        ("/problems/no-such-code", "", 404, "not-found"),
    ],
)
async def test_every_way_to_fail_is_a_problem_that_repeats_nothing(
    app: FastAPI, caplog: pytest.LogCaptureFixture, path: str, query: str, status: int, code: str
) -> None:
    transport = httpx.ASGITransport(app)  # raises what the application lets through
    async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
        reply = await client.get(f"{path}?{query}")
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert "9990000018" not in reply.text + str(reply.headers)
    assert MARK not in caplog.text


async def test_a_method_that_an_address_does_not_take_is_told_so(app: FastAPI) -> None:
    got = await call(app, "DELETE", "/ours", {})
    assert (got.status, got.json["code"]) == (405, "method-not-allowed")


async def test_an_unforeseen_fault_is_logged_by_class_and_place(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        got = await call(app, "GET", "/theirs", {})
    assert got.status == 500
    assert "ValueError at test_problems.py" in caplog.text
    assert MARK not in caplog.text


SERVED = """
    import uvicorn
    from fastapi import FastAPI
    from starlette.responses import StreamingResponse
    from gateway.web import problems

    app = FastAPI()
    problems.install(app, "https://gateway.example")

    @app.get("/theirs")
    def theirs():
        raise ValueError("Marlowe " + "9990000018")

    @app.get("/late")
    def late():
        def parts():
            yield b"begun"
            raise ValueError("Marlowe " + "9990000018")
        return StreamingResponse(parts())

    uvicorn.run(app, host="127.0.0.1", port=PORT, access_log=False, log_level="warning")
"""


def test_the_server_does_not_write_an_exceptions_words_down_either(tmp_path: Path) -> None:
    port = free_port()
    program = textwrap.dedent(SERVED).replace("PORT", str(port))
    said = tmp_path / "said"
    with said.open("wb") as out:
        server = subprocess.Popen([sys.executable, "-c", program], stdout=out, stderr=out)
    try:
        transport = httpx.HTTPTransport(retries=0)
        with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            reply = first_reply(client, server)
            assert (reply.status_code, reply.json()["code"]) == (500, "internal-fault")
            with pytest.raises(httpx.TransportError):  # cut off, so that nobody takes it for whole
                client.get("/late")
            assert client.get("/theirs").status_code == 500
    finally:
        server.terminate()
        server.wait(timeout=10)
    text = said.read_text()
    assert "ValueError at" in text
    assert "9990000018" not in text


def first_reply(client: httpx.Client, server: subprocess.Popen[bytes]) -> httpx.Response:
    while True:
        try:
            return client.get("/theirs")
        except httpx.ConnectError:
            assert server.poll() is None
