# SPDX-License-Identifier: Apache-2.0
"""The documented test citizens: one for each outcome that an agency can meet, the same for every seed.

`docs/test-citizens.md` is written from here. A new outcome is a new entry at the end of `TEST_CITIZENS`; the
identifiers of the ones before must not move, because people learn them by heart.
"""

from __future__ import annotations

from typing import Any

import msgspec

from connectors.sandbox import civic, clinical, support
from connectors.sandbox.days import ago
from connectors.sandbox.numbers import FIRST_UPRN, reserved_nhs_numbers
from connectors.sandbox.person import Address, Citizen, Holdings
from connectors.sandbox.places import PRACTICES
from connectors.sandbox.stories import (
    BEFRIENDERS,
    CHARITY,
    COUNCIL,
    COUNCIL_REF,
    GP,
    TOWN_HALL,
    TRUST,
    Ask,
    ConsentAct,
    Fault,
    Row,
    Story,
)

FIRST_COUNCIL_REF = 1_000_000
FIRST_CHARITY_REF = 100_000

_NUMBERS = tuple(reserved_nhs_numbers())

SUPPORT = ("support.plan", "support.befriending")
HEALTH = ("health.medications", "health.allergies", "health.conditions")

DISCHARGE = Ask(
    organisation=TRUST,
    system="xzz01-discharge",
    agreement="dsa-2026-014",
    purpose="direct-care.discharge-planning",
    lawful_basis="6(1)(e)",
    role="discharge-coordinator",
    categories=("identity.demographics", *HEALTH, "housing.tenancy", "social-care.adult-support", *SUPPORT),
)
HOMELESSNESS = Ask(
    organisation=TOWN_HALL,
    system="e06999901-adult-social-care",
    agreement="dsa-2026-021",
    purpose="social-support.homelessness-prevention",
    lawful_basis="6(1)(c)",
    role="housing-officer",
    categories=("identity.demographics", "housing.tenancy", "benefits.council-tax", *SUPPORT),
)
PRESCRIBING = Ask(
    organisation=BEFRIENDERS,
    system="9999901-casework",
    agreement="dsa-2026-030",
    purpose="direct-care.social-prescribing",
    lawful_basis="6(1)(a)",
    role="link-worker",
    categories=("identity.demographics", "health.conditions", "health.medications"),
)


def consent(kind: Any, ask: Ask, categories: tuple[str, ...], days_ago: int, lifetime_days: int = 0) -> ConsentAct:
    """One consent event about that question."""
    return ConsentAct(kind, ask.organisation, ask.purpose, ask.agreement, categories, days_ago, lifetime_days)


AGREED = (consent("given", DISCHARGE, SUPPORT, 30, 365),)
"""Consent to the charity's support being seen by the hospital, given a month ago for a year."""


def rows(state: str, source: str, *categories: str, reason: str = "", items: int = 0) -> tuple[Row, ...]:
    """The same expected line for several categories of one source."""
    return tuple(Row(category, source, state, reason, items) for category in categories)


def address(number: int) -> Address:
    """The home of test citizen `number`."""
    return Address(
        str(FIRST_UPRN + number), str(number), "Demonstration Way", "Examplebury", f"ZZ1 {number % 10}AA"
    )


def citizen(number: int, given: str, family: str, gender: str, birth_date: str, **changes: Any) -> Citizen:
    """Test citizen `number`, known to all three systems, with one example record of each kind and `changes`."""
    home = address(number)
    medications, allergies, conditions = clinical.example_record()
    tenancy, care, account = civic.example_record(home, number)
    plan, visits = support.example_record()
    person = Citizen(
        number=number,
        household=number,
        given=given,
        middle="",
        family=family,
        former_family="",
        title={"female": "Ms", "male": "Mr"}[gender],
        gender=gender,
        birth_date=birth_date,
        deceased_date="",
        birth_order=0,
        nhs_number=_NUMBERS[number - 1],
        superseded_nhs_number="",
        restricted=False,
        council_ref=str(FIRST_COUNCIL_REF + number),
        charity_ref=f"EB{FIRST_CHARITY_REF + number}",
        address=home,
        nhs_address=home,
        charity_address=home,
        second_home=None,
        telephone=f"07700 9000{number:02d}",
        practice=PRACTICES[0],
        charity_birth_date=birth_date,
        ambiguous_at="",
        holdings=Holdings(medications, allergies, conditions, (tenancy,), (care,), account, (plan,), visits),
    )
    return _without_strangers(msgspec.structs.replace(person, **changes))


