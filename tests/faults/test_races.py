# SPDX-License-Identifier: Apache-2.0
"""Two things at once: consent that moves, a system that is disabled and retries that overtake each other."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import pytest

from connectors.sandbox.stories import Story
from consent.model import Channel, Kind
from gateway import db
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.consents import recording
from gateway.identity.registry import set_system_active
from gateway.keyring import load
from gateway.sandbox import story
from tests.faults.inside import entry_types, identifier, log_size, plan_row
from tests.fixtures.commons import World, question, running

PLAN = {"code": "support.plan", "need": "optional"}
ALLERGIES = {"code": "health.allergies", "need": "required"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The commons of the session, and one on PostgreSQL."""
    if request.param == "sqlite":
        yield world
        return
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    with running(tmp_path_factory.mktemp("races"), database_url=make()) as up:
        yield up


@contextmanager
def held(world: World) -> Iterator[None]:
    """The charity takes questions and answers none while the block runs."""
    pid = world.twins.pids["charity"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def asked_of(told: Story, *categories: dict[str, str]) -> dict[str, Any]:
    return question(story("all-returned")) | {
        "subject": question(told)["subject"],
        "categories": list(categories),
        "deadline_ms": 8000,
    }


def decided(world: World, told: Story, kind: Kind, *categories: str) -> None:
    """The citizen decides; acknowledged, logged and all, when this returns."""
    asyncio.run(
        recording.assist(
            world.settings,
            kind,
            identifier(told),
            "dsa-2026-014",
            categories or (PLAN["code"],),
            actor="staff-1",
            channel=Channel.PHONE,
            days=30,
        )
    )


class InFlight:
    """One question on its way, on a thread of its own."""

    def __init__(self, ask: Callable[[], httpx.Response]) -> None:
        self._replies: list[httpx.Response] = []
        self._thread = threading.Thread(target=lambda: self._replies.append(ask()))
        self._thread.start()

    @property
    def under_way(self) -> bool:
        return self._thread.is_alive()

    def reply(self) -> httpx.Response:
        self._thread.join(timeout=20)
        [reply] = self._replies
        return reply


def under_way(world: World, body: dict[str, Any], **as_: str) -> InFlight:
    """A question that was decided and witnessed, and waits for its source."""
    world.headers(**as_)
    size = log_size(world)
    asking = InFlight(lambda: world.post(body, **as_))
    while log_size(world) == size:
        assert asking.under_way
        time.sleep(0.01)
    return asking


@pytest.fixture
def told(world: World) -> Iterator[Story]:
    """A citizen who agreed to the support plan, and does so again at the end."""
    who = story("deceased")
    yield who
    row = plan_row(world.post(asked_of(who, PLAN, ALLERGIES)).json())
    if row["state"] == "withheld":
        decided(world, who, Kind.GIVEN)


def test_consent_withdrawn_while_a_source_is_being_read_drops_what_it_covered_and_no_more(
    world: World, told: Story
) -> None:
    with held(world):
        asking = under_way(world, asked_of(told, ALLERGIES, PLAN))
        decided(world, told, Kind.WITHDRAWN)
        assert asking.under_way
    answer = asking.reply()
    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "partial")
    assert {item["category"] for item in body["items"]} == {"health.allergies"}
    row = plan_row(body)
    assert (row["state"], row["reason"]) == ("withheld", "consent-withdrawn")
    verdicts = world.get(f"/v1/decisions/{body['decision']}").json()["verdicts"]
    assert [(v["allow"], v["reason"]) for v in verdicts if v["source"] == row["source"]] == [
        (False, "consent-withdrawn")
    ]
    assert answer.headers["decision-id"] == body["decision"]


def test_consent_withdrawn_from_all_that_was_asked_refuses_the_question_in_flight(
    world: World, told: Story
) -> None:
    with held(world):
        newest = log_size(world) - 1
        asking = under_way(world, asked_of(told, PLAN))
        decided(world, told, Kind.WITHDRAWN)
    answer = asking.reply()
    assert (answer.status_code, answer.json()["code"]) == (403, "no-consent")
    assert plan_row({"completeness": answer.json()})["reason"] == "consent-withdrawn"
    assert world.get(answer.json()["receipt"]).status_code == 200
    assert entry_types(world, newest) == ["access.intended", "consent.withdrawn", "access.refused"]


def test_consent_withdrawn_and_given_again_in_flight_releases_under_what_stands_at_the_end(
    world: World, told: Story
) -> None:
    with held(world):
        asking = under_way(world, asked_of(told, PLAN))
        decided(world, told, Kind.WITHDRAWN)
        decided(world, told, Kind.GIVEN)
    answer = asking.reply()
    [item] = answer.json()["items"]
    again = world.post(asked_of(told, PLAN)).json()["items"][0]
    assert item["provenance"]["consent"] == again["provenance"]["consent"]


