# SPDX-License-Identifier: Apache-2.0
"""A log that holds real decisions of the real law, and the archive that holds the law."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import uuid_utils
from msgspec import structs
from sqlalchemy import Engine

from gateway import keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.reader import Reader
from gateway.audit.sealing import SealKey
from gateway.audit.stream import Stream
from gateway.evidence import Basis, Judged
from gateway.keyring import Keyring
from gateway.model import Decision
from gateway.policy.archive import Archive
from gateway.policy.bundle import Bundle, assembled
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import shared
from gateway.policy.facts import CallerFacts, ConsentFacts, Facts, PairFacts, PersonFacts, RequestFacts
from gateway.policy.packing import unpack
from gateway.rehearsing.rehearsal import TYPES
from tests.fixtures.law import Steward

NAME = "gateway.example/log"
NOW = 1_795_000_000
GP, CRM = "uk/nhs/XZG01/gp-record", "uk/charity/9999901/crm"
TRUST, DISCHARGE = "uk/nhs/XZZ01", "direct-care.discharge-planning"


def question(*, now: int = NOW, role: str = "discharge-coordinator", consented: bool = False) -> Facts:
    """The hospital asks for allergies, which are allowed to a role of care, and for a plan, if it is consented."""
    consent = ConsentFacts("given", now + 60, by="self") if consented else ConsentFacts()
    return Facts(
        now,
        CallerFacts(TRUST, True, True, role, True),
        PersonFacts(True, age_band="adult", relationships=("open-case", "referral", "registered-patient")),
        RequestFacts("dsa-2026-014", DISCHARGE, consent_mode="if-present"),
        (PairFacts(0, GP, "health.allergies"), PairFacts(1, CRM, "support.plan", consent=consent)),
    )


def judged(facts: Facts, decision: Decision) -> tuple[Judged, ...]:
    """The verdicts as the log has them."""
    return tuple(
        Judged(
            pair.source, pair.category, **{name: getattr(verdict, name) for name in Judged.__struct_fields__[2:]}
        )
        for pair, verdict in zip(facts.pairs, decision.verdicts, strict=True)
    )


def changed(law: Bundle, change: Callable[[dict[str, dict[str, object]]], None]) -> Bundle:
    """The law with its compiled agreements changed."""
    data = json.loads(law.data)
    change(data["agreements"])
    return assembled(law.modules, json.dumps(data), law.sources)


@dataclass
class Books:
    """A log and an archive, and how to write into the one and read both."""

    engine: Engine
    keys: Keyring
    archive: Archive
    judge: EmbeddedJudge

    @property
    def seal_key(self) -> SealKey:
        return SealKey(self.keys.seal, self.keys.wrap.read)

    @property
    def reader(self) -> Reader:
        return Reader(self.engine, NAME, self.seal_key)

    def stream(self, since_ms: int = 0) -> Stream:
        return Stream(self.engine, NAME, self.seal_key, since_ms=since_ms, types=TYPES)

    def write(self, asked: Sequence[Facts], **changes: object) -> list[str]:
        """Decide, and log each decision; gives the entries' ids. `changes` replace members of the basis."""
        entries = [self._entry(facts, changes) for facts in asked]
        asyncio.run(self._append(entries))
        return [entry.id for entry in entries]

    def _entry(self, facts: Facts, changes: dict[str, object]) -> Entry:
        decision = self.judge.decide(facts)
        basis = Basis("dsa-2026-014", 0, decision.revision, judged(facts, decision), decision.obligations)
        groups = {
            "subject": {"handle": "sub_1"},
            "basis": structs.replace(basis, **changes),
            "facts": shared(facts),
        }
        return Entry(
            id=str(uuid_utils.uuid7()),
            type="access.refused" if decision.refuses else "access.intended",
            at_ms=facts.now * 1000,
            org=TRUST,
            svc="xzz01-discharge",
            purpose=DISCHARGE,
            decision="deny" if decision.refuses else "permit",
            policy=decision.revision,
            subjects=1,
            groups=groups,  # type: ignore[arg-type]  # a basis and facts are Structs
            subject_key="person-1",
        )

    async def _append(self, entries: Sequence[Entry]) -> None:
        log = Log(self.engine, self.keys, NAME, deadline_ms=5000)
        await log.start()
        try:
            await asyncio.gather(*[log.append(entry) for entry in entries])
        finally:
            await log.close()


@pytest.fixture
def books(engine: Engine, steward: Steward, law: Bundle, tmp_path: Path) -> Books:
    keyring.create(tmp_path / "keys")
    archive, raw = Archive(tmp_path / "bundles"), steward.pack(law)
    archive.keep(unpack(raw), raw)
    return Books(engine, keyring.load(tmp_path / "keys"), archive, EmbeddedJudge.of(law))
