# SPDX-License-Identifier: Apache-2.0
"""NHS England's codes of who may act for whom: what each gives here, written, read, and decided by."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from consent import vrs
from consent.authority import (
    BEST_INTEREST_S,
    EVIDENCE,
    REACH,
    VRS_BASIS,
    VRS_ENDED,
    Assessment,
    Authority,
    Matter,
    unbounded,
)
from consent.concealment import may_see
from consent.deciding import REASONS, Allowed, NotAllowed, lacks_capacity, may_decide
from consent.errors import MalformedEvent
from consent.words import By, Kind
from tests.consent.decisions import DISCHARGE, NOON, PLAN, VISITS
from tests.consent.families import AUNT, COUNCIL_TAX, FATHER, HEALTH, assessed, authority, family, matter

ANN, BEA = "9990000018", "9990000026"
MONTH = 30 * 86_400
LACKS, HAS = assessed("capacity", False), assessed("capacity", True)
BOUNDED = {"until": NOON + MONTH, "categories": (HEALTH,), "purposes": (DISCHARGE,)}


def best(**more: Any) -> Authority:
    return authority(AUNT, By.BEST_INTEREST, **(BOUNDED | more))


# -- what each code gives ---------------------------------------------------------------------------------------

BEST: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...], str]] = [
    ("lacks capacity", {}, {"assessments": (LACKS,)}, (HEALTH,), "yes"),
    ("nothing assessed", {}, {}, (HEALTH,), "person-has-capacity"),
    ("has capacity", {}, {"assessments": (HAS,)}, (HEALTH,), "person-has-capacity"),
    ("it came back", {}, {"assessments": (LACKS, assessed("capacity", True, at=NOON - 5))}, (HEALTH,),
     "person-has-capacity"),
    ("lacks it for something else", {}, {"assessments": (assessed("capacity", False, categories=(PLAN,)),)},
     (HEALTH,), "person-has-capacity"),
    ("lacked it until now", {}, {"assessments": (assessed("capacity", False, until=NOON),)}, (HEALTH,),
     "person-has-capacity"),
    ("another matter", {}, {"assessments": (LACKS,)}, (PLAN,), "outside-authority"),
    ("money", {"categories": (COUNCIL_TAX,)}, {"assessments": (LACKS,)}, (COUNCIL_TAX,), "outside-authority"),
    ("over", {"until": NOON}, {"assessments": (LACKS,)}, (HEALTH,), "authority-expired"),
    ("not looked at", {"reviewed_to": NOON}, {"assessments": (LACKS,)}, (HEALTH,), "authority-under-review"),
    ("a child", {}, {"assessments": (LACKS,), "age_band": "13-15"}, (HEALTH,), "outside-authority"),
    ("sixteen", {}, {"assessments": (LACKS,), "age_band": "16-17"}, (HEALTH,), "yes"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "more", "subject", "categories", "wanted"), BEST, ids=[row[0] for row in BEST])
def test_somebodys_best_interest_is_decided_only_while_they_cannot_and_within_its_bounds(
    case: str, more: dict[str, Any], subject: dict[str, Any], categories: tuple[str, ...], wanted: str
) -> None:
    found = may_decide(family(best(**more), **subject), AUNT, Kind.GIVEN, matter(*categories), (), NOON)
    assert (found.reason if isinstance(found, NotAllowed) else "yes") == wanted


def test_a_yes_in_somebodys_best_interest_lasts_no_longer_than_until_it_is_looked_at() -> None:
    subject = family(best(reviewed_to=NOON + 7), assessments=(LACKS,))
    may = may_decide(subject, AUNT, Kind.GIVEN, matter(HEALTH), (), NOON)
    assert may == Allowed(By.BEST_INTEREST, f"authority-{AUNT}", NOON + 7)


@pytest.mark.parametrize("by", [By.HEALTH_LPA, By.DEPUTY])
@pytest.mark.parametrize(
    ("more", "wanted"),
    [({}, "somebody-appointed"), ({"ended": "court-order", "ended_at": NOON}, "yes"), ({"until": NOON}, "yes")],
)
def test_whom_the_person_or_a_court_appointed_goes_before(by: By, more: dict[str, Any], wanted: str) -> None:
    subject = family(best(), authority(FATHER, by, **more), assessments=(LACKS,))
    found = may_decide(subject, AUNT, Kind.GIVEN, matter(HEALTH), (), NOON)
    assert (found.reason if isinstance(found, NotAllowed) else "yes") == wanted


@pytest.mark.parametrize(
    ("assessments", "category", "seen"),
    [((LACKS,), HEALTH, True), ((), HEALTH, False), ((HAS,), HEALTH, False), ((LACKS,), VISITS, False)],
)
def test_who_decides_in_the_best_interest_sees_no_more_than_they_decide(
    assessments: tuple[Assessment, ...], category: str, seen: bool
) -> None:
    subject = family(best(), assessments=assessments)
    assert may_see(subject, [], AUNT, matter(category), NOON) is seen
    assert lacks_capacity(subject, matter(category), NOON) is (LACKS in assessments)


@pytest.mark.parametrize(
    ("more", "lacking"),
    [
        ({}, []),
        ({"until": 0}, ["until"]),
        ({"until": NOON}, ["until"]),
        ({"until": NOON + BEST_INTEREST_S}, []),
        ({"until": NOON + BEST_INTEREST_S + 1}, ["until"]),
        ({"categories": ()}, ["categories"]),
        ({"purposes": ()}, ["categories"]),
        ({"depth": 1}, ["depth"]),
        ({"derived_from": "another"}, ["depth"]),
    ],
)
def test_best_interest_is_about_one_matter_for_a_short_time(more: dict[str, Any], lacking: list[str]) -> None:
    assert [member for member, _ in unbounded(best(**more), NOON)] == lacking
    assert unbounded(authority(AUNT, By.CHOSEN, **(more | {"derived_from": ""})), NOON) == ()


@pytest.mark.parametrize(
    "kind", [Kind.GIVEN, Kind.RENEWED, Kind.REFUSED, Kind.WITHDRAWN, Kind.DEFERRED, Kind.OBJECTED]
)
@pytest.mark.parametrize("assessments", [(), (LACKS,)])
def test_an_unknown_ground_gives_no_right(kind: Kind, assessments: tuple[Assessment, ...]) -> None:
    subject = family(authority(AUNT, By.UNKNOWN), assessments=assessments)
    assert may_decide(subject, AUNT, kind, matter(), (), NOON) == NotAllowed("ground-unknown")
    assert not may_see(subject, [], AUNT, Matter(DISCHARGE, (PLAN,)), NOON)
    assert subject.authorities[0].out_of_force(NOON) in REASONS


def test_every_ground_reaches_something_is_shown_by_something_and_has_its_code() -> None:
    assert set(REACH) == set(EVIDENCE) == set(By) - {By.SELF}
    assert set(VRS_BASIS) == set(By) - {By.SELF, By.PROPERTY_LPA, By.APPOINTEE}
    assert sorted(VRS_BASIS.values()) == [
        "UNK",
        "best-interest",
        "consent",
        "court-appointed-personal-welfare-deputy",
        "health-and-welfare-lasting-power-of-attorney",
        "parental-responsibility",
    ]


# -- written and read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", VRS_BASIS)
def test_what_is_written_is_read_as_the_same_or_as_no_right(by: By) -> None:
    held = authority(AUNT, by, until=NOON + 1000)
    written = vrs.consent(held, ANN, BEA, NOON)
    assert written is not None
    said = vrs.said(written | {"status": "active"})
    assert said is not None
    assert (said.person, said.holder, said.since, said.until) == (ANN, BEA, held.since, held.until)
    assert said.code == VRS_BASIS[by]
    assert said.by is (By.UNKNOWN if by in (By.BEST_INTEREST, By.UNKNOWN) else by)
    person = vrs.related_person(held, ANN, BEA, NOON)
    assert person["patient"]["identifier"]["value"] == ANN
    assert person["active"] is (by is not By.UNKNOWN)


@pytest.mark.parametrize("by", [By.PROPERTY_LPA, By.APPOINTEE])
def test_a_ground_that_the_service_does_not_know_is_not_written(by: By) -> None:
    assert vrs.consent(authority(AUNT, by), ANN, BEA, NOON) is None


@pytest.mark.parametrize(
    ("held", "status", "reason"),
    [
        (authority(AUNT, By.CHOSEN), "active", "ROLE_CREATED"),
        (authority(AUNT, By.UNKNOWN), "proposed", "APPLICATION_SUBMITTED"),
        (authority(AUNT, By.CHOSEN, since=NOON + 1), "proposed", "APPLICATION_SUBMITTED"),
        (authority(AUNT, By.CHOSEN, until=NOON), "inactive", "ROLE_DEACTIVATED_END_DATE_REACHED"),
        (authority(AUNT, By.CHOSEN, rests="pending-review"), "inactive", "ROLE_SUSPENDED_PENDING_REVIEW"),
        (best(reviewed_to=NOON), "inactive", "ROLE_SUSPENDED_PENDING_REVIEW"),
        *(
            (authority(AUNT, By.CHOSEN, ended=why, ended_at=NOON), "inactive", code)
            for why, code in VRS_ENDED.items()
        ),
    ],
)
def test_the_status_says_how_it_stands(held: Authority, status: str, reason: str) -> None:
    written = vrs.consent(held, ANN, BEA, NOON)
    assert written is not None
    [said] = [one for one in written["extension"] if one["url"] == vrs.STATUS_REASON]
    assert (written["status"], said["valueCodeableConcept"]["coding"][0]["code"]) == (status, reason)


def theirs(
    *, role: dict[str, Any] | None = None, rule: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A relationship as that service answers it."""
    actor = {"reference": {"identifier": {"system": vrs.NHS_NUMBER, "value": BEA}, "type": "RelatedPerson"}}
    resource = {
        "resourceType": "Consent",
        "id": "A1",
        "status": "active",
        "patient": {"identifier": {"system": vrs.NHS_NUMBER, "value": ANN}},
        "dateTime": "2026-01-21T17:32:28Z",
        "provision": {
            "type": "permit",
            "actor": [actor | ({"role": role} if role else {})],
            "period": {"start": "2026-02-11", "end": "2027-02-11"},
        },
    }
    return resource | ({"policyRule": rule} if rule else {}) | more


