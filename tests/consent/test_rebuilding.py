# SPDX-License-Identifier: Apache-2.0
"""The records of everybody, made again from their events."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, delete, select, text, update

from consent import ledger, rebuilding, rules, wide
from consent.errors import LedgerCorrupt
from consent.model import Event, Kind
from consent.tables import consent_event, consent_head, consent_standing, consent_wide
from consent.words import NATIONAL_DATA_OPT_OUT
from gateway import db
from tests.consent.decisions import CHARITY, PERSON, VISITS, given, invalidated, withdrawn
from tests.consent.test_ledger import record, tamper
from tests.consent.test_wide import objection, person

PEOPLE = [f"person-{number:02}" for number in range(7)]


def rebuild(engine: Engine) -> rebuilding.Rebuilt:
    """As the command does it: spans beside each other where the store takes several writers."""
    return rebuilding.rebuild_all(lambda: db.write(engine), at_once=2 if engine.dialect.name == "postgresql" else 1)


@pytest.fixture
def histories(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Event]]:
    """Seven people with events of every shape, taken three at a time."""
    monkeypatch.setattr(rebuilding, "AT_ONCE", 3)
    made = {
        one: [
            given(person=one, id=f"{one}-yes"),
            given(person=one, organisation=CHARITY),
            withdrawn(person=one),
            invalidated(f"{one}-yes", person=one),
        ]
        for one in PEOPLE
    }
    opted = person(Kind.OPTED_OUT, person=PEOPLE[1], code=NATIONAL_DATA_OPT_OUT)
    made[PEOPLE[1]].append(opted)
    for events in made.values():
        record(engine, *events)
    return made


def stored(engine: Engine) -> dict[str, tuple[object, object]]:
    with db.read(engine) as connection:
        return {one: (ledger.projection(connection, one), ledger.person_wide(connection, one)) for one in PEOPLE}


def folded(histories: dict[str, list[Event]]) -> dict[str, tuple[object, object]]:
    return {one: (rules.fold(events), wide.fold(events)) for one, events in histories.items()}


def test_records_that_are_right_are_left_alone(engine: Engine, histories: dict[str, list[Event]]) -> None:
    assert stored(engine) == folded(histories)
    assert rebuild(engine) == rebuilding.Rebuilt(7, 29, 0, ())


def test_records_that_were_lost_are_made_again_with_their_numbers(
    engine: Engine, histories: dict[str, list[Event]]
) -> None:
    columns = consent_standing.c.person, consent_standing.c.organisation, consent_standing.c.seq
    with db.write(engine) as connection:
        before = sorted(connection.execute(select(*columns)).all())
        connection.execute(delete(consent_standing))
        connection.execute(delete(consent_wide))
    assert rebuild(engine) == rebuilding.Rebuilt(7, 29, 7, ())
    assert stored(engine) == folded(histories)
    with db.read(engine) as connection:
        assert sorted(connection.execute(select(*columns)).all()) == before


def test_records_that_were_widened_made_up_or_spoilt_are_put_right(
    engine: Engine, histories: dict[str, list[Event]]
) -> None:
    with db.write(engine) as connection:
        about = consent_standing.c.person == PEOPLE[2]
        connection.execute(update(consent_standing).where(about).values(statements=b"spoilt"))
        row = connection.execute(select(consent_standing).where(consent_standing.c.person == PEOPLE[3])).first()
        assert row is not None
        connection.execute(consent_standing.insert().values({**row._mapping, "purpose": "made-up"}))
        connection.execute(update(consent_wide).values(standing=b"{}"))
    assert rebuild(engine).changed == 3
    assert stored(engine) == folded(histories)


def test_the_records_of_a_broken_chain_are_left_and_named(
    engine: Engine, histories: dict[str, list[Event]]
) -> None:
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(
            delete(consent_event).where(consent_event.c.person == PEOPLE[4], consent_event.c.seq == 3)
        )
        connection.execute(delete(consent_event).where(consent_event.c.person == PEOPLE[6]))
        connection.execute(delete(consent_standing))
    found = rebuild(engine)
    assert sorted((one, broken.seq) for one, broken in found.broken) == [(PEOPLE[4], 3), (PEOPLE[6], 0)]
    assert stored(engine)[PEOPLE[4]][0] == {}
    assert stored(engine)[PEOPLE[5]] == folded(histories)[PEOPLE[5]]


def test_the_bar_hears_of_everybody(engine: Engine, histories: dict[str, list[Event]]) -> None:
    heard: list[int] = []
    rebuilding.rebuild_all(
        lambda: db.write(engine), heard.append, at_once=2 if engine.dialect.name == "postgresql" else 1
    )
    assert heard == [3, 3, 1]
    with db.read(engine) as connection:
        assert rebuilding.count(connection) == 7


def test_objections_and_opt_outs_are_in_the_standing(engine: Engine) -> None:
    record(engine, given(), objection("objected", VISITS), person(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT))
    with db.read(engine) as connection:
        event = connection.execute(select(consent_head.c.seq)).scalar_one()
        standing = ledger.standing(connection, PERSON, "uk/nhs/XZZ01", "direct-care.discharge-planning")
        elsewhere = ledger.standing(connection, PERSON, CHARITY, "direct-care.discharge-planning")
    assert standing.seq == event == 3
    assert [one.categories for one in standing.objections] == [(VISITS,)]
    assert standing.opt_outs == elsewhere.opt_outs == (NATIONAL_DATA_OPT_OUT,)
    assert elsewhere.objections == ()


def test_what_stands_for_the_whole_person_cannot_be_unreadable_and_pass(engine: Engine) -> None:
    record(engine, given(), objection("objected", VISITS))
    with db.write(engine) as connection:
        connection.execute(text("UPDATE consent_wide SET standing = :s"), {"s": b"[]"})
    with pytest.raises(LedgerCorrupt), db.read(engine) as connection:
        ledger.standing(connection, PERSON, "uk/nhs/XZZ01", "direct-care.discharge-planning")
