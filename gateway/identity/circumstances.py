# SPDX-License-Identifier: Apache-2.0
"""A person's circumstances as the register knows them: age, death, restrictions, legitimate relationships.

Read whole, once for each person, and held in memory while the register's generation stands; what follows for one
viewer at one instant is folded from that without another read (`at`). Of the birth date only the month is kept,
sealed, and the judge is told no more than an age band.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sqlite3
import time
from collections.abc import Iterable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    LargeBinary,
    String,
    bindparam,
    case,
    cast,
    insert,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import sqlite

from gateway.db import Changes, read, sqlite_path
from gateway.errors import DatabaseUnavailable, InternalFault
from gateway.identity.registry import RegistryFault
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import person_relationship, person_restriction, person_status
from gateway.model import AgeBand, Binding, Circumstances

log = logging.getLogger("commons.identity")

_HELD = 20_000  # people one process remembers; most have one relationship or two, some 0.5 KB each
_DAY_S = 86_400

_of = bindparam("person", type_=String)
_nothing = literal_column("''", String)
_zero = literal_column("0", BigInteger)
_STATEMENT = union_all(
    select(
        literal_column("'status'", String).label("part"),
        case((person_status.c.deceased, literal_column("'deceased'", String)), else_=_nothing).label("kind"),
        _nothing.label("organisation"),
        _nothing.label("categories"),
        _zero.label("since"),
        _zero.label("until"),
        person_status.c.born.label("sealed"),
    ).where(person_status.c.person == _of),
    select(
        literal_column("'restriction'", String),
        person_restriction.c.kind,
        person_restriction.c.organisation,
        person_restriction.c.categories,
        person_restriction.c.from_at,
        person_restriction.c.until_at,
        cast(null(), LargeBinary),
    ).where(person_restriction.c.person == _of, person_restriction.c.lifted_at == _zero),
    select(
        literal_column("'relationship'", String),
        person_relationship.c.kind,
        person_relationship.c.organisation,
        _nothing,
        person_relationship.c.from_at,
        person_relationship.c.until_at,
        cast(null(), LargeBinary),
    ).where(person_relationship.c.person == _of, person_relationship.c.ended_at == _zero),
)
"""All that stands about one person, in one read."""

_Row = tuple[str, str, str, str, int, int, bytes | None]


class Bound(Struct, frozen=True):
    """One restriction or relationship: whom it concerns (empty: everybody), and from when until when (0: open)."""

    kind: str
    organisation: str
    categories: tuple[str, ...]
    since: int
    until: int

    def holds(self, organisation: str, now: int) -> bool:
        """Whether it concerns `organisation` at `now`."""
        return (
            self.organisation in ("", organisation) and self.since <= now and (not self.until or now < self.until)
        )


class Registered(Struct, frozen=True):
    """All the register knows of one person. `born`: months since the year 0; 0 while it is not known."""

    born: int = 0
    deceased: bool = False
    restrictions: tuple[Bound, ...] = ()
    relationships: tuple[Bound, ...] = ()


class Found(Struct, frozen=True):
    """What a query was judged by: all that was known of the person, and what followed for its viewer."""

    known: Registered
    circumstances: Circumstances


NOTHING = Registered()
"""Somebody of whom the register knows nothing but that they are there; also a stranger."""


def at(known: Registered, organisation: str, now: int) -> Circumstances:
    """What counts for one viewer at `now` (epoch seconds)."""
    return Circumstances(
        deceased=known.deceased,
        age_band=age_band(known.born, now),
        relationships=tuple(sorted({one.kind for one in known.relationships if one.holds(organisation, now)})),
        restrictions=tuple(
            [Binding(one.kind, one.categories) for one in known.restrictions if one.holds(organisation, now)]
        ),
    )


def age_band(born: int, now: int) -> AgeBand:
    """The band of an age at `now`. Only the month of birth is known, so somebody counts as the younger until that
    month is over: who decides for a child must not lose the say before the day."""
    if not born:
        return ""
    years = (_month(now // _DAY_S) - born - 1) // 12
    if years < 13:
        return "under-13"
    if years < 16:
        return "13-15"
    return "16-17" if years < 18 else "adult"


@functools.lru_cache(maxsize=64)
def _month(day: int) -> int:
    year, month, *_ = time.gmtime(day * _DAY_S)
    return year * 12 + month - 1


def months(text: str) -> int:
    """`YYYY-MM` as months since the year 0. Raises RegistryFault."""
    year, dash, month = text.partition("-")
    if not (dash and len(year) == 4 and len(month) == 2 and (year + month).isdecimal() and 1 <= int(month) <= 12):
        raise RegistryFault("a month of birth is written YYYY-MM")
    return int(year) * 12 + int(month) - 1


def note(
    connection: Connection, keys: PersonKeys, person: str, *, born: str | None, deceased: bool, now: int
) -> None:
    """Record the month of birth (`YYYY-MM`; None leaves what is known) and whether the person has died. The caller
    owns the transaction. Raises RegistryFault."""
    values: dict[str, object] = {"deceased": deceased, "changed_at": now}
    if born is not None:
        months(born)
        values["born"] = keys.seal_cell(place(person), born)
    if not connection.execute(
        update(person_status).where(person_status.c.person == person).values(**values)
    ).rowcount:
        connection.execute(insert(person_status).values(person=person, **values))


def place(person: str) -> str:
    """Where a sealed month of birth belongs."""
    return f"person_status|born|{person}"


def status(connection: Connection, keys: PersonKeys, person: str, now: int) -> tuple[AgeBand, bool]:
    """The age band of a person at `now` and whether they have died, read in the caller's transaction."""
    wanted = select(person_status.c.born, person_status.c.deceased).where(person_status.c.person == person)
    row = connection.execute(wanted).first()
    if row is None:
        return "", False
    return age_band(_opened(keys, person, row.born), now), row.deceased


