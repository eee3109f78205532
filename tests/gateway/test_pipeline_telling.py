# SPDX-License-Identifier: Apache-2.0
"""What an answer, a refusal and a dry run tell, and what they leave untold."""

from __future__ import annotations

import base64
import copy as copies
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nhs_number
import pytest

from connectors.base import Envelope, Outcome
from consent.model import Kind
from gateway.completeness import Part, table
from gateway.model import Pair, Verdict
from gateway.pipeline import Commons
from gateway.sandbox import story
from gateway.web.record_queries import ASK, PREVIEW
from tests.faults.inside import (
    Got,
    Inside,
    Meanwhile,
    asked,
    call,
    decide,
    entry_types,
    inside,
    log_size,
    own_copy,
    plan_row,
    sql,
)
from tests.fixtures.commons import World, question

CHARITY = "uk/charity/9999901/crm"
COUNCIL_SYSTEM = {"system": "e06999901-adult-social-care", "role": "housing-officer"}
BEFRIENDING = [{"code": "support.befriending", "need": "optional"}]
PLAN = [{"code": "support.plan", "need": "optional"}]


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    """The world over databases that this test may break."""
    world.token()
    world.token(*COUNCIL_SYSTEM.values())
    return own_copy(world, tmp_path)


def housing(outcome: str = "silent-withheld", categories: list[dict[str, Any]] = BEFRIENDING) -> dict[str, Any]:
    """The council's question about homelessness; befriending is silent in it, the plan generic."""
    told = story("silent-withheld")
    who = story(outcome)
    return question(told) | {"subject": question(who)["subject"], "categories": categories}


async def decision_of(worker: Inside, got: Got, system: str, role: str) -> dict[str, Any]:
    token = worker.world.tokens[system, role][1]
    id = got.header("decision-id")
    told = await call(worker.app, "GET", f"/v1/decisions/{id}", {"authorization": f"Bearer {token}"})
    assert told.status == 200
    found: dict[str, Any] = told.json
    return found


async def entry_of(worker: Inside, got: Got) -> dict[str, Any]:
    """The clear members of the entry that an answer's receipt shows to the council."""
    token = worker.world.tokens[COUNCIL_SYSTEM["system"], COUNCIL_SYSTEM["role"]][1]
    shown = await call(worker.app, "GET", got.json["receipt"]["href"], {"authorization": f"Bearer {token}"})
    entry: dict[str, Any] = json.loads(base64.b64decode(shown.json["entry"]))
    return entry


def withdrawing(
    world: World, outcome: str, category: str, agreement: str
) -> Callable[[Commons], Mapping[str, Any]]:
    """Parts in which the citizen takes a consent back after the fetch and before the seal."""

    def happens() -> None:
        decide(world, story(outcome), Kind.WITHDRAWN, [category], agreement=agreement)

    return lambda real: {"itemiser": Meanwhile(real.itemiser, happens)}


async def test_what_is_withdrawn_after_the_fetch_is_dropped_and_the_decision_named_says_so(copy: World) -> None:
    parts = withdrawing(copy, "all-returned", "support.plan", "dsa-2026-014")
    async with inside(copy, parts) as worker:
        before = log_size(copy) - 1
        got = await worker.ask(asked())
        assert got.status == 200
        assert {item["category"] for item in got.json["items"]} == {"health.allergies"}
        assert (plan_row(got.json)["state"], plan_row(got.json)["reason"]) == ("withheld", "consent-withdrawn")
        told = await decision_of(worker, got, "xzz01-discharge", "discharge-coordinator")
        [plan] = [v for v in told["verdicts"] if (v["category"], v["source"]) == ("support.plan", CHARITY)]
        assert (plan["allow"], plan["reason"]) == (False, "consent-withdrawn")
        assert entry_types(copy, before) == ["access.intended", "access.disclosed"]


async def test_a_query_of_which_nothing_is_left_at_the_seal_is_refused_with_the_decision_that_says_so(
    copy: World,
) -> None:
    parts = withdrawing(copy, "all-returned", "support.plan", "dsa-2026-014")
    async with inside(copy, parts) as worker:
        before = log_size(copy) - 1
        got = await worker.ask(asked() | {"categories": PLAN})
        assert (got.status, got.json["code"]) == (403, "no-consent")
        assert "items" not in got.json
        told = await decision_of(worker, got, "xzz01-discharge", "discharge-coordinator")
        assert [verdict["allow"] for verdict in told["verdicts"]] == [False]
        assert entry_types(copy, before) == ["access.intended", "access.refused"]


