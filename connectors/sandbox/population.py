# SPDX-License-Identifier: Apache-2.0
"""One synthetic town: the same people for the same seed, streamed, so that a hundred thousand fit anywhere.

The first of them are the documented test citizens, the same for every seed. The others come household by
household, and the first five hundred of a hundred thousand are the five hundred. What goes wrong in real
records goes wrong here at the rates below.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.sandbox import civic, clinical, support
from connectors.sandbox.days import age, ago
from connectors.sandbox.draw import Draw
from connectors.sandbox.households import KINDS, Member, members
from connectors.sandbox.numbers import landline, mobile, nhs_numbers
from connectors.sandbox.person import Address, Citizen, Holdings, TaxAccount
from connectors.sandbox.places import NOWHERE, PRACTICES, home
from connectors.sandbox.test_citizens import TEST_CITIZENS

VERSION = "3"
"""Raised when the same seed gives other people or other bytes, so that stores made before are made anew."""

MOST_PEOPLE = 800_000
FIRST_COUNCIL_REF = 1_100_000
FIRST_CHARITY_REF = 200_000

NO_NHS_NUMBER = 0.012
SUPERSEDED = 0.008
RESTRICTED = 0.008
DECEASED = 0.02
MOVED = 0.04
TWO_HOMES = 0.05
NO_FIXED_ABODE = 0.01
CONFLICTING_BIRTH_DATE = 0.02
MISSING_BIRTH_DATE = 0.03
TWICE_AT_THE_CHARITY = 0.005


def population(people: int, seed: int) -> Iterator[Citizen]:
    """`people` citizens for `seed`. Raises ValueError for a number that the test citizens do not fit in, or
    that the 999 range of NHS numbers has not enough of."""
    if not len(TEST_CITIZENS) <= people <= MOST_PEOPLE:
        raise ValueError(f"a population holds {len(TEST_CITIZENS)} to {MOST_PEOPLE} people")
    return _stream(people, seed)


def _stream(people: int, seed: int) -> Iterator[Citizen]:
    for test in TEST_CITIZENS:
        yield test.citizen
    town = _Town(seed, len(TEST_CITIZENS))
    left = people - len(TEST_CITIZENS)
    while left > 0:
        household = town.household()
        yield from household[:left]
        left -= len(household)


class _Town:
    """Hands out the numbers and homes of one population, and turns members into citizens."""

    def __init__(self, seed: int, taken: int) -> None:
        self._draw = Draw(seed)
        self._nhs_numbers = nhs_numbers(self._draw)
        self._people = taken
        self._households = taken
        self._homes = 1000  # the test citizens live in the first

    def household(self) -> list[Citizen]:
        draw = self._draw
        self._households += 1
        kind = draw.weighted(KINDS)
        people = members(draw, kind)
        address = NOWHERE if kind == "alone" and draw.chance(NO_FIXED_ABODE) else self._home()
        before = self._home() if draw.chance(MOVED) and address.uprn else address
        second = self._home() if kind == "lone-parent" and draw.chance(TWO_HOMES * 4) else None
        account = civic.tax_account(draw, self._households, single=sum(p.adult for p in people) == 1)
        if kind == "sharers":
            account = civic.student_exemption(draw, account)
        return [self._citizen(person, address, before, second, account) for person in people]

    def _citizen(
        self, member: Member, address: Address, before: Address, second: Address | None, account: TaxAccount
    ) -> Citizen:
        draw = self._draw
        self._people += 1
        years = age(member.birth_date)
        number = "" if draw.chance(NO_NHS_NUMBER) else next(self._nhs_numbers)
        at_council = draw.chance(0.93 if member.adult else 0.12)
        at_charity = draw.chance(0.3 if years >= 65 else 0.12 if member.adult else 0.02)
        former = member.former_family if draw.chance(0.6) else ""
        return Citizen(
            number=self._people,
            household=self._households,
            given=member.given,
            middle=member.middle,
            family=member.family,
            former_family=former,
            title=member.title,
            gender=member.gender,
            birth_date=member.birth_date,
            deceased_date=ago(draw.between(1, 365)) if years >= 60 and draw.chance(DECEASED) else "",
            birth_order=member.birth_order,
            nhs_number=number,
            superseded_nhs_number=next(self._nhs_numbers) if number and draw.chance(SUPERSEDED) else "",
            restricted=bool(number) and draw.chance(RESTRICTED),
            council_ref=str(FIRST_COUNCIL_REF + self._people) if at_council or not (number or at_charity) else "",
            charity_ref=f"EB{FIRST_CHARITY_REF + self._people}" if at_charity else "",
            address=address,
            nhs_address=before,
            charity_address=draw.pick((address, before)),
            second_home=None if member.adult else second,
            telephone=self._telephone(years),
            practice=None if draw.chance(0.02) else draw.pick(PRACTICES),
            charity_birth_date=self._as_the_charity_wrote(member.birth_date),
            ambiguous_at="charity" if at_charity and draw.chance(TWICE_AT_THE_CHARITY) else "",
            holdings=self._holdings(member, years, address, account, bool(number), at_council, at_charity),
        )

    def _holdings(
        self,
        member: Member,
        years: int,
        address: Address,
        account: TaxAccount,
        nhs: bool,
        council: bool,
        charity: bool,
    ) -> Holdings:
        draw = self._draw
        problems = clinical.conditions(draw, member.birth_date) if nhs else ()
        lets = council and member.adult and address.uprn and draw.chance(0.35)
        cared = council and member.adult and draw.chance(0.3 if years >= 75 else 0.03)
        return Holdings(
            medications=clinical.medications(draw, problems),
            allergies=clinical.allergies(draw, member.birth_date) if nhs else (),
            conditions=tuple(condition for _, condition in problems),
            tenancies=(civic.tenancy(draw, address, older=years >= 65),) if lets else (),
            care=tuple(civic.care(draw) for _ in range(draw.between(1, 2))) if cared else (),
            tax=account if council and member.adult and address.uprn else None,
            plans=tuple(support.plan(draw) for _ in range(draw.between(0, 2))) if charity else (),
            visits=support.visits(draw) if charity and draw.chance(0.5) else (),
        )

    def _home(self) -> Address:
        self._homes += 1
        return home(self._draw, self._homes)

    def _telephone(self, years: int) -> str:
        if self._draw.chance(0.12) or years < 12:
            return ""
        return landline(self._draw) if self._draw.chance(0.3) else mobile(self._draw)

    def _as_the_charity_wrote(self, birth_date: str) -> str:
        """Now and then a volunteer leaves it out, or swaps day and month where that is a date too."""
        if self._draw.chance(MISSING_BIRTH_DATE):
            return ""
        year, month, day = birth_date.split("-")
        swapped = f"{year}-{day}-{month}"
        if self._draw.chance(CONFLICTING_BIRTH_DATE) and int(day) <= 12 and swapped <= ago(0):
            return swapped
        return birth_date