def test_consent_given_in_flight_is_for_the_next_question(world: World, told: Story) -> None:
    decided(world, told, Kind.WITHDRAWN, "support.plan")
    visits = {"code": "support.befriending", "need": "optional"}
    with held(world):
        asking = under_way(world, asked_of(told, PLAN, visits, ALLERGIES))
        decided(world, told, Kind.GIVEN)
    answer = asking.reply()
    row = plan_row(answer.json())
    assert (row["state"], row["reason"]) == ("withheld", "consent-withdrawn")
    assert {item["category"] for item in answer.json()["items"]} == {"health.allergies", "support.befriending"}
    assert plan_row(world.post(asked_of(told, PLAN, ALLERGIES)).json())["state"] == "returned"


def test_a_decision_about_somebody_else_or_something_else_changes_nothing_in_flight(
    world: World, told: Story
) -> None:
    neighbour = story("hung-source")
    with held(world):
        asking = under_way(world, asked_of(told, PLAN))
        decided(world, neighbour, Kind.WITHDRAWN)
        decided(world, told, Kind.REFUSED, "health.conditions")
    answer = asking.reply().json()
    decided(world, neighbour, Kind.GIVEN)
    assert plan_row(answer)["state"] == "returned"
    witness = world.get(f"/v1/decisions/{answer['decision']}").json()
    assert [verdict["allow"] for verdict in witness["verdicts"]] == [True]


def test_a_system_that_is_disabled_while_a_question_is_in_flight_gets_no_other(world: World, told: Story) -> None:
    with held(world):
        asking = under_way(world, asked_of(told, PLAN))
        try:
            switch(world, active=False)
            assert asking.under_way
            refused = world.post(asked_of(told, PLAN))
            assert asking.under_way
            assert (refused.status_code, refused.json()["code"]) == (403, "system-disabled")
        finally:
            switch(world, active=True)
    assert asking.reply().status_code == 200
    assert world.post(asked_of(told, PLAN)).status_code == 200


def switch(world: World, *, active: bool) -> None:
    engine = db.connect(world.settings.url)
    try:
        with db.write(engine) as connection:
            set_system_active(connection, "xzz01-discharge", active, now=int(time.time()))
    finally:
        engine.dispose()


async def at_once(world: World, requests: list[tuple[dict[str, Any], dict[str, str]]]) -> list[tuple[int, Any]]:
    """Status and body of each, all sent at the same time."""

    async def one(http: aiohttp.ClientSession, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
        async with http.post("/v1/record-queries", json=body, headers=headers) as reply:
            return reply.status, await reply.json(content_type=None)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(base_url=world.url, connector=connector) as http:
        return list(await asyncio.gather(*(one(http, body, headers) for body, headers in requests)))


def test_fifty_retries_at_once_are_one_query(world: World) -> None:
    body = question(story("all-returned")) | {"categories": [ALLERGIES]}
    newest = log_size(world) - 1
    key = {"Idempotency-Key": str(uuid.uuid4())}
    replies = asyncio.run(at_once(world, [(body, world.headers() | key) for _ in range(50)]))
    assert {status for status, _ in replies} == {200}
    assert len({answer["id"] for _, answer in replies}) == 1
    assert len({answer["decision"] for _, answer in replies}) == 50
    assert sorted(entry_types(world, newest)) == ["access.disclosed"] * 50 + ["access.intended"] * 50
    key_of_log = vkey(shards.this_year(world.settings.log_origin), load(world.settings.keys).log.public_key())
    assert verify.log(f"{world.url}/log", key_of_log, token=world.settings.log_monitor_token or "").ok


def test_of_two_questions_that_race_for_one_key_one_wins_and_the_other_is_a_mismatch(world: World) -> None:
    one = question(story("all-returned")) | {"categories": [ALLERGIES]}
    other = one | {"deadline_ms": 1999}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    bodies = [one, other] * 10
    replies = asyncio.run(at_once(world, [(body, world.headers() | key) for body in bodies]))
    by_body = [{status for status, _ in replies[n::2]} for n in (0, 1)]
    assert sorted(by_body, key=min) == [{200}, {409}]
    assert len({answer["id"] for status, answer in replies if status == 200}) == 1


def test_without_a_key_the_request_id_is_the_key(world: World) -> None:
    body = question(story("all-returned")) | {"categories": [ALLERGIES]}
    same = {"X-Request-ID": str(uuid.uuid4())}
    replies = asyncio.run(at_once(world, [(body, world.headers() | same) for _ in range(10)]))
    assert {status for status, _ in replies} == {200}
    assert len({answer["id"] for _, answer in replies}) == 1


def test_questions_about_many_citizens_at_once_are_not_mixed_up(world: World) -> None:
    names = ("all-returned", "consent-given", "twin-first", "twin-second", "conflicting-duplicates")
    tellers = [story(name) for name in names] * 6
    about = {"code": "identity.demographics", "need": "required"}
    requests = [(asked_of(one, about), world.headers()) for one in tellers]
    replies = asyncio.run(at_once(world, requests))
    for one, (status, answer) in zip(tellers, replies, strict=True):
        assert status == 200
        assert {item["data"]["birth_date"] for item in answer["items"]} == {one.citizen.birth_date}
        assert {item["data"]["given_name"] for item in answer["items"]} == {one.citizen.given}
