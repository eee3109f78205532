# SPDX-License-Identifier: Apache-2.0
"""The revisions of every agreement, as they were put before the citizens; and which one is agreed to today.

A revision is announced first, and from then on nobody agrees to the words of an earlier one: between the asking
again of everybody who had agreed and the coming into force of the law, a new yes to the old words would be taken
for one to the new. It is settled once everybody who had agreed was asked again or carried over. Both are rows, and
no row is ever changed. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, and_, func, insert, select, text

from consent.revising import Terms, revision
from consent.tables import consent_terms

_GATE = "hashtextextended('consent.terms', 0)"
_PASSING = text(f"SELECT pg_advisory_xact_lock_shared({_GATE})")
_CLOSING = text(f"SELECT pg_advisory_xact_lock({_GATE})")

_last = select(consent_terms.c.agreement, func.max(consent_terms.c.number).label("number")).group_by(
    consent_terms.c.agreement
)


class Stage(StrEnum):
    """How far the putting in force of a revision has come."""

    ANNOUNCED = "announced"
    SETTLED = "settled"


def newest(connection: Connection, agreements: Iterable[str]) -> dict[str, str]:
    """Agreement → the revision (SHA-256, hexadecimal) that is agreed to today; without those that never had one.
    Until the transaction ends no other is announced."""
    wanted = set(agreements)
    if not wanted:
        return {}
    _hold(connection, closing=False)
    return {id: of for id, (_, of, _) in _newest(connection, wanted).items()}


def settled(connection: Connection, agreement: str) -> Terms | None:
    """What everybody who had agreed was told last."""
    query = (
        select(consent_terms.c.terms)
        .where(consent_terms.c.agreement == agreement, consent_terms.c.stage == Stage.SETTLED)
        .order_by(consent_terms.c.number.desc())
        .limit(1)
    )
    stored = connection.execute(query).scalar()
    return None if stored is None else msgspec.json.decode(stored, type=Terms)


def put(connection: Connection, revised: Iterable[Terms], stage: Stage, now: int) -> None:
    """Append revisions, without those that stand there already. Whoever is agreeing to an earlier one is waited
    for. `now`: seconds since 1970."""
    by_id = {terms.agreement: terms for terms in revised}
    _hold(connection, closing=True)
    before = _newest(connection, set(by_id))
    rows = []
    for id, terms in sorted(by_id.items()):
        number, previous, reached = before.get(id, (0, "", ""))
        if (previous, reached) in ((revision(terms), stage), (revision(terms), Stage.SETTLED)):
            continue
        rows.append(
            {
                "agreement": id,
                "number": number + 1,
                "revision": revision(terms),
                "previous": previous,
                "stage": stage,
                "terms": msgspec.json.encode(terms, order="sorted"),
                "at": now,
            }
        )
    if rows:
        connection.execute(insert(consent_terms), rows)


def _newest(connection: Connection, agreements: set[str]) -> Mapping[str, tuple[int, str, str]]:
    last = _last.where(consent_terms.c.agreement.in_(agreements)).subquery()
    query = select(
        consent_terms.c.agreement, consent_terms.c.number, consent_terms.c.revision, consent_terms.c.stage
    ).join(last, and_(last.c.agreement == consent_terms.c.agreement, last.c.number == consent_terms.c.number))
    return {row.agreement: (row.number, row.revision, row.stage) for row in connection.execute(query)}


def _hold(connection: Connection, *, closing: bool) -> None:
    """Make those who agree and those who announce wait for each other; on SQLite they do by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(_CLOSING if closing else _PASSING)
