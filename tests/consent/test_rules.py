# SPDX-License-Identifier: Apache-2.0
"""The rules of consent, each by its own example, and the table of what may follow what, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consent import rules
from consent.errors import (
    AlreadyExpired,
    AlreadyRefused,
    AlreadyWithdrawn,
    GivenWithdrawInstead,
    NothingGiven,
    NothingGivenButRefused,
    RefusalStands,
    TransitionRefused,
)
from consent.model import DPV, DPV_STATUS, VALID_FOR_PROCESSING, Event, Kind, Standing, State
from consent.words import CONSENT, FHIR_STATUS, GOVSTACK_OPT_IN, GOVSTACK_STATE, OPEN_BANKING_STATUS
from tests.consent.decisions import (
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    SUPPORT,
    UNNAMED,
    VISITS,
    YEAR,
    after,
    decision,
    deferred,
    given,
    invalidated,
    permitted,
    refused,
    requested,
    revoked,
    superseded,
    withdrawn,
)

GOAL = ("support.plan/goal",)
NOTES = ("support.plan/notes",)
BOTH = GOAL + NOTES

GIVEN = given(id="the-yes")
HISTORIES: dict[State, list[Event]] = {
    State.NONE: [],
    State.REQUESTED: [requested(id="the-question")],
    State.DEFERRED: [requested(id="the-question"), deferred(request="the-question")],
    State.AWAITING: [given(id="the-yes", parties=(PERSON, "the-other"))],
    State.GIVEN: [GIVEN],
    State.REFUSED: [given(fields=GOAL, id="the-yes"), refused()],
    State.WITHDRAWN: [GIVEN, withdrawn()],
    State.REVOKED: [GIVEN, revoked()],
    State.INVALIDATED: [GIVEN, invalidated("the-yes")],
    State.SUPERSEDED: [GIVEN, superseded()],
    State.EXPIRED: [given(at=NOON - YEAR, until=NOON, id="the-yes")],
}

MATRIX = """
             requested  deferred  given  refused  withdrawn  renewed  revoked  invalidated  superseded  carried-over
