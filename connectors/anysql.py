# SPDX-License-Identifier: Apache-2.0
"""Every other database: an SQLAlchemy engine in threads of its own.

SQLite files are opened read-only by us. Of other dialects we cannot prove that the role only reads; the registry
says so as a finding.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import ReadError, Reason
from connectors.sql import Bound, Progress, Row

_TICKS: Final = 1000  # SQLite instructions between two looks at the clock


class ThreadWay:
    """One source's database behind SQLAlchemy. `max_bytes` bounds the text of one read."""

    def __init__(self, url: sa.URL, *, connections: int, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._local = threading.local()
        self.proves_read_only = self._sqlite = url.get_backend_name() == "sqlite"
        if self._sqlite:
            path = Path(url.database or "").resolve()
            self._engine = sa.create_engine(
                "sqlite://",
                creator=lambda: sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False),
                poolclass=sa.QueuePool,
                pool_size=connections,
                max_overflow=0,
            )
        else:
            self._engine = sa.create_engine(url, pool_size=connections, max_overflow=0, hide_parameters=True)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="connector-sql")

    def __repr__(self) -> str:
        return "ThreadWay(…)"

    async def run(self, bound: Sequence[Bound], deadline: float, progress: Progress) -> list[list[Row]]:
        """See `SqlWay.run`."""
        loop = asyncio.get_running_loop()
        left = deadline - loop.time()
        return await loop.run_in_executor(self._threads, self._read, bound, time.monotonic() + left, progress)

    def _read(self, bound: Sequence[Bound], until: float, progress: Progress) -> list[list[Row]]:
        if time.monotonic() >= until:  # waited for a thread until nobody waits for us
            raise ReadError(Reason.SOURCE_TIMEOUT)
        try:
            with self._engine.connect() as connection:
                if self._sqlite:
                    raw: Any = connection.connection.dbapi_connection
                    raw.set_progress_handler(lambda: time.monotonic() >= until, _TICKS)
                out = [self._rows(connection, one, progress) for one in bound]
                connection.rollback()
                return out
        except SQLAlchemyError:  # its text holds the statement
            reason = Reason.SOURCE_TIMEOUT if time.monotonic() >= until else Reason.SOURCE_ERROR
            raise ReadError(reason) from None

    def _rows(self, connection: sa.Connection, one: Bound, progress: Progress) -> list[Row]:
        statement = one.statement
        values: dict[str, Any] = {"key": int(one.key) if statement.integer_key else one.key}
        if statement.takes_since:
            values["since"] = one.since
        rows: list[Row] = []
        for row in connection.execute(statement.select, values):
            progress.begun = True
            progress.bytes += sum(len(value) for value in row if isinstance(value, (str, bytes)))
            if progress.bytes > self._max_bytes:
                raise ReadError(Reason.TOO_LARGE)
            rows.append(
                {name: value for name, value in zip(statement.columns, row, strict=True) if value is not None}
            )
        return rows

    async def probe(self) -> None:
        """See `SqlWay.probe`."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._select_one)

    def _select_one(self) -> None:
        try:
            with self._engine.connect() as connection:
                connection.execute(sa.select(1))
        except SQLAlchemyError:
            raise ReadError(Reason.SOURCE_ERROR) from None

    async def close(self) -> None:
        """Closes the connections; a thread that hangs in the driver is left to its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
