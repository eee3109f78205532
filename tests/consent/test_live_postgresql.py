# SPDX-License-Identifier: Apache-2.0
"""The fast reader of PostgreSQL: what it hears of, and what it does when it hears nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Engine, make_url, text

from consent import live
from consent.errors import LedgerUnavailable
from consent.live import PostgresLedger
from consent.model import Standing, State
from gateway import db
from tests.consent.decisions import CHARITY, DISCHARGE, HOSPITAL, PERSON, given, withdrawn
from tests.consent.reading import (
    Wire,
    ask,
    heard,
    moved_on,
    record,
    record_in_another_process,
    state,
    until,
)


@pytest.fixture
async def postgres(fresh_database: str) -> AsyncIterator[PostgresLedger]:
    reader = live.live_ledger(fresh_database)
    assert isinstance(reader, PostgresLedger)
    await until(lambda: reader.listening)
    yield reader
    await reader.close()


@pytest.fixture
def postgres_engine(fresh_database: str) -> Iterator[Engine]:
    engine = db.connect(fresh_database)
    yield engine
    engine.dispose()


async def test_a_withdrawal_by_another_process_is_heard_of(postgres: PostgresLedger, fresh_database: str) -> None:
    before = await ask(postgres)
    await record_in_another_process(fresh_database, given())
    kept = await moved_on(postgres, before)
    assert state(kept) is State.GIVEN
    await record_in_another_process(fresh_database, withdrawn())
    assert state(await moved_on(postgres, kept)) is State.WITHDRAWN


async def test_what_was_read_is_kept_while_nothing_is_heard(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    first = await heard(postgres, postgres_engine, given())
    assert await ask(postgres) is first
    before = await ask(postgres, "person-b")
    record(postgres_engine, given(person="person-b"))
    async with asyncio.timeout(20):
        while await ask(postgres, "person-b") == before:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    assert await ask(postgres) is first


async def test_a_decision_while_it_is_being_read_is_not_missed(
    fresh_database: str, postgres_engine: Engine
) -> None:
    has_read, may_go_on = asyncio.Event(), asyncio.Event()

    class SlowReader(PostgresLedger):
        async def _ask(self, person: str, question: tuple[str, str]) -> Standing:
            standing = await super()._ask(person, question)
            if question[0] == HOSPITAL:
                has_read.set()
                await may_go_on.wait()
            return standing

    reader = SlowReader(make_url(fresh_database).set(drivername="postgresql").render_as_string(False))
    await until(lambda: reader.listening)
    sign = await heard(reader, postgres_engine, given(), organisation=CHARITY)
    slow = asyncio.create_task(ask(reader))
    await has_read.wait()
    record(postgres_engine, withdrawn())
    await moved_on(reader, sign, organisation=CHARITY)
    may_go_on.set()
    assert state(await slow) is State.GIVEN  # it was, when the question was asked
    assert state(await ask(reader)) is State.WITHDRAWN
    await reader.close()


async def test_whoever_knows_that_it_moved_need_not_wait_for_the_notice(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    await heard(postgres, postgres_engine, given())
    record(postgres_engine, withdrawn())  # the notice cannot have been heard: this loop has not run since
    assert state(await ask(postgres)) is State.GIVEN
    standing = await postgres.standing(PERSON, HOSPITAL, DISCHARGE, at_least=2)
    assert state(standing) is State.WITHDRAWN


async def test_a_killed_listener_means_asking_the_database(
    postgres: PostgresLedger, postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 3600.0)  # it does not come back within this test
    record(postgres_engine, given())
    assert state(await ask(postgres)) is State.GIVEN
    terminate(postgres_engine, "query LIKE 'LISTEN%' OR query LIKE 'SELECT 1'")
    await until(lambda: not postgres.listening)
    for decision, expected in (
        (withdrawn(), State.WITHDRAWN),
        (given(), State.GIVEN),
        (withdrawn(), State.WITHDRAWN),
    ):
        record(postgres_engine, decision)
        assert state(await ask(postgres)) is expected


async def test_a_killed_listener_comes_back_and_what_it_missed_is_read_anew(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, given())
    await ask(postgres)
    terminate(postgres_engine, "query LIKE 'LISTEN%' OR query LIKE 'SELECT 1'")
    await until(lambda: not postgres.listening)
    record(postgres_engine, withdrawn())
    await until(lambda: postgres.listening)
    assert state(await ask(postgres)) is State.WITHDRAWN


async def test_connections_that_died_idle_are_replaced(postgres: PostgresLedger, postgres_engine: Engine) -> None:
    record(postgres_engine, given())
    await ask(postgres)
    terminate(postgres_engine, "true")
    await until(lambda: not postgres.listening)
    assert state(await ask(postgres)) is State.GIVEN


async def test_many_questions_at_once_are_all_answered(postgres: PostgresLedger, postgres_engine: Engine) -> None:
    record(postgres_engine, *(given(person=f"person-{number}") for number in range(20)))
    standings = await asyncio.gather(*(ask(postgres, f"person-{number}") for number in range(20)))
    assert {state(standing) for standing in standings} == {State.GIVEN}


async def test_a_server_that_does_not_answer_is_unavailable(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PATIENCE_S", 0.2)
    monkeypatch.setattr(live, "TRUST_S", 0.5)
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    wire = Wire(fresh_database)
    url = await wire.lay()
    reader = live.live_ledger(url)
    assert isinstance(reader, PostgresLedger)
    await until(lambda: reader.listening)
    assert await ask(reader) == Standing(0, {})
    wire.open.clear()
    await until(lambda: not reader.listening)
    with pytest.raises(LedgerUnavailable):
        await ask(reader)
    wire.open.set()
    await until(lambda: reader.listening)
    assert await ask(reader) == Standing(0, {})
    await reader.close()
    await wire.cut()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    reader = live.live_ledger("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(LedgerUnavailable):
        await ask(reader)
    await reader.close()


async def test_closing_leaves_no_connection(fresh_database: str, postgres_engine: Engine) -> None:
    reader = live.live_ledger(fresh_database)
    assert isinstance(reader, PostgresLedger)
    await until(lambda: reader.listening)
    await asyncio.gather(*(ask(reader, f"person-{number}") for number in range(4)))
    assert others(postgres_engine) > 1
    await reader.close()
    await until(lambda: others(postgres_engine) == 0)


def others(engine: Engine) -> int:
    with db.read(engine) as connection:
        return int(
            connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
                    " AND datname = current_database() AND pid <> pg_backend_pid()"
                )
            ).scalar_one()
        )


def terminate(engine: Engine, which: str) -> None:
    with db.read(engine) as connection:
        killed = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND datname = current_database()"
                f" AND pid <> pg_backend_pid() AND ({which})"
            )
        ).scalars()
        assert True in list(killed)
