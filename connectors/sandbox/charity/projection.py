# SPDX-License-Identifier: Apache-2.0
"""A citizen as the charity's CRM holds them: numbered statuses, custom fields, local dates, free text.

The shape leans on CiviCRM (values/count envelope, `status_id`, `custom_NN`), reached as plain REST.
"""

from __future__ import annotations

from typing import Any

import orjson

from connectors.sandbox.days import ago
from connectors.sandbox.person import Citizen, SupportPlan, Visit

Row = dict[str, Any]

GENDERS = {"female": "1", "male": "2", "other": "3", "unknown": ""}
PLAN_STATES = {"active": "1", "completed": "2", "on-hold": "3"}
OUTCOMES = {"went-well": "2", "no-answer": "4", "cancelled": "5", "concern-raised": "6"}
UNKNOWN_STATUS = "99"
"""A status somebody added by hand and nobody explained; one plan in seventy has it."""

_MODIFIED = f"{ago(12)} 16:40:00"


def documents(citizen: Citizen) -> list[tuple[str, str, int, bytes]]:
    """What the store holds on one citizen: (entity, client number, place, body). Empty for a stranger."""
    if not citizen.charity_ref:
        return []
    number, held = citizen.charity_ref, citizen.holdings
    found = [("clients", number, 0, orjson.dumps(client(citizen)))]
    if citizen.ambiguous_at == "charity":
        found.append(("clients", number, 1, orjson.dumps(client(citizen) | {"id": 900_000 + citizen.number})))
    found.extend(
        ("plans", number, place, orjson.dumps(plan(citizen, place, kept))) for place, kept in enumerate(held.plans)
    )
    found.extend(
        ("visits", number, place, orjson.dumps(visit(citizen, place, kept)))
        for place, kept in enumerate(held.visits)
    )
    return found


def client(citizen: Citizen) -> Row:
    """The client record; the name is the one the volunteers know."""
    home = citizen.charity_address
    return {
        "id": 400_000 + citizen.number,
        "client_no": citizen.charity_ref,
        "contact_type": "Individual",
        "first_name": citizen.given,
        "last_name": citizen.former_family or citizen.family,
        "display_name": f"{citizen.given} {citizen.former_family or citizen.family}",
        "gender_id": GENDERS[citizen.gender],
        "birth_date": citizen.charity_birth_date or None,
        "phone": citizen.telephone,
        "email": f"client{citizen.number}@example.org",
        "street_address": f"{home.house} {home.street}".strip(),
        "city": home.town,
        "postal_code": home.postcode,
        "is_deceased": False,  # the charity hears of a death last
        "custom_31": "Key is with the neighbour.",
        "custom_44": "Likes dogs.",
        "modified_date": _MODIFIED,
    }


def plan(citizen: Citizen, place: int, held: SupportPlan) -> Row:
    """A support plan: the goal and the review date are custom fields, the date as people write it."""
    dirty = citizen.number > 100 and (citizen.number + place) % 70 == 0
    return {
        "id": 1_000_000 + citizen.number * 10 + place,
        "client_no": citizen.charity_ref,
        "subject": held.title,
        "custom_12": held.goal,
        "status_id": UNKNOWN_STATUS if dirty else PLAN_STATES[held.status],
        "custom_15": "/".join(reversed(held.reviewed.split("-"))),
        "case_manager": held.key_worker,
        "custom_19": "Family tension about money.",
        "modified_date": _MODIFIED,
    }


def visit(citizen: Citizen, place: int, held: Visit) -> Row:
    """A befriending visit."""
    return {
        "id": 5_000_000 + citizen.number * 100 + place,
        "client_no": citizen.charity_ref,
        "activity_date_time": f"{held.visit_date} 14:00:00",
        "assignee": held.volunteer,
        "status_id": OUTCOMES[held.outcome],
        "details": held.notes,
        "duration": 60,
        "mileage": "7.4",
        "modified_date": f"{held.visit_date} 17:05:00",
    }
