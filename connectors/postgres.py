# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL on the event loop: libpq's pipeline mode, prepared statements, one round trip a read.

psycopg opens the connection and proves that its role cannot write; after that its libpq wrapper (`psycopg.pq`) is
driven directly. All statements of a read stand between two syncs, which makes them one implicit transaction, and
`default_transaction_read_only` makes it a read-only one. A connection that met any error, or whose read was
cancelled, is closed and not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import pq

from connectors.base import ReadError, Reason
from connectors.sql import Bound, Progress, Row

_CAN_WRITE: Final = """
select exists (select from pg_roles where rolname = current_user and (rolsuper or rolcreatedb or rolcreaterole))
    or exists (
      select from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema'
        and n.nspname !~ '^pg_' and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
    or exists (
      select from pg_namespace n where n.nspname !~ '^pg_' and has_schema_privilege(n.oid, 'CREATE'))
"""
_TIMEOUT_STEP_MS: Final = 250  # the server's timeout is set in these steps, so that it seldom needs to be set
_SET_TIMEOUT: Final = b"select set_config('statement_timeout', $1, false)"
_CANCELLED: Final = b"57014"  # query_canceled: statement_timeout


def _stamp(value: bytes) -> str:
    return datetime.fromisoformat(value.decode()).isoformat()


def _text(value: bytes) -> str:
    return value.decode()


_READERS: Final[dict[int, Callable[[bytes], Any]]] = {
    16: lambda value: value == b"t",  # bool
    20: int,
    21: int,
    23: int,
    700: lambda value: Decimal(value.decode()),  # float4
    701: lambda value: Decimal(value.decode()),  # float8
    1700: lambda value: Decimal(value.decode()),  # numeric
    1114: _stamp,  # timestamp
    1184: _stamp,  # timestamptz
}  # every other type as the text PostgreSQL writes: date is ISO 8601 under DateStyle ISO


class PostgresWay:
    """One source's PostgreSQL. `max_bytes` bounds the values of one read."""

    def __init__(self, url: sa.URL, *, connections: int, timeout_ms: int, max_bytes: int) -> None:
        self._conninfo: dict[str, Any] = url.translate_connect_args(username="user", database="dbname") | dict(
            url.query
        )
        self._timeout_ms = timeout_ms
        self._max_bytes = max_bytes
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[_Lane] = []

    def __repr__(self) -> str:
        return "PostgresWay(…)"

    async def run(self, bound: Sequence[Bound], deadline: float, progress: Progress) -> list[list[Row]]:
        """See `SqlWay.run`."""
        async with self._slots:
            while True:
                lane = self._idle.pop() if self._idle else await self._dial()
                kept = lane.runs > 0
                left_ms = (deadline - asyncio.get_running_loop().time()) * 1000
                step = max(1, math.ceil(min(left_ms, self._timeout_ms) / _TIMEOUT_STEP_MS)) * _TIMEOUT_STEP_MS
                try:
                    rows = await lane.run(bound, step, progress, self._max_bytes)
                except ConnectionError:
                    lane.close()
                    if kept and not progress.begun:
                        continue  # a kept connection that the server had closed meanwhile
                    raise ReadError(Reason.SOURCE_ERROR) from None
                except BaseException:
                    lane.close()
                    raise
                self._idle.append(lane)
                return rows

    async def _dial(self) -> _Lane:
        options = f"-c default_transaction_read_only=on -c statement_timeout={self._timeout_ms} -c datestyle=ISO"
        try:
            connection = await psycopg.AsyncConnection.connect(
                **self._conninfo,
                autocommit=True,
                client_encoding="utf8",
                options=options,
                application_name="commons-gateway",
            )
        except psycopg.Error:  # its text holds the address and the role
            raise ReadError(Reason.SOURCE_ERROR) from None
        try:
            row = await (await connection.execute(_CAN_WRITE)).fetchone()
            if row is None or row[0] is not False:
                raise ReadError(Reason.SOURCE_UNSAFE)
        except psycopg.Error:
            await connection.close()
            raise ReadError(Reason.SOURCE_ERROR) from None
        except BaseException:
            await connection.close()
            raise
        return _Lane(connection)

    async def probe(self) -> None:
        """See `SqlWay.probe`."""
        async with self._slots:
            lane = await self._dial()
            lane.close()

    async def close(self) -> None:
        """Closes the kept connections."""
        while self._idle:
            self._idle.pop().close()


