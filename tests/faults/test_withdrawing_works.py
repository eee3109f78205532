# SPDX-License-Identifier: Apache-2.0
"""A citizen can withdraw while other parts are really down: sources, receivers of notices, the outbox, the
judge."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import db, keyring
from gateway.consents.propagation import Propagation
from gateway.errors import PolicyUnavailable
from gateway.identity.sealing import person_keys
from gateway.notices import endpoints
from gateway.policy import vocabulary
from gateway.sandbox import story
from tests.faults.inside import call, inside, plan_row, refuse_entries, sql
from tests.faults.traffic import CHARITY_TERM, PLAN
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, free_port, question, running

ALLERGIES = {"code": "health.allergies", "need": "optional"}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own, whose parts it breaks."""
    with running(tmp_path_factory.mktemp("broken")) as world:
        yield world


@pytest.fixture
def desk(broken: World) -> Desk:
    """A citizen who has agreed."""
    mine = Desk(broken, story("consent-given"))
    mine.give(mine.record(CHARITY_TERM)["id"], [PLAN])
    return mine


def withdraw(desk: Desk) -> dict[str, Any]:
    reply = desk.post(f"/v1/consent/records/{desk.record(CHARITY_TERM)['id']}/withdraw")
    assert reply.status_code == 200, reply.text
    stopped: dict[str, Any] = reply.json()
    assert not stopped["already"]
    return stopped


def is_stopped(desk: Desk) -> bool:
    body = question(story("all-returned")) | {
        "subject": question(desk.told)["subject"],
        "categories": [{"code": PLAN, "need": "optional"}, ALLERGIES],
    }
    reply = desk.world.post(body).json()
    row = plan_row(reply if "items" in reply else {"completeness": reply})
    return (row["state"], row["reason"]) == ("withheld", "consent-withdrawn")


def test_while_nobody_takes_notices(broken: World, desk: Desk) -> None:
    system, now = "xzz01-discharge", int(time.time())
    engine = db.connect(broken.settings.url)
    keys = endpoints.secret_keys(keyring.load(broken.settings.keys))
    try:
        with db.write(engine) as connection:
            dead = f"http://127.0.0.1:{free_port()}/hook"
            endpoints.register(connection, keys, system, dead, loopback=True, now=now)
        [told] = withdraw(desk)["told"]
        assert told["acknowledged_at"] == 0
        assert is_stopped(desk)
        for _ in range(50):
            tried = sql(broken, "commons.db", "SELECT max(attempts) FROM notice WHERE state = 'waiting'")
            if tried[0][0]:
                break
            time.sleep(0.1)
        assert tried[0][0], "nobody tried to deliver it"
    finally:
        engine.dispose()


def test_while_the_outbox_is_gone_and_the_notice_is_written_when_it_is_back(broken: World, desk: Desk) -> None:
    sql(broken, "commons.db", "ALTER TABLE notice RENAME TO notice_gone")
    try:
        stopped = withdraw(desk)
        assert stopped["told"] == []
        assert is_stopped(desk)
    finally:
        sql(broken, "commons.db", "ALTER TABLE notice_gone RENAME TO notice")
    keys = keyring.load(broken.settings.keys)
    engine = db.connect(broken.settings.url)
    try:
        law = vocabulary.load()
        told = Propagation(engine, keys.token[0], person_keys(keys), lambda: law, public_url=broken.url)
        assert told.catch_up() >= 1
        assert told.catch_up() == 0
        assert [one.recipient.id for one in told.told(stopped["event"])] == ["uk/nhs/XZZ01"]
    finally:
        engine.dispose()


class Dead:
    """A judge that is down."""

    revision = "sha256:none"

    async def judge(self, _facts: Any) -> Any:
        raise PolicyUnavailable


async def test_while_there_is_no_judge(broken: World, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)["id"]
    broken.token()
    async with inside(broken, lambda _: {"judge": Dead()}) as worker:
        refused = await worker.ask(question(story("all-returned")))
        assert (refused.status, refused.json["code"]) == (503, "policy-unavailable")
        headers = {"authorization": desk.headers["Authorization"], "content-type": "application/json"}
        got = await call(worker.app, "POST", f"/v1/consent/records/{record}/withdraw", headers)
        assert (got.status, got.json["already"]) == (200, False)
    assert is_stopped(desk)


def test_while_every_source_is_down(broken: World, desk: Desk) -> None:
    broken.twins.stop()
    with contextlib.ExitStack() as back:
        for name in ("nhs", "charity", "council"):
            back.callback(broken.twins.start, name)
        stopped = withdraw(desk)
        assert is_stopped(desk)
        assert json.loads(desk.get(stopped["receipt"]).text)["plain"].startswith("RECEIPT")


def test_a_log_that_takes_nothing_leaves_the_stop_standing(broken: World, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)["id"]
    refuse_entries(broken, "consent.withdrawn")
    try:
        reply = desk.post(f"/v1/consent/records/{record}/withdraw")
        assert (reply.status_code, reply.json()["code"]) == (503, "audit-unavailable")
        assert is_stopped(desk)
    finally:
        sql(broken, "log.db", "DROP TRIGGER refused")
    again = desk.post(f"/v1/consent/records/{record}/withdraw").json()
    assert again["already"]
    for _ in range(100):  # not ready for some seconds after an entry could not be written
        if (ready := httpx.get(broken.url + "/health/ready").status_code) == 200:
            break
        time.sleep(0.1)
    assert ready == 200


def test_a_recipient_who_is_late_is_told_again_and_the_citizen_sees_it(broken: World, desk: Desk) -> None:
    stopped = withdraw(desk)
    [told] = stopped["told"]
    keys = keyring.load(broken.settings.keys)
    engine = db.connect(broken.settings.url)
    tomorrow = time.time() + 86_400
    try:
        law = vocabulary.load()
        parts = (engine, keys.token[0], person_keys(keys), lambda: law)
        propagation = Propagation(*parts, public_url=broken.url, clock=lambda: tomorrow)
        assert propagation.chase() >= 1
        assert propagation.chase() == 0
    finally:
        engine.dispose()
    assert broken.get(f"/v1/consent-notices/{told['notice']}").json()["reminder"] == 1
    assert "reminded" not in desk.get(stopped["receipt"], "text/plain").text  # late tomorrow, and not yet today
    sent = sql(broken, "commons.db", "SELECT payload FROM notice WHERE kind = 'consent.stopped'")
    reminders = [json.loads(row[0])["data"]["reminder"] for row in sent if told["notice"] in bytes(row[0]).decode()]
    assert sorted(reminders) == [0, 1]
