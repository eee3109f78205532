# SPDX-License-Identifier: Apache-2.0
"""The engine sql-view against real databases: what is found, what a role may do, what a broken database costs."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from connectors.base import Envelope, Outcome, Reason
from connectors.registry import Registry
from tests.connectors.upstream import Respond, Upstream, hang
from tests.connectors.world import ASKED, OTHER, PERSON, PLAN, SQL_MAPPING, ask, manifest, registry

SCHEMA = """
CREATE TABLE plan_t (ref {char}, whose text, ttl text, goal text, st_cd {char}, rev_dt date, chg_ts {stamp},
    made_dt date, amount numeric(8, 2));
CREATE TABLE person_t (ref {char}, whose text, for_nm text, sur_nm text, dob text, pcode text);
CREATE VIEW "RPT_PLAN" AS SELECT ref AS "REF", whose AS "WHOSE", ttl AS "TTL", goal AS "GOAL", st_cd AS "ST_CD",
    rev_dt AS "REV_DT", chg_ts AS "CHG_TS", made_dt AS "MADE_DT", 'never selected' AS "SECRET_NOTE" FROM plan_t;
CREATE VIEW "RPT_PERSON" AS SELECT ref AS "REF", whose AS "WHOSE", for_nm AS "FOR_NM", sur_nm AS "SUR_NM",
    dob AS "DOB", pcode AS "PCODE" FROM person_t;
"""
PLANS = [
    (ASKED, ASKED, "Home again", "Walk to the shop", "A", "2026-03-01", "2026-03-02 10:00:00", "2026-03-03", 12.5),
    (ASKED, ASKED, "Older", None, "ZZ", "2024-01-01", "2024-01-02 09:30:00", "2026-03-03", 1),
    (OTHER, OTHER, "Of somebody else", None, "A", "2026-03-01", "2026-03-02 10:00:00", "2026-03-03", 2),
]
PEOPLE = [(ASKED, ASKED, "ROSE MARY", "CANARYWORTH", "19510704", "zz1 1zz")]

Open = Callable[..., Registry]


class Town:
    """One database with the plans, its administrator's URL and the URL of a role that can only read."""

    def __init__(self, admin: str, reader: str) -> None:
        self.admin = admin
        self.reader = reader

    def execute(self, statement: str) -> None:
        url = make_url(self.admin).set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]


def _postgres(empty: Callable[[], str]) -> Town:
    admin = make_url(empty())
    with psycopg.connect(admin.set(drivername="postgresql").render_as_string(False)) as connection:
        connection.execute(SCHEMA.format(char="char(12)", stamp="timestamptz"))  # type: ignore[arg-type]
        connection.cursor().executemany(f"INSERT INTO plan_t VALUES ({', '.join(['%s'] * 9)})", PLANS)
        connection.cursor().executemany(f"INSERT INTO person_t VALUES ({', '.join(['%s'] * 6)})", PEOPLE)
        name = f"reader_{admin.database}"
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'only-reads'")  # type: ignore[arg-type]
        connection.execute(f'GRANT SELECT ON "RPT_PLAN", "RPT_PERSON" TO {name}')  # type: ignore[arg-type]
    return Town(
        admin.render_as_string(False), admin.set(username=name, password="only-reads").render_as_string(False)
    )


@pytest.fixture
def town(empty_postgres: Callable[[], str]) -> Town:
    """A town of the test's own, to be changed."""
    return _postgres(empty_postgres)


@pytest.fixture(scope="module")
def standing_town(postgres_url: str) -> Town:
    """One town for all tests that only look; it goes with its cluster."""
    admin = make_url(postgres_url)
    Town(postgres_url, "").execute("CREATE DATABASE standing_town")
    return _postgres(lambda: admin.set(database="standing_town").render_as_string(False))


