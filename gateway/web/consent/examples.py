# SPDX-License-Identifier: Apache-2.0
"""The examples of the consent API's description. Synthetic people only; a test compares them with real answers."""

from __future__ import annotations

from typing import Any

_EVENT = "019abcde-0000-7000-8000-000000000011"
_NOTICE = "019abcde-0000-7000-8000-000000000012"
_RECORD = "rec_0c1f6a2be7d84f5593a1c2d4"

RECORD: dict[str, Any] = {
    "id": _RECORD,
    "title": "Support from the charity, if the patient agrees",
    "agreement": "dsa-2026-014",
    "agreement_title": "Joined-up hospital discharge",
    "summary": "Staff who plan a discharge see the medicines, allergies, home and care of the patient.",
    "recipient": "uk/nhs/XZZ01",
    "recipient_name": "Example Acute Hospital Trust",
    "purpose": "direct-care.discharge-planning",
    "purpose_title": "Planning your discharge from hospital",
    "source": "uk/charity/9999901/crm",
    "source_name": "Examplebury Befrienders",
    "needs_consent": True,
    "state": "given",
    "categories": [
        {
            "category": "support.plan",
            "title": "Support plan",
            "state": "given",
            "fields": [],
            "fields_except": [],
            "until": 1795600000,
            "events": [_EVENT],
            "by": "self",
            "conditions": None,
        }
    ],
    "ground": {
        "lawful_basis": "6(1)(a)",
        "lawful_basis_title": "Consent",
        "lawful_basis_sentence": "You said yes to this. You can change your mind at any time.",
        "special_category_basis": "9(2)(a)",
        "confidentiality_basis": "explicit-consent",
        "confidentiality_sentence": "You agreed that this may be passed on.",
        "statute": "",
        "statute_uri": "",
    },
    "buttons": [
        {
            "action": "withdraw",
            "sentence": "You can take your consent back at any time. It stops at once.",
            "method": "POST",
            "href": f"/v1/consent/records/{_RECORD}/withdraw",
        }
    ],
    "contact": "information.governance@acute.example",
}

