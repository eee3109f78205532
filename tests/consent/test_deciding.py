# SPDX-License-Identifier: Apache-2.0
"""Who may decide what for whom, as tables. Cases marked † come from threads of manage-vaccinations-in-schools."""

from __future__ import annotations

from typing import Any

import pytest

from consent.authority import REVIEWS, Authority, Restriction, chain_of, next_review, review_instants
from consent.deciding import REASONS, Allowed, NotAllowed, Subject, may_decide
from consent.model import Event
from consent.words import By, Kind
from tests.consent.decisions import DISCHARGE, NOON, PERSON, PLAN, VISITS, YEAR
from tests.consent.families import (
    AUNT,
    COUNCIL_TAX,
    FATHER,
    HEALTH,
    MOTHER,
    assessed,
    authority,
    born,
    family,
    matter,
    said,
)

ABLE, UNABLE = assessed("gillick", True), assessed("gillick", False)
LACKS, HAS = assessed("capacity", False), assessed("capacity", True)


def may(
    subject: Subject,
    actor: str,
    kind: Kind = Kind.GIVEN,
    *categories: str,
    history: tuple[Event, ...] = (),
    now: int = NOON,
    purpose: str = DISCHARGE,
) -> Any:
    found = may_decide(subject, actor, kind, matter(*categories, purpose=purpose), history, now)
    return found.reason if isinstance(found, NotAllowed) else found


# -- the person themself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.WITHDRAWN, Kind.OBJECTED, Kind.OPTED_OUT, Kind.DEFERRED])
@pytest.mark.parametrize("age_band", ["", "under-13", "13-15", "16-17", "adult"])
def test_the_person_may_always_say_no(kind: Kind, age_band: str) -> None:
    subject = family(authority(MOTHER), age_band=age_band, assessments=(UNABLE, LACKS))
    assert may(subject, PERSON, kind) == Allowed(By.SELF)


@pytest.mark.parametrize(
    ("age_band", "assessments", "wanted"),
    [
        ("", (), "yes"),
        ("adult", (), "yes"),
        ("adult", (LACKS,), "lacks-capacity"),
        ("adult", (UNABLE,), "yes"),
        ("16-17", (), "yes"),
        ("16-17", (LACKS,), "lacks-capacity"),
        ("13-15", (), "not-found-competent"),
        ("13-15", (ABLE,), "yes"),
        ("13-15", (HAS,), "not-found-competent"),
        ("under-13", (), "not-found-competent"),
        ("under-13", (ABLE,), "yes"),
        ("under-13", (ABLE, assessed("gillick", False, at=NOON - 1)), "not-found-competent"),
        ("under-13", (UNABLE, assessed("gillick", True, at=NOON - 1)), "yes"),
        ("under-13", (assessed("gillick", True, categories=(VISITS,)),), "not-found-competent"),
        ("under-13", (assessed("gillick", True, purposes=("research",)),), "not-found-competent"),
        ("under-13", (assessed("gillick", True, until=NOON),), "not-found-competent"),
        ("under-13", (assessed("gillick", True, at=NOON + 1),), "not-found-competent"),
    ],
)
def test_who_says_yes_for_themself(age_band: str, assessments: tuple[Any, ...], wanted: str) -> None:
    found = may(family(age_band=age_band, assessments=assessments), PERSON)
    assert (found == wanted) if wanted != "yes" else (found.by is By.SELF)


def test_where_the_register_knows_no_age_an_authority_over_a_child_shows_it() -> None:
    assert may(family(authority(MOTHER, age=14)), PERSON) == "not-found-competent"
    assert may(family(authority(MOTHER, age=16)), PERSON).by is By.SELF
    assert may(family(authority(MOTHER, age=16), age_band="13-15"), PERSON) == "not-found-competent"


