# SPDX-License-Identifier: Apache-2.0
"""What cannot be an event, whatever the ledger says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from consent import wellformed
from consent.errors import (
    ExpiryMisplaced,
    ExpiryMissing,
    ExpiryPassed,
    FieldOutsideProvision,
    MalformedEvent,
    MemberMissing,
    NoticeMissing,
    PredecessorMisplaced,
    ProvisionEmpty,
)
from consent.model import Provision
from tests.consent.decisions import NOON, PLAN, VISITS, given, refused, withdrawn

LAST_SECOND = 253_402_300_799


@pytest.mark.parametrize("member", ["id", "person", "organisation", "purpose", "agreement", "actor"])
def test_a_member_must_be_there_and_fit_its_column(member: str) -> None:
    limit = {"id": 36, "person": 64}.get(member, 128)
    for right in ("é", "é" * limit):
        wellformed.check(replace(given(), **{member: right}))
    for wrong in ("", "é" * (limit + 1)):
        with pytest.raises(MemberMissing):
            wellformed.check(replace(given(), **{member: wrong}))


@pytest.mark.parametrize("at", [0, -1, LAST_SECOND + 1])
def test_an_event_has_an_instant_that_can_be_written(at: int) -> None:
    with pytest.raises(MemberMissing):
        wellformed.check(replace(withdrawn(), at=at))


@pytest.mark.parametrize("at", [1, LAST_SECOND])
def test_any_other_instant_will_do(at: int) -> None:
    wellformed.check(replace(withdrawn(), at=at))


@pytest.mark.parametrize(
    ("until", "error"),
    [
        (0, ExpiryMissing),
        (NOON, ExpiryPassed),
        (NOON - 1, ExpiryPassed),
        (-1, ExpiryPassed),
        (LAST_SECOND + 1, ExpiryPassed),
    ],
)
def test_consent_has_an_end_that_lies_ahead(until: int, error: type[MalformedEvent]) -> None:
    with pytest.raises(error):
        wellformed.check(given(until=until))


@pytest.mark.parametrize("until", [NOON + 1, LAST_SECOND])
def test_consent_may_end_at_any_later_instant(until: int) -> None:
    wellformed.check(given(until=until))


@pytest.mark.parametrize("member", ["notice_hash", "language"])
def test_consent_is_to_words_in_a_language(member: str) -> None:
    with pytest.raises(NoticeMissing):
        wellformed.check(replace(given(), **{member: ""}))


@pytest.mark.parametrize("no", [refused(), withdrawn()])
def test_a_no_has_no_end_and_no_predecessor(no: wellformed.Event) -> None:
    wellformed.check(no)
    with pytest.raises(ExpiryMisplaced):
        wellformed.check(replace(no, expires_at=NOON + 1))
    with pytest.raises(PredecessorMisplaced):
        wellformed.check(replace(no, predecessor="an earlier one"))


@pytest.mark.parametrize(
    "provision",
    [
        Provision(categories=()),
        Provision(categories=("",)),
        Provision(categories=(PLAN,), fields=("",)),
        Provision(categories=(PLAN,), sources=("",)),
    ],
)
def test_an_empty_name_never_comes_to_mean_everything(provision: Provision) -> None:
    with pytest.raises(ProvisionEmpty):
        wellformed.check(replace(given(), provision=provision))


@pytest.mark.parametrize("field", ["goal", "support.plan", "support.plan/", "support.befriending/notes", "/goal"])
def test_a_field_is_written_in_full_and_belongs_to_a_category_that_is_named(field: str) -> None:
    with pytest.raises(FieldOutsideProvision):
        wellformed.check(given(fields=(field,)))


def test_fields_of_every_category_that_is_named_may_be_named() -> None:
    wellformed.check(given(PLAN, VISITS, fields=("support.plan/goal", "support.befriending/notes")))
