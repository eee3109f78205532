# SPDX-License-Identifier: Apache-2.0
"""An erased person is forgotten everywhere, everybody's proofs still hold, and that it happened can be seen."""

from __future__ import annotations

import asyncio
import datetime
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from gateway import db, erasing, keyring
from gateway.audit import verify
from gateway.audit.checkpoint import vkey
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.sealing import SealKey, WrapKeyGone
from gateway.audit.shards import this_year
from gateway.audit.tables import data_key, entry, payload, subject_entry
from gateway.audit.tables import erasure as erasure_table
from gateway.erasing import ErasureFault, Forgetting
from gateway.errors import AuditUnavailable
from gateway.keyring import Keyring

NAME = "gateway.example/log"
ORIGIN = this_year(NAME)
ANN, BOB = "person-ann", "person-bob"
OFFICERS = {"requested_by": "officer-1", "approved_by": "officer-2"}
ARTICLE_17 = {"reason": "article-17", "authority": "SAR-2026-7"} | OFFICERS
CANARY = "Planning your support"


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    """Keys of a gateway."""
    keyring.create(tmp_path / "keys")
    return keyring.load(tmp_path / "keys")


@pytest.fixture
async def log(engine: Engine, keys: Keyring) -> AsyncIterator[Log]:
    """A started log."""
    made = Log(engine, keys, NAME, deadline_ms=10_000)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def orders(engine: Engine, log: Log, keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> Forgetting:
    """The officer's orders; nobody else runs here, so a new wrapping key need not be waited for."""
    monkeypatch.setattr(erasing, "LOOK_S", -1.0)
    return Forgetting(engine, log, SealKey(keys.seal, keys.wrap.read), keys.wrap)


def accessed(n: int, person: str, organisation: str = "uk/nhs/XZZ01", year: int = 2026) -> Entry:
    """An access of a person's record."""
    at = datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp()
    groups = {
        "actor": {"user": f"worker-{n}"},
        "subject": {"handle": f"sub_{n}"},
        "request": {"reason": f"{CANARY} {n}"},
    }
    return Entry(
        f"01900000-0000-7000-8000-{n:012x}",
        "access.intended",
        int(at * 1000) + n,
        organisation,
        "s",
        "p",
        "permit",
        "0" * 64,
        1,
        groups,
        person,
    )


async def six(log: Log) -> dict[str, list[str]]:
    """Three accesses of each of two people; gives person → ids."""
    made: dict[str, list[str]] = {ANN: [], BOB: []}
    for n in range(6):
        one = accessed(n, (ANN, BOB)[n % 2], ("uk/nhs/XZZ01", "uk/council/E06999901")[n // 4])
        await log.append(one)
        made[one.subject_key].append(one.id)
    return made


def opened(log: Log, ids: list[str]) -> list[bool]:
    """Whether what was asked can still be read, for each entry."""
    return ["request" in log.open_groups(id_) for id_ in ids]


def told(log: Log, engine: Engine, kind: str) -> list[dict[str, object]]:
    """What the entries of a type say."""
    with db.read(engine) as connection:
        rows = connection.execute(select(entry.c.id, entry.c.entry).order_by(entry.c.idx)).all()
    ids = [row.id for row in rows if msgspec.json.decode(bytes(row.entry))["type"] == kind]
    return [log.open_groups(id_)["result"].value for id_ in ids]


async def test_an_erased_person_is_forgotten_and_nobody_else(log: Log, orders: Forgetting) -> None:
    made = await six(log)
    report = await orders.erase(ANN, **ARTICLE_17)
    assert (report.keys, report.entries) == (2, 3)
    assert opened(log, made[ANN]) == [False] * 3
    assert opened(log, made[BOB]) == [True] * 3


async def test_every_proof_holds_after_an_erasure(
    log: Log, orders: Forgetting, keys: Keyring, tmp_path: Path, export: Callable[[Log, Path], Path]
) -> None:
    made = await six(log)
    await orders.erase(ANN, **ARTICLE_17)
    key = vkey(ORIGIN, keys.log.public_key())
    assert verify.main(["--vkey", key, "--log", str(export(log, tmp_path / "export"))]) == 0
    for n, id_ in enumerate(made[ANN] + made[BOB]):
        stored = log.entry_by_id(id_)
        assert stored is not None
        file = tmp_path / f"{n}.tlog-proof"
        file.write_text(log.proof(stored).text)
        assert verify.main(["--vkey", key, "--proof", str(file)]) == 0


async def test_an_erasure_is_an_entry_that_names_the_officers_and_not_the_person(
    log: Log, orders: Forgetting, engine: Engine
) -> None:
    await six(log)
    await orders.erase(ANN, **ARTICLE_17)
    [said] = told(log, engine, "payload.erased")
    assert said == {
        "reason": "article-17",
        "authority": "SAR-2026-7",
        "requested_by": "officer-1",
        "approved_by": "officer-2",
        "organisation": "",
        "keys": 2,
        "entries": 3,
    }
    with db.read(engine) as connection:
        assert connection.execute(select(erasure_table.c.subject)).scalars().all() == [""]


async def test_what_one_organisation_saw_is_erased_alone(log: Log, orders: Forgetting) -> None:
    made = await six(log)
    await orders.erase(ANN, organisation="uk/nhs/XZZ01", **ARTICLE_17)
    assert opened(log, made[ANN]) == [False, False, True]


async def test_neither_key_nor_payload_of_an_erased_person_stays_in_the_files(
    log: Log, orders: Forgetting, engine: Engine
) -> None:
    if engine.dialect.name != "sqlite":
        return  # PostgreSQL's dead rows are its own files; they are vacuumed, and looked for in the tables below
    await six(log)
    subject = SealKey(bytes(32), lambda: {bytes(4): bytes(32)})  # another gateway's: finds nothing
    assert subject.blind(ANN) != orders._seal_key.blind(ANN)
    with db.read(engine) as connection:
        wanted = data_key.c.subject == orders._seal_key.blind(ANN)
        secrets = [bytes(row.wrapped) for row in connection.execute(select(data_key).where(wanted))]
        ids = select(data_key.c.id).where(wanted)
        sealed = select(payload.c.subject).where(payload.c.subject_key.in_(ids))
        secrets += [bytes(one) for one in connection.execute(sealed).scalars()]
    assert len(secrets) == 5
    await orders.erase(ANN, **ARTICLE_17)
    files = Path(engine.url.database or "").parent.glob("*.db*")
    content = b"".join(file.read_bytes() for file in files if file.is_file())
    assert [secret in content for secret in secrets] == [False] * 5


async def test_a_backup_from_before_an_erasure_opens_nothing_once_the_wrapping_key_was_changed(
    log: Log, orders: Forgetting, engine: Engine, keys: Keyring, tmp_path: Path
) -> None:
    if engine.dialect.name != "sqlite":
        return  # the same rows and keys; a copy of SQLite's files is the backup that can be made here
    made = await six(log)
    before = _copied(engine, tmp_path / "before")
    await orders.erase(ANN, **ARTICLE_17)
    assert await orders.rotate("officer-1") > 0
    orders.back_up_keys(tmp_path / "keys.jsonl")

    restored = Log(before, keyring.load(tmp_path / "keys"), NAME, deadline_ms=10_000)
    with pytest.raises(WrapKeyGone):
        restored.open_groups(made[ANN][0])
    with pytest.raises(WrapKeyGone):
        restored.open_groups(made[BOB][0])
    await restored.start()
    again = Forgetting(before, restored, SealKey(keys.seal, keys.wrap.read), keys.wrap)
    back, gone = await again.put_back_keys(tmp_path / "keys.jsonl", "officer-1")
    assert gone == 2
    assert back > 0
    assert opened(restored, made[ANN]) == [False] * 3
    assert opened(restored, made[BOB]) == [True] * 3
    await restored.close()
    before.dispose()


async def test_an_older_backup_of_the_keys_is_not_put_back(
    log: Log, orders: Forgetting, engine: Engine, tmp_path: Path
) -> None:
    await six(log)
    orders.back_up_keys(tmp_path / "keys.jsonl")
    await log.append(accessed(9, "person-carol"))
    with pytest.raises(ErasureFault, match="older than the database"):
        await orders.put_back_keys(tmp_path / "keys.jsonl", "officer-1")
    (tmp_path / "other").write_text("{}\n")
    with pytest.raises(ErasureFault, match="not a backup of the keys"):
        await orders.put_back_keys(tmp_path / "other", "officer-1")


async def test_what_a_legal_hold_protects_is_not_erased_until_it_is_lifted(
    log: Log, orders: Forgetting, engine: Engine
) -> None:
    made = await six(log)
    hold = await orders.hold(ANN, authority="inquiry-3", officer="officer-1", organisation="uk/nhs/XZZ01")
    with pytest.raises(ErasureFault, match="legal hold"):
        await orders.erase(ANN, **ARTICLE_17)
    with pytest.raises(ErasureFault, match="legal hold"):
        await orders.erase(ANN, organisation="uk/nhs/XZZ01", **ARTICLE_17)
    await orders.erase(ANN, organisation="uk/council/E06999901", **ARTICLE_17)
    assert opened(log, made[ANN]) == [True, True, False]
    await orders.lift(hold, authority="inquiry-3", officer="officer-2")
    await orders.erase(ANN, **ARTICLE_17)
    assert opened(log, made[ANN]) == [False] * 3
    assert [len(told(log, engine, kind)) for kind in ("hold.set", "hold.lifted", "payload.erased")] == [1, 1, 2]
    with pytest.raises(ErasureFault, match="No legal hold"):
        await orders.lift(hold, authority="inquiry-3", officer="officer-2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approved_by": "officer-1"}, "another one approves"),
        ({"approved_by": ""}, "another one approves"),
        ({"reason": "embarrassing"}, "must be one of"),
    ],
)
async def test_an_erasure_takes_two_officers_and_a_reason(
    log: Log, orders: Forgetting, changes: dict[str, str], words: str
) -> None:
    made = await six(log)
    with pytest.raises(ErasureFault, match=words):
        await orders.erase(ANN, **(ARTICLE_17 | changes))
    assert opened(log, made[ANN]) == [True] * 3


