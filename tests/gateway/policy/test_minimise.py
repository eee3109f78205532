# SPDX-License-Identifier: Apache-2.0
"""No field outside the verdict survives."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Record
from gateway.model import Verdict
from gateway.policy.minimise import MinimiseError, minimise

CATEGORY = "support.plan"
NAMES = st.sampled_from(["title", "goal", "status", "Title", "title ", "", "__proto__", "notes/secret", "ｔitle"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.builds(Record, st.just(CATEGORY), st.dictionaries(NAMES, VALUES)), max_size=4)
VERDICTS = st.builds(
    Verdict, st.just(0), st.just(True), st.lists(NAMES, min_size=1, unique=True).map(tuple), st.just(("consent",))
)


def allowing(*fields: str) -> Verdict:
    return Verdict(0, True, fields, ("consent",))


@given(RECORDS, VERDICTS)
def test_no_field_outside_the_verdict_survives_and_no_value_changes(
    records: list[Record], verdict: Verdict
) -> None:
    result = minimise(records, verdict, CATEGORY)
    kept = iter(result.records)
    for record in records:
        left = {name: value for name, value in record.fields.items() if name in verdict.fields}
        if left:
            assert next(kept).fields == left
    assert next(kept, None) is None
    assert set(result.removed) == {n for r in records for n in r.fields} - set(verdict.fields)


@given(RECORDS, VERDICTS)
def test_the_records_that_came_are_not_changed(records: list[Record], verdict: Verdict) -> None:
    before = [dict(record.fields) for record in records]
    minimise(records, verdict, CATEGORY)
    assert [record.fields for record in records] == before


def test_a_nested_value_goes_or_stays_whole() -> None:
    record = Record(CATEGORY, {"goal": {"title": "a", "steps": [{"notes": "b"}]}, "title": ["c"]})
    assert minimise([record], allowing("goal"), CATEGORY).records[0].fields == {
        "goal": {"title": "a", "steps": [{"notes": "b"}]}
    }


def test_what_was_removed_is_named_and_never_its_value() -> None:
    record = Record(CATEGORY, {"goal": "a", "title": "secret", "other": "secret"})
    result = minimise([record], allowing("goal"), CATEGORY)
    assert result.removed == ("other", "title")
    assert "secret" not in repr(result)


def test_a_record_with_nothing_permitted_is_left_out() -> None:
    assert minimise([Record(CATEGORY, {"title": "a"})], allowing("goal"), CATEGORY).records == ()


def test_a_refused_pair_keeps_nothing() -> None:
    with pytest.raises(MinimiseError):
        minimise([Record(CATEGORY, {"goal": "a"})], Verdict(0, False, ("goal",)), CATEGORY)


def test_a_verdict_that_is_only_truthy_keeps_nothing() -> None:
    truthy: Any = 1
    with pytest.raises(MinimiseError):
        minimise([Record(CATEGORY, {"goal": "a"})], Verdict(0, truthy, ("goal",)), CATEGORY)


def test_a_record_of_another_category_drops_them_all() -> None:
    records = [Record(CATEGORY, {"status": "a"}), Record("health.conditions", {"status": "b"})]
    with pytest.raises(MinimiseError):
        minimise(records, allowing("status"), CATEGORY)


@pytest.mark.parametrize(
    "value",
    [datetime.date(2026, 1, 1), {1: "a"}, {"a": {"b": object()}}, [b"bytes"], {"a"}],
    ids=["a date", "a key that is no text", "an object deep inside", "bytes", "a set"],
)
def test_a_value_of_a_kind_no_mapping_writes_drops_them_all(value: Any) -> None:
    with pytest.raises(MinimiseError):
        minimise([Record(CATEGORY, {"goal": value})], allowing("goal"), CATEGORY)


def test_what_is_no_record_drops_them_all() -> None:
    stranger: Any = {"category": CATEGORY, "fields": {"goal": "a"}}
    fieldless: Any = Record(CATEGORY, [("goal", "a")])  # type: ignore[arg-type]
    for wrong in (stranger, fieldless):
        with pytest.raises(MinimiseError):
            minimise([wrong], allowing("goal"), CATEGORY)
