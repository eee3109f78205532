# SPDX-License-Identifier: Apache-2.0
"""Linking: which identifiers belong to which person. The caller owns the write transaction.

Linking never merges two people: an identifier that already leads to somebody else is a conflict to be looked
at by a person, since a wrong merge shows one citizen's record under another's name.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct
from sqlalchemy import Boolean, ColumnElement, Connection, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from gateway.identity.circumstances import place
from gateway.identity.identifiers import identifying
from gateway.identity.sealing import VERSION, PersonKeys
from gateway.identity.tables import person, person_identifier, person_status, person_verifier
from gateway.model import Identifier

Verifiers = Mapping[str, str | Sequence[str]]
"""`birth_date` (ISO 8601) and `family_name`, each one value or all that are known (a former name)."""

VERIFIABLE = ("birth_date", "family_name")

_CHUNK = 2000  # people a statement; four identifiers each stay under SQLite's 32,766 parameters


class LinkConflict(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """An identifier already belongs to another person, or the person is not there. Holds no value."""


class Linking(Struct, frozen=True):
    """One person to be linked in bulk: identifiers in normal form, and what may be verified."""

    identifiers: tuple[Identifier, ...]
    verify: dict[str, str | list[str]] = {}


def link(
    connection: Connection,
    keys: PersonKeys,
    person_id: str | None,
    identifiers: Sequence[Identifier],
    *,
    verify: Verifiers | None = None,
    now: int,
) -> str:
    """Link identifiers (in normal form) to a person and give the person's id.

    Without `person_id`, whoever one of the identifiers already leads to is meant; if they lead to nobody, a new
    person begins. A further value of a system takes the place of the earlier one for connectors; the earlier
    still finds the person. Raises LinkConflict.
    """
    digests = {keys.blind_index(identifier): identifier for identifier in identifiers}
    owners = _owners(connection, [d for d, i in digests.items() if identifying(i.system)])
    found = set(owners.values())
    if person_id is None:
        if len(found) > 1:
            raise LinkConflict("the identifiers lead to different people")
        person_id = found.pop() if found else _begin(connection, now)
    elif found - {person_id} or not _exists(connection, person_id):
        raise LinkConflict("an identifier leads to another person, or this person is not there")
    for digest, identifier in digests.items():
        _attach(connection, keys, person_id, digest, identifier, now)
    _remember(connection, keys, person_id, verify or {}, now)
    return person_id


def bulk_link(connection: Connection, keys: PersonKeys, people: Iterable[Linking], *, now: int) -> list[str]:
    """Link many new people, and give their ids in order. Somebody who is already linked is left as they are,
    so that the same list may be given twice. Raises LinkConflict, also when the list shares an identifier."""
    ids: list[str] = []
    begun: set[str] = set()
    with _roomy(connection):
        first = connection.execute(select(person.c.id).limit(1)).first() is None
        for chunk in _chunks(people):
            batch = _Batch()
            digests = [[keys.blind_index(i) for i in one.identifiers] for one in chunk]
            wanted = [d for ds, one in zip(digests, chunk, strict=True) for d in _identifying(ds, one)]
            owners = {} if first else _owners(connection, wanted)
            for ds, one in zip(digests, chunk, strict=True):
                found = {owners[d] for d in _identifying(ds, one) if d in owners}
                if len(found) > 1 or found & begun:
                    raise LinkConflict("identifiers of one person lead to different people")
                person_id = found.pop() if found else batch.add(keys, ds, one, now)
                ids.append(person_id)
            begun.update(batch.insert(connection))
    return ids


class _Batch:
    """Rows of one chunk."""

    def __init__(self) -> None:
        self.people: list[dict[str, Any]] = []
        self.identifiers: list[dict[str, Any]] = []
        self.verifiers: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []

    def add(self, keys: PersonKeys, digests: Sequence[bytes], one: Linking, now: int) -> str:
        person_id = secrets.token_hex(16)
        self.people.append({"id": person_id, "created_at": now})
        systems: set[str] = set()
        for digest, identifier in zip(digests, one.identifiers, strict=True):
            first = identifier.system not in systems
            systems.add(identifier.system)
            self.identifiers.append(_identifier_row(keys, person_id, digest, identifier, now, current=first))
        self.verifiers.extend(_verifier_rows(keys, person_id, one.verify))
        if month := _month_of_birth(one.verify):
            self.statuses.append(_status_row(keys, person_id, month, now))
        return person_id

    def insert(self, connection: Connection) -> set[str]:
        try:
            for table, rows in (
                (person, self.people),
                (person_identifier, self.identifiers),
                (person_verifier, self.verifiers),
                (person_status, self.statuses),
            ):
                if rows:
                    connection.execute(insert(table), rows)
        except IntegrityError:
            raise LinkConflict("two people of the list share an identifier") from None
        return {row["id"] for row in self.people}


def _begin(connection: Connection, now: int) -> str:
    person_id = secrets.token_hex(16)
    connection.execute(insert(person).values(id=person_id, created_at=now))
    return person_id


def _exists(connection: Connection, person_id: str) -> bool:
    return connection.execute(select(person.c.id).where(person.c.id == person_id)).first() is not None


def _owners(connection: Connection, digests: Sequence[bytes]) -> dict[bytes, str]:
    table = person_identifier.c
    # Written out, since SQLAlchemy would write `identifying = 1` for SQLite, which its partial index does not know.
    leads: ColumnElement[bool] = literal_column("person_identifier.identifying", Boolean)
    rows = connection.execute(select(table.blind_index, table.person).where(table.blind_index.in_(digests), leads))
    return {bytes(digest): owner for digest, owner in rows}


def _attach(
    connection: Connection, keys: PersonKeys, person_id: str, digest: bytes, identifier: Identifier, now: int
) -> None:
    table = person_identifier.c
    of_system = (table.person == person_id, table.system == identifier.system)
    known = connection.execute(
        select(table.current).where(*of_system, table.blind_index == digest)
    ).scalar_one_or_none()
    if known:
        return
    connection.execute(update(person_identifier).where(*of_system).values(current=False))
    if known is None:
        row = _identifier_row(keys, person_id, digest, identifier, now, current=True)
        try:
            connection.execute(insert(person_identifier).values(row))
        except IntegrityError:
            raise LinkConflict("an identifier was linked to another person meanwhile") from None
    else:
        this = (*of_system, table.blind_index == digest)
        connection.execute(update(person_identifier).where(*this).values(current=True))


def _remember(connection: Connection, keys: PersonKeys, person_id: str, verify: Verifiers, now: int) -> None:
    table = person_verifier.c
    rows = connection.execute(select(table.name, table.digest).where(table.person == person_id))
    known = {(name, bytes(digest)) for name, digest in rows}
    for row in _verifier_rows(keys, person_id, verify):
        if (row["name"], row["digest"]) not in known:
            connection.execute(insert(person_verifier).values(row))
    if month := _month_of_birth(verify):
        row = _status_row(keys, person_id, month, now)
        mine = person_status.c.person == person_id
        said = update(person_status).where(mine).values(born=row["born"], changed_at=now)
        if not connection.execute(said).rowcount:
            connection.execute(insert(person_status).values(row))


def _month_of_birth(verify: Verifiers) -> str:
    """`YYYY-MM` of the birth date, of several the latest: whoever decides for a child does so until all agree."""
    values = verify.get("birth_date", ())
    return max([values] if isinstance(values, str) else values, default="")[:7]


def _status_row(keys: PersonKeys, person_id: str, month: str, now: int) -> dict[str, Any]:
    born = keys.seal_cell(place(person_id), month)
    return {"person": person_id, "born": born, "deceased": False, "changed_at": now}


def _identifier_row(
    keys: PersonKeys, person_id: str, digest: bytes, identifier: Identifier, now: int, *, current: bool
) -> dict[str, Any]:
    return {
        "person": person_id,
        "system": identifier.system,
        "blind_index": digest,
        "sealed": keys.seal(person_id, identifier.system, digest, identifier.value),
        "version": VERSION,
        "current": current,
        "identifying": identifying(identifier.system),
        "created_at": now,
    }


def _verifier_rows(keys: PersonKeys, person_id: str, verify: Verifiers) -> Iterator[dict[str, Any]]:
    for name in VERIFIABLE:
        values = verify.get(name, ())
        digests = {
            keys.verifier(person_id, name, value)
            for value in ([values] if isinstance(values, str) else values)
            if value
        }
        for digest in digests:
            yield {"person": person_id, "name": name, "digest": digest}


def _identifying(digests: Sequence[bytes], one: Linking) -> list[bytes]:
    return [d for d, i in zip(digests, one.identifiers, strict=True) if identifying(i.system)]


def _chunks(people: Iterable[Linking]) -> Iterator[list[Linking]]:
    remaining = iter(people)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


@contextlib.contextmanager
def _roomy(connection: Connection) -> Iterator[None]:
    """SQLite's default page cache of 2 MB would spill an index of random digests at every insert."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA main.cache_size").scalar_one()
    connection.exec_driver_sql("PRAGMA main.cache_size=-200000")  # KiB
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA main.cache_size={int(before)}")
