# SPDX-License-Identifier: Apache-2.0
"""What a witness remembers: of each log the newest checkpoint it cosigned. One SQLite file.

Whoever loses this memory would sign a second history, so a witness never starts with an empty one by itself:
`create` makes it once, and a witness whose memory is lost is given a new name and key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple


class Seen(NamedTuple):
    """The newest checkpoint of a log that was cosigned: size, root, signed note. Nothing cosigned: size 0."""

    size: int
    root: bytes
    note: str


class MemoryLost(Exception):  # noqa: N818  # a condition, told to who runs the witness
    """The memory is not there. The text says what to do."""


def create(file: Path) -> None:
    """Make an empty memory. Raises FileExistsError."""
    file.touch(mode=0o600, exist_ok=False)
    with closing(_connect(file)) as connection:
        connection.execute(
            "CREATE TABLE seen (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, "
            "note TEXT NOT NULL) WITHOUT ROWID"
        )


class Memory:
    """The memory of one witness; any number of threads and processes may share its file."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise MemoryLost(
                f"{file} is not there. A new witness is made by `commons witness init`. If this one signed "
                "before, its memory is lost: make another witness, with another name and key."
            )
        self._file = file

    def seen(self, origin: str) -> Seen:
        """What was cosigned of a log."""
        with closing(_connect(self._file)) as connection:
            return _seen(connection, origin)

    @contextmanager
    def turn(self, origin: str) -> Iterator[tuple[Seen, Keeper]]:
        """What was cosigned of a log, under the lock that lets nobody else cosign meanwhile; what the keeper is
        given is durable when the block ends."""
        with closing(_connect(self._file)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _seen(connection, origin), Keeper(connection, origin)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


class Keeper:
    """Writes down what is about to be cosigned."""

    def __init__(self, connection: sqlite3.Connection, origin: str) -> None:
        self._connection = connection
        self._origin = origin

    def keep(self, seen: Seen) -> None:
        """Remember this checkpoint as the newest one."""
        self._connection.execute(
            "INSERT INTO seen (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT (origin) "
            "DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (self._origin, *seen),
        )


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=5, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def _seen(connection: sqlite3.Connection, origin: str) -> Seen:
    row = connection.execute("SELECT size, root, note FROM seen WHERE origin = ?", (origin,)).fetchone()
    return Seen(*row) if row else Seen(0, b"", "")
