# SPDX-License-Identifier: Apache-2.0
"""The guide for data protection officers does what it says, on a gateway that runs meanwhile."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.consents.recording import record
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.identity.linking import Linking, bulk_link
from gateway.identity.sealing import person_keys
from gateway.settings import load
from tests.consent.decisions import PLAN, VISITS, refused
from tests.fixtures.commons import free_port
from tests.journeys.test_guides import run_here, served, steps

ANN, BOB, CAT = "9990000018", "9990000026", "9990000034"


def test_an_officer_erases_as_told(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "commons"

    def shell(name: str, *kinds: str) -> str:
        """What the blocks of these kinds say."""
        known = f"export IDENTIFIER={ANN} OTHER={BOB} DECIDED={CAT}"
        return run_here([known, *(s.commands for s in steps(name) if s.kind in kinds)], tmp_path, folder, port)

    shell("operate.md", "setup")
    *seen, cat = _linked(folder)
    ids = asyncio.run(_accessed(folder, *seen))
    asyncio.run(_decided(folder, cat))
    with served(tmp_path, folder, port):
        said = shell("erase.md", "erase")
        assert "1 entries keep their proofs" in said
        assert ANN not in said.replace("Identifier of the citizen", "")
        said = shell("erase.md", "decisions", "proof")
        assert "2 decisions keep their hashes" in said
        assert said.count('"kind":"refused"') == 2
        shell("erase.md", "hold", "retain", "rotate")
        assert "OK " in shell("operate.md", "health")
    assert asyncio.run(_readable(folder, ids)) == [False, True]
    assert (folder / "data-keys.jsonl").stat().st_mode & 0o077 == 0


def _linked(folder: Path) -> list[str]:
    settings = load(folder)
    engine = db.connect(settings.url)
    wanted = [Linking((normalise(NHS_NUMBER, number),)) for number in (ANN, BOB, CAT)]
    with db.write(engine) as connection:
        people = bulk_link(connection, person_keys(keyring.load(settings.keys)), wanted, now=int(time.time()))
    engine.dispose()
    return people


async def _accessed(folder: Path, *people: str) -> list[str]:
    settings = load(folder)
    engine = db.connect(settings.url)
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=10_000)
    await log.start()
    ids = []
    for n, person in enumerate(people):
        groups = {"subject": {"handle": f"sub_{n}"}, "request": {"reason": "Planning your support"}}
        entry = Entry(
            f"01900000-0000-7000-8000-{n:012x}",
            "access.intended",
            int(time.time() * 1000),
            "uk/nhs/XZZ01",
            "s",
            "p",
            "permit",
            "",
            1,
            groups,
            person,
        )
        await log.append(entry)
        ids.append(entry.id)
    await log.close()
    engine.dispose()
    return ids


async def _decided(folder: Path, person: str) -> None:
    settings = load(folder)
    engine = db.connect(settings.url)
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=10_000)
    await log.start()
    for event in (refused(PLAN, person=person), refused(VISITS, person=person)):
        await record(engine, log, event)
    await log.close()
    engine.dispose()


async def _readable(folder: Path, ids: list[str]) -> list[bool]:
    settings = load(folder)
    engine = db.connect(settings.url)
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=10_000)
    readable = ["request" in log.open_groups(id_) for id_ in ids]
    engine.dispose()
    return readable
