# SPDX-License-Identifier: Apache-2.0
"""The examples of the API description. Synthetic people only; a test sends each one through the real types."""

from __future__ import annotations

from typing import Any

QUERY: dict[str, Any] = {
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "purpose": "direct-care.discharge-planning",
    "legal_basis": {"agreement": "dsa-2026-014", "gdpr_article_6": "6(1)(e)", "gdpr_article_9": "9(2)(h)"},
    "requester": {"user": {"id": "u-123", "role": "discharge-coordinator"}},
    "case": {"reference": "ward-7-0042", "reason": "Planning your support after leaving hospital"},
    "categories": [
        {"code": "health.medications", "need": "required", "fields": ["name", "dose"]},
        {"code": "housing.tenancy", "need": "required"},
        {"code": "support.plan", "need": "optional"},
    ],
    "deadline_ms": 2000,
}

ANSWER: dict[str, Any] = {
    "id": "rq_019abcde-0000-7000-8000-000000000001",
    "decision": "dec_019abcde-0000-7000-8000-000000000002",
    "status": "partial",
    "subject": {"handle": "sub_kq3n7v5m2xw4y6za", "match": "by-identifier"},
    "completeness": {
        "required": "met",
        "optional": "not-met",
        "safe_to_rely": "with-caution",
        "summary": [
            {
                "category": "health.medications",
                "source": "uk/nhs/XZG01/gp-record",
                "state": "returned",
                "items": 1,
                "elapsed_ms": 18,
            },
            {
                "category": "housing.tenancy",
                "source": "uk/council/E06999901/core",
                "state": "empty",
                "elapsed_ms": 12,
            },
            {
                "category": "support.plan",
                "source": "uk/charity/9999901/crm",
                "state": "withheld",
                "reason": "consent-not-given",
            },
        ],
    },
    "items": [
        {
            "id": "it_1",
            "category": "health.medications",
            "data": {"name": "Amlodipine 5 mg tablets", "dose": "1 tablet"},
            "provenance": {
                "source": "uk/nhs/XZG01/gp-record",
                "connector": "nhs-gp-record@1",
                "mapping": "nhs-gp-record-v1",
                "retrieved_at": "2026-11-23T09:12:00.123Z",
                "agreement": "dsa-2026-014",
                "digest": "sha-256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945",
            },
        }
    ],
    "obligations": [{"type": "erase-by", "at": "2027-02-01"}, {"type": "no-onward-sharing"}],
    "receipt": {
        "id": "rc_019abcde-0000-7000-8000-000000000003",
        "href": "/v1/receipts/rc_019abcde-0000-7000-8000-000000000003",
        "witness_index": 41,
    },
}

PREVIEW: dict[str, Any] = {
    "id": ANSWER["id"],
    "decision": ANSWER["decision"],
    "status": "preview",
    "subject": ANSWER["subject"],
    "verdicts": [
        {
            "category": "health.medications",
            "source": "uk/nhs/XZG01/gp-record",
            "allow": True,
            "fields": ["dose", "name"],
            "grounds": ["direct_care"],
        },
        {
            "category": "support.plan",
            "source": "uk/charity/9999901/crm",
            "allow": False,
            "reason": "consent-not-given",
        },
    ],
    "obligations": ANSWER["obligations"],
    "receipt": ANSWER["receipt"],
}
