# SPDX-License-Identifier: Apache-2.0
"""Identifiers that pass every check and belong to nobody."""

from __future__ import annotations

import re
from itertools import islice

import nhs_number as nhs
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox import numbers
from connectors.sandbox.draw import Draw

SEEDS = st.integers(min_value=0, max_value=2**31)


@given(SEEDS)
def test_every_nhs_number_is_valid_and_in_the_range_kept_for_tests(seed: int) -> None:
    for number in islice(numbers.nhs_numbers(Draw(seed)), 50):
        assert number.startswith("999")
        assert nhs.is_valid(number)


def test_no_nhs_number_comes_twice() -> None:
    drawn = list(islice(numbers.nhs_numbers(Draw(3)), 100_000))
    assert len(set(drawn)) == 100_000


def test_a_drawn_nhs_number_is_never_one_of_a_test_citizen() -> None:
    reserved = set(numbers.reserved_nhs_numbers())
    assert len(reserved) > 800
    assert not reserved & set(islice(numbers.nhs_numbers(Draw(3)), 100_000))


def test_there_is_no_nhs_number_where_the_check_digit_would_be_ten() -> None:
    without = [serial for serial in range(100) if numbers.nhs_number(serial) is None]
    assert without
    for serial in without:
        assert not any(nhs.is_valid(f"999{serial:06d}{digit}") for digit in range(10))


@given(SEEDS)
def test_telephone_numbers_are_those_kept_for_drama(seed: int) -> None:
    draw = Draw(seed)
    assert re.fullmatch(r"01632 960\d{3}", numbers.landline(draw))
    assert re.fullmatch(r"07700 900\d{3}", numbers.mobile(draw))


@given(SEEDS)
def test_a_postcode_has_the_right_form_in_an_area_that_does_not_exist(seed: int) -> None:
    found = numbers.postcode(Draw(seed))
    assert re.fullmatch(r"ZZ[1-9][0-9]? [0-9][ABD-HJLNP-UW-Z]{2}", found)
    assert not found.startswith("ZZ99")


def test_the_pseudo_postcode_keeps_its_own_meaning() -> None:
    assert numbers.NO_FIXED_ABODE == "ZZ99 3VZ"
