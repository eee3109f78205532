# SPDX-License-Identifier: Apache-2.0
"""Two gateways decide about one person at the same instant: one of them is first, and both know it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from consent import ledger, rules
from consent.chain import Verified
from consent.errors import AlreadyWithdrawn, EventRefused
from consent.model import Event, Recorded, State
from gateway import db
from tests.consent.decisions import DISCHARGE, HOSPITAL, NOON, PERSON, PLAN, VISITS, given, refused, withdrawn
from tests.consent.reading import until

ROUNDS = 12


@pytest.fixture
def engines(database_url: str) -> Iterator[tuple[Engine, Engine]]:
    pair = db.connect(database_url), db.connect(database_url)
    yield pair
    for engine in pair:
        engine.dispose()


def record(engine: Engine, event: Event) -> Recorded | EventRefused:
    try:
        with db.write(engine) as connection:
            return ledger.record(connection, event)
    except EventRefused as refusal:
        return refusal


def at_once(engines: tuple[Engine, Engine], *events: Event) -> list[Recorded | EventRefused]:
    start = threading.Barrier(len(events))

    def go(engine: Engine, event: Event) -> Recorded | EventRefused:
        with db.read(engine):
            start.wait()
        return record(engine, event)

    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(go, engines, events))


def whole(engine: Engine, person: str = PERSON) -> list[Event]:
    with db.read(engine) as connection:
        events = ledger.history(connection, person)
        verified = ledger.verify_chain(connection, person)
        assert isinstance(verified, Verified)
        assert verified.head.seq == len(events)
        assert ledger.projection(connection, person) == rules.fold(events)
    return events


def test_a_withdrawal_and_a_giving_at_once_follow_each_other(engines: tuple[Engine, Engine]) -> None:
    record(engines[0], given())
    for round_ in range(ROUNDS):
        no, yes = withdrawn(at=NOON + round_), given(at=NOON + round_)
        results = at_once(engines, no, yes)
        assert all(isinstance(one, Recorded) for one in results)
        last = whole(engines[0])[-1]
        with db.read(engines[1]) as connection:
            standing = ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE)
        expected = State.GIVEN if last == yes else State.WITHDRAWN
        assert rules.held(standing, PLAN, "crm", NOON + round_).state is expected
        record(engines[0], given(at=NOON + round_))


def test_of_two_withdrawals_at_once_one_is_told_that_it_had_been_withdrawn(engines: tuple[Engine, Engine]) -> None:
    for _ in range(ROUNDS):
        record(engines[0], given())
        results = at_once(engines, withdrawn(), withdrawn())
        assert {type(one) for one in results} == {Recorded, AlreadyWithdrawn}
    assert len(whole(engines[0])) == 2 * ROUNDS


def test_two_first_decisions_at_once_are_both_kept(engines: tuple[Engine, Engine]) -> None:
    for round_ in range(ROUNDS):
        person = f"person-{round_}"
        results = at_once(engines, given(person=person), refused(VISITS, person=person))
        assert {one.seq for one in results if isinstance(one, Recorded)} == {1, 2}
        assert len(whole(engines[0], person)) == 2


def test_the_same_decision_sent_twice_at_once_is_one(engines: tuple[Engine, Engine]) -> None:
    for _ in range(ROUNDS):
        record(engines[0], given())
        no = withdrawn()
        first, second = at_once(engines, no, no)
        assert first == second
    assert len(whole(engines[0])) == 2 * ROUNDS


async def test_on_postgresql_a_withdrawal_waits_for_the_release_that_holds_its_person(fresh_database: str) -> None:
    engine, other = db.connect(fresh_database), db.connect(fresh_database)
    record(engine, given())
    with db.write(engine) as sealing:
        seal = text("SELECT seq FROM consent_head WHERE person = :person FOR SHARE")
        assert sealing.execute(seal, {"person": PERSON}).scalar_one() == 1
        withdrawing = asyncio.create_task(asyncio.to_thread(record, other, withdrawn()))
        await until(lambda: waiting(engine) == 1)
        assert not withdrawing.done()
    assert await withdrawing == Recorded(2, whole_hash(engine))
    engine.dispose()
    other.dispose()


def waiting(engine: Engine) -> int:
    with db.read(engine) as connection:
        return int(
            connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            ).scalar_one()
        )


def whole_hash(engine: Engine) -> str:
    with db.read(engine) as connection:
        verified = ledger.verify_chain(connection, PERSON)
    assert isinstance(verified, Verified)
    return verified.head.hash