def test_a_yes_said_while_found_competent_lasts_no_longer_than_the_finding() -> None:
    until = NOON + 1000
    subject = family(age_band="13-15", assessments=(assessed("gillick", True, until=until),))
    assert may(subject, PERSON).until == until


def test_the_dead_agree_to_nothing_new_and_their_opt_out_can_still_be_made() -> None:
    subject = family(authority(MOTHER), deceased=True)
    assert may(subject, MOTHER) == may(subject, MOTHER, Kind.WITHDRAWN) == "person-deceased"
    assert may(subject, MOTHER, Kind.OPTED_OUT).by is By.PARENT


# -- each ground -------------------------------------------------------------------------------------------

GROUNDS: list[tuple[By, dict[str, Any], tuple[Any, ...], tuple[str, ...], str]] = [
    (By.PARENT, {}, (), (PLAN,), "yes"),
    (By.PARENT, {"age": 17}, (), (PLAN,), "yes"),
    (By.PARENT, {"age": 18}, (), (PLAN,), "authority-expired"),
    (By.HEALTH_LPA, {}, (), (HEALTH,), "person-has-capacity"),
    (By.HEALTH_LPA, {}, (HAS,), (HEALTH,), "person-has-capacity"),
    (By.HEALTH_LPA, {}, (LACKS,), (HEALTH,), "yes"),
    (By.HEALTH_LPA, {}, (LACKS,), (COUNCIL_TAX,), "outside-authority"),
    (By.HEALTH_LPA, {}, (assessed("capacity", False, categories=(PLAN,)),), (HEALTH,), "person-has-capacity"),
    (By.PROPERTY_LPA, {}, (), (COUNCIL_TAX,), "person-has-capacity"),
    (By.PROPERTY_LPA, {"while_able": True}, (), (COUNCIL_TAX,), "yes"),
    (By.PROPERTY_LPA, {}, (LACKS,), (COUNCIL_TAX,), "yes"),
    (By.PROPERTY_LPA, {}, (LACKS,), (HEALTH,), "outside-authority"),
    (By.DEPUTY, {}, (), (HEALTH,), "yes"),
    (By.DEPUTY, {}, (HAS,), (HEALTH,), "person-has-capacity"),
    (By.DEPUTY, {"categories": (HEALTH,)}, (), (PLAN,), "outside-authority"),
    (By.APPOINTEE, {}, (), (COUNCIL_TAX,), "yes"),
    (By.APPOINTEE, {}, (), (HEALTH,), "outside-authority"),
    (By.CHOSEN, {}, (), (PLAN,), "yes"),
    (By.CHOSEN, {}, (LACKS,), (PLAN,), "chosen-while-able"),
    (By.CHOSEN, {"purposes": ("social-support",)}, (), (PLAN,), "outside-authority"),
    (By.CHOSEN, {"purposes": ("direct-care",)}, (), (PLAN,), "yes"),
    (By.CHOSEN, {"purposes": ("direct",)}, (), (PLAN,), "outside-authority"),
]


@pytest.mark.parametrize(("by", "more", "assessments", "categories", "wanted"), GROUNDS)
def test_each_ground_holds_only_where_its_law_says(
    by: By, more: dict[str, Any], assessments: tuple[Any, ...], categories: tuple[str, ...], wanted: str
) -> None:
    found = may(family(authority(AUNT, by, **more), assessments=assessments), AUNT, Kind.GIVEN, *categories)
    assert (found == wanted) if wanted != "yes" else (found.by is by), found


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"since": NOON + 1}, "authority-not-begun"),
        ({"since": NOON}, "yes"),
        ({"until": NOON}, "authority-expired"),
        ({"until": NOON + 1}, "yes"),
        ({"rests": "pending-review"}, "authority-suspended"),
        ({"reviewed_to": NOON}, "authority-under-review"),
        ({"reviewed_to": NOON + 1}, "yes"),
        ({"ended": "court-order", "ended_at": NOON}, "authority-ended"),
        ({"ended": "court-order", "ended_at": NOON + 1}, "yes"),
        ({"restrictions": (Restriction(order="order-1"),)}, "court-restriction"),
        ({"restrictions": (Restriction(order="order-1", categories=(VISITS,)),)}, "yes"),
        ({"restrictions": (Restriction(order="order-1", decide=False, see=True),)}, "yes"),
        ({"restrictions": (Restriction(order="order-1", until=NOON),)}, "yes"),
        ({"restrictions": (Restriction(order="order-1", since=NOON + 1),)}, "yes"),
    ],
)
def test_an_authority_counts_while_it_is_in_force_and_no_court_bars_it(more: dict[str, Any], wanted: str) -> None:
    found = may(family(authority(MOTHER, **more)), MOTHER)
    assert (found == wanted) if wanted != "yes" else (found.by is By.PARENT), found


