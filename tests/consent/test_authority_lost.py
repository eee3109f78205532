# SPDX-License-Identifier: Apache-2.0
"""When an authority is lost, what rested on it falls, and nothing else: over every history, and in the ledger."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Engine

from consent import authorities, deciding, ledger, rules
from consent.authority import NEVER_HELD, VRS_BASIS, VRS_ENDED, Authority
from consent.errors import ReasonMissing
from consent.model import Event
from consent.reasons import REASONS
from consent.transitions import AuthorityNotHeld
from consent.words import By, Kind
from gateway import db
from tests.consent.decisions import (
    CATEGORIES,
    FIELDS,
    NOON,
    PERSON,
    PLAN,
    admitted,
    after,
    named,
    permitted,
)
from tests.consent.decisions import (
    given as yes,
)
from tests.consent.families import AUNT, FATHER, MOTHER, authority, said

UNDER = (PERSON, MOTHER, FATHER, AUNT)
HELD: tuple[Authority, ...] = (
    authority(MOTHER, By.CHOSEN, depth=1),
    authority(FATHER, By.CHOSEN),
    authority(AUNT, By.CHOSEN, derived_from=f"authority-{MOTHER}"),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What the person, two whom they chose and one to whom a right was handed on decided, as the ledger took it."""
    events = []
    for n in range(draw(st.integers(1, 8))):
        who = draw(st.sampled_from(UNDER))
        kind = draw(st.sampled_from((Kind.GIVEN, Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN)))
        category = draw(st.sampled_from(CATEGORIES))
        names = draw(st.sets(st.sampled_from(FIELDS), max_size=1))
        fields = tuple(f"{category}/{name}" for name in names)
        events.append(said(kind, who, category, by=By.CHOSEN, fields=fields, at=NOON - 100 + n))
    return admitted(events)


def endings(history: list[Event], lost: str, reason: str) -> list[Event]:
    fallen = deciding.dependants(history, HELD, lost)
    return [deciding.fall(one, reason, id=str(uuid.uuid4()), actor="staff-1", now=NOON) for one in fallen]


@given(histories(), st.sampled_from((MOTHER, FATHER, AUNT)))
def test_an_authority_that_was_never_held_leaves_what_there_would_be_without_its_yeses(
    history: list[Event], who: str
) -> None:
    lost = f"authority-{who}"
    ends = endings(history, lost, "misuse")
    gone = {event.target for event in ends}
    assume(gone)
    without = [event for event in history if event.id not in gone]
    assert permitted(after(*history, *ends)) == permitted(after(*without))
    ids = {lost, "authority-person-aunt"} if who == MOTHER else {lost}
    assert gone == {one.id for one in history if one.authority in ids and one.kind is Kind.GIVEN}


@given(histories(), st.sampled_from((MOTHER, FATHER, AUNT)))
def test_an_authority_that_ended_takes_along_what_it_permitted_and_gives_nothing_back(
    history: list[Event], who: str
) -> None:
    before = after(*history)
    live = {one.event for statements in before.values() for one in statements}
    ends = [one for one in endings(history, f"authority-{who}", "court-order") if one.target in live]
    now = permitted(after(*history, *ends))
    gone = {event.target for event in ends}
    rest = {
        category: tuple(one for one in statements if one.event not in gone)
        for category, statements in before.items()
    }
    assert now == permitted(rest)
    assert now <= permitted(before)


@given(histories())
def test_what_the_person_decided_and_every_no_falls_with_no_authority(history: list[Event]) -> None:
    for one in HELD:
        for fallen in deciding.dependants(history, HELD, one.id):
            assert fallen.authoriser
            assert fallen.kind is Kind.GIVEN
            assert named(fallen)


def test_both_kinds_of_loss_are_taken_by_the_ledger_and_leave_what_others_gave(engine: Engine) -> None:
    for reason, kind in (("court-order", Kind.REVOKED), ("misuse", Kind.INVALIDATED)):
        person = f"person-{reason}"
        hers = said(Kind.GIVEN, MOTHER, PLAN, by=By.CHOSEN, person=person)
        theirs = yes(PLAN, fields=(f"{PLAN}/goal",), person=person, at=NOON - 400)
        ends = endings([hers, theirs], f"authority-{MOTHER}", reason)
        assert [(one.kind, one.target) for one in ends] == [(kind, hers.id)]
        with db.write(engine) as connection:
            ledger.record_all(connection, [hers, theirs, *ends])
            [statements] = ledger.projection(connection, person).values()
            assert ledger.rebuild(connection, person) is False
        assert {one[1] for one in permitted(statements)} == {"goal"}


def test_an_authority_keeps_its_first_end_unless_it_was_never_held(engine: Engine) -> None:
    held = authority(MOTHER)
    with db.write(engine) as connection:
        authorities.grant(connection, held, now=NOON)
        assert authorities.held_by(connection, MOTHER) == [held]
        assert authorities.subject(connection, PERSON).authorities == (held,)
        assert authorities.end(connection, held.id, "court-order", now=NOON).ended_at == NOON
        again = authorities.end(connection, held.id, "safeguarding", now=NOON + 5)
        assert (again.ended, again.ended_at) == ("court-order", NOON)
        never = authorities.end(connection, held.id, "no-authority", now=NOON + 9)
        assert (never.ended, never.ended_at) == ("no-authority", NOON)
        assert authorities.end(connection, held.id, "court-order", now=NOON + 9).ended == "no-authority"
        with pytest.raises(ReasonMissing):
            authorities.end(connection, held.id, "because", now=NOON)
        with pytest.raises(AuthorityNotHeld):
            authorities.end(connection, "nobody's", "court-order", now=NOON)


def test_every_reason_for_an_end_is_one_of_the_ledger_s_and_has_its_code_in_the_nhs() -> None:
    assert set(VRS_ENDED) == set(REASONS[Kind.AUTHORITY_ENDED])
    assert all(code.startswith(("ROLE_DEACTIVATED_", "APPLICATION_REJECTED_")) for code in VRS_ENDED.values())
    assert set(VRS_ENDED) > NEVER_HELD
    assert set(VRS_BASIS) < set(By)
    assert rules.fold([]) == {}
