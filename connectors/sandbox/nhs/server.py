# SPDX-License-Identifier: Apache-2.0
"""The NHS twin's answers: GET /Patient/{nhs number} as PDS, and searches of clinical resources by NHS number.

`X-Request-ID` is mandatory and comes back; a bearer token is needed; errors are OperationOutcomes with a Spine
code. A number that was replaced answers with the Patient that replaced it, which names the old one as replaced.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from connectors.sandbox.http import Reply, Request, Twin
from connectors.sandbox.nhs.projection import bundle
from connectors.sandbox.store import Reader
from connectors.sandbox.stories import NHS_NUMBER

BASE = "/FHIR/R4"
CLINICAL = ("MedicationRequest", "AllergyIntolerance", "Condition")
MEDIA_TYPE = "application/fhir+json; fhirVersion=4.0"
PAGE = 50

_SINCE = {
    "MedicationRequest": ("authoredon", "authoredOn"),
    "AllergyIntolerance": ("date", "recordedDate"),
    "Condition": ("recorded-date", "recordedDate"),
}
"""Search parameter and member that it filters by."""
_EMPTY = orjson.dumps(bundle([]))
_SPINE = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
_PATIENT = f"{BASE}/Patient/"


def outcome(status: int, issue: str, code: str, display: str, *headers: tuple[bytes, bytes]) -> Reply:
    """An OperationOutcome as the NHS's APIs send it."""
    body = {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": issue,
                "details": {"coding": [{"system": _SPINE, "version": "1", "code": code, "display": display}]},
            }
        ],
    }
    return Reply(status, orjson.dumps(body), headers)


NOT_FOUND = outcome(404, "not-found", "RESOURCE_NOT_FOUND", "Resource not found")
REPLACED = outcome(
    404, "not-found", "INVALIDATED_RESOURCE", "Resource that has been marked as invalid was requested"
)
BAD_ID = outcome(400, "value", "INVALID_RESOURCE_ID", "Resource Id is invalid")
BAD_VALUE = outcome(400, "value", "INVALID_VALUE", "Provided value is invalid")
NO_REQUEST_ID = outcome(400, "required", "MISSING_VALUE", "Required value is missing")
DENIED = outcome(401, "forbidden", "ACCESS_DENIED", "Missing or invalid bearer token")
UNSUPPORTED = outcome(400, "not-supported", "UNSUPPORTED_SERVICE", "Unsupported service")
UNABLE = outcome(408, "timeout", "UNABLE_TO_CALL_SERVICE", "Unable to call service")
TOO_MANY = outcome(429, "throttled", "TOO_MANY_REQUESTS", "Too many requests", (b"retry-after", b"30"))


def make(folder: Path) -> tuple[Twin, Callable[[], None]]:
    """The twin over the store in `folder`, and what closes it."""
    reader = Reader(folder)
    service = Service(reader)
    twin = Twin(
        answer=service.answer,
        identifier=identifier,
        failure=UNABLE,
        busy=TOO_MANY,
        media_type=MEDIA_TYPE,
        faults=reader.faults(),
    )
    return twin, reader.close


def identifier(request: Request) -> str:
    """The NHS number a request is about, "" when it is about nobody."""
    if request.path.startswith(_PATIENT) and request.method == "GET":
        return request.path[len(_PATIENT) :]
    return _number(_parameters(request))


class Service:
    """Looks up and answers."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._bearer = f"Bearer {reader.key}".encode()

    def answer(self, request: Request, liar: bool) -> Reply:
        """One answer, with the request's id on it."""
        if request.path == f"{BASE}/_status":
            return Reply(200, b'{"status":"pass"}')
        request_id = request.headers.get(b"x-request-id", b"")
        if not _is_uuid(request_id):
            return NO_REQUEST_ID
        if request.headers.get(b"authorization") != self._bearer:
            return DENIED
        reply = self._found(request, liar)
        return Reply(reply.status, reply.body, (*reply.headers, (b"x-request-id", request_id)))

    def _found(self, request: Request, liar: bool) -> Reply:
        if request.path.startswith(_PATIENT) and request.method == "GET":
            return self._patient(request.path[len(_PATIENT) :], liar)
        kind = request.path.removeprefix(f"{BASE}/").removesuffix("/_search")
        if kind in CLINICAL and (request.method == "GET" or request.path.endswith("/_search")):
            return self._search(kind, _parameters(request), liar)
        return UNSUPPORTED

    def _patient(self, number: str, liar: bool) -> Reply:
        if not _is_nhs_number(number):
            return BAD_ID
        if liar:
            number = self._reader.somebody_else("Patient", number)
        found = self._reader.one("Patient", number) or self._reader.one("Superseded", number)
        if found is None:
            return NOT_FOUND
        version, body = found
        return Reply(200, body, ((b"etag", f'W/"{version}"'.encode()),))

    def _search(self, kind: str, parameters: dict[str, str], liar: bool) -> Reply:
        number = _number(parameters)
        if not _is_nhs_number(number):
            return BAD_VALUE
        if liar:
            number = self._reader.somebody_else(kind, number)
        found = self._reader.one(kind, number)
        if found is None:
            return REPLACED if self._reader.one("Superseded", number) else Reply(200, _EMPTY)
        if len(parameters) == 1:
            return Reply(200, found[1])
        return _narrowed(kind, found[1], parameters)


def _narrowed(kind: str, body: bytes, parameters: dict[str, str]) -> Reply:
    """The search with `_count`, a date, or the next page of one."""
    resources: list[dict[str, Any]] = [entry["resource"] for entry in orjson.loads(body)["entry"]]
    name, member = _SINCE[kind]
    if since := parameters.get(name, ""):
        if not since.startswith("ge"):
            return BAD_VALUE
        resources = [resource for resource in resources if resource[member] >= since[2:]]
    try:
        count, start = int(parameters.get("_count", PAGE)), int(parameters.get("_start", 0))
    except ValueError:
        return BAD_VALUE
    following = ""
    if start + count < len(resources):
        asked = parameters | {"_start": str(start + count)}
        following = f"{BASE}/{kind}?page={base64.urlsafe_b64encode(orjson.dumps(asked)).decode()}"
    return Reply(200, orjson.dumps(bundle(resources[start : start + count], len(resources), following)))


def _parameters(request: Request) -> dict[str, str]:
    """What is asked for; a page's token holds all of it, so that no number stands in the URL of a next page."""
    parameters = request.form if request.method == "POST" else request.query
    if "page" not in parameters:
        return parameters
    try:
        return dict(orjson.loads(base64.urlsafe_b64decode(parameters["page"])))
    except (ValueError, TypeError):
        return {}


def _number(parameters: dict[str, str]) -> str:
    value = parameters.get("patient:identifier", "") or parameters.get("subject:identifier", "")
    return value.removeprefix(f"{NHS_NUMBER}|") or parameters.get("patient", "").removeprefix("Patient/")


def _is_nhs_number(value: str) -> bool:
    """Ten digits whose last is the check digit (NHS Data Dictionary)."""
    if len(value) != 10 or not (value.isascii() and value.isdigit()):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value, range(10, 1, -1), strict=False))
    return (11 - total % 11) % 11 == int(value[9])


def _is_uuid(value: bytes) -> bool:
    try:
        UUID(value.decode("ascii"))
    except ValueError:
        return False
    return True
