# SPDX-License-Identifier: Apache-2.0
"""The normal form and validity of every identifier of a citizen, in one place.

A fault carries a code, never the value: what came in may be somebody's NHS number.
"""

from __future__ import annotations

import re
from typing import Literal

from nhs_number.validate import is_valid

from gateway.model import Identifier

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
UPRN = "https://fhir.nhs.uk/Id/uprn"
COUNCIL_PERSON = "urn:uk:council:E06999901:core:person"
CHARITY_CLIENT = "urn:uk:charity:9999901:crm:client"

Fault = Literal["unknown-system", "characters", "length", "check-digit", "repeated-digits", "outside-test-range"]

EXPECTED: dict[Fault, str] = {
    "unknown-system": "a system of the catalogue, or a local one: urn:uk:<sector>:<code>:<system>:<type>",
    "characters": "digits (an NHS number: also spaces, hyphens); a local reference: letters, digits and . _ / -",
    "length": "10 digits for an NHS number, 1 to 12 for a UPRN, 1 to 64 characters for a local reference",
    "check-digit": "a number whose check digit is right (modulus 11)",
    "repeated-digits": "a number that is not one digit repeated",
    "outside-test-range": "a test NHS number, which begins with 999",
}
"""What to tell the asker for each code."""

_LOCAL_SYSTEM = re.compile(r"urn:uk:[a-z-]{1,20}:[A-Za-z0-9]{1,20}:[a-z0-9-]{1,30}:[a-z0-9-]{1,30}")
_LOCAL_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


class IdentifierError(ValueError):
    """An identifier that cannot be anybody's. `code` is one of `Fault`; `expected` says what would do."""

    def __init__(self, code: Fault) -> None:
        super().__init__(code)
        self.code = code
        self.expected = EXPECTED[code]


def normalise(system: str, value: str, *, synthetic_only: bool = False) -> Identifier:
    """The identifier in normal form. `synthetic_only` (any gateway that is not in production) takes no NHS
    number outside the 999 range, so that a real one cannot come in by mistake. Raises IdentifierError."""
    if system == NHS_NUMBER:
        return Identifier(system, _nhs_number(value, synthetic_only))
    if system == UPRN:
        return Identifier(system, _uprn(value))
    if _LOCAL_SYSTEM.fullmatch(system):
        return Identifier(system, _local(value))
    raise IdentifierError("unknown-system")


def identifying(system: str) -> bool:
    """Whether a value of this system names one person. A UPRN names an address, where many may live."""
    return system != UPRN


def _nhs_number(value: str, synthetic_only: bool) -> str:
    digits = _digits(value.translate(_SEPARATORS))
    if len(digits) != 10:
        raise IdentifierError("length")
    if digits == digits[0] * 10:
        raise IdentifierError("repeated-digits")
    if not is_valid(digits):
        raise IdentifierError("check-digit")
    if synthetic_only and not digits.startswith("999"):
        raise IdentifierError("outside-test-range")
    return digits


def _uprn(value: str) -> str:
    # Stored without leading zeros, as agencies compare them as integers (GeoPlace: at most 12 digits).
    digits = _digits(value.strip(" "))
    if len(digits) > 12 or not digits.strip("0"):
        raise IdentifierError("length")
    return digits.lstrip("0")


def _local(value: str) -> str:
    reference = value.strip(" ")
    if not 1 <= len(reference) <= 64:
        raise IdentifierError("length")
    if not _LOCAL_VALUE.fullmatch(reference):
        raise IdentifierError("characters")
    return reference


_SEPARATORS = str.maketrans("", "", " -")


def _digits(value: str) -> str:
    # isdigit alone would take Arabic-Indic and other look-alike digits.
    if value and not (value.isascii() and value.isdigit()):
        raise IdentifierError("characters")
    return value
