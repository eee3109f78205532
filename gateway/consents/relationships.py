# SPDX-License-Identifier: Apache-2.0
"""Proxy relationships handed to NHS England's Validated Relationships Service's form and taken over from it.

What is taken over is an authority like any other: its ground's conditions are asked after at each decision. A basis
that is not known, or somebody's best interest, is taken over as a record that gives no right (`unknown`).
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from consent import authorities, vrs
from consent.authority import Authority, Evidence
from consent.errors import MalformedEvent
from consent.vrs import Said
from consent.words import By
from gateway import db
from gateway.consents.counter import Counter
from gateway.errors import Invalid, Malformed, NotFound
from gateway.identity.identifiers import NHS_NUMBER, IdentifierError, normalise
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import person_identifier
from gateway.model import Identifier


class TakenOver(Struct, frozen=True):
    """What became of the relationships of a file: ids of the authorities recorded, how many of them give no right
    yet, how many were known, and what was left out (id, why)."""

    recorded: tuple[str, ...]
    without_right: int
    known: int
    left_out: tuple[tuple[str, str], ...]


def exported(at: Counter, citizen: Identifier) -> str:
    """Who may or might act for a citizen, as JSON text: a FHIR Bundle of `Consent` and `RelatedPerson`. The citizen
    is named by the NHS number they were asked for by; proxies without one, and grounds that the service has no code
    for, are not in it. Raises NotFound."""
    person, now = at.person(citizen), int(time.time())
    made: list[dict[str, Any]] = []
    with db.read(at.desk.engine) as connection:
        for one in authorities.subject(connection, person).authorities:
            holder = _number(connection, at.desk.keys, one.holder)
            said = vrs.consent(one, citizen.value, holder, now) if holder else None
            if said is not None:
                made += [said, vrs.related_person(one, citizen.value, holder, now)]
    return msgspec.json.format(msgspec.json.encode(vrs.bundle(made)), indent=2).decode()


async def imported(at: Counter, text: bytes, *, staff: str, born: datetime.date | None = None) -> TakenOver:
    """Record the relationships of a FHIR Bundle that are in force there. `born`: the child's date of birth, for
    parental responsibility. Raises Malformed: it is no such Bundle."""
    recorded: list[Authority] = []
    left_out: list[tuple[str, str]] = []
    known = 0
    for resource in _resources(text):
        id_ = str(resource.get("id", ""))
        try:
            said = vrs.said(resource)
            if said is None or (said.until and said.until <= time.time()):
                left_out.append((id_, "it is not in force there."))
                continue
            made = _authority(at, said, staff)
            if _is_known(at, made):
                known += 1
                continue
            recorded.append(await at.desk.authorities.grant(made, actor=staff, born=born))
        except (MalformedEvent, IdentifierError):
            left_out.append((id_, "it cannot be read without guessing."))
        except NotFound:
            left_out.append((id_, "one of the two is not known here."))
        except Invalid as error:
            left_out.append((id_, "; ".join(fault.expected for fault in error.errors)))
    ids = tuple(one.id for one in recorded)
    return TakenOver(ids, sum(one.by is By.UNKNOWN for one in recorded), known, tuple(left_out))


def _authority(at: Counter, said: Said, staff: str) -> Authority:
    return Authority(
        id="",
        person=at.person(normalise(NHS_NUMBER, said.person)),
        holder=at.person(normalise(NHS_NUMBER, said.holder)),
        by=said.by,
        since=said.since,
        until=said.until,
        evidence=Evidence("validated-relationship", said.reference, staff, int(time.time())),
    )


def _is_known(at: Counter, made: Authority) -> bool:
    with db.read(at.desk.engine) as connection:
        held = authorities.subject(connection, made.person).authorities
    return any((one.holder, one.evidence.reference) == (made.holder, made.evidence.reference) for one in held)


def _number(connection: Connection, keys: PersonKeys, person: str) -> str:
    """The NHS number of somebody; empty when there is none."""
    columns = (person_identifier.c.blind_index, person_identifier.c.sealed, person_identifier.c.version)
    wanted = (
        person_identifier.c.person == person,
        person_identifier.c.system == NHS_NUMBER,
        person_identifier.c.current,
    )
    row = connection.execute(select(*columns).where(*wanted)).first()
    if row is None:
        return ""
    return keys.open(person, NHS_NUMBER, bytes(row.blind_index), bytes(row.sealed), row.version)


def _resources(text: bytes) -> Iterator[dict[str, Any]]:
    try:
        listed = [dict(one["resource"]) for one in msgspec.json.decode(text)["entry"]]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Malformed("This is not a Bundle of relationships.") from error
    return (one for one in listed if one.get("resourceType") == "Consent")
