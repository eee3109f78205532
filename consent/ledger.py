# SPDX-License-Identifier: Apache-2.0
"""The append-only ledger: record a decision, say what all decisions come to, prove that none was changed.

The caller owns the transaction, and it must be one that writes: PostgreSQL at READ COMMITTED, SQLite begun
IMMEDIATE. What `record` wrote counts from the commit. Two transactions about one person follow each other, because
the first thing a recording does is to lock the person's row in `consent_head`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, Table, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consent import chain, rules, wellformed
from consent.chain import Broken, Verified
from consent.errors import EventIdReused, LedgerCorrupt
from consent.model import CategoryStanding, Event, Recorded, Standing
from consent.rules import ByCategory
from consent.tables import consent_event, consent_head, consent_standing

Key = tuple[str, str, str]
"""person, organisation, purpose"""

CHANNEL = "consent"
"""PostgreSQL NOTIFY channel; the payload is the opaque id of the person whose ledger moved."""

_locked = (
    select(consent_head)
    .where(consent_head.c.person.in_(bindparam("people", expanding=True)))
    .order_by(consent_head.c.person)
    .with_for_update()
)
_head = select(consent_head.c.seq, consent_head.c.hash).where(consent_head.c.person == bindparam("p"))
_move = update(consent_head).where(consent_head.c.person == bindparam("p"))
_ids = select(consent_event.c.seq, consent_event.c.link, consent_event.c.hash).where(
    consent_event.c.id.in_(bindparam("ids", expanding=True))
)
_events = (
    select(consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
    .where(consent_event.c.person == bindparam("p"))
    .order_by(consent_event.c.seq)
)
_rows = select(consent_standing).where(consent_standing.c.person.in_(bindparam("people", expanding=True)))
_notify = select(func.pg_notify(CHANNEL, consent_head.c.person)).where(
    consent_head.c.person.in_(bindparam("people", expanding=True))
)
_standing = (
    select(consent_head.c.seq, consent_standing.c.statements)
    .join_from(
        consent_head,
        consent_standing,
        and_(
            consent_standing.c.person == consent_head.c.person,
            consent_standing.c.organisation == bindparam("organisation"),
            consent_standing.c.purpose == bindparam("purpose"),
        ),
        isouter=True,
    )
    .where(consent_head.c.person == bindparam("p"))
)

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(tuple[CategoryStanding, ...])


def record(connection: Connection, event: Event) -> Recorded:
    """Append `event`, and say where it stands. The same event again changes nothing and says the same.

    Raises an EventRefused with its own reason; nothing is written then.
    """
    return record_all(connection, [event])[0]


def record_all(connection: Connection, events: Sequence[Event]) -> list[Recorded]:
    """Append events of any number of people, in their order. Raises for the first that cannot be, and then has
    written none of them. Takes some hundreds at a time."""
    for event in events:
        wellformed.check(event)
    people = sorted({event.person for event in events})
    heads = _lock(connection, people)
    known = _known(connection, [event.id for event in events])
    standings = _projections(connection, people)
    moved: dict[Key, int] = {}
    rows: list[dict[str, object]] = []
    results: list[Recorded] = []
    for event in events:
        if (stored := known.get(event.id)) is not None:
            if stored[0] != event:
                raise EventIdReused
            results.append(stored[1])
            continue
        key = (event.person, event.organisation, event.purpose)
        before = standings.get(key, {})
        rules.admit(before, event)
        content, recorded = chain.link(event, heads[event.person])
        rows.append(_row(event, content, recorded))
        standings[key] = rules.step(before, event)
        moved[key] = recorded.seq
        heads[event.person] = recorded
        known[event.id] = (event, recorded)
        results.append(recorded)
    if rows:
        connection.execute(insert(consent_event), rows)
        _project(connection, {key: (seq, standings[key]) for key, seq in moved.items()})
        _advance(connection, {person: heads[person] for person, _, _ in moved})
    return results


def standing(connection: Connection, person: str, organisation: str, purpose: str) -> Standing:
    """What the ledger says of person × organisation × purpose, as this transaction sees it."""
    key = {"p": person, "organisation": organisation, "purpose": purpose}
    row = connection.execute(_standing, key).one_or_none()
    return Standing(0, {}) if row is None else Standing(row.seq, decode(row.statements))


def history(connection: Connection, person: str) -> list[Event]:
    """Every event of `person`, oldest first. Raises LedgerCorrupt."""
    return [chain.event_of(row.link) for row in connection.execute(_events, {"p": person})]


def verify_chain(connection: Connection, person: str, anchor: Recorded = chain.START) -> Verified | Broken:
    """Check that no event of `person` was changed, moved, added or taken away in the middle.

    The newest events can be cut off together with their head without a trace in here; `anchor`, what some entry
    of the access log or some receipt says of the same person, shows that too.
    """
    stored = [(row.seq, row.link, row.hash.hex()) for row in connection.execute(_events, {"p": person})]
    row = connection.execute(_head, {"p": person}).one_or_none()
    verified = chain.verify(person, stored, chain.START if row is None else Recorded(row.seq, row.hash.hex()))
    if isinstance(verified, Verified) and anchor.seq:
        hashes = {seq: hash_ for seq, _, hash_ in stored}
        if hashes.get(anchor.seq) != anchor.hash:
            return Broken(anchor.seq, "the chain does not hold what was seen of it elsewhere")
    return verified


def projection(connection: Connection, person: str) -> dict[tuple[str, str], ByCategory]:
    """(organisation, purpose) → statements, as stored beside the events."""
    return {key[1:]: statements for key, statements in _projections(connection, [person]).items()}


def rebuild(connection: Connection, person: str) -> bool:
    """Fold the events of `person` again and store what they come to. True when something else stood there.

    Other processes keep what they have read until the person's next event; restart them after a repair.
    """
    _lock(connection, [person])
    events = history(connection, person)
    folded = rules.fold(events)
    if folded == projection(connection, person):
        return False
    connection.execute(delete(consent_standing).where(consent_standing.c.person == person))
    newest = {(person, event.organisation, event.purpose): seq for seq, event in enumerate(events, 1)}
    _project(connection, {key: (seq, folded[key[1:]]) for key, seq in newest.items()})
    return True


def decode(statements: bytes | None) -> ByCategory:
    """Statements as stored, by category. Raises LedgerCorrupt."""
    by_category: ByCategory = {}
    if statements is None:
        return by_category
    try:
        for statement in _decoder.decode(statements):
            by_category[statement.category] = (*by_category.get(statement.category, ()), statement)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
    return by_category


def _lock(connection: Connection, people: list[str]) -> dict[str, Recorded]:
    """person → the end of their chain, held until the transaction ends; begun where there is none."""
    heads = _read_heads(connection, people)
    if missing := [person for person in people if person not in heads]:
        rows = [{"person": person, "seq": 0, "hash": b""} for person in missing]
        connection.execute(_insert(connection, consent_head).on_conflict_do_nothing(), rows)
        heads |= _read_heads(connection, missing)
    return heads


def _read_heads(connection: Connection, people: list[str]) -> dict[str, Recorded]:
    rows = connection.execute(_locked, {"people": people})
    return {row.person: Recorded(row.seq, row.hash.hex()) for row in rows}


def _known(connection: Connection, ids: list[str]) -> dict[str, tuple[Event, Recorded]]:
    """Those of `ids` that are recorded already: a retry finds itself here."""
    rows = connection.execute(_ids, {"ids": ids})
    events = [(chain.event_of(row.link), Recorded(row.seq, row.hash.hex())) for row in rows]
    return {event.id: (event, recorded) for event, recorded in events}


def _projections(connection: Connection, people: list[str]) -> dict[Key, ByCategory]:
    rows = connection.execute(_rows, {"people": people})
    return {(row.person, row.organisation, row.purpose): decode(row.statements) for row in rows}


def _row(event: Event, content: bytes, recorded: Recorded) -> dict[str, object]:
    return {
        "person": event.person,
        "seq": recorded.seq,
        "id": event.id,
        "kind": event.kind.value,
        "organisation": event.organisation,
        "purpose": event.purpose,
        "at": event.at,
        "link": content,
        "hash": bytes.fromhex(recorded.hash),
    }


def _project(connection: Connection, standings: Mapping[Key, tuple[int, ByCategory]]) -> None:
    rows = [
        {
            "person": person,
            "organisation": organisation,
            "purpose": purpose,
            "seq": seq,
            "statements": _encoder.encode([one for some in by_category.values() for one in some]),
        }
        for (person, organisation, purpose), (seq, by_category) in standings.items()
    ]
    inserted = _insert(connection, consent_standing)
    newer = {"seq": inserted.excluded.seq, "statements": inserted.excluded.statements}
    key = ["person", "organisation", "purpose"]
    connection.execute(inserted.on_conflict_do_update(index_elements=key, set_=newer), rows)


def _advance(connection: Connection, heads: Mapping[str, Recorded]) -> None:
    rows = [{"p": person, "seq": head.seq, "hash": bytes.fromhex(head.hash)} for person, head in heads.items()]
    connection.execute(_move, rows)
    if connection.dialect.name == "postgresql":
        connection.execute(_notify, {"people": list(heads)})


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
