# SPDX-License-Identifier: Apache-2.0
"""What is appended stays: triggers see to it on both stores, and on PostgreSQL the gateway's own role has no right
to change it either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from gateway import db, migrate
from gateway.audit.log import Committed
from gateway.errors import DatabaseUnavailable

from .conftest import MakeEntry, MakeLog

ROLE = "commons_gateway"

REWRITES = (
    "UPDATE log.entry SET entry = entry",
    "DELETE FROM log.entry WHERE idx = 2",
    "UPDATE log.tile SET root = root",
    "DELETE FROM log.tile",
    "UPDATE log.shard SET size = size",
    "DELETE FROM log.shard",
)


def refused(engine: Engine, statement: str) -> str:
    with pytest.raises((DBAPIError, DatabaseUnavailable)) as caught, db.write(engine) as connection:
        connection.execute(text(statement))
    return str(caught.value.__cause__ or caught.value)


async def test_not_even_the_owner_rewrites_by_mistake(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(engine)
    await log.start()
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(300)])
    with db.write(engine) as connection:
        connection.execute(text("INSERT INTO log.shard VALUES (2025, 'o', 0, 1, 'c')"))
    for statement in REWRITES:
        assert "never changed or deleted" in refused(engine, statement)


async def test_the_head_on_sqlite_only_moves_forward(sqlite_engine: Engine, make_log: MakeLog) -> None:
    await make_log(sqlite_engine).start()
    for statement in ("UPDATE log.head SET size = 0", "UPDATE log.head SET year = 2025", "DELETE FROM log.head"):
        assert "the head of the log" in refused(sqlite_engine, statement)


@pytest.fixture
def as_gateway(fresh_database: str, engine_of: Callable[[str], Engine]) -> Engine:
    """The gateway's own role on PostgreSQL."""
    owner = engine_of(fresh_database)
    with db.write(owner) as connection:
        if not connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": ROLE}).scalar():
            connection.execute(text(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'synthetic'"))
    migrate.grant(fresh_database, ROLE)
    url = make_url(fresh_database).set(username=ROLE, password="synthetic")
    return engine_of(url.render_as_string(hide_password=False))


async def test_the_gateways_role_appends(as_gateway: Engine, make_log: MakeLog, make_entry: MakeEntry) -> None:
    migrate.require_head(as_gateway)
    log = make_log(as_gateway)
    await log.start()
    results = await asyncio.gather(*[log.append(make_entry(n)) for n in range(300)])
    assert all(isinstance(result, Committed) for result in results)
    assert set(log.open_groups(make_entry(1).id)) == {"actor", "subject", "request", "basis"}


HEAD = "'o', 1, ''::bytea, 'c', 2026, 0, ARRAY['uk/nhs/XZZ01'], ARRAY[1::bigint]"

FORBIDDEN = (
    *REWRITES,
    "TRUNCATE log.entry",
    "TRUNCATE log.payload",
    "UPDATE log.payload SET idx = idx",
    "UPDATE log.head SET size = 1",
    "UPDATE log.head SET checkpoint = 'x'",
    "DELETE FROM log.head",
    "INSERT INTO log.head SELECT * FROM log.head",
    "UPDATE log.head SET id = 2",
    "UPDATE log.organisation_count SET count = 1",
    "ALTER TABLE log.entry DISABLE TRIGGER ALL",
    "DROP TRIGGER entry_kept ON log.entry",
    "CREATE OR REPLACE FUNCTION log.refuse() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
    "SET session_replication_role = replica",
    f"SELECT log.advance({HEAD})",
    f"SELECT log.advance({HEAD.replace(', 1,', ', 900,', 1)})",
    f"SELECT log.advance({HEAD.replace('2026, 0', '2025, 500')})",
)


async def test_the_gateways_role_can_rewrite_nothing(
    as_gateway: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(as_gateway)
    await log.start()
    await asyncio.gather(*[log.append(make_entry(n)) for n in range(300)])
    before = log.checkpoint()
    for statement in FORBIDDEN:
        said = refused(as_gateway, statement)
        whys = ("permission denied", "must be owner", "the head of the log", "head_one_row")
        assert any(why in said for why in whys), (statement, said)
    assert log.checkpoint() == before


async def test_the_gateways_role_erases_what_may_be_erased(
    as_gateway: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    log = make_log(as_gateway)
    await log.start()
    await log.append(make_entry(1))
    with db.write(as_gateway) as connection:
        for table in ("payload", "data_key", "subject_entry"):
            connection.execute(text(f"DELETE FROM log.{table}"))
        connection.execute(text("UPDATE log.head SET erasures = erasures + 1"))
    assert log.open_groups(make_entry(1).id) == {}
    assert isinstance(await log.append(make_entry(2)), Committed)


def test_sqlite_has_no_roles(sqlite_url: str) -> None:
    with pytest.raises(migrate.SchemaError, match="Only PostgreSQL has roles"):
        migrate.grant(sqlite_url, ROLE)


def test_a_role_that_is_not_there_is_told(fresh_database: str) -> None:
    with pytest.raises(migrate.SchemaError, match="does not exist"):
        migrate.grant(fresh_database, 'nobody"; DROP TABLE log.entry; --')