def coded(code: str, system: str = vrs.BASIS) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


READ: list[tuple[str, dict[str, Any], By]] = [
    ("in the role", {"role": coded("parental-responsibility")}, By.PARENT),
    ("in the rule, as older versions", {"rule": coded("court-appointed-personal-welfare-deputy")}, By.DEPUTY),
    ("role before rule", {"role": coded("UNK", vrs.NULL), "rule": coded("consent")}, By.UNKNOWN),
    ("attorney", {"role": coded("health-and-welfare-lasting-power-of-attorney")}, By.HEALTH_LPA),
    ("chosen", {"role": coded("consent")}, By.CHOSEN),
    ("best interest", {"role": coded("best-interest")}, By.UNKNOWN),
    ("unknown", {"role": coded("UNK", "https://terminology.hl7.org/CodeSystem/v3-NullFlavor")}, By.UNKNOWN),
    ("none", {}, By.UNKNOWN),
    ("a code of later", {"role": coded("guardianship-order")}, By.UNKNOWN),
    ("another's code", {"role": coded("parental-responsibility", "https://example.org/codes")}, By.UNKNOWN),
]


@pytest.mark.parametrize(("case", "where", "by"), READ, ids=[row[0] for row in READ])
def test_a_relationship_is_never_read_as_more_than_it_says(case: str, where: dict[str, Any], by: By) -> None:
    said = vrs.said(theirs(**where))
    assert said is not None
    assert said.by is by
    assert said.until == int(datetime.datetime(2027, 2, 11, tzinfo=datetime.UTC).timestamp())