NOTICE: dict[str, Any] = {
    "text": "Joined-up hospital discharge. Staff who plan a discharge see … About: support.plan.",
    "language": "en",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

DECISION: dict[str, Any] = {
    "record": _RECORD,
    "decision": "give",
    "categories": ["support.plan"],
    "days": 180,
    "notice_hash": NOTICE["hash"],
}

DECIDED: dict[str, Any] = {
    "event": _EVENT,
    "effective_seq": 3,
    "already": False,
    "receipt": f"/v1/consent/receipts/rcp_{_EVENT}",
}

_TOLD: dict[str, Any] = {
    "recipient": {
        "id": "uk/nhs/XZZ01",
        "name": "Example Acute Hospital Trust",
        "contact": "information.governance@acute.example",
    },
    "notice": _NOTICE,
    "told_at": 1780000000,
    "answer_by": 1780086400,
    "erase_by": 1782592000,
    "acknowledged_at": 0,
    "erased_at": 0,
    "late": [],
    "chased": 0,
}

WITHDRAWN: dict[str, Any] = DECIDED | {"told": [_TOLD]}

RECEIPT: dict[str, Any] = {
    "id": f"rcp_{_EVENT}",
    "jws": "eyJ0eXAiOiJjb25zZW50LXJlY2VpcHQrand0IiwiYWxnIjoiRVMyNTYifQ.…",
    "plain": "RECEIPT FOR A DECISION ABOUT YOUR INFORMATION\n\nYou took your consent back. …",
}

EVENT: dict[str, Any] = {
    "event": _EVENT,
    "seq": 3,
    "kind": "withdrawn",
    "at": 1780000000,
    "agreement": "dsa-2026-014",
    "organisation": "uk/nhs/XZZ01",
    "purpose": "direct-care.discharge-planning",
    "categories": ["support.plan"],
    "fields": [],
    "sources": [],
    "until": 0,
    "channel": "web",
    "by_you": True,
    "why": "",
    "receipt": f"/v1/consent/receipts/rcp_{_EVENT}",
}

USE: dict[str, Any] = {
    "id": "019abcde-0000-7000-8000-000000000013",
    "place": 4711,
    "at_ms": 1780000000000,
    "outcome": "disclosed",
    "organisation": "uk/nhs/XZZ01",
    "organisation_name": "Example Acute Hospital Trust",
    "purpose": "direct-care.discharge-planning",
    "purpose_title": "Planning your discharge from hospital",
    "reason": "Planning your support after leaving hospital",
    "agreement": "dsa-2026-014",
    "agreement_title": "Joined-up hospital discharge",
    "because": ["This is part of a public service's job set out in law. You can object."],
    "got": [
        {
            "category": "health.medications",
            "title": "Medications",
            "source": "uk/nhs/XZG01/gp-record",
            "fields": ["dose", "name"],
            "items": 2,
        }
    ],
    "erased": False,
}

STOP: dict[str, Any] = {
    "id": _NOTICE,
    "kind": "consent.withdrawn",
    "subject": "sub_kq3n7v5m2xw4y6za",
    "agreement": "dsa-2026-014",
    "purpose": "direct-care.discharge-planning",
    "categories": ["support.plan"],
    "fields": [],
    "sources": [],
    "effective_seq": 3,
    "effective_at": "2026-05-28T20:26:40Z",
    "told_at": "2026-05-28T20:26:40Z",
    "answer_by": "2026-05-29T20:26:40Z",
    "erase_by": "2026-06-27T20:26:40Z",
    "reminder": 0,
    "acknowledge": f"https://gateway.example/v1/consent-notices/{_NOTICE}/acknowledgement",
    "confirm_erasure": f"https://gateway.example/v1/consent-notices/{_NOTICE}/erasure",
    "jws": "eyJ0eXAiOiJjb25zZW50LW5vdGljZStqd3QiLCJhbGciOiJFUzI1NiJ9.…",
}

MINE: dict[str, Any] = {
    "id": f"ob_{_EVENT}",
    "organisation": "uk/nhs/XZZ01",
    "purpose": "direct-care.discharge-planning",
    "agreement": "dsa-2026-014",
    "categories": ["housing.tenancy"],
    "at": 1780000000,
    "state": "pending",
    "sentence": "The organisation is looking at it. Until it has, this is not shared.",
    "href": f"/v1/consent/objections/ob_{_EVENT}",
}

OPTED_OUT: dict[str, Any] = {
    "code": "national-data-opt-out",
    "opted_out": True,
    "method": "DELETE",
    "href": "/v1/consent/opt-outs/national-data-opt-out",
}

SIMULATED: dict[str, Any] = {
    "changed": [
        {
            "agreement": "dsa-2026-014",
            "organisation": "uk/nhs/XZZ01",
            "purpose": "direct-care.discharge-planning",
            "source": "uk/charity/9999901/crm",
            "category": "support.plan",
            "effect": "loses",
            "fields_before": ["goal", "key_worker", "reviewed", "status", "title"],
            "fields_after": [],
            "rests_on": ["consent"],
            "reason": "consent-withdrawn",
        }
    ],
    "unaffected": [
        {
            "agreement": "dsa-2026-014",
            "organisation": "uk/nhs/XZZ01",
            "purpose": "direct-care.discharge-planning",
            "source": "uk/nhs/XZG01/gp-record",
            "category": "health.allergies",
            "effect": "unaffected",
            "fields_before": ["reaction", "substance"],
            "fields_after": ["reaction", "substance"],
            "rests_on": ["direct_care"],
            "reason": "",
        },
    ],
}

STANDING_ASKED: dict[str, Any] = {
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "agreement": "dsa-2026-014",
}

STANDING: dict[str, Any] = {
    "subject": "sub_kq3n7v5m2xw4y6za",
    "categories": [
        {"category": "support.plan", "source": "uk/charity/9999901/crm", "state": "given", "until": 1795600000}
    ],
}

ENDING: dict[str, Any] = {
    "kind": "consent",
    "sentence": "This consent ends by itself on that day. To go on, agree again; to stop, do nothing.",
    "ends_at": 1795600000,
    "days": 30,
    "told_at": 1793008000,
    "by": "self",
    "event": _EVENT,
    "agreement": "dsa-2026-014",
    "organisation": "uk/nhs/XZZ01",
    "purpose": "direct-care.discharge-planning",
    "categories": ["support.plan"],
    "authority": "",
    "held_by_you": False,
    "why": "end",
}

AUTHORITY: dict[str, Any] = {
    "holder": "h_8zGmM2Qk4n1cXv0b7yTq5w",
    "id": "019abcde-0000-7000-8000-000000000014",
    "by": "consent",
    "since": 1780000000,
    "until": 1795600000,
    "categories": ["support.plan"],
    "purposes": [],
    "jointly": False,
    "shown_by": "signed-consent",
    "shown_at": 1780000000,
    "restrictions": [],
    "in_force": True,
    "why_not": "",
}

TO_READ: dict[str, Any] = {"agreement": "dsa-2026-014", "categories": [{"code": "support.plan", "fields": []}]}


ANSWERED: dict[str, Any] = {"id": _NOTICE, "acknowledged_at": 1780003600, "erased_at": None}

_REQUEST_ID = "cr_019abcde-0000-7000-8000-000000000021"

REQUEST: dict[str, Any] = {
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "agreement": "dsa-2026-014",
    "categories": [{"code": "support.plan", "fields": ["title", "goal"]}],
    "service": "discharge-hub",
    "reason": "So that the ward knows who supports you when you go home",
    "days": 90,
}

REQUEST_MADE: dict[str, Any] = {
    "id": _REQUEST_ID,
    "state": "requested",
    "service": "discharge-hub",
    "agreement": "dsa-2026-014",
    "purpose": "direct-care.discharge-planning",
    "categories": [{"code": "support.plan", "fields": ["title", "goal"]}],
    "reason": "So that the ward knows who supports you when you go home",
    "days": 90,
    "made_at": "2026-11-23T09:00:00Z",
    "expires_at": "2026-12-21T09:00:00Z",
}

REQUEST_ANSWERED: dict[str, Any] = REQUEST_MADE | {
    "state": "answered",
    "answer": {
        "given": True,
        "at": "2026-11-23T18:30:00Z",
        "subject": "sub_abcdefghijklmnopqrstuvwxyz234567",
        "categories": [{"code": "support.plan", "fields": ["title"]}],
        "expires_at": "2027-02-21T18:30:00Z",
    },
}

ASSISTED: dict[str, Any] = {
    "decision": "give",
    "subject": {
        "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"},
        "verify": {"birth_date": "1950-01-31"},
    },
    "agreement": "dsa-2026-014",
    "categories": [{"code": "support.plan"}],
    "channel": "phone",
    "read_back": True,
    "days": 90,
    "notice_hash": "5f" * 32,
}

