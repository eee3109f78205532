# SPDX-License-Identifier: Apache-2.0
"""What a citizen sees of an access under break-glass follows when two officers said they are told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway import keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.consents.uses import Uses
from gateway.errors import NotFound
from gateway.policy import vocabulary

ASKED, ANSWERED = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"


@pytest.fixture
async def log(engine: Engine, tmp_path: Path) -> AsyncIterator[Log]:
    """A log in which one answer about Ann was released under break-glass, on each store."""
    keyring.create(tmp_path / "keys")
    made = Log(engine, keyring.load(tmp_path / "keys"), "gateway.example/log", deadline_ms=10_000)
    await made.start()
    subject = {"handle": "sub_1"}
    await made.append(_entry("access.intended", ASKED, {"subject": subject, "request": {"override": "ov_1"}}))
    result = {"decision": ASKED, "released": []}
    await made.append(_entry("access.disclosed", ANSWERED, {"subject": subject, "result": result}))
    yield made
    await made.close()


def _entry(kind: str, id: str, groups: dict[str, dict[str, object]]) -> Entry:
    return Entry(id, kind, 1_800_000_000_000, "uk/nhs/XZZ01", "s", "p", "break_glass", "", 1, groups, "person-ann")


async def test_an_access_is_not_shown_while_telling_of_its_override_is_put_off(log: Log) -> None:
    uses = Uses(log, vocabulary.load, lambda id, _: id == "ov_1")
    assert uses.newest("person-ann") == []
    with pytest.raises(NotFound):
        uses.proof("person-ann", ANSWERED)


async def test_it_is_shown_with_its_proof_from_that_day_on(log: Log) -> None:
    uses = Uses(log, vocabulary.load, lambda *_: False)
    assert [one.id for one in uses.newest("person-ann")] == [ANSWERED]
    assert "c2sp.org/tlog-proof" in uses.proof("person-ann", ANSWERED)
