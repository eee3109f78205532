# SPDX-License-Identifier: Apache-2.0
"""What a change of the law changes is put to the rule that makes the difference, and counted once."""

from __future__ import annotations

from gateway.model import Verdict
from gateway.policy.comparison import Change, Tally, compare, totals

SHARED = Verdict(0, True, ("dose",), ("direct_care",))


def test_what_is_kept_from_the_agency_is_what_makes_the_difference() -> None:
    refused = Verdict(0, False, broken=("care_relationship",), hidden=("court_order",), reason="no-relationship")
    assert compare(refused, SHARED) == Change("opened", "limits/court_order", ("dose",), (), "no-relationship")
    assert compare(SHARED, refused) == Change("closed", "limits/court_order", (), ("dose",), "no-relationship")


def test_of_several_broken_limits_the_first_in_the_order_of_reasons_makes_the_difference() -> None:
    refused = Verdict(0, False, broken=("known_person",), hidden=("age_of_decision", "court_order", "of_old"))
    change = compare(refused, SHARED, {"known_person": 0, "court_order": 1, "age_of_decision": 2})
    assert change is not None
    assert change.rule == "limits/court_order"


def test_where_every_limit_holds_the_ground_makes_the_difference() -> None:
    refused = Verdict(0, False, reason="consent-withdrawn")
    assert compare(refused, SHARED) == Change("opened", "grounds/direct_care", ("dose",), (), "consent-withdrawn")


def test_a_decision_about_several_sources_is_one_decision_and_several_accesses() -> None:
    tally, change = Tally(), Change("opened", "terms", ("dose",), ())
    for decision in ("dec_1", "dec_1", "dec_2"):
        tally.add("uk/nhs/XZZ01", "direct-care", "health.medications", decision, change)
    [group] = tally.groups()
    assert (group.decisions, group.accesses, group.examples) == (2, 3, ("dec_1", "dec_2"))
    assert totals([group], "agency") == {"uk/nhs/XZZ01": 3}
