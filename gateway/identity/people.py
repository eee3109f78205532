# SPDX-License-Identifier: Apache-2.0
"""Stage 2, resolve: one identifier of a citizen → one opaque person, or a stranger.

A stranger is not an error. Nobody of that identifier, an address instead of a person, and a birth date or name
that does not fit give the same Person after the same work, so that the gateway cannot be asked who exists.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Protocol

from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, and_, bindparam, literal_column, null, select, union_all
from sqlalchemy.dialects import sqlite

from gateway.db import Changes, read, sqlite_path
from gateway.errors import DatabaseUnavailable, InternalFault
from gateway.identity.linking import VERIFIABLE
from gateway.identity.sealing import VERSION, PersonKeys
from gateway.identity.tables import person_identifier, person_verifier
from gateway.model import Identifier, Person

log = logging.getLogger("commons.identity")

_HELD = 20_000  # resolved subjects one process remembers; some 1 KB each

_found = person_identifier.alias("found")
# Written out, since SQLAlchemy would write `identifying = 1` for SQLite, which its partial index does not know.
_by_index = and_(_found.c.blind_index == bindparam("digest"), literal_column("found.identifying"))
_STATEMENT = union_all(
    select(
        person_identifier.c.person,
        person_identifier.c.system.label("name"),
        person_identifier.c.blind_index.label("digest"),
        person_identifier.c.sealed,
        person_identifier.c.version,
    )
    .join(_found, _found.c.person == person_identifier.c.person)
    .where(_by_index, person_identifier.c.current),
    select(
        person_verifier.c.person,
        person_verifier.c.name,
        person_verifier.c.digest,
        null(),
        literal_column("0"),
    )
    .join(_found, _found.c.person == person_verifier.c.person)
    .where(_by_index),
)
"""All rows about whoever an identifier leads to, in one read: identifiers (sealed) and verifiers (no seal)."""

_Row = tuple[str, str, bytes, bytes | None, int]
_Key = tuple[str, str, str, str | None, str | None]


class _Store(Protocol):
    blocking: bool

    def rows(self, digest: bytes) -> Iterable[_Row]: ...

    def close(self) -> None: ...


class _Sqlite:
    """The driver itself: a read takes some ten microseconds, less than a hop to another thread."""

    blocking = False

    def __init__(self, engine: Engine) -> None:
        uri = f"file:{sqlite_path(engine.url)}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        self._sql = str(_STATEMENT.compile(dialect=sqlite.dialect()))

    def rows(self, digest: bytes) -> Iterable[_Row]:
        try:
            return self._connection.execute(self._sql, (digest, digest)).fetchall()
        except sqlite3.Error as error:
            raise DatabaseUnavailable from error

    def close(self) -> None:
        self._connection.close()


class _Shared:
    """SQLAlchemy Core, in a thread."""

    blocking = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, digest: bytes) -> Iterable[_Row]:
        with read(self._engine) as connection:
            return [
                (person, name, bytes(index), sealed and bytes(sealed), version)
                for person, name, index, sealed, version in connection.execute(_STATEMENT, {"digest": digest})
            ]

    def close(self) -> None:
        """The engine is the caller's."""


class People:
    """Resolves identifiers. Remembers what it resolved only while `changes` can tell that nothing moved."""

    def __init__(self, engine: Engine, keys: PersonKeys, changes: Changes) -> None:
        self._keys = keys
        self._changes = changes
        self._store: _Store = _Sqlite(engine) if engine.dialect.name == "sqlite" else _Shared(engine)
        self._held: dict[_Key, Person] = {}
        self._held_at: int | None = None
        self._decoys = [_decoy(keys, n) for n in range(4)]

    async def resolve(self, subject: Identifier, verify: Mapping[str, str], organisation: str) -> Person:
        """The person, as `organisation` may know them. `subject` is in normal form; `verify` may hold
        `birth_date` and `family_name`, and all that it holds must fit. Raises DatabaseUnavailable."""
        generation = self._changes.generation()
        key = (subject.system, subject.value, organisation, verify.get("birth_date"), verify.get("family_name"))
        if generation is None or generation != self._held_at:
            self._held.clear()
            self._held_at = generation
        elif (held := self._held.get(key)) is not None:
            return held
        if self._store.blocking:
            person = await asyncio.to_thread(self._resolve, subject, verify, organisation)
        else:
            person = self._resolve(subject, verify, organisation)
        if generation is not None and generation == self._held_at:
            while len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            self._held[key] = person
        return person

    def close(self) -> None:
        """Close what this object opened."""
        self._store.close()

    def _resolve(self, subject: Identifier, verify: Mapping[str, str], organisation: str) -> Person:
        digest = self._keys.blind_index(subject)
        identifiers: list[_Row] = []
        verifiers: set[tuple[str, bytes]] = set()
        stranger = self._keys.stranger(digest)
        found = stranger
        for row in self._store.rows(digest):
            found = row[0]
            if row[3] is None:
                verifiers.add((row[1], row[2]))
            else:
                identifiers.append(row)
        opened = self._open(identifiers)
        known = bool(identifiers)
        fits = self._fits(found, verify, verifiers)
        if known and fits:
            handle = self._keys.handle(organisation, found)
            return Person(id=found, handle=handle, known=True, verified=bool(verify), identifiers=opened)
        handle = self._keys.handle(organisation, stranger)
        return Person(id=stranger, handle=handle, known=False, verified=False, identifiers={})

    def _open(self, rows: list[_Row]) -> dict[str, str]:
        """Values by system. For nobody as many decoys are opened as most people have identifiers."""
        try:
            return {
                system: self._keys.open(person, system, digest, sealed or b"", version)
                for person, system, digest, sealed, version in rows or self._decoys
            }
        except InvalidTag:
            log.error("a sealed identifier does not open: its row was changed or moved, or the seal key is wrong")
            raise InternalFault from None

    def _fits(self, person: str, verify: Mapping[str, str], verifiers: set[tuple[str, bytes]]) -> bool:
        # Every member is worked through, whatever the first one gave; a member we cannot check does not fit.
        fits = True
        for name, value in verify.items():
            digest = self._keys.verifier(person, name, value)
            matches = [hmac.compare_digest(digest, known) for kind, known in verifiers if kind == name]
            fits &= name in VERIFIABLE and any(matches)
        return fits


def _decoy(keys: PersonKeys, n: int) -> _Row:
    person, system, digest = secrets.token_hex(16), f"urn:uk:decoy:{n}:none:none", secrets.token_bytes(32)
    return person, system, digest, keys.seal(person, system, digest, "0000000000"), VERSION
