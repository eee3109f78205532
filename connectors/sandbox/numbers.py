# SPDX-License-Identifier: Apache-2.0
"""Identifiers that look right, pass every check, and can belong to nobody.

* NHS numbers stand in the 999 range, which NHS England keeps for tests, with a true modulus 11 check digit.
* UPRNs stand at 999,900,000,000 and above, the far end of the twelve digits and outside every allotted block.
* Telephone numbers are those Ofcom keeps for drama: 01632 960000–960999 and 07700 900000–900999.
* Postcodes are in the area ZZ, which is no postal area. ZZ99, where the NHS keeps pseudo-postcodes, is used
  only with its own meaning: ZZ99 3VZ is "no fixed abode".
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.sandbox.draw import Draw

NO_FIXED_ABODE = "ZZ99 3VZ"
FIRST_UPRN = 999_900_000_000

_RANGE = 10**6
"""Numbers 999 nnn nnn, before the check digit."""
_ALL_NINES = 999_999
_RESERVED = 1000
"""The first of them are kept for the documented test citizens."""
_STEP = 387_421
"""Prime to the rest of the range, so that stepping meets each number once before it meets one again."""
_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
"""Letters of the second half of a postcode: C, I, K, M, O and V do not occur (BS 7666-1)."""


def nhs_number(serial: int) -> str | None:
    """The NHS number 999 `serial` and its check digit; None where that digit would be 10 (no such number), and for
    ten nines, which pass the check but which every careful system refuses.

    `serial` is 0 to 999,999. NHS Data Dictionary: weights 10 to 2, modulus 11, 11 is written 0.
    """
    base = f"999{serial:06d}"
    total = sum(int(digit) * weight for digit, weight in zip(base, range(10, 1, -1), strict=True))
    check = 11 - total % 11
    if check == 10 or serial == _ALL_NINES:
        return None
    return f"{base}{check % 11}"


def reserved_nhs_numbers() -> Iterator[str]:
    """The numbers of the documented test citizens, the same for every seed: 9990000018 and on."""
    for serial in range(1, _RESERVED):
        if number := nhs_number(serial):
            yield number


def nhs_numbers(draw: Draw) -> Iterator[str]:
    """Every other valid number of the range once, in an order that the seed gives: about 900,000."""
    span = _RANGE - _RESERVED
    start = draw.below(span)
    for place in range(span):
        if number := nhs_number(_RESERVED + (start + place * _STEP) % span):
            yield number


def landline(draw: Draw) -> str:
    """A landline number kept for drama."""
    return f"01632 960{draw.below(1000):03d}"


def mobile(draw: Draw) -> str:
    """A mobile number kept for drama."""
    return f"07700 900{draw.below(1000):03d}"


def postcode(draw: Draw) -> str:
    """A postcode of the area ZZ, districts 1 to 29."""
    letters = draw.pick(_INWARD_LETTERS) + draw.pick(_INWARD_LETTERS)
    return f"ZZ{draw.between(1, 29)} {draw.below(10)}{letters}"
