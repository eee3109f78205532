# SPDX-License-Identifier: Apache-2.0
"""The schema's history adds up to the tables in the code, on both stores, and a wrong schema is not served."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, MetaData, make_url, text
from sqlalchemy.schema import CreateSchema

from gateway import db, migrate
from tests.fixtures.postgres import find_programs


@pytest.fixture(params=["sqlite", "postgresql"])
def make_empty(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes stores without a schema; each call gives the SQLAlchemy URL of a new one."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("empty_postgres")
        return make
    return lambda: f"sqlite:///{tempfile.mkdtemp(dir=tmp_path)}/commons.db"


@pytest.fixture
def empty_url(make_empty: Callable[[], str]) -> str:
    """SQLAlchemy URL of a store without a schema."""
    return make_empty()


def _create_from_metadata(url: str) -> None:
    engine = db.connect(url)
    with db.write(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(CreateSchema("log"))
        for metadata in migrate.METADATA:
            metadata.create_all(connection)
    engine.dispose()


def _schema(url: str) -> list[str]:
    """The store's own words for its schema, without Alembic's table."""
    if url.startswith("postgresql"):
        return _dump(url)
    engine = db.connect(url)
    statement = "SELECT sql FROM {0}.sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version'"
    with db.read(engine) as connection:
        rows = [row.sql for schema in ("main", "log") for row in connection.execute(text(statement.format(schema)))]
    engine.dispose()
    return sorted(re.sub(r"\s+", " ", row) for row in rows)


def _dump(url: str) -> list[str]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    program = find_programs()[0] / "pg_dump"
    options = ["--schema-only", "--no-owner", "--exclude-table=alembic_version", f"--dbname={plain}"]
    dumped = subprocess.run([program, *options], check=True, capture_output=True, text=True).stdout
    return [line for line in dumped.splitlines() if not line.startswith(("--", "\\"))]


def test_the_history_adds_up_to_the_tables_in_the_code(make_empty: Callable[[], str]) -> None:
    by_history, by_tables = make_empty(), make_empty()
    migrate.upgrade(by_history)
    _create_from_metadata(by_tables)
    assert _schema(by_history) == _schema(by_tables)


@pytest.mark.parametrize("metadata", migrate.METADATA, ids=lambda metadata: next(iter(metadata.tables)))
def test_autogeneration_would_change_no_table(engine: Engine, metadata: MetaData) -> None:
    tables = {(table.schema, table.name) for table in metadata.sorted_tables}
    options = {
        "include_schemas": True,
        "include_object": lambda it, name, kind, _r, _c: (
            (it.schema if kind == "table" else it.table.schema, name if kind == "table" else it.table.name)
            in tables
        ),
    }
    with db.read(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_the_history_is_one_line() -> None:
    scripts = ScriptDirectory(str(Path(__file__).parents[2] / "deploy" / "migrations"))
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()][-1] == "0001"
    assert not [script for script in scripts.walk_revisions() if script.is_merge_point]


def test_an_upgrade_a_second_time_changes_nothing(empty_url: str) -> None:
    assert migrate.current(empty_url) == ""
    assert migrate.upgrade(empty_url) == migrate.head()
    before = _schema(empty_url)
    assert migrate.upgrade(empty_url) == migrate.current(empty_url) == migrate.head()
    assert _schema(empty_url) == before


def test_a_store_at_the_head_may_be_served(engine: Engine, database_url: str) -> None:
    migrate.require_head(engine)  # raises for any other
    assert migrate.current(database_url) == migrate.head() != ""


def test_a_store_without_a_schema_is_not_served(empty_url: str) -> None:
    engine = db.connect(empty_url)
    with pytest.raises(migrate.SchemaError, match="run `commons migrate`"):
        migrate.require_head(engine)
    engine.dispose()


def test_a_store_of_a_newer_gateway_is_neither_served_nor_touched(database_url: str, engine: Engine) -> None:
    with db.write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.SchemaError, match="a newer one wrote it"):
        migrate.require_head(engine)
    with pytest.raises(migrate.SchemaError, match="a newer one wrote it"):
        migrate.upgrade(database_url)


def test_a_store_whose_log_is_gone_is_not_served(sqlite_url: str) -> None:
    db.log_path(make_url(sqlite_url)).unlink()
    engine = db.connect(sqlite_url)
    with pytest.raises(migrate.SchemaError, match=r"lacks log\."):
        migrate.require_head(engine)
    engine.dispose()


def test_the_first_schema_is_not_taken_down(engine: Engine) -> None:
    with (
        pytest.raises(CommandError, match="would destroy the access log"),
        db.write(engine) as connection,
    ):
        command.downgrade(migrate.config(connection), "base")
    migrate.require_head(engine)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    engine = db.connect(empty_url)
    last = migrate.METADATA[-1].sorted_tables[-1]
    with db.write(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(CreateSchema("log"))
        connection.execute(text(f"CREATE TABLE {last} (in_the_way integer)"))
    before = _schema(empty_url)
    with pytest.raises(migrate.SchemaError, match="already exists"):
        migrate.upgrade(empty_url)
    assert _schema(empty_url) == before
    assert migrate.current(empty_url) == ""
    engine.dispose()


def test_postgresql_announces_every_change_of_the_registry(fresh_database: str) -> None:
    engine = db.connect(fresh_database)
    with engine.connect() as listener:
        driver = listener.connection.driver_connection
        assert driver is not None
        driver.autocommit = True
        driver.execute(f"LISTEN {db.CHANNEL}")
        with db.write(engine) as connection:
            connection.execute(text("INSERT INTO organisation VALUES ('uk/test/1', 'A', true, 0, 0)"))
            connection.execute(text("UPDATE organisation SET active = false"))
        heard = [notice.payload for notice in driver.notifies(timeout=5, stop_after=1)]
        driver.autocommit = False
    engine.dispose()
    assert heard == ["organisation"]
