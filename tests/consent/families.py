# SPDX-License-Identifier: Apache-2.0
"""Invented families, attorneys and carers for the tests of who may decide for whom."""

from __future__ import annotations

import datetime
from typing import Any

from consent.authority import Assessment, Authority, Evidence, Matter, next_review, review_instants
from consent.deciding import Subject
from consent.model import Event
from consent.words import By, Kind
from tests.consent.decisions import DISCHARGE, NOON, PERSON, PLAN, YEAR, decision

MOTHER, FATHER, AUNT = "person-mother", "person-father", "person-aunt"
HEALTH = "health.medications"
COUNCIL_TAX = "benefits.council-tax"

SEEN = {
    By.PARENT: "birth-certificate",
    By.HEALTH_LPA: "lpa-certificate",
    By.PROPERTY_LPA: "lpa-certificate",
    By.DEPUTY: "deputyship-order",
    By.APPOINTEE: "dwp-appointment-letter",
    By.CHOSEN: "signed-consent",
    By.BEST_INTEREST: "best-interests-meeting",
    By.UNKNOWN: "validated-relationship",
}


def born(years: int) -> datetime.date:
    """The birth date of somebody whose birthday was half a year before NOON, `years` old."""
    day = datetime.datetime.fromtimestamp(NOON - YEAR // 2, datetime.UTC).date()
    return day.replace(year=day.year - years)


def authority(holder: str, by: By = By.PARENT, *, id: str = "", age: int | None = None, **more: Any) -> Authority:
    """An authority over PERSON; of a parent over a child of `age`."""
    if by is By.PARENT:
        reviews = review_instants(born(8 if age is None else age))
        more = {"reviews": reviews, "reviewed_to": next_review(reviews, NOON)} | more
    return Authority(
        id=id or f"authority-{holder}",
        person=PERSON,
        holder=holder,
        by=by,
        since=more.pop("since", NOON - YEAR),
        evidence=Evidence(SEEN[by], "ref-1", "staff-1", NOON - YEAR),
        **more,
    )


def assessed(kind: str, able: bool, *, at: int = NOON - 1000, **more: Any) -> Assessment:
    """Somebody was found able, or not."""
    return Assessment(
        id=f"assessment-{at}-{able}",
        person=PERSON,
        kind=kind,
        able=able,
        assessor="staff-2",
        reference="ref-2",
        at=at,
        **more,
    )


def family(*authorities: Authority, age_band: str = "", **more: Any) -> Subject:
    """PERSON, and who may decide for them."""
    return Subject(person=PERSON, age_band=age_band, authorities=authorities, **more)


def matter(*categories: str, purpose: str = DISCHARGE) -> Matter:
    """What a decision is about."""
    return Matter(purpose, categories or (PLAN,))


def said(kind: Kind, who: str, *categories: str, at: int = NOON - 500, by: By = By.PARENT, **more: Any) -> Event:
    """What somebody decided before."""
    event = decision(kind, *(categories or (PLAN,)), at=at, **more)
    if who == PERSON:
        return event
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return Event(**fields | {"by": by, "authoriser": who, "authority": f"authority-{who}"})
