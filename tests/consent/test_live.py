# SPDX-License-Identifier: Apache-2.0
"""The fast readers: never a standing that the ledger has left behind, never an empty one when it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
from sqlalchemy import Engine, text, update

from consent import ledger, live
from consent.errors import LedgerUnavailable
from consent.live import LiveLedger
from consent.model import Standing, State
from consent.tables import consent_standing
from gateway import db
from tests.consent.decisions import (
    CHARITY,
    DISCHARGE,
    HOSPITAL,
    PERSON,
    PLAN,
    VISITS,
    given,
    refused,
    withdrawn,
)
from tests.consent.reading import ask, record, record_in_another_process, state, until


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[LiveLedger]:
    reader = live.live_ledger(database_url)
    yield reader
    await reader.close()


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
