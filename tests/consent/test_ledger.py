# SPDX-License-Identifier: Apache-2.0
"""The ledger on both stores: what is recorded, what it comes to, and what shows when somebody changes it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from msgspec.structs import replace
from sqlalchemy import Connection, Delete, Engine, Update, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError

from consent import ledger, rules
from consent.chain import START, Broken, Verified
from consent.errors import (
    AlreadyWithdrawn,
    EventIdReused,
    ExpiryMissing,
    LedgerCorrupt,
    LedgerUnavailable,
    NothingGiven,
)
from consent.model import Event, Recorded, State
from consent.tables import consent_event, consent_head, consent_standing
from gateway import db
from tests.consent.decisions import (
    CHARITY,
    DISCHARGE,
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    SUPPORT,
    VISITS,
    admitted,
    given,
    histories,
    refused,
    withdrawn,
)


def record(engine: Engine, *events: Event) -> list[Recorded]:
    recorded = []
    for event in events:
        with db.write(engine) as connection:
            recorded.append(ledger.record(connection, event))
    return recorded


def state(engine: Engine, organisation: str = HOSPITAL, purpose: str = DISCHARGE) -> State:
    with db.read(engine) as connection:
        standing = ledger.standing(connection, PERSON, organisation, purpose)
    return rules.held(standing, PLAN, "crm", NOON).state


def tamper(connection: Connection) -> None:
    """What somebody with all rights over the store can do: take the triggers away."""
    for statement in UNGUARD[connection.dialect.name]:
        connection.execute(text(statement))


UNGUARD = {
    "postgresql": ["DROP TRIGGER consent_event_append_only ON consent_event"],
    "sqlite": ["DROP TRIGGER consent_event_no_update", "DROP TRIGGER consent_event_no_delete"],
}


def count(engine: Engine) -> int:
    with db.read(engine) as connection:
        return connection.execute(select(func.count()).select_from(consent_event)).scalar_one()


def test_what_was_given_stands_until_it_is_withdrawn(engine: Engine) -> None:
    record(engine, given())
    assert state(engine) is State.GIVEN
    record(engine, withdrawn())
    assert state(engine) is State.WITHDRAWN


def test_a_decision_reaches_no_other_recipient_and_no_other_purpose(engine: Engine) -> None:
    record(engine, given())
    assert state(engine, organisation=CHARITY) is State.NONE
    assert state(engine, purpose=SUPPORT) is State.NONE


def test_somebody_who_never_decided_stands_at_nothing(engine: Engine) -> None:
    with db.read(engine) as connection:
        standing = ledger.standing(connection, "nobody", HOSPITAL, DISCHARGE)
        assert (standing.seq, standing.by_category) == (0, {})
        assert ledger.history(connection, "nobody") == []
        assert ledger.verify_chain(connection, "nobody") == Verified(START)


def test_every_event_moves_the_sequence_of_its_person_whatever_it_is_about(engine: Engine) -> None:
    recorded = record(engine, given(), given(organisation=CHARITY), given(person="person-b"), refused(VISITS))
    assert [one.seq for one in recorded] == [1, 2, 1, 3]
    with db.read(engine) as connection:
        assert ledger.standing(connection, PERSON, CHARITY, SUPPORT).seq == 3


def test_the_history_is_what_was_decided_oldest_first(engine: Engine) -> None:
    events = [given(PLAN, VISITS), withdrawn(PLAN), given(organisation=CHARITY)]
    record(engine, *events)
    with db.read(engine) as connection:
        assert ledger.history(connection, PERSON) == events


def test_the_same_event_again_changes_nothing_and_says_the_same(engine: Engine) -> None:
    yes, no = given(), withdrawn()
    first = record(engine, yes, no)
    assert record(engine, yes, no) == first
    assert count(engine) == 2
    assert state(engine) is State.WITHDRAWN


def test_another_event_under_the_same_id_is_refused(engine: Engine) -> None:
    yes = given()
    record(engine, yes)
    for other in (replace(yes, at=yes.at + 1), replace(yes, person="person-b")):
        with pytest.raises(EventIdReused):
            record(engine, other)
    assert count(engine) == 1


def test_a_refused_event_leaves_the_ledger_as_it_was(engine: Engine) -> None:
    first = record(engine, given(), withdrawn())[-1]
    for event, error in ((withdrawn(), AlreadyWithdrawn), (given(until=0), ExpiryMissing)):
        with pytest.raises(error):
            record(engine, event)
    with db.read(engine) as connection:
        assert ledger.verify_chain(connection, PERSON) == Verified(first)


def test_a_refusal_that_the_caller_commits_all_the_same_writes_no_event(engine: Engine) -> None:
    with db.write(engine) as connection, pytest.raises(NothingGiven):
        ledger.record(connection, withdrawn())
    with db.read(engine) as connection:
        assert ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE).seq == 0
        assert ledger.verify_chain(connection, PERSON) == Verified(START)
    assert record(engine, given())[0].seq == 1


def test_what_the_caller_rolls_back_was_never_recorded(engine: Engine) -> None:
    with engine.connect().execution_options(commons_write=True) as connection, connection.begin() as transaction:
        ledger.record(connection, given())
        transaction.rollback()
    assert state(engine) is State.NONE
    assert count(engine) == 0


# -- many at once ---------------------------------------------------------------------------------------------


def test_many_events_at_once_are_the_same_as_one_after_the_other(engine: Engine) -> None:
    events = [given(), given(person="person-b"), withdrawn(), refused(VISITS), given(organisation=CHARITY)]
    with db.write(engine) as connection:
        at_once = ledger.record_all(connection, events)
    with db.read(engine) as connection:
        assert ledger.history(connection, PERSON) == [events[0], *events[2:]]
        assert ledger.verify_chain(connection, PERSON) == Verified(at_once[-1])
        assert ledger.verify_chain(connection, "person-b") == Verified(at_once[1])
        assert ledger.projection(connection, PERSON) == rules.fold([events[0], *events[2:]])
    assert record(engine, *events) == at_once


def test_one_event_that_is_refused_stops_all_of_them(engine: Engine) -> None:
    with db.write(engine) as connection, pytest.raises(NothingGiven):
        ledger.record_all(connection, [given(), withdrawn(person="person-b")])
    assert count(engine) == 0


def test_the_same_event_twice_in_one_go_is_one_event(engine: Engine) -> None:
    yes = given()
    with db.write(engine) as connection:
        first, second = ledger.record_all(connection, [yes, yes])
    assert first == second
    assert count(engine) == 1


def test_nothing_at_once_is_nothing(engine: Engine) -> None:
    with db.write(engine) as connection:
        assert ledger.record_all(connection, []) == []


# -- the projection -------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@for_all(histories())
def test_the_projection_is_what_the_events_come_to(engine: Engine, events: list[Event]) -> None:
    taken = admitted(events)
    with engine.connect().execution_options(commons_write=True) as connection, connection.begin() as transaction:
        for event in taken:
            ledger.record(connection, event)
        assert ledger.projection(connection, PERSON) == rules.fold(taken)
        assert not ledger.rebuild(connection, PERSON)
        connection.execute(delete(consent_standing))
        assert ledger.rebuild(connection, PERSON) == bool(taken)
        assert ledger.projection(connection, PERSON) == rules.fold(taken)
        standing = ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE)
        assert standing.seq == len(taken)
        transaction.rollback()


def test_a_projection_that_somebody_widened_is_put_right(engine: Engine) -> None:
    record(engine, given(VISITS, sources=("crm",)), given(organisation=CHARITY))
    with db.write(engine) as connection:
        other = select(consent_standing.c.statements).where(consent_standing.c.organisation == CHARITY)
        connection.execute(update(consent_standing).values(statements=other.scalar_subquery()))
    assert state(engine) is State.GIVEN
    with db.write(engine) as connection:
        assert ledger.rebuild(connection, PERSON)
    assert state(engine) is State.NONE
    with db.write(engine) as connection:
        assert not ledger.rebuild(connection, PERSON)
    record(engine, withdrawn(VISITS))


# -- append-only ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", [update(consent_event).values(at=1), delete(consent_event)], ids=["UPDATE", "DELETE"]
)
def test_the_store_itself_refuses_to_change_or_remove_an_event(engine: Engine, statement: Update | Delete) -> None:
    first = record(engine, given())[-1]
    with pytest.raises(DBAPIError, match="consent_event is append-only"), db.write(engine) as connection:
        connection.execute(statement)
    with db.read(engine) as connection:
        assert ledger.verify_chain(connection, PERSON) == Verified(first)


def test_postgresql_refuses_to_empty_the_table_of_events(fresh_database: str) -> None:
    engine = db.connect(fresh_database)
    with pytest.raises(DBAPIError, match="consent_event is append-only"), db.write(engine) as connection:
        connection.execute(text("TRUNCATE consent_event"))
    engine.dispose()


# -- the chain ------------------------------------------------------------------------------------------------


def test_a_changed_event_is_found(engine: Engine) -> None:
    record(engine, given(), withdrawn())
    with db.write(engine) as connection:
        tamper(connection)
        content = connection.execute(select(consent_event.c.link).where(consent_event.c.seq == 2)).scalar_one()
        changed = content.replace(b"support.plan", b"support.pl4n")
        connection.execute(update(consent_event).where(consent_event.c.seq == 2).values(link=changed))
    with db.read(engine) as connection:
        assert isinstance(ledger.verify_chain(connection, PERSON), Broken)


def test_a_withdrawal_that_was_cut_off_with_its_head_is_found_by_what_was_seen_of_it(engine: Engine) -> None:
    first, second = record(engine, given(), withdrawn())
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(delete(consent_event).where(consent_event.c.seq == 2))
        connection.execute(update(consent_head).values(seq=1, hash=bytes.fromhex(first.hash)))
    with db.read(engine) as connection:
        assert ledger.verify_chain(connection, PERSON) == Verified(first)
        assert ledger.verify_chain(connection, PERSON, anchor=first) == Verified(first)
        assert ledger.verify_chain(connection, PERSON, anchor=second) == Broken(
            2, "the chain does not hold what was seen of it elsewhere"
        )


def test_a_head_that_was_moved_is_found(engine: Engine) -> None:
    record(engine, given())
    with db.write(engine) as connection:
        connection.execute(update(consent_head).values(seq=2))
    with db.read(engine) as connection:
        assert isinstance(ledger.verify_chain(connection, PERSON), Broken)


def test_a_standing_that_cannot_be_read_is_not_an_empty_one(engine: Engine) -> None:
    record(engine, given())
    for statements in (b"", b"\xff", b"{}", b'[{"state":"allowed"}]'):
        with db.write(engine) as connection:
            connection.execute(update(consent_standing).values(statements=statements))
        with db.read(engine) as connection, pytest.raises(LedgerCorrupt) as caught:
            ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE)
        assert isinstance(caught.value, LedgerUnavailable)


def test_a_history_that_cannot_be_read_is_not_a_shorter_one(engine: Engine) -> None:
    record(engine, given(), withdrawn())
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(update(consent_event).where(consent_event.c.seq == 2).values(link=b"{}"))
    with db.read(engine) as connection, pytest.raises(LedgerCorrupt):
        ledger.history(connection, PERSON)
