# SPDX-License-Identifier: Apache-2.0
"""What is particular to fhir-rest: searches without an identifier in a URL, superseded and restricted patients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from connectors.base import Outcome, Reason
from connectors.registry import Registry
from tests.connectors.upstream import Asked, Respond, Upstream, answers, document, plain
from tests.connectors.world import ASKED, FHIR_MAPPING, OTHER, PERSON, PLAN, SYSTEM, ask, web

Serve = Callable[[Respond], Awaitable[Upstream]]
Open = Callable[..., Registry]
FHIR = {"base_url": "crm_base_url", "accept": "application/fhir+json"}


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Registry] = []

    def open_source(url: str, mapping: dict[str, Any] | None = None, **over: Any) -> Registry:
        opened.append(web(tmp_path, "fhir-rest", url, mapping or FHIR_MAPPING, **over))
        return opened[-1]

    yield open_source
    for one in opened:
        await one.close()


def patient(number: str = ASKED, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Patient",
        "id": number,
        "meta": {"versionId": "2"},
        "identifier": [{"system": "urn:x", "value": OTHER}, {"system": SYSTEM, "value": number}],
        "name": [{"given": ["Rose", "Mary"], "family": "Canaryworth"}],
        "birthDate": "1951-07-04",
        "address": [{"postalCode": "zz11zz"}],
        "telecom": [{"system": "phone", "value": "01632 960123"}],
    }
    return made | more


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]} | more


def plan(number: int, **more: Any) -> dict[str, Any]:
    made = {"resourceType": "CarePlan", "id": f"c{number}", "title": f"Plan {number}", "status": "active"}
    return made | {"subject": {"identifier": {"system": SYSTEM, "value": ASKED}}} | more


def fhir(value: Any, status: str = "200 OK") -> Respond:
    return answers(plain(status, orjson.dumps(value), "application/fhir+json; charset=utf-8"))


async def test_a_search_carries_the_identifier_in_its_form_and_not_in_its_url(serve: Serve, source: Open) -> None:
    here = await serve(fhir(bundle()))
    (envelope,) = await ask(source(here.url))
    (asked,) = here.asked
    assert asked.line == "POST /api/CarePlan/_search HTTP/1.1"
    assert parse_qs(asked.body.decode()) == {"patient:identifier": [f"{SYSTEM}|{ASKED}"]}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert envelope.outcome is Outcome.NONE


async def test_since_becomes_a_search_parameter(serve: Serve, source: Open) -> None:
    here = await serve(fhir(bundle()))
    await ask(source(here.url), since="2026-01-01")
    assert parse_qs(here.asked[0].body.decode())["date"] == ["ge2026-01-01"]


async def test_a_patient_is_read_by_the_identifier(serve: Serve, source: Open) -> None:
    here = await serve(fhir(patient()))
    (envelope,) = await ask(source(here.url, connect=FHIR), PERSON)
    assert here.asked[0].line == f"GET /api/Patient/{ASKED} HTTP/1.1"
    assert here.asked[0].headers["accept"] == "application/fhir+json"
    assert envelope.records[0].fields == {
        "given_name": "Rose Mary",
        "family_name": "Canaryworth",
        "birth_date": "1951-07-04",
        "postcode": "ZZ1 1ZZ",
    }
    assert envelope.records[0].version == "2"


async def test_a_replaced_number_is_superseded_and_releases_nothing_of_the_source(
    serve: Serve, source: Open
) -> None:
    replaced = patient(OTHER, link=[{"type": "replaces", "other": {"identifier": {"value": ASKED}}}])

    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await fhir(replaced if "/Patient/" in asked.line else bundle(plan(1)))(asked, writer)

    person, plans = await ask(source((await serve(respond)).url), PERSON, PLAN)
    assert person.outcome is plans.outcome is Outcome.SUPERSEDED
    assert person.replaced_by == OTHER
    assert not person.records
    assert not plans.records
    assert not person.alarm


async def test_a_patient_of_another_number_without_that_sign_is_a_lie(serve: Serve, source: Open) -> None:
    (envelope,) = await ask(source((await serve(fhir(patient(OTHER)))).url), PERSON)
    assert envelope.reason is Reason.IDENTITY_MISMATCH
    assert envelope.alarm


async def test_one_lie_refuses_everything_the_source_said_of_this_citizen(serve: Serve, source: Open) -> None:
    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await fhir(patient(OTHER) if "/Patient/" in asked.line else bundle(plan(1)))(asked, writer)

    plans, person = await ask(source((await serve(respond)).url), PLAN, PERSON)
    assert plans.reason is person.reason is Reason.IDENTITY_MISMATCH
    assert not plans.records
    assert (plans.alarm, person.alarm) == (False, True)


async def test_a_restricted_patient_s_whereabouts_are_dropped_even_when_they_are_sent(
    serve: Serve, source: Open
) -> None:
    security = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
    here = await serve(fhir(patient(meta={"versionId": "3", "security": security})))
    (envelope,) = await ask(source(here.url), PERSON)
    assert envelope.outcome is Outcome.FOUND
    assert "postcode" not in envelope.records[0].fields
    assert envelope.records[0].withheld == ("postcode",)
    assert envelope.records[0].fields["family_name"] == "Canaryworth"


async def test_other_resources_and_records_entered_in_error_are_left_out(serve: Serve, source: Open) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    wrong = plan(2, status="entered-in-error", subject={"identifier": {"value": OTHER}})
    (envelope,) = await ask(source((await serve(fhir(bundle(plan(1), outcome, wrong)))).url))
    assert [record.source_record for record in envelope.records] == ["c1"]


async def test_a_bundle_that_tells_of_an_error_is_not_taken_for_all_there_is(serve: Serve, source: Open) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    (envelope,) = await ask(source((await serve(fhir(bundle(plan(1), outcome)))).url))
    assert envelope.reason is Reason.SOURCE_ERROR
    assert not envelope.records


async def test_a_bundle_s_next_page_is_followed(serve: Serve, source: Open) -> None:
    here = await serve(fhir(bundle()))
    more = [{"relation": "self", "url": here.url}, {"relation": "next", "url": f"{here.url}/CarePlan?page=opaque"}]
    first, second = bundle(plan(1), link=more), bundle(plan(2))

    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await fhir(second if asked.line.startswith("GET /api/CarePlan?page=opaque ") else first)(asked, writer)

    here.respond = respond
    (envelope,) = await ask(source(here.url))
    assert [record.source_record for record in envelope.records] == ["c1", "c2"]


@pytest.mark.parametrize("url", ["http://169.254.169.254/api/x", 7])
async def test_a_bundle_that_leads_away_is_garbage(serve: Serve, source: Open, url: Any) -> None:
    here = await serve(fhir(bundle(plan(1), link=[{"relation": "next", "url": url}])))
    assert (await ask(source(here.url)))[0].reason is Reason.GARBAGE


async def test_an_operation_outcome_with_200_means_what_the_manifest_says(serve: Serve, source: Open) -> None:
    issue = [{"details": {"coding": [{"code": "TOO_MANY_MATCHES"}]}}]
    here = await serve(fhir({"resourceType": "OperationOutcome", "issue": issue}))
    errors = [{"when": {"code": "TOO_MANY_MATCHES"}, "outcome": "ambiguous"}]
    assert (await ask(source(here.url, errors=errors)))[0].outcome is Outcome.AMBIGUOUS
    assert (await ask(source(here.url)))[0].reason is Reason.GARBAGE


async def test_categories_of_one_operation_share_one_call(serve: Serve, source: Open) -> None:
    mapping = deepcopy(FHIR_MAPPING)
    value = {"system": "{system}", "value": "{identifier}"}
    body = {"resourceType": "Parameters", "parameter": [{"name": "patient", "valueIdentifier": value}]}
    for category, resource in ((PLAN, "CarePlan"), (PERSON, "Patient")):
        operation = {"path": "Patient/$everything", "body": body}
        mapping["categories"][category]["select"] = {"resource": resource, "operation": operation}
    here = await serve(fhir(bundle(patient(), plan(1), plan(2))))
    plans, person = await ask(source(here.url, mapping), PLAN, PERSON)
    assert (len(plans.records), len(person.records)) == (2, 1)
    (asked,) = here.asked
    assert asked.line == "POST /api/Patient/$everything HTTP/1.1"
    assert orjson.loads(asked.body)["parameter"][0]["valueIdentifier"] == {"system": SYSTEM, "value": ASKED}


async def test_a_document_of_another_kind_is_garbage(serve: Serve, source: Open) -> None:
    here = await serve(
        document({"resourceType": "Practitioner", "identifier": [{"system": SYSTEM, "value": ASKED}]})
    )
    assert (await ask(source(here.url), PERSON))[0].reason is Reason.GARBAGE
