# SPDX-License-Identifier: Apache-2.0
"""Who may decide for whom, as it is stored: authorities, assessments, and what proxies must not see.

The caller owns the transaction, must write in it, and must first have locked the person's chain (`ledger.hold`), so
that nothing is decided under an authority while that is being ended.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Table, insert, select, update

from consent.authority import NEVER_HELD, VRS_ENDED, Assessment, Authority, Restriction
from consent.concealment import Concealment
from consent.deciding import Subject
from consent.errors import LedgerCorrupt, ReasonMissing
from consent.tables import consent_assessment, consent_authority, consent_concealment
from consent.transitions import AuthorityNotHeld

T = TypeVar("T", Authority, Assessment, Concealment)


def subject(connection: Connection, person: str, *, age_band: str = "", deceased: bool = False) -> Subject:
    """What is known of `person` for deciding who may decide. Raises LedgerCorrupt."""
    return Subject(
        person=person,
        age_band=age_band,
        deceased=deceased,
        authorities=tuple(_of(connection, consent_authority, Authority, person)),
        assessments=tuple(_of(connection, consent_assessment, Assessment, person)),
    )


def held_by(connection: Connection, holder: str) -> list[Authority]:
    """Every authority that `holder` has or had, oldest first: whom they may act for."""
    rows = connection.execute(
        select(consent_authority.c.content)
        .where(consent_authority.c.holder == holder)
        .order_by(consent_authority.c.id)
    )
    return [_read(row.content, Authority) for row in rows]


def find(connection: Connection, id: str) -> Authority | None:
    """One authority, None when there is none of that id."""
    row = connection.execute(select(consent_authority.c.content).where(consent_authority.c.id == id)).first()
    return None if row is None else _read(row.content, Authority)


def grant(connection: Connection, authority: Authority, *, now: int) -> None:
    """Write a new authority."""
    row = {"id": authority.id, "person": authority.person, "holder": authority.holder}
    connection.execute(
        insert(consent_authority), row | {"content": msgspec.json.encode(authority), "changed_at": now}
    )


def end(connection: Connection, id: str, reason: str, *, now: int) -> Authority:
    """End an authority from `now`; `reason` is a key of VRS_ENDED. One that has ended keeps its end, but for one
    that turns out never to have been held. Raises ReasonMissing, AuthorityNotHeld."""
    if reason not in VRS_ENDED:
        raise ReasonMissing
    held = _held(connection, id)
    if held.ended and (held.ended in NEVER_HELD or reason not in NEVER_HELD):
        return held
    return _change(connection, replace(held, ended=reason, ended_at=held.ended_at or now), now)


def suspend(connection: Connection, id: str, reason: str, *, now: int) -> Authority:
    """Let an authority rest until it has been reviewed; nothing that was decided under it changes."""
    return _change(connection, replace(_held(connection, id), rests=reason), now)


def reviewed(connection: Connection, id: str, reviewed_to: int, *, now: int) -> Authority:
    """Write down that somebody looked at an authority and it goes on, until `reviewed_to` (0: for good)."""
    return _change(connection, replace(_held(connection, id), rests="", reviewed_to=reviewed_to), now)


def restrict(connection: Connection, id: str, restriction: Restriction, *, now: int) -> Authority:
    """Write down what a court took away from whoever holds an authority; nothing that was decided changes. One by
    the same order takes the place of the one before."""
    held = _held(connection, id)
    others = tuple(one for one in held.restrictions if one.order != restriction.order)
    return _change(connection, replace(held, restrictions=(*others, restriction)), now)


def assess(connection: Connection, assessment: Assessment) -> None:
    """Write down whether somebody was found able to decide. It changes no decision that was made."""
    _add(connection, consent_assessment, assessment)


def conceal(connection: Connection, concealment: Concealment) -> None:
    """Keep something from those who act for a person."""
    _add(connection, consent_concealment, concealment)


def reveal(connection: Connection, id: str, *, now: int) -> Concealment | None:
    """End a concealment from `now`; None where there is none of that id in force."""
    table = consent_concealment
    row = connection.execute(select(table.c.content).where(table.c.id == id)).first()
    found = _read(row.content, Concealment) if row is not None else None
    if found is None or (found.until and found.until <= now):
        return None
    ended = replace(found, until=now)
    connection.execute(update(table).where(table.c.id == id).values(content=msgspec.json.encode(ended)))
    return ended


def concealments(connection: Connection, person: str) -> list[Concealment]:
    """What is kept from those who act for `person`."""
    return _of(connection, consent_concealment, Concealment, person)


def _held(connection: Connection, id: str) -> Authority:
    held = find(connection, id)
    if held is None:
        raise AuthorityNotHeld
    return held


def _change(connection: Connection, changed: Authority, now: int) -> Authority:
    values = {"content": msgspec.json.encode(changed), "changed_at": now}
    connection.execute(update(consent_authority).where(consent_authority.c.id == changed.id).values(values))
    return changed


def _add(connection: Connection, table: Table, value: Assessment | Concealment) -> None:
    connection.execute(
        insert(table), {"id": value.id, "person": value.person, "content": msgspec.json.encode(value)}
    )


def _of(connection: Connection, table: Table, kind: type[T], person: str) -> list[T]:
    rows = connection.execute(select(table.c.content).where(table.c.person == person).order_by(table.c.id))
    return [_read(row.content, kind) for row in rows]


def _read(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
