# SPDX-License-Identifier: Apache-2.0
"""Silence: whatever became of a silent category, nothing that the asker can see differs.

A citizen decides one thing after the other, and their charity does one thing after the other; the council asks all
the time. Between two answers only ids, log indices and measured times may differ.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import nhs_number
import pytest

from connectors.sandbox.stories import Story
from consent.model import Kind
from gateway.sandbox import story
from tests.faults.inside import decide
from tests.fixtures.commons import World, question

AGREEMENT = "dsa-2026-021"
CHARITY = "uk/charity/9999901/crm"
SILENT = {"code": "support.befriending", "need": "optional"}
GENERIC = {"code": "support.plan", "need": "optional"}
SHOWN = {"code": "benefits.council-tax", "need": "required"}
AS = {"system": "e06999901-adult-social-care", "role": "housing-officer"}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBERS = re.compile(r'"(witness_index|elapsed_ms|at_ms|index|t)":\d+')
_INSTANT = re.compile(r'"retrieved_at":"[^"]+"')
_TIMED = ("date", "audit-entry", "audit-checkpoint", "server-timing", "content-length")


def body_of(told: Story, *categories: dict[str, str]) -> dict[str, Any]:
    """The council's question about a citizen, when somebody may lose their home."""
    return question(story("silent-withheld")) | {
        "subject": question(told)["subject"],
        "categories": list(categories),
        "deadline_ms": 300,
    }


def without_ids(text: str) -> str:
    """The same text without ids, log indices and measured times."""
    return _INSTANT.sub("", _NUMBERS.sub(r'"\1":0', _UUID.sub("id", text)))


