# SPDX-License-Identifier: Apache-2.0
"""The database of record: engine, transactions and the sign that something changed. The caller owns the
transaction.

SQLite is two files in `data_dir`: `commons.db` is `main`, `log.db` is attached as the schema `log`, each with
its own WAL and fsync stream. PostgreSQL is one database with the schemas `public` and `log`. So a table of the
log is `log.entry` in both, and one connection can order a seal against a withdrawal.

The lock that orders them is the write lock of the log (SQLite) or the row of the person's consent head
(PostgreSQL): whoever changes consent uses `write()`, which takes both files' locks before it reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from gateway.errors import DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")

CHANNEL = "commons"
"""PostgreSQL NOTIFY channel: triggers on the registry tables send the table's name."""


def connect(url: str) -> Engine:
    """An engine for `url` (SQLAlchemy URL) that writes no value of a statement into an error or its own log; SQLite
    connections get WAL, synchronous=FULL and the `log` schema."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=5, hide_parameters=True)
    options = {"timeout": 5, "check_same_thread": False}
    engine = create_engine(parsed, connect_args=options, hide_parameters=True)
    log = log_path(parsed)

    @event.listens_for(engine, "connect")
    def _prepare(dbapi: sqlite3.Connection, _record: object) -> None:
        dbapi.isolation_level = None  # we send BEGIN ourselves: pysqlite's own comes too late for a lock
        dbapi.execute("ATTACH DATABASE ? AS log", (str(log),))
        for schema in ("main", "log"):
            dbapi.execute(f"PRAGMA {schema}.journal_mode=WAL")
            dbapi.execute(f"PRAGMA {schema}.synchronous=FULL")
            dbapi.execute(f"PRAGMA {schema}.secure_delete=ON")  # what is erased leaves no trace in the file
        dbapi.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("commons_write"):
            with Turn(log) as turn, turn.held():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("BEGIN DEFERRED")

    return engine


def sqlite_path(url: URL) -> Path:
    """Path of `commons.db`."""
    if not url.database:
        raise ValueError("SQLite needs a file: the log must outlive the process")
    return Path(url.database)


def log_path(url: URL) -> Path:
    """Path of `log.db`, beside `commons.db`."""
    return sqlite_path(url).with_name("log.db")


class Turn:
    """Whose turn it is to take SQLite's write lock of the log.

    SQLite lets whoever asks at the right moment have the lock, so a log under load would keep a withdrawal waiting
    for seconds. Therefore everybody asks for this turn first (an advisory lock on `log.db-turn`, which the kernel
    hands on), holds it while waiting for the write lock, and gives it back when they have that.
    """

    def __init__(self, log: Path) -> None:
        self._file = os.open(log.with_name(log.name + "-turn"), os.O_RDWR | os.O_CREAT, 0o600)

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the turn and hold it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def is_free(self) -> bool:
        """Whether nobody waits; costs two system calls."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@contextlib.contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A connection in a read transaction. Raises DatabaseUnavailable."""
    with _guarded(), engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A connection in a write transaction, committed at the end; on SQLite it holds the write locks of both
    files from its first statement. Raises DatabaseUnavailable."""
    with (
        _guarded(),
        engine.connect().execution_options(commons_write=True) as connection,
        connection.begin(),
    ):
        yield connection


async def write_apart(
    engine: Engine, work: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs
) -> T:
    """Do `work` in one write transaction, on a thread: its lock may be held by a batch of the log that needs the
    event loop to go on."""

    def writing() -> T:
        with write(engine) as connection:
            return work(connection, *args, **named)

    return await asyncio.to_thread(writing)


def scrub(engine: Engine, schema: str, *tables: str) -> None:
    """Take what was deleted out of the store's files, too: out of the dead rows of PostgreSQL's tables, out of
    SQLite's write-ahead log (of `main` or `log`)."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"VACUUM {', '.join(tables)}"))
        else:
            connection.exec_driver_sql(f"PRAGMA {schema}.wal_checkpoint(TRUNCATE)").fetchall()


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise DatabaseUnavailable from error


class Changes(Protocol):
    """Tells whether the registry (organisations, systems, people) may have changed since a cache was filled."""

    def generation(self) -> int | None:
        """A number that differs after any committed change; None when nothing can be known, so that a cache
        must not be used at all."""
        ...

    async def close(self) -> None:
        """Stop watching."""
        ...


FRESH_S = 0.001
"""Seconds for which a generation that was read is still news: one query asks for it more than once."""


class SqliteChanges:
    """`PRAGMA data_version`: differs after any other connection, in any process, commits to `commons.db`."""

    def __init__(self, url: URL) -> None:
        self._connection = sqlite3.connect(sqlite_path(url), check_same_thread=False, isolation_level=None)
        self._read_at = 0.0
        self._generation = -1

    def generation(self) -> int | None:
        """See Changes."""
        now = time.monotonic()
        if now - self._read_at > FRESH_S:
            self._generation = self._connection.execute("PRAGMA data_version").fetchone()[0]
            self._read_at = now
        return self._generation

    async def close(self) -> None:
        """See Changes."""
        self._connection.close()


class PostgresChanges:
    """LISTEN on `CHANNEL`; while the listener is down the generation is unknown."""

    def __init__(self, url: URL) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._generation = 0
        self._listening = False
        self._task = asyncio.create_task(self._listen())

    def generation(self) -> int | None:
        """See Changes."""
        return self._generation if self._listening else None

    async def close(self) -> None:
        """See Changes."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._generation += 1  # whatever changed while we were not listening
                    self._listening = True
                    async for _ in connection.notifies():
                        self._generation += 1
            except psycopg.Error:
                pass
            finally:
                self._listening = False
            await asyncio.sleep(0.2)


def watch(url: str) -> Changes:
    """The Changes for a database URL; call it inside the running event loop."""
    parsed = make_url(url)
    return SqliteChanges(parsed) if parsed.get_backend_name() == "sqlite" else PostgresChanges(parsed)