@pytest.fixture
def sqlite_town(tmp_path: Path) -> str:
    path = tmp_path / "town.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA.format(char="text", stamp="text"))
        connection.executemany(f"INSERT INTO plan_t VALUES ({', '.join('?' * 9)})", PLANS)
        connection.executemany(f"INSERT INTO person_t VALUES ({', '.join('?' * 6)})", PEOPLE)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_town"))
    return str(request.getfixturevalue("standing_town").reader)


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Registry] = []

    def open_source(url: str, mapping: dict[str, Any] = SQL_MAPPING, **over: Any) -> Registry:
        opened.append(registry(tmp_path, manifest("sql-view", **over), mapping, {"core_url": url}))
        return opened[-1]

    yield open_source
    for one in opened:
        await one.close()


def refused(envelope: Envelope, reason: Reason) -> bool:
    """Unavailable for this reason, and nothing in it."""
    return envelope.outcome is Outcome.UNAVAILABLE and envelope.reason is reason and not envelope.records


async def test_all_categories_of_a_citizen_come_from_one_round_trip(database: str, source: Open) -> None:
    plans, person = await ask(source(database), PLAN, PERSON)
    assert [plan.fields for plan in plans.records] == [
        {"title": "Home again", "goal": "Walk to the shop", "status": "active", "reviewed": "2026-03-01"},
        {"title": "Older", "reviewed": "2024-01-01"},
    ]
    assert plans.records[1].unmapped == ("status",)
    assert plans.as_of == "2026-03-03"
    assert plans.records[0].last_updated.startswith("2026-03-02")
    assert person.records[0].fields["birth_date"] == "1951-07-04"
    assert person.records[0].fields["postcode"] == "ZZ1 1ZZ"
    assert plans.calls == 1


async def test_an_unknown_citizen_is_none(database: str, source: Open) -> None:
    (envelope,) = await ask(source(database), identifier="0000000000")
    assert (envelope.outcome, envelope.reason) == (Outcome.NONE, Reason.NONE)


async def test_an_identifier_is_a_value_and_never_sql(database: str, source: Open) -> None:
    (envelope,) = await ask(source(database), identifier="' OR '1'='1")
    assert envelope.outcome is Outcome.NONE


async def test_since_leaves_out_older_rows(database: str, source: Open) -> None:
    (envelope,) = await ask(source(database), since="2025-01-01")
    assert [plan.fields["title"] for plan in envelope.records] == ["Home again"]


async def test_only_columns_of_granted_fields_are_selected(standing_town: Town, source: Open) -> None:
    registry = source(standing_town.reader)
    context = registry._sources["uk/charity/9999901/crm"].context
    assert context is not None
    await ask(registry, fields={PLAN: ("title",)})
    (statement,) = context.plan[PLAN]._statements.values()
    assert "TTL" in statement.columns
    assert not {"GOAL", "ST_CD", "SECRET_NOTE"} & set(statement.columns)


async def test_more_rows_than_allowed_are_never_cut_silently(database: str, source: Open) -> None:
    (envelope,) = await ask(source(database, limits={"max_records": 1}))
    assert refused(envelope, Reason.TOO_LARGE)


async def test_a_row_of_somebody_else_refuses_every_category(town: Town, source: Open) -> None:
    town.execute(f"UPDATE plan_t SET whose = '{OTHER}' WHERE ttl = 'Older'")
    plans, person = await ask(source(town.reader), PLAN, PERSON)
    assert refused(plans, Reason.IDENTITY_MISMATCH)
    assert refused(person, Reason.IDENTITY_MISMATCH)
    assert plans.alarm
    assert not person.alarm


async def test_two_rows_for_one_person_are_ambiguous(town: Town, source: Open) -> None:
    town.execute("INSERT INTO person_t SELECT * FROM person_t")
    (envelope,) = await ask(source(town.reader), PERSON)
    assert envelope.outcome is Outcome.AMBIGUOUS
    assert not envelope.records


async def test_a_row_without_a_required_field_is_not_passed_on_as_whole(town: Town, source: Open) -> None:
    town.execute("UPDATE plan_t SET ttl = NULL")
    assert refused((await ask(source(town.reader)))[0], Reason.GARBAGE)


