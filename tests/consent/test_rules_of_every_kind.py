# SPDX-License-Identifier: Apache-2.0
"""Questions, renewals, conditions, several who must agree, deciding for others, and what others end: by example."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from consent import rules
from consent.conditions import ANY, Conditions, Frequency
from consent.errors import (
    GivenWithdrawInstead,
    RefusalStands,
    RequestNotOpen,
    TargetUnknown,
    TransitionRefused,
    WiderThanAsked,
    WiderThanGiven,
)
from consent.model import Event, Kind, Provision, Standing, State
from consent.words import AccessMode, By, Unit
from tests.consent.decisions import (
    NOON,
    PERSON,
    PLAN,
    VISITS,
    YEAR,
    after,
    decision,
    deferred,
    given,
    invalidated,
    permitted,
    refused,
    renewed,
    requested,
    revoked,
    superseded,
    withdrawn,
)

GOAL = ("support.plan/goal",)
NOTES = ("support.plan/notes",)
BOTH = GOAL + NOTES
OTHER = "dsa-2026-021"
MOTHER = {"by": By.PARENT, "authoriser": "mother", "authority": "auth-1"}
FATHER = {"by": By.PARENT, "authoriser": "father", "authority": "auth-2"}
PARTIES = {"parties": (PERSON, "mother")}
BOTH_FIELDS = Provision(categories=(PLAN,), fields=BOTH)
VIEW = Conditions(access_modes=(AccessMode.VIEW,))
NURSES = Conditions(roles=("nurse",))


def admits(events: list[Event], event: Event) -> None:
    rules.admit(after(*events), event, events)


def held(*events: Event, now: int = NOON, agreement: str = "", role: str = "", service: str = "") -> rules.Held:
    return rules.held(Standing(1, after(*events)), PLAN, "crm", now, agreement, role, service)


def word(*events: Event, field: str = "goal", now: int = NOON, agreement: str = "") -> State:
    return rules.word(after(*events).get(PLAN, ()), field, "crm", now, agreement)


# -- questions ------------------------------------------------------------------------------------------------


def test_a_question_and_a_deferral_let_nothing_through() -> None:
    question = requested(PLAN, VISITS)
    assert held(question).state is State.REQUESTED
    assert held(question, deferred(request=question.id)).state is State.DEFERRED
    assert permitted(after(question)) == set()


def test_a_question_runs_out_at_its_exact_second() -> None:
    question = requested(until=NOON + 5)
    assert word(question, now=NOON + 4) is State.REQUESTED
    assert word(question, now=NOON + 5) is State.NONE
    with pytest.raises(RequestNotOpen):
        admits([question], given(request=question.id, at=NOON + 5))
    admits([question], requested(at=NOON + 5))
    assert len(after(question, requested(at=NOON + 5))[PLAN]) == 1


def test_a_question_hides_the_no_it_follows_only_until_it_runs_out() -> None:
    events = [refused(), requested(until=NOON + 5)]
    assert word(*events) is State.REQUESTED
    assert word(*events, now=NOON + 5) is State.REFUSED


def test_a_question_is_about_its_own_agreement() -> None:
    admits([given(agreement=OTHER)], requested())
    assert word(requested(agreement=OTHER), agreement="dsa-2026-014") is State.NONE
    question = requested()
    with pytest.raises(RequestNotOpen):
        admits([question], given(request=question.id, agreement=OTHER))


def test_a_yes_to_part_of_a_question_answers_all_of_it() -> None:
    question = requested(PLAN, VISITS)
    yes = given(fields=GOAL, request=question.id)
    admits([question], yes)
    assert permitted(after(question, yes)) == permitted(after(given(fields=GOAL)))
    assert VISITS not in after(question, yes)
    with pytest.raises(RequestNotOpen):
        admits([question, yes], refused(VISITS, request=question.id))


def test_a_refusal_of_a_question_answers_it() -> None:
    question = requested(PLAN, VISITS)
    no = refused(request=question.id)
    admits([question], no)
    assert VISITS not in after(question, no)


def test_a_decision_that_names_no_question_answers_what_it_is_about() -> None:
    question = requested()
    for decided in (given(fields=GOAL), refused(fields=GOAL)):
        statements = after(question, decided)
        assert rules.word(statements[PLAN], "notes", "crm", NOON) is State.REQUESTED
        assert rules.word(statements[PLAN], "goal", "crm", NOON) is not State.REQUESTED
    assert word(question, given(fields=GOAL, agreement=OTHER), agreement="dsa-2026-014") is State.REQUESTED


@pytest.mark.parametrize(
    "wider",
    [
        given(VISITS, request="q"),
        given(PLAN, VISITS, request="q"),
        given(PLAN, request="q"),
        given(fields=BOTH, request="q"),
        given(fields=GOAL, request="q"),
        given(fields=GOAL, sources=("core",), request="q"),
        given(fields=GOAL, sources=("crm",), request="q"),
        given(fields=GOAL, sources=("crm",), request="q", conditions=NURSES),
        given(fields=BOTH, sources=("crm",), request="q", conditions=VIEW),
        given(fields=GOAL, request="q", conditions=VIEW),
    ],
)
def test_a_yes_is_never_wider_than_its_question(wider: Event) -> None:
    question = requested(fields=GOAL, sources=("crm",), id="q", conditions=VIEW)
    with pytest.raises(WiderThanAsked):
        admits([question], wider)
    admits([question], given(fields=GOAL, sources=("crm",), request="q", conditions=VIEW))


def test_a_yes_to_another_category_is_wider_than_its_question() -> None:
    question = requested()
    with pytest.raises(WiderThanAsked):
        admits([question], given(VISITS, request=question.id))


def test_a_refusal_may_be_wider_than_its_question() -> None:
    question = requested(fields=GOAL)
    wider = refused(PLAN, VISITS, request=question.id)
    admits([question], wider)
    assert word(question, wider) is State.REFUSED


def test_an_answer_names_a_question_and_nothing_else() -> None:
    with pytest.raises(RequestNotOpen):
        admits([given(id="a-yes")], refused(VISITS, request="a-yes"))


def test_two_questions_stand_side_by_side() -> None:
    one, other = requested(fields=GOAL), requested(fields=NOTES)
    events = [one, other, deferred(fields=GOAL, request=one.id)]
    assert word(one, other) is word(one, other, field="notes") is State.REQUESTED
    assert word(*events) is State.DEFERRED
    assert word(*events, field="notes") is State.REQUESTED


def test_what_is_given_stays_given_while_more_is_asked() -> None:
    assert word(given(fields=GOAL), requested()) is State.GIVEN


def test_what_was_answered_is_not_open_once_the_consent_has_run_out() -> None:
    assert word(requested(), given(until=NOON + 5), now=NOON + 5) is State.EXPIRED


def test_a_question_that_ran_out_does_not_explain_why_nothing_is_given() -> None:
    assert held(refused(id="the-no"), requested(until=NOON + 5), now=NOON + 5) == rules.Held(
        State.REFUSED, events=("the-no",)
    )


def test_a_deferral_is_of_a_question_that_is_open() -> None:
    with pytest.raises(RequestNotOpen):
        admits([requested()], deferred(request="another"))
    question, yes = requested(), given(fields=GOAL)
    admits([yes, question], deferred(request=question.id))


# -- renewals -------------------------------------------------------------------------------------------------


def test_a_renewal_prolongs_and_narrows() -> None:
    longer = renewed(fields=GOAL, at=NOON + 1, until=NOON + 2 * YEAR)
    admits([given()], longer)
    assert held(given(), longer, now=NOON + YEAR).fields == ("goal",)


def test_a_renewal_may_be_of_what_several_gave() -> None:
    before = [given(fields=GOAL), given(fields=NOTES)]
    admits(before, renewed(fields=BOTH))
    assert set(held(*before, renewed(fields=BOTH)).fields) == {"goal", "notes"}


@pytest.mark.parametrize(
    ("before", "wider"),
    [
        (given(conditions=VIEW), renewed()),
        (given(conditions=VIEW), renewed(conditions=NURSES)),
    ],
)
def test_a_renewal_is_never_wider_than_what_is_in_force(before: Event, wider: Event) -> None:
    with pytest.raises(WiderThanGiven):
        admits([before], wider)
    assert after(before, wider) == after(before)
    admits([before], replace(wider, provision=before.provision))


@pytest.mark.parametrize("before", [given(agreement=OTHER), given(fields=GOAL), given(at=NOON - YEAR, until=NOON)])
def test_a_renewal_of_what_is_not_in_force_is_refused_and_adds_nothing(before: Event) -> None:
    with pytest.raises(TransitionRefused):
        admits([before], renewed())
    assert after(before, renewed()) == after(before)


def test_a_renewal_of_what_others_must_still_give_adds_nothing() -> None:
    assert permitted(after(given(**PARTIES), renewed())) == set()


def test_a_renewal_of_more_than_is_in_force_is_refused_as_such() -> None:
    with pytest.raises(rules.TRANSITIONS[State.NONE][Kind.RENEWED]):  # type: ignore[arg-type]
        admits([given(fields=GOAL)], renewed())


# -- conditions -----------------------------------------------------------------------------------------------


def test_an_answer_says_under_which_conditions() -> None:
    found = held(given(conditions=Conditions(period_from="2020-01-01", erase_by=NOON + 9, frequency=ONCE_A_DAY)))
    assert (found.period, found.erase_by, found.frequency) == (("2020-01-01", ""), NOON + 9, ONCE_A_DAY)
    assert found.access_modes == ()
    assert held(given()).conditions == ANY


ONCE_A_DAY = Frequency(1, 1, Unit.DAY)


def test_a_permit_for_some_at_the_recipient_is_for_nobody_else() -> None:
    yes = given(conditions=Conditions(roles=("nurse",), services=("ward",)))
    assert held(yes, role="nurse", service="ward").state is State.GIVEN
    for role, service in (("", ""), ("nurse", ""), ("", "ward"), ("clerk", "ward"), ("nurse", "billing")):
        assert held(yes, role=role, service=service) == rules.Held(State.NONE)


def test_a_permit_without_conditions_is_not_narrowed_by_one_that_has_some() -> None:
    for events in ([given(), given(fields=GOAL, conditions=VIEW)], [given(fields=GOAL, conditions=VIEW), given()]):
        assert held(*events).conditions == ANY


def test_where_two_say_the_same_the_newer_says_how() -> None:
    years = [Conditions(period_from=f"{year}-01-01", period_to=f"{year}-12-31") for year in (2020, 2021)]
    found = held(given(conditions=years[0]), given(fields=GOAL, conditions=years[1]), given(conditions=years[1]))
    assert found.period == ("2021-01-01", "2021-12-31")


def test_where_two_are_needed_the_conditions_of_both_hold() -> None:
    found = held(given(fields=GOAL, conditions=VIEW), given(fields=NOTES, conditions=NURSES), role="nurse")
    assert found.fields == ("goal", "notes")
    assert found.conditions == Conditions(roles=("nurse",), access_modes=(AccessMode.VIEW,))


def test_where_two_contradict_each_other_the_newer_counts_alone() -> None:
    store = Conditions(access_modes=(AccessMode.STORE,))
    found = held(given(fields=GOAL, conditions=VIEW), given(fields=NOTES, conditions=store))
    assert (found.fields, found.conditions) == (("notes",), store)
    found = held(
        given(fields=GOAL, conditions=VIEW), given(conditions=store), withdrawn(fields=("support.plan/x",))
    )
    assert (found.fields, found.fields_except, found.conditions) == ((), ("x",), store)


def test_giving_again_under_narrower_conditions_narrows() -> None:
    assert held(given(), given(conditions=VIEW)).conditions == VIEW
    assert len(after(given(), given(conditions=VIEW))[PLAN]) == 1


def test_a_wider_giving_under_narrower_conditions_leaves_the_other() -> None:
    assert len(after(given(fields=GOAL), given(conditions=VIEW))[PLAN]) == 2
    assert len(after(given(fields=GOAL, conditions=VIEW), given())[PLAN]) == 1
    assert len(after(given(fields=GOAL, conditions=VIEW), given(conditions=VIEW))[PLAN]) == 1


def test_a_no_carries_no_conditions() -> None:
    assert after(given(), withdrawn(conditions=VIEW))[PLAN][-1].conditions is None
    assert held(given(conditions=NURSES), refused(fields=GOAL), role="nurse").fields_except == ("goal",)


# -- several who must agree -----------------------------------------------------------------------------------


def test_nothing_passes_until_all_have_given() -> None:
    mine, hers = given(**PARTIES), given(**PARTIES, **MOTHER)
    for one, other in ((mine, hers), (hers, mine)):
        assert held(one).state is State.AWAITING
        assert permitted(after(one)) == set()
        assert held(one, other).state is State.GIVEN
        assert len(after(one, other)[PLAN]) == 1


def test_what_all_gave_is_what_each_of_them_named() -> None:
    mine = given(PLAN, fields=BOTH, until=NOON + 5, conditions=VIEW, **PARTIES)
    hers = given(sources=("crm",), conditions=NURSES, **PARTIES, **MOTHER)
    statements = after(mine, hers)
    assert permitted(statements) == {(PLAN, "goal", "crm"), (PLAN, "notes", "crm")}
    assert statements[PLAN][0].until == NOON + 5
    assert statements[PLAN][0].conditions == Conditions(roles=("nurse",), access_modes=(AccessMode.VIEW,))
    assert after(given(**PARTIES), given(**PARTIES, **MOTHER))[PLAN][0].conditions is None


@pytest.mark.parametrize(
    "hers",
    [
        given(fields=NOTES, **PARTIES, **MOTHER),
        given(agreement=OTHER, **PARTIES, **MOTHER),
        given(parties=(PERSON, "father"), **{**MOTHER, "authoriser": "father"}),
        given(conditions=Conditions(access_modes=(AccessMode.STORE,)), **PARTIES, **MOTHER),
        given(at=NOON + 5, **PARTIES, **MOTHER),
    ],
)
def test_two_who_do_not_meet_have_not_agreed(hers: Event) -> None:
    assert permitted(after(given(fields=GOAL, until=NOON + 5, conditions=VIEW, **PARTIES), hers)) == set()


def test_three_must_give_where_three_must() -> None:
    three = {"parties": (PERSON, "mother", "father")}
    mine, hers, his = given(**three), given(**three, **MOTHER), given(**three, **FATHER)
    assert held(mine, hers).state is State.AWAITING
    assert held(mine, hers, his).state is State.GIVEN
    narrow = given(**three, **MOTHER, fields=GOAL)
    assert held(mine, narrow, given(**three, **FATHER, fields=NOTES)).state is State.AWAITING


def test_what_was_taken_out_of_one_yes_is_not_in_what_all_gave() -> None:
    mine, hers = given(**PARTIES), given(**PARTIES, **MOTHER)
    found = held(mine, withdrawn(fields=GOAL), hers)
    assert found.fields_except == ("goal",)
    assert permitted(after(given(fields=GOAL, **PARTIES), withdrawn(fields=GOAL), hers)) == set()


def test_what_others_took_out_of_one_yes_is_not_in_what_all_gave() -> None:
    mine, hers = given(**PARTIES), given(**PARTIES, **MOTHER)
    assert held(mine, revoked(fields=GOAL), hers).fields_except == ("goal",)
    three = {"parties": (PERSON, "father", "mother")}
    left = [given(**three), revoked(fields=GOAL), given(fields=GOAL, **three, **FATHER), given(**three, **MOTHER)]
    assert permitted(after(*left)) == set()
    first, second = given(**three, **FATHER), given(**three, **MOTHER)
    holes = [
        given(**three),
        revoked(fields=GOAL),
        first,
        revoked(fields=NOTES),
        replace(second, provision=BOTH_FIELDS),
    ]
    assert permitted(after(*holes)) == set()


def test_what_waits_for_others_is_no_part_of_what_is_given() -> None:
    found = held(given(fields=GOAL, id="given"), given(fields=GOAL, **PARTIES))
    assert found.events == ("given",)


def test_what_waits_under_two_agreements_waits_under_both() -> None:
    assert len(after(given(**PARTIES), given(agreement=OTHER, **PARTIES))[PLAN]) == 2
    assert len(after(given(**PARTIES), given())[PLAN]) == 2


def test_giving_twice_is_not_giving_for_two() -> None:
    statements = after(given(**PARTIES), given(fields=GOAL, **PARTIES))
    assert permitted(statements) == set()
    assert len(statements[PLAN]) == 1


@pytest.mark.parametrize("who", [{}, MOTHER])
def test_any_one_of_them_withdraws_alone(who: dict[str, str]) -> None:
    agreed = [given(**PARTIES), given(**PARTIES, **MOTHER)]
    no = withdrawn(**who)
    admits(agreed, no)
    assert permitted(after(*agreed, no)) == set()
    again = given(**PARTIES)
    assert held(*agreed, no, again).state in (State.AWAITING, State.WITHDRAWN)
    assert permitted(after(*agreed, no, again)) == set()


def test_any_one_of_them_refuses_for_all() -> None:
    mine = given(**PARTIES)
    admits([mine], refused(**MOTHER))
    assert held(mine, refused(**MOTHER)).state is State.REFUSED


def test_a_question_is_closed_though_something_else_waits() -> None:
    question = requested(PLAN, VISITS)
    statements = after(given(agreement=OTHER, **PARTIES), question, refused(VISITS, request=question.id))
    assert rules.word(statements[PLAN], "goal", "crm", NOON, "dsa-2026-014") is State.NONE


def test_a_question_stays_open_until_all_have_answered() -> None:
    question = requested(PLAN, VISITS)
    mine = given(request=question.id, **PARTIES)
    hers = given(request=question.id, **PARTIES, **MOTHER)
    assert rules.word(after(question, mine)[VISITS], "x", "crm", NOON) is State.REQUESTED
    admits([question, mine], hers)
    assert VISITS not in after(question, mine, hers)


# -- deciding for somebody else -------------------------------------------------------------------------------


def test_the_answer_says_in_which_right_it_was_decided() -> None:
    assert held(given()).by is By.SELF
    assert held(given(**MOTHER)).by is By.PARENT
    assert held(given(fields=GOAL), given(fields=GOAL, **MOTHER, conditions=VIEW)).by is By.SELF


def test_two_people_who_gave_the_same_stand_side_by_side() -> None:
    events = [given(id="mine"), given(id="hers", **MOTHER)]
    assert len(after(*events)[PLAN]) == 2
    ended = revoked(target="hers", reason="authority-ended")
    admits(events, ended)
    assert held(*events, ended).events == ("mine",)


def test_no_proxy_takes_back_the_no_of_somebody_else() -> None:
    for no in (refused(), withdrawn(), refused(**FATHER)):
        before = [given(), no] if no.kind is Kind.WITHDRAWN else [no]
        with pytest.raises(RefusalStands):
            admits(before, given(**MOTHER))
        assert permitted(after(*before, given(**MOTHER))) == set()


def test_a_proxy_takes_back_their_own_no_and_one_that_they_name() -> None:
    no = refused(**FATHER)
    assert permitted(after(no, given(**FATHER))) != set()
    assert permitted(after(no, given(**MOTHER, predecessor=no.id))) != set()


def test_the_person_takes_back_the_no_of_a_proxy() -> None:
    admits([refused(**MOTHER)], given())
    assert permitted(after(refused(**MOTHER), given())) != set()


def test_the_no_of_one_does_not_swallow_the_no_of_another() -> None:
    assert len(after(refused(**MOTHER), withdrawn(), refused(fields=GOAL), refused(**FATHER))[PLAN]) == 3


# -- what others end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "state"), [(revoked, State.REVOKED), (superseded, State.SUPERSEDED)])
def test_what_others_end_ends_there_and_a_later_yes_need_not_mind_it(end: type, state: State) -> None:
    events = [given(), end(fields=GOAL)]
    assert word(*events) is state
    assert held(*events).fields_except == ("goal",)
    assert held(*events, given()).fields_except == ()
    assert word(*events, given(fields=NOTES)) is state
    assert len(after(*events, given())[PLAN]) == 1
    assert word(given(fields=GOAL), given(fields=NOTES), end(fields=GOAL)) is state
    assert word(given(agreement=OTHER), *events, agreement=OTHER) is State.GIVEN


@pytest.mark.parametrize("end", [revoked, superseded])
def test_what_others_end_is_only_what_was_given_there(end: type) -> None:
    yes = given()
    assert after(yes, end(agreement=OTHER)) == after(yes)
    with pytest.raises(TransitionRefused):
        admits([given(agreement=OTHER)], end())


def test_a_wider_end_takes_in_the_narrower_one() -> None:
    assert len(after(given(), revoked(fields=GOAL), superseded())[PLAN]) == 1
    assert len(after(given(), superseded(), given(fields=GOAL), revoked(fields=GOAL))[PLAN]) == 2
    assert len(after(given(), superseded(fields=GOAL), revoked())[PLAN]) == 1
    assert len(after(given(), given(agreement=OTHER), revoked(fields=GOAL), revoked(agreement=OTHER))[PLAN]) == 3


def test_a_retired_agreement_ends_its_questions_too() -> None:
    question = requested()
    admits([question], superseded(reason="agreement-retired"))
    assert word(question, superseded()) is State.SUPERSEDED
    assert word(given(fields=GOAL), requested(fields=NOTES), revoked(), field="notes") is State.REQUESTED


def test_one_record_is_revoked_without_the_others() -> None:
    events = [given(fields=GOAL, id="one"), given(fields=NOTES, id="other")]
    assert held(*events, revoked(target="one")).fields == ("notes",)
    assert word(*events, revoked(target="one")) is State.REVOKED
    rules.admit(after(*events), revoked(target="one"))
    admits([*events, revoked(target="one")], invalidated("one", fields=GOAL))
    with pytest.raises(TargetUnknown):
        admits(events, revoked(target="unknown"))


def test_a_no_stands_beside_what_others_end() -> None:
    assert word(given(), withdrawn(fields=GOAL), revoked()) is State.WITHDRAWN
    assert word(given(), revoked(), refused(fields=GOAL)) is State.REFUSED


# -- invalidation ---------------------------------------------------------------------------------------------


def test_what_an_invalid_consent_took_back_stands_again() -> None:
    no, forced = refused(), given(id="forced")
    wrong = invalidated("forced")
    admits([no, forced], wrong)
    assert word(no, forced, wrong) is State.REFUSED


def test_what_an_invalid_consent_displaced_stands_again_and_no_more() -> None:
    first, forced = given(id="first", until=NOON + 5), given(id="forced", until=NOON + 9)
    assert held(first, forced, invalidated("forced")).until == NOON + 5


def test_a_withdrawal_of_an_invalid_consent_goes_with_it() -> None:
    events = [given(id="forced"), withdrawn(), invalidated("forced")]
    assert held(*events).state is State.INVALIDATED
    assert held(*events, given()).state is State.GIVEN


def test_a_renewal_of_an_invalid_consent_falls_with_it() -> None:
    events = [given(id="forced"), renewed(at=NOON + 1, until=NOON + 2 * YEAR)]
    assert held(*events, now=NOON + 1).state is State.GIVEN
    assert held(*events, invalidated("forced"), now=NOON + 1).state is State.INVALIDATED


def test_other_consents_stay_when_one_was_invalid() -> None:
    events = [given(id="forced", fields=GOAL), given(fields=NOTES)]
    assert held(*events, invalidated("forced", fields=GOAL)).fields == ("notes",)


@pytest.mark.parametrize(
    "wrong",
    [
        invalidated("unknown"),
        invalidated("the-no", VISITS),
        invalidated("the-yes", agreement=OTHER),
        invalidated("the-yes", fields=GOAL),
        invalidated("the-yes", VISITS),
    ],
)
def test_an_invalidation_is_of_a_yes_or_a_question_just_as_it_was_recorded(wrong: Event) -> None:
    before = [given(agreement=OTHER), given(VISITS), withdrawn(VISITS, id="the-no"), given(id="the-yes")]
    with pytest.raises(TargetUnknown):
        admits(before, wrong)
    admits(before, invalidated("the-yes"))


def test_what_sweeps_is_taken_when_only_a_part_is_there_to_find() -> None:
    before = [given(id="the-yes"), withdrawn(fields=GOAL)]
    for sweeping in (
        withdrawn(),
        revoked(),
        superseded(),
        decision(Kind.CARRIED_OVER),
        invalidated("the-yes"),
        withdrawn(agreement=OTHER),
    ):
        admits(before, sweeping)
        assert word(*before, sweeping) is not State.GIVEN, sweeping.kind  # what was taken back is not given back


def test_a_no_is_judged_by_what_was_given_under_any_agreement() -> None:
    with pytest.raises(GivenWithdrawInstead):
        admits([given(agreement=OTHER)], refused())
    assert word(refused(agreement=OTHER), agreement="dsa-2026-014") is State.REFUSED


def test_if_a_yes_and_a_no_ever_spoke_of_the_same_the_no_would_win() -> None:
    yes, less, no = after(given())[PLAN], after(given(), withdrawn())[PLAN], after(refused())[PLAN]
    for overlapping in ((*yes, *less), (*less, *yes)):
        assert rules.word(overlapping, "goal", "crm", NOON) is State.WITHDRAWN
    for overlapping in ((*yes, *no, *less), (*less, *no, *yes)):
        assert rules.word(overlapping, "goal", "crm", NOON) is State.REFUSED


def test_nothing_is_declared_invalid_twice() -> None:
    before = [given(id="one"), given(id="two", until=NOON + 9), invalidated("two")]
    with pytest.raises(TargetUnknown):
        admits(before, invalidated("two"))
    admits(before, invalidated("one"))


def test_a_question_that_is_taken_back_is_closed() -> None:
    question = requested(id="q")
    events = [question, invalidated("q", reason="request-cancelled")]
    with pytest.raises(RequestNotOpen):
        admits(events, given(request="q"))


def test_an_event_about_something_else_changes_nothing_here() -> None:
    assert rules.fold([decision(Kind.OBJECTED)]) == {}


def test_a_consent_carried_over_stands_as_it_is() -> None:
    before = [given(conditions=VIEW)]
    kept = decision(Kind.CARRIED_OVER, revision="ab" * 32)
    admits(before, kept)
    assert after(*before, kept) == after(*before)
