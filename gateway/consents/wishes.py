# SPDX-License-Identifier: Apache-2.0
"""What a citizen's wish about a record comes to: whether it lies inside the record, and what a narrowing takes
away. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from consent.conditions import Conditions
from consent.model import Kind, Provision, State
from gateway.consents.records import Part, Record, Sharing
from gateway.errors import FieldFault, Invalid

Verb = Literal["give", "refuse", "narrow", "renew"]

KINDS: dict[Verb, Kind] = {
    "give": Kind.GIVEN,
    "renew": Kind.RENEWED,
    "refuse": Kind.REFUSED,
    "narrow": Kind.WITHDRAWN,
}

LONGEST_DAYS = 3650


class Decision(Struct, frozen=True, kw_only=True):
    """What the citizen wants of one record. `categories` and `fields` (full ids, `<category>/<field>`): for `give`,
    `refuse` and `renew` what it is about (none: all of the record); for `narrow` what is to be kept. `notice_hash`:
    of the words they have read, for whatever permits anything; `conditions`: what narrows such a yes further."""

    record: str
    verb: Verb
    categories: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    days: int = 180
    notice_hash: str = ""
    conditions: Conditions | None = None


def taken_away(record: Record, sharing: Sharing, decision: Decision) -> Provision:
    """What a narrowing takes away: everything that is given and not kept. Raises Invalid when that is nothing."""
    kept: dict[str, set[str]] = {category: set() for category in decision.categories}
    for full in decision.fields:
        category, _, name = full.partition("/")
        kept.setdefault(category, set()).add(name)
    categories: list[str] = []
    fields: list[str] = []
    for part in record.categories:
        if part.state is not State.GIVEN:
            continue
        if part.category not in kept:
            categories.append(part.category)
        elif kept[part.category] and (gone := sorted(_given(part, sharing) - kept[part.category])):
            categories.append(part.category)
            fields += [f"{part.category}/{name}" for name in gone]
    if not categories:
        raise Invalid("You keep all that was given: there is nothing to narrow.")
    return sharing.provision(tuple(categories), tuple(fields))


def _given(part: Part, sharing: Sharing) -> set[str]:
    return set(part.fields or sharing.term.categories[part.category]) - set(part.fields_except)


def check(decision: Decision, sharing: Sharing) -> None:
    """Whether a decision lies inside its record. Raises Invalid."""
    term = sharing.term
    faults = []
    if not set(decision.categories) <= set(term.categories):
        faults.append(FieldFault("/categories", "not-in-record", "categories of the record"))
    held = {f"{category}/{name}" for category, names in term.categories.items() for name in names}
    if not set(decision.fields) <= held:
        faults.append(FieldFault("/fields", "not-in-record", "fields of the record, as <category>/<field>"))
    if not 1 <= decision.days <= LONGEST_DAYS:
        faults.append(FieldFault("/days", "out-of-range", f"1 to {LONGEST_DAYS} days"))
    if faults:
        raise Invalid(errors=faults)
