# SPDX-License-Identifier: Apache-2.0
"""A seal and a change of consent: one of them is first, and the other sees it. On both stores."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
from sqlalchemy import Engine, insert, select, update

from consent.tables import consent_head
from gateway import db
from gateway.audit.log import Committed, Guard, Log, Moved
from gateway.errors import AuditUnavailable

from .conftest import MakeEntry, MakeLog, append_again

PERSON = "person-1"


@pytest.fixture
def decided(engine: Engine) -> None:
    """PERSON has decided once."""
    with db.write(engine) as connection:
        connection.execute(insert(consent_head), {"person": PERSON, "seq": 1, "hash": b""})


def move(engine: Engine, seq: int) -> None:
    with db.write(engine) as connection:
        connection.execute(select(consent_head).where(consent_head.c.person == PERSON).with_for_update())
        connection.execute(update(consent_head).where(consent_head.c.person == PERSON).values(seq=seq))


@pytest.mark.usefixtures("decided")
async def test_a_seal_waits_for_a_withdrawal_that_is_being_written_and_then_sees_it(
    log: Log, engine: Engine, make_entry: MakeEntry
) -> None:
    with db.write(engine) as connection:
        connection.execute(select(consent_head).where(consent_head.c.person == PERSON).with_for_update())
        connection.execute(update(consent_head).where(consent_head.c.person == PERSON).values(seq=2))
        seal = asyncio.create_task(log.append(make_entry(1), guard=Guard(PERSON, 1)))
        await asyncio.sleep(0.1)
        assert not seal.done()
    assert await seal == Moved(2)
    assert log.entry_by_id(make_entry(1).id) is None


@pytest.mark.usefixtures("decided")
async def test_a_seal_goes_on_when_the_withdrawal_is_given_up(
    log: Log, engine: Engine, make_entry: MakeEntry
) -> None:
    with db.write(engine) as connection:
        connection.execute(update(consent_head).where(consent_head.c.person == PERSON).values(seq=2))
        seal = asyncio.create_task(log.append(make_entry(1), guard=Guard(PERSON, 1)))
        await asyncio.sleep(0.05)
        connection.rollback()
    assert isinstance(await seal, Committed)


async def test_on_postgresql_only_the_citizen_who_decides_is_held_up(
    fresh_database: str, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    engine = db.connect(fresh_database)
    log = make_log(engine)
    await log.start()
    with db.write(engine) as connection:
        connection.execute(insert(consent_head), [{"person": p, "seq": 1, "hash": b""} for p in (PERSON, "other")])
    with db.write(engine) as connection:
        connection.execute(update(consent_head).where(consent_head.c.person == PERSON).values(seq=2))
        held_up = asyncio.create_task(log.append(make_entry(1), guard=Guard(PERSON, 1)))
        others = await asyncio.gather(log.append(make_entry(2), guard=Guard("other", 1)), log.append(make_entry(3)))
        assert all(isinstance(result, Committed) for result in others)
        assert not held_up.done()
    assert await held_up == Moved(2)
    engine.dispose()


@pytest.mark.usefixtures("decided")
async def test_a_withdrawal_that_never_ends_costs_the_deadline_and_nothing_is_written(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(engine, deadline_ms=300)
    await log.start()
    with db.write(engine) as connection:
        connection.execute(update(consent_head).where(consent_head.c.person == PERSON).values(seq=2))
        with pytest.raises(AuditUnavailable):
            await log.append(make_entry(1), guard=Guard(PERSON, 1))
    await append_again(log, make_entry(2))
    assert log.entry_by_id(make_entry(1).id) is None


@pytest.mark.slow
@pytest.mark.usefixtures("decided")
async def test_after_a_change_is_acknowledged_nothing_is_sealed_under_what_was_before(
    log: Log, engine: Engine, make_entry: MakeEntry, soak: bool
) -> None:
    chosen = random.Random(3)
    acknowledged, stop = [1], threading.Event()

    def decide() -> None:
        for seq in range(2, 400 if soak else 40):
            move(engine, seq)
            acknowledged[0] = seq
            stop.wait(0.002)
        stop.set()

    deciding = threading.Thread(target=decide)
    deciding.start()
    outcomes: dict[str, int] = {}

    async def seal(worker: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            at_start = acknowledged[0]
            guard = Guard(PERSON, at_start - chosen.randrange(2))
            result = await log.append(make_entry(worker * 100_000 + n), guard=guard)
            if isinstance(result, Moved):
                assert result.seq > guard.seq
            else:
                assert guard.seq >= at_start
            outcomes[type(result).__name__] = outcomes.get(type(result).__name__, 0) + 1

    await asyncio.gather(*[seal(worker) for worker in range(1, 5)])
    await asyncio.to_thread(deciding.join)
    assert set(outcomes) == {"Committed", "Moved"}
