# SPDX-License-Identifier: Apache-2.0
"""How long what an entry commits to is kept, period by period."""

from __future__ import annotations

import datetime

import pytest

from gateway.audit import retention
from gateway.audit.events import TYPES

NEW_YEAR_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def test_a_period_is_the_class_and_the_calendar_year_of_the_entry() -> None:
    assert retention.period("access", NEW_YEAR_MS) == "access:2026"
    assert retention.period("access", NEW_YEAR_MS - 1) == "access:2025"


def test_a_period_is_over_when_its_years_have_passed_since_the_end_of_its_year() -> None:
    assert not retention.ended("access:2026", datetime.date(2034, 12, 31))
    assert retention.ended("access:2026", datetime.date(2035, 1, 1))


def test_staff_are_forgotten_before_the_accesses_they_made() -> None:
    assert retention.ended("staff:2026", datetime.date(2033, 1, 1))
    assert not retention.ended("access:2026", datetime.date(2033, 1, 1))


def test_nothing_is_over_by_a_guess() -> None:
    with pytest.raises(ValueError, match="not a retention class"):
        retention.ended("forever:2026", datetime.date(2099, 1, 1))


def test_every_type_of_event_has_a_class_with_a_reason() -> None:
    classes = {one.name: one for one in retention.CLASSES}
    assert all(classes[retention.class_of(kind.name)].reason for kind in TYPES)


def test_decisions_and_accesses_are_kept_as_long_as_each_other() -> None:
    years = {one.name: one.years for one in retention.CLASSES}
    assert retention.class_of("access.disclosed") == "access"
    assert retention.class_of("consent.withdrawn") == "consent"
    assert retention.class_of("payload.erased") == "control"
    assert years["access"] == years["consent"]