def test_nobody_decides_without_an_authority_of_their_own() -> None:
    subject = family(authority(MOTHER))
    assert may(subject, AUNT) == may(subject, AUNT, Kind.WITHDRAWN) == may(family(), MOTHER) == "no-authority"


def test_of_several_authorities_one_that_holds_is_enough_and_else_the_nearest_miss_is_told() -> None:
    ended = authority(AUNT, By.CHOSEN, id="a-1", ended="revoked-by-person", ended_at=NOON - 1)
    narrow = authority(AUNT, By.APPOINTEE, id="a-2")
    good = authority(AUNT, By.DEPUTY, id="a-3")
    assert may(family(ended, narrow, good), AUNT).authority == "a-3"
    assert may(family(ended, narrow), AUNT) == "outside-authority"


# -- ages --------------------------------------------------------------------------------------------------


def test_ages_are_reached_at_the_start_of_the_birthday_in_london() -> None:
    reviews = review_instants(born(8))
    assert len(reviews) == len(REVIEWS)
    for instant, following in zip(reviews, (*reviews[1:], 0), strict=True):
        assert next_review(reviews, instant - 1) == instant
        assert next_review(reviews, instant) == following


@pytest.mark.parametrize("n", range(len(REVIEWS)))
def test_an_authority_over_a_child_rests_from_each_birthday_until_it_is_reviewed(n: int) -> None:
    reviews = review_instants(born(8))
    at = reviews[n]
    before = authority(MOTHER, reviews=reviews, reviewed_to=at)
    assert may(family(before), MOTHER, now=at - 1).until == at
    frozen = may(family(before), MOTHER, now=at)
    after = may(family(authority(MOTHER, reviews=reviews, reviewed_to=next_review(reviews, at))), MOTHER, now=at)
    if REVIEWS[n] == 18:
        assert (frozen, after) == ("authority-expired", "authority-expired")
    else:
        assert frozen == "authority-under-review"
        assert after.until == reviews[n + 1]


# -- several who may decide --------------------------------------------------------------------------------

YES, NO, STOP = Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN
BOTH = (authority(MOTHER), authority(FATHER))

