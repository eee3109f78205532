# SPDX-License-Identifier: Apache-2.0
"""Legitimate relationships: why an organisation may look at a person at all (Caldicott; NHS legitimate
relationship).

A relationship is what the register knows: a registered patient, a referral, an open case. What a caller only says
of itself is no relationship of the register; it is judged and logged as self-claimed. The caller owns the
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, insert, select, update

from gateway.identity.registry import RegistryFault
from gateway.identity.tables import organisation, person_relationship

SELF_CLAIMED = "self-claimed"
"""The kind that stands in the facts where only the caller says so; it cannot be recorded."""

_KIND = re.compile(r"[a-z]+(?:-[a-z]+)*")


class Relationship(Struct, frozen=True):
    """One relationship as recorded. Times in epoch seconds; `until` 0: until it is ended."""

    id: str
    person: str
    organisation: str
    kind: str
    since: int
    until: int
    ended_at: int = 0


def relate(
    connection: Connection, person: str, with_organisation: str, kind: str, *, since: int = 0, until: int = 0,
    officer: str, now: int,
) -> str:  # fmt: skip
    """Record that an organisation has a relationship with a person from `since` (0: now) on; gives its id. Raises
    RegistryFault."""
    if not _KIND.fullmatch(kind) or len(kind) > 40 or kind == SELF_CLAIMED:
        raise RegistryFault("a kind of relationship is lower-case words joined by -, such as referral")
    wanted = organisation.c.id == with_organisation
    if connection.execute(select(organisation.c.id).where(wanted)).first() is None:
        raise RegistryFault("the organisation is not registered: register it first")
    if until and until <= max(since, now):
        raise RegistryFault("a relationship ends after it begins")
    if not officer.strip():
        raise RegistryFault("a relationship names the officer who recorded it")
    [row] = rows([(person, with_organisation, kind)], since=since or now, until=until, officer=officer, now=now)
    connection.execute(insert(person_relationship).values(row))
    return str(row["id"])


def rows(
    wanted: Iterable[tuple[str, str, str]], *, since: int, until: int = 0, officer: str, now: int
) -> list[dict[str, object]]:
    """Rows of the table for (person, organisation, kind), for who records many at once."""
    return [
        {
            "id": str(uuid_utils.uuid7()),
            "person": person,
            "organisation": with_organisation,
            "kind": kind,
            "from_at": since,
            "until_at": until,
            "entered_by": officer,
            "entered_at": now,
            "ended_by": "",
            "ended_at": 0,
        }
        for person, with_organisation, kind in wanted
    ]


def end(connection: Connection, relationship: str, *, officer: str, now: int) -> str:
    """End a relationship that lasts, and give the person's id. Raises RegistryFault."""
    table = person_relationship.c
    lasting = (table.id == relationship, table.ended_at == 0)
    person = connection.execute(select(table.person).where(*lasting)).scalar()
    if person is None or not officer.strip():
        raise RegistryFault("no relationship of that id lasts, or no officer was named")
    connection.execute(update(person_relationship).where(*lasting).values(ended_by=officer, ended_at=now))
    return str(person)


def relationships(connection: Connection, person: str) -> list[Relationship]:
    """All relationships ever recorded with a person, oldest first."""
    table = person_relationship.c
    found = connection.execute(
        select(
            table.id, table.person, table.organisation, table.kind, table.from_at, table.until_at, table.ended_at
        )
        .where(table.person == person)
        .order_by(table.id)
    )
    return [Relationship(*row) for row in found]
