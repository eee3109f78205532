# SPDX-License-Identifier: Apache-2.0
"""Envelopes become items: permitted fields only, each with where it comes from; what cannot be read is dropped."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.base import Envelope, Outcome, Reason, Record
from consent.model import CategoryStanding, Standing, State
from gateway.completeness import Part
from gateway.evidence import Asked
from gateway.items import Itemiser
from gateway.model import Caller, CategoryAsked, Disclosure, Identifier, Pair, Person, Query, Verdict
from gateway.policy import vocabulary

CHARITY = "uk/charity/9999901/crm"
TRUST = "uk/nhs/XZZ01"
COUNCIL = "uk/council/E06999901"
VOCABULARY = vocabulary.load()
NOBODY = Standing(0, {})


def asked_by(organisation: str = TRUST) -> Asked:
    query = Query(
        id="q",
        subject=Identifier("urn:uk:charity:9999901:crm:client", "EB100001"),
        verify={},
        purpose="direct-care.discharge-planning",
        agreement="dsa-2026-014",
        lawful_basis="",
        special_category_basis="",
        consent_mode="if-present",
        user=None,
        on_behalf_of="",
        case_reference="",
        reason="Planning your support",
        categories=(CategoryAsked("support.plan"),),
        include=("*",),
        exclude=(),
        fail_on_shortfall=False,
        max_age_s=0,
        deadline_ms=1000,
        preview=False,
    )
    caller = Caller(organisation, "An agency", True, "a-system", True, "token")
    person = Person("p1", "sub_1", True, False, {})
    return Asked("w1", 1_000_000, "r1", caller, query, person, ())


def part(
    *records: Record,
    disclosure: Disclosure = "explain",
    fields: tuple[str, ...] = ("title", "goal"),
    refused: tuple[str, ...] = (),
    standing: Standing = NOBODY,
    grounds: tuple[str, ...] = ("public_task",),
    organisation: str = TRUST,
    outcome: Outcome = Outcome.FOUND,
) -> Part:
    pair = Pair(0, CHARITY, "support.plan", (), "required")
    verdict = Verdict(0, True, fields, grounds, fields_refused=refused, disclosure=disclosure)
    envelope = Envelope(CHARITY, "support.plan", outcome, records, retrieved_at=1_700_000_000_123)
    itemiser = Itemiser(b"k" * 32, VOCABULARY)
    return itemiser.part(asked_by(organisation), standing, pair, verdict, envelope, 0)


def plan(**fields: Any) -> Record:
    return Record("support.plan", {"title": "Getting out"} | fields, source_record="1000001", version="3")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        2**70,
        "\ud800",
        nested(300),
        nested(100_000),
        object(),
        {1: "x"},
        {"a": {"b": {1, 2}}},
        b"bytes",
    ],
    ids=["huge number", "half a character", "deep", "very deep", "thing", "number as name", "set", "bytes"],
)
def test_a_value_that_cannot_be_written_down_drops_its_source_and_raises_nothing(value: Any) -> None:
    made = part(plan(goal=value))
    assert made.items == ()
    assert made.envelope is not None
    assert (made.envelope.outcome, made.envelope.reason) == (Outcome.UNAVAILABLE, Reason.GARBAGE)
    assert made.envelope.records == ()


def test_what_is_not_permitted_is_not_looked_at_and_not_passed_on() -> None:
    [item] = part(plan(goal="Walk", notes=object(), nhs_number="9990000018")).items
    assert item.data == {"title": "Getting out", "goal": "Walk"}


def test_a_record_of_another_category_drops_its_source() -> None:
    assert part(plan(), Record("health.conditions", {"title": "x"})).items == ()


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome not in ("found", "stale")])
def test_records_of_an_outcome_that_holds_none_are_not_passed_on(outcome: Outcome) -> None:
    assert part(plan(), outcome=outcome).items == ()


def test_a_source_record_has_another_name_for_each_organisation_and_never_its_own() -> None:
    [ours] = part(plan()).items
    [again] = part(plan()).items
    [theirs] = part(plan(), organisation=COUNCIL).items
    names = {item.provenance.source_record for item in (ours, again, theirs)}
    assert len(names) == 2
    assert all("1000001" not in name for name in names)
    assert part(Record("support.plan", {"title": "x"})).items[0].provenance.source_record == ""


def test_a_field_that_is_not_given_is_named_with_its_reason_only_where_reasons_may_be_told() -> None:
    restricted = msgspec.structs.replace(plan(), withheld=("goal",))
    [explained] = part(restricted, fields=("title",), refused=("key_worker",)).items
    assert {row["path"] for row in explained.fields_withheld} == {"/key_worker", "/goal"}
    assert all(row["reason"] for row in explained.fields_withheld)
    for disclosure in ("generic", "silent"):
        made = part(restricted, fields=("title",), refused=("key_worker",), disclosure=disclosure)
        assert all("reason" not in row for item in made.items for row in item.fields_withheld)


def test_an_item_that_rests_on_consent_names_the_decision_and_another_does_not() -> None:
    given = CategoryStanding("support.plan", State.GIVEN, 2**31, "e1", agreement="dsa-2026-014")
    standing = Standing(1, {"support.plan": (given,)})
    [item] = part(plan(), standing=standing, grounds=("consent",)).items
    assert item.provenance.consent == "cns_e1"
    assert part(plan(), standing=standing).items[0].provenance.consent == ""