async def test_an_old_extract_is_stale_and_says_of_when(database: str, source: Open) -> None:
    extract = source(database, freshness={"mode": "extract", "max_age_s": 60})
    (envelope,) = await ask(extract)
    assert envelope.outcome is Outcome.STALE
    assert envelope.as_of == "2026-03-03"
    assert len(envelope.records) == 2


async def test_an_asker_who_needs_fresher_data_gets_stale(database: str, source: Open) -> None:
    extract = source(database, freshness={"mode": "extract"})
    assert (await ask(extract))[0].outcome is Outcome.FOUND
    assert (await ask(extract, max_age_s=60))[0].outcome is Outcome.STALE


async def test_an_integer_key_that_is_no_integer_is_none(database: str, source: Open) -> None:
    mapping = deepcopy(SQL_MAPPING)
    mapping["categories"][PLAN]["select"]["key_type"] = "integer"
    (envelope,) = await ask(source(database, mapping), identifier="12a")
    assert envelope.outcome is Outcome.NONE


# -- what the role may do ---------------------------------------------------------------------------------


async def test_a_role_that_can_write_anywhere_is_not_used(town: Town, source: Open) -> None:
    town.execute(f"GRANT INSERT ON person_t TO {make_url(town.reader).username}")
    registry = source(town.reader)
    assert refused((await ask(registry))[0], Reason.SOURCE_UNSAFE)
    (health,) = await registry.probe()
    assert (health.well, health.reason) == (False, Reason.SOURCE_UNSAFE)


async def test_an_administrator_is_not_used(standing_town: Town, source: Open) -> None:
    assert refused((await ask(source(standing_town.admin)))[0], Reason.SOURCE_UNSAFE)


async def test_a_view_that_would_write_cannot(town: Town, source: Open) -> None:
    """The transaction is read-only even where a view calls a function that runs with its owner's rights."""
    town.execute("CREATE TABLE seen (ref text)")
    town.execute(
        "CREATE FUNCTION note(ref text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS "
        "$$ BEGIN INSERT INTO seen VALUES (ref); RETURN ref; END $$"
    )
    town.execute('DROP VIEW "RPT_PERSON"')
    town.execute(
        'CREATE VIEW "RPT_PERSON" AS SELECT note(ref) AS "REF", whose AS "WHOSE", for_nm AS "FOR_NM", '
        'sur_nm AS "SUR_NM", dob AS "DOB", pcode AS "PCODE" FROM person_t'
    )
    town.execute(f'GRANT SELECT ON "RPT_PERSON" TO {make_url(town.reader).username}')
    assert refused((await ask(source(town.reader), PERSON))[0], Reason.SOURCE_ERROR)


async def test_a_good_role_is_well(database: str, source: Open) -> None:
    (health,) = await source(database).probe()
    assert health.well


async def test_a_sqlite_file_is_opened_for_reading_only(sqlite_town: str, source: Open) -> None:
    registry = source(sqlite_town)
    context = registry._sources["uk/charity/9999901/crm"].context
    assert context is not None
    with context.way._engine.connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("DELETE FROM plan_t")


# -- what goes wrong --------------------------------------------------------------------------------------


async def test_a_connection_the_server_ended_is_replaced_without_a_word(town: Town, source: Open) -> None:
    registry = source(town.reader)
    await ask(registry)
    town.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'commons-gateway'"
    )
    (envelope,) = await ask(registry)
    assert envelope.outcome is Outcome.FOUND


async def test_a_view_that_is_gone_is_an_error_and_the_next_read_is_well(town: Town, source: Open) -> None:
    registry = source(town.reader)
    town.execute('ALTER VIEW "RPT_PLAN" RENAME TO hidden')
    assert refused((await ask(registry))[0], Reason.SOURCE_ERROR)
    town.execute('ALTER VIEW hidden RENAME TO "RPT_PLAN"')
    assert (await ask(registry))[0].outcome is Outcome.FOUND


