# SPDX-License-Identifier: Apache-2.0
"""Gathering: all sources at once, one deadline, a gate before each, and an envelope for everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.base import Envelope, Outcome, Read, Reason
from connectors.gather import gather
from connectors.registry import Registry, load
from tests.connectors.upstream import Asked, Respond, Upstream, answers, document, hang, plain
from tests.connectors.world import ASKED, PLAN, REST_MAPPING, SECRET_KEY, SYSTEM, VOCABULARY, ask, manifest, web

Serve = Callable[[Respond], Awaitable[Upstream]]
GOOD = {"plans": [{"id": "p1", "client": {"number": ASKED}, "name": "Home again"}]}


@pytest.fixture
async def close() -> AsyncIterator[Callable[[Registry], Registry]]:
    opened: list[Registry] = []

    def later(registry: Registry) -> Registry:
        opened.append(registry)
        return registry

    yield later
    for one in opened:
        await one.close()


Close = Callable[[Registry], Registry]


def town(folder: Path, urls: Sequence[str]) -> Registry:
    """One registry with a REST source at each of these addresses."""
    (folder / "manifests").mkdir()
    (folder / "mappings").mkdir()
    (folder / "mappings" / "crm.yaml").write_text(yaml.safe_dump(REST_MAPPING))
    secrets = {"crm_key": SECRET_KEY}
    for number, url in enumerate(urls):
        name = f"url_{number}"
        made = manifest(
            "rest-json", id=f"uk/charity/{number}/crm", secrets=[name, "crm_key"], connect={"base_url": name}
        )
        (folder / "manifests" / f"{number}.yaml").write_text(yaml.safe_dump(made))
        secrets[name] = url
    return load(folder / "manifests", folder / "mappings", VOCABULARY, secrets)


def reads(count: int, deadline: float) -> list[Read]:
    return [
        Read(f"uk/charity/{number}/crm", SYSTEM, ASKED, {PLAN: ("title",)}, deadline=deadline)
        for number in range(count)
    ]


async def test_a_hung_source_takes_nothing_from_the_others(serve: Serve, tmp_path: Path, close: Close) -> None:
    good, bad, hung = await serve(document(GOOD)), await serve(answers(plain("500 No", b"{}"))), await serve(hang)
    registry = close(town(tmp_path, [good.url, hung.url, bad.url]))
    deadline = asyncio.get_running_loop().time() + 0.2
    async with asyncio.timeout(10):
        found, late, broken = await gather(registry, reads(3, deadline), deadline)
    assert found.outcome is Outcome.FOUND
    assert late.reason is Reason.SOURCE_TIMEOUT
    assert broken.reason is Reason.SOURCE_ERROR


async def test_all_sources_are_asked_at_the_same_time(serve: Serve, tmp_path: Path, close: Close) -> None:
    """Each upstream answers only when all three were asked."""
    barrier = asyncio.Barrier(3)

    async def together(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await barrier.wait()
        await document(GOOD)(asked, writer)

    servers = [await serve(together) for _ in range(3)]
    registry = close(town(tmp_path, [one.url for one in servers]))
    deadline = asyncio.get_running_loop().time() + 10
    async with asyncio.timeout(10):
        envelopes = await gather(registry, reads(3, deadline), deadline)
    assert [one.outcome for one in envelopes] == [Outcome.FOUND] * 3


async def test_different_calls_of_one_citizen_run_at_the_same_time(
    serve: Serve, tmp_path: Path, close: Close
) -> None:
    barrier = asyncio.Barrier(2)

    async def together(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await barrier.wait()
        person = {"number": ASKED, "first": "Rose", "last": "Canaryworth"}
        await document(person if "/people/" in asked.line else GOOD)(asked, writer)

    here = await serve(together)
    plan, person = await ask(close(web(tmp_path, "rest-json", here.url)), PLAN, "identity.demographics")
    assert (plan.outcome, person.outcome) == (Outcome.FOUND, Outcome.FOUND)
    assert plan.calls == 2


async def test_what_had_come_whole_by_the_deadline_is_kept(serve: Serve, tmp_path: Path, close: Close) -> None:
    async def half(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (hang if "/people/" in asked.line else document(GOOD))(asked, writer)

    here = await serve(half)
    registry = close(web(tmp_path, "rest-json", here.url))
    person, plan = await ask(registry, "identity.demographics", PLAN, deadline_s=0.3)
    assert plan.outcome is Outcome.FOUND
    assert person.reason is Reason.SOURCE_TIMEOUT


async def test_a_deadline_that_has_passed_is_a_timeout(serve: Serve, tmp_path: Path, close: Close) -> None:
    registry = close(web(tmp_path, "rest-json", (await serve(document(GOOD))).url))
    (envelope,) = await ask(registry, deadline_s=-1)
    assert envelope.reason is Reason.SOURCE_TIMEOUT


async def test_the_query_s_deadline_holds_whatever_a_read_says(serve: Serve, tmp_path: Path, close: Close) -> None:
    registry = close(town(tmp_path, [(await serve(hang)).url]))
    now = asyncio.get_running_loop().time()
    async with asyncio.timeout(5):
        (envelope,) = await gather(registry, reads(1, now + 100), now + 0.1)
    assert envelope.reason is Reason.SOURCE_TIMEOUT


async def test_a_full_bulkhead_says_no_at_once_and_opens_again(serve: Serve, tmp_path: Path, close: Close) -> None:
    here = await serve(hang)
    registry = close(web(tmp_path, "rest-json", here.url, limits={"concurrency": 2}))
    waiting = [asyncio.ensure_future(ask(registry, deadline_s=0.5)) for _ in range(2)]
    async with asyncio.timeout(5):
        await here.heard.wait()
    (envelope,) = await ask(registry)
    assert envelope.reason is Reason.BULKHEAD_FULL
    assert envelope.retry_after_s == 1
    await asyncio.gather(*waiting)
    here.respond = document(GOOD)
    assert (await ask(registry))[0].outcome is Outcome.FOUND


async def test_a_source_that_keeps_failing_is_left_alone_then_tried_again(
    serve: Serve, tmp_path: Path, close: Close
) -> None:
    here = await serve(answers(plain("500 No", b"{}")))
    registry = close(web(tmp_path, "rest-json", here.url, breaker={"fail": 2, "open_s": 0.2}))
    for _ in range(2):
        assert (await ask(registry))[0].reason is Reason.SOURCE_ERROR
    assert (await ask(registry))[0].reason is Reason.BREAKER_OPEN
    assert len(here.asked) == 2
    here.respond = document(GOOD)
    await asyncio.sleep(0.25)
    assert (await ask(registry))[0].outcome is Outcome.FOUND
    assert (await ask(registry))[0].outcome is Outcome.FOUND


async def test_an_asker_s_tiny_deadline_does_not_open_the_breaker(
    serve: Serve, tmp_path: Path, close: Close
) -> None:
    here = await serve(hang)
    registry = close(web(tmp_path, "rest-json", here.url, breaker={"fail": 1, "slow_ms": 500}))
    for _ in range(3):
        assert (await ask(registry, deadline_s=0.02))[0].reason is Reason.SOURCE_TIMEOUT


async def test_a_rate_limit_is_kept(serve: Serve, tmp_path: Path, close: Close) -> None:
    here = await serve(document(GOOD))
    registry = close(web(tmp_path, "rest-json", here.url, limits={"rate_per_s": 0.01}))
    first, second = (await ask(registry))[0], (await ask(registry))[0]
    assert first.outcome is Outcome.FOUND
    assert second.reason is Reason.SOURCE_BUSY
    assert second.retry_after_s == 100


async def test_an_unknown_source_category_or_identifier_system_is_not_served(
    serve: Serve, tmp_path: Path, close: Close
) -> None:
    here = await serve(document(GOOD))
    registry = close(town(tmp_path, [here.url]))
    deadline = asyncio.get_running_loop().time() + 5
    wrong = [
        Read("uk/charity/7/crm", SYSTEM, ASKED, {PLAN: ("title",)}, deadline=deadline),
        Read("uk/charity/0/crm", "https://fhir.nhs.uk/Id/nhs-number", ASKED, {PLAN: ("title",)}, deadline=deadline),
        Read("uk/charity/0/crm", SYSTEM, ASKED, {"health.allergies": ("code",)}, deadline=deadline),
    ]
    envelopes = await gather(registry, wrong, deadline)
    assert [one.reason for one in envelopes] == [Reason.NOT_SERVED] * 3
    assert not here.asked


async def test_a_fault_of_an_engine_is_an_outcome_and_tells_no_value(
    serve: Serve, tmp_path: Path, close: Close, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"could not read {ASKED}")

    registry = close(web(tmp_path, "rest-json", (await serve(document(GOOD))).url))
    source = registry.source("uk/charity/9999901/crm")
    assert source is not None
    source.engine = Faulty()  # type: ignore[assignment]
    source.manifest = source.manifest
    (envelope,) = await ask(registry)
    assert envelope.reason is Reason.ENGINE_FAULT
    assert "RuntimeError" in caplog.text


async def test_nothing_asked_gives_nothing(tmp_path: Path, serve: Serve, close: Close) -> None:
    registry = close(town(tmp_path, [(await serve(hang)).url]))
    assert await gather(registry, [], asyncio.get_running_loop().time()) == []


def test_what_holds_values_does_not_show_them() -> None:
    read = Read("s", SYSTEM, ASKED, {PLAN: ()}, deadline=0.0)
    envelope = Envelope("s", PLAN, Outcome.SUPERSEDED, replaced_by=ASKED)
    assert ASKED not in f"{read!r} {read} {envelope!r} {envelope}"
