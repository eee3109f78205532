# SPDX-License-Identifier: Apache-2.0
"""Restrictions on a person's record: court order, sealed record, and a named viewer who must not see it.

A restriction is entered by an officer, counts from the next query on every node, and is lifted, never deleted. The
caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from gateway.identity.registry import RegistryFault
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import organisation, person_restriction

KINDS = ("court-order", "sealed-record", "safeguarding-restriction")
"""`safeguarding-restriction` binds one viewer: the organisation where somebody works whom the person must be
protected from. The others bind one viewer, or all."""


class Restriction(Struct, frozen=True):
    """One restriction as entered. `organisation` empty: every viewer; `categories` empty: all. Times in epoch
    seconds; `until` 0: until it is lifted."""

    id: str
    person: str
    kind: str
    organisation: str
    categories: tuple[str, ...]
    since: int
    until: int
    reference: str
    entered_by: str
    entered_at: int
    lifted_at: int = 0


def restrict(
    connection: Connection,
    keys: PersonKeys,
    person: str,
    kind: str,
    *,
    viewer: str = "",
    categories: Sequence[str] = (),
    since: int = 0,
    until: int = 0,
    reference: str,
    officer: str,
    now: int,
) -> str:
    """Enter a restriction that binds from `since` (0: now) on, and give its id. Raises RegistryFault."""
    if kind not in KINDS:
        raise RegistryFault(f"a restriction is one of {', '.join(KINDS)}")
    if kind == "safeguarding-restriction" and not viewer:
        raise RegistryFault("a safeguarding restriction names the viewer it binds")
    if viewer and connection.execute(select(organisation.c.id).where(organisation.c.id == viewer)).first() is None:
        raise RegistryFault("the viewer is not a registered organisation")
    if not reference.strip() or not officer.strip():
        raise RegistryFault("a restriction names the order it rests on and the officer who entered it")
    if until and until <= max(since, now):
        raise RegistryFault("a restriction ends after it begins")
    id_ = str(uuid_utils.uuid7())
    row = {
        "id": id_,
        "person": person,
        "kind": kind,
        "organisation": viewer,
        "categories": " ".join(sorted(categories)),
        "from_at": since or now,
        "until_at": until,
        "reference": keys.seal_cell(_place(id_), reference.strip()),
        "entered_by": officer.strip(),
        "entered_at": now,
        "lifted_by": "",
        "lifted_at": 0,
    }
    connection.execute(insert(person_restriction).values(row))
    return id_


def lift(connection: Connection, restriction: str, *, officer: str, now: int) -> str:
    """Lift a restriction that stands, and give the person's id. Raises RegistryFault."""
    table = person_restriction.c
    standing = (table.id == restriction, table.lifted_at == 0)
    person = connection.execute(select(table.person).where(*standing)).scalar()
    if person is None or not officer.strip():
        raise RegistryFault("no restriction of that id stands, or no officer was named")
    connection.execute(update(person_restriction).where(*standing).values(lifted_by=officer, lifted_at=now))
    return str(person)


def restrictions(connection: Connection, keys: PersonKeys, person: str) -> list[Restriction]:
    """All restrictions ever entered about a person, oldest first."""
    table = person_restriction.c
    rows = connection.execute(select(person_restriction).where(table.person == person).order_by(table.id))
    return [
        Restriction(
            id=row.id,
            person=row.person,
            kind=row.kind,
            organisation=row.organisation,
            categories=tuple(row.categories.split()),
            since=row.from_at,
            until=row.until_at,
            reference=keys.open_cell(_place(row.id), bytes(row.reference)),
            entered_by=row.entered_by,
            entered_at=row.entered_at,
            lifted_at=row.lifted_at,
        )
        for row in rows
    ]


def _place(id_: str) -> str:
    return f"person_restriction|reference|{id_}"