SLOW = """CREATE VIEW "RPT_PERSON" AS SELECT ref AS "REF", whose AS "WHOSE", for_nm AS "FOR_NM", sur_nm AS "SUR_NM",
    dob AS "DOB", pcode || coalesce(pg_sleep(60)::text, '') AS "PCODE" FROM person_t"""


async def test_a_slow_query_costs_the_deadline_and_is_stopped_at_the_server(town: Town, source: Open) -> None:
    town.execute('DROP VIEW "RPT_PERSON"')
    town.execute(SLOW)
    town.execute(f'GRANT SELECT ON "RPT_PERSON" TO {make_url(town.reader).username}')
    (envelope,) = await ask(source(town.reader), PERSON, deadline_s=0.2)
    assert refused(envelope, Reason.SOURCE_TIMEOUT)
    assert not envelope.late
    async with asyncio.timeout(15):
        await asyncio.to_thread(_until_idle, town)  # statement_timeout ends what nobody waits for


def _until_idle(town: Town) -> None:
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'commons-gateway' AND state = 'active'"
    url = make_url(town.admin).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(200):
            if connection.execute(busy).fetchone() == (0,):
                return
            time.sleep(0.05)
    raise AssertionError("the server still works for nobody")


async def test_a_slow_sqlite_query_is_interrupted_at_the_deadline(sqlite_town: str, source: Open) -> None:
    with sqlite3.connect(sqlite_town.removeprefix("sqlite:///")) as connection:
        connection.executescript(
            'DROP VIEW "RPT_PERSON"; CREATE VIEW "RPT_PERSON" AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT '
            'i + 1 FROM n) SELECT p.ref AS "REF", p.whose AS "WHOSE", p.for_nm AS "FOR_NM", p.sur_nm AS "SUR_NM", '
            'p.dob AS "DOB", (SELECT max(i) FROM n) AS "PCODE" FROM person_t p'
        )
    connection.close()
    registry = source(sqlite_town, limits={"connections": 1})
    assert refused((await ask(registry, PERSON, deadline_s=0.2))[0], Reason.SOURCE_TIMEOUT)
    assert (await ask(registry, PLAN))[0].outcome is Outcome.FOUND  # its one thread is free again


async def test_a_database_that_accepts_and_says_nothing_costs_the_deadline(
    serve: Callable[[Respond], Awaitable[Upstream]], source: Open
) -> None:
    here = await serve(hang)
    port = here.url.split(":")[2].split("/")[0]
    (envelope,) = await ask(source(f"postgresql+psycopg://reader:x@127.0.0.1:{port}/core"), deadline_s=0.2)
    assert refused(envelope, Reason.SOURCE_TIMEOUT)


async def test_a_database_that_is_not_there_is_an_error(source: Open) -> None:
    (envelope,) = await ask(source("postgresql+psycopg://reader:x@127.0.0.1:9/core"))
    assert refused(envelope, Reason.SOURCE_ERROR)


async def test_values_larger_than_allowed_are_refused(town: Town, source: Open) -> None:
    town.execute("UPDATE plan_t SET goal = repeat('x', 2000000)")
    assert refused((await ask(source(town.reader)))[0], Reason.TOO_LARGE)


async def test_a_time_no_calendar_has_is_garbage(town: Town, source: Open) -> None:
    town.execute("UPDATE plan_t SET chg_ts = 'infinity'")
    assert refused((await ask(source(town.reader)))[0], Reason.GARBAGE)


async def test_many_citizens_at_once_each_get_their_own(town: Town, source: Open) -> None:
    town.execute(
        "INSERT INTO plan_t SELECT n::text, n::text, 'Plan of ' || n, null, 'A', '2026-03-01', now(), '2026-03-03' "
        "FROM generate_series(1, 60) n"
    )
    registry = source(town.reader, limits={"concurrency": 64, "connections": 3})
    answers = await asyncio.gather(*(ask(registry, identifier=str(n)) for n in range(1, 61)))
    for number, (envelope,) in enumerate(answers, 1):
        assert [plan.fields["title"] for plan in envelope.records] == [f"Plan of {number}"]
