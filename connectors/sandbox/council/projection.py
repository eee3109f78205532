# SPDX-License-Identifier: Apache-2.0
"""A citizen as the council's core system holds them: rows of upper-case codes, DDMMYYYY days and pence as text.

Codes are dirty as real ones are: several spellings of one meaning, and now and then one that means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.sandbox.days import ago
from connectors.sandbox.numbers import FIRST_UPRN
from connectors.sandbox.person import Address, CarePackage, Citizen, TaxAccount, Tenancy

Rows = dict[str, list[str]]
"""Table → lines in PostgreSQL's COPY text form. None of our values holds a tab, a newline or a backslash."""

TABLES = ("PRSIDX", "PRSMST", "ADRMST", "HSGTEN", "ASCSVC", "CTXACC", "CTXLIA")

SEX = {"female": "F", "male": "M", "other": "X", "unknown": "U"}
TENANCY_TYPES: Mapping[str, Sequence[str]] = {
    "secure": ("SEC", "SEC", "sec", "S"),
    "introductory": ("INT", "INTR"),
    "assured": ("ASS", "AST "),
    "assured-shorthold": ("ASH", "SHRT"),
    "temporary": ("TMP", "TEMP", "B&B"),
    "private": ("PRV",),
}
LANDLORDS = {
    "Examplebury Council": "LA",
    "Instance Homes": "HA01",
    "Beacon Housing Association": "HA02",
    "Private landlord": "PVT",
}
ADAPTATIONS = {
    "grab-rails": "GRB",
    "level-access-shower": "LAS",
    "ramp": "RMP",
    "stair-lift": "STL",
    "door-entry": "DRE",
}
SERVICES = {
    "home-care": ("HCARE", "Home care"),
    "day-care": ("DAY",),
    "direct-payment": ("DP", "DPAY"),
    "equipment": ("EQP",),
    "reablement": ("REAB", "STRE"),
    "residential-care": ("RES",),
}
SUPPORT_REASONS = {
    "physical-access": "PSAM",
    "physical-personal-care": "PSPC",
    "sensory": "SENS",
    "memory-and-cognition": "MEMC",
    "learning-disability": "LDIS",
    "mental-health": "MHTH",
    "social-isolation": "SISO",
}
ACCOUNT_STATES = {"open": "O", "closed": "C"}
DISCOUNTS = {"none": "NIL", "single-person": "SPD25", "disabled-band": "DBR", "student": "STU"}

_UPDATED = ago(3).replace("-", "") + "021500"
_SAME_FOR_ALL = 97
"""One row in this many carries a code that the council's own list does not have."""


class Projection:
    """Turns citizens into rows; remembers which addresses and accounts it has already written."""

    def __init__(self) -> None:
        self._addresses: set[int] = set()
        self._accounts: set[str] = set()

    def rows(self, citizens: Sequence[Citizen]) -> Rows:
        """The rows of those citizens, those without a council reference left out."""
        rows: Rows = {table: [] for table in TABLES}
        for citizen in citizens:
            if citizen.council_ref:
                self._person(rows, citizen)
                for place, tenancy in enumerate(citizen.holdings.tenancies, 1):
                    self._tenancy(rows, citizen, place, tenancy)
                for place, package in enumerate(citizen.holdings.care, 1):
                    rows["ASCSVC"].append(_care(citizen, place, package))
                if citizen.holdings.tax:
                    self._tax(rows, citizen, citizen.holdings.tax)
        return rows

    def _person(self, rows: Rows, citizen: Citizen) -> None:
        ref = citizen.council_ref
        rows["PRSIDX"].append(f"{ref}\tP\n")
        rows["PRSMST"].append(
            _line(
                ref,
                citizen.family.upper(),
                f"{citizen.given} {citizen.middle}".strip().upper(),
                citizen.title.upper(),
                SEX[citizen.gender],
                _day(citizen.birth_date),
                _day(citizen.deceased_date),
                citizen.telephone,
                self._address(rows, citizen.address),
                _nhs_number(citizen),
                _UPDATED,
                "BATCH01",
            )
        )

    def _tenancy(self, rows: Rows, citizen: Citizen, place: int, held: Tenancy) -> None:
        spellings = TENANCY_TYPES[held.kind]
        kind = "??" if _dirty(citizen) else spellings[citizen.number % len(spellings)]
        rows["HSGTEN"].append(
            _line(
                citizen.council_ref,
                str(place),
                f"T{citizen.number:06d}{place}",
                kind,
                _day(held.started),
                _day(held.ended),
                LANDLORDS[held.landlord],
                self._address(rows, held.address),
                ";".join(ADAPTATIONS[kind] for kind in held.adaptations),
                f"{held.arrears_pence:09d}",
                "00011840",
                _UPDATED,
            )
        )

    def _tax(self, rows: Rows, citizen: Citizen, held: TaxAccount) -> None:
        rows["CTXLIA"].append(f"{held.number}\t{citizen.council_ref}\n")
        if held.number not in self._accounts:
            self._accounts.add(held.number)
            rows["CTXACC"].append(
                _line(
                    held.number,
                    ACCOUNT_STATES[held.status],
                    f" {held.band}",
                    DISCOUNTS[held.discount],
                    _pounds(held.support_award_pence),
                    _pounds(held.balance_pence),
                    "DD" if citizen.number % 2 else "CHQ",
                    _UPDATED,
                )
            )

    def _address(self, rows: Rows, home: Address) -> str:
        """The reference of that address, its row written when it is met first; 0 is no fixed abode."""
        ref = int(home.uprn) - FIRST_UPRN if home.uprn else 0
        if ref not in self._addresses:
            self._addresses.add(ref)
            rows["ADRMST"].append(
                _line(str(ref), home.house, home.street.upper(), home.town.upper(),
                      home.postcode.replace(" ", ""), home.uprn)
            )  # fmt: skip
        return str(ref)


def _care(citizen: Citizen, place: int, held: CarePackage) -> str:
    spellings = SERVICES[held.service]
    return _line(
        citizen.council_ref,
        str(place),
        f"S{citizen.number:06d}{place}",
        spellings[citizen.number % len(spellings)],
        _day(held.started),
        _day(held.ended),
        held.provider,
        f"{held.hundredths // 100}.{held.hundredths % 100:02d}",
        "N/K" if _dirty(citizen) else SUPPORT_REASONS[held.reason],
        held.worker,
        "21.50",
        _UPDATED,
    )


def _dirty(citizen: Citizen) -> bool:
    """The test citizens have clean codes; their stories are other ones."""
    return citizen.number > 100 and citizen.number % _SAME_FOR_ALL == 0


def _nhs_number(citizen: Citizen) -> str:
    number = citizen.known_nhs_number
    return f"{number[:3]} {number[3:6]} {number[6:]}" if number else ""


def _day(iso: str) -> str:
    """DDMMYYYY, or eight zeros where there is none."""
    return f"{iso[8:]}{iso[5:7]}{iso[:4]}" if iso else "00000000"


def _pounds(pence: int) -> str:
    sign = "-" if pence < 0 else ""
    return f"{sign}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def _line(*values: str) -> str:
    return "\t".join(values) + "\n"
