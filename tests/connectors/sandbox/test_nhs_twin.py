# SPDX-License-Identifier: Apache-2.0
"""The NHS twin answers as PDS and a UK Core record do, and misbehaves as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.sandbox.launch import Twins
from connectors.sandbox.stories import NHS_NUMBER
from connectors.sandbox.test_citizens import TEST_CITIZENS

CITIZENS = {story.outcome: story.citizen for story in TEST_CITIZENS}
WELL = CITIZENS["all-returned"].nhs_number
REQUEST_ID = "60e0b220-8136-4ca5-ae46-1d97ef59d068"


@pytest.fixture
def nhs(running_twins: Twins) -> Iterator[httpx.Client]:
    secrets = running_twins.secrets
    headers = {"Authorization": f"Bearer {secrets['nhs_gp_token']}", "X-Request-ID": REQUEST_ID}
    base = secrets["nhs_gp_base_url"]
    with httpx.Client(base_url=base, headers=headers, timeout=5) as client:
        yield client
        client.delete(httpx.URL(base).join("/__sandbox/faults"))


def _tell(client: httpx.Client, **fault: Any) -> None:
    assert client.put(client.base_url.join("/__sandbox/faults"), json=fault).status_code == 200


def _search(client: httpx.Client, kind: str, number: str, **more: str) -> httpx.Response:
    return client.post(f"/{kind}/_search", data={"patient:identifier": f"{NHS_NUMBER}|{number}", **more})


def _code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["issue"][0]["details"]["coding"][0]["code"]


def test_a_patient_has_its_profile_its_version_and_the_request_id(nhs: httpx.Client) -> None:
    reply = nhs.get(f"/Patient/{WELL}")
    patient = reply.json()
    assert reply.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    assert reply.headers["x-request-id"] == REQUEST_ID
    assert reply.headers["etag"] == f'W/"{patient["meta"]["versionId"]}"'
    assert patient["id"] == patient["identifier"][0]["value"] == WELL
    assert patient["meta"]["profile"] == ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]


@pytest.mark.parametrize("request_id", [None, "42", "60e0b220"])
def test_without_a_request_id_there_is_no_answer(nhs: httpx.Client, request_id: str | None) -> None:
    nhs.headers.pop("X-Request-ID")
    headers = {"X-Request-ID": request_id} if request_id else {}
    assert _code(nhs.get(f"/Patient/{WELL}", headers=headers)) == (400, "MISSING_VALUE")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic abc"])
def test_without_the_right_token_there_is_no_answer(nhs: httpx.Client, token: str) -> None:
    assert _code(nhs.get(f"/Patient/{WELL}", headers={"Authorization": token})) == (401, "ACCESS_DENIED")


@pytest.mark.parametrize("number", ["9990000019", "999000001", "99900000188", "abcdefghij", "٩٩٩٠٠٠٠٠١٨"])
def test_a_number_that_cannot_be_one_is_invalid(nhs: httpx.Client, number: str) -> None:
    assert _code(nhs.get(f"/Patient/{number}")) == (400, "INVALID_RESOURCE_ID")
    assert _code(_search(nhs, "Condition", number)) == (400, "INVALID_VALUE")


def test_a_number_nobody_has_is_not_found(nhs: httpx.Client) -> None:
    assert _code(nhs.get("/Patient/9990009996")) == (404, "RESOURCE_NOT_FOUND")
    assert _search(nhs, "Condition", "9990009996").json()["total"] == 0


def test_a_restricted_patient_comes_without_address_telephone_and_practice(nhs: httpx.Client) -> None:
    patient = nhs.get(f"/Patient/{CITIZENS['restricted'].nhs_number}").json()
    assert patient["meta"]["security"][0]["code"] == "R"
    assert not {"address", "telecom", "generalPractitioner", "contact"} & patient.keys()


def test_a_replaced_number_answers_with_the_patient_that_replaced_it(nhs: httpx.Client) -> None:
    citizen = CITIZENS["superseded"]
    patient = nhs.get(f"/Patient/{citizen.superseded_nhs_number}").json()
    assert patient["id"] == citizen.nhs_number
    assert patient["link"][0]["type"] == "replaces"
    assert patient["link"][0]["other"]["identifier"]["value"] == citizen.superseded_nhs_number
    reply = _search(nhs, "MedicationRequest", citizen.superseded_nhs_number)
    assert _code(reply) == (404, "INVALIDATED_RESOURCE")


@pytest.mark.parametrize("kind", ["MedicationRequest", "AllergyIntolerance", "Condition"])
def test_a_search_brings_only_the_resources_of_that_patient(nhs: httpx.Client, kind: str) -> None:
    found = _search(nhs, kind, WELL).json()
    assert found["total"] == len(found["entry"]) > 0
    for entry in found["entry"]:
        resource = entry["resource"]
        assert resource["resourceType"] == kind
        assert (resource.get("subject") or resource["patient"])["identifier"]["value"] == WELL


def test_a_search_by_get_and_by_post_are_the_same(nhs: httpx.Client) -> None:
    by_get = nhs.get("/Condition", params={"patient:identifier": f"{NHS_NUMBER}|{WELL}"})
    assert by_get.json() == _search(nhs, "Condition", WELL).json()


def test_a_search_can_be_narrowed_by_date(nhs: httpx.Client) -> None:
    every = [entry["resource"]["authoredOn"] for entry in _search(nhs, "MedicationRequest", WELL).json()["entry"]]
    since = sorted(every)[1]
    later = _search(nhs, "MedicationRequest", WELL, authoredon=f"ge{since}").json()
    assert later["total"] == len([day for day in every if day >= since]) < len(every)


def test_pages_follow_one_another_without_a_number_in_the_address(nhs: httpx.Client) -> None:
    page = _search(nhs, "MedicationRequest", WELL, _count="1").json()
    seen = [entry["resource"]["id"] for entry in page["entry"]]
    while "link" in page:
        url = page["link"][0]["url"]
        assert WELL not in url
        page = nhs.get(nhs.base_url.join(url)).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize("path", ["/Practitioner/1", "/Observation", "/metadata", "/Patient"])
def test_what_the_twin_has_not_is_unsupported(nhs: httpx.Client, path: str) -> None:
    assert _code(nhs.get(path)) == (400, "UNSUPPORTED_SERVICE")


def test_the_probe_needs_neither_token_nor_request_id(nhs: httpx.Client) -> None:
    assert httpx.get(f"{nhs.base_url}_status").json() == {"status": "pass"}


def test_told_to_fail_it_answers_with_an_error(nhs: httpx.Client) -> None:
    _tell(nhs, mode="fail")
    assert _code(nhs.get(f"/Patient/{WELL}")) == (408, "UNABLE_TO_CALL_SERVICE")


def test_told_to_throttle_it_says_when_to_come_back(nhs: httpx.Client) -> None:
    _tell(nhs, mode="throttle")
    reply = nhs.get(f"/Patient/{WELL}")
    assert _code(reply) == (429, "TOO_MANY_REQUESTS")
    assert reply.headers["retry-after"] == "30"


def test_told_to_lie_it_answers_with_somebody_else(nhs: httpx.Client) -> None:
    _tell(nhs, mode="lie", identifier=WELL)
    patient = nhs.get(f"/Patient/{WELL}").json()
    assert patient["id"] != WELL
    assert "link" not in patient
    for entry in _search(nhs, "Condition", WELL).json()["entry"]:
        assert entry["resource"]["subject"]["identifier"]["value"] != WELL


def test_told_to_send_garbage_it_answers_200_with_no_json(nhs: httpx.Client) -> None:
    _tell(nhs, mode="garbage")
    reply = nhs.get(f"/Patient/{WELL}")
    assert reply.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        reply.json()


def test_told_to_hang_it_never_answers(nhs: httpx.Client) -> None:
    _tell(nhs, mode="hang")
    with pytest.raises(httpx.ReadTimeout):
        nhs.get(f"/Patient/{WELL}", timeout=0.3)


def test_told_to_be_slow_it_answers_well_in_the_end(nhs: httpx.Client) -> None:
    _tell(nhs, mode="slow", delay_ms=300)
    with pytest.raises(httpx.ReadTimeout):
        nhs.get(f"/Patient/{WELL}", timeout=0.1)
    assert nhs.get(f"/Patient/{WELL}").json()["id"] == WELL


def test_told_to_drip_it_begins_at_once_and_takes_for_ever(nhs: httpx.Client) -> None:
    _tell(nhs, mode="drip", delay_ms=100)
    with nhs.stream("GET", f"/Patient/{WELL}", timeout=5) as reply:
        assert reply.status_code == 200
        assert next(reply.iter_raw(chunk_size=1)) == b"{"


def test_a_fault_about_one_citizen_leaves_the_others_alone(nhs: httpx.Client) -> None:
    _tell(nhs, mode="fail", identifier=WELL)
    other = CITIZENS["consent-not-given"].nhs_number
    assert nhs.get(f"/Patient/{WELL}").status_code == 408
    assert nhs.get(f"/Patient/{other}").json()["id"] == other


def test_a_citizens_own_fault_goes_before_everybodys_and_none_ends_it(nhs: httpx.Client) -> None:
    _tell(nhs, mode="fail")
    _tell(nhs, mode="none", identifier=WELL)
    assert nhs.get(f"/Patient/{WELL}").status_code == 200
    assert nhs.get(f"/Patient/{CITIZENS['deceased'].nhs_number}").status_code == 408
    _tell(nhs, mode="none")
    assert nhs.get(f"/Patient/{CITIZENS['deceased'].nhs_number}").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b'{"mode":"explode"}', b'{"mode":"slow","delay_ms":"1"}', b"[]"])
def test_a_fault_that_cannot_be_read_changes_nothing(nhs: httpx.Client, body: bytes) -> None:
    address = nhs.base_url.join("/__sandbox/faults")
    before = nhs.get(address).json()
    assert nhs.put(address, content=body).status_code == 400
    assert nhs.get(address).json() == before


def test_a_body_that_is_too_large_is_refused(nhs: httpx.Client) -> None:
    assert nhs.post("/Condition/_search", content=b"x" * 100_000).status_code == 413
