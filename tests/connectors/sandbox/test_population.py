# SPDX-License-Identifier: Apache-2.0
"""What must be true of every synthetic town."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

import nhs_number as nhs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox import households
from connectors.sandbox.days import AS_OF, age
from connectors.sandbox.draw import Draw
from connectors.sandbox.numbers import FIRST_UPRN, NO_FIXED_ABODE
from connectors.sandbox.person import Address, Citizen
from connectors.sandbox.population import MOST_PEOPLE, population
from connectors.sandbox.stories import identifiers
from connectors.sandbox.test_citizens import TEST_CITIZENS


@pytest.fixture(scope="module")
def town() -> Sequence[Citizen]:
    return list(population(500, 1))


@pytest.fixture(scope="module")
def city(soak: bool) -> Sequence[Citizen]:
    return list(population(100_000 if soak else 8000, 1))


def _addresses(citizen: Citizen) -> list[Address]:
    homes = [citizen.address, citizen.nhs_address, citizen.charity_address, citizen.second_home]
    return [home for home in homes if home is not None] + [let.address for let in citizen.holdings.tenancies]


def _days(citizen: Citizen) -> list[str]:
    held = citizen.holdings
    days = [citizen.birth_date, citizen.deceased_date, citizen.charity_birth_date]
    days += [item.started for item in held.medications] + [item.recorded for item in held.allergies]
    days += [item.onset for item in held.conditions] + [item.visit_date for item in held.visits]
    days += [day for item in (*held.tenancies, *held.care) for day in (item.started, item.ended)]
    return [day for day in (*days, *(item.reviewed for item in held.plans)) if day]


def test_the_same_seed_gives_the_same_people(town: Sequence[Citizen]) -> None:
    assert list(population(500, 1)) == town


def test_another_seed_gives_other_people_after_the_test_citizens(town: Sequence[Citizen]) -> None:
    other = list(population(500, 2))
    known = len(TEST_CITIZENS)
    assert other[:known] == town[:known]
    assert other[known:] != town[known:]


def test_a_small_town_is_the_beginning_of_a_large_one(town: Sequence[Citizen]) -> None:
    assert list(population(123, 1)) == town[:123]


@given(
    seed=st.integers(min_value=0, max_value=2**31), people=st.integers(min_value=len(TEST_CITIZENS), max_value=80)
)
def test_a_population_has_just_as_many_people_as_asked_for(seed: int, people: int) -> None:
    assert [citizen.number for citizen in population(people, seed)] == list(range(1, people + 1))


@pytest.mark.parametrize("people", [0, len(TEST_CITIZENS) - 1, MOST_PEOPLE + 1])
def test_a_number_of_people_that_does_not_fit_is_refused(people: int) -> None:
    with pytest.raises(ValueError, match="a population holds"):
        population(people, 1)


def test_everybody_is_known_to_somebody(town: Sequence[Citizen]) -> None:
    assert all(identifiers(citizen) for citizen in town)


def test_no_identifier_belongs_to_two_people(city: Sequence[Citizen]) -> None:
    used = Counter(
        value
        for citizen in city
        for value in (citizen.nhs_number, citizen.superseded_nhs_number, citizen.council_ref, citizen.charity_ref)
        if value
    )
    assert [value for value, times in used.items() if times > 1] == []


def test_every_nhs_number_is_a_valid_test_number(city: Sequence[Citizen]) -> None:
    held = [number for citizen in city for number in (citizen.nhs_number, citizen.superseded_nhs_number) if number]
    assert all(number.startswith("999") and nhs.is_valid(number) for number in held)


def test_a_replaced_number_always_has_the_one_that_replaced_it(city: Sequence[Citizen]) -> None:
    replaced = [citizen for citizen in city if citizen.superseded_nhs_number]
    assert all(citizen.nhs_number not in ("", citizen.superseded_nhs_number) for citizen in replaced)


def test_every_uprn_is_valid_and_beyond_the_allotted_ones(city: Sequence[Citizen]) -> None:
    for home in (home for citizen in city for home in _addresses(citizen)):
        if home.postcode == NO_FIXED_ABODE:
            assert home.uprn == ""
        else:
            assert home.uprn == str(int(home.uprn))
            assert FIRST_UPRN <= int(home.uprn) <= 999_999_999_999


def test_one_uprn_is_one_address(city: Sequence[Citizen]) -> None:
    told: dict[str, set[Address]] = defaultdict(set)
    for home in (home for citizen in city for home in _addresses(citizen)):
        told[home.uprn].add(home)
    assert [uprn for uprn, homes in told.items() if len(homes) > 1] == []


def test_every_postcode_is_in_the_area_that_does_not_exist(city: Sequence[Citizen]) -> None:
    assert all(home.postcode.startswith("ZZ") for citizen in city for home in _addresses(citizen))


def test_no_day_lies_after_the_day_of_the_records_and_every_day_exists(city: Sequence[Citizen]) -> None:
    assert all(date.fromisoformat(day) <= AS_OF for citizen in city for day in _days(citizen))


def test_nothing_held_begins_before_birth(city: Sequence[Citizen]) -> None:
    for citizen in city:
        held = citizen.holdings
        assert all(item.onset >= citizen.birth_date for item in held.conditions)
        assert all(item.recorded >= citizen.birth_date for item in held.allergies)
        assert all(item.started >= citizen.birth_date for item in (*held.medications, *held.tenancies, *held.care))


def test_only_a_source_that_knows_somebody_holds_something(city: Sequence[Citizen]) -> None:
    for citizen in city:
        held = citizen.holdings
        assert citizen.nhs_number or not (held.medications or held.allergies or held.conditions)
        assert citizen.council_ref or not (held.tenancies or held.care or held.tax)
        assert citizen.charity_ref or not (held.plans or held.visits)


def test_the_town_has_every_kind_of_mishap(city: Sequence[Citizen]) -> None:
    ordinary = city[len(TEST_CITIZENS) :]
    seen = Counter(
        {
            "no NHS number": sum(not c.nhs_number for c in ordinary),
            "superseded": sum(bool(c.superseded_nhs_number) for c in ordinary),
            "restricted": sum(c.restricted for c in ordinary),
            "deceased": sum(bool(c.deceased_date) for c in ordinary),
            "name change": sum(bool(c.former_family) for c in ordinary),
            "moved": sum(c.nhs_address != c.address for c in ordinary),
            "two homes": sum(c.second_home is not None for c in ordinary),
            "no fixed abode": sum(not c.address.uprn for c in ordinary),
            "missing birth date": sum(not c.charity_birth_date for c in ordinary),
            "other birth date": sum(c.charity_birth_date not in ("", c.birth_date) for c in ordinary),
            "no telephone": sum(not c.telephone for c in ordinary),
            "no dose": sum(not item.dose for c in ordinary for item in c.holdings.medications),
            "ambiguous": sum(bool(c.ambiguous_at) for c in ordinary),
            "many visits": sum(len(c.holdings.visits) > 20 for c in ordinary),
        }
    )
    assert [kind for kind, count in seen.items() if not count] == []


def test_families_live_together_and_children_are_not_adults(town: Sequence[Citizen]) -> None:
    homes: dict[int, set[str]] = defaultdict(set)
    for citizen in town[len(TEST_CITIZENS) :]:
        homes[citizen.household].add(citizen.address.uprn)
    assert all(len(uprns) == 1 for uprns in homes.values())
    assert any(age(citizen.birth_date) < 18 for citizen in town)


def test_twins_share_day_and_home_and_have_names_of_their_own(city: Sequence[Citizen]) -> None:
    pairs: dict[int, list[Citizen]] = defaultdict(list)
    for citizen in city:
        if citizen.birth_order:
            pairs[citizen.household].append(citizen)
    whole = [pair for pair in pairs.values() if len(pair) == 2]
    assert len(whole) > 20
    for first, second in whole:
        assert (first.birth_date, first.family, first.address) == (second.birth_date, second.family, second.address)
        assert first.given != second.given


@given(st.integers(min_value=0, max_value=2**31), st.sampled_from([kind for _, kind in households.KINDS]))
def test_every_household_has_somebody_grown_up(seed: int, kind: str) -> None:
    people = households.members(Draw(seed), kind)
    assert any(member.adult and age(member.birth_date) >= 18 for member in people)
