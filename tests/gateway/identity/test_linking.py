# SPDX-License-Identifier: Apache-2.0
"""Linking identifiers to people, and what the rows give away to whoever only has the database."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, func, select, update

from gateway.db import read, write
from gateway.identity.identifiers import CHARITY_CLIENT, COUNCIL_PERSON, NHS_NUMBER, UPRN
from gateway.identity.linking import LinkConflict, Linking, bulk_link, link
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import person, person_identifier, person_verifier
from gateway.model import Identifier

NHS = Identifier(NHS_NUMBER, "9990000018")
OTHER_NHS = Identifier(NHS_NUMBER, "9990000026")
CORE = Identifier(COUNCIL_PERSON, "P-100")
CRM = Identifier(CHARITY_CLIENT, "C-7")
HOME = Identifier(UPRN, "23336956")
VERIFY = {"birth_date": "1980-01-02", "family_name": "EXAMPLE"}
NOW = 1_790_000_000


def _count(engine: Engine, table: object) -> int:
    with read(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def _current(engine: Engine, keys: PersonKeys, who: str) -> dict[str, str]:
    table = person_identifier.c
    with read(engine) as connection:
        rows = connection.execute(
            select(table.system, table.blind_index, table.sealed, table.version).where(
                table.person == who, table.current
            )
        ).all()
    return {system: keys.open(who, system, bytes(i), bytes(sealed), v) for system, i, sealed, v in rows}


def test_several_identifiers_are_linked_to_one_opaque_person(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        who = link(connection, sealing_keys, None, [NHS, CORE, HOME], verify=VERIFY, now=NOW)
    assert (len(who), set(who) <= set("0123456789abcdef")) == (32, True)
    assert _current(engine, sealing_keys, who) == {
        NHS_NUMBER: NHS.value,
        COUNCIL_PERSON: CORE.value,
        UPRN: HOME.value,
    }


def test_a_further_identifier_joins_whoever_a_known_one_leads_to(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        who = link(connection, sealing_keys, None, [NHS], now=NOW)
        assert link(connection, sealing_keys, None, [NHS, CRM], now=NOW) == who
        assert link(connection, sealing_keys, who, [CORE], verify=VERIFY, now=NOW) == who
        assert link(connection, sealing_keys, who, [CORE], verify=VERIFY, now=NOW) == who
    assert (_count(engine, person), _count(engine, person_identifier), _count(engine, person_verifier)) == (1, 3, 2)


def test_two_people_are_never_merged(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        first = link(connection, sealing_keys, None, [NHS], now=NOW)
        link(connection, sealing_keys, None, [CORE], now=NOW)
        for who, identifiers in ((None, [NHS, CORE]), (first, [CORE]), ("0" * 32, [CRM])):
            with pytest.raises(LinkConflict) as caught:
                link(connection, sealing_keys, who, identifiers, now=NOW)
            assert NHS.value not in str(caught.value)


def test_people_at_one_address_stay_apart(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        first = link(connection, sealing_keys, None, [NHS, HOME], now=NOW)
        second = link(connection, sealing_keys, None, [OTHER_NHS, HOME], now=NOW)
    assert first != second


def test_a_replacing_identifier_is_the_one_for_connectors_and_can_be_taken_back(
    engine: Engine, sealing_keys: PersonKeys
) -> None:
    with write(engine) as connection:
        who = link(connection, sealing_keys, None, [OTHER_NHS, CORE], now=NOW)
        link(connection, sealing_keys, who, [NHS], now=NOW)
    assert _current(engine, sealing_keys, who)[NHS_NUMBER] == NHS.value
    with write(engine) as connection:
        assert link(connection, sealing_keys, None, [OTHER_NHS], now=NOW) == who
    assert _current(engine, sealing_keys, who) == {NHS_NUMBER: OTHER_NHS.value, COUNCIL_PERSON: CORE.value}


def test_many_are_linked_at_once_and_the_same_list_may_be_given_twice(
    engine: Engine, sealing_keys: PersonKeys, soak: bool
) -> None:
    many = 100_000 if soak else 3000
    people = [
        Linking(
            (
                Identifier(NHS_NUMBER, f"999{n:07d}"),
                Identifier(UPRN, str(n // 3 + 1)),
                Identifier(COUNCIL_PERSON, f"P{n}"),
                Identifier(CHARITY_CLIENT, f"C{n}"),
            ),
            {"birth_date": "1980-01-02", "family_name": ["EXAMPLE", "Sample"]},
        )
        for n in range(many)
    ]
    with write(engine) as connection:
        ids = bulk_link(connection, sealing_keys, people, now=NOW)
        assert bulk_link(connection, sealing_keys, people, now=NOW) == ids
    assert len(set(ids)) == many
    assert (_count(engine, person), _count(engine, person_identifier), _count(engine, person_verifier)) == (
        many,
        4 * many,
        3 * many,
    )
    assert _current(engine, sealing_keys, ids[-1])[CHARITY_CLIENT] == f"C{many - 1}"


def test_a_list_that_shares_an_identifier_is_refused_whole(engine: Engine, sealing_keys: PersonKeys) -> None:
    people = [Linking((NHS, CORE)), Linking((NHS, CRM))]
    with pytest.raises(LinkConflict), write(engine) as connection:
        bulk_link(connection, sealing_keys, people, now=NOW)
    assert _count(engine, person) == 0


def test_a_list_that_would_merge_two_people_is_refused(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        bulk_link(connection, sealing_keys, [Linking((NHS,)), Linking((CORE,))], now=NOW)
    with pytest.raises(LinkConflict), write(engine) as connection:
        bulk_link(connection, sealing_keys, [Linking((NHS, CORE))], now=NOW)


def test_a_large_list_does_not_leave_its_page_cache_behind(sqlite_engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(sqlite_engine) as connection:
        before = connection.exec_driver_sql("PRAGMA main.cache_size").scalar_one()
        bulk_link(connection, sealing_keys, [Linking((NHS,))], now=NOW)
        assert connection.exec_driver_sql("PRAGMA main.cache_size").scalar_one() == before


def test_the_rows_give_no_identifier_birth_date_or_name_away(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        link(connection, sealing_keys, None, [NHS, CORE, CRM], verify=VERIFY, now=NOW)
        dump = b""
        for table in (person, person_identifier, person_verifier):
            for row in connection.execute(select(table)):
                for value in row:
                    dump += bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
    for secret in ("9990000018", "P-100", "C-7", "1980-01-02", "EXAMPLE", "example"):
        assert secret.encode() not in dump


def test_equal_names_of_two_people_do_not_look_equal(engine: Engine, sealing_keys: PersonKeys) -> None:
    with write(engine) as connection:
        link(connection, sealing_keys, None, [NHS], verify=VERIFY, now=NOW)
        link(connection, sealing_keys, None, [OTHER_NHS], verify=VERIFY, now=NOW)
        digests = connection.execute(select(person_verifier.c.digest)).scalars().all()
    assert len({bytes(digest) for digest in digests}) == 4


@pytest.mark.parametrize("moved", ["person", "system", "blind_index", "version", "flipped"])
def test_a_seal_that_was_moved_or_changed_does_not_open(sealing_keys: PersonKeys, moved: str) -> None:
    digest = sealing_keys.blind_index(NHS)
    row = {"person": "a" * 32, "system": NHS_NUMBER, "blind_index": digest, "version": 1}
    sealed = sealing_keys.seal("a" * 32, NHS_NUMBER, digest, NHS.value)
    assert sealing_keys.open(**row, sealed=sealed) == NHS.value  # type: ignore[arg-type]
    other = {"person": "b" * 32, "system": UPRN, "blind_index": bytes(32), "version": 2}
    if moved == "flipped":
        sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    else:
        row[moved] = other[moved]
    with pytest.raises(InvalidTag):
        sealing_keys.open(**row, sealed=sealed)  # type: ignore[arg-type]


def test_the_same_value_is_sealed_differently_each_time(sealing_keys: PersonKeys) -> None:
    digest = sealing_keys.blind_index(NHS)
    assert len({sealing_keys.seal("a", NHS_NUMBER, digest, NHS.value) for _ in range(50)}) == 50


def test_an_identifier_moved_between_people_in_the_database_is_found_out(
    engine: Engine, sealing_keys: PersonKeys
) -> None:
    with write(engine) as connection:
        first = link(connection, sealing_keys, None, [NHS], now=NOW)
        second = link(connection, sealing_keys, None, [CORE], now=NOW)
        connection.execute(
            update(person_identifier).where(person_identifier.c.person == first).values(person=second)
        )
    with pytest.raises(InvalidTag):
        _current(engine, sealing_keys, second)
