# SPDX-License-Identifier: Apache-2.0
"""Before a consent or an authority ends, whoever is concerned is told: once, in time, and nobody else."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from consent import authorities, erasing, ledger
from consent.authority import Authority, Restriction
from consent.concealment import Concealment
from consent.ending import DAY_S
from consent.model import Event
from consent.tables import consent_ending, consent_standing
from consent.words import By, Kind
from gateway import db, keyring
from gateway.audit.log import Log
from gateway.consents import expiring
from gateway.consents.authority import Authorities
from gateway.consents.expiring import REST_S, Expiring, Told
from gateway.identity.registry import register_organisation, register_system, set_system_active
from gateway.identity.sealing import PersonKeys, person_keys
from gateway.notices.tables import notice
from tests.consent.decisions import HOSPITAL, NOON, PERSON, PLAN, VISITS, given, renewed, withdrawn
from tests.consent.families import AUNT, FATHER, MOTHER, authority, said
from tests.gateway.identity.world import public, signing_key

END = NOON + 90 * DAY_S


@dataclass
class Office:
    """One gateway's ledger, with a clock that is moved by hand."""

    engine: Engine
    keys: PersonKeys
    authorities: Authorities
    now: int = NOON
    made: list[Expiring] = field(default_factory=list)

    def worker(self, at_once: int = expiring.AT_ONCE) -> Expiring:
        """A process that has just started."""
        return Expiring(self.engine, self.keys, self.authorities, lambda: self.now, at_once)

    def at(self, now: int) -> int:
        """A worker that starts then looks; gives how many notices it wrote."""
        self.now = now
        return self.worker().sweep()

    def record(self, *events: Event) -> None:
        with db.write(self.engine) as connection:
            ledger.record_all(connection, events)

    def grant(self, *held: Authority) -> None:
        with db.write(self.engine) as connection:
            for one in held:
                authorities.grant(connection, one, now=self.now)

    def told(self, person: str = PERSON, viewer: str = "") -> list[Told]:
        return self.worker().notices(person, viewer)

    def sent(self) -> list[dict[str, Any]]:
        """What waits for the recipients' systems."""
        with db.read(self.engine) as connection:
            rows = connection.execute(select(notice.c.system, notice.c.payload).order_by(notice.c.id)).all()
        return [{"system": row.system} | json.loads(row.payload) for row in rows]

    def rows(self) -> int:
        with db.read(self.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(consent_ending)).scalar_one())


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    """An office whose hospital has two systems, and one that is no longer used."""
    keyring.create(tmp_path / "keys")
    keys = keyring.load(tmp_path / "keys")
    with db.write(engine) as connection:
        register_organisation(connection, HOSPITAL, "Example Trust", now=0)
        for system in ("xzz01-discharge", "xzz01-ward", "xzz01-old"):
            register_system(connection, system, HOSPITAL, "A system", jwks=public(signing_key()), now=0)
        set_system_active(connection, "xzz01-old", False, now=0)
    log = Log(engine, keys, "gateway.example/log", deadline_ms=10_000)
    made = Office(engine, person_keys(keys), Authorities(engine, log, person_keys(keys), clock=lambda: made.now))
    return made


def days(told: Sequence[Told]) -> list[tuple[str, int]]:
    return [(one.event or one.authority, one.days) for one in told]


def test_a_consent_is_told_once_thirty_and_once_seven_days_before_whatever_restarts(office: Office) -> None:
    office.record(given(PLAN, VISITS, id="yes", until=END))
    moments = [(31, 0), (30, 1), (29, 0), (8, 0), (7, 1), (6, 0), (1, 0)]
    assert [office.at(END - before * DAY_S) for before, _ in moments] == [written for _, written in moments]
    [one] = office.told()
    assert (one.kind, one.event, one.days, one.ends_at, one.categories) == (
        "consent",
        "yes",
        7,
        END,
        (VISITS, PLAN),
    )
    assert office.at(END) == 0
    assert office.told() == []


def test_a_gateway_that_was_down_tells_the_nearest_alone(office: Office) -> None:
    office.record(given(id="yes", until=END))
    assert office.at(END - 5 * DAY_S) == 1
    assert office.at(END - 4 * DAY_S) == 0
    assert days(office.told()) == [("yes", 7)]


