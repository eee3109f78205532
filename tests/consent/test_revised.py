# SPDX-License-Identifier: Apache-2.0
"""The revisions that were put before the citizens, on both stores: nobody agrees to yesterday's words."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, select

from consent import ledger, revised, revising
from consent.errors import AgreementRevised
from consent.revised import Stage
from consent.tables import consent_terms
from gateway import db
from tests.consent.decisions import HOSPITAL, NOON, PLAN, given, refused, withdrawn
from tests.consent.test_revising import BEFORE

OLD, NEW = BEFORE, replace(BEFORE, retention_days=71)


def put(engine: Engine, terms: revising.Terms, stage: Stage) -> None:
    with db.write(engine) as connection:
        revised.put(connection, [terms], stage, NOON)


def yes(terms: revising.Terms, **more: object) -> ledger.Event:
    return given(PLAN, agreement=terms.agreement, revision=revising.revision(terms), **more)


def stages(engine: Engine) -> list[tuple[int, str, str, str]]:
    columns = (consent_terms.c.number, consent_terms.c.previous, consent_terms.c.revision, consent_terms.c.stage)
    with db.read(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(consent_terms.c.number))]


def test_a_yes_to_words_of_which_newer_are_announced_is_refused_and_a_no_is_not(engine: Engine) -> None:
    put(engine, OLD, Stage.SETTLED)
    with db.write(engine) as connection:
        ledger.record(connection, yes(OLD))
    put(engine, NEW, Stage.ANNOUNCED)
    with pytest.raises(AgreementRevised), db.write(engine) as connection:
        ledger.record(connection, yes(OLD))
    with db.write(engine) as connection:
        ledger.record(connection, withdrawn(PLAN, agreement=OLD.agreement, revision=revising.revision(OLD)))
        ledger.record(connection, refused(PLAN, agreement=OLD.agreement, revision=revising.revision(OLD)))
        ledger.record(connection, yes(NEW))


def test_a_yes_that_is_sent_again_after_the_announcement_is_the_one_that_was_recorded(engine: Engine) -> None:
    before = yes(OLD)
    with db.write(engine) as connection:
        first = ledger.record(connection, before)
    put(engine, NEW, Stage.ANNOUNCED)
    with db.write(engine) as connection:
        assert ledger.record(connection, before) == first


def test_where_no_revision_was_ever_announced_any_is_agreed_to(engine: Engine) -> None:
    with db.write(engine) as connection:
        ledger.record(connection, yes(OLD))
        ledger.record(connection, yes(NEW))


def test_a_revision_is_announced_and_settled_once_and_what_was_settled_last_is_told(engine: Engine) -> None:
    old, new = revising.revision(OLD), revising.revision(NEW)
    for terms, stage in (
        (OLD, Stage.SETTLED),
        (OLD, Stage.ANNOUNCED),
        (NEW, Stage.ANNOUNCED),
        (NEW, Stage.ANNOUNCED),
    ):
        put(engine, terms, stage)
    with db.read(engine) as connection:
        assert revised.settled(connection, OLD.agreement) == OLD
        assert revised.settled(connection, "dsa-none") is None
    put(engine, NEW, Stage.SETTLED)
    with db.read(engine) as connection:
        assert revised.settled(connection, OLD.agreement) == NEW
    assert stages(engine) == [
        (1, "", old, "settled"),
        (2, old, new, "announced"),
        (3, new, new, "settled"),
    ]


def test_an_announcement_waits_for_whoever_is_agreeing_to_the_words_before(engine: Engine) -> None:
    announced = threading.Thread(target=put, args=(engine, NEW, Stage.ANNOUNCED))
    with db.write(engine) as connection:
        ledger.record(connection, yes(OLD))
        announced.start()
        announced.join(0.5)
        assert announced.is_alive()
    announced.join(30)
    with db.read(engine) as connection:
        assert ledger.standing(connection, yes(OLD).person, HOSPITAL, yes(OLD).purpose).by_category[PLAN]
        assert revised.newest(connection, [NEW.agreement]) == {NEW.agreement: revising.revision(NEW)}
