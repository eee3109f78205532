# SPDX-License-Identifier: Apache-2.0
"""What officers enter counts and is in the log; an override waits for its review until somebody answers for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from gateway import db, keyring
from gateway.audit.log import Log
from gateway.errors import Malformed, NotFound
from gateway.identity.identifiers import NHS_NUMBER
from gateway.identity.linking import link
from gateway.identity.registry import RegistryFault, register_organisation
from gateway.identity.sealing import person_keys
from gateway.identity.tables import override
from gateway.model import Identifier
from gateway.officers import Office
from tests.faults.inside import entry_types, own_copy
from tests.fixtures.commons import World

CITIZEN = Identifier(NHS_NUMBER, "9990000018")
TRUST = "uk/nhs/XZZ01"
DAY = 86_400


@pytest.fixture
async def here(engine: Engine, tmp_path: Path) -> AsyncIterator[Office]:
    keyring.create(tmp_path / "keys")
    keys = keyring.load(tmp_path / "keys")
    with db.write(engine) as connection:
        register_organisation(connection, TRUST, "Example Acute Hospital Trust", now=1)
        link(connection, person_keys(keys), None, [CITIZEN], now=1)
    log = Log(engine, keys, "gateway.example/log", deadline_ms=5000)
    await log.start()
    yield Office(engine, person_keys(keys), log)
    await log.close()


def opened(here: Office, n: int, *, ago: int = 0, user: bytes = b"u" * 32) -> str:
    id_ = f"01900000-0000-7000-8000-{n:012x}"
    now = int(time.time()) - ago
    row: dict[str, Any] = {
        "id": id_, "person": here.person(CITIZEN), "organisation": TRUST, "system": "xzz01-discharge",
        "user_digest": user, "reason_code": "vital-interests", "categories": "health.allergies", "opened_at": now,
        "until_at": now + 3600, "review_by": now + 3 * DAY, "reviewed_at": 0, "outcome": "", "notice_at": now,
        "deferred_by": "",
    }  # fmt: skip
    with db.write(here.engine) as connection:
        connection.execute(insert(override).values(row))
    return id_


async def test_every_change_about_a_citizen_is_an_entry_that_tells_nothing_in_the_clear(here: Office) -> None:
    who = here.person(CITIZEN)
    await here.note(who, born="2012-07", deceased=False, officer="o-7")
    order = await here.restrict(
        who, "court-order", viewer="", categories=(), until=0, reference="ZZ26P00001", officer="o-7"
    )
    await here.lift(order, officer="o-7")
    referral = await here.relate(who, TRUST, "referral", until=0, officer="o-7")
    await here.end(referral, officer="o-7")
    entries = here.log.reader.of_person(who)
    assert [entry.type for entry in entries] == [
        "person.noted", "person.restricted", "person.unrestricted", "person.related", "person.unrelated",
    ]  # fmt: skip
    clear = b"".join(entry.entry for entry in entries)
    for secret in (b"2012-07", b"ZZ26P00001", b"o-7", who.encode(), b"court-order"):
        assert secret not in clear
    assert here.log.open_groups(entries[1].id)["request"].value["reference"] == "ZZ26P00001"


async def test_a_change_that_is_refused_leaves_no_entry(here: Office) -> None:
    who = here.person(CITIZEN)
    with pytest.raises(RegistryFault):
        await here.relate(who, "uk/nhs/NOBODY", "referral", until=0, officer="o-7")
    with pytest.raises(RegistryFault):
        await here.lift("0" * 36, officer="o-7")
    assert here.log.reader.of_person(who) == []
    with pytest.raises(NotFound):
        here.person(Identifier(NHS_NUMBER, "9990000026"))


async def test_an_override_waits_until_it_is_reviewed_once_and_an_overdue_one_shows(here: Office) -> None:
    late, fresh = opened(here, 1, ago=4 * DAY), opened(here, 2, user=b"v" * 32)
    opened(here, 3)
    now = int(time.time())
    assert [(one.id, one.overdue(now)) for one in here.queue()][:2] == [(late, True), (fresh, False)]
    assert [one.by_user for one in here.queue()] == [2, 1, 2]
    await here.review(f"ov_{late}", "justified", "Ward sister confirmed", officer="dpo")
    assert late not in {one.id for one in here.queue()}
    assert next(iter(here.queue(every=True))).outcome == "justified"
    with pytest.raises(NotFound):
        await here.review(late, "justified", "Again", officer="dpo")
    with pytest.raises(Malformed):
        await here.review(fresh, "fine", "No such outcome", officer="dpo")
    [entry] = here.log.reader.of_person(here.person(CITIZEN))
    assert (entry.type, entry.org) == ("override.reviewed", TRUST)


async def test_telling_the_citizen_is_put_off_by_two_officers_with_a_reason_and_not_for_long(here: Office) -> None:
    id_, soon = opened(here, 1), int(time.time()) + 7 * DAY
    for wrong in (
        {"second": "dpo"},
        {"second": " "},
        {"until": int(time.time()) + 31 * DAY},
        {"until": int(time.time()) - 1},
        {"reason": ""},
    ):
        given = {"until": soon, "reason": "Could endanger a child", "officer": "dpo", "second": "guardian"} | wrong
        with pytest.raises(Malformed):
            await here.defer(id_, **given)  # type: ignore[arg-type]
    await here.defer(id_, soon, "Could endanger a child", officer="dpo", second="guardian")
    [one] = here.queue()
    assert (one.notice_at, one.deferred) == (soon, True)


def test_officers_work_from_the_command_line_without_naming_the_citizen_on_it(world: World, tmp_path: Path) -> None:
    copy = own_copy(world, tmp_path)
    folder = copy.settings.data_dir
    shutil.copy(world.settings.data_dir / "commons.env", folder)
    shutil.copytree(world.settings.keys, folder / "keys", dirs_exist_ok=True)

    def commons(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gateway.cli", *words, "--data", str(folder)]
        return subprocess.run(command, input=said, capture_output=True, text=True, timeout=60, check=False)

    done = commons("person", "restrict", "court-order", "--officer", "o-1", said="9990000018\nZZ26P00001\n")
    assert done.returncode == 0, done.stderr
    restriction = done.stdout.split()[-2]
    assert commons("person", "lift", restriction, "--officer", "o-1").returncode == 0
    again = commons("person", "lift", restriction, "--officer", "o-1")
    assert (again.returncode, "no restriction of that id stands" in again.stderr) == (1, True)
    assert commons("override", "list").returncode == 0
    assert {"person.restricted", "person.unrestricted"} <= set(entry_types(copy, 0))