def _without_strangers(person: Citizen) -> Citizen:
    """The same citizen, with nothing held by a system that does not know them."""
    held = person.holdings
    if not person.nhs_number:
        held = msgspec.structs.replace(held, medications=(), allergies=(), conditions=())
    if not person.charity_ref:
        held = msgspec.structs.replace(held, plans=(), visits=())
    return msgspec.structs.replace(person, holdings=held)


_EVERYTHING = (
    *rows("returned", GP, "identity.demographics", items=1),
    *rows("returned", GP, "health.medications", items=3),
    *rows("returned", GP, "health.allergies", items=1),
    *rows("returned", GP, "health.conditions", items=2),
    *rows("returned", COUNCIL, "identity.demographics", "housing.tenancy", "social-care.adult-support", items=1),
    *rows("returned", CHARITY, "support.plan", items=1),
    *rows("returned", CHARITY, "support.befriending", items=2),
)

_TWO_WEEKS = 14 * 86_400_000

_STORIES = (
    Story(
        "all-returned", "All three systems answer and the citizen agreed to what needs consent.",
        citizen(1, "Edith", "Marlowe", "female", "1941-03-14"),
        DISCHARGE, _EVERYTHING, AGREED,
    ),
    Story(
        "consent-not-given", "Nobody has asked the citizen yet, so what the charity holds is withheld. The demo "
        "tells its story with this citizen.",
        citizen(2, "Harold", "Fenwick", "male", "1938-11-02"),
        DISCHARGE, rows("withheld", CHARITY, *SUPPORT, reason="consent-not-given"),
    ),
    Story(
        "consent-denied", "The citizen was asked and said no.",
        citizen(3, "Fatima", "Chaudhry", "female", "1956-07-21"),
        DISCHARGE, rows("withheld", CHARITY, *SUPPORT, reason="consent-not-given"),
        (consent("refused", DISCHARGE, SUPPORT, 10),),
    ),
    Story(
        "consent-given", "A charity asks for health data, which here rests on consent alone, and it was given.",
        citizen(4, "Owen", "Griffiths", "male", "1962-01-30"),
        PRESCRIBING,
        (
            *rows("returned", GP, "identity.demographics", items=1),
            *rows("returned", GP, "health.conditions", items=2),
            *rows("returned", GP, "health.medications", items=3),
        ),
        (consent("given", PRESCRIBING, PRESCRIBING.categories, 7, 180),),
    ),
    Story(
        "consent-withdrawn", "The citizen agreed and took it back.",
        citizen(5, "Temi", "Adeyemi", "female", "1974-05-09"),
        DISCHARGE, rows("withheld", CHARITY, *SUPPORT, reason="consent-withdrawn"),
        (consent("given", DISCHARGE, SUPPORT, 60, 365), consent("withdrawn", DISCHARGE, SUPPORT, 3)),
    ),
    Story(
        "consent-expired", "The citizen agreed for half a year, which is over.",
        citizen(6, "Stanley", "Oakes", "male", "1947-09-18"),
        DISCHARGE, rows("withheld", CHARITY, *SUPPORT, reason="consent-expired"),
        (consent("given", DISCHARGE, SUPPORT, 200, 180),),
    ),
    Story(
        "redacted-fields", "The hospital asks who prescribed each medicine, which its agreement leaves out: the "
        "medicines come without that field.",
        citizen(7, "Priya", "Mehta", "female", "1969-12-05"),
        msgspec.structs.replace(
            DISCHARGE,
            categories=("health.medications",),
            fields={"health.medications": ("name", "dose", "frequency", "prescriber")},
        ),
        rows("redacted", GP, "health.medications", items=3),
    ),
    Story(
        "restricted", "The NHS record is marked sensitive (the s-flag): address, telephone and practice are not "
        "given by the source.",
        citizen(8, "Nia", "Bevan", "female", "1988-02-26", restricted=True),
        DISCHARGE, rows("redacted", GP, "identity.demographics", items=1), AGREED,
    ),
    Story(
        "superseded", "Everybody holds an NHS number that was replaced; the NHS answers with the new one, and "
        "nothing is released from there until the identifier is linked anew.",
        citizen(9, "George", "Whitlock", "male", "1952-04-17", superseded_nhs_number=_NUMBERS[80]),
        DISCHARGE, rows("unmatched", GP, "identity.demographics", *HEALTH, reason="identifier-superseded"), AGREED,
    ),
    Story(
        "ambiguous", "The charity holds two clients under one number and will not guess.",
        citizen(10, "Anna", "Kowalski", "female", "1979-08-12", ambiguous_at="charity"),
        DISCHARGE, rows("unmatched", CHARITY, *SUPPORT, reason="identifier-ambiguous"), AGREED,
    ),
    Story(
        "unmatched", "The charity has never met this citizen, so there is no number to ask it by.",
        citizen(11, "Robert", "Quick", "male", "1983-10-01", charity_ref=""),
        DISCHARGE, rows("unmatched", CHARITY, *SUPPORT, reason="no-identifier"), AGREED,
    ),
    Story(
        "nothing-held", "All three know the citizen, and none holds a record.",
        citizen(12, "Leila", "Hassan", "female", "1999-06-23", holdings=Holdings()),
        DISCHARGE,
        (
            *rows("returned", GP, "identity.demographics", items=1),
            *rows("empty", GP, *HEALTH),
            *rows("returned", COUNCIL, "identity.demographics", items=1),
            *rows("empty", COUNCIL, "housing.tenancy", "social-care.adult-support"),
            *rows("empty", CHARITY, *SUPPORT),
        ),
        AGREED,
    ),
    Story(
        "slow-source", "The charity takes five seconds: too long for the usual deadline, enough for "
        "`deadline_ms` 8000.",
        citizen(13, "Winifred", "Lane", "female", "1935-01-11"),
        DISCHARGE, rows("unavailable", CHARITY, *SUPPORT, reason="source-timeout"), AGREED,
        (Fault(CHARITY, "slow", 5000),),
    ),
    Story(
        "source-down", "The council's database answers with an error.",
        citizen(14, "Kwame", "Eze", "male", "1966-03-03"),
        DISCHARGE,
        rows("unavailable", COUNCIL, "identity.demographics", "housing.tenancy", "social-care.adult-support",
             reason="source-error"),
        AGREED, (Fault(COUNCIL, "fail"),),
    ),
    Story(
        "lying-source", "The council answers with another citizen's rows: nothing of it is released and an alarm "
        "is logged.",
        citizen(15, "Ines", "Talbot", "female", "1971-11-27"),
        DISCHARGE,
        rows("unavailable", COUNCIL, "identity.demographics", "housing.tenancy", "social-care.adult-support",
             reason="identity-mismatch"),
        AGREED, (Fault(COUNCIL, "lie"),),
    ),
    Story(
        "garbage-source", "The charity answers 200 with something that is no record.",
        citizen(16, "Marek", "Nowak", "male", "1980-05-16"),
        DISCHARGE, rows("unavailable", CHARITY, *SUPPORT, reason="garbage"), AGREED, (Fault(CHARITY, "garbage"),),
    ),
    Story(
        "stale-extract", "The council's nightly extract has not been made for this citizen for two weeks.",
        citizen(17, "Joan", "Hardcastle", "female", "1944-07-07"),
        DISCHARGE, rows("stale", COUNCIL, "identity.demographics", "housing.tenancy", "social-care.adult-support"),
        AGREED, (Fault(COUNCIL, "stale", _TWO_WEEKS),),
    ),
    Story(
        "silent-withheld", "For preventing homelessness, that a charity visits is not given away: without consent "
        "there is no line for it at all, and only a general one for the support plan.",
        citizen(18, "Dewi", "Parry", "male", "1976-02-14"),
        HOMELESSNESS,
        (
            *rows("returned", COUNCIL, "identity.demographics", "housing.tenancy", "benefits.council-tax", items=1),
            *rows("withheld", CHARITY, "support.plan"),
            *rows("absent", CHARITY, "support.befriending"),
        ),
    ),
    Story(
        "conflicting-duplicates", "The NHS and the council disagree about where the citizen lives, and the charity "
        "still uses a former name; all is shown, nothing is chosen.",
        citizen(19, "Susan", "O'Brien", "female", "1958-09-29", former_family="Larkin",
                nhs_address=Address(str(FIRST_UPRN + 919), "19", "Former Lane", "Sampleford", "ZZ2 9AB")),
        DISCHARGE,
        (*rows("returned", GP, "identity.demographics", items=1),
         *rows("returned", COUNCIL, "identity.demographics", items=1)),
        AGREED,
    ),
    Story(
        "deceased", "The citizen died in the spring; the NHS record says so, the charity has not heard.",
        citizen(20, "Frank", "Abbott", "male", "1932-12-24", deceased_date=ago(210)),
        DISCHARGE, rows("returned", GP, "identity.demographics", items=1), AGREED,
    ),
    Story(
        "no-nhs-number", "The citizen has no NHS number and is asked for by the council's reference.",
        citizen(21, "Ivan", "Zielinski", "male", "1990-04-04", nhs_number=""),
        DISCHARGE,
        (*rows("unmatched", GP, "identity.demographics", *HEALTH, reason="no-identifier"),
         *rows("returned", COUNCIL, "identity.demographics", "housing.tenancy", items=1),
         *rows("returned", CHARITY, "support.plan", items=1)),
        AGREED, subject=COUNCIL_REF,
    ),
    Story(
        "hung-source", "The GP record service takes the question and never answers: the answer comes at the "
        "deadline without it.",
        citizen(22, "Rosa", "Thorne", "female", "1985-06-19"),
        DISCHARGE, rows("unavailable", GP, "identity.demographics", *HEALTH, reason="source-timeout"), AGREED,
        (Fault(GP, "hang"),),
    ),
)  # fmt: skip


