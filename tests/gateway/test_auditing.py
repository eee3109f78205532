# SPDX-License-Identifier: Apache-2.0
"""An auditor finds what they look for, and is found by whom they looked at."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import Engine

from gateway import keyring
from gateway.audit import search, verify
from gateway.audit.checkpoint import vkey
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.sealing import SealKey
from gateway.audit.search import Search
from gateway.audit.shards import this_year
from gateway.auditing import AuditFault, Auditor, Review
from gateway.erasing import Forgetting
from gateway.errors import AuditUnavailable

NAME = "gateway.example/log"
ANN, BOB = "person-ann", "person-bob"
AUDITOR = Auditor("auditor-1", "Complaint 2026-14 about an access")


@pytest.fixture
async def log(engine: Engine, tmp_path: Path) -> AsyncIterator[Log]:
    """A started log on each store."""
    keyring.create(tmp_path / "keys")
    made = Log(engine, keyring.load(tmp_path / "keys"), NAME, deadline_ms=10_000)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def review(engine: Engine, log: Log, tmp_path: Path) -> Review:
    """The log under review."""
    keys = keyring.load(tmp_path / "keys")
    return Review(engine, log, SealKey(keys.seal, keys.wrap.read))


async def accessed(log: Log, count: int = 8) -> list[str]:
    """Accesses by two organisations for two purposes to two people's records, one a second; gives their ids."""
    ids = []
    for n in range(count):
        entry = Entry(
            id=f"01900000-0000-7000-8000-{n:012x}",
            type=("access.disclosed", "access.refused")[n % 4 == 3],
            at_ms=1_800_000_000_000 + n * 1000,
            org=("uk/nhs/XZZ01", "uk/council/E06999901")[n % 2],
            svc="s",
            purpose=("direct-care", "social-support")[n // 4],
            decision=("permit", "deny")[n % 4 == 3],
            policy="",
            subjects=1,
            groups={"subject": {"handle": f"sub_{n}"}, "request": {"reason": f"reason {n}"}},
            subject_key=(ANN, BOB)[n // 2 % 2],
        )
        await log.append(entry)
        ids.append(entry.id)
    return ids


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Search(type="access.refused"), [3, 7]),
        (Search(type="access.disclosed", organisation="uk/nhs/XZZ01"), [0, 2, 4, 6]),
        (Search(purpose="social-support", decision="permit"), [4, 5, 6]),
        (Search(service="s", since_ms=1_800_000_002_000, until_ms=1_800_000_005_000), [2, 3, 4]),
        (Search(type="access.disclosed", limit=2), [0, 1]),
        (Search(organisation="uk/nhs/NOBODY"), []),
    ],
)
async def test_entries_are_found_by_what_stands_in_the_clear(
    log: Log, review: Review, wanted: Search, found: list[int]
) -> None:
    ids = await accessed(log)
    assert [one.id for one in await review.search(AUDITOR, wanted)] == [ids[n] for n in found]


async def test_a_search_goes_on_behind_the_last_one_seen(log: Log, review: Review) -> None:
    ids = await accessed(log)
    wanted, seen = Search(service="s", limit=3), []
    while found := await review.search(AUDITOR, wanted):
        seen += [one.id for one in found]
        wanted = structs.replace(wanted, after=found[-1].place)
    assert seen == ids


async def test_a_search_about_a_citizen_finds_theirs_alone_and_is_one_of_theirs(log: Log, review: Review) -> None:
    ids = await accessed(log)
    found = await review.search(AUDITOR, Search(service="s"), ANN)
    assert [one.id for one in found] == [ids[n] for n in (0, 1, 4, 5)]
    mine = log.of_person(ANN, before=1 << 40, limit=100)
    assert [one.type for one in mine].count("audit.searched") == 1
    assert not [one for one in log.of_person(BOB, before=1 << 40, limit=100) if one.type.startswith("audit.")]
    looked = next(one for one in mine if one.type == "audit.searched")
    assert log.open_groups(looked.id)["request"].value["reason"] == AUDITOR.reason


async def test_what_one_entry_committed_to_is_opened_on_the_record(log: Log, review: Review) -> None:
    ids = await accessed(log, 1)
    assert (await review.open(AUDITOR, ids[0]))["request"] == {"reason": "reason 0"}
    with pytest.raises(AuditFault, match="no entry"):
        await review.open(AUDITOR, "nothing")
    [opened] = await review.search(AUDITOR, Search(type="audit.opened"))
    assert log.open_groups(opened.id)["request"].value["entry"] == ids[0]


async def test_an_export_is_whole_proven_and_known_by_its_digest(
    log: Log, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 3)
    await accessed(log)
    file = tmp_path / "export.jsonl"
    assert await review.export(AUDITOR, Search(service="s"), file) == 8
    assert file.stat().st_mode & 0o077 == 0
    key = vkey(this_year(NAME), keyring.load(tmp_path / "keys").log.public_key())
    for n, line in enumerate(file.read_text().splitlines()):
        proof = tmp_path / f"{n}.tlog-proof"
        proof.write_text(msgspec.json.decode(line)["tlog_proof"])
        assert verify.main(["--vkey", key, "--proof", str(proof)]) == 0
    assert n == 7
    [told] = await review.search(AUDITOR, Search(type="audit.exported"))
    said = log.open_groups(told.id)["request"].value
    assert (said["entries"], said["sha256"]) == (8, hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(AuditFault, match="never overwritten"):
        await review.export(AUDITOR, Search(), file)


@pytest.mark.parametrize("auditor", [Auditor("", AUDITOR.reason), Auditor("auditor-1", "why not")])
async def test_nobody_looks_without_a_name_and_a_reason(log: Log, review: Review, auditor: Auditor) -> None:
    before = log.size
    with pytest.raises(AuditFault, match="who looks and why"):
        await review.search(auditor, Search())
    assert log.size == before


async def test_nothing_is_shown_or_kept_when_the_looking_cannot_be_logged(
    log: Log, review: Review, tmp_path: Path
) -> None:
    await accessed(log, 1)
    await log.close()
    with pytest.raises(AuditUnavailable):
        await review.search(AUDITOR, Search())
    with pytest.raises(AuditUnavailable):
        await review.export(AUDITOR, Search(), tmp_path / "export.jsonl")
    assert not [name for name in os.listdir(tmp_path) if name.startswith("export")]


async def test_a_citizen_who_was_erased_is_not_found(
    log: Log, review: Review, engine: Engine, tmp_path: Path
) -> None:
    await accessed(log)
    keys = keyring.load(tmp_path / "keys")
    forgetting = Forgetting(engine, log, SealKey(keys.seal, keys.wrap.read), keys.wrap)
    await forgetting.erase(ANN, reason="article-17", authority="SAR-7", requested_by="a", approved_by="b")
    assert await review.search(AUDITOR, Search(service="s"), ANN) == []
    assert len(await review.search(AUDITOR, Search(service="s"))) == 8
