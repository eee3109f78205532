# SPDX-License-Identifier: Apache-2.0
"""Who may act for whom, as NHS England's Validated Relationships Service (VRS) says it: FHIR R4 `Consent` and
`RelatedPerson`, written and read. Pure.

The legal basis stands in the role of the proxy among `provision.actor`; in `policyRule` where an older version
wrote it. What is read is never more than the service says: a basis that it or we do not know, or that is somebody's
best interest, is read as `unknown`, which gives no right here until staff have established one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from consent.authority import VRS_BASIS, VRS_ENDED, Authority
from consent.errors import MalformedEvent
from consent.words import By

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
BASIS = "https://fhir.nhs.uk/England/CodeSystem/England-NHSProxyLegalBasis"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
REASON = "https://fhir.nhs.uk/England/CodeSystem/England-ConsentStatusReason"
_ENGLAND = "https://fhir.nhs.uk/England/StructureDefinition/"
STATUS_REASON = _ENGLAND + "Extension-England-Consent-Status-Reason"
GRANTEE = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.grantee"

GROUND: dict[str, By] = {code: by for by, code in VRS_BASIS.items() if by not in (By.BEST_INTEREST, By.UNKNOWN)}
"""Code of the legal basis → ground that its record is enough for."""


class Said(Struct, frozen=True):
    """What the service says of one proxy: NHS numbers of the person and of the proxy, the ground that it is taken
    for, the code that stood there, from when until when (seconds since 1970; 0 for no end), and its own id."""

    id: str
    person: str
    holder: str
    by: By
    code: str
    since: int
    until: int

    @property
    def reference(self) -> str:
        """What stands as the reference of the evidence."""
        return f"VRS {self.id} {self.code}"


def consent(authority: Authority, person: str, holder: str, now: int) -> dict[str, Any] | None:
    """The `Consent` of an authority between two NHS numbers; None for a ground that the service has no code for."""
    code = VRS_BASIS.get(authority.by)
    if code is None:
        return None
    status, reason = _status(authority, now)
    ends = {"end": _instant(authority.until)} if authority.until else {}
    return {
        "resourceType": "Consent",
        "id": authority.id,
        "status": status,
        "scope": _concept("https://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [_concept("https://terminology.hl7.org/CodeSystem/v3-ActCode", "INFA")],
        "patient": {"type": "Patient", "identifier": _nhs(person)},
        "dateTime": _instant(authority.evidence.verified_at),
        "performer": [{"type": "RelatedPerson", "identifier": _nhs(holder)}],
        "policyRule": _concept(_system(code), code),
        "provision": {
            "type": "permit",
            "period": {"start": _instant(authority.since)} | ends,
            "actor": [
                {
                    "role": _concept(_system(code), code),
                    "reference": {"type": "RelatedPerson", "identifier": _nhs(holder)},
                }
            ],
        },
        "extension": [
            {"url": STATUS_REASON, "valueCodeableConcept": _concept(REASON, reason)},
            {"url": GRANTEE, "valueReference": {"identifier": _nhs(holder)}},
        ],
    }


def related_person(authority: Authority, person: str, holder: str, now: int) -> dict[str, Any]:
    """The `RelatedPerson` that stands for the proxy."""
    role = "PRN" if authority.by is By.PARENT else "PROXY"
    return {
        "resourceType": "RelatedPerson",
        "id": authority.id,
        "active": not authority.out_of_force(now),
        "identifier": [_nhs(holder)],
        "patient": {"type": "Patient", "identifier": _nhs(person)},
        "relationship": [_concept("https://terminology.hl7.org/CodeSystem/v3-RoleCode", role)],
    }


def bundle(resources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A `Bundle` of what was made here."""
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def said(resource: Mapping[str, Any]) -> Said | None:
    """What a `Consent` of the service says; None when it is not in force there. Raises MalformedEvent: it cannot be
    read without guessing."""
    try:
        if resource["status"] != "active":
            return None
        provision = resource["provision"]
        actor = provision["actor"][0]
        if provision["type"] != "permit" or len(provision["actor"]) != 1:
            raise MalformedEvent
        period = provision.get("period", {})
        code = next(_codes(resource, actor), VRS_BASIS[By.UNKNOWN])
        return Said(
            str(resource["id"]),
            _number(resource["patient"]),
            _number(actor["reference"]),
            GROUND.get(code, By.UNKNOWN),
            code,
            _seconds(period.get("start") or resource["dateTime"]),
            _seconds(period["end"]) if "end" in period else 0,
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise MalformedEvent from error


def _codes(resource: Mapping[str, Any], actor: Mapping[str, Any]) -> Iterator[str]:
    """The codes of the legal basis, the one that counts first."""
    for concept in (actor.get("role", {}), resource.get("policyRule", {})):
        for coding in concept.get("coding", ()):
            if coding.get("system") in (BASIS, NULL, NULL.replace("http:", "https:")):
                yield str(coding["code"])


def _status(authority: Authority, now: int) -> tuple[str, str]:
    """R4 status, and NHS England's reason for it."""
    if authority.ended and now >= authority.ended_at:
        return "inactive", VRS_ENDED[authority.ended]
    why = authority.out_of_force(now)
    if why == "authority-expired":
        return "inactive", VRS_ENDED["end-date-reached"]
    if why in ("authority-suspended", "authority-under-review"):
        return "inactive", "ROLE_SUSPENDED_PENDING_REVIEW"
    if why:
        return "proposed", "APPLICATION_SUBMITTED"
    return "active", "ROLE_CREATED"


def _system(code: str) -> str:
    return NULL if code == VRS_BASIS[By.UNKNOWN] else BASIS


def _number(reference: Mapping[str, Any]) -> str:
    identifier = reference["identifier"]
    if identifier["system"] != NHS_NUMBER:
        raise ValueError(identifier)
    return str(identifier["value"])


def _nhs(number: str) -> dict[str, str]:
    return {"system": NHS_NUMBER, "value": number}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _instant(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat().replace("+00:00", "Z")


def _seconds(instant: str) -> int:
    """Seconds of an instant or, for a date alone, of its first moment (UTC): an end that names a day is that day's
    beginning, since a right is not read longer than it was written."""
    read = datetime.datetime.fromisoformat(instant)
    return int((read if read.tzinfo else read.replace(tzinfo=datetime.UTC)).timestamp())
