# SPDX-License-Identifier: Apache-2.0
"""Somebody acts for another at the citizen's API: as far as their authority goes, and sees no more than they
may."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from consent import authorities, ledger
from consent.authority import Assessment, Authority, Evidence
from consent.concealment import Concealment
from consent.model import Event, Provision
from consent.words import By, Channel, Kind
from gateway import db, keyring
from gateway.audit.log import Log
from gateway.consents.authority import Authorities
from gateway.consents.expiring import REST_S, Expiring
from gateway.identity.sealing import person_keys
from gateway.sandbox import person_id, story
from gateway.web.consent import examples
from tests.consent.decisions import VISITS, decision
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, content_of, running

CHARITY_TERM = "Support from the charity, if the patient agrees"
DAY_S = 86_400


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own."""
    with running(tmp_path_factory.mktemp("acting")) as up:
        yield up


@contextmanager
def written(town: World) -> Iterator[Connection]:
    """As staff who have seen the evidence would have it written."""
    engine = db.connect(town.settings.url)
    try:
        with db.write(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def person(town: World, outcome: str) -> str:
    engine = db.connect(town.settings.url)
    try:
        return person_id(engine, town.settings, story(outcome))
    finally:
        engine.dispose()


def given(town: World, outcome: str, holder: str, by: By, **more: Any) -> str:
    """An authority over a test citizen; gives its id."""
    now = int(time.time())
    evidence = {By.CHOSEN: "signed-consent", By.HEALTH_LPA: "lpa-certificate", By.PARENT: "birth-certificate"}[by]
    authority = Authority(
        id=str(uuid.uuid4()),
        person=person(town, outcome),
        holder=person(town, holder),
        by=by,
        since=now - DAY_S,
        evidence=Evidence(evidence, "ref-1", "staff-1", now - DAY_S),
        **more,
    )
    granted = Event(
        id=authority.id, kind=Kind.AUTHORITY_GRANTED, person=authority.person, organisation="", purpose="",
        agreement="", provision=Provision(categories=authority.categories), at=now, actor="staff-1",
        channel=Channel.IN_PERSON, by=by, authoriser=authority.holder,
    )  # fmt: skip
    with written(town) as connection:
        authorities.grant(connection, authority, now=now)
        ledger.record(connection, granted)
    return authority.id


def swept(town: World) -> None:
    """One look at what will end, an hour after the town's own."""
    keys = person_keys(keyring.load(town.settings.keys))
    engine = db.connect(town.settings.url)
    log = Log(engine, keyring.load(town.settings.keys), town.settings.log_origin, deadline_ms=2000)
    try:
        Expiring(engine, keys, Authorities(engine, log, keys), lambda: time.time() + REST_S).sweep()
    finally:
        engine.dispose()


def reply_to(desk: Desk, record: str, authority: str, decision: str = "give") -> Any:
    found = desk.get(f"/v1/consent/records/{record}?authority={authority}")
    hash_ = found.json()["notice"]["hash"] if found.status_code == 200 else ""
    wanted = {"record": record, "decision": decision, "categories": ["support.plan"], "notice_hash": hash_}
    return desk.post(f"/v1/consent/decisions?authority={authority}", wanted)


def test_a_carer_by_consent_decides_what_they_were_given_and_the_citizen_can_end_it(town: World) -> None:
    carer, cared = Desk(town, story("all-returned")), Desk(town, story("consent-not-given"))
    scope = ("support.plan", "support.befriending")
    id = given(town, "consent-not-given", "all-returned", By.CHOSEN, categories=scope)
    assert [one["id"] for one in cared.get("/v1/consent/authorities").json()["over_you"]] == [id]
    assert [one["id"] for one in carer.get("/v1/consent/authorities").json()["held_by_you"]] == [id]
    record = cared.record(CHARITY_TERM)["id"]
    done = reply_to(carer, record, id)
    assert done.status_code == 201, done.text
    seen = {one["category"]: one for one in cared.record(CHARITY_TERM)["categories"]}
    assert (seen["support.plan"]["state"], seen["support.plan"]["by"]) == ("given", "consent")
    newest = cared.get("/v1/consent/history").json()["decisions"][-1]
    assert (newest["event"], newest["by_you"]) == (done.json()["event"], False)
    visible = carer.get(f"/v1/consent/records?authority={id}").json()["records"]
    assert {part["category"] for one in visible for part in one["categories"]} <= set(scope)
    told = carer.get(f"/v1/consent/history?authority={id}").json()
    assert (told["chain"], {one["seq"] for one in told["decisions"]}) == ("not-shown", {0})
    assert carer.get("/v1/consent/history").json()["decisions"] != told["decisions"]
    ended = cared.request("DELETE", f"/v1/consent/authorities/{id}")
    assert ended.status_code == 200, ended.text
    assert ended.json()["consents_ended"] == 1
    assert cared.record(CHARITY_TERM)["state"] != "given"
    after = reply_to(carer, record, id)
    assert (after.status_code, after.json()["code"]) == (404, "not-found")


def test_the_citizen_takes_back_what_somebody_else_gave_for_them(town: World) -> None:
    carer, cared = Desk(town, story("all-returned")), Desk(town, story("consent-expired"))
    id = given(town, "consent-expired", "all-returned", By.CHOSEN)
    record = cared.record(CHARITY_TERM)["id"]
    assert reply_to(carer, record, id).status_code == 201
    assert cared.post(f"/v1/consent/records/{record}/withdraw").status_code == 200
    again = reply_to(carer, record, id)
    assert (again.status_code, again.json()["reason"]) == (403, "the-person-decided")
    assert cared.record(CHARITY_TERM)["state"] == "withdrawn"


def test_a_health_attorney_decides_only_while_the_person_cannot(town: World) -> None:
    attorney, donor = Desk(town, story("all-returned")), Desk(town, story("redacted-fields"))
    id = given(town, "redacted-fields", "all-returned", By.HEALTH_LPA)
    record = donor.record(CHARITY_TERM)["id"]
    early = reply_to(attorney, record, id)
    assert (early.status_code, early.json()["code"]) == (403, "decision-not-yours")
    now = int(time.time())
    found = Assessment(
        id=str(uuid.uuid4()), person=person(town, "redacted-fields"), kind="capacity", able=False, at=now - 60,
        assessor="clinician-1", reference="ref-2",
    )  # fmt: skip
    with written(town) as connection:
        authorities.assess(connection, found)
    alone = donor.decide(record, "give", categories=["support.plan"], notice_hash=donor.notice(record)["hash"])
    assert (alone.status_code, alone.json()["reason"]) == (403, "lacks-capacity")
    assert donor.decide(record, "refuse", categories=["support.befriending"]).status_code in (201, 409)


def test_what_is_kept_from_those_who_act_is_not_there_for_them(town: World) -> None:
    carer, cared = Desk(town, story("all-returned")), Desk(town, story("unmatched"))
    id = given(town, "unmatched", "all-returned", By.CHOSEN)
    record = cared.record(CHARITY_TERM)["id"]
    assert carer.get(f"/v1/consent/records/{record}?authority={id}").status_code == 200
    who = person(town, "unmatched")
    kept = Concealment(id=str(uuid.uuid4()), person=who, set_by=who, since=1, categories=("support.plan",))
    with written(town) as connection:
        authorities.conceal(connection, kept)
    cared.give(record, ["support.plan"])
    gone = carer.get(f"/v1/consent/records/{record}?authority={id}")
    nothing = carer.get(f"/v1/consent/records/rec_{'0' * 24}?authority={id}")
    assert (gone.status_code, content_of(gone)) == (404, content_of(nothing))
    rows = carer.get(f"/v1/consent/records?authority={id}").json()["records"]
    assert "support.plan" not in {part["category"] for one in rows for part in one["categories"]}
    told = carer.get(f"/v1/consent/history?authority={id}").json()["decisions"]
    assert "support.plan" not in {category for one in told for category in one["categories"]}


def test_who_is_concerned_is_told_before_it_ends_and_the_recipient_by_webhook(town: World) -> None:
    carer, cared, stranger = (
        Desk(town, story(name)) for name in ("all-returned", "consent-not-given", "unmatched")
    )
    now, who = int(time.time()), person(town, "consent-not-given")
    id = given(town, "consent-not-given", "all-returned", By.CHOSEN, until=now + 30 * DAY_S - 3600)
    ends = now + 6 * DAY_S
    yes = decision(Kind.GIVEN, VISITS, person=who, at=now - 90 * DAY_S, until=ends, agreement="dsa-2026-014")
    with written(town) as connection:
        ledger.record(connection, yes)
    swept(town)
    endings = {desk: desk.get("/v1/consent/endings").json()["endings"] for desk in (carer, cared, stranger)}
    assert [(one["event"], one["days"], one["ends_at"]) for one in endings[cared] if one["kind"] == "consent"] == [
        (yes.id, 7, ends)
    ]
    assert set(endings[cared][0]) == set(examples.ENDING)
    assert [(one["authority"], one["held_by_you"]) for one in endings[cared] if one["authority"]] == [(id, False)]
    assert [(one["authority"], one["held_by_you"]) for one in endings[carer]] == [(id, True)]
    assert endings[stranger] == []
    seen = carer.get(f"/v1/consent/endings?authority={id}").json()["endings"]
    assert [one["event"] for one in seen] == [yes.id]
    sent = [one["notice"] for one in town.get("/v1/webhook-deliveries").json()["deliveries"]]
    [told] = [one["data"] for one in sent if one["type"] == "consent.ending"]
    assert (told["categories"], told["days"]) == ([VISITS], 7)
    assert who not in str(told)
    kept = Concealment(id=str(uuid.uuid4()), person=who, set_by=who, since=1, categories=(VISITS,))
    with written(town) as connection:
        authorities.conceal(connection, kept)
    assert carer.get(f"/v1/consent/endings?authority={id}").json() == {"endings": []}
    assert cared.post(f"/v1/consent/records/{cared.record(CHARITY_TERM)['id']}/withdraw").status_code == 200
    assert [one["kind"] for one in cared.get("/v1/consent/endings").json()["endings"]] == ["authority"]


def test_an_authority_of_somebody_else_is_one_that_does_not_exist(town: World) -> None:
    stranger, cared = Desk(town, story("stale-extract")), Desk(town, story("consent-not-given"))
    id = given(town, "consent-not-given", "all-returned", By.CHOSEN)
    record = cared.record(CHARITY_TERM)["id"]
    paths = ("records", f"records/{record}", "history", "requests", "endings")
    for path in paths:
        theirs = stranger.get(f"/v1/consent/{path}?authority={id}")
        nothing = stranger.get(f"/v1/consent/{path}?authority={uuid.uuid4()}")
        assert (theirs.status_code, content_of(theirs)) == (404, content_of(nothing)), path
    for method, path in (("POST", f"records/{record}/withdraw"), ("DELETE", f"authorities/{id}")):
        theirs = stranger.request(method, f"/v1/consent/{path}?authority={id}")
        assert theirs.status_code == 404, path
    assert reply_to(stranger, record, id).status_code == 404
    over = {one["id"]: one["in_force"] for one in cared.get("/v1/consent/authorities").json()["over_you"]}
    assert over[id]


def test_the_authority_of_the_law_is_not_the_citizens_to_end(town: World) -> None:
    donor = Desk(town, story("redacted-fields"))
    [id] = [one["id"] for one in donor.get("/v1/consent/authorities").json()["over_you"]]
    reply = donor.request("DELETE", f"/v1/consent/authorities/{id}")
    assert (reply.status_code, reply.json()["code"]) == (403, "decision-not-yours")
