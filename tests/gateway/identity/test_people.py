# SPDX-License-Identifier: Apache-2.0
"""Stage 2: who is meant, and that nobody can learn from it who exists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Engine, select, update

from gateway.db import connect, read, watch, write
from gateway.errors import DatabaseUnavailable, InternalFault
from gateway.identity import people as people_module
from gateway.identity.identifiers import CHARITY_CLIENT, COUNCIL_PERSON, NHS_NUMBER, UPRN
from gateway.identity.linking import link
from gateway.identity.people import People
from gateway.identity.sealing import PersonKeys, plain_name
from gateway.identity.tables import person_identifier
from gateway.model import Identifier
from tests.gateway.identity.world import Still

NHS = Identifier(NHS_NUMBER, "9990000018")
NOBODY = Identifier(NHS_NUMBER, "9990000026")
CORE = Identifier(COUNCIL_PERSON, "P-100")
HOME = Identifier(UPRN, "23336956")
FITS = {"birth_date": "1980-01-02", "family_name": "O’Brien-Núñez"}
TRUST, COUNCIL = "uk/nhs/XZZ01", "uk/council/E06999901"
NOW = 1_790_000_000


@pytest.fixture
def who(engine: Engine, sealing_keys: PersonKeys) -> str:
    """Somebody with a number, a council reference, an address, a birth date, and a former name."""
    verify = {"birth_date": "1980-01-02", "family_name": ["O'BRIEN NUNEZ", "Sample"]}
    with write(engine) as connection:
        return link(connection, sealing_keys, None, [NHS, CORE, HOME], verify=verify, now=NOW)


@pytest.fixture
def changes() -> Still:
    return Still()


@pytest.fixture
async def people(engine: Engine, sealing_keys: PersonKeys, changes: Still) -> AsyncIterator[People]:
    people = People(engine, sealing_keys, changes)
    yield people
    people.close()


async def test_each_identifier_leads_to_the_same_person_and_all_of_theirs(people: People, who: str) -> None:
    found = await people.resolve(NHS, {}, TRUST)
    assert (found.id, found.known, found.verified) == (who, True, False)
    assert found.identifiers == {NHS_NUMBER: NHS.value, COUNCIL_PERSON: CORE.value, UPRN: HOME.value}
    assert await people.resolve(CORE, {}, TRUST) == found


async def test_a_handle_is_stable_for_one_organisation_and_different_for_each(people: People, who: str) -> None:
    trust, council = await people.resolve(NHS, {}, TRUST), await people.resolve(CORE, {}, COUNCIL)
    assert (await people.resolve(CORE, {}, TRUST)).handle == trust.handle
    assert trust.id == council.id == who
    assert trust.handle != council.handle
    assert who not in trust.handle


async def test_what_fits_verifies(people: People, who: str) -> None:
    for verify in (
        FITS,
        {"birth_date": "1980-01-02"},
        {"family_name": "obrien nunez"},
        {"family_name": "O'Brien-Nunez"},
        {"family_name": "SAMPLE"},
    ):
        found = await people.resolve(NHS, verify, TRUST)
        assert (found.id, found.known, found.verified) == (who, True, True)


async def test_what_does_not_fit_is_a_stranger_like_any_other(people: People, who: str) -> None:
    for verify in (
        {"birth_date": "1980-02-01"},
        {"family_name": "Other"},
        {**FITS, "birth_date": "1980-02-01"},
        {**FITS, "family_name": "Other"},
        {"family_name": ""},
        {"given_name": "Mary"},
    ):
        found, unknown = await people.resolve(NHS, verify, TRUST), await people.resolve(NOBODY, verify, TRUST)
        for stranger in (found, unknown):
            assert (stranger.known, stranger.verified, stranger.identifiers) == (False, False, {})
            assert stranger.id != who
        assert found.id != unknown.id
        assert found.handle != unknown.handle


async def test_a_stranger_looks_like_anybody_and_the_same_at_each_ask(
    people: People, who: str, changes: Still
) -> None:
    known, stranger = await people.resolve(NHS, {}, TRUST), await people.resolve(NOBODY, {}, TRUST)
    changes.value = 2
    again = await people.resolve(NOBODY, {}, TRUST)
    assert again is not stranger
    assert again == stranger
    for mine, theirs in ((known.id, stranger.id), (known.handle, stranger.handle)):
        assert len(mine) == len(theirs)
    assert set(stranger.id) <= set("0123456789abcdef")
    assert set(stranger.handle[4:]) <= set("abcdefghijklmnopqrstuvwxyz234567")
    assert stranger.handle.startswith("sub_")
    assert (await people.resolve(NOBODY, {}, COUNCIL)).handle != stranger.handle


async def test_somebody_who_has_nothing_to_verify_by_is_not_verified_by_anything(
    people: People, engine: Engine, sealing_keys: PersonKeys
) -> None:
    with write(engine) as connection:
        link(connection, sealing_keys, None, [NOBODY], now=NOW)
    assert not (await people.resolve(NOBODY, FITS, TRUST)).known


async def test_an_address_never_leads_to_a_person(people: People, who: str) -> None:
    assert not (await people.resolve(HOME, {}, TRUST)).known


async def test_the_same_value_in_another_system_is_somebody_else(people: People, who: str) -> None:
    assert not (await people.resolve(Identifier(CHARITY_CLIENT, CORE.value), {}, TRUST)).known


async def test_a_replaced_number_still_finds_the_person_but_is_given_to_nobody(
    people: People, who: str, engine: Engine, sealing_keys: PersonKeys, changes: Still
) -> None:
    with write(engine) as connection:
        link(connection, sealing_keys, who, [NOBODY], now=NOW)
    found = await people.resolve(NHS, {}, TRUST)
    assert (found.id, found.identifiers[NHS_NUMBER]) == (who, NOBODY.value)


async def test_what_was_resolved_is_remembered_only_while_nothing_changes(
    people: People, who: str, changes: Still
) -> None:
    first = await people.resolve(NHS, FITS, TRUST)
    assert await people.resolve(NHS, FITS, TRUST) is first
    assert await people.resolve(NHS, {}, TRUST) is not first
    changes.value = 2
    assert await people.resolve(NHS, FITS, TRUST) is not first
    changes.value = None
    one, two = await people.resolve(NHS, FITS, TRUST), await people.resolve(NHS, FITS, TRUST)
    assert one is not two


async def test_memory_of_people_is_bounded(people: People, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.people._HELD", 3)
    asked = [Identifier(COUNCIL_PERSON, f"X-{n}") for n in range(5)]
    first = [await people.resolve(subject, {}, TRUST) for subject in asked]
    assert await people.resolve(asked[4], {}, TRUST) is first[4]
    assert await people.resolve(asked[0], {}, TRUST) is not first[0]


async def test_a_person_linked_on_another_connection_is_found_at_the_next_query(
    engine: Engine, sealing_keys: PersonKeys
) -> None:
    changes = watch(engine.url.render_as_string(hide_password=False))
    people = People(engine, sealing_keys, changes)
    while changes.generation() is None:  # noqa: ASYNC110  until the listener is up
        await asyncio.sleep(0.01)
    assert not (await people.resolve(NHS, {}, TRUST)).known
    with write(engine) as connection:
        link(connection, sealing_keys, None, [NHS], now=NOW)
    for _ in range(500):
        if found := (await people.resolve(NHS, {}, TRUST)).known:
            break
        await asyncio.sleep(0.01)
    assert found
    people.close()
    await changes.close()


async def test_a_seal_that_does_not_open_refuses_and_says_nothing_of_whom(
    people: People, who: str, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with read(engine) as connection:
        sealed = bytes(connection.execute(select(person_identifier.c.sealed).limit(1)).scalar_one())
    with write(engine) as connection:
        connection.execute(update(person_identifier).values(sealed=sealed[:-1] + bytes([sealed[-1] ^ 1])))
    with pytest.raises(InternalFault) as caught:
        await people.resolve(NHS, {}, TRUST)
    assert "does not open" in caplog.text
    for personal in (who, NHS.value):
        assert personal not in f"{caplog.text}{caught.value}{caught.value.detail}"


async def test_a_database_that_fails_is_unavailable_and_not_a_stranger(
    sqlite_engine: Engine, sealing_keys: PersonKeys
) -> None:
    people = People(sqlite_engine, sealing_keys, Still())
    with write(sqlite_engine) as connection:
        connection.exec_driver_sql("DROP TABLE person_verifier")
    with pytest.raises(DatabaseUnavailable):
        await people.resolve(NHS, {}, TRUST)
    people.close()


async def test_a_database_that_is_away_is_unavailable_and_not_a_stranger(sealing_keys: PersonKeys) -> None:
    nobody_there = connect("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable):
        await People(nobody_there, sealing_keys, Still()).resolve(NHS, {}, TRUST)
    nobody_there.dispose()


async def test_a_person_is_found_by_index_and_never_by_looking_through_all(sqlite_engine: Engine) -> None:
    statement = str(people_module._STATEMENT.compile(sqlite_engine))
    with read(sqlite_engine) as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (b"", b"")).all())
    assert "person_identifier_found_by" in plan
    assert "SCAN" not in plan


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("O’Brien-Núñez", "obriennunez"),
        ("O'BRIEN NUNEZ", "obriennunez"),
        ("Strauß", "strauss"),
        ("李", "李"),
        ("1-2", ""),
    ],
)
def test_a_family_name_has_one_plain_form(written: str, plain: str) -> None:
    assert plain_name(written) == plain
