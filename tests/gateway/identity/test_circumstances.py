# SPDX-License-Identifier: Apache-2.0
"""What is so of a person beside their decisions: read once, folded for one viewer at one instant, never stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, update

from gateway.db import connect, read, watch, write
from gateway.errors import DatabaseUnavailable, InternalFault
from gateway.identity import circumstances, relationships, restrictions
from gateway.identity.circumstances import NOTHING, Register, age_band, at, months
from gateway.identity.identifiers import NHS_NUMBER
from gateway.identity.linking import link
from gateway.identity.registry import RegistryFault, register_organisation
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import person_status
from gateway.model import Binding, Identifier
from tests.gateway.identity.world import Still

TRUST, COUNCIL = "uk/nhs/XZZ01", "uk/council/E06999901"
NOW = 1_790_000_000
DAY = 86_400


@pytest.fixture
def who(engine: Engine, sealing_keys: PersonKeys) -> str:
    with write(engine) as connection:
        for one in (TRUST, COUNCIL):
            register_organisation(connection, one, "An agency", now=NOW)
        return link(connection, sealing_keys, None, [Identifier(NHS_NUMBER, "9990000018")], now=NOW)


@pytest.fixture
def changes() -> Still:
    return Still()


@pytest.fixture
async def register(engine: Engine, sealing_keys: PersonKeys, changes: Still) -> AsyncIterator[Register]:
    register = Register(engine, sealing_keys, changes)
    yield register
    register.close()


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("day", "band"),
    [
        ("2026-05-31", "13-15"),
        ("2026-06-01", "16-17"),
        ("2028-05-31", "16-17"),
        ("2028-06-01", "adult"),
        ("2023-05-31", "under-13"),
        ("2023-06-01", "13-15"),
    ],
)
def test_somebody_counts_as_the_younger_until_their_month_of_birth_is_over(day: str, band: str) -> None:
    assert age_band(months("2010-05"), instant(day)) == band


def test_an_unknown_age_is_no_band() -> None:
    assert age_band(0, NOW) == ""


@pytest.mark.parametrize("wrong", ["1941", "1941-13", "1941-3", "41-03", "1941-00", "1941-03-14", "19a1-03"])
def test_a_month_is_written_in_one_form(wrong: str) -> None:
    with pytest.raises(RegistryFault):
        months(wrong)


async def test_of_somebody_with_nothing_recorded_and_of_a_stranger_nothing_is_known(
    register: Register, who: str
) -> None:
    assert await register.of(who) == NOTHING
    assert await register.of("0" * 32) == NOTHING


async def test_birth_and_death_are_told_as_a_band_and_a_flag(
    register: Register, engine: Engine, sealing_keys: PersonKeys, who: str
) -> None:
    with write(engine) as connection:
        circumstances.note(connection, sealing_keys, who, born="1941-03", deceased=False, now=NOW)
        circumstances.note(connection, sealing_keys, who, born=None, deceased=True, now=NOW + 1)
    seen = at(await register.of(who), TRUST, NOW)
    assert (seen.age_band, seen.deceased) == ("adult", True)


async def test_a_month_of_birth_stands_nowhere_in_the_clear_and_opens_in_no_other_row(
    register: Register, engine: Engine, sealing_keys: PersonKeys, who: str
) -> None:
    with write(engine) as connection:
        other = link(connection, sealing_keys, None, [Identifier(NHS_NUMBER, "9990000026")], now=NOW)
        for person, born in ((who, "1941-03"), (other, "2012-07")):
            circumstances.note(connection, sealing_keys, person, born=born, deceased=False, now=NOW)
        sealed = connection.execute(person_status.select().where(person_status.c.person == other)).one().born
        assert b"2012-07" not in bytes(sealed)
        connection.execute(update(person_status).where(person_status.c.person == who).values(born=sealed))
    with pytest.raises(InternalFault):
        await register.of(who)


async def test_a_restriction_binds_its_viewer_alone_and_only_in_its_time(
    register: Register, engine: Engine, sealing_keys: PersonKeys, who: str
) -> None:
    with write(engine) as connection:
        for kind, viewer, names in (
            ("safeguarding-restriction", COUNCIL, ()),
            ("court-order", "", ("housing.tenancy", "health.conditions")),
        ):
            restrictions.restrict(
                connection, sealing_keys, who, kind, viewer=viewer, categories=names, until=NOW + DAY,
                reference="ZZ26P00001", officer="o-1", now=NOW,
            )  # fmt: skip
    known = await register.of(who)
    court = Binding("court-order", ("health.conditions", "housing.tenancy"))
    assert at(known, TRUST, NOW).restrictions == (court,)
    assert set(at(known, COUNCIL, NOW).restrictions) == {court, Binding("safeguarding-restriction")}
    assert at(known, COUNCIL, NOW - 1).restrictions == ()
    assert at(known, COUNCIL, NOW + DAY).restrictions == ()


async def test_what_is_lifted_or_ended_counts_no_more_and_stays_in_the_books(
    register: Register, engine: Engine, sealing_keys: PersonKeys, changes: Still, who: str
) -> None:
    with write(engine) as connection:
        order = restrictions.restrict(
            connection, sealing_keys, who, "sealed-record", reference="Adoption", officer="o-1", now=NOW
        )
        referral = relationships.relate(connection, who, TRUST, "referral", officer="o-1", now=NOW)
    seen = at(await register.of(who), TRUST, NOW)
    assert (len(seen.restrictions), seen.relationships) == (1, ("referral",))
    with write(engine) as connection:
        assert restrictions.lift(connection, order, officer="o-2", now=NOW + 5) == who
        assert relationships.end(connection, referral, officer="o-2", now=NOW + 5) == who
        with pytest.raises(RegistryFault):
            restrictions.lift(connection, order, officer="o-2", now=NOW + 6)
        with pytest.raises(RegistryFault):
            relationships.end(connection, referral, officer="o-2", now=NOW + 6)
    changes.value = 2
    assert at(await register.of(who), TRUST, NOW + 10) == at(NOTHING, TRUST, NOW)
    with read(engine) as connection:
        [kept] = restrictions.restrictions(connection, sealing_keys, who)
        assert (kept.reference, kept.lifted_at) == ("Adoption", NOW + 5)
        assert [one.ended_at for one in relationships.relationships(connection, who)] == [NOW + 5]


async def test_a_relationship_is_one_organisations_own(register: Register, engine: Engine, who: str) -> None:
    with write(engine) as connection:
        relationships.relate(connection, who, TRUST, "referral", until=NOW + DAY, officer="o-1", now=NOW)
        relationships.relate(connection, who, TRUST, "registered-patient", officer="o-1", now=NOW)
    known = await register.of(who)
    assert at(known, TRUST, NOW).relationships == ("referral", "registered-patient")
    assert at(known, TRUST, NOW + DAY).relationships == ("registered-patient",)
    assert at(known, COUNCIL, NOW).relationships == ()


def test_an_entry_without_order_officer_viewer_or_end_after_its_begin_is_refused(
    engine: Engine, sealing_keys: PersonKeys, who: str
) -> None:
    given = {"reference": "ZZ26P00001", "officer": "o-1", "now": NOW}
    with write(engine) as connection:
        for kind, wrong in (
            ("court-order", {"reference": " "}),
            ("court-order", {"officer": ""}),
            ("court-order", {"until": NOW}),
            ("court-order", {"viewer": "uk/nhs/NOBODY"}),
            ("safeguarding-restriction", {}),
            ("wish", {}),
        ):
            with pytest.raises(RegistryFault):
                restrictions.restrict(connection, sealing_keys, who, kind, **(given | wrong))  # type: ignore[arg-type]
        for kind, organisation, until in (
            ("Referral", TRUST, 0),
            ("self-claimed", TRUST, 0),
            ("referral", "uk/nhs/NOBODY", 0),
            ("referral", TRUST, NOW),
        ):
            with pytest.raises(RegistryFault):
                relationships.relate(connection, who, organisation, kind, until=until, officer="o-1", now=NOW)


async def test_a_change_on_any_connection_counts_from_the_next_question(
    database_url: str, engine: Engine, sealing_keys: PersonKeys, who: str
) -> None:
    changes = watch(database_url)
    register = Register(engine, sealing_keys, changes)
    elsewhere = connect(database_url)
    try:
        for _ in range(200):
            if changes.generation() is not None:
                break
            await asyncio.sleep(0.01)
        assert await register.of(who) == NOTHING
        with write(elsewhere) as connection:
            restrictions.restrict(
                connection, sealing_keys, who, "court-order", reference="ZZ26P00001", officer="o-1", now=NOW
            )
        for _ in range(200):
            if (await register.of(who)).restrictions:
                break
            await asyncio.sleep(0.01)
        assert (await register.of(who)).restrictions
    finally:
        register.close()
        await changes.close()
        elsewhere.dispose()


async def test_a_register_that_cannot_be_read_is_an_error_and_not_an_empty_one(
    sqlite_engine: Engine, sealing_keys: PersonKeys, changes: Still
) -> None:
    with write(sqlite_engine) as connection:
        connection.exec_driver_sql("DROP TABLE person_restriction")
    with pytest.raises(DatabaseUnavailable):
        await Register(sqlite_engine, sealing_keys, changes).of("0" * 32)
