# SPDX-License-Identifier: Apache-2.0
"""Objections, opt-outs and authority: what holds for a whole recipient or the whole person."""

from __future__ import annotations

import pytest

from consent import wide
from consent.errors import ErasureIsOrdered, ErasureStands, TargetUnknown
from consent.model import Event, Kind, ObjectionStanding, ObjectionState, Provision
from consent.transitions import OBJECTIONS, AlreadyOptedOut, AuthorityNotHeld, NotOptedOut, ObjectionRefused
from consent.wide import NOTHING, Wide
from consent.words import NATIONAL_DATA_OPT_OUT, By
from tests.consent.decisions import CHARITY, DISCHARGE, HOSPITAL, PLAN, SUPPORT, VISITS, decision, given

CASES: dict[ObjectionState | None, list[str]] = {
    None: [],
    ObjectionState.PENDING: ["objected"],
    ObjectionState.UPHELD: ["objected", "objection-upheld"],
    ObjectionState.OVERRIDDEN: ["objected", "overridden"],
}

MATRIX = """
           objected  objection-upheld  overridden  objection-ended
none       pending   -                 -           -
pending    -         upheld            overridden  none
upheld     -         -                 -           none
overridden pending   upheld            -           none
"""
HEAD, *ROWS = [line.split() for line in MATRIX.strip().splitlines()]
CELLS = [
    (None if row[0] == "none" else ObjectionState(row[0]), Kind(kind), cell)
    for row in ROWS
    for kind, cell in zip(HEAD, row[1:], strict=True)
]


def objection(kind: str, *categories: str, organisation: str = HOSPITAL, purpose: str = DISCHARGE) -> Event:
    target = "" if kind == "objected" else "the-objection"
    event_id = "the-objection" if kind == "objected" else ""
    made = decision(Kind(kind), *categories, organisation=organisation, purpose=purpose, id=event_id, target=target)
    return made if categories else without_categories(made)


def without_categories(event: Event) -> Event:
    members = {name: getattr(event, name) for name in event.__struct_fields__}
    return Event(**{**members, "provision": Provision(categories=())})


def person(kind: Kind, **more: str) -> Event:
    return without_categories(decision(kind, organisation="", purpose="", agreement="", **more))


def folded(*events: Event) -> Wide:
    standing = NOTHING
    for event in events:
        wide.admit(standing, event)
        standing = wide.step(standing, event)
    assert standing == wide.fold(events)
    return standing


def states(standing: Wide, organisation: str = HOSPITAL, purpose: str = DISCHARGE) -> list[ObjectionState]:
    return [one.state for one in standing.about(organisation, purpose)]


@pytest.mark.parametrize(("state", "kind", "cell"), CELLS)
def test_each_cell_of_the_table_of_objections(state: ObjectionState | None, kind: Kind, cell: str) -> None:
    before = folded(*(objection(one) for one in CASES[state]))
    assert states(before) == ([state] if state else [])
    event = objection(kind.value)
    outcome = OBJECTIONS[state][kind]
    if cell == "-":
        with pytest.raises(ObjectionRefused) as caught:
            wide.admit(before, event)
        assert caught.type is outcome
        assert wide.step(before, event) == before
    else:
        wide.admit(before, event)
        assert states(wide.step(before, event)) == ([] if cell == "none" else [cell])
        assert outcome == (None if cell == "none" else cell)


def test_the_table_of_objections_has_no_reason_twice() -> None:
    noes = [cell for row in OBJECTIONS.values() for cell in row.values() if isinstance(cell, type)]
    assert len(noes) == len({no.code for no in noes}) == len({no.sentence for no in noes}) == 8


def test_an_objection_is_to_one_recipient_for_one_purpose_or_all() -> None:
    standing = folded(objection("objected"))
    assert states(standing, CHARITY) == states(standing, HOSPITAL, SUPPORT) == []
    everything = folded(objection("objected", purpose=""))
    assert states(everything) == states(everything, HOSPITAL, SUPPORT) == [ObjectionState.PENDING]


def test_an_objection_says_what_it_is_about() -> None:
    standing = folded(objection("objected", VISITS, PLAN))
    (found,) = standing.about(HOSPITAL, DISCHARGE)
    assert found == ObjectionStanding(tuple(sorted((VISITS, PLAN))), ObjectionState.PENDING, "the-objection")
    assert folded(objection("objected")).about(HOSPITAL, DISCHARGE)[0].categories == ()


def test_objections_to_different_things_stand_side_by_side() -> None:
    events = [objection("objected"), objection("objected", PLAN), objection("objected", purpose="")]
    events = [decision_with_id(event, str(number)) for number, event in enumerate(events)]
    assert len(folded(*events).objections) == 3
    upheld = decision_aimed(objection("objection-upheld"), "1")
    assert states(folded(*events, upheld)) == ["pending", "upheld", "pending"]
    ended = decision_aimed(objection("objection-ended"), "1")
    assert [one.event for one in folded(*events, ended).objections] == ["0", "2"]


