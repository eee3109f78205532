# SPDX-License-Identifier: Apache-2.0
"""The words in which a documented test citizen is told: who asks what, what was decided, what must come back."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from connectors.sandbox.person import Citizen

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
COUNCIL_REF = "urn:uk:council:E06999901:core:person"
CHARITY_REF = "urn:uk:charity:9999901:crm:client"

GP = "uk/nhs/XZG01/gp-record"
COUNCIL = "uk/council/E06999901/core"
CHARITY = "uk/charity/9999901/crm"

TRUST = "uk/nhs/XZZ01"
TOWN_HALL = "uk/council/E06999901"
BEFRIENDERS = "uk/charity/9999901"


class Ask(Struct, frozen=True):
    """The question that shows the outcome. `fields` narrows a category; `include` empty means every source."""

    organisation: str
    system: str
    agreement: str
    purpose: str
    lawful_basis: str
    role: str
    categories: tuple[str, ...]
    fields: dict[str, tuple[str, ...]] = {}
    deadline_ms: int = 2000


class ConsentAct(Struct, frozen=True):
    """One event for the consent ledger. `days_ago` counts back from the day it is written; a grant lives
    `lifetime_days` (0 for a refusal or a withdrawal)."""

    kind: Literal["given", "refused", "withdrawn"]
    organisation: str
    purpose: str
    agreement: str
    categories: tuple[str, ...]
    days_ago: int
    lifetime_days: int = 0


class Fault(Struct, frozen=True):
    """How one source always behaves about this citizen; modes as in `connectors.sandbox.faults`."""

    source: str
    mode: str
    delay_ms: int = 0


class Row(Struct, frozen=True):
    """One expected line of the completeness table; `state` is one of the nine of the exchange, or `absent`
    where the line must not be there at all."""

    category: str
    source: str
    state: str
    reason: str = ""
    items: int = 0


class Story(Struct, frozen=True):
    """One documented test citizen. `subject` is the identifier system to ask by."""

    outcome: str
    sentence: str
    citizen: Citizen
    ask: Ask
    rows: tuple[Row, ...]
    consents: tuple[ConsentAct, ...] = ()
    faults: tuple[Fault, ...] = ()
    subject: str = NHS_NUMBER

    @property
    def identifiers(self) -> dict[str, str]:
        """Identifier system → value, as the gateway links them."""
        return identifiers(self.citizen)


def identifiers(citizen: Citizen) -> dict[str, str]:
    """Identifier system → value of one citizen, as everybody but the NHS knows them."""
    held = {
        NHS_NUMBER: citizen.known_nhs_number,
        COUNCIL_REF: citizen.council_ref,
        CHARITY_REF: citizen.charity_ref,
    }
    return {system: value for system, value in held.items() if value}