async def test_a_period_that_is_over_is_forgotten_and_the_next_one_is_not(
    log: Log, orders: Forgetting, engine: Engine
) -> None:
    old, new, kept = accessed(1, ANN, year=2017), accessed(2, ANN, year=2018), accessed(3, BOB, year=2017)
    for one in (old, new, kept):
        await log.append(one)
    await orders.hold(BOB, authority="inquiry-3", officer="officer-1")
    done = await orders.retain(datetime.date(2026, 6, 1), "officer-1")
    assert done == {"access:2017": 1, "staff:2017": 1, "staff:2018": 1}
    assert opened(log, [old.id, new.id, kept.id]) == [False, True, True]
    assert "actor" not in log.open_groups(new.id)
    assert [said["period"] for said in told(log, engine, "payload.erased")] == sorted(done)
    assert await orders.retain(datetime.date(2026, 6, 1), "officer-1") == {"access:2017": 0}


async def test_when_every_period_is_over_no_payload_is_left(log: Log, orders: Forgetting, engine: Engine) -> None:
    for n in range(5):
        await log.append(accessed(n, ANN, year=datetime.datetime.now(datetime.UTC).year))
    done = await orders.retain(datetime.date(2090, 1, 1), "officer-1")
    assert {period.partition(":")[0] for period in done} == {"access", "staff"}
    with db.read(engine) as connection:
        left = select(func.count()).where((payload.c.actor.is_not(None)) | (subject_entry.c.number > 0))
        joined = left.select_from(payload.outerjoin(subject_entry, subject_entry.c.idx == payload.c.idx))
        told_since = joined.where(payload.c.idx.in_(select(payload.c.idx).where(payload.c.idx.between(1, 5))))
        assert connection.execute(told_since).scalar_one() == 0
        held = select(func.count()).where(payload.c.subject.is_not(None), payload.c.idx.between(1, 5))
        assert connection.execute(held).scalar_one() == 0