def decision_with_id(event: Event, event_id: str) -> Event:
    return Event(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "id": event_id})


def decision_aimed(event: Event, target: str) -> Event:
    return Event(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "target": target})


def test_the_same_objection_in_another_order_of_words_is_the_same() -> None:
    with pytest.raises(ObjectionRefused):
        folded(objection("objected", VISITS, PLAN), objection("objected", PLAN, VISITS))


def test_objecting_anew_takes_the_place_of_the_one_that_was_overridden() -> None:
    again = decision_with_id(objection("objected"), "again")
    standing = folded(objection("objected"), objection("overridden"), again)
    assert [(one.event, one.state) for one in standing.objections] == [("again", ObjectionState.PENDING)]


def test_nobody_decides_an_objection_to_somebody_else() -> None:
    before = folded(objection("objected"))
    with pytest.raises(TargetUnknown):
        wide.admit(before, objection("objection-upheld", organisation=CHARITY))


def test_an_opt_out_is_about_the_person_until_it_is_ended() -> None:
    out, back = (person(kind, code=NATIONAL_DATA_OPT_OUT) for kind in (Kind.OPTED_OUT, Kind.OPTED_IN))
    assert folded(out).opt_outs == (NATIONAL_DATA_OPT_OUT,)
    assert folded(out, back) == NOTHING
    with pytest.raises(AlreadyOptedOut):
        wide.admit(folded(out), out)
    with pytest.raises(NotOptedOut):
        wide.admit(NOTHING, back)
    with pytest.raises(NotOptedOut):
        wide.admit(folded(person(Kind.OPTED_OUT, code="another")), back)


def test_an_authority_is_held_until_it_is_ended() -> None:
    granted = person(Kind.AUTHORITY_GRANTED, id="auth-1", by=By.PARENT, authoriser="mother")
    other = person(Kind.AUTHORITY_GRANTED, id="auth-2", by=By.PARENT, authoriser="father")
    ended = person(Kind.AUTHORITY_ENDED, target="auth-1", reason="court-order")
    assert folded(granted, other).authorities == ("auth-1", "auth-2")
    assert folded(granted, other, ended).authorities == ("auth-2",)
    with pytest.raises(AuthorityNotHeld):
        wide.admit(folded(granted, other, ended), ended)


def test_consent_changes_nothing_here() -> None:
    before = folded(objection("objected"), person(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT))
    wide.admit(before, given())
    assert wide.step(before, given()) is before


# -- after an erasure -----------------------------------------------------------------------------------------

ERASED = person(Kind.ERASED, id="the-erasure", erased="ab" * 32)
STANDS = Wide(erased="the-erasure")


def test_an_erasure_leaves_nothing_standing_but_itself() -> None:
    before = Wide(opt_outs=(NATIONAL_DATA_OPT_OUT,), authorities=("a",), erased="an-older-one")
    assert wide.step(before, ERASED) == STANDS
    assert wide.fold([person(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT), ERASED]) == STANDS
    assert wide.step(STANDS, person(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT)).erased == "the-erasure"


def test_an_erasure_is_no_decision() -> None:
    with pytest.raises(ErasureIsOrdered):
        wide.admit(NOTHING, ERASED)


NAMES_IT = given(PLAN, predecessor="the-erasure")


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (NAMES_IT, []),
        (given(PLAN), [NAMES_IT]),
        (given(PLAN, VISITS), [NAMES_IT, given(VISITS, predecessor="the-erasure")]),
        (given(PLAN, at=ERASED.at + 1, predecessor="the-erasure"), []),
        (NAMES_IT, [given(VISITS, at=ERASED.at + 5)]),
    ],
    ids=["named", "freed", "both freed", "later", "a clock behind"],
)
def test_a_yes_that_names_the_erasure_frees_its_categories(event: Event, said: list[Event]) -> None:
    assert taken(event, [ERASED, *said])


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (given(PLAN), []),
        (given(PLAN, predecessor="another"), []),
        (given(PLAN, VISITS), [NAMES_IT]),
        (given(PLAN, organisation=CHARITY), [NAMES_IT]),
        (given(PLAN, purpose=SUPPORT), [NAMES_IT]),
        (given(PLAN), [given(PLAN)]),
        (given(PLAN), [decision(Kind.RENEWED, PLAN, predecessor="the-erasure")]),
        (given(PLAN, at=ERASED.at - 1, predecessor="the-erasure"), [NAMES_IT]),
    ],
    ids=["unnamed", "another", "one of two", "recipient", "purpose", "unnamed before", "renewed", "from before"],
)
def test_any_other_yes_is_refused(event: Event, said: list[Event]) -> None:
    assert not taken(event, [ERASED, *said])


def taken(event: Event, said: list[Event]) -> bool:
    try:
        wide.admit_giving(STANDS, event, said)
    except ErasureStands:
        return False
    return True
