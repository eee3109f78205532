# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL on the event loop for the log's few statements: libpq's pipeline mode, prepared, all values binary.

psycopg opens the connection; after that its libpq wrapper (`psycopg.pq`) is driven directly, since cursors cost
more per batch than everything else does together. One batch of statements is one round trip. A connection on
which anything but a refused statement happened is closed and not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq

from gateway.audit.store import DuplicateError, StoreError

Values = Sequence[bytes | None]
Call = tuple[str, Values]
"""A statement and its values, binary as PostgreSQL sends them; its text is also the key it is prepared under."""

_UNIQUE_VIOLATION = b"23505"
_BIGINT, _TEXT, _BYTEA, _INT = 20, 25, 17, 23  # OIDs of pg_type


class Refused(StoreError):  # noqa: N818  named as the condition
    """The server refused a statement; the connection is whole, its transaction has failed."""


class Lane:
    """One connection; carries one batch of statements at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection  # keeps the libpq connection alive
        self._pg = connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        self._names: dict[str, bytes] = {}
        self._unprepared: list[str] = []  # statements of this batch that the server has not yet prepared
        self._count = 0
        self._results: list[pq.abc.PGresult] = []
        self._state = b""
        self._done: asyncio.Future[None] | None = None
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def dial(cls, dsn: str, settings: str) -> Lane:
        """A new connection, after the statements in `settings`. Raises StoreError."""
        try:
            connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True, connect_timeout=2)
            try:
                await connection.execute(settings)
            except BaseException:
                await connection.close()
                raise
        except psycopg.Error as error:
            raise StoreError from error
        return cls(connection)

    @property
    def open(self) -> bool:
        """Whether it can still be used."""
        return self._connection.pgconn.status == pq.ConnStatus.OK

    async def run(self, calls: Sequence[Call], timeout_s: float) -> list[list[tuple[bytes, ...]]]:
        """Rows of each statement. Raises DuplicateError or Refused when a statement was refused, those after it
        having done nothing; StoreError when the connection is gone, which is then closed."""
        self._results, self._state = [], b""
        self._done = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout_s):
                self._send(calls)
                await self._done
        except (psycopg.Error, ConnectionError, TimeoutError) as error:
            self.close()
            raise StoreError from error
        except BaseException:  # cancelled: what is on its way would be taken for the next batch's answer
            self.close()
            raise
        if self._state == _UNIQUE_VIOLATION:
            raise DuplicateError
        if self._state:
            raise Refused(self._state.decode())
        return [_rows(result) for result in self._results]

    def _send(self, calls: Sequence[Call]) -> None:
        pg = self._pg
        for sql, values in calls:
            name = self._names.get(sql)
            if name is None:
                self._count += 1
                name = self._names[sql] = b"log%d" % self._count
                self._unprepared.append(sql)
                pg.send_prepare(name, sql.encode())
            pg.send_query_prepared(name, values, [1] * len(values), result_format=1)
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
                if result is None:  # the end of one statement's results, or of all
                    if self._pg.status != pq.ConnStatus.OK:
                        self._lost()
                        return
                    if self._done is None or self._done.done():
                        return
                elif self._took(result):
                    return
        except psycopg.Error:
            self._lost()

    def _took(self, result: pq.abc.PGresult) -> bool:
        """Keep one result; true at the sync that ends the batch."""
        status = result.status
        if status == pq.ExecStatus.PIPELINE_SYNC:
            for sql in self._unprepared:  # the pipeline broke off before them
                del self._names[sql]
            self._unprepared = []
            if self._done is not None and not self._done.done():
                self._done.set_result(None)
            return True
        if status == pq.ExecStatus.FATAL_ERROR:
            self._state = result.error_field(pq.DiagnosticField.SQLSTATE) or b"XX000"
        elif status == pq.ExecStatus.COMMAND_OK and not result.command_status:
            self._unprepared.pop(0)  # a statement is prepared
        elif status in {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}:
            self._results.append(result)
        return False

    def _lost(self) -> None:
        self._loop.remove_reader(self._socket)
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError())

    def close(self) -> None:
        """Close at once; the server gives up what was not committed."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        with contextlib.suppress(psycopg.Error):
            self._pg.finish()


def _rows(result: pq.abc.PGresult) -> list[tuple[bytes, ...]]:
    columns = range(result.nfields)
    return [tuple(result.get_value(n, m) or b"" for m in columns) for n in range(result.ntuples)]


def number(value: bytes) -> int:
    """An integer, from its binary form."""
    return int.from_bytes(value, "big", signed=True)


def bigint(value: int) -> bytes:
    """An integer of eight bytes, in its binary form."""
    return value.to_bytes(8, "big", signed=True)


def integer(value: int) -> bytes:
    """An integer of four bytes, in its binary form."""
    return value.to_bytes(4, "big", signed=True)


def bigints(values: Sequence[int]) -> bytes:
    """A bigint[]."""
    return _array(_BIGINT, [bigint(value) for value in values])


def ints(values: Sequence[int]) -> bytes:
    """An int[]."""
    return _array(_INT, [value.to_bytes(4, "big", signed=True) for value in values])


def texts(values: Sequence[str | None]) -> bytes:
    """A text[]."""
    return _array(_TEXT, [None if value is None else value.encode() for value in values])


def byteas(values: Values) -> bytes:
    """A bytea[]."""
    return _array(_BYTEA, values)


def _array(oid: int, values: Values) -> bytes:
    """One dimension, lower bound 1: `array_send` of PostgreSQL's arrayfuncs.c."""
    if not values:
        return struct.pack(">iii", 0, 0, oid)
    parts = [struct.pack(">iiiii", 1, None in values, oid, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(b"\xff\xff\xff\xff")
        else:
            parts += (len(value).to_bytes(4, "big"), value)
    return b"".join(parts)
