# SPDX-License-Identifier: Apache-2.0
"""A citizen as the NHS holds them: UK Core shaped FHIR R4 resources, rendered once when the store is filled.

Shapes follow the Personal Demographics Service FHIR API (Patient) and UK Core (the rest).
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.sandbox.days import ago
from connectors.sandbox.person import Address, Allergy, Citizen, Condition, Medication
from connectors.sandbox.stories import NHS_NUMBER

Resource = dict[str, Any]

SNOMED = "http://snomed.info/sct"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
_PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/"
_UPDATED = f"{ago(20)}T09:12:00+00:00"

_VERIFIED = {
    "url": f"{_PROFILE}".replace("UKCore-", "Extension-UKCore-NHSNumberVerificationStatus"),
    "valueCodeableConcept": {
        "coding": [
            {
                "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus",
                "code": "01",
                "display": "Number present and verified",
            }
        ]
    },
}


def documents(citizen: Citizen) -> list[tuple[str, str, int, bytes]]:
    """What the store holds on one citizen: (kind, NHS number, version, body). Empty without an NHS number.

    Kinds are resource types: a Patient, or the searchset Bundle of one clinical type. A superseded number has
    the kind `Superseded` and answers with the Patient that replaced it.
    """
    if not citizen.nhs_number:
        return []
    number, held = citizen.nhs_number, citizen.holdings
    version = 2 + citizen.number % 7
    body = orjson.dumps(patient(citizen, version))
    found = [("Patient", number, version, body)]
    if citizen.superseded_nhs_number:
        found.append(("Superseded", citizen.superseded_nhs_number, version, body))
    clinical = (
        ("MedicationRequest", [medication_request(citizen, n, held) for n, held in enumerate(held.medications)]),
        ("AllergyIntolerance", [allergy_intolerance(citizen, n, held) for n, held in enumerate(held.allergies)]),
        ("Condition", [condition(citizen, n, held) for n, held in enumerate(held.conditions)]),
    )
    found.extend((kind, number, 1, orjson.dumps(bundle(entries))) for kind, entries in clinical if entries)
    return found


def bundle(resources: list[Resource], total: int | None = None, next_page: str = "") -> Resource:
    """A searchset Bundle of those resources."""
    found: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources) if total is None else total,
        "entry": [
            {"fullUrl": f"urn:example:{r['id']}", "resource": r, "search": {"mode": "match"}} for r in resources
        ],
    }
    if next_page:
        found["link"] = [{"relation": "next", "url": next_page}]
    return found


def patient(citizen: Citizen, version: int) -> Resource:
    """The Patient as PDS answers it. A restricted one comes without address, telecom and practice."""
    names: list[Resource] = [_name(citizen, "usual", citizen.family)]
    if citizen.former_family:
        names.append(_name(citizen, "old", citizen.former_family))
    found: Resource = {
        "resourceType": "Patient",
        "id": citizen.nhs_number,
        "meta": {
            "versionId": str(version),
            "lastUpdated": _UPDATED,
            "profile": [f"{_PROFILE}Patient"],
            "security": [_security(restricted=citizen.restricted)],
        },
        "identifier": [{"system": NHS_NUMBER, "value": citizen.nhs_number, "extension": [_VERIFIED]}],
        "name": names,
        "gender": citizen.gender,
        "birthDate": citizen.birth_date,
    }
    if citizen.birth_order:
        found["multipleBirthInteger"] = citizen.birth_order
    if citizen.deceased_date:
        found["deceasedDateTime"] = f"{citizen.deceased_date}T00:00:00+00:00"
    if citizen.superseded_nhs_number:
        old = {"system": NHS_NUMBER, "value": citizen.superseded_nhs_number}
        found["link"] = [{"other": {"type": "Patient", "identifier": old}, "type": "replaces"}]
    if not citizen.restricted:
        _add_contact(found, citizen)
    return found


def _add_contact(found: Resource, citizen: Citizen) -> None:
    found["address"] = [_address(citizen.nhs_address, "home")]
    if citizen.second_home:
        found["address"].append(_address(citizen.second_home, "temp"))
    if citizen.telephone:
        use = "mobile" if citizen.telephone.startswith("07") else "home"
        found["telecom"] = [{"system": "phone", "value": citizen.telephone, "use": use}]
    if citizen.practice:
        practice = {"system": ODS, "value": citizen.practice.code}
        found["generalPractitioner"] = [
            {"type": "Organization", "identifier": practice, "display": citizen.practice.name}
        ]
    # Held, and never to leave: somebody else's telephone number, and which pharmacy is used.
    found["contact"] = [{"relationship": [{"text": "Emergency contact"}],
                         "telecom": [{"system": "phone", "value": "01632 960999"}]}]  # fmt: skip
    found["extension"] = [{"url": f"{_PROFILE.replace('UKCore-', 'Extension-UKCore-')}NominatedPharmacy",
                           "valueReference": {"identifier": {"system": ODS, "value": "XZY01"}}}]  # fmt: skip


def _name(citizen: Citizen, use: str, family: str) -> Resource:
    given = [citizen.given, citizen.middle] if citizen.middle else [citizen.given]
    name: Resource = {"use": use, "family": family, "given": given}
    if citizen.title:
        name["prefix"] = [citizen.title]
    return name


def _address(home: Address, use: str) -> Resource:
    first = f"{home.house} {home.street}".strip()
    found: Resource = {
        "use": use,
        "line": [first, home.town] if home.town else [first],
        "postalCode": home.postcode,
    }
    if home.uprn:
        found["extension"] = [
            {
                "url": f"{_PROFILE.replace('UKCore-', 'Extension-UKCore-')}AddressKey",
                "extension": [
                    {"url": "type", "valueCoding": {"code": "UPRN"}},
                    {"url": "value", "valueString": home.uprn},
                ],
            }
        ]
    return found


def _security(*, restricted: bool) -> Resource:
    if restricted:
        return {"system": _CONFIDENTIALITY, "code": "R", "display": "restricted"}
    return {"system": _CONFIDENTIALITY, "code": "U", "display": "unrestricted"}


def _clinical(kind: str, citizen: Citizen, place: int, subject: str) -> Resource:
    """What every clinical resource begins with; `subject` is the member that says whose it is."""
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{citizen.number}-{place + 1}",
        "meta": {"versionId": "1", "lastUpdated": _UPDATED, "profile": [f"{_PROFILE}{kind}"]},
        subject: {"type": "Patient", "identifier": {"system": NHS_NUMBER, "value": citizen.nhs_number}},
    }


def _concept(code: str, text: str) -> Resource:
    return {"coding": [{"system": SNOMED, "code": code, "display": text}], "text": text}


def _state(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"{_CLINICAL}{system}", "code": code}]}


def medication_request(citizen: Citizen, place: int, held: Medication) -> Resource:
    """One prescription."""
    dosage: Resource = {
        "text": f"{held.dose} {held.frequency}".strip(),
        "timing": {"code": {"text": held.frequency}},
    }
    if held.dose:
        dosage["doseAndRate"] = [{"doseQuantity": {"unit": held.dose}}]
    return _clinical("MedicationRequest", citizen, place, "subject") | {
        "status": held.status,
        "intent": "order",
        "medicationCodeableConcept": _concept(held.code, held.name),
        "authoredOn": held.started,
        "requester": {"type": "Practitioner", "display": held.prescriber},
        "dosageInstruction": [dosage],
        "note": [{"text": "Dispensed at the nominated pharmacy."}],
    }


def allergy_intolerance(citizen: Citizen, place: int, held: Allergy) -> Resource:
    """One allergy."""
    manifestation = [_concept(held.reaction_code, held.reaction)]
    reaction: Resource = {"manifestation": manifestation}
    if held.severity:
        reaction["severity"] = held.severity
    return _clinical("AllergyIntolerance", citizen, place, "patient") | {
        "clinicalStatus": _state("allergyintolerance-clinical", held.status),
        "verificationStatus": _state("allergyintolerance-verification", "confirmed"),
        "code": _concept(held.code, held.substance),
        "recordedDate": held.recorded,
        "recorder": {"type": "Practitioner", "display": "Dr E. Fairley"},
        "reaction": [reaction],
    }


def condition(citizen: Citizen, place: int, held: Condition) -> Resource:
    """One problem."""
    return _clinical("Condition", citizen, place, "subject") | {
        "clinicalStatus": _state("condition-clinical", held.status),
        "category": [{"text": "Problem list item"}],
        "code": _concept(held.code, held.name),
        "onsetDateTime": held.onset,
        "recordedDate": held.onset,
        "recorder": {"type": "Practitioner", "display": "Dr E. Fairley"},
    }
