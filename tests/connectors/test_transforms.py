# SPDX-License-Identifier: Apache-2.0
"""Named transforms: what they read, and that what they cannot read is refused and not passed on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.transforms import TRANSFORMS, Unreadable, chained

READ = [
    ("trim", "  two   words ", "two words"),
    ("uk-date", "4/7/1951", "1951-07-04"),
    ("uk-date", "04.07.1951 00:00", "1951-07-04"),
    ("iso-date", "1951-07-04T10:00:00+01:00", "1951-07-04"),
    ("iso-date", "1951-07", "1951-07"),
    ("iso-date", date(1951, 7, 4), "1951-07-04"),
    ("compact-date", "19510704", "1951-07-04"),
    ("compact-stamp", "20260302093015", "2026-03-02T09:30:15"),
    ("compact-stamp", "202603020930", "2026-03-02T09:30:00"),
    ("nhs-number", "943 476 5919", "9434765919"),
    ("uprn", "000100012345", "100012345"),
    ("postcode", " zz11zz", "ZZ1 1ZZ"),
    ("title", "O'NEILL-SMYTHE of ŁÓDŹ", "O'Neill-Smythe Of Łódź"),
    ("title", "ST JAMES'S", "St James's"),
    ("lower", "ABC", "abc"),
    ("upper", "abc", "ABC"),
    ("money-pence", "£1,234.5", 123450),
    ("money-pence", "-0.07", -7),
    ("money-pence", Decimal("12.50"), 1250),
    ("money-pence", 3, 300),
    ("integer", "-12", -12),
    ("integer", 4.0, 4),
    ("number-text", "7.50", "7.5"),
    ("number-text", 10, "10"),
    ("boolean", "Y", True),
    ("boolean", 0, False),
    ("code", " ab 1", "AB1"),
    ("split", "ramp; rail |  lift", ["ramp", "rail", "lift"]),
    ("reference", "https://x.example/Patient/12/_history/3", "12"),
    ("reference", "urn:uuid:12", "12"),
    ("first", ["a", "b"], "a"),
]

NOT_READ = [
    ("uk-date", "1951-07-04"),
    ("uk-date", "31/02/2026"),
    ("iso-date", "04/07/1951"),
    ("iso-date", "2026-02-30"),
    ("iso-date", "2026-02-01Junk"),
    ("compact-date", "00000000"),
    ("compact-date", "2026070"),
    ("compact-stamp", "20260302990000"),
    ("nhs-number", "9434765918"),
    ("nhs-number", "0000000000"),
    ("nhs-number", "1111111111"),
    ("nhs-number", "９４３４７６５９１９"),
    ("uprn", "0"),
    ("uprn", "1234567890123"),
    ("postcode", "NOWHERE"),
    ("money-pence", "1.234"),
    ("money-pence", "--1"),
    ("money-pence", True),
    ("money-pence", float("nan")),
    ("integer", "4.5"),
    ("integer", True),
    ("number-text", "many"),
    ("number-text", 1e300),
    ("boolean", "maybe"),
    ("trim", {"a": 1}),
    ("code", 1.5),
]


@pytest.mark.parametrize(("name", "value", "wanted"), READ)
def test_a_transform_reads_its_form(name: str, value: Any, wanted: Any) -> None:
    assert TRANSFORMS[name](value) == wanted


@pytest.mark.parametrize(("name", "value"), NOT_READ)
def test_a_transform_refuses_what_it_cannot_read(name: str, value: Any) -> None:
    with pytest.raises(Unreadable):
        TRANSFORMS[name](value)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_no_value_whatever_breaks_a_transform(name: str) -> None:
    @given(json)
    def holds(value: Any) -> None:
        try:
            made = TRANSFORMS[name](value)
        except Unreadable:
            return
        assert msgspec.json.decode(msgspec.json.encode(made)) == made  # what comes out can be sent

    holds()


def test_transforms_run_left_to_right_and_over_each_member_of_a_list() -> None:
    chain = chained(["trim", "split", "upper"])
    assert chain is not None
    assert chain(" a; b ") == ["A", "B"]
    each = chained(["upper"])
    assert each is not None
    assert each(["a", "b"]) == ["A", "B"]
