# SPDX-License-Identifier: Apache-2.0
"""An agreement is revised: who consented to what would now be more is asked again, the others go on."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from consent import ledger, requests, revising
from consent.errors import AgreementRevised
from consent.model import Kind
from consent.revising import Verdict
from consent.tables import consent_event, consent_terms
from gateway import db
from gateway.audit.tables import entry as log_entry
from gateway.consents import revisions
from gateway.policy import vocabulary
from tests.fixtures.commons import World, running
from tests.journeys.test_consent_story import decide, support
from tests.journeys.test_new_law import activate

AGREEMENT = "dsa-2026-014"
POLICIES = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = ""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgres")
        url = make()
    with running(tmp_path_factory.mktemp(str(request.param)), database_url=url) as up:
        yield up


def revised(folder: Path, old: str, new: str) -> Path:
    """A copy of the law whose agreement says something else."""
    shutil.copytree(POLICIES, folder)
    path = folder / "data" / "agreements" / f"{AGREEMENT}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return folder


def put_in_force(town: World, folder: Path) -> revisions.Done:
    return asyncio.run(revisions.put_in_force(town.settings, AGREEMENT, "officer-1", folder=folder))


def unrevised(town: World, folder: Path) -> tuple[str, ...]:
    """The agreements for which a law may not be activated yet."""
    engine = db.connect(town.settings.url)
    try:
        return revisions.unrevised(engine, town.settings.policy_keys, vocabulary.load(folder).agreements)
    finally:
        engine.dispose()


def test_a_wider_agreement_suspends_and_asks_again_and_a_narrower_one_carries_over(
    town: World, tmp_path: Path
) -> None:
    decide(town, Kind.GIVEN)
    assert support(town) == ("returned", "")

    narrower = revised(tmp_path / "narrower", "retention_days: 70", "retention_days: 30")
    assert revisions.foreseen(town.settings, AGREEMENT, narrower).verdict is Verdict.NARROWED
    done = put_in_force(town, narrower)
    assert (done.verdict, done.asked) == (Verdict.NARROWED, 0)
    assert done.carried > 0
    assert support(town) == ("returned", "")

    wider = revised(tmp_path / "wider", "retention_days: 70", "retention_days: 90")
    assert unrevised(town, narrower) == ()
    assert unrevised(town, wider) == (AGREEMENT,)
    done = put_in_force(town, wider)
    assert unrevised(town, wider) == ()
    assert done.verdict is Verdict.WIDENED
    assert done.asked > 0
    assert support(town)[0] == "withheld"
    assert put_in_force(town, wider) == revisions.Done(Verdict.SAME)

    engine = db.connect(town.settings.url)
    with db.read(engine) as connection:
        [person] = connection.execute(
            select(consent_event.c.person)
            .where(consent_event.c.kind == Kind.GIVEN, consent_event.c.seq == 1)
            .limit(1)
        ).scalars()
        followed = consent_event.c.kind.in_((Kind.SUPERSEDED, Kind.REQUESTED, Kind.CARRIED_OVER))
        follow = {row.id for row in connection.execute(select(consent_event.c.id).where(followed))}
        logged = {row.id for row in connection.execute(select(log_entry.c.id))}
        numbers = connection.execute(select(consent_terms.c.number, consent_terms.c.previous)).all()
        people = connection.execute(
            select(consent_event.c.person).where(consent_event.c.kind == Kind.SUPERSEDED)
        ).scalars()
        for one in {person, *people}:
            assert isinstance(ledger.verify_chain(connection, one), ledger.Verified)
        [asked] = requests.inbox(connection, person, int(time.time()))
        assert (asked.asked.agreement, asked.organisation) == (AGREEMENT, "uk/nhs/XZZ01")
    assert follow <= logged
    assert [number for number, _ in numbers] == [1, 2, 3, 4]
    with pytest.raises(DBAPIError, match="consent_terms is append-only"), db.write(engine) as connection:
        connection.execute(consent_terms.delete())
    engine.dispose()


def test_nobody_agrees_to_the_old_words_between_asking_again_and_the_law_that_asks(
    town: World, tmp_path: Path
) -> None:
    with pytest.raises(AgreementRevised):
        decide(town, Kind.GIVEN)
    activate(town, tmp_path / "law", 90, revisions)
    decide(town, Kind.GIVEN)
    assert support(town) == ("returned", "")


def test_a_law_that_lets_less_flow_is_what_is_agreed_to_without_asking_anybody(town: World, tmp_path: Path) -> None:
    activate(town, tmp_path / "narrower", 80, revisions)
    assert unrevised(town, revised(tmp_path / "as-before", "retention_days: 70", "retention_days: 90")) == (
        AGREEMENT,
    )
    decide(town, Kind.WITHDRAWN)
    decide(town, Kind.GIVEN)


def test_a_revision_that_was_interrupted_is_applied_again_and_does_nothing_twice(
    town: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = revised(tmp_path / "wider", "retention_days: 70", "retention_days: 99")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(revisions, "settle", stopped)
        with pytest.raises(KeyboardInterrupt):
            put_in_force(town, wider)
    engine = db.connect(town.settings.url)
    with db.read(engine) as connection:
        before = connection.execute(select(consent_event.c.id)).all()
    done = put_in_force(town, wider)
    with db.read(engine) as connection:
        assert connection.execute(select(consent_event.c.id)).all() == before
    engine.dispose()
    assert done == revisions.Done(Verdict.WIDENED)


def test_every_agreement_of_the_law_can_be_compared_with_itself() -> None:
    for agreement in vocabulary.load(POLICIES).agreements.values():
        terms = revisions.terms_of(agreement)
        assert revising.compare(terms, terms).verdict is Verdict.SAME
        assert revising.vectors(terms)