def _opened(keys: PersonKeys, person: str, sealed: bytes | None) -> int:
    """The month of birth in a row. Raises InternalFault."""
    try:
        return months(keys.open_cell(place(person), bytes(sealed))) if sealed else 0
    except InvalidTag:
        log.error("a sealed month of birth does not open: its row was changed or moved, or the key is wrong")
        raise InternalFault from None


class _Store(Protocol):
    blocking: bool

    def rows(self, person: str) -> Iterable[_Row]: ...

    def close(self) -> None: ...


class _Sqlite:
    """The driver itself, as in `people.py`."""

    blocking = False

    def __init__(self, engine: Engine) -> None:
        uri = f"file:{sqlite_path(engine.url)}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        self._sql = str(_STATEMENT.compile(dialect=sqlite.dialect(paramstyle="named")))

    def rows(self, person: str) -> Iterable[_Row]:
        try:
            return self._connection.execute(self._sql, {"person": person}).fetchall()
        except sqlite3.Error as error:
            raise DatabaseUnavailable from error

    def close(self) -> None:
        self._connection.close()


class _Shared:
    """SQLAlchemy Core, in a thread."""

    blocking = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, person: str) -> Iterable[_Row]:
        with read(self._engine) as connection:
            return [
                (*row[:6], row[6] and bytes(row[6])) for row in connection.execute(_STATEMENT, {"person": person})
            ]

    def close(self) -> None:
        """The engine is the caller's."""


class Register:
    """Reads circumstances. Remembers them only while `changes` can tell that nothing moved."""

    def __init__(self, engine: Engine, keys: PersonKeys, changes: Changes) -> None:
        self._keys = keys
        self._changes = changes
        self._store: _Store = _Sqlite(engine) if engine.dialect.name == "sqlite" else _Shared(engine)
        self._held: dict[str, Registered] = {}
        self._held_at: int | None = None

    async def of(self, person: str) -> Registered:
        """All that is known of a person, or of a stranger: nothing, after the same read. Raises
        DatabaseUnavailable."""
        generation = self._changes.generation()
        if generation is None or generation != self._held_at:
            self._held.clear()
            self._held_at = generation
        elif (held := self._held.get(person)) is not None:
            return held
        found = await asyncio.to_thread(self._read, person) if self._store.blocking else self._read(person)
        if generation is not None and generation == self._held_at:
            while len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            self._held[person] = found
        return found

    def close(self) -> None:
        """Close what this object opened."""
        self._store.close()

    def _read(self, person: str) -> Registered:
        born, deceased = 0, False
        bounds: dict[str, list[Bound]] = {"restriction": [], "relationship": []}
        for part, kind, organisation, categories, since, until, sealed in self._store.rows(person):
            if part == "status":
                born, deceased = _opened(self._keys, person, sealed), kind == "deceased"
            else:
                bounds[part].append(Bound(kind, organisation, tuple(categories.split()), since, until))
        restrictions, relationships = tuple(bounds["restriction"]), tuple(bounds["relationship"])
        return Registered(born, deceased, restrictions, relationships)