def test_the_recipient_s_systems_are_told_by_handle_and_nobody_else_s(office: Office) -> None:
    office.record(given(PLAN, id="yes", until=END))
    office.at(END - 30 * DAY_S)
    assert [(one["system"], one["type"]) for one in office.sent()] == [
        ("xzz01-discharge", "consent.ending"),
        ("xzz01-ward", "consent.ending"),
    ]
    told = office.sent()[0]["data"]
    assert told["subject"] == office.keys.handle(HOSPITAL, PERSON)
    assert (told["agreement"], told["categories"], told["days"]) == ("dsa-2026-014", [PLAN], 30)
    assert PERSON not in json.dumps(office.sent())
    office.at(END - 30 * DAY_S + REST_S)
    assert len(office.sent()) == 2


def test_an_authority_is_told_to_the_person_and_to_its_holder_and_to_no_recipient(office: Office) -> None:
    office.grant(authority(AUNT, By.CHOSEN, id="aunt", until=END), authority(MOTHER, id="mother", age=8))
    assert [office.at(END - before * DAY_S) for before in (31, 30, 29, 7, 6)] == [0, 1, 0, 1, 0]
    assert days(office.told()) == days(office.told(AUNT)) == [("aunt", 7)]
    assert (office.told()[0].held_by_you, office.told(AUNT)[0].held_by_you) == (False, True)
    assert office.told(MOTHER) == office.told(PERSON, MOTHER) == office.told(PERSON, AUNT) == []
    assert office.sent() == []


def test_a_review_that_moved_the_end_is_told_of_anew_and_the_old_end_is_gone(office: Office) -> None:
    mother = authority(MOTHER, id="mother", age=12)
    office.grant(mother)
    thirteen, sixteen, _ = mother.reviews
    assert office.at(thirteen - 7 * DAY_S) == 1
    assert office.told(MOTHER)[0].sentence.endswith("until somebody has looked at it again.")
    with db.write(office.engine) as connection:
        authorities.reviewed(connection, "mother", sixteen, now=office.now)
    assert office.at(office.now + REST_S) == 0
    assert office.told() == office.told(MOTHER) == []
    assert office.at(sixteen - 30 * DAY_S) == 1


def test_an_end_soon_after_a_review_is_not_told_at_a_moment_before_the_review(office: Office) -> None:
    office.now = END - 20 * DAY_S
    office.grant(authority(AUNT, By.CHOSEN, id="aunt", reviewed_to=END))
    assert [office.at(END - before * DAY_S) for before in (20, 8, 7)] == [0, 0, 1]


@pytest.mark.parametrize("when", ["before", "between"])
def test_after_a_withdrawal_nothing_is_told_and_nothing_that_was_told_stands(office: Office, when: str) -> None:
    office.record(given(id="yes", until=END))
    if when == "between":
        assert office.at(END - 30 * DAY_S) == 1
    office.record(withdrawn(at=END - 20 * DAY_S))
    sent = len(office.sent())
    assert office.at(END - 7 * DAY_S) == 0
    assert office.told() == []
    assert len(office.sent()) == sent


def test_a_withdrawal_that_is_being_committed_while_it_is_looked_at_is_not_followed_by_a_notice(
    office: Office,
) -> None:
    office.record(given(id="yes", until=END))
    office.now = END - 30 * DAY_S
    begun = threading.Event()
    worker = office.worker()
    found = worker._any

    def slowly(*args: Any) -> bool:
        """The real look, which has seen the consent; then the withdrawal takes the lock first."""
        seen = found(*args)
        begun.set()
        recorded.result(20)
        return seen

    worker._any = slowly  # type: ignore[method-assign]  # to stop between looking and telling
    with ThreadPoolExecutor(2) as pool:

        def withdraw() -> None:
            begun.wait(20)
            office.record(withdrawn(at=office.now))

        recorded = pool.submit(withdraw)
        assert pool.submit(worker.sweep).result(30) == 0
    assert office.rows() == 0
    assert office.sent() == []


