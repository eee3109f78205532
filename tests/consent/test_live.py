# SPDX-License-Identifier: Apache-2.0
"""The fast readers: never a standing that the ledger has left behind, never an empty one when it cannot be read."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import uvloop
from sqlalchemy import Engine, make_url, text, update

from consent import ledger, live, rules
from consent.errors import LedgerUnavailable
from consent.live import LiveLedger, PostgresLedger
from consent.model import Event, Standing, State
from consent.tables import consent_standing
from gateway import db
from tests.consent.decisions import (
    CHARITY,
    DISCHARGE,
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    VISITS,
    given,
    refused,
    withdrawn,
)

RECORD = """
import sys, msgspec
from consent import ledger
from consent.model import Event
from gateway import db
engine = db.connect(sys.argv[1])
with db.write(engine) as connection:
    ledger.record(connection, msgspec.json.decode(sys.argv[2], type=Event))
engine.dispose()
"""


def record(engine: Engine, *events: Event) -> None:
    for event in events:
        with db.write(engine) as connection:
            ledger.record(connection, event)


async def record_in_another_process(url: str, event: Event) -> None:
    arguments = [sys.executable, "-c", RECORD, url, msgspec.json.encode(event).decode()]
    await asyncio.to_thread(subprocess.run, arguments, check=True, cwd=Path(__file__).parents[2])


async def ask(reader: LiveLedger, person: str = PERSON, organisation: str = HOSPITAL) -> Standing:
    return await reader.standing(person, organisation, DISCHARGE)


def state(standing: Standing) -> State:
    return rules.held(standing, PLAN, "crm", NOON).state


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what is waited for happens in a server, which gives no event
            await asyncio.sleep(0.002)


async def moved_on(reader: LiveLedger, kept: Standing, organisation: str = HOSPITAL) -> Standing:
    """The first standing that differs from `kept`."""
    async with asyncio.timeout(20):
        while (standing := await ask(reader, organisation=organisation)) == kept:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    return standing


async def settled(reader: LiveLedger, organisation: str = HOSPITAL) -> Standing:
    """A standing that is kept: the notice of what was recorded before has been heard."""
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        while (standing := await ask(reader, organisation=organisation)) is not await ask(
            reader, organisation=organisation
        ):
            pass
    return standing


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[LiveLedger]:
    reader = live.live_ledger(database_url)
    yield reader
    await reader.close()


@pytest.fixture
async def postgres(fresh_database: str) -> AsyncIterator[PostgresLedger]:
    reader = live.live_ledger(fresh_database)
    assert isinstance(reader, PostgresLedger)
    await until(lambda: reader.listening)
    yield reader
    await reader.close()


@pytest.fixture
def postgres_engine(fresh_database: str) -> AsyncIterator[Engine]:
    engine = db.connect(fresh_database)
    yield engine
    engine.dispose()


# -- both stores ----------------------------------------------------------------------------------------------


async def test_the_reader_says_what_the_ledger_says(reader: LiveLedger, engine: Engine) -> None:
    record(engine, given(PLAN, VISITS), withdrawn(VISITS, fields=("support.befriending/notes",)))
    with db.read(engine) as connection:
        expected = ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE)
    assert await ask(reader) == expected
    assert await ask(reader) == expected


async def test_somebody_who_never_decided_stands_at_nothing(reader: LiveLedger) -> None:
    assert await ask(reader, "nobody") == Standing(0, {})


async def test_a_decision_about_something_else_still_moves_the_sequence(reader: LiveLedger, engine: Engine) -> None:
    record(engine, given())
    other = await ask(reader, organisation=CHARITY)
    assert (other.seq, other.by_category) == (1, {})


async def test_a_standing_that_cannot_be_read_is_not_an_empty_one(reader: LiveLedger, engine: Engine) -> None:
    record(engine, given())
    with db.write(engine) as connection:
        connection.execute(update(consent_standing).values(statements=b"[{}]"))
    with pytest.raises(LedgerUnavailable):
        await ask(reader)


async def test_a_ledger_without_its_tables_is_unavailable(reader: LiveLedger, engine: Engine) -> None:
    with db.write(engine) as connection:
        connection.execute(text("DROP TABLE consent_standing"))
    with pytest.raises(LedgerUnavailable):
        await ask(reader)


async def test_memory_for_standings_is_bounded(
    reader: LiveLedger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_PEOPLE", 2)
    record(engine, *(given(person=f"person-{number}") for number in range(4)))
    await until(lambda: getattr(reader, "listening", True))
    first = [await ask(reader, f"person-{number}") for number in range(4)]
    again = [await ask(reader, f"person-{number}") for number in (3, 2, 1, 0)]
    assert again == first[::-1]
    assert [one is other for one, other in zip(again, first[::-1], strict=True)] == [True, True, False, False]


def test_the_reader_works_in_the_event_loop_of_production(database_url: str) -> None:
    async def story() -> State:
        reader, engine = live.live_ledger(database_url), db.connect(database_url)
        record(engine, given())
        standing = await ask(reader)
        await reader.close()
        engine.dispose()
        return state(standing)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story()) is State.GIVEN


# -- SQLite ---------------------------------------------------------------------------------------------------


async def test_on_sqlite_a_withdrawal_by_another_process_stops_the_very_next_read(sqlite_url: str) -> None:
    reader = live.live_ledger(sqlite_url)
    await record_in_another_process(sqlite_url, given())
    assert state(await ask(reader)) is State.GIVEN
    await record_in_another_process(sqlite_url, withdrawn())
    assert state(await ask(reader)) is State.WITHDRAWN
    await reader.close()


async def test_on_sqlite_what_did_not_move_is_not_folded_again(sqlite_url: str) -> None:
    reader, engine = live.live_ledger(sqlite_url), db.connect(sqlite_url)
    record(engine, given())
    first = await ask(reader)
    record(engine, refused(person="person-b"))
    assert await ask(reader) is first
    await reader.close()
    engine.dispose()


def test_on_sqlite_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        live.live_ledger(f"sqlite:///{tmp_path / 'commons.db'}")
    assert not (tmp_path / "commons.db").exists()


async def test_on_sqlite_a_closed_reader_answers_nothing(sqlite_url: str) -> None:
    reader = live.live_ledger(sqlite_url)
    await reader.close()
    with pytest.raises(LedgerUnavailable):
        await ask(reader)


# -- PostgreSQL -----------------------------------------------------------------------------------------------


async def test_on_postgresql_a_withdrawal_by_another_process_is_heard_of(
    postgres: PostgresLedger, fresh_database: str
) -> None:
    await record_in_another_process(fresh_database, given())
    kept = await settled(postgres)
    assert state(kept) is State.GIVEN
    await record_in_another_process(fresh_database, withdrawn())
    assert state(await moved_on(postgres, kept)) is State.WITHDRAWN


async def test_on_postgresql_what_was_read_is_kept_while_nothing_is_heard(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, given())
    first = await settled(postgres)
    record(postgres_engine, given(person="person-b"))
    await until(lambda: postgres.listening)
    assert await ask(postgres) is first


async def test_on_postgresql_a_decision_while_it_is_being_read_is_not_missed(
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
    record(postgres_engine, given())
    sign = await settled(reader, organisation=CHARITY)
    slow = asyncio.create_task(ask(reader))
    await has_read.wait()
    record(postgres_engine, withdrawn())
    await moved_on(reader, sign, organisation=CHARITY)
    may_go_on.set()
    assert state(await slow) is State.GIVEN  # it was, when the question was asked
    assert state(await ask(reader)) is State.WITHDRAWN
    await reader.close()


async def test_on_postgresql_whoever_knows_that_it_moved_need_not_wait_for_the_notice(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, given())
    await settled(postgres)
    record(postgres_engine, withdrawn())  # the notice cannot have been heard: this loop has not run since
    assert state(await ask(postgres)) is State.GIVEN
    standing = await postgres.standing(PERSON, HOSPITAL, DISCHARGE, at_least=2)
    assert state(standing) is State.WITHDRAWN


async def test_on_postgresql_a_killed_listener_means_asking_the_database(
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


async def test_on_postgresql_a_killed_listener_comes_back_and_what_it_missed_is_read_anew(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, given())
    await ask(postgres)
    terminate(postgres_engine, "query LIKE 'LISTEN%' OR query LIKE 'SELECT 1'")
    await until(lambda: not postgres.listening)
    record(postgres_engine, withdrawn())
    await until(lambda: postgres.listening)
    assert state(await ask(postgres)) is State.WITHDRAWN


async def test_on_postgresql_connections_that_died_idle_are_replaced(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, given())
    await ask(postgres)
    terminate(postgres_engine, "true")
    await until(lambda: not postgres.listening)
    assert state(await ask(postgres)) is State.GIVEN


async def test_on_postgresql_many_questions_at_once_are_all_answered(
    postgres: PostgresLedger, postgres_engine: Engine
) -> None:
    record(postgres_engine, *(given(person=f"person-{number}") for number in range(20)))
    standings = await asyncio.gather(*(ask(postgres, f"person-{number}") for number in range(20)))
    assert {state(standing) for standing in standings} == {State.GIVEN}


async def test_on_postgresql_a_server_that_does_not_answer_is_unavailable(
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


async def test_on_postgresql_a_server_that_is_not_there_is_unavailable() -> None:
    reader = live.live_ledger("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    with pytest.raises(LedgerUnavailable):
        await ask(reader)
    await reader.close()


async def test_on_postgresql_closing_leaves_no_connection(fresh_database: str, postgres_engine: Engine) -> None:
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


class Wire:
    """A wire to PostgreSQL that can go silent without being cut."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.open = asyncio.Event()
        self.open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def lay(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return self._url.set(port=port).render_as_string(hide_password=False)

    async def cut(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._url.host, self._url.port)
        for one, other in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(one, other))
            self._tasks.add(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
