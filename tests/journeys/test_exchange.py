# SPDX-License-Identifier: Apache-2.0
"""The agency API as an agency meets it: headers, problems, retries, dry runs, explanations and receipts."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from typing import Any

import httpx
import nhs_number
import pytest
from openapi_spec_validator import validate

from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.keyring import load
from gateway.sandbox import story
from gateway.web import examples
from tests.fixtures.commons import World, question

GP = "uk/nhs/XZG01/gp-record"


def key_of(world: World) -> str:
    return vkey(shards.this_year(world.settings.log_origin), load(world.settings.keys).log.public_key())


def entry_of(world: World, href: str) -> dict[str, Any]:
    receipt = world.get(href).json()
    decoded: dict[str, Any] = json.loads(base64.b64decode(receipt["entry"]))
    return decoded | {"index": receipt["index"]}


def nobodys_number() -> str:
    """A valid test number that nobody in the town has: the town counts up from the start of the range."""
    return next(str(n) for n in range(9_998_000_000, 9_999_000_000) if nhs_number.is_valid(str(n)))


def test_an_answer_names_its_decision_its_log_entry_and_the_time_of_each_stage(world: World) -> None:
    request_id = str(uuid.uuid4())
    reply = world.post(
        question(story("all-returned")), **{"X-Request-ID": request_id, "X-Correlation-ID": "ours-17"}
    )
    assert reply.status_code == 200
    assert reply.headers["x-request-id"] == request_id
    assert reply.headers["x-correlation-id"] == "ours-17"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["decision-id"] == reply.json()["decision"]
    assert reply.json()["receipt"]["href"] in reply.headers["link"]
    stages = [part.split(";")[0].strip() for part in reply.headers["server-timing"].split(",")]
    assert stages == ["identify", "resolve", "standing", "decide", "witness", "gather", "minimise", "seal"]
    origin, index = reply.headers["audit-entry"].split("#")
    note = base64.b64decode(reply.headers["audit-checkpoint"]).decode()
    assert note.startswith(f"{origin}\n")
    assert int(note.split("\n")[1]) > int(index)


def test_the_log_holds_who_asked_before_the_fetch_and_the_digest_of_what_was_sent(world: World) -> None:
    reply = world.ask(story("all-returned"))
    sealed = entry_of(world, reply.json()["receipt"]["href"])
    witnessed = entry_of(world, reply.json()["decision"].replace("dec_", "/v1/receipts/rc_"))
    assert witnessed["type"] == "access.intended"
    assert sealed["type"] == "access.disclosed"
    assert witnessed["index"] == reply.json()["receipt"]["witness_index"] < sealed["index"]
    assert set(witnessed["c"]) == {"actor", "subject", "request", "basis", "facts"}
    assert set(sealed["c"]) == {"actor", "subject", "result"}
    told = story("all-returned")
    assert all(value not in json.dumps(sealed) for value in told.identifiers.values())


def test_a_receipt_is_proven_by_code_that_shares_nothing_with_the_gateway(world: World) -> None:
    reply = world.ask(story("all-returned"))
    proof = world.get(reply.json()["receipt"]["href"], Accept="text/plain").text
    assert verify.proof(proof, key_of(world)).ok
    broken = proof.replace("index ", "index 1", 1)
    assert not verify.proof(broken, key_of(world)).ok


def test_every_item_says_where_it_comes_from_and_under_what(world: World) -> None:
    answer = world.ask(story("all-returned")).json()
    for item in answer["items"]:
        provenance = item["provenance"]
        assert provenance["agreement"] == "dsa-2026-014"
        data = json.dumps(item["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert provenance["digest"] == "sha-256:" + hashlib.sha256(data).hexdigest()
        assert provenance.get("source_record", "hmac:").startswith("hmac:")
        assert (provenance.get("consent", "") != "") == item["category"].startswith("support.")


def test_two_sources_that_disagree_are_both_shown_and_marked(world: World) -> None:
    answer = world.ask(story("conflicting-duplicates")).json()
    people = [item for item in answer["items"] if item["category"] == "identity.demographics"]
    assert len(people) >= 2
    assert any(item.get("conflicts") for item in people)
    assert answer["completeness"]["safe_to_rely"] != "yes"


def test_fields_narrow_what_comes(world: World) -> None:
    body = question(story("all-returned"))
    body["categories"] = [{"code": "health.medications", "fields": ["name"]}]
    answer = world.post(body).json()
    assert answer["status"] == "complete"
    assert {frozenset(item["data"]) for item in answer["items"]} == {frozenset({"name"})}


def test_a_source_can_be_left_out(world: World) -> None:
    body = question(story("all-returned")) | {"sources": {"exclude": [GP]}}
    answer = world.post(body).json()
    assert all(row["source"] != GP for row in answer["completeness"]["summary"])


def test_a_preview_decides_and_fetches_nothing_and_is_logged(world: World) -> None:
    reply = world.ask(story("consent-not-given"), path="/v1/record-queries:preview")
    answer = reply.json()
    assert answer["status"] == "preview"
    assert "items" not in answer
    verdicts = {(row["category"], row["allow"]) for row in answer["verdicts"]}
    assert ("health.medications", True) in verdicts
    assert ("support.plan", False) in verdicts
    assert "gather" not in reply.headers["server-timing"]
    assert entry_of(world, answer["receipt"]["href"])["type"] == "access.previewed"


def test_a_whole_refusal_is_a_problem_with_its_reasons_and_a_receipt(world: World) -> None:
    body = question(story("consent-not-given"))
    body["categories"] = [{"code": "support.plan"}]
    reply = world.post(body)
    problem = reply.json()
    assert reply.status_code == 403
    assert reply.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["layer"], problem["retryable"]) == ("no-consent", "policy", False)
    assert reply.headers["gateway-error-layer"] == "policy"
    reasons = {row["source"]: row.get("reason") for row in problem["summary"]}
    assert reasons["uk/charity/9999901/crm"] == "consent-not-given"
    assert entry_of(world, problem["receipt"])["decision"] == "deny"


def test_a_stranger_and_somebody_without_consent_are_refused_alike(world: World) -> None:
    body = question(story("consent-not-given"))
    body["categories"] = [{"code": "support.plan"}]
    known = world.post(body)
    body["subject"]["identifier"]["value"] = nobodys_number()
    unknown = world.post(body)
    body["subject"] = question(story("consent-not-given"))["subject"] | {"verify": {"birth_date": "1901-01-01"}}
    mismatched = world.post(body)
    shapes = set()
    for reply in (known, unknown, mismatched):
        problem = reply.json()
        for member in ("decision", "receipt", "trace_id"):
            problem[member] = "x" * len(problem[member])
        shapes.add((reply.status_code, json.dumps(problem, sort_keys=True)))
    assert len(shapes) == 1


def test_silent_withheld_cannot_be_told_from_never_held(world: World) -> None:
    silent = story("silent-withheld")
    withheld = world.ask(silent).json()
    hidden = {row.category for row in silent.rows if row.state == "absent"}
    assert hidden
    assert all(row["category"] not in hidden for row in withheld["completeness"]["summary"])
    explained = world.get(f"/v1/decisions/{withheld['decision']}", silent.ask.system, silent.ask.role).json()
    assert all(verdict["category"] not in hidden for verdict in explained["verdicts"])
    looked = world.ask(silent, path="/v1/record-queries:preview").json()
    assert all(verdict["category"] not in hidden for verdict in looked["verdicts"])


def test_a_decision_explains_itself_to_the_agency_that_asked(world: World) -> None:
    answer = world.ask(story("consent-not-given")).json()
    decision = world.get(f"/v1/decisions/{answer['decision']}").json()
    by_category = {(v["category"], v["source"]): v for v in decision["verdicts"]}
    refused = by_category["support.plan", "uk/charity/9999901/crm"]
    assert refused["allow"] is False
    assert refused["reason"] == "consent-not-given"
    assert refused["sentences"]
    assert by_category["health.medications", GP]["grounds"] == ["direct_care"]
    assert decision["query"] == answer["id"]


@pytest.mark.parametrize("kind", ["decisions", "receipts"])
def test_another_organisation_gets_the_answer_of_something_that_is_not_there(world: World, kind: str) -> None:
    answer = world.ask(story("all-returned")).json()
    id = answer["decision"] if kind == "decisions" else answer["receipt"]["id"]
    theirs = world.get(f"/v1/{kind}/{id}", "9999901-casework", "link-worker")
    nobodys = world.get(f"/v1/{kind}/{id[:-4]}0000", "9999901-casework", "link-worker")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() | {"trace_id": ""} == nobodys.json() | {"trace_id": ""}


def test_a_retry_with_the_same_key_is_the_same_query_and_another_body_is_refused(world: World) -> None:
    body, key = question(story("all-returned")), str(uuid.uuid4())
    first = world.post(body, **{"Idempotency-Key": key})
    again = world.post(body, **{"Idempotency-Key": key})
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["decision"] != again.json()["decision"]
    other = world.post(body | {"deadline_ms": 1999}, **{"Idempotency-Key": key})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-mismatch")
    elsewhere = world.post(
        question(story("consent-given")), system="9999901-casework", role="link-worker", **{"Idempotency-Key": key}
    )
    assert elsewhere.status_code == 200


def test_an_incomplete_answer_can_be_asked_to_fail_instead(world: World) -> None:
    body = question(story("source-down")) | {"completeness": {"on_shortfall": "fail"}}
    for category in body["categories"]:
        category["need"] = "required"
    reply = world.post(body)
    assert (reply.status_code, reply.json()["code"]) == (422, "completeness-not-met")
    assert "items" not in reply.json()


def test_a_lying_source_raises_an_alarm_in_the_log(world: World) -> None:
    before = len(alarms(world))
    world.ask(story("lying-source"))
    assert len(alarms(world)) > before


def alarms(world: World) -> list[dict[str, Any]]:
    checkpoint = httpx.get(f"{world.url}/log/checkpoint").text
    size = int(checkpoint.split("\n")[1])
    found: list[dict[str, Any]] = []
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        path = f"/log/tile/entries/{n:03d}" + ("" if width == 256 else f".p/{width}")
        token = {"Authorization": f"Bearer {world.settings.log_monitor_token}"}
        data, at = httpx.get(world.url + path, headers=token).content, 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            found.append(json.loads(data[at + 2 : at + 2 + length]))
            at += 2 + length
    return [entry for entry in found if entry["type"] == "connector.alarm"]


def test_the_whole_log_verifies_over_http(world: World) -> None:
    world.ask(story("all-returned"))
    report = verify.log(f"{world.url}/log", key_of(world), token=world.settings.log_monitor_token or "")
    assert report.ok
    assert report.size > 1


def test_the_catalogue_names_what_can_be_asked_for(world: World) -> None:
    def codes(path: str, member: str, key: str = "code") -> set[str]:
        return {row[key] for row in httpx.get(f"{world.url}/v1/catalogue/{path}").json()[member]}

    assert "direct-care.discharge-planning" in codes("purposes", "purposes")
    assert "health.medications" in codes("categories", "categories")
    assert GP in codes("sources", "sources", "id")
    assert "dsa-2026-014" in codes("agreements", "agreements", "id")
    mine = world.get("/v1/catalogue/agreements?callable=true").json()["agreements"]
    assert "dsa-2026-014" in {row["id"] for row in mine}
    assert "dsa-2026-030" not in {row["id"] for row in mine}


def test_every_problem_type_resolves_to_a_page(world: World) -> None:
    problem = world.post({}).json()
    assert httpx.get(problem["type"]).status_code == 200


def test_the_description_is_valid_openapi_and_its_examples_are_true(world: World) -> None:
    document = httpx.get(f"{world.url}/openapi.json").json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert "/v1/record-queries" in document["paths"]
    page = httpx.get(f"{world.url}/docs").text
    assert "http://" not in page.replace(world.url, "")
    assert "https://" not in page
    assert httpx.get(f"{world.url}/docs/assets/swagger-ui-bundle.js").status_code == 200
    assert world.post(examples.QUERY, role="").json()["status"] in ("complete", "partial")
