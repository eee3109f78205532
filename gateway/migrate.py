# SPDX-License-Identifier: Apache-2.0
"""The schema's one linear history: where a database stands in it, and the way to its head.

The steps are Alembic's, in `deploy/migrations` (packed as `gateway/_migrations`). A server never changes a
schema by itself: it asks `require_head` at the start and, if it must not serve, says what to do.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError

import consent.tables
import gateway.audit.tables
import gateway.identity.tables
import gateway.notices.tables
import gateway.policy.tables
from gateway import db
from gateway.errors import DatabaseUnavailable

METADATA: tuple[MetaData, ...] = (
    gateway.identity.tables.metadata,
    gateway.notices.tables.metadata,
    consent.tables.metadata,
    gateway.audit.tables.metadata,
    gateway.policy.tables.metadata,
)
"""Every table of the commons, room by room: what the history must add up to."""

ONE_AT_A_TIME = 0x636F6D6D6F6E73
"""PostgreSQL advisory lock held while the schema changes, so that two nodes cannot both do it."""


class SchemaError(Exception):
    """The database cannot be served, or taken to the head. The text says what to do."""


def head() -> str:
    """The revision that this code needs."""
    return _scripts().get_current_head() or ""


def current(url: str) -> str:
    """The revision of the database at `url` (SQLAlchemy URL); empty when it has no schema yet."""
    engine = db.connect(url)
    try:
        with db.read(engine) as connection:
            return _current(connection)
    finally:
        engine.dispose()


def upgrade(url: str) -> str:
    """Take the database to the head in one transaction, all or nothing; gives the head's revision.

    Raises SchemaError for a database that a newer gateway wrote, or with the database's own words for a step
    that it refused.
    """
    engine = db.connect(url)
    try:
        with db.write(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
            _require_known(_current(connection))
            command.upgrade(config(connection), "head")
    except (DBAPIError, DatabaseUnavailable) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        words = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
        raise SchemaError(f"The database's schema was not changed. It said: {words}") from error
    finally:
        engine.dispose()
    return head()


def grant(url: str, role: str) -> None:
    """Give the gateway's own PostgreSQL role what it needs and no more: it appends to the log and can change or
    delete nothing of it but what may be erased. `url` is the owner's, who is not used at run time. Raises
    SchemaError."""
    engine = db.connect(url)
    try:
        if engine.dialect.name != "postgresql":
            raise SchemaError("Only PostgreSQL has roles: with SQLite, who owns the folder owns the data")
        with db.write(engine) as connection:
            name = engine.dialect.identifier_preparer.quote_identifier(role)
            for statement in gateway.audit.tables.GRANTS:
                connection.execute(text(statement.format(role=name)))
    except (DBAPIError, DatabaseUnavailable) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        words = str(cause.orig if isinstance(cause, DBAPIError) else cause).strip()
        raise SchemaError(f"The role was not given its rights. The database said: {words}") from error
    finally:
        engine.dispose()


def require_head(engine: Engine) -> None:
    """Refuse a database that is not at the head, or whose log is not there. Raises SchemaError."""
    with db.read(engine) as connection:
        found, needed = _current(connection), head()
        if not found:
            raise SchemaError("The database has no schema yet: run `commons migrate`")
        _require_known(found)
        if found != needed:
            raise SchemaError(
                f"The database's schema is {found}, this gateway needs {needed}: run `commons migrate`"
            )
        if missing := _missing(connection):
            raise SchemaError(
                f"The database says it has schema {found}, but lacks {', '.join(missing)}: restore it from a "
                "backup (with SQLite, commons.db and log.db belong together)"
            )


def config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection; the caller owns the transaction."""
    configured = _config()
    configured.attributes["connection"] = connection
    configured.attributes["metadata"] = METADATA
    return configured


def _config() -> Config:
    packed = Path(__file__).with_name("_migrations")
    folder = packed if packed.is_dir() else Path(__file__).parents[1] / "deploy" / "migrations"
    configured = Config()
    configured.set_main_option("script_location", str(folder).replace("%", "%%"))
    configured.set_main_option("path_separator", "os")
    return configured


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _current(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _require_known(revision: str) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision and revision not in known:
        raise SchemaError(
            f"The database's schema is {revision}, which this gateway does not know: a newer one wrote it. "
            "Start that one, or restore the backup made before its upgrade"
        )


def _missing(connection: Connection) -> list[str]:
    inspector = inspect(connection)
    tables = [table for metadata in METADATA for table in metadata.sorted_tables]
    return [str(table) for table in tables if not inspector.has_table(table.name, schema=table.schema)]
