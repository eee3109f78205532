# SPDX-License-Identifier: Apache-2.0
"""What is sent: the requests of the load generator, one for each citizen asked about, and what must come back."""

from __future__ import annotations

import json
from typing import Any

from connectors.sandbox.stories import NHS_NUMBER
from tests.bench.town import AGREEMENT, PURPOSE, Resident, Town, search

Sent = dict[str, Any]
ONE = ("health.medications",)
THREE = ("health.medications", "housing.tenancy", "support.plan")


def source_reads(town: Town, **headers: str) -> list[Sent]:
    """The one read of the GP record that a one-source query makes."""
    return [
        {
            "method": "POST",
            "path": "/FHIR/R4/MedicationRequest/_search",
            "headers": {
                "Host": "127.0.0.1",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/fhir+json",
                "Authorization": f"Bearer {town.bearer}",
            }
            | headers,
            "body": search(one.nhs_number),
            "expect": ['"resourceType":"Bundle"', f'"value":"{one.nhs_number}"', _text("text", one.medicine)],
        }
        for one in town.residents
    ]


def queries(town: Town, token: str, categories: tuple[str, ...]) -> list[Sent]:
    """A discharge coordinator's query about each citizen."""
    return [
        {
            "method": "POST",
            "path": "/v1/record-queries",
            "headers": {
                "Host": "127.0.0.1",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {token}",
            },
            "body": body(one, categories),
            "expect": ['"status":"complete"', *_expected(one, categories)],
        }
        for one in town.residents
    ]


def echoes(town: Town) -> list[Sent]:
    """The same bodies, to come back as they are."""
    return [one | {"expect": [one["body"]]} for one in queries(town, "none", ONE)]


def body(one: Resident, categories: tuple[str, ...]) -> str:
    """The JSON of one query."""
    return json.dumps(
        {
            "subject": {"identifier": {"system": NHS_NUMBER, "value": one.nhs_number}},
            "purpose": PURPOSE,
            "legal_basis": {"agreement": AGREEMENT},
            "case": {"reason": "Planning your support after leaving hospital", "reference": "case-1"},
            "categories": [{"code": code, "need": "required"} for code in categories],
            "deadline_ms": 5000,
        }
    )


def _expected(one: Resident, categories: tuple[str, ...]) -> list[str]:
    texts = {
        "health.medications": _text("name", one.medicine),
        "housing.tenancy": '"category":"housing.tenancy","data":{',
        "support.plan": _text("title", one.plan),
    }
    return [texts[code] for code in categories]


def _text(name: str, value: str) -> str:
    return f'"{name}":{json.dumps(value, ensure_ascii=False)}'