ASSISTED_DONE: dict[str, Any] = {
    "event": _EVENT,
    "seq": 3,
    "receipt": f"/v1/consent/receipts/rcp_{_EVENT}",
    "receipt_for_staff": f"/v1/consent/assisted/receipts/rcp_{_EVENT}",
    "take_back": "The citizen alone: POST /v1/consent/records/{id}/withdraw. With help: this address, withdraw.",
}

WORDS: dict[str, Any] = {
    "text": "Joined-up hospital discharge. Staff who plan a discharge see … About: support.plan.",
    "language": "en",
    "notice_hash": "5f" * 32,
}

OBJECTION: dict[str, Any] = {
    "id": "ob_019abcde-0000-7000-8000-000000000031",
    "subject": "sub_abcdefghijklmnopqrstuvwxyz234567",
    "purpose": "direct-care.discharge-planning",
    "agreement": "dsa-2026-014",
    "categories": ["housing.tenancy"],
    "lawful_basis": "6(1)(e)",
    "at": "2026-11-23T09:00:00Z",
    "state": "pending",
}

DELIVERY: dict[str, Any] = {
    "id": "019abcde-0000-7000-8000-000000000041",
    "type": "consent-request.answered",
    "state": "delivered",
    "attempts": 1,
    "status": 204,
    "made_at": "2026-11-23T18:30:00Z",
    "ended_at": "2026-11-23T18:30:01Z",
    "notice": {
        "id": "019abcde-0000-7000-8000-000000000041",
        "type": "consent-request.answered",
        "at": 1795458600,
        "data": {"request": _REQUEST_ID},
    },
}

ANSWER: dict[str, Any] = {
    "given": True,
    "categories": [{"code": "support.plan", "fields": ["title"]}],
    "days": 90,
    "notice_hash": "5f" * 32,
}

ASKED: dict[str, Any] = {
    "id": _REQUEST_ID,
    "state": "requested",
    "organisation": "uk/nhs/XZZ01",
    "service": "discharge-hub",
    "agreement": "dsa-2026-014",
    "purpose": "direct-care.discharge-planning",
    "categories": [{"code": "support.plan", "fields": ["title", "goal"]}],
    "reason": "So that the ward knows who supports you when you go home",
    "days": 90,
    "expires_at": "2026-12-21T09:00:00Z",
    "notice": {
        "text": "Joined-up hospital discharge. Staff who plan a discharge see … About: support.plan.",
        "language": "en",
        "hash": "5f" * 32,
    },
    "if_you_say_no": "Nothing else that you get from this or any other service depends on your answer.",
}

OBJECT: dict[str, Any] = {
    "agreement": "dsa-2026-014",
    "organisation": "uk/nhs/XZZ01",
    "categories": ["housing.tenancy"],
}
