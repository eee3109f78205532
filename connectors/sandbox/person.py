# SPDX-License-Identifier: Apache-2.0
"""One synthetic citizen and everything that the three systems hold about them, before any system's own form.

Dates are ISO 8601 strings, money is whole pence, an empty string means that nobody wrote it down. What two
systems tell differently stands here twice, so that a test can say who is right.
"""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True, gc=False):
    """A home. `uprn` is empty where there is no fixed abode."""

    uprn: str
    house: str
    street: str
    town: str
    postcode: str


class Practice(Struct, frozen=True, gc=False):
    """A GP practice: its ODS code and name."""

    code: str
    name: str


class Medication(Struct, frozen=True, gc=False):
    """One line of a repeat or acute prescription; `code` is SNOMED CT."""

    code: str
    name: str
    dose: str
    frequency: str
    status: str
    started: str
    prescriber: str


class Allergy(Struct, frozen=True, gc=False):
    """One allergy or intolerance; `severity` is mild, moderate, severe or unknown (empty)."""

    code: str
    substance: str
    reaction_code: str
    reaction: str
    severity: str
    recorded: str
    status: str


class Condition(Struct, frozen=True, gc=False):
    """One problem of the GP record."""

    code: str
    name: str
    onset: str
    status: str


class Tenancy(Struct, frozen=True, gc=False):
    """One letting. `kind` is the canonical tenancy type; `arrears_pence` below zero is a credit."""

    kind: str
    started: str
    ended: str
    landlord: str
    address: Address
    adaptations: tuple[str, ...]
    arrears_pence: int


class CarePackage(Struct, frozen=True, gc=False):
    """One adult social care service. `hundredths` are hours a week times 100."""

    service: str
    started: str
    ended: str
    provider: str
    hundredths: int
    reason: str
    worker: str


class TaxAccount(Struct, frozen=True, gc=False):
    """One council tax account, shared by the adults who are liable for it."""

    number: str
    status: str
    band: str
    discount: str
    support_award_pence: int
    balance_pence: int


class SupportPlan(Struct, frozen=True, gc=False):
    """One support plan of the charity."""

    title: str
    goal: str
    status: str
    reviewed: str
    key_worker: str


class Visit(Struct, frozen=True, gc=False):
    """One befriending visit."""

    visit_date: str
    volunteer: str
    outcome: str
    notes: str


class Holdings(Struct, frozen=True, gc=False):
    """What is held about one citizen, by all three systems together."""

    medications: tuple[Medication, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    conditions: tuple[Condition, ...] = ()
    tenancies: tuple[Tenancy, ...] = ()
    care: tuple[CarePackage, ...] = ()
    tax: TaxAccount | None = None
    plans: tuple[SupportPlan, ...] = ()
    visits: tuple[Visit, ...] = ()


class Citizen(Struct, frozen=True, gc=False):
    """One synthetic person.

    `nhs_number`, `council_ref` and `charity_ref` are empty where that system does not know them.
    `superseded_nhs_number` is an older number which the other systems still hold. `address` is where they live
    and what the council holds; the NHS and the charity may hold another one. `former_family` is a name of
    before, which the charity still uses. `charity_birth_date` is what the charity wrote down: empty or another
    day where it has it wrong. `ambiguous_at` names the system ("charity") that holds two people under their
    reference. `birth_order` is above zero for a twin.
    """

    number: int
    household: int
    given: str
    middle: str
    family: str
    former_family: str
    title: str
    gender: str
    birth_date: str
    deceased_date: str
    birth_order: int
    nhs_number: str
    superseded_nhs_number: str
    restricted: bool
    council_ref: str
    charity_ref: str
    address: Address
    nhs_address: Address
    charity_address: Address
    second_home: Address | None
    telephone: str
    practice: Practice | None
    charity_birth_date: str
    ambiguous_at: str
    holdings: Holdings

    @property
    def known_nhs_number(self) -> str:
        """The NHS number that everybody but the NHS has on file."""
        return self.superseded_nhs_number or self.nhs_number