CONFLICTS: list[tuple[str, Subject, tuple[Event, ...], str, Kind, str]] = [
    ("one parent alone is enough", family(*BOTH), (), MOTHER, YES, "yes"),
    ("† a no of the other parent stands against a later yes", family(*BOTH), (said(NO, FATHER),), MOTHER, YES,
     "another-party-refused"),
    ("† a parent takes back what the other gave", family(*BOTH), (said(YES, FATHER),), MOTHER, STOP, "yes"),
    ("and then it is not given again over their head", family(*BOTH),
     (said(YES, FATHER), said(STOP, MOTHER, at=NOON - 400)), FATHER, YES, "another-party-refused"),
    ("until they change their own mind", family(*BOTH), (said(NO, FATHER), said(YES, FATHER, at=NOON - 400)),
     MOTHER, YES, "yes"),
    ("whoever said no may say yes themself", family(*BOTH), (said(NO, FATHER),), FATHER, YES, "yes"),
    ("a no about something else does not stand in the way", family(*BOTH), (said(NO, FATHER, VISITS),), MOTHER,
     YES, "yes"),
    ("† a no of one who has lost the authority no longer stands",
     family(authority(MOTHER), authority(FATHER, ended="court-order", ended_at=NOON - 1)), (said(NO, FATHER),),
     MOTHER, YES, "yes"),
    ("† a child found competent overrides a parent's no", family(*BOTH, assessments=(ABLE,)), (said(NO, MOTHER),),
     PERSON, YES, "yes"),
    ("† and no parent takes back what they gave",
     family(*BOTH, assessments=(ABLE,)), (said(YES, PERSON),), MOTHER, STOP, "the-person-decided"),
    ("† nor gives what they refused", family(*BOTH, assessments=(ABLE,)), (said(NO, PERSON),), MOTHER, YES,
     "the-person-decided"),
    ("† a child found not competent leaves the parents' say as it was", family(*BOTH, assessments=(UNABLE,)),
     (said(YES, MOTHER),), MOTHER, STOP, "yes"),
    ("† their own word, said without being able, binds no parent", family(*BOTH, assessments=(UNABLE,)),
     (said(NO, PERSON),), MOTHER, YES, "yes"),
    ("when a finding is followed by its opposite, parents take over what the child had given",
     family(*BOTH, assessments=(assessed("gillick", True, at=NOON - 900), assessed("gillick", False, at=NOON - 1))),
     (said(YES, PERSON),), MOTHER, STOP, "yes"),
    ("but what the child had refused while able stays refused",
     family(*BOTH, assessments=(assessed("gillick", True, at=NOON - 900), assessed("gillick", False, at=NOON - 1))),
     (said(NO, PERSON),), MOTHER, YES, "the-person-decided"),
    ("whom a person chose does not give what that person refused", family(authority(AUNT, By.CHOSEN)),
     (said(NO, PERSON),), AUNT, YES, "the-person-decided"),
    ("but may take back what they gave", family(authority(AUNT, By.CHOSEN)), (said(YES, PERSON),), AUNT, STOP,
     "yes"),
    ("an attorney takes over when capacity is lost", family(authority(AUNT, By.HEALTH_LPA), assessments=(LACKS,)),
     (said(YES, PERSON, at=NOON - 2000),), AUNT, STOP, "yes"),
    ("and keeps to what the person refused before", family(authority(AUNT, By.HEALTH_LPA), assessments=(LACKS,)),
     (said(NO, PERSON, at=NOON - 2000),), AUNT, YES, "the-person-decided"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "history", "actor", "kind", "wanted"),
    [case[1:] for case in CONFLICTS],
    ids=[c[0] for c in CONFLICTS],
)
def test_between_several_a_no_wins_and_the_person_comes_first(
    subject: Subject, history: tuple[Event, ...], actor: str, kind: Kind, wanted: str
) -> None:
    found = may(subject, actor, kind, history=history)
    assert (found == wanted) if wanted != "yes" else isinstance(found, Allowed), found


def test_a_competent_child_s_yes_names_the_parents_no_that_it_overrides() -> None:
    no = said(NO, MOTHER)
    found = may(family(*BOTH, assessments=(ABLE,)), PERSON, history=(no,))
    assert found.overrides == (no.id,)


def test_those_who_hold_jointly_must_all_give_and_each_may_stop_it_alone() -> None:
    joint = tuple(authority(who, By.HEALTH_LPA, jointly=True) for who in (MOTHER, FATHER))
    subject = family(*joint, assessments=(LACKS,))
    assert may(subject, MOTHER).parties == (FATHER, MOTHER)
    assert may(subject, MOTHER, STOP).by is By.HEALTH_LPA
    alone = family(joint[0], authority(FATHER, By.HEALTH_LPA), assessments=(LACKS,))
    assert may(alone, FATHER).parties == ()


