# SPDX-License-Identifier: Apache-2.0
"""Every number the town can ever give out is one that the gateway takes."""

from __future__ import annotations

import pytest

from connectors.sandbox.numbers import nhs_number
from gateway.identity.identifiers import NHS_NUMBER, IdentifierError, normalise


def test_the_gateway_takes_every_nhs_number_of_the_town_at_the_ends_of_its_range() -> None:
    for serial in (*range(1, 2000), *range(998_000, 1_000_000)):
        if number := nhs_number(serial):
            assert normalise(NHS_NUMBER, number, synthetic_only=True).value == number


def test_ten_nines_are_nobodys_number() -> None:
    assert nhs_number(999_999) is None
    with pytest.raises(IdentifierError):
        normalise(NHS_NUMBER, "9999999999", synthetic_only=True)
