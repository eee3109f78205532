# SPDX-License-Identifier: Apache-2.0
"""What is particular to rest-json: how requests are made, and paging that always ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base import Envelope, Outcome, Reason
from connectors.registry import Registry
from tests.connectors.upstream import Asked, Respond, Upstream, document, plain
from tests.connectors.world import ASKED, PERSON, PLAN, REST_MAPPING, SECRET_KEY, ask, web

Serve = Callable[[Respond], Awaitable[Upstream]]
Open = Callable[..., Registry]


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Registry] = []

    def open_source(url: str, select: dict[str, Any] | None = None, **over: Any) -> Registry:
        mapping = deepcopy(REST_MAPPING)
        if select is not None:
            mapping["categories"][PLAN]["select"] = select
        opened.append(web(tmp_path, "rest-json", url, mapping, **over))
        return opened[-1]

    yield open_source
    for one in opened:
        await one.close()


def plans(first: int, last: int) -> list[dict[str, Any]]:
    return [{"id": f"p{n}", "client": {"number": ASKED}, "name": f"Plan {n}"} for n in range(first, last + 1)]


def titles(envelope: Envelope) -> list[str]:
    return [record.fields["title"] for record in envelope.records]


async def test_the_request_is_what_the_mapping_says(serve: Serve, source: Open) -> None:
    here = await serve(document({"plans": []}))
    await ask(source(here.url))
    (asked,) = here.asked
    assert asked.line == "POST /api/plans/search HTTP/1.1"
    assert orjson.loads(asked.body) == {"client": ASKED}
    assert asked.headers["x-api-key"] == SECRET_KEY
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"


async def test_an_identifier_in_a_path_cannot_leave_its_place(serve: Serve, source: Open) -> None:
    here = await serve(document({}))
    await ask(source(here.url), PERSON, identifier="../admin?x=1&y=2#z\r\nHost: evil")
    assert here.asked[0].line == "GET /api/people/..%2Fadmin%3Fx%3D1%26y%3D2%23z%0D%0AHost%3A%20evil HTTP/1.1"


async def test_a_query_member_for_since_is_left_out_when_there_is_none(serve: Serve, source: Open) -> None:
    request = {"path": "/plans", "query": {"client": "{identifier}", "after": "{since}"}}
    here = await serve(document({"plans": []}))
    registry = source(here.url, {"request": request, "items": "plans"})
    await ask(registry)
    await ask(registry, since="2026-01-01")
    assert [asked.line.split()[1] for asked in here.asked] == [
        f"/api/plans?client={ASKED}",
        f"/api/plans?client={ASKED}&after=2026-01-01",
    ]


@pytest.mark.parametrize(
    ("auth", "wanted"),
    [
        ({"kind": "bearer", "secret": "crm_key"}, f"Bearer {SECRET_KEY}"),
        ({"kind": "basic", "secret": "crm_key"}, "Basic a2V5LTUxYjBjN2Uy"),
    ],
)
async def test_the_other_ways_to_say_who_we_are(
    serve: Serve, source: Open, auth: dict[str, str], wanted: str
) -> None:
    here = await serve(document({"plans": []}))
    await ask(source(here.url, connect={"base_url": "crm_base_url", "auth": auth}))
    assert here.asked[0].headers["authorization"] == wanted


async def test_a_sign_in_the_answer_can_mean_nobody(serve: Serve, source: Open) -> None:
    select = deepcopy(REST_MAPPING["categories"][PLAN]["select"]) | {
        "none_when": [{"from": "found", "equals": False}]
    }
    here = await serve(document({"found": False}))
    assert (await ask(source(here.url, select)))[0].outcome is Outcome.NONE


# -- paging -----------------------------------------------------------------------------------------------

BY_PAGE = {"request": {"path": "/plans"}, "items": "plans", "paging": {"kind": "page", "param": "page", "size": 3}}
BY_CURSOR = {
    "request": {"path": "/plans"},
    "items": "plans",
    "paging": {"kind": "cursor", "param": "c", "next": "next"},
}
BY_LINK = {"request": {"path": "/plans"}, "items": "plans", "paging": {"kind": "link"}}


def by_target(pages: dict[str, bytes]) -> Respond:
    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(pages[asked.line.split()[1]])

    return respond


def page(first: int, last: int, extra: str = "", **members: Any) -> bytes:
    return plain("200 OK", orjson.dumps({"plans": plans(first, last), **members}), extra=extra)


async def test_pages_by_number_end_with_a_short_one(serve: Serve, source: Open) -> None:
    here = await serve(by_target({"/api/plans?page=1": page(1, 3), "/api/plans?page=2": page(4, 4)}))
    (envelope,) = await ask(source(here.url, BY_PAGE))
    assert titles(envelope) == ["Plan 1", "Plan 2", "Plan 3", "Plan 4"]
    assert envelope.calls == 2


async def test_a_last_page_that_is_repeated_ends_the_reading(serve: Serve, source: Open) -> None:
    last = page(4, 6)
    here = await serve(
        by_target({"/api/plans?page=1": page(1, 3), "/api/plans?page=2": last, "/api/plans?page=3": last})
    )
    (envelope,) = await ask(source(here.url, BY_PAGE))
    assert len(envelope.records) == 6


async def test_records_that_move_between_pages_are_counted_once(serve: Serve, source: Open) -> None:
    here = await serve(by_target({"/api/plans?page=1": page(1, 3), "/api/plans?page=2": page(3, 4)}))
    assert len((await ask(source(here.url, BY_PAGE)))[0].records) == 4


async def test_pages_without_end_are_too_much(serve: Serve, source: Open) -> None:
    count = iter(range(0, 1000, 3))

    async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
        first = next(count)
        writer.write(page(first, first + 2))

    here = await serve(endless)
    (envelope,) = await ask(source(here.url, BY_PAGE))
    assert envelope.reason is Reason.TOO_LARGE
    assert not envelope.records
    assert len(here.asked) == 4


async def test_a_cursor_is_followed_to_its_end(serve: Serve, source: Open) -> None:
    here = await serve(
        by_target({"/api/plans": page(1, 1, next="a/b"), "/api/plans?c=a%2Fb": page(2, 2, next=None)})
    )
    assert titles((await ask(source(here.url, BY_CURSOR)))[0]) == ["Plan 1", "Plan 2"]


@pytest.mark.parametrize("cursor", ["same", {"a": 1}, "x" * 5000])
async def test_a_cursor_that_leads_nowhere_is_garbage(serve: Serve, source: Open, cursor: Any) -> None:
    here = await serve(document({"plans": plans(1, 1), "next": cursor}))
    assert (await ask(source(here.url, BY_CURSOR)))[0].reason is Reason.GARBAGE


async def test_a_link_header_is_followed_on_the_same_host(serve: Serve, source: Open) -> None:
    here = await serve(document({}))
    link = f'Link: <{here.url}/plans?page=9>; rel="prev", <{here.url}/plans?page=2>; rel="next"\r\n'
    here.respond = by_target({"/api/plans": page(1, 1, link), "/api/plans?page=2": page(2, 2)})
    assert titles((await ask(source(here.url, BY_LINK)))[0]) == ["Plan 1", "Plan 2"]


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/api/latest",
        "http://127.0.0.1:9/api/plans",
        "//evil.example/api/plans",
        "https://evil.example/api/plans",
        "/elsewhere/plans",
        "/api/../admin",
        "file:///etc/passwd",
    ],
)
async def test_a_link_that_leads_away_is_garbage(serve: Serve, source: Open, link: str) -> None:
    here = await serve(by_target({"/api/plans": page(1, 1, f'Link: <{link}>; rel="next"\r\n')}))
    assert (await ask(source(here.url, BY_LINK)))[0].reason is Reason.GARBAGE
    assert len(here.asked) == 1