# -- handed on ---------------------------------------------------------------------------------------------


def handed(to: str, **more: Any) -> Authority:
    return authority(to, By.CHOSEN, **{"derived_from": f"authority-{MOTHER}"} | more)


@pytest.mark.parametrize(
    ("above", "below", "wanted"),
    [
        ({"depth": 1}, {}, "yes"),
        ({"depth": 0}, {}, "handed-on-too-far"),
        ({"depth": 1}, {"depth": 1}, "handed-on-too-far"),
        ({"depth": 1, "categories": (PLAN,)}, {}, "handed-on-too-far"),
        ({"depth": 1, "categories": (PLAN,)}, {"categories": (PLAN,)}, "yes"),
        ({"depth": 1, "purposes": ("direct-care",)}, {}, "handed-on-too-far"),
        ({"depth": 1, "ended": "revoked-by-person", "ended_at": NOON}, {}, "authority-ended"),
        ({"depth": 1, "until": NOON}, {}, "authority-expired"),
        ({"depth": 1, "restrictions": (Restriction(order="order-1"),)}, {}, "court-restriction"),
        ({"depth": 1}, {"derived_from": "nobody's"}, "handed-on-too-far"),
    ],
)
def test_what_is_handed_on_is_never_more_than_what_it_came_from(
    above: dict[str, Any], below: dict[str, Any], wanted: str
) -> None:
    found = may(family(authority(MOTHER, By.CHOSEN, **above), handed(AUNT, **below)), AUNT)
    assert (found == wanted) if wanted != "yes" else isinstance(found, Allowed), found


def test_what_is_handed_on_ends_with_what_it_came_from() -> None:
    found = may(
        family(authority(MOTHER, By.CHOSEN, depth=1, until=NOON + 9), handed(AUNT, until=NOON + YEAR)), AUNT
    )
    assert found.until == NOON + 9


def test_a_circle_of_authorities_leads_nowhere() -> None:
    one = authority(MOTHER, By.CHOSEN, depth=2, derived_from=f"authority-{AUNT}")
    other = authority(AUNT, By.CHOSEN, depth=1, derived_from=f"authority-{MOTHER}")
    assert chain_of(one, (one, other)) is None


def test_every_reason_is_given_by_some_case_and_has_its_sentence() -> None:
    told = {wanted for *_, wanted in [*GROUNDS, *CONFLICTS]} | {
        "person-deceased", "lacks-capacity", "not-found-competent", "no-authority", "authority-ended",
        "authority-not-begun", "authority-suspended", "authority-under-review", "court-restriction",
        "handed-on-too-far", "of-age", "ground-unknown", "somebody-appointed",  # the last two in test_vrs
    }  # fmt: skip
    assert told - {"yes"} == set(REASONS)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


def test_a_parent_of_somebody_whom_the_register_knows_as_an_adult_decides_nothing() -> None:
    unreviewed = authority(MOTHER, reviews=(), reviewed_to=0)
    assert may(family(unreviewed, age_band="adult"), MOTHER) == "of-age"


def test_somebody_s_own_earlier_no_is_not_one_that_they_override() -> None:
    mine, hers = said(NO, PERSON, at=NOON - 900), said(NO, AUNT, by=By.CHOSEN)
    assert may(family(), PERSON, history=(mine,)).overrides == ()
    assert may(family(), PERSON, history=(mine, hers)).overrides == (hers.id,)
    assert may(family(), PERSON, history=(mine, said(YES, AUNT, by=By.CHOSEN))).overrides == ()


@pytest.mark.parametrize(("own", "kind"), [(NO, STOP), (YES, YES), (YES, NO)])
def test_somebody_chosen_is_bound_only_where_they_would_give_what_was_refused(own: Kind, kind: Kind) -> None:
    assert may(family(authority(AUNT, By.CHOSEN)), AUNT, kind, history=(said(own, PERSON),)).by is By.CHOSEN