none         requested  -         given  refused  -          -        -        -            -           -
requested    -          deferred  given  refused  -          -        -        invalidated  superseded  -
deferred     -          -         given  refused  -          -        -        invalidated  superseded  -
awaiting     -          -         given  refused  withdrawn  -        revoked  invalidated  superseded  awaiting
given        -          -         given  -        withdrawn  given    revoked  invalidated  superseded  given
refused      requested  -         given  -        -          -        -        refused      -           -
withdrawn    requested  -         given  refused  -          -        -        invalidated  -           -
revoked      requested  -         given  refused  -          -        -        invalidated  -           -
invalidated  requested  -         given  refused  -          -        -        -            -           -
superseded   requested  -         given  refused  -          -        -        invalidated  -           -
expired      requested  -         given  refused  -          -        -        invalidated  -           -
"""
HEAD, *ROWS = [line.split() for line in MATRIX.strip().splitlines()]
CELLS = {(State(row[0]), Kind(kind)): cell for row in ROWS for kind, cell in zip(HEAD, row[1:], strict=True)}
"""The table once more, by hand, so that a cell of the code that changes is seen here."""

WRITTEN = {
    (State.NONE, Kind.WITHDRAWN): NothingGiven,
    (State.GIVEN, Kind.REFUSED): GivenWithdrawInstead,
    (State.REFUSED, Kind.REFUSED): AlreadyRefused,
    (State.REFUSED, Kind.WITHDRAWN): NothingGivenButRefused,
    (State.WITHDRAWN, Kind.WITHDRAWN): AlreadyWithdrawn,
    (State.EXPIRED, Kind.WITHDRAWN): AlreadyExpired,
}


def following(state: State, kind: Kind) -> Event:
    """An event of `kind` about what HISTORIES[state] is about."""
    question = "the-question" if kind is Kind.DEFERRED else ""
    if kind is not Kind.INVALIDATED:
        return decision(kind, request=question)
    asked = state in (State.REQUESTED, State.DEFERRED)
    fields = GOAL if state is State.REFUSED else ()
    return invalidated("the-question" if asked else "the-yes", fields=fields)


def held(statements: rules.ByCategory, source: str = "crm", now: int = NOON, agreement: str = "") -> rules.Held:
    return rules.held(Standing(1, statements), PLAN, source, now, agreement)


@pytest.mark.parametrize(("state", "kind"), CELLS)
def test_each_cell_of_the_table(state: State, kind: Kind) -> None:
    before = HISTORIES[state]
    event = following(state, kind)
    outcome = CELLS[state, kind]
    assert said(after(*before)) is state
    if outcome == "-":
        with pytest.raises(TransitionRefused) as caught:
            rules.admit(after(*before), event, before)
        assert caught.type is rules.TRANSITIONS[state][kind] is WRITTEN.get((state, kind), caught.type)
    else:
        assert rules.TRANSITIONS[state][kind] is State(outcome)
        rules.admit(after(*before), event, before)
        assert said(after(*before, event)) == outcome


def said(statements: rules.ByCategory) -> State:
    return rules.state_of(statements.get(PLAN, ()), rules.Scope(("goal",)), NOON)


def test_the_table_has_every_state_and_every_kind_and_no_reason_twice() -> None:
    assert {(state, kind) for state, row in rules.TRANSITIONS.items() for kind in row} == set(CELLS)
    assert {(state, kind) for state in State for kind in CONSENT} == set(CELLS)
    noes = [cell for row in rules.TRANSITIONS.values() for cell in row.values() if not isinstance(cell, State)]
    assert len(noes) == list(CELLS.values()).count("-")
    assert len(set(noes)) == len({no.code for no in noes}) == len({no.sentence for no in noes}) == len(noes)


def test_every_state_has_its_status_in_the_data_privacy_vocabulary() -> None:
    assert {status.removeprefix("https://w3id.org/dpv#") for status in DPV_STATUS.values()} == {
        "ConsentUnknown",
        "ConsentRequested",
        "ConsentRequestDeferred",
        "ConsentGiven",
        "ConsentRefused",
        "ConsentWithdrawn",
        "ConsentRevoked",
        "ConsentInvalidated",
        "ConsentExpired",
    }


@pytest.mark.parametrize("table", [DPV_STATUS, FHIR_STATUS, GOVSTACK_OPT_IN, GOVSTACK_STATE])
def test_every_state_has_its_word_in_each_standard(table: dict[State, object]) -> None:
    assert set(table) == set(State)


def test_no_standard_takes_for_consent_what_we_do_not() -> None:
    for state in State:
        given_here = state in VALID_FOR_PROCESSING
        assert (DPV_STATUS[state] == DPV + "ConsentGiven") == given_here
        assert (FHIR_STATUS[state] == "active") == given_here
        assert GOVSTACK_OPT_IN[state] == given_here
        assert (OPEN_BANKING_STATUS.get(state) == "AUTH") == given_here


# -- rule 1: a giving permits what it names, under its agreement, until its end; permits add ------------------


def test_a_giving_permits_what_it_names_and_nothing_else() -> None:
    statements = after(given(PLAN, VISITS, fields=GOAL, sources=("crm",)))
    assert permitted(statements) == {(PLAN, "goal", "crm")} | {
        (VISITS, field, "crm") for field in ("goal", "notes", UNNAMED)
    }


def test_permits_add() -> None:
    statements = after(given(fields=GOAL), given(fields=NOTES, until=NOON + 9))
    assert held(statements).fields == ("goal", "notes")
    assert len(held(statements).events) == 2


def test_the_answer_holds_until_the_first_of_several_permits_ends() -> None:
    assert held(after(given(fields=GOAL), given(fields=NOTES, until=NOON + 9))).until == NOON + 9
    assert held(after(given(fields=GOAL, until=NOON + 9), given(fields=NOTES))).until == NOON + 9


def test_a_permit_belongs_to_the_agreement_whose_terms_were_shown() -> None:
    statements = after(given(agreement="dsa-2026-021"))
    assert held(statements, agreement="dsa-2026-021").state is State.GIVEN
    assert held(statements, agreement="dsa-2026-014").state is State.NONE
    assert rules.word(statements[PLAN], "goal", "crm", NOON, "dsa-2026-014") is State.NONE


def test_permits_under_two_agreements_both_count() -> None:
    statements = after(given(agreement="dsa-2026-021"), given(until=NOON + 5))
    assert held(statements, now=NOON + 5, agreement="dsa-2026-021").state is State.GIVEN
    assert held(statements, now=NOON + 5, agreement="dsa-2026-014").state is State.EXPIRED


def test_giving_the_same_again_takes_the_place_of_the_first_also_with_an_earlier_end() -> None:
    assert held(after(given(), given(until=NOON + 5))).until == NOON + 5


def test_a_narrower_giving_does_not_shorten_a_wider_one() -> None:
    statements = after(given(), given(fields=GOAL, until=NOON + 5))
    assert held(statements, now=NOON + 5).fields_except == ()


@pytest.mark.parametrize("until", [NOON + 5, NOON + 6])
def test_a_wider_giving_for_as_long_makes_the_narrower_one_superfluous(until: int) -> None:
    statements = after(given(fields=GOAL, until=NOON + 5), given(until=until))
    assert len(statements[PLAN]) == 1


def test_a_wider_giving_that_ends_earlier_leaves_the_narrower_one() -> None:
    statements = after(given(fields=GOAL), given(until=NOON + 5))
    assert held(statements, now=NOON + 5).fields == ("goal",)


def test_a_wider_giving_does_not_swallow_one_that_reaches_where_it_cannot() -> None:
    statements = after(
        given(),
        withdrawn(fields=GOAL),
        given(fields=GOAL, sources=("crm",)),
        given(until=NOON + 2 * YEAR),
    )
    assert (PLAN, "goal", "crm") in permitted(statements)
    assert (PLAN, "goal", "core") not in permitted(statements)


# -- rule 2: a no ends every permit for exactly what it names -------------------------------------------------


@pytest.mark.parametrize("no", [withdrawn, refused])
def test_a_no_ends_exactly_what_it_names(no: Callable[..., Event]) -> None:
    before = after(given(PLAN, VISITS))
    statements = rules.step(before, no(PLAN, fields=GOAL, sources=("crm",)))
    assert permitted(before) - permitted(statements) == {(PLAN, "goal", "crm")}


@pytest.mark.parametrize("no", [withdrawn, refused])
def test_a_no_to_one_of_two_permits_is_not_lost_because_the_other_goes_on(no: Callable[..., Event]) -> None:
    for first, second in ((GOAL, NOTES), (NOTES, GOAL)):
        assert held(after(given(fields=first), given(fields=second), no(fields=GOAL))).fields == ("notes",)


def test_a_withdrawal_ends_the_permits_of_every_agreement() -> None:
    statements = after(given(agreement="dsa-2026-021"), given(), withdrawn())
    assert permitted(statements) == set()


def test_a_withdrawal_explains_the_absence_under_every_agreement() -> None:
    statements = after(given(agreement="dsa-2026-021"), withdrawn(agreement="dsa-2026-021"))
    assert held(statements, agreement="dsa-2026-014").state is State.WITHDRAWN


def test_a_withdrawal_for_one_purpose_leaves_the_others() -> None:
    standings = rules.fold([given(), given(purpose=SUPPORT), withdrawn(purpose=SUPPORT)])
    assert permitted(standings[HOSPITAL, SUPPORT]) == set()
    assert permitted(after(given(), given(purpose=SUPPORT), withdrawn(purpose=SUPPORT))) != set()


def test_a_withdrawal_may_sweep_wider_than_what_was_given() -> None:
    before = after(given(fields=GOAL, sources=("crm",)))
    rules.admit(before, withdrawn(PLAN, VISITS))
    statements = rules.step(before, withdrawn(PLAN, VISITS))
    assert permitted(statements) == set()
    assert VISITS not in statements


def test_a_withdrawal_says_the_most_telling_reason_when_nothing_is_in_force() -> None:
    before = after(given(VISITS, at=NOON - YEAR, until=NOON))
    with pytest.raises(AlreadyExpired):
        rules.admit(before, withdrawn(PLAN, VISITS))


def test_a_withdrawal_also_bites_a_permit_that_seems_to_have_run_out() -> None:
    # Clocks of two nodes differ: what is over for one may still be in force for the other.
    statements = after(given(until=NOON + 5), withdrawn(at=NOON + 6))
    assert held(statements, now=NOON + 4).state is State.WITHDRAWN


def test_a_refusal_of_the_whole_beats_a_permit_for_a_part() -> None:
    before = after(given(fields=GOAL))
    rules.admit(before, refused())
    assert held(rules.step(before, refused())).state is State.REFUSED


def test_a_refusal_of_what_is_wholly_given_in_two_parts_is_sent_to_withdrawal() -> None:
    before = after(given(fields=GOAL), given(fields=NOTES))
    with pytest.raises(GivenWithdrawInstead):
        rules.admit(before, refused(fields=BOTH))


def test_a_refusal_of_what_is_partly_given_and_partly_refused_already_is_taken() -> None:
    before = after(given(fields=GOAL), refused(fields=NOTES))
    rules.admit(before, refused(fields=BOTH))
    assert permitted(rules.step(before, refused(fields=BOTH))) == set()


def test_what_stands_at_other_sources_does_not_count() -> None:
    with pytest.raises(GivenWithdrawInstead):
        rules.admit(after(given(sources=("crm",))), refused(sources=("crm",)))


def test_one_category_that_cannot_be_refused_stops_the_whole_refusal() -> None:
    with pytest.raises(GivenWithdrawInstead):
        rules.admit(after(given(VISITS)), refused(PLAN, VISITS))


def test_one_category_that_was_refused_already_stops_the_whole_refusal() -> None:
    with pytest.raises(AlreadyRefused):
        rules.admit(after(given(), withdrawn(), refused(VISITS)), refused(PLAN, VISITS))


def test_a_withdrawal_may_sweep_over_what_was_refused() -> None:
    before = after(given(VISITS), refused())
    rules.admit(before, withdrawn(PLAN, VISITS, fields=GOAL))
    assert rules.step(before, withdrawn(PLAN, VISITS, fields=GOAL)) != before


def test_a_withdrawal_of_what_was_not_given_leaves_no_trace() -> None:
    yes = given(fields=GOAL)
    assert after(yes, withdrawn(fields=NOTES)) == after(yes)
    yes = given(sources=("crm",))
    assert after(yes, withdrawn(sources=("core",))) == after(yes)


def test_a_withdrawal_of_what_was_withdrawn_leaves_no_trace() -> None:
    events = [given(), withdrawn(fields=GOAL)]
    assert after(*events, withdrawn(fields=GOAL, sources=("crm",))) == after(*events)


def test_a_wider_hole_takes_in_the_narrower_one() -> None:
    statements = after(given(), withdrawn(fields=GOAL, sources=("crm",)), withdrawn(fields=GOAL))
    assert statements[PLAN][0].holes == (rules.Scope(("goal",)),)


def test_a_no_does_not_run_out() -> None:
    assert [one.until for one in after(given(), withdrawn(), refused(VISITS))[PLAN]] == [0]


# -- rule 3: an explicit no beats a yes of equal or narrower scope; what takes it back ------------------------


def test_the_same_yes_again_takes_back_a_refusal() -> None:
    assert held(after(refused(), given())).state is State.GIVEN


def test_a_yes_to_more_named_fields_takes_back_the_no_to_one_of_them() -> None:
    statements = after(given(fields=GOAL), withdrawn(fields=GOAL), given(fields=BOTH))
    assert held(statements).fields == ("goal", "notes")


def test_a_yes_to_one_of_two_refused_fields_takes_back_only_that() -> None:
    statements = after(refused(fields=BOTH), given(fields=GOAL))
    assert held(statements).fields == ("goal",)
    assert rules.word(statements[PLAN], "notes", "crm", NOON) is State.REFUSED


@pytest.mark.parametrize("narrow", [{"fields": GOAL}, {"sources": ("crm",)}, {"fields": GOAL, "sources": ("crm",)}])
def test_a_yes_to_all_does_not_take_back_a_no_to_a_part(narrow: dict[str, tuple[str, ...]]) -> None:
    for no in (refused(**narrow), withdrawn(**narrow)):
        statements = after(given(), no, given(until=NOON + 2 * YEAR))
        assert permitted(after(given())) - permitted(statements) == permitted(after(given(**narrow)))


def test_what_a_yes_took_back_stays_taken_back_when_all_is_given() -> None:
    statements = after(refused(fields=BOTH), given(fields=GOAL, until=NOON + 5), given())
    assert held(statements, now=NOON + 5).fields_except == ("notes",)


def test_what_a_yes_from_one_source_took_back_stays_taken_back_when_all_is_given() -> None:
    statements = after(refused(sources=("crm", "core")), given(sources=("crm",), until=NOON + 5), given())
    assert held(statements, source="crm", now=NOON + 5).state is State.GIVEN
    assert held(statements, source="core", now=NOON + 5).state is State.REFUSED


def test_giving_the_same_again_keeps_what_was_taken_back_there() -> None:
    no = refused(fields=GOAL)
    statements = after(
        no, given(sources=("crm",), predecessor=no.id), given(sources=("crm",), until=NOON + 2 * YEAR)
    )
    assert held(statements, source="crm", now=NOON + YEAR).fields_except == ()


def test_giving_two_fields_again_keeps_the_one_of_them_that_was_taken_back_in_two_steps() -> None:
    no = refused(fields=BOTH)
    crm, core = ({"sources": (source,), "predecessor": no.id} for source in ("crm", "core"))
    statements = after(no, given(**crm), given(**core), given(sources=("crm", "core"), until=NOON + 2 * YEAR))
    assert held(statements, source="crm", now=NOON + YEAR).fields_except == ()
    assert held(statements, source="core", now=NOON + YEAR).fields_except == ()


def test_a_giving_that_names_the_no_as_its_predecessor_takes_it_back() -> None:
    no = withdrawn(fields=GOAL)
    statements = after(given(), no, given(predecessor=no.id))
    assert held(statements).fields_except == ()


def test_a_no_taken_back_under_one_agreement_still_narrows_the_permit_under_another() -> None:
    no = withdrawn(fields=GOAL)
    statements = after(given(), no, given(agreement="dsa-2026-021", predecessor=no.id))
    assert held(statements, agreement="dsa-2026-021").fields_except == ()
    assert held(statements, agreement="dsa-2026-014").fields_except == ("goal",)


def test_a_no_to_all_does_not_weaken_the_no_to_a_part() -> None:
    for no in (refused, withdrawn):
        statements = after(given(), withdrawn(fields=GOAL), no(), given())
        assert held(statements).fields_except == ("goal",)


def test_a_no_to_a_part_does_not_weaken_the_no_to_all() -> None:
    statements = after(refused(), refused(sources=("crm",)), given(sources=("crm",)))
    assert permitted(statements) == set()


def test_a_wider_no_takes_in_the_one_that_picks_in_the_same_way() -> None:
    assert len(after(refused(fields=GOAL), refused(fields=BOTH))[PLAN]) == 1
    assert len(after(given(), withdrawn(fields=GOAL), refused(fields=GOAL))[PLAN]) == 2
    assert len(after(refused(fields=GOAL), given(), refused(sources=("crm",)), withdrawn())[PLAN]) == 3
    assert len(after(given(), refused(fields=GOAL), withdrawn(fields=BOTH))[PLAN]) == 3


def test_a_withdrawal_takes_in_a_narrower_withdrawal_that_picks_in_the_same_way() -> None:
    assert len(after(given(), withdrawn(fields=GOAL), withdrawn(fields=BOTH))[PLAN]) == 2


def test_a_no_to_one_field_from_one_source_leaves_a_yes_to_another_field_alone() -> None:
    statements = after(refused(fields=GOAL, sources=("crm",)), given(fields=NOTES))
    assert held(statements, source="crm").fields == ("notes",)


def test_a_field_taken_back_at_one_source_stays_so_when_the_field_is_given_from_all() -> None:
    statements = after(
        refused(fields=BOTH, sources=("crm", "core")),
        given(fields=GOAL, sources=("crm",), until=NOON + 5),
        given(fields=GOAL),
    )
    assert held(statements, source="crm", now=NOON + 5).state is State.GIVEN
    assert held(statements, source="core", now=NOON + 5).state is State.REFUSED


def test_taking_back_one_field_at_one_source_takes_back_no_other_field_there() -> None:
    statements = after(
        refused(fields=BOTH, sources=("crm", "core")), given(fields=GOAL, sources=("crm",)), given(fields=BOTH)
    )
    assert held(statements, source="crm").fields == ("goal",)
    assert held(statements, source="core").state is State.REFUSED
    permits = [one for one in statements[PLAN] if one.state is State.GIVEN]
    assert not any(one.says("notes", "crm") for one in permits)


# -- rule 4: a narrower yes may follow a withdrawal, and not a refusal ----------------------------------------


def test_a_narrower_yes_may_follow_a_withdrawal() -> None:
    before = after(given(), withdrawn())
    narrower = given(fields=GOAL)
    rules.admit(before, narrower)
    assert held(rules.step(before, narrower)).fields == ("goal",)


@pytest.mark.parametrize("narrow", [{"fields": GOAL}, {"sources": ("crm",)}])
def test_a_narrower_yes_must_name_the_refusal_it_takes_the_place_of(narrow: dict[str, tuple[str, ...]]) -> None:
    no = refused()
    with pytest.raises(RefusalStands):
        rules.admit(after(no), given(**narrow))
    assert after(no, given(**narrow)) == after(no)
    rules.admit(after(no), given(**narrow, predecessor=no.id))
    assert permitted(after(no, given(**narrow, predecessor=no.id))) == permitted(after(given(**narrow)))


def test_several_refusals_can_leave_nothing_of_a_giving() -> None:
    with pytest.raises(RefusalStands):
        rules.admit(after(refused(), refused(sources=("crm",))), given(fields=GOAL, sources=("crm",)))


def test_a_giving_that_a_refusal_leaves_without_any_effect_in_one_category_is_refused_whole() -> None:
    with pytest.raises(RefusalStands):
        rules.admit(after(refused(VISITS)), given(PLAN, VISITS, fields=("support.befriending/notes",)))


def test_a_withdrawal_does_not_weaken_a_refusal() -> None:
    before = after(given(), refused(fields=GOAL))
    rules.admit(before, withdrawn())
    statements = rules.step(before, withdrawn())
    assert rules.word(statements[PLAN], "goal", "crm", NOON) is State.REFUSED
    assert rules.word(statements[PLAN], "notes", "crm", NOON) is State.WITHDRAWN


def test_a_withdrawal_within_a_refusal_leaves_no_trace() -> None:
    no = refused()
    assert after(no, withdrawn(fields=GOAL)) == after(no)


# -- rule 6: time is looked at when the question is -----------------------------------------------------------


def test_a_permit_ends_at_its_exact_second() -> None:
    statements = after(given(until=NOON + 5))
    assert held(statements, now=NOON + 4).state is State.GIVEN
    assert held(statements, now=NOON + 5).state is State.EXPIRED


def test_the_answer_says_when_time_alone_could_change_it() -> None:
    statements = after(given(until=NOON + 5))
    assert held(statements, now=NOON + 4).until == NOON + 5
    assert held(statements, now=NOON + 5).until == 0


def test_only_what_permits_says_when_time_could_change_the_answer() -> None:
    yes = given(fields=NOTES, until=NOON + 9)
    statements = after(
        given(fields=GOAL, at=NOON - YEAR, until=NOON),
        given(fields=NOTES, at=NOON - YEAR, until=NOON, agreement="dsa-2026-021"),
        given(fields=GOAL, sources=("core",), until=NOON + 5),
        yes,
        refused(fields=("support.plan/status",)),
    )
    assert held(statements) == rules.Held(State.GIVEN, ("notes",), (), NOON + 9, (yes.id,))


# -- reading --------------------------------------------------------------------------------------------------


def test_one_source_is_read_without_the_others() -> None:
    statements = after(given(sources=("crm",)), given(fields=GOAL, sources=("core",)))
    assert held(statements, source="crm").fields == ()
    assert held(statements, source="core").fields == ("goal",)
    assert held(statements, source="somewhere else").state is State.NONE


def test_the_last_word_explains_why_nothing_is_given() -> None:
    no = withdrawn(fields=GOAL, at=NOON + 1)
    again = given(at=NOON + 2, until=NOON + 5)
    assert held(after(given(), no, again), now=NOON + 5).events == (again.id,)
    assert held(after(given(), withdrawn(id="the-stop"))).events == ("the-stop",)


def test_an_unknown_category_stands_at_none() -> None:
    assert rules.held(Standing(0, {}), VISITS, "crm", NOON) == rules.Held(State.NONE)
