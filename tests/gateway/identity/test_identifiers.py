# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.identifiers import (
    CHARITY_CLIENT,
    COUNCIL_PERSON,
    EXPECTED,
    NHS_NUMBER,
    UPRN,
    IdentifierError,
    identifying,
    normalise,
)


def _check_digit(nine: str) -> int:
    """Modulus 11 as the NHS Data Dictionary describes it; 10 is no digit."""
    return (11 - sum(int(d) * w for d, w in zip(nine, range(10, 1, -1), strict=True)) % 11) % 11


def _code(system: str, value: str, **options: bool) -> str:
    with pytest.raises(IdentifierError) as caught:
        normalise(system, value, **options)
    assert caught.value.expected == EXPECTED[caught.value.code]
    assert not value or value not in str(caught.value)
    return caught.value.code


@given(st.integers(0, 999_999))
def test_exactly_one_check_digit_makes_an_nhs_number(six: int) -> None:
    nine = f"999{six:06d}"
    right = _check_digit(nine)
    for digit in range(10):
        if digit == right and len(set(f"{nine}{digit}")) > 1:
            assert normalise(NHS_NUMBER, f"{nine}{digit}").value == f"{nine}{digit}"
        else:
            assert _code(NHS_NUMBER, f"{nine}{digit}") in {"check-digit", "repeated-digits"}


@pytest.mark.parametrize("written", ["9990000018", "999 000 0018", "999-000-0018", " 9990000018 "])
def test_an_nhs_number_may_be_written_with_spaces_and_hyphens(written: str) -> None:
    assert normalise(NHS_NUMBER, written).value == "9990000018"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("9990000019", "check-digit"),
        ("9999999999", "repeated-digits"),
        ("0000000000", "repeated-digits"),
        ("999000001", "length"),
        ("99900000180", "length"),
        ("", "length"),
        ("٩٩٩٠٠٠٠٠١٨", "characters"),
        ("９９９０００００１８", "characters"),
        ("999000001O", "characters"),
        ("999.000.0018", "characters"),
        ("999\t0000018", "characters"),
        ("9990000018\n", "characters"),
    ],
)
def test_what_is_no_nhs_number_is_told_by_a_code(value: str, code: str) -> None:
    assert _code(NHS_NUMBER, value) == code


def test_outside_production_only_the_test_range_is_taken() -> None:
    assert normalise(NHS_NUMBER, "4010232137").value == "4010232137"  # the NHS Data Dictionary's own example
    assert _code(NHS_NUMBER, "4010232137", synthetic_only=True) == "outside-test-range"
    assert normalise(NHS_NUMBER, "9990000018", synthetic_only=True).value == "9990000018"


@pytest.mark.parametrize(("written", "value"), [("1", "1"), ("000100023336956", None), ("0100023336956", None)])
def test_a_uprn_has_at_most_twelve_digits(written: str, value: str | None) -> None:
    if value is None:
        assert _code(UPRN, written) == "length"
    else:
        assert normalise(UPRN, written).value == value


def test_a_uprn_is_kept_without_leading_zeros_and_is_nobodys() -> None:
    assert normalise(UPRN, "000023336956").value == "23336956"
    assert [_code(UPRN, value) for value in ("", "0", "12a")] == ["length", "length", "characters"]
    assert not identifying(UPRN)
    assert all(map(identifying, (NHS_NUMBER, COUNCIL_PERSON, CHARITY_CLIENT)))


def test_a_local_reference_keeps_its_case() -> None:
    assert normalise(COUNCIL_PERSON, " Px-1/2 ").value == "Px-1/2"
    assert normalise(CHARITY_CLIENT, "c1").value == "c1"


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "length"), ("x" * 65, "length"), ("a b", "characters"), ("-a", "characters"), ("é", "characters")],
)
def test_a_local_reference_has_its_form(value: str, code: str) -> None:
    assert _code(COUNCIL_PERSON, value) == code


@pytest.mark.parametrize(
    "system", ["", "nhs", "https://fhir.nhs.uk/Id/nhs-number ", "urn:uk:council", "urn:x:y:z:a:b"]
)
def test_an_unknown_system_is_refused(system: str) -> None:
    assert _code(system, "9990000018") == "unknown-system"