def seen(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """All that the council can see of one question: answer, dry run, explanation, receipt."""
    answer = world.post(body, **AS)
    looked = world.post(body, path="/v1/record-queries:preview", **AS)
    assert (answer.status_code, looked.status_code) == (200, 200)
    views: dict[str, Any] = {}
    for name, reply in (("answer", answer), ("preview", looked)):
        said = reply.json()
        explained = world.get(f"/v1/decisions/{said['decision']}", **AS)
        receipt = world.get(said["receipt"]["href"], **AS)
        views |= {
            name: outline(reply),
            f"{name} explained": outline(explained),
            f"{name} entry": entry_outline(receipt),
        }
    return views


def outline(reply: httpx.Response) -> tuple[object, ...]:
    """Status, size, headers and body of a reply, apart from ids, log indices and measured times."""
    text = without_ids(reply.text)
    fixed = {name: without_ids(value) for name, value in reply.headers.items() if name not in _TIMED}
    stages = [part.split(";")[0] for part in reply.headers.get("server-timing", "").split(",")]
    return reply.status_code, len(text), list(reply.headers), fixed, stages, text


def entry_outline(receipt: httpx.Response) -> tuple[object, ...]:
    """What an entry says in the clear, but for the running number of the organisation's entries; of its commitments
    only which there are."""
    entry = json.loads(base64.b64decode(receipt.json()["entry"]))
    commitments = {group: len(value) for group, value in entry["c"].items()}
    clear = {name: value for name, value in entry.items() if name not in ("id", "t", "c", "count")}
    return list(receipt.headers), commitments, clear


@contextmanager
def behaving(world: World, mode: str, identifier: str) -> Iterator[None]:
    """The charity behaves so about one client."""
    root = world.twins.addresses["charity"].removesuffix("/api/v2")
    fault = {"mode": mode, "identifier": identifier, "delay_ms": 5000}
    httpx.put(f"{root}/__sandbox/faults", json=fault).raise_for_status()
    try:
        yield
    finally:
        httpx.put(f"{root}/__sandbox/faults", json=fault | {"mode": "none"}).raise_for_status()


def heal(world: World) -> None:
    """A question that the charity answers, so that its breaker counts from the start again."""
    assert world.ask(story("all-returned")).json()["status"] == "complete"


@pytest.mark.parametrize("others", [(), (SHOWN,)], ids=["asked alone", "asked with another"])
def test_nothing_that_becomes_of_a_silent_category_shows(world: World, others: tuple[dict[str, str], ...]) -> None:
    told = story("twin-first" if others else "twin-second")
    body = body_of(told, *others, SILENT)
    views = {"never decided": seen(world, body)}
    decide(world, told, Kind.GIVEN, [SILENT["code"]], agreement=AGREEMENT, days_ago=200)
    views["expired"] = seen(world, body)
    decide(world, told, Kind.REFUSED, [SILENT["code"]], agreement=AGREEMENT)
    views["refused"] = seen(world, body)
    decide(world, told, Kind.GIVEN, [SILENT["code"]], agreement=AGREEMENT)
    for mode in ("fail", "garbage", "lie", "throttle", "hang", "slow", "drip"):
        with behaving(world, mode, told.citizen.charity_ref):
            views[f"allowed, and the source: {mode}"] = seen(world, body)
        heal(world)
    decide(world, told, Kind.WITHDRAWN, [SILENT["code"]], agreement=AGREEMENT)
    views["withdrawn"] = seen(world, body)
    first = views["never decided"]
    assert {name: view for name, view in views.items() if view != first} == {}


def test_the_source_was_really_asked_in_those_cases(world: World) -> None:
    told = story("stale-extract")
    body = body_of(told, SILENT)
    decide(world, told, Kind.GIVEN, [SILENT["code"]], agreement=AGREEMENT)
    came = world.post(body | {"deadline_ms": 2000}, **AS).json()
    assert {item["category"] for item in came["items"]} == {SILENT["code"]}
    assert [row["state"] for row in came["completeness"]["summary"]] == ["returned"]
    decide(world, told, Kind.WITHDRAWN, [SILENT["code"]], agreement=AGREEMENT)
    assert world.post(body, **AS).json()["items"] == []


@pytest.mark.parametrize(
    ("outcome", "what"),
    [("nothing-held", "allowed and nothing is held"), ("unmatched", "allowed and unknown to the source")],
)
def test_permitted_and_never_held_cannot_be_told_from_withheld(world: World, outcome: str, what: str) -> None:
    told = story(outcome)
    alone = body_of(told, SILENT)
    withheld = seen(world, alone)
    decide(world, told, Kind.GIVEN, [SILENT["code"]], agreement=AGREEMENT)
    assert seen(world, alone) == withheld, what
    decide(world, told, Kind.WITHDRAWN, [SILENT["code"]], agreement=AGREEMENT)


def test_a_stranger_cannot_be_told_from_somebody_whose_silent_category_is_withheld(world: World) -> None:
    body = body_of(story("consent-denied"), SILENT)
    known = seen(world, body)
    subject = body["subject"]["identifier"]
    unused = range(9_998_000_000, 9_999_000_000)  # the town counts up from the start of the range
    number = next(str(n) for n in unused if nhs_number.is_valid(str(n)))
    assert seen(world, body | {"subject": {"identifier": subject | {"value": number}}}) == known
    wrong = {"identifier": subject, "verify": {"family_name": "Somebody-Else"}}
    assert seen(world, body | {"subject": wrong}) == known
    right = {"identifier": subject, "verify": {"family_name": story("consent-denied").citizen.family}}
    assert seen(world, body | {"subject": right}) == known


def test_a_shortfall_in_what_is_silent_fails_alike(world: World) -> None:
    told = story("consent-expired")
    body = body_of(told, SHOWN, SILENT | {"need": "required"}) | {"completeness": {"on_shortfall": "fail"}}
    outlines = [outline(world.post(body, **AS))]
    decide(world, told, Kind.GIVEN, [SILENT["code"]], agreement=AGREEMENT)
    with behaving(world, "hang", told.citizen.charity_ref):
        outlines.append(outline(world.post(body, **AS)))
    decide(world, told, Kind.WITHDRAWN, [SILENT["code"]], agreement=AGREEMENT)
    outlines.append(outline(world.post(body, **AS)))
    assert {one[0] for one in outlines} == {422}
    assert outlines[1:] == outlines[:1] * 2


REASONS = re.compile(r"consent-(?:not-given|withdrawn|expired|scope)|withdr|expired|refused\"|took")


def test_a_generic_category_tells_no_reason_anywhere(world: World) -> None:
    told = story("redacted-fields")
    views = []
    for kind, days_ago in [(None, 0), (Kind.GIVEN, 200), (Kind.REFUSED, 0), (Kind.GIVEN, 0), (Kind.WITHDRAWN, 0)]:
        if kind is not None:
            decide(world, told, kind, [GENERIC["code"]], agreement=AGREEMENT, days_ago=days_ago)
        if kind is Kind.GIVEN and not days_ago:
            continue
        alone = world.post(body_of(told, GENERIC), **AS)
        beside = seen(world, body_of(told, SHOWN, GENERIC))
        looked = world.post(body_of(told, GENERIC), path="/v1/record-queries:preview", **AS)
        explained = world.get(f"/v1/decisions/{looked.json()['decision']}", **AS)
        assert (alone.status_code, alone.json()["code"]) == (403, "denied-by-policy")
        [row] = alone.json()["summary"]
        assert row == {"category": GENERIC["code"], "source": CHARITY, "state": "withheld"}
        [verdict] = explained.json()["verdicts"]
        assert verdict["sentences"] == ["Some information is not available to you."]
        assert set(verdict) == {"category", "source", "allow", "sentences"}
        views.append([outline(alone), outline(looked), outline(explained), beside])
        assert REASONS.search(json.dumps(views[-1])) is None
    assert views[1:] == views[:1] * 3


def test_which_fields_of_a_generic_category_are_held_back_is_not_explained(world: World) -> None:
    told = story("redacted-fields")
    body = body_of(told, GENERIC | {"fields": ["title", "goal"]}) | {"deadline_ms": 2000}
    decide(world, told, Kind.GIVEN, [GENERIC["code"]], agreement=AGREEMENT, fields=("support.plan/title",))
    answer = world.post(body, **AS).json()
    assert set(answer["items"][0]["data"]) == {"title"}
    assert [item["category"] for item in answer["items"]] == [GENERIC["code"]]
    assert "fields_withheld" not in answer["items"][0]
    [verdict] = world.get(f"/v1/decisions/{answer['decision']}", **AS).json()["verdicts"]
    assert verdict["allow"]
    assert "goal" not in json.dumps(verdict)
    assert "Not shared" not in json.dumps(verdict)
    decide(world, told, Kind.WITHDRAWN, [GENERIC["code"]], agreement=AGREEMENT)
