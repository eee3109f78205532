# SPDX-License-Identifier: Apache-2.0
"""Two officers erase what a citizen decided; it is an entry before it is done, and can be proved for some years."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, insert, select

from consent import chain, ledger
from consent.chain import Verified
from consent.model import Event, Kind
from consent.tables import consent_erasure, consent_event, consent_proof
from gateway import db, erasing, keyring
from gateway.audit.log import Log
from gateway.audit.sealing import SealKey
from gateway.audit.tables import entry
from gateway.consents import recording
from gateway.consents.erasing import DecisionErasing, DecisionsStay, Told
from gateway.erasing import Forgetting
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring
from tests.consent.decisions import NOON, given, refused, withdrawn

ANN, BOB = "person-ann", "person-bob"
LATER = NOON + 1000
OFFICERS = {"authority": "SAR-2026-7", "requested_by": "officer-1", "approved_by": "officer-2"}
ARTICLE_17 = {"reason": "article-17"} | OFFICERS


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    """Keys of a gateway."""
    keyring.create(tmp_path / "keys")
    return keyring.load(tmp_path / "keys")


@pytest.fixture
async def log(engine: Engine, keys: Keyring) -> AsyncIterator[Log]:
    """A started log."""
    made = Log(engine, keys, "gateway.example/log", deadline_ms=10_000)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def sealing(keys: Keyring) -> SealKey:
    """What seals."""
    return SealKey(keys.seal, keys.wrap.read)


@pytest.fixture
def orders(engine: Engine, log: Log, sealing: SealKey) -> DecisionErasing:
    """The orders of officers about decisions."""
    return DecisionErasing(engine, log, sealing, clock=lambda: LATER)


@pytest.fixture
def others(
    engine: Engine, log: Log, sealing: SealKey, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> Forgetting:
    """The orders of officers about the log; nobody else runs here, so a new wrapping key need not be waited for."""
    monkeypatch.setattr(erasing, "LOOK_S", -1.0)
    return Forgetting(engine, log, sealing, keys.wrap)


async def decided(engine: Engine, log: Log, *events: Event) -> None:
    for event in events:
        await recording.record(engine, log, event)


def yes_and_no(person: str = ANN) -> list[Event]:
    return [given(person=person), withdrawn(person=person)]


def hashes(engine: Engine, person: str = ANN) -> list[str]:
    with db.read(engine) as connection:
        rows = connection.execute(
            select(consent_event.c.hash).where(consent_event.c.person == person).order_by(consent_event.c.seq)
        )
        return [bytes(row.hash).hex() for row in rows]


def said(engine: Engine) -> list[str]:
    """The types of the entries of the log, in order."""
    with db.read(engine) as connection:
        rows = connection.execute(select(entry.c.entry).order_by(entry.c.idx)).scalars().all()
    return [msgspec.json.decode(bytes(row))["type"] for row in rows]


async def test_nothing_of_what_was_decided_stays_in_the_files(
    engine: Engine, log: Log, orders: DecisionErasing
) -> None:
    """On SQLite, whose deleted rows linger in its write-ahead log; PostgreSQL vacuums."""
    if engine.dialect.name != "sqlite":
        return
    await decided(engine, log, *yes_and_no(), *yes_and_no(BOB))
    with db.read(engine) as connection:
        rows = connection.execute(select(consent_event.c.person, consent_event.c.link)).all()
    links = {person: [bytes(row.link) for row in rows if row.person == person] for person in (ANN, BOB)}
    await orders.erase(ANN, **ARTICLE_17)
    files = Path(engine.url.database or "").parent.glob("commons.db*")
    content = b"".join(file.read_bytes() for file in files)
    assert [link in content for link in links[ANN]] == [False, False]
    assert [link in content for link in links[BOB]] == [True, True]


async def test_an_erasure_is_an_entry_before_it_is_done_and_the_citizen_has_one_too(
    engine: Engine, log: Log, orders: DecisionErasing
) -> None:
    await decided(engine, log, *yes_and_no(), given(person=BOB))
    told = await orders.erase(ANN, **ARTICLE_17)
    assert told == Told("article-17", "SAR-2026-7", "officer-1", "officer-2", 2)
    assert said(engine)[-2:] == ["ledger.erased", "consent.erased"]
    with db.read(engine) as connection:
        [erasure] = ledger.history(connection, ANN)
        [order] = connection.execute(select(consent_erasure)).all()
        assert isinstance(ledger.verify_chain(connection, ANN), Verified)
        assert len(ledger.history(connection, BOB)) == 1
    assert order.person == ""
    shown = log.open_groups(order.id)["result"].value
    assert shown == msgspec.to_builtins(told)
    assert log.open_groups(erasure.id)["subject"].value["person"] == ANN
    assert await recording.log_missing(engine, log) == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"approved_by": "officer-1"}, "another one approves"),
        ({"requested_by": ""}, "another one approves"),
        ({"reason": "because"}, "The reason must be one of"),
    ],
    ids=["one officer", "nobody", "no such reason"],
)
async def test_an_erasure_is_ordered_by_two_for_a_reason(
    engine: Engine, log: Log, orders: DecisionErasing, change: dict[str, str], why: str
) -> None:
    await decided(engine, log, *yes_and_no())
    with pytest.raises(DecisionsStay, match=why):
        await orders.erase(ANN, **(ARTICLE_17 | change))
    with db.read(engine) as connection:
        assert len(ledger.history(connection, ANN)) == 2


async def test_what_is_held_or_in_force_or_never_was_is_not_erased(
    engine: Engine, log: Log, orders: DecisionErasing, others: Forgetting
) -> None:
    with pytest.raises(DecisionsStay, match="no decision"):
        await orders.erase(ANN, **ARTICLE_17)
    await decided(engine, log, given(person=ANN))
    with pytest.raises(DecisionsStay, match="withdraw it first"):
        await orders.erase(ANN, **ARTICLE_17)
    await decided(engine, log, withdrawn(person=ANN))
    hold = await others.hold(ANN, authority="inquiry-3", officer="officer-1")
    with pytest.raises(DecisionsStay, match="legal hold"):
        await orders.erase(ANN, **ARTICLE_17)
    await others.lift(hold, authority="inquiry-3", officer="officer-1")
    assert (await orders.erase(ANN, **ARTICLE_17)).events == 2


async def test_an_erasure_that_a_crash_cut_short_is_finished(
    engine: Engine, log: Log, orders: DecisionErasing, keys: Keyring, sealing: SealKey
) -> None:
    await decided(engine, log, *yes_and_no())
    await log.close()
    with pytest.raises(AuditUnavailable):
        await orders.erase(ANN, **ARTICLE_17)
    with db.read(engine) as connection:
        assert len(ledger.history(connection, ANN)) == 2  # no entry, so nothing was done
    restarted = Log(engine, keys, "gateway.example/log", deadline_ms=10_000)
    await restarted.start()
    anew = DecisionErasing(engine, restarted, sealing, clock=lambda: LATER)
    assert await anew.finish() == 1
    assert await anew.finish() == 0
    await restarted.close()
    with db.read(engine) as connection:
        assert [event.kind for event in ledger.history(connection, ANN)] == [Kind.ERASED]


async def test_an_erasure_ordered_twice_at_once_is_done_once(
    engine: Engine, log: Log, orders: DecisionErasing
) -> None:
    await decided(engine, log, *yes_and_no())
    told = msgspec.json.encode(Told("article-17", "SAR-2026-8", "officer-1", "officer-2", 2)).decode()
    with db.write(engine) as connection:
        connection.execute(insert(consent_erasure), {"id": "order-0", "person": ANN, "told": told, "done": 0})
    await orders.erase(ANN, **ARTICLE_17)
    links = await orders.prove(ANN, **OFFICERS)
    assert [chain.event_of(link).kind for link in links] == [Kind.GIVEN, Kind.WITHDRAWN, Kind.ERASED]
    with db.read(engine) as connection:
        assert isinstance(ledger.verify_chain(connection, ANN), Verified)


async def test_what_was_erased_can_be_proved_and_opening_the_proof_is_an_entry(
    engine: Engine, log: Log, orders: DecisionErasing, others: Forgetting
) -> None:
    await decided(engine, log, *yes_and_no())
    await orders.erase(ANN, **ARTICLE_17)
    await others.erase(ANN, **ARTICLE_17)  # what the log had sealed goes; the proof stays
    await others.rotate("officer-1")
    links = await orders.prove(ANN, **OFFICERS)
    assert [chain.digest(link) for link in links] == hashes(engine)[:2]
    assert said(engine)[-1] == "proof.opened"
    assert await orders.prove(BOB, **OFFICERS) == []
    with pytest.raises(DecisionsStay):
        await orders.prove(ANN, **(OFFICERS | {"approved_by": "officer-1"}))


async def test_a_proof_says_nothing_without_its_key_and_goes_when_a_claim_can_no_longer_be_brought(
    engine: Engine, log: Log, orders: DecisionErasing, others: Forgetting
) -> None:
    no = refused(person=ANN)
    await decided(engine, log, no)
    await orders.erase(ANN, **ARTICLE_17)
    with db.read(engine) as connection:
        [sealed] = connection.execute(select(consent_proof.c.sealed)).scalars().all()
    assert no.id.encode() not in bytes(sealed)
    ends = datetime.datetime.fromtimestamp(LATER, datetime.UTC).year + 7
    await others.retain(datetime.date(ends - 1, 12, 31), "officer-1")
    assert len(await orders.prove(ANN, **OFFICERS)) == 1
    done = await others.retain(datetime.date(ends, 1, 1), "officer-1")
    assert done[f"proof:{ends - 7}"] == 1
    assert await orders.prove(ANN, **OFFICERS) == []


async def test_a_court_order_leaves_no_proof(engine: Engine, log: Log, orders: DecisionErasing) -> None:
    await decided(engine, log, *yes_and_no())
    await orders.erase(ANN, **ARTICLE_17)
    await decided(engine, log, refused(person=ANN, at=LATER))
    assert len(await orders.prove(ANN, **OFFICERS)) == 2
    await orders.erase(ANN, **(ARTICLE_17 | {"reason": "court-order"}))
    assert await orders.prove(ANN, **OFFICERS) == []
    with db.read(engine) as connection:
        assert connection.execute(select(consent_proof)).all() == []