def _twins() -> tuple[Story, Story]:
    """Two sisters of one day and one home: a wrong link between them is easily made and must not be."""
    home = address(23)
    shared = {"address": home, "nhs_address": home, "charity_address": home, "household": 23}
    ask = msgspec.structs.replace(DISCHARGE, categories=("identity.demographics",))
    sentence = "Twin of test citizen {}: same day, same home, same initial. Each question brings one of them."
    told = (
        *rows("returned", GP, "identity.demographics", items=1),
        *rows("returned", COUNCIL, "identity.demographics", items=1),
    )
    first = citizen(23, "Isla", "Reid", "female", "2001-08-30", birth_order=1, **shared)
    second = citizen(24, "Ines", "Reid", "female", "2001-08-30", birth_order=2, **shared)
    return (
        Story("twin-first", sentence.format(24), first, ask, told),
        Story("twin-second", sentence.format(23), second, ask, told),
    )


_THROTTLED = Story(
    "throttled",
    "The charity's supplier answers 429: too many calls, come back in five seconds.",
    citizen(25, "Gwyn", "Bowen", "male", "1967-10-08"),
    DISCHARGE,
    rows("unavailable", CHARITY, *SUPPORT, reason="source-busy"),
    AGREED,
    (Fault(CHARITY, "throttle"),),
)

TEST_CITIZENS: tuple[Story, ...] = (*_STORIES, *_twins(), _THROTTLED)