async def test_what_is_silent_and_withdrawn_after_the_fetch_leaves_no_trace_in_the_answer(copy: World) -> None:
    decide(copy, story("silent-withheld"), Kind.GIVEN, ["support.befriending"])
    parts = withdrawing(copy, "silent-withheld", "support.befriending", "dsa-2026-021")
    body = housing(categories=[{"code": "housing.tenancy"}, *BEFRIENDING])
    async with inside(copy, parts) as worker:
        withdrawn_in_flight = await worker.ask(body, **COUNCIL_SYSTEM)
        withdrawn_before = await worker.ask(body, **COUNCIL_SYSTEM)
        entries = [await entry_of(worker, got) for got in (withdrawn_in_flight, withdrawn_before)]
    assert withdrawn_in_flight.status == 200
    assert [sorted(entry["c"]) for entry in entries] == [["actor", "result", "subject"]] * 2
    for got in (withdrawn_in_flight, withdrawn_before):
        assert {item["category"] for item in got.json["items"]} == {"housing.tenancy"}
        assert got.json["decision"].removeprefix("dec_") != got.json["receipt"]["id"].removeprefix("rc_")


async def test_a_consent_given_after_the_decision_is_for_the_next_query(copy: World) -> None:
    def happens() -> None:
        decide(copy, story("consent-not-given"), Kind.GIVEN, ["support.plan"])

    async with inside(copy, lambda real: {"itemiser": Meanwhile(real.itemiser, happens)}) as worker:
        first = await worker.ask(asked("consent-not-given"))
        assert (plan_row(first.json)["state"], plan_row(first.json)["reason"]) == ("withheld", "consent-not-given")
        assert worker.fetched == ["uk/nhs/XZG01/gp-record"]
        second = await worker.ask(asked("consent-not-given"))
        assert plan_row(second.json)["state"] == "returned"


def nobody(body: dict[str, Any]) -> dict[str, Any]:
    """The same question about a number that nobody has."""
    changed = copies.deepcopy(body)
    unused = range(9_998_000_000, 9_999_000_000)  # the town counts up from the start of the range
    changed["subject"]["identifier"]["value"] = next(str(n) for n in unused if nhs_number.is_valid(str(n)))
    return changed


def believing(body: dict[str, Any], **verify: str) -> dict[str, Any]:
    changed = copies.deepcopy(body)
    changed["subject"]["verify"] = verify
    return changed


_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\"witness_index\":\d+")


@pytest.mark.parametrize("path", [ASK, PREVIEW])
@pytest.mark.parametrize("kind", ["silent", "generic", "explained"])
async def test_who_exists_and_when_they_were_born_cannot_be_found_out_where_nothing_is_allowed(
    copy: World, path: str, kind: str
) -> None:
    known = story("consent-not-given")
    if kind == "explained":
        body = asked("consent-not-given") | {"categories": PLAN}
        as_ = {"system": "xzz01-discharge", "role": "discharge-coordinator"}
    else:
        body = housing("consent-not-given", BEFRIENDING if kind == "silent" else PLAN)
        as_ = COUNCIL_SYSTEM
    right = {"birth_date": known.citizen.birth_date, "family_name": known.citizen.family}
    elsewhere = copies.deepcopy(body)
    elsewhere["subject"]["identifier"] = {
        "system": "urn:uk:council:E06999901:core:person",
        "value": known.citizen.council_ref,
    }
    wrong = {"birth_date": "1901-01-01"}
    asks = [body, elsewhere, believing(body, **right), believing(body, **wrong), nobody(body)]
    asks.append(believing(nobody(body), **wrong))
    async with inside(copy) as worker:
        told = [await worker.ask(one, path=path, **as_) for one in asks]
    assert {got.status for got in told} == {200 if path == PREVIEW or kind == "silent" else 403}
    shapes = set()
    for got in told:
        text = _IDS.sub("x", got.body.decode())
        shapes.add(text.replace(got.json.get("trace_id", "no trace"), "x"))
    assert len(shapes) == 1, shapes


