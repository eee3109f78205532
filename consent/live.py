# SPDX-License-Identifier: Apache-2.0
"""Reading standings as fast as a query needs, without ever answering from what has moved.

SQLite: the person's head is read at every question; only the folding is spared while it has not moved.
PostgreSQL: what was read is kept while a listener is known to hear of every change, and dropped when it hears of
one; while it hears nothing, every question goes to the database. In the moment between a commit and its notice a
reader may still get the standing from before; whoever releases data compares `seq` with the head once more, under
lock. Whatever cannot be read raises LedgerUnavailable: it is never taken for an empty standing.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL, make_url

from consent import encoding
from consent.errors import LedgerUnavailable
from consent.ledger import CHANNEL
from consent.model import Standing

MOST_PEOPLE = 100_000
"""People whose standings are kept in memory, about a kilobyte each; the one kept longest goes first."""

HEARTBEAT_S = 0.5
"""Seconds between two questions to the listening connection whether it is still there."""

TRUST_S = 2.0
"""Seconds after its last sign of life during which silence of the listener is taken to mean that nothing moved."""

PATIENCE_S = 2.0
"""Seconds that PostgreSQL may take to answer before the ledger counts as unavailable."""

READERS = 4
"""Connections to PostgreSQL for reading; more questions than that wait for one."""

_Question = tuple[str, str]
"""organisation, purpose"""

_STANDING = """
    SELECT head.seq, standing.statements, wide.standing
    FROM consent_head AS head
    LEFT JOIN consent_standing AS standing ON standing.person = head.person
        AND standing.organisation = {0} AND standing.purpose = {0}
    LEFT JOIN consent_wide AS wide ON wide.person = head.person
    WHERE head.person = {0}
"""


class LiveLedger(Protocol):
    """What the query path knows of the ledger."""

    async def standing(self, person: str, organisation: str, purpose: str, at_least: int = 0) -> Standing:
        """What the ledger says now; from memory only if that is not older than the sequence number `at_least`,
        for whoever has learnt elsewhere that the ledger moved. Raises LedgerUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class _Kept:
    """Standings by person; bounded."""

    def __init__(self) -> None:
        self._people: dict[str, dict[_Question, Standing]] = {}

    def get(self, person: str, question: _Question) -> Standing | None:
        standings = self._people.get(person)
        return None if standings is None else standings.get(question)

    def keep(self, person: str, question: _Question, standing: Standing) -> None:
        standings = self._people.get(person)
        if standings is None:
            if len(self._people) >= MOST_PEOPLE:
                del self._people[next(iter(self._people))]
            standings = self._people[person] = {}
        standings[question] = standing

    def forget(self, person: str) -> None:
        self._people.pop(person, None)

    def clear(self) -> None:
        self._people.clear()


class SqliteLedger:
    """Reads `commons.db` in the event loop: some microseconds, where handing it to a thread takes a hundred."""

    def __init__(self, path: Path) -> None:
        self._kept = _Kept()
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0.1
            )
            self._connection.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise LedgerUnavailable from error

    async def standing(self, person: str, organisation: str, purpose: str, at_least: int = 0) -> Standing:
        """See LiveLedger."""
        question = (organisation, purpose)
        kept = self._kept.get(person, question)
        try:
            if kept is not None and kept.seq >= at_least:
                head = self._connection.execute("SELECT seq FROM consent_head WHERE person = ?", (person,))
                if (head.fetchone() or (0,))[0] == kept.seq:
                    return kept
            row = self._connection.execute(_STANDING.format("?"), (*question, person)).fetchone()
        except sqlite3.Error as error:
            raise LedgerUnavailable from error
        standing = encoding.standing(organisation, purpose, row)
        self._kept.keep(person, question, standing)
        return standing

    async def close(self) -> None:
        """See LiveLedger."""
        self._connection.close()


