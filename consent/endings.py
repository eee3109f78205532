# SPDX-License-Identifier: Apache-2.0
"""Who was told of which end, as it is stored, and how far the looking through has come.

A notice is one row for each consent or authority, end and number of days: the row is what keeps it from being told
twice, whoever looks and however often. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import uuid_utils
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from consent.ending import AuthorityEnding, ConsentEnding, Ending
from consent.errors import LedgerCorrupt
from consent.ledger import Key
from consent.tables import consent_authority, consent_ending, consent_standing, consent_sweep


class Notice(Struct, frozen=True):
    """That somebody was told of an end, `days` before it; `at` in seconds since 1970."""

    id: str
    ending: Ending
    days: int
    at: int


class Place(Struct, frozen=True):
    """How far one round through the records has come: after which key, () before the first, and when it began."""

    after: tuple[str, ...] = ()
    began: int = 0


def tell(connection: Connection, ending: Ending, days: int, now: int) -> Notice:
    """Note that an end is being told of. Needs the person's lock, and that it was not told yet (`was_told`): the
    store refuses a second row."""
    notice = Notice(str(uuid_utils.uuid7()), ending, days, now)
    row = {
        "id": notice.id,
        "person": ending.person,
        "holder": ending.holder if isinstance(ending, AuthorityEnding) else "",
        "about": ending.about,
        "ends_at": ending.ends_at,
        "days": days,
        "content": msgspec.json.encode(ending),
        "at": now,
    }
    connection.execute(insert(consent_ending).values(row))
    return notice


def was_told(connection: Connection, ending: Ending, days: int) -> bool:
    """Whether an end was told of so many days before."""
    which = (consent_ending.c.about == ending.about, consent_ending.c.ends_at == ending.ends_at)
    return bool(_read(connection, *which, consent_ending.c.days == days))


def about(connection: Connection, person: str) -> list[Notice]:
    """The notices about a person's consents and about who may decide for them, oldest first."""
    return _read(connection, consent_ending.c.person == person)


def to_holder(connection: Connection, holder: str) -> list[Notice]:
    """The notices about authorities that somebody holds, oldest first."""
    return _read(connection, consent_ending.c.holder == holder)


def standings(connection: Connection, after: Sequence[str], limit: int) -> list[tuple[Key, bytes]]:
    """The next records, by person, recipient and purpose, each with its statements as stored (`encoding`)."""
    columns = (consent_standing.c.person, consent_standing.c.organisation, consent_standing.c.purpose)
    wanted = select(*columns, consent_standing.c.statements).order_by(*columns).limit(limit)
    if after:
        wanted = wanted.where(tuple_(*columns) > tuple(after))
    rows = connection.execute(wanted)
    return [((row.person, row.organisation, row.purpose), row.statements) for row in rows]


def people(connection: Connection, after: Sequence[str], limit: int) -> list[str]:
    """The next people for whom somebody may decide."""
    column = consent_authority.c.person
    wanted = select(column).distinct().order_by(column).limit(limit)
    if after:
        wanted = wanted.where(column > after[0])
    return list(connection.execute(wanted).scalars())


def changed_at(connection: Connection, authority: str) -> int:
    """When an authority was last written: granted, reviewed, suspended or ended. Seconds since 1970."""
    row = select(consent_authority.c.changed_at).where(consent_authority.c.id == authority)
    return int(connection.execute(row).scalar_one())


def place(connection: Connection, name: str) -> Place:
    """How far the round of that name has come."""
    row = connection.execute(select(consent_sweep.c.place).where(consent_sweep.c.name == name)).first()
    return Place() if row is None else msgspec.json.decode(row.place, type=Place)


def move(connection: Connection, name: str, before: Place, to: Place) -> None:
    """Note how far a round has come, unless somebody else has moved it meanwhile."""
    values = {"place": msgspec.json.encode(to)}
    inserted = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    begun = {"name": name, "place": msgspec.json.encode(Place())}
    connection.execute(inserted(consent_sweep).values(begun).on_conflict_do_nothing())
    same = consent_sweep.c.place == msgspec.json.encode(before)
    connection.execute(update(consent_sweep).where(consent_sweep.c.name == name, same).values(values))


def _read(connection: Connection, *where: ColumnElement[bool]) -> list[Notice]:
    rows = connection.execute(select(consent_ending).where(*where).order_by(consent_ending.c.id))
    return [Notice(row.id, _decoded(row.content), row.days, row.at) for row in rows]


def _decoded(content: bytes) -> Ending:
    try:
        return msgspec.json.decode(content, type=ConsentEnding | AuthorityEnding)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
