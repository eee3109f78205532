# SPDX-License-Identifier: Apache-2.0
"""Only records that lie in the period of a consent are released."""

from __future__ import annotations

import pytest

from connectors.base import Record
from gateway.dating import within

DAYS = ("2025-12-31", "2026-01-01", "2026-06-30T23:59:59Z", "2026-07-01")
RECORDS = tuple(Record("support.plan", {"reviewed": day}) for day in DAYS)


@pytest.mark.parametrize(
    ("period", "wanted"),
    [
        (("2026-01-01", ""), DAYS[1:]),
        (("", "2026-06-30"), DAYS[:3]),
        (("2026-01-01", "2026-06-30"), DAYS[1:3]),
        (("2027-01-01", ""), ()),
    ],
)
def test_both_days_of_a_period_are_in_it(period: tuple[str, str], wanted: tuple[str, ...]) -> None:
    assert tuple(one.fields["reviewed"] for one in within(RECORDS, period, "reviewed")) == wanted


@pytest.mark.parametrize("written", [None, "", "2026", "last year", 20260101])
def test_a_record_whose_date_cannot_be_read_lies_in_no_period(written: object) -> None:
    assert within([Record("support.plan", {"reviewed": written})], ("2000-01-01", ""), "reviewed") == ()


def test_a_category_without_a_date_of_its_own_has_no_record_in_any_period() -> None:
    assert within(RECORDS, ("2000-01-01", ""), "") == ()