class PostgresLedger:
    """Reads PostgreSQL, and listens to it. Make it inside the running event loop."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._kept = _Kept()
        self._heard_at = float("-inf")
        self._reading: dict[str, set[object]] = {}
        self._idle: list[psycopg.AsyncConnection[TupleRow]] = []
        self._readers = asyncio.Semaphore(READERS)
        self._fetches: set[asyncio.Task[Any]] = set()
        self._listener = asyncio.create_task(self._listen())

    @property
    def listening(self) -> bool:
        """Whether a change that was committed would have been heard of by now."""
        return time.monotonic() - self._heard_at < TRUST_S

    async def standing(self, person: str, organisation: str, purpose: str, at_least: int = 0) -> Standing:
        """See LiveLedger."""
        question = (organisation, purpose)
        if not self.listening:
            return await self._ask(person, question)
        if (kept := self._kept.get(person, question)) is not None and kept.seq >= at_least:
            return kept
        ticket = object()
        self._reading.setdefault(person, set()).add(ticket)
        try:
            standing = await self._ask(person, question)
            if ticket in self._reading.get(person, ()):  # else it moved while we were reading
                self._kept.keep(person, question, standing)
        finally:
            self._put_back(person, ticket)
        return standing

    async def close(self) -> None:
        """See LiveLedger."""
        tasks = (self._listener, *self._fetches)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._idle:
            await self._idle.pop().close()

    def _put_back(self, person: str, ticket: object) -> None:
        tickets = self._reading.get(person, set())
        tickets.discard(ticket)
        if not tickets:
            self._reading.pop(person, None)

    def _moved(self, person: str) -> None:
        self._kept.forget(person)
        self._reading.pop(person, None)

    def _deaf(self) -> None:
        self._heard_at = float("-inf")
        self._kept.clear()
        self._reading.clear()

    async def _ask(self, person: str, question: _Question) -> Standing:
        fetch = asyncio.create_task(self._fetch((*question, person)))
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetched)
        # Not asyncio.timeout: psycopg takes seconds to give up on a silent server, and nobody should wait so long.
        await asyncio.wait({fetch}, timeout=PATIENCE_S)
        if not fetch.done():
            fetch.cancel()
            raise LedgerUnavailable
        try:
            row = fetch.result()
        except (psycopg.Error, OSError) as error:
            raise LedgerUnavailable from error
        return encoding.standing(*question, row)

    def _fetched(self, fetch: asyncio.Task[Any]) -> None:
        self._fetches.discard(fetch)
        if not fetch.cancelled():
            fetch.exception()  # whoever asked may have gone; then nobody else looks at it

    async def _fetch(self, parameters: tuple[str, str, str]) -> Any:
        async with self._readers:
            while self._idle:
                # One that died while idle says nothing about the database: try the next, at last a new one.
                with contextlib.suppress(psycopg.OperationalError):
                    return await self._query(self._idle.pop(), parameters)
            return await self._query(await self._connect(), parameters)

    async def _query(self, connection: psycopg.AsyncConnection[TupleRow], parameters: tuple[str, str, str]) -> Any:
        try:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STANDING.format("%s"), parameters, prepare=True)
            row = await cursor.fetchone()
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        return row

    async def _connect(self) -> psycopg.AsyncConnection[TupleRow]:
        return await psycopg.AsyncConnection.connect(
            self._dsn, autocommit=True, connect_timeout=2, tcp_user_timeout=2000
        )

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                async with await self._connect() as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await self._hear(connection)
            self._deaf()
            await asyncio.sleep(HEARTBEAT_S / 2)

    async def _hear(self, connection: psycopg.AsyncConnection[TupleRow]) -> None:
        while True:
            asked_at = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                await connection.execute("SELECT 1")
            # Notices that came with the answer are handed out first, before anything else in this loop can run.
            async for notice in connection.notifies(timeout=0):
                self._moved(notice.payload)
            self._heard_at = asked_at
            async for notice in connection.notifies(timeout=HEARTBEAT_S):
                self._moved(notice.payload)


def live_ledger(url: str) -> LiveLedger:
    """The reader for a SQLAlchemy URL; call it inside the running event loop. Raises LedgerUnavailable."""
    parsed: URL = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteLedger(Path(parsed.database or ""))
    return PostgresLedger(parsed.set(drivername="postgresql").render_as_string(hide_password=False))