class _Lane:
    """One connection in pipeline mode; carries one read at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection  # keeps the libpq connection alive
        self._pg = connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        self._prepared: set[str] = set()
        self._timeout_ms = 0
        self._results: list[pq.abc.PGresult] = []
        self._done: asyncio.Future[None] | None = None
        self._progress = Progress()
        self._failed = b""
        self.runs = 0
        self._loop.add_reader(self._socket, self._readable)

    async def run(self, bound: Sequence[Bound], timeout_ms: int, progress: Progress, most: int) -> list[list[Row]]:
        """Raises `ReadError` for an error of the server, `ConnectionError` when the connection is gone."""
        if self._pg.status != pq.ConnStatus.OK:
            raise ConnectionError
        self.runs += 1
        self._results, self._failed, self._progress = [], b"", progress
        self._done = self._loop.create_future()
        try:
            self._send(bound, timeout_ms)
        except psycopg.Error:
            raise ConnectionError from None
        await self._done
        if self._failed:
            raise ReadError(Reason.SOURCE_TIMEOUT if self._failed == _CANCELLED else Reason.SOURCE_ERROR)
        if len(self._results) != len(bound):
            raise ReadError(Reason.SOURCE_ERROR)
        return [
            _rows(result, one.statement.columns, progress, most)
            for result, one in zip(self._results, bound, strict=True)
        ]

    def _send(self, bound: Sequence[Bound], timeout_ms: int) -> None:
        pg = self._pg
        if timeout_ms != self._timeout_ms:
            pg.send_query_params(_SET_TIMEOUT, [str(timeout_ms).encode()])
            self._timeout_ms = timeout_ms
        for one in bound:
            statement = one.statement
            name = statement.name.encode()
            if statement.name not in self._prepared:
                pg.send_prepare(name, statement.text)
                self._prepared.add(statement.name)
            pg.send_query_prepared(
                name, [one.key.encode(), one.since.encode()] if statement.takes_since else [one.key.encode()]
            )
        pg.pipeline_sync()
        self._flush()

    def _flush(self) -> None:
        if self._pg.flush() == 1:  # the socket is full: go on when it can be written
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._socket)
        try:
            self._flush()
        except psycopg.Error:
            self._lost()

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    if self._pg.status != pq.ConnStatus.OK:
                        self._lost()
                        return
                    if self._done is None or self._done.done():
                        return
                    continue  # the end of one statement's results
                if self._took(result):
                    return
        except psycopg.Error:
            self._lost()

    def _took(self, result: pq.abc.PGresult) -> bool:
        """Keeps one result; true at the sync that ends the read."""
        status = result.status
        if status == pq.ExecStatus.PIPELINE_SYNC:
            if self._done is not None and not self._done.done():
                self._done.set_result(None)
            return True
        if status == pq.ExecStatus.TUPLES_OK:
            if result.fname(0) != b"set_config":
                self._progress.begun = True
                self._results.append(result)
        elif status == pq.ExecStatus.FATAL_ERROR:
            self._failed = result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000"
        return False

    def _lost(self) -> None:
        self._loop.remove_reader(self._socket)
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError())

    def close(self) -> None:
        """Closes the connection at once; the server ends its work by statement_timeout."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        with contextlib.suppress(psycopg.Error):
            self._pg.finish()


def _rows(result: pq.abc.PGresult, columns: tuple[str, ...], progress: Progress, most: int) -> list[Row]:
    readers = [_READERS.get(result.ftype(column), _text) for column in range(result.nfields)]
    get = result.get_value
    rows: list[Row] = []
    try:
        for number in range(result.ntuples):
            row: Row = {}
            for column, name in enumerate(columns):
                value = get(number, column)
                if value is not None:
                    progress.bytes += len(value)
                    row[name] = readers[column](value)
            if progress.bytes > most:
                raise ReadError(Reason.TOO_LARGE)
            rows.append(row)
    except (ValueError, ArithmeticError):  # e.g. `infinity` as a timestamp
        raise ReadError(Reason.GARBAGE) from None
    return rows
