# SPDX-License-Identifier: Apache-2.0
"""The mapping language: an allow-list whose every gap loses data rather than leaks it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Outcome, ReadError, Reason
from connectors.mapping import Applied, CategoryPlan
from connectors.paths import compiled

RULES: list[dict[str, Any]] = [
    {"to": "title", "from": "name", "required": True},
    {"to": "goal", "from": ["goal", "aim"]},
    {"to": "address", "from": ["lines", "town"], "join": ", "},
    {"to": "status", "from": "state", "code_map": "status"},
    {"to": "reviewed", "from": "when", "via": ["uk-date"], "default": "null"},
    {"to": "landlord", "const": "The council"},
]
SPEC: dict[str, Any] = {
    "record": "support-plan",
    "echo": "whose",
    "source_record": "id",
    "version": {"from": "meta.version"},
    "as_of": {"from": "made", "on": "document"},
    "fields": RULES,
}
ALL = tuple(rule["to"] for rule in RULES)


def apply(*items: Any, spec: dict[str, Any] | None = None, fields: tuple[str, ...] = ALL, **over: Any) -> Applied:
    plan = CategoryPlan("support.plan", (spec or SPEC) | over, compiled, {"status": {"A": "active", "1": "one"}})
    return plan.apply([(item, {"made": "2026-03-01"}) for item in items], "me", fields, 10)


def one(fields: tuple[str, ...] = ALL, **item: Any) -> Any:
    return apply({"whose": "me", "name": "Plan"} | item, fields=fields).records[0]


def test_nothing_that_no_rule_names_leaves() -> None:
    assert one(secret="hidden", nested={"secret": 1}).fields == {
        "title": "Plan",
        "reviewed": None,
        "landlord": "The council",
    }


def test_nothing_that_was_not_granted_leaves() -> None:
    assert one(("goal",), goal="walk").fields == {"goal": "walk"}


def test_a_list_of_paths_gives_the_first_that_has_a_value() -> None:
    assert one(goal="", aim="walk").fields["goal"] == "walk"


def test_join_flattens_and_skips_what_is_empty() -> None:
    assert (
        one(lines=["1 High Street", " ", None], town="Examplebury").fields["address"]
        == "1 High Street, Examplebury"
    )


def test_an_unknown_code_stays_inside_and_its_field_is_named() -> None:
    record = one(state="QQ")
    assert "status" not in record.fields
    assert record.unmapped == ("status",)
    assert one(state="A").fields["status"] == "active"
    assert one(state=1).fields["status"] == "one"


def test_a_value_that_cannot_be_read_stays_inside_and_its_field_is_named() -> None:
    record = one(when="31/02/2026")
    assert record.fields["reviewed"] is None
    assert record.unmapped == ("reviewed",)


@pytest.mark.parametrize("value", [{"line": "x", "secret": "y"}, [{"secret": "y"}], [["a"]], b"bytes"])
def test_an_object_is_never_released_whole(value: Any) -> None:
    record = one(goal=value)
    assert "goal" not in record.fields
    assert record.unmapped == ("goal",)


@pytest.mark.parametrize(("value", "wanted"), [(True, True), (7.0, 7), (7.5, "7.5"), (["a", None], ["a"])])
def test_plain_values_have_one_form(value: Any, wanted: Any) -> None:
    assert one(goal=value).fields["goal"] == wanted


def test_a_missing_required_field_makes_the_category_garbage() -> None:
    with pytest.raises(ReadError) as caught:
        apply({"whose": "me"})
    assert caught.value.reason is Reason.GARBAGE


def test_a_required_field_that_was_not_granted_is_not_required() -> None:
    assert one(("goal",), name=None, goal="walk").fields == {"goal": "walk"}


@pytest.mark.parametrize("whose", ["other", "", None, "ME", " me", {"id": "me"}, ["me"], 7, True])
def test_the_echo_must_be_the_identifier_itself(whose: Any) -> None:
    with pytest.raises(ReadError) as caught:
        apply({"whose": whose, "name": "Plan"})
    assert caught.value.reason is Reason.IDENTITY_MISMATCH
    assert caught.value.alarm


def test_the_echo_is_checked_before_anything_else_is_read() -> None:
    with pytest.raises(ReadError) as caught:
        apply({"whose": "other"})  # also lacks a required field
    assert caught.value.reason is Reason.IDENTITY_MISMATCH


def test_an_echo_that_a_transform_cannot_read_is_a_mismatch() -> None:
    with pytest.raises(ReadError) as caught:
        apply({"whose": "me", "name": "Plan"}, echo={"from": "whose", "via": ["nhs-number"]})
    assert caught.value.reason is Reason.IDENTITY_MISMATCH


def test_records_of_another_kind_are_left_out_before_the_echo_is_checked() -> None:
    where = [{"from": "kind", "equals": "plan"}]
    mine = {"whose": "me", "name": "Plan", "kind": "plan"}
    assert len(apply(mine, {"kind": "note", "whose": "other"}, where=where).records) == 1


def test_no_record_left_is_none() -> None:
    assert apply().outcome is Outcome.NONE


def test_two_records_of_which_a_person_has_one_are_ambiguous() -> None:
    mine = {"whose": "me", "name": "Plan"}
    applied = apply(mine, mine, record="person")
    assert applied.outcome is Outcome.AMBIGUOUS
    assert applied.records == ()


def test_provenance_is_read_where_the_mapping_says() -> None:
    applied = apply({"whose": "me", "name": "Plan", "id": 7, "meta": {"version": "W/3"}})
    assert (applied.records[0].source_record, applied.records[0].version) == ("7", "W/3")
    assert applied.as_of == "2026-03-01"


def test_a_superseded_identifier_releases_nothing_and_tells_the_new_one() -> None:
    signs = {"asked_in": "old", "replaced_by": "whose"}
    for old in ("me", ["x", "me"]):
        with pytest.raises(ReadError) as caught:
            apply({"whose": "new", "old": old, "name": "Plan"}, superseded=signs)
        assert caught.value.outcome is Outcome.SUPERSEDED
        assert caught.value.replaced_by == "new"
        assert "new" not in str(caught.value)


def test_a_restricted_record_loses_its_restricted_fields_and_says_so() -> None:
    signs = {"when": [{"from": "security", "contains": "R"}], "drop": ["goal", "address"]}
    item = {"whose": "me", "name": "Plan", "goal": "walk", "town": "Examplebury", "security": ["V", "R"]}
    record = apply(item, restricted=signs).records[0]
    assert not {"goal", "address"} & record.fields.keys()
    assert record.withheld == ("goal", "address")
    assert "goal" in apply(item | {"security": ["V"]}, restricted=signs).records[0].fields


def test_a_restricted_record_can_withhold_the_whole_category() -> None:
    with pytest.raises(ReadError) as caught:
        apply({"whose": "me", "flag": 1}, restricted={"when": [{"from": "flag", "equals": 1}], "withhold": True})
    assert caught.value.outcome is Outcome.WITHHELD


@pytest.mark.parametrize(
    ("test", "item", "holds"),
    [
        ({"from": "a", "equals": 1}, {"a": 1}, True),
        ({"from": "a", "in": ["x", "y"]}, {"a": "y"}, True),
        ({"from": "a", "in": ["x"]}, {"a": ["x"]}, False),
        ({"from": "a", "not_in": ["x"]}, {}, True),
        ({"from": "a", "not_in": ["x"]}, {"a": "x"}, False),
        ({"from": "a", "contains": "x"}, {"a": ["x"]}, True),
        ({"from": "a", "contains": "x"}, {"a": "xylophone"}, False),
        ({"from": "a", "contains": "x"}, {"a": 7}, False),
        ({"from": "a", "exists": True}, {"a": 0}, True),
        ({"from": "a", "exists": False}, {"a": []}, True),
    ],
)
def test_a_test_holds_or_not_and_never_raises(test: dict[str, Any], item: dict[str, Any], holds: bool) -> None:
    mine = {"whose": "me", "name": "Plan"} | item
    assert bool(apply(mine, where=[test]).records) is holds


def test_what_a_mapping_does_not_read_is_counted_by_name_and_never_by_value() -> None:
    plan = CategoryPlan("support.plan", SPEC, compiled, {"status": {"A": "active"}})
    mine = {"whose": "me", "name": "Plan", "state": "QQ", "mood": "low", "9990000018": 1, "line2": "x", "a b": 1}
    for _ in range(2):
        plan.apply([(mine, {})], "me", ALL, 10)
    assert plan.census.unmapped == {"status": 2}
    assert plan.census.unread == {"mood": 1, "line2": 1}  # one record in 64 is looked over


def test_a_source_that_invents_names_fills_no_memory() -> None:
    plan = CategoryPlan("support.plan", SPEC, compiled, {"status": {"A": "active"}})
    mine = {"whose": "me", "name": "Plan"} | {chr(97 + n % 26) * (n // 26 + 1): n for n in range(500)}
    plan.apply([(mine, {})], "me", ALL, 10)
    assert len(plan.census.unread) == 64