@pytest.mark.parametrize("status", ["proposed", "inactive", "rejected", "draft", "entered-in-error"])
def test_what_is_not_in_force_there_is_not_read(status: str) -> None:
    assert vrs.said(theirs(role=coded("consent"), status=status)) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"patient": {"identifier": {"system": "https://example.org/id", "value": ANN}}},
        {"patient": {"reference": "Patient/1"}},
        {"provision": {"type": "deny", "actor": theirs()["provision"]["actor"]}},
        {"provision": {"type": "permit", "actor": []}},
        {"provision": {"type": "permit", "actor": theirs()["provision"]["actor"] * 2}},
        {"provision": {"type": "permit", "actor": theirs()["provision"]["actor"], "period": {"end": "soon"}}},
        {"provision": {}},
    ],
    ids=["no NHS number", "no identifier", "a denial", "nobody", "two", "no date", "nothing"],
)
def test_what_would_be_a_guess_is_not_read(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        vrs.said(theirs(role=coded("consent")) | broken)


def test_no_opaque_id_of_a_person_is_written() -> None:
    held = replace(authority(AUNT, By.CHOSEN), person="opaque-1", holder="opaque-2")
    assert "opaque" not in str(vrs.consent(held, ANN, BEA, NOON)) + str(vrs.related_person(held, ANN, BEA, NOON))