async def test_a_person_is_named_once_something_is_allowed_about_them(copy: World) -> None:
    right = {"birth_date": story("all-returned").citizen.birth_date}
    async with inside(copy) as worker:
        for path in (ASK, PREVIEW):
            named = (await worker.ask(asked(), path=path)).json["subject"]
            verified = (await worker.ask(believing(asked(), **right), path=path)).json["subject"]
            assert named == {"handle": verified["handle"], "match": "by-identifier"}
            assert verified["match"] == "verified"


async def test_silence_ends_where_something_is_returned(copy: World) -> None:
    decide(copy, story("silent-withheld"), Kind.GIVEN, ["support.befriending"])
    async with inside(copy) as worker:
        got = await worker.ask(housing(), **COUNCIL_SYSTEM)
    assert got.json["items"]
    assert got.json["subject"]["handle"].startswith("sub_")
    assert {row["category"] for row in got.json["completeness"]["summary"]} == {"support.befriending"}


@pytest.mark.parametrize("categories", [BEFRIENDING, PLAN, [{"code": "housing.tenancy"}]])
@pytest.mark.parametrize("table", ["system", "organisation"])
async def test_a_disabled_caller_is_told_so_whatever_it_asks_for(
    copy: World, table: str, categories: list[dict[str, Any]]
) -> None:
    sql(copy, "commons.db", f"UPDATE {table} SET active = 0 WHERE id LIKE '%E06999901%'")
    async with inside(copy) as worker:
        before = log_size(copy) - 1
        got = await worker.ask(housing(categories=categories), **COUNCIL_SYSTEM)
        assert (got.status, got.json["code"]) == (403, "system-disabled")
        assert worker.fetched == []
        assert entry_types(copy, before) == ["access.refused"]


async def test_a_question_under_no_agreement_is_told_so(copy: World) -> None:
    for agreement in ("dsa-1999-001", "dsa-2026-021"):
        async with inside(copy) as worker:
            got = await worker.ask(asked() | {"legal_basis": {"agreement": agreement}})
        assert (got.status, got.json["code"]) == (403, "no-agreement")


async def test_a_category_whose_sources_are_all_left_out_is_not_met(copy: World) -> None:
    body = asked() | {"sources": {"exclude": ["uk/nhs/XZG01/gp-record"]}}
    async with inside(copy) as worker:
        got = await worker.ask(body)
        assert got.status == 200
        table = got.json["completeness"]
        assert (table["required"], table["safe_to_rely"], got.json["status"]) == ("not-met", "no", "partial")
        [row] = [row for row in table["summary"] if row["category"] == "health.allergies"]
        assert (row["state"], row.get("reason", "")) == ("not-asked", "")
        failing = await worker.ask(body | {"completeness": {"on_shortfall": "fail"}})
        assert (failing.status, failing.json["code"]) == (422, "completeness-not-met")
        alone = await worker.ask(body | {"categories": [{"code": "health.allergies"}]})
        assert alone.status == 403


async def test_an_answer_that_would_fall_short_and_is_asked_to_fail_releases_and_logs_no_field(copy: World) -> None:
    body = asked("consent-not-given") | {"completeness": {"on_shortfall": "fail"}}
    body["categories"] = [{"code": "health.allergies"}, {"code": "support.plan", "need": "required"}]
    async with inside(copy) as worker:
        got = await worker.ask(body)
        assert (got.status, got.json["code"]) == (422, "completeness-not-met")
        newest = sql(copy, "log.db", "SELECT id FROM entry ORDER BY idx DESC LIMIT 1")[0][0]
        result = worker.commons.log.open_groups(newest)["result"].value
        assert (result["status"], result["released"]) == (422, [])
        substance = story("consent-not-given").citizen.holdings.allergies[0].substance
        assert substance not in json.dumps(got.json)


def test_what_a_source_withholds_looks_like_what_the_commons_withholds_where_reasons_are_not_told() -> None:
    pair = Pair(0, CHARITY, "support.plan", (), "optional")
    ours = Part(pair, Verdict(0, False, reason="consent-not-given", disclosure="generic"), None, ())
    envelope = Envelope(CHARITY, "support.plan", Outcome.WITHHELD, elapsed_ms=17, as_of="2026-11-01")
    theirs = Part(pair, Verdict(0, True, ("title",), ("consent",), disclosure="generic"), envelope, ())
    assert table([ours], frozenset(), {}) == table([theirs], frozenset(), {})
