# SPDX-License-Identifier: Apache-2.0
"""What the log promises to whoever appends, on both stores."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from consent.tables import consent_head
from gateway import db, keyring
from gateway.audit import leaf, verify
from gateway.audit.log import Claim, Claimed, Committed, Guard, Log, LogRefused, Moved
from gateway.audit.sequencer import CLAIM_LIFETIME_MS
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

from .conftest import IN_2026, ORIGIN, MakeEntry, MakeLog, unguard

Export = Callable[[Log, Path], Path]


def set_consent(engine: Engine, person: str, seq: int) -> None:
    with db.write(engine) as connection:
        connection.execute(text("DELETE FROM consent_head WHERE person = :p"), {"p": person})
        connection.execute(insert(consent_head), {"person": person, "seq": seq, "hash": b""})


async def test_a_new_log_begins_with_an_entry_that_names_it(log: Log) -> None:
    assert log.size == 1
    bundle = log.bundle(0, 1)
    assert bundle is not None
    started = json.loads(bundle[2:])
    assert (started["type"], started["svc"], started["c"]) == ("log.started", ORIGIN, {})


async def test_an_appended_entry_is_in_the_log_and_proven(log: Log, make_entry: MakeEntry, vkey: str) -> None:
    committed = await log.append(make_entry(1))
    assert isinstance(committed, Committed)
    assert (committed.index, committed.size, committed.origin) == (1, 2, ORIGIN)
    assert committed.checkpoint == log.checkpoint()
    assert b64decode(committed.checkpoint_b64).decode() == committed.checkpoint
    stored = log.entry_by_id(make_entry(1).id)
    assert stored is not None
    assert (stored.index, stored.org, stored.type) == (1, "uk/nhs/XZZ01", "access.intended")
    assert verify.proof(log.proof(stored).text, vkey).ok


async def test_what_was_appended_verifies_as_a_whole(
    log: Log, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    early = log.checkpoint()
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(1, 600)])
    report = verify.log(str(export(log, tmp_path / "copy")), vkey, since=[early])
    assert report.findings == ()
    assert (report.size, report.entries) == (600, 600)


async def test_appending_an_event_twice_is_appending_it_once(log: Log, make_entry: MakeEntry) -> None:
    first, second = await asyncio.gather(log.append(make_entry(1)), log.append(make_entry(1)))
    await log.append(make_entry(2))
    third = await log.append(make_entry(1))
    assert [committed.index for committed in (first, second, third) if isinstance(committed, Committed)] == [
        1,
        1,
        1,
    ]
    assert log.size == 3


async def test_an_event_that_was_appended_stays_so_whatever_its_guard_says_now(
    log: Log, engine: Engine, make_entry: MakeEntry
) -> None:
    await log.append(make_entry(1), guard=Guard("p", 0))
    set_consent(engine, "p", 5)
    again = await log.append(make_entry(1), guard=Guard("p", 0))
    assert isinstance(again, Committed)
    assert again.index == 1


async def test_an_entry_is_not_written_once_the_consent_has_moved(
    log: Log, engine: Engine, make_entry: MakeEntry
) -> None:
    set_consent(engine, "moved", 4)
    set_consent(engine, "same", 2)
    results = await asyncio.gather(
        log.append(make_entry(1), guard=Guard("moved", 3)),
        log.append(make_entry(2), guard=Guard("same", 2)),
        log.append(make_entry(3), guard=Guard("nobody", 0)),
        log.append(make_entry(4), guard=Guard("nobody", 1)),
        log.append(make_entry(5)),
    )
    assert results[0] == Moved(4)
    assert results[3] == Moved(0)
    assert [r.index for r in results if isinstance(r, Committed)] == [1, 2, 3]
    assert log.size == 4
    assert [log.entry_by_id(make_entry(n).id) is None for n in range(1, 6)] == [True, False, False, True, False]


async def test_a_key_is_claimed_once(log: Log, make_entry: MakeEntry) -> None:
    first = Claim("system", b"k" * 32, b"d" * 32, "query-1")
    other_body = Claim("system", b"k" * 32, b"e" * 32, "query-2")
    assert isinstance(await log.append(make_entry(1), claim=first), Committed)
    assert await log.append(make_entry(2), claim=first) == Claimed("query-1", same_request=True)
    assert await log.append(make_entry(3), claim=other_body) == Claimed("query-1", same_request=False)
    assert isinstance(
        await log.append(make_entry(4), claim=Claim("other", b"k" * 32, b"d" * 32, "query-3")), Committed
    )
    assert log.size == 3


async def test_of_two_at_once_one_has_the_claim_and_the_rest_is_not_held_up(
    log: Log, make_entry: MakeEntry
) -> None:
    claims = [Claim("system", b"k" * 32, b"d" * 32, f"query-{n}") for n in range(2)]
    results = await asyncio.gather(
        log.append(make_entry(1), claim=claims[0]),
        log.append(make_entry(2), claim=claims[1]),
        log.append(make_entry(3)),
    )
    assert isinstance(results[0], Committed)
    assert results[1] == Claimed("query-0", same_request=True)
    assert isinstance(results[2], Committed)
    assert log.size == 3


async def test_a_claim_that_is_refused_holds_for_nobody(log: Log, engine: Engine, make_entry: MakeEntry) -> None:
    claim = Claim("system", b"k" * 32, b"d" * 32, "query-1")
    set_consent(engine, "p", 2)
    assert await log.append(make_entry(1), guard=Guard("p", 1), claim=claim) == Moved(2)
    assert isinstance(await log.append(make_entry(2), claim=claim), Committed)


async def test_groups_open_again_and_fit_their_commitments(log: Log, make_entry: MakeEntry) -> None:
    event = make_entry(1)
    await log.append(event)
    stored = log.entry_by_id(event.id)
    assert stored is not None
    opened = log.open_groups(event.id)
    numbered = event.groups | {"subject": {"handle": "sub_1", "number": 1}}
    assert {name: group.value for name, group in opened.items()} == numbered
    commitments = json.loads(stored.entry)["c"]
    for name, group in opened.items():
        assert b64decode(commitments[name]) == leaf.commitment(name, group.salt, group.content)


async def test_what_was_erased_does_not_open_and_the_rest_does(
    log: Log, engine: Engine, make_entry: MakeEntry, vkey: str
) -> None:
    await log.append(make_entry(1, subject_key="one"))
    await log.append(make_entry(2, subject_key="two"))
    with db.write(engine) as connection:
        key = "SELECT subject_key FROM log.payload WHERE idx = 1"
        connection.execute(text(f"DELETE FROM log.data_key WHERE id = ({key})"))
    assert set(log.open_groups(make_entry(1).id)) == {"actor"}
    assert set(log.open_groups(make_entry(2).id)) == {"actor", "subject", "request", "basis"}
    stored = log.entry_by_id(make_entry(1).id)
    assert stored is not None
    assert verify.proof(log.proof(stored).text, vkey).ok


async def test_people_and_organisations_have_data_keys_of_their_own(
    log: Log, engine: Engine, make_entry: MakeEntry
) -> None:
    for n, (org, person) in enumerate([("a", "p"), ("a", "q"), ("b", "p"), ("a", "p")]):
        await log.append(make_entry(n, org=org, subject_key=person))
    with db.read(engine) as connection:
        rows = connection.execute(text("SELECT actor_key, subject_key FROM log.payload ORDER BY idx")).all()[1:]
        named = connection.execute(text("SELECT subject, organisation FROM log.data_key")).all()
    assert len({row.actor_key for row in rows}) == 2
    assert [row.subject_key == rows[0].subject_key for row in rows] == [True, False, False, True]
    assert len(named) == 5
    assert not {"p", "q"} & {row.subject for row in named}


async def test_an_event_that_cannot_be_an_entry_is_refused(log: Log, make_entry: MakeEntry) -> None:
    with pytest.raises(ValueError, match="type of event"):
        await log.append(make_entry(1, type="access.imagined"))
    with pytest.raises(ValueError, match="group"):
        await log.append(make_entry(1, groups={"other": {}}))
    with pytest.raises(TypeError):
        await log.append(make_entry(1, groups={"actor": {"share": 0.5}}))
    with pytest.raises(ValueError, match="larger"):
        await log.append(make_entry(1, purpose="x" * 5000))
    assert log.size == 1


async def test_a_log_goes_on_where_it_was(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    for n in range(3):
        log = make_log(engine)
        await log.start()
        await asyncio.gather(*[log.append(make_entry(n * 200 + m)) for m in range(200)])
        await log.close()
    report = verify.log(str(export(log, tmp_path / "copy")), vkey)
    assert report.findings == ()
    assert report.size == 601


async def test_several_writers_share_one_log_and_it_does_not_fork(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, vkey: str, export: Export, tmp_path: Path
) -> None:
    logs = [make_log(engine) for _ in range(3)]
    await asyncio.gather(*[log.start() for log in logs])
    results = await asyncio.gather(*[logs[n % 3].append(make_entry(n)) for n in range(300)])
    assert sorted(r.index for r in results if isinstance(r, Committed)) == list(range(1, 301))
    assert verify.log(str(export(logs[0], tmp_path / "copy")), vkey).findings == ()


async def test_a_log_of_another_origin_is_not_continued(engine: Engine, make_log: MakeLog) -> None:
    log = make_log(engine)
    await log.start()
    await log.close()
    with pytest.raises(LogRefused, match="set COMMONS_LOG_ORIGIN"):
        await make_log(engine, name="other.example/log").start()


async def test_a_log_is_not_continued_with_another_key(engine: Engine, make_log: MakeLog, tmp_path: Path) -> None:
    log = make_log(engine)
    await log.start()
    await log.close()
    keyring.create(tmp_path / "keys")
    with pytest.raises(LogRefused, match="log key"):
        await make_log(engine, keys=keyring.load(tmp_path / "keys")).start()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM log.entry WHERE idx = 300",
        "UPDATE log.entry SET leaf_hash = (SELECT leaf_hash FROM log.entry WHERE idx = 1) WHERE idx = 290",
        "UPDATE log.tile SET root = (SELECT leaf_hash FROM log.entry WHERE idx = 1)",
        "DELETE FROM log.tile",
        "UPDATE log.head SET size = 300",
        "UPDATE log.head SET frontier = (SELECT leaf_hash FROM log.entry WHERE idx = 1)",
    ],
)
async def test_a_log_that_does_not_add_up_is_not_continued(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, damage: str
) -> None:
    log = make_log(engine)
    await log.start()
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(300)])
    await log.close()
    with db.write(engine) as connection:
        unguard(connection)
        connection.execute(text(damage))
    with pytest.raises(LogRefused, match="not the one its checkpoint signs"):
        await make_log(engine).start()


async def test_a_closed_log_takes_nothing(log: Log, make_entry: MakeEntry) -> None:
    pending = [asyncio.create_task(log.append(make_entry(n))) for n in range(5)]
    await asyncio.sleep(0)
    await log.close()
    assert all(isinstance(result, Committed) for result in await asyncio.gather(*pending))
    with pytest.raises(AuditUnavailable):
        await log.append(make_entry(9))


async def test_tiles_beyond_the_log_are_not_there(log: Log, make_entry: MakeEntry) -> None:
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(9)])
    assert log.tile(0, 0, 10) is not None
    assert log.tile(0, 0, 11) is None
    assert log.tile(0, 1, 1) is None
    assert log.tile(1, 0, 1) is None
    assert log.bundle(0, 11) is None
    assert log.entry_by_id("01900000-0000-7000-8000-ffffffffffff") is None
    assert log.open_groups("01900000-0000-7000-8000-ffffffffffff") == {}


def test_nothing_of_the_keys_shows_in_a_representation(keys: Keyring) -> None:
    assert keys.seal.hex() not in repr(keys)
    assert "seal" not in repr(keys)


async def test_a_claim_is_forgotten_after_a_day_and_not_before(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.sequencer.SWEEP_AFTER", 10)
    monkeypatch.setattr("gateway.audit.sequencer.SWEEP", 25)
    now = IN_2026
    log = make_log(engine, clock=lambda: now)
    await log.start()

    async def claim(n: int) -> object:
        key = Claim("system", n.to_bytes(32), b"d" * 32, f"query-{n}")
        return await log.append(make_entry(now % 10**9 + n, at_ms=now), claim=key)

    for n in range(60):
        assert isinstance(await claim(n), Committed)
    now += CLAIM_LIFETIME_MS - 1
    for n in range(100, 160):  # some rounds of sweeping
        await claim(n)
    assert await claim(7) == Claimed("query-7", same_request=True)
    now += 2
    for n in range(200, 300):
        await claim(n)
    with db.read(engine) as connection:
        left = connection.execute(text("SELECT count(*), min(at_ms) FROM log.claim")).one()
    assert tuple(left) == (160, IN_2026 + CLAIM_LIFETIME_MS - 1)
    assert isinstance(await claim(7), Committed)
