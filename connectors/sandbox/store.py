# SPDX-License-Identifier: Apache-2.0
"""The file of an HTTP twin: documents rendered beforehand, found by the identifier they are about.

document(kind, about, place, body)    `place` orders several, or is the version of a single one
fault(identifier, mode, delay_ms)     how it always behaves about one citizen
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from connectors.sandbox import stories
from connectors.sandbox.council.cluster import write_secret
from connectors.sandbox.faults import Fault, Faults, Mode
from connectors.sandbox.person import Citizen

Document = tuple[str, str, int, bytes]


class Writer:
    """A store being filled."""

    def __init__(
        self,
        folder: Path,
        documents: Callable[[Citizen], list[Document]],
        faults: Mapping[str, stories.Fault],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_secret(folder / "api-key", secrets.token_urlsafe(24))
        path = folder / "store.db"
        path.unlink(missing_ok=True)
        self._documents = documents
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(
            # Made anew at any time, so nothing waits for the disk.
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192;"
            "CREATE TABLE document"
            " (kind TEXT NOT NULL, about TEXT NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL);"
            "CREATE TABLE fault (identifier TEXT PRIMARY KEY, mode TEXT NOT NULL, delay_ms INTEGER NOT NULL);"
            "BEGIN"
        )
        self._database.executemany(
            "INSERT INTO fault VALUES (?, ?, ?)",
            [(about, fault.mode, fault.delay_ms) for about, fault in faults.items()],
        )

    def add(self, citizens: Sequence[Citizen], digest: hashlib._Hash) -> None:
        """Writes the documents of those citizens and adds them to the digest."""
        found = [document for citizen in citizens for document in self._documents(citizen)]
        for document in found:
            digest.update(document[3])
        self._database.executemany("INSERT INTO document VALUES (?, ?, ?, ?)", found)

    def close(self) -> None:
        """Finishes the store."""
        self._database.execute("COMMIT")
        self._database.execute("CREATE UNIQUE INDEX document_key ON document (about, kind, place)")
        self._database.close()

    def abandon(self) -> None:
        """Leaves the store unfinished."""
        self._database.close()


class Reader:
    """A store being read. Used from one thread."""

    def __init__(self, folder: Path) -> None:
        self.key = (folder / "api-key").read_text()
        self._database = sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro&immutable=1", uri=True)
        self._database.execute("PRAGMA mmap_size=1073741824")

    def one(self, kind: str, about: str) -> tuple[int, bytes] | None:
        """The place and body of the first document of that kind about that identifier."""
        found: tuple[int, bytes] | None = self._database.execute(
            "SELECT place, body FROM document WHERE about = ? AND kind = ? ORDER BY place LIMIT 1", (about, kind)
        ).fetchone()
        return found

    def all(self, kind: str, about: str) -> list[bytes]:
        """The bodies of all documents of that kind about that identifier, in order."""
        return [
            row[0]
            for row in self._database.execute(
                "SELECT body FROM document WHERE about = ? AND kind = ? ORDER BY place", (about, kind)
            )
        ]

    def somebody_else(self, kind: str, about: str) -> str:
        """An identifier that is not that one and has documents of that kind, for a twin that lies."""
        found = self._database.execute(
            "SELECT about FROM document WHERE about > '' AND about <> ? AND kind = ? ORDER BY about LIMIT 1",
            (about, kind),
        ).fetchone()
        return str(found[0]) if found else about

    def faults(self) -> Faults:
        """The faults that are built in."""
        rows = self._database.execute("SELECT identifier, mode, delay_ms FROM fault")
        return Faults({about: Fault(Mode(mode), about, delay) for about, mode, delay in rows})

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