async def test_an_erasure_that_was_cut_off_is_finished_at_the_next_order(
    log: Log, orders: Forgetting, engine: Engine, keys: Keyring
) -> None:
    made = await six(log)
    await log.close()
    with pytest.raises(AuditUnavailable):
        await orders.erase(ANN, **ARTICLE_17)
    assert opened(log, made[ANN]) == [True] * 3
    again = Log(engine, keys, NAME, deadline_ms=10_000)
    await again.start()
    assert await Forgetting(engine, again, SealKey(keys.seal, keys.wrap.read), keys.wrap).finish() == 1
    assert opened(again, made[ANN]) == [False] * 3
    assert len(told(again, engine, "payload.erased")) == 1
    await again.close()


async def test_a_gateway_that_held_the_erased_key_in_memory_seals_under_a_new_one(
    log: Log, orders: Forgetting, engine: Engine, keys: Keyring
) -> None:
    """The log was appended to under the key before; what comes after the erasure must be readable again."""
    await six(log)
    await orders.erase(ANN, **ARTICLE_17)
    after = accessed(7, ANN)
    await log.append(after)
    assert opened(log, [after.id]) == [True]


async def test_the_wrapping_key_is_changed_under_a_log_that_goes_on(
    log: Log, orders: Forgetting, engine: Engine, keys: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "LOOK_S", -0.9)
    monkeypatch.setattr("gateway.audit.sealing.LOOK_S", 0.0)
    ids: list[str] = []

    async def go_on() -> None:
        for n in range(40):
            one = accessed(100 + n, f"person-{n}")
            await log.append(one)
            ids.append(one.id)
            await asyncio.sleep(0.005)

    working = asyncio.create_task(go_on())
    await asyncio.sleep(0.02)
    await orders.rotate("officer-1")
    await working
    assert len(keys.wrap.read()) == 1
    assert opened(Log(engine, keys, NAME, deadline_ms=1000), ids) == [True] * 40
    with db.read(engine) as connection:
        [newest] = keys.wrap.read()
        others = func.substr(data_key.c.wrapped, 1, 4) != newest
        assert connection.execute(select(func.count()).select_from(data_key).where(others)).scalar_one() == 0


def test_a_wrapping_key_that_was_destroyed_leaves_nothing_in_the_folder(keys: Keyring, tmp_path: Path) -> None:
    [first] = keys.wrap.read()
    secret = (tmp_path / "keys" / f"wrap-{first.hex()}.key").read_bytes()
    second = keys.wrap.add()
    assert list(keys.wrap.read()) == [first, second]
    keys.wrap.destroy(first)
    assert list(keys.wrap.read()) == [second]
    assert all(secret not in file.read_bytes() for file in (tmp_path / "keys").iterdir())


def _copied(engine: Engine, folder: Path) -> Engine:
    """A backup, as it would be restored."""
    folder.mkdir()
    for name in ("commons.db", "log.db"):
        source = Path(engine.url.database or "").with_name(name)
        for end in ("", "-wal"):
            if source.with_name(name + end).exists():
                shutil.copy(source.with_name(name + end), folder / (name + end))
    return db.connect(f"sqlite:///{folder / 'commons.db'}")