def test_an_authority_that_ended_is_told_to_nobody_any_more(office: Office) -> None:
    office.grant(authority(AUNT, By.CHOSEN, id="aunt", until=END))
    assert office.at(END - 30 * DAY_S) == 1
    with db.write(office.engine) as connection:
        authorities.end(connection, "aunt", "revoked-by-person", now=office.now)
    assert office.at(END - 7 * DAY_S) == 0
    assert office.told() == office.told(AUNT) == []


def test_what_was_renewed_has_its_new_end_alone(office: Office) -> None:
    office.record(given(id="yes", until=END))
    office.at(END - 30 * DAY_S)
    later = END + 90 * DAY_S
    office.record(renewed(id="again", at=office.now + 1, until=later))
    assert office.at(END - 7 * DAY_S) == 0
    assert office.told() == []
    assert office.at(later - 30 * DAY_S) == 1
    assert days(office.told()) == [("again", 30)]


def test_who_acts_for_the_person_hears_of_what_they_may_see_and_not_how_much_else_there_is(office: Office) -> None:
    office.grant(
        authority(AUNT, By.CHOSEN, id="aunt"),
        authority(MOTHER, id="mother", age=15),
        authority(
            FATHER, id="father", age=15, restrictions=(Restriction(order="o-1", see=True, categories=(VISITS,)),)
        ),
    )
    office.record(given(PLAN, id="own", until=END), said(Kind.GIVEN, MOTHER, VISITS, at=NOON, id="hers", until=END))
    office.at(END - 30 * DAY_S)
    seen = {viewer: {one.event for one in office.told(PERSON, viewer)} for viewer in (AUNT, MOTHER, FATHER, "x")}
    assert seen == {AUNT: {"own", "hers"}, MOTHER: {"hers"}, FATHER: set(), "x": set()}
    kept = Concealment(id="c-1", person=PERSON, set_by=PERSON, since=NOON, holders=(AUNT,), categories=(PLAN,))
    with db.write(office.engine) as connection:
        authorities.conceal(connection, kept)
    assert {one.event for one in office.told(PERSON, AUNT)} == {"hers"}
    assert {one.event for one in office.told()} == {"own", "hers"}


def test_a_round_goes_on_where_it_stopped_and_reaches_everybody_once(office: Office) -> None:
    people = [f"person-{n}" for n in range(7)]
    office.record(*(given(person=person, id=f"yes-{person}", until=END) for person in people))
    office.now = END - 30 * DAY_S
    assert [office.worker(at_once=2).sweep() for _ in range(5)] == [2, 2, 2, 1, 0]
    office.record(given(person="person-0a", id="late", until=END))
    office.now += REST_S - 1
    assert office.worker(at_once=20).sweep() == 0
    office.now += 1
    assert office.worker(at_once=20).sweep() == 1
    assert office.rows() == 8


def test_several_workers_that_look_at_once_tell_once(office: Office) -> None:
    people = [f"person-{n}" for n in range(10)]
    office.record(*(given(person=person, id=f"yes-{person}", until=END) for person in people))
    office.now = END - 30 * DAY_S
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: office.worker().sweep(), range(4)))
    assert sum(told) == 10
    assert len(office.sent()) == 20


def test_a_record_that_cannot_be_read_keeps_nobody_else_from_being_told(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.record(*(given(person=person, id=f"yes-{person}", until=END) for person in ("a", "b", "c")))
    with db.write(office.engine) as connection:
        connection.execute(update(consent_standing).where(consent_standing.c.person == "b").values(statements=b"?"))
    assert office.at(END - 30 * DAY_S) == 2
    assert "commons consent rebuild" in caplog.text


def test_an_erasure_of_decisions_takes_the_notices_of_them_and_leaves_those_of_authorities(office: Office) -> None:
    office.record(given(id="yes", until=END))
    office.grant(authority(AUNT, By.CHOSEN, id="aunt", until=END))
    assert office.at(END - 30 * DAY_S) == 2
    office.record(withdrawn(at=office.now + 1))
    with db.write(office.engine) as connection:
        erasing.erase(connection, PERSON, id="erasure", actor="officer", now=office.now + 2)
    assert office.rows() == 1
    assert days(office.told()) == [("aunt", 30)]
