# SPDX-License-Identifier: Apache-2.0
"""The spine's story on both stores: withheld, consented, returned, withdrawn, withheld – and the log proves it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from consent import ledger
from consent.errors import TransitionRefused
from consent.model import Channel, Kind
from gateway import db, keyring
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.audit.log import Log
from gateway.consents import recording
from gateway.consents.recording import found
from gateway.errors import NotFound
from gateway.identity.identifiers import normalise
from gateway.model import Identifier
from gateway.policy import vocabulary
from gateway.sandbox import story
from tests.fixtures.commons import World, question, running

CHARITY = "uk/charity/9999901/crm"
SUPPORT = ["support.plan", "support.befriending"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own, on each store."""
    url = ""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgres")
        url = make()
    with running(tmp_path_factory.mktemp(str(request.param)), database_url=url) as up:
        yield up


def citizen() -> Identifier:
    told = story("consent-not-given")
    return normalise(told.subject, told.identifiers[told.subject])


def decide(world: World, kind: Kind) -> int:
    return asyncio.run(
        recording.assist(
            world.settings,
            kind,
            citizen(),
            "dsa-2026-014",
            SUPPORT,
            actor="staff-1",
            channel=Channel.PHONE,
            days=30,
        )
    )


def support(world: World) -> tuple[str, str]:
    """State and reason of the charity's support plan, as the hospital sees it now."""
    table = world.ask(story("consent-not-given")).json()["completeness"]["summary"]
    [row] = [row for row in table if (row["category"], row["source"]) == ("support.plan", CHARITY)]
    return row["state"], row.get("reason", "")


def test_the_very_next_answer_follows_what_the_citizen_decided(town: World) -> None:
    assert support(town) == ("withheld", "consent-not-given")
    assert decide(town, Kind.GIVEN) == 1
    assert support(town) == ("returned", "")
    assert decide(town, Kind.WITHDRAWN) == 2
    assert support(town) == ("withheld", "consent-withdrawn")
    with pytest.raises(TransitionRefused):
        decide(town, Kind.WITHDRAWN)
    key = vkey(shards.this_year(town.settings.log_origin), keyring.load(town.settings.keys).log.public_key())
    report = verify.log(f"{town.url}/log", key, token=town.settings.log_monitor_token or "")
    assert report.ok, report


def test_what_was_decided_is_told_with_whether_its_chain_holds(town: World) -> None:
    if not any("given" in line for line in recording.told(town.settings, citizen())):
        decide(town, Kind.GIVEN)
    lines = recording.told(town.settings, citizen())
    assert lines[-1].endswith("verified.")
    with pytest.raises(NotFound):
        recording.told(town.settings, normalise(citizen().system, "9990000999"))


def test_no_answer_that_starts_after_an_acknowledged_withdrawal_holds_what_was_withdrawn(town: World) -> None:
    """Queries all the time while consent goes to and fro. An answer is wrong if it holds what was withdrawn, though
    the withdrawal was acknowledged before it was asked and nothing was decided while it was under way."""
    history = [("acknowledged", Kind.WITHDRAWN)]
    if support(town)[0] == "returned":
        decide(town, Kind.WITHDRAWN)
    wrong: list[int] = []
    judged: list[int] = []
    done = threading.Event()
    body = question(story("consent-not-given"))
    body["categories"] = [{"code": "support.plan", "need": "optional"}, {"code": "health.allergies"}]
    headers = town.headers()

    def ask() -> None:
        with httpx.Client(base_url=town.url, headers=headers) as client:
            while not done.is_set():
                before, last = len(history), history[-1]
                fresh = {"X-Request-ID": str(uuid.uuid4())}
                answer = client.post("/v1/record-queries", json=body, headers=fresh).json()
                if last == ("acknowledged", Kind.WITHDRAWN) and len(history) == before:
                    judged.append(before)
                    if any(item["category"] == "support.plan" for item in answer["items"]):
                        wrong.append(before)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        for kind in (Kind.GIVEN, Kind.WITHDRAWN):
            history.append(("invoked", kind))
            decide(town, kind)
            history.append(("acknowledged", kind))
            time.sleep(0.1)
    done.set()
    for thread in threads:
        thread.join()
    assert judged
    assert wrong == []
    assert support(town)[0] == "withheld"


def test_a_decision_that_a_crash_kept_out_of_the_log_is_logged_at_the_next_start(town: World) -> None:
    engine = db.connect(town.settings.url)
    try:
        with db.write(engine) as connection:
            events = ledger.history(connection, _person(town))
            lost = recording.event(
                Kind.REFUSED,
                _person(town),
                law := vocabulary.load(),
                law.agreements["dsa-2026-014"],
                ["health.conditions"],
                actor="staff-1",
                channel=Channel.PAPER,
                now=events[-1].at if events else 1,
            )
            ledger.record(connection, lost)
        town.stop()
        town.start()
        log = Log(engine, keyring.load(town.settings.keys), town.settings.log_origin, deadline_ms=2000)
        entry = log.entry_by_id(lost.id)
        assert entry is not None
        assert entry.type == "consent.refused"
    finally:
        engine.dispose()


def _person(world: World) -> str:
    engine = db.connect(world.settings.url)
    try:
        return found(engine, keyring.load(world.settings.keys), citizen())
    finally:
        engine.dispose()
