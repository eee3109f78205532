# SPDX-License-Identifier: Apache-2.0
"""The charity twin answers as a hosted CRM does, and misbehaves as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.sandbox.launch import Twins
from connectors.sandbox.populate import summary
from connectors.sandbox.population import population
from connectors.sandbox.test_citizens import TEST_CITIZENS

CITIZENS = {story.outcome: story.citizen for story in TEST_CITIZENS}
WELL = CITIZENS["all-returned"].charity_ref


@pytest.fixture
def crm(running_twins: Twins) -> Iterator[httpx.Client]:
    secrets = running_twins.secrets
    base = secrets["charity_crm_base_url"]
    with httpx.Client(base_url=base, headers={"X-Api-Key": secrets["charity_crm_api_key"]}, timeout=5) as client:
        yield client
        client.delete(httpx.URL(base).join("/__sandbox/faults"))


def _tell(client: httpx.Client, **fault: Any) -> None:
    assert client.put(client.base_url.join("/__sandbox/faults"), json=fault).status_code == 200


def _search(client: httpx.Client, entity: str, number: str, cursor: str = "") -> httpx.Response:
    query = {"cursor": cursor} if cursor else {}
    return client.post(f"/{entity}/search", params=query, json={"client_no": number})


@pytest.mark.parametrize(("entity", "count"), [("clients", 1), ("plans", 1), ("visits", 2)])
def test_a_search_brings_only_what_is_about_that_client(crm: httpx.Client, entity: str, count: int) -> None:
    found = _search(crm, entity, WELL).json()
    assert found["count"] == found["countMatched"] == len(found["values"]) == count
    assert {value["client_no"] for value in found["values"]} == {WELL}
    assert found["next"] is None


def test_more_than_a_page_is_read_by_cursor_and_each_visit_once(crm: httpx.Client, town: Path) -> None:
    told = summary(town)
    assert told is not None
    people = population(told.people, told.seed)
    citizen = next(one for one in people if len(one.holdings.visits) > 20 and not one.ambiguous_at)
    page = _search(crm, "visits", citizen.charity_ref).json()
    seen = [visit["id"] for visit in page["values"]]
    while page["next"]:
        page = _search(crm, "visits", citizen.charity_ref, page["next"]).json()
        seen += [visit["id"] for visit in page["values"]]
    assert len(seen) == len(set(seen)) == len(citizen.holdings.visits)


@pytest.mark.parametrize("entity", ["clients", "plans", "visits"])
def test_a_number_nobody_has_is_not_found(crm: httpx.Client, entity: str) -> None:
    reply = _search(crm, entity, "EB999999")
    assert (reply.status_code, reply.json()["code"]) == (404, "CLIENT_NOT_FOUND")


@pytest.mark.parametrize("entity", ["clients", "plans", "visits"])
def test_a_number_that_two_clients_have_is_ambiguous(crm: httpx.Client, entity: str) -> None:
    reply = _search(crm, entity, CITIZENS["ambiguous"].charity_ref)
    assert (reply.status_code, reply.json()["code"]) == (409, "MULTIPLE_MATCHES")


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_right_key_there_is_no_answer(crm: httpx.Client, key: str) -> None:
    reply = crm.post("/clients/search", json={"client_no": WELL}, headers={"X-Api-Key": key})
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_API_KEY")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"{", b'"EB100001"'])
def test_a_search_without_a_number_is_a_bad_request(crm: httpx.Client, body: bytes) -> None:
    assert crm.post("/clients/search", content=body).status_code == 400


@pytest.mark.parametrize("cursor", ["x", "ZnJvbTp4", "dG86MjA="])
def test_a_cursor_that_was_not_given_is_a_bad_request(crm: httpx.Client, cursor: str) -> None:
    assert _search(crm, "visits", WELL, cursor).status_code == 400


def test_there_is_no_other_entity(crm: httpx.Client) -> None:
    assert _search(crm, "donations", WELL).status_code == 404


@pytest.mark.parametrize(("mode", "status"), [("fail", 500), ("throttle", 429), ("garbage", 200)])
def test_told_to_misbehave_it_does_so_about_everybody(crm: httpx.Client, mode: str, status: int) -> None:
    _tell(crm, mode=mode)
    reply = _search(crm, "plans", WELL)
    assert reply.status_code == status
    assert b"values" not in reply.content


@pytest.mark.parametrize("entity", ["clients", "plans", "visits"])
def test_told_to_lie_it_answers_with_somebody_else(crm: httpx.Client, entity: str) -> None:
    _tell(crm, mode="lie", identifier=WELL)
    values = _search(crm, entity, WELL).json()["values"]
    assert values
    assert WELL not in {value["client_no"] for value in values}


def test_told_to_hang_it_never_answers(crm: httpx.Client) -> None:
    _tell(crm, mode="hang", identifier=WELL)
    with pytest.raises(httpx.ReadTimeout):
        crm.post("/plans/search", json={"client_no": WELL}, timeout=0.3)


def test_told_to_drip_it_begins_at_once(crm: httpx.Client) -> None:
    _tell(crm, mode="drip", delay_ms=100)
    with crm.stream("POST", "/plans/search", json={"client_no": WELL}) as reply:
        assert next(reply.iter_raw(chunk_size=1)) == b"{"


def test_the_charity_has_not_heard_of_a_death_and_keeps_a_former_name(crm: httpx.Client) -> None:
    dead = _search(crm, "clients", CITIZENS["deceased"].charity_ref).json()["values"][0]
    renamed = _search(crm, "clients", CITIZENS["conflicting-duplicates"].charity_ref).json()["values"][0]
    assert dead["is_deceased"] is False
    assert renamed["last_name"] == CITIZENS["conflicting-duplicates"].former_family
