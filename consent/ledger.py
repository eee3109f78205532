# SPDX-License-Identifier: Apache-2.0
"""The append-only ledger: record a decision, say what all decisions come to, prove that none was changed.

The caller owns the transaction, and it must be one that writes: PostgreSQL at READ COMMITTED, SQLite begun
IMMEDIATE. What `record` wrote counts from the commit. Two transactions about one person follow each other, because
the first thing a recording does is to lock the person's row in `consent_head`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from consent import chain, encoding, revised, rules, wellformed, wide
from consent.chain import Broken, Verified
from consent.errors import AgreementRevised, EventIdReused
from consent.model import Event, Kind, Recorded, Standing
from consent.rules import ByCategory
from consent.tables import consent_event, consent_head, consent_standing, consent_wide
from consent.wide import Wide
from consent.words import CONSENT, PERMITTING

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
_wides = select(consent_wide).where(consent_wide.c.person.in_(bindparam("people", expanding=True)))
_notify = text("SELECT pg_notify(:channel, value) FROM json_array_elements_text(CAST(:people AS json))")
_standing = (
    select(consent_head.c.seq, consent_standing.c.statements, consent_wide.c.standing)
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
    .join(consent_wide, consent_wide.c.person == consent_head.c.person, isouter=True)
    .where(consent_head.c.person == bindparam("p"))
)

MANY = 50
"""Records from which on PostgreSQL takes them in one statement, as JSON: the driver is slow with many values."""

_many = text(
    """
    INSERT INTO consent_standing (person, organisation, purpose, seq, statements)
    SELECT person, organisation, purpose, seq, convert_to(statements, 'UTF8') FROM json_to_recordset(
        CAST(:rows AS json)) AS given (person text, organisation text, purpose text, seq bigint, statements text)
    ON CONFLICT (person, organisation, purpose) DO UPDATE SET seq = excluded.seq, statements = excluded.statements
    """
)


def record(connection: Connection, event: Event) -> Recorded:
    """Append `event`, and say where it stands. The same event again changes nothing and says the same.

    Raises an EventRefused with its own reason; nothing is written then."""
    return record_all(connection, [event])[0]


def record_all(connection: Connection, events: Sequence[Event]) -> list[Recorded]:
    """Append events of any number of people, in their order. Raises for the first that cannot be, and then has
    written none of them. Takes some hundreds at a time."""
    for event in events:
        wellformed.check(event)
    book = _Book(connection, events)
    for event in events:
        book.take(event)
    book.write()
    return book.results


class _Book:
    """What stands about the people of one batch, and what the batch adds to it."""

    def __init__(self, connection: Connection, events: Sequence[Event]) -> None:
        self._connection = connection
        people = sorted({event.person for event in events})
        self._heads = lock(connection, people)
        self._known = known(connection, [event.id for event in events])
        self._standings = _projections(connection, people)
        self._wides = _read_wides(connection, people)
        self._revisions = revised.newest(connection, {one.agreement for one in events if _on_words(one)})
        self._moved: dict[Key, int] = {}
        self._moved_wide: dict[str, int] = {}
        self._added: list[tuple[Event, bytes, Recorded]] = []
        self.results: list[Recorded] = []

    def take(self, event: Event) -> None:
        """Add one event. Raises EventRefused."""
        if (done := self._known.get(event.id)) is not None:
            if done[0] != event:
                raise EventIdReused
            self.results.append(done[1])
            return
        if _on_words(event) and self._revisions.get(event.agreement, event.revision) != event.revision:
            raise AgreementRevised
        before = self._wides.get(event.person, wide.NOTHING)
        if event.kind is Kind.GIVEN and before.erased:
            wide.admit_giving(before, event, self._said(event.person))
        content, recorded = chain.link(event, self._heads[event.person], secrets.token_hex(16))
        if event.kind in CONSENT:
            self._standings[key_of(event)] = self._stepped(event)
            self._moved[key_of(event)] = recorded.seq
        else:
            wide.admit(before, event)
            self._wides[event.person] = wide.step(before, event)
            self._moved_wide[event.person] = recorded.seq
        self._added.append((event, content, recorded))
        self._heads[event.person] = recorded
        self._known[event.id] = (event, recorded)
        self.results.append(recorded)

    def _stepped(self, event: Event) -> ByCategory:
        before = self._standings.get(key_of(event), {})
        if event.kind is not Kind.INVALIDATED:
            rules.admit(before, event)
            return rules.step(before, event)
        earlier = [one for one in self._said(event.person) if key_of(one) == key_of(event)]
        rules.admit(before, event, earlier)
        return rules.fold([*earlier, event])[event.organisation, event.purpose]

    def _said(self, person: str) -> list[Event]:
        return [*history(self._connection, person), *(one for one, _, _ in self._added if one.person == person)]

    def write(self) -> None:
        """Store what was added, and what it comes to."""
        if not self._added:
            return
        self._connection.execute(insert(consent_event), [_row(*one) for one in self._added])
        _project(self._connection, {key: (seq, self._standings[key]) for key, seq in self._moved.items()})
        _project_wide(
            self._connection, {person: (seq, self._wides[person]) for person, seq in self._moved_wide.items()}
        )
        people = {event.person for event, _, _ in self._added}
        _advance(self._connection, {person: self._heads[person] for person in people})


def _on_words(event: Event) -> bool:
    """Whether it is a yes that says to which revision of its agreement; one that comes from elsewhere may not."""
    return event.kind in PERMITTING and bool(event.revision)


def hold(connection: Connection, person: str) -> None:
    """Lock the person's chain until the transaction ends, so that what is read of it now still holds when something
    is recorded."""
    lock(connection, [person])


def find(connection: Connection, id: str) -> Event | None:
    """The event of an id, whoever it is about. Raises LedgerCorrupt."""
    found = known(connection, [id])
    return found[id][0] if id in found else None


def standing(connection: Connection, person: str, organisation: str, purpose: str) -> Standing:
    """What the ledger says of person × organisation × purpose, as this transaction sees it."""
    key = {"p": person, "organisation": organisation, "purpose": purpose}
    row = connection.execute(_standing, key).one_or_none()
    return encoding.standing(organisation, purpose, row)


def history(connection: Connection, person: str) -> list[Event]:
    """Every event of `person` that was not erased, oldest first. Raises LedgerCorrupt."""
    return [event for _, event in numbered(connection, person)]


def numbered(connection: Connection, person: str) -> list[tuple[int, Event]]:
    """The history, each event with its sequence number. Raises LedgerCorrupt."""
    rows = connection.execute(_events, {"p": person})
    return [(row.seq, chain.event_of(row.link)) for row in rows if row.link]


def verify_chain(connection: Connection, person: str, anchor: Recorded = chain.START) -> Verified | Broken:
    """Check that no event of `person` was changed, moved, added or taken away in the middle.

    The newest events can be cut off together with their head without a trace in here; `anchor`, what some entry
    of the access log or some receipt says of the same person, shows that too."""
    rows = [(row.seq, row.link, row.hash.hex()) for row in connection.execute(_events, {"p": person})]
    row = connection.execute(_head, {"p": person}).one_or_none()
    verified = chain.verify(person, rows, chain.START if row is None else Recorded(row.seq, row.hash.hex()))
    if isinstance(verified, Verified) and anchor.seq:
        hashes = {seq: hash_ for seq, _, hash_ in rows}
        if hashes.get(anchor.seq) != anchor.hash:
            return Broken(anchor.seq, "the chain does not hold what was seen of it elsewhere")
    return verified


def projection(connection: Connection, person: str) -> dict[tuple[str, str], ByCategory]:
    """(organisation, purpose) → statements, as stored beside the events."""
    return {key[1:]: statements for key, statements in _projections(connection, [person]).items()}


def person_wide(connection: Connection, person: str) -> Wide:
    """Objections, opt-outs and authorities of `person`, as this transaction sees them."""
    return _read_wides(connection, [person]).get(person, wide.NOTHING)


def rebuild(connection: Connection, person: str) -> bool:
    """Fold the events of `person` again and store what they come to. True when something else stood there.

    Other processes keep what they have read until the person's next event; restart them after a repair."""
    lock(connection, [person])
    placed = numbered(connection, person)
    folded, wide_folded = rules.fold(one for _, one in placed), wide.fold(one for _, one in placed)
    if (folded, wide_folded) == (projection(connection, person), person_wide(connection, person)):
        return False
    for table in (consent_standing, consent_wide):
        connection.execute(delete(table).where(table.c.person == person))
    newest = {key_of(event): seq for seq, event in placed if event.kind in CONSENT}
    _project(connection, {key: (seq, folded[key[1:]]) for key, seq in newest.items()})
    if wide_folded != wide.NOTHING:
        _project_wide(connection, {person: (placed[-1][0], wide_folded)})
    return True


def store(
    connection: Connection, standings: Mapping[Key, tuple[int, ByCategory]], wides: Mapping[str, tuple[int, Wide]],
    stale: Sequence[Key] = (),
) -> None:  # fmt: skip
    """Write records that were folded anew, each with the sequence number of its newest event, remove those that no
    event speaks of, and tell the other processes. For `consent/rebuilding.py`, which holds the people's lock."""
    for person, organisation, purpose in stale:
        about = and_(consent_standing.c.organisation == organisation, consent_standing.c.purpose == purpose)
        connection.execute(delete(consent_standing).where(consent_standing.c.person == person, about))
    _project(connection, standings)
    _project_wide(connection, wides)
    people = sorted({key[0] for key in (*standings, *stale)} | set(wides))
    if people and connection.dialect.name == "postgresql":
        connection.execute(_notify, {"channel": CHANNEL, "people": json.dumps(people)})


def append(connection: Connection, event: Event, head: Recorded) -> Recorded:
    """Write an erasure at the end of a locked chain, for `consent/erasing.py`, which does the rest."""
    content, recorded = chain.link(event, head, secrets.token_hex(16))
    connection.execute(insert(consent_event), [_row(event, content, recorded)])
    _advance(connection, {event.person: recorded})
    return recorded


def key_of(event: Event) -> Key:
    """What the event is about."""
    return event.person, event.organisation, event.purpose


def lock(connection: Connection, people: list[str]) -> dict[str, Recorded]:
    """person → the end of their chain, held until the transaction ends; begun where there is none. For whoever has
    to look at what stands before they record; `record` does it by itself."""
    heads = _read_heads(connection, people)
    if missing := [person for person in people if person not in heads]:
        rows = [{"person": person, "seq": 0, "hash": b""} for person in missing]
        connection.execute(_insert(connection, consent_head).on_conflict_do_nothing(), rows)
        heads |= _read_heads(connection, missing)
    return heads


def _read_heads(connection: Connection, people: list[str]) -> dict[str, Recorded]:
    rows = connection.execute(_locked, {"people": people})
    return {row.person: Recorded(row.seq, row.hash.hex()) for row in rows}


def known(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Event, Recorded]]:
    """Those of `ids` that are recorded already, with where they stand: a retry finds itself here."""
    rows = connection.execute(_ids, {"ids": ids})
    events = [(chain.event_of(row.link), Recorded(row.seq, row.hash.hex())) for row in rows]
    return {event.id: (event, recorded) for event, recorded in events}


def _projections(connection: Connection, people: list[str]) -> dict[Key, ByCategory]:
    rows = connection.execute(_rows, {"people": people})
    return {(row.person, row.organisation, row.purpose): encoding.decode(row.statements) for row in rows}


def _read_wides(connection: Connection, people: list[str]) -> dict[str, Wide]:
    return {
        row.person: encoding.decode_wide(row.standing) for row in connection.execute(_wides, {"people": people})
    }


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
    if not standings:
        return
    rows: list[dict[str, Any]] = [
        {
            "person": person,
            "organisation": organisation,
            "purpose": purpose,
            "seq": seq,
            "statements": encoding.encode(by_category),
        }
        for (person, organisation, purpose), (seq, by_category) in standings.items()
    ]
    if connection.dialect.name == "postgresql" and len(rows) > MANY:
        given = [row | {"statements": row["statements"].decode()} for row in rows]
        connection.execute(_many, {"rows": json.dumps(given)})
        return
    inserted = _insert(connection, consent_standing)
    newer = {"seq": inserted.excluded.seq, "statements": inserted.excluded.statements}
    key = ["person", "organisation", "purpose"]
    connection.execute(inserted.on_conflict_do_update(index_elements=key, set_=newer), rows)


def _project_wide(connection: Connection, wides: Mapping[str, tuple[int, Wide]]) -> None:
    if not wides:
        return
    rows = [
        {"person": person, "seq": seq, "standing": encoding.encode_wide(standing)}
        for person, (seq, standing) in wides.items()
    ]
    inserted = _insert(connection, consent_wide)
    newer = {"seq": inserted.excluded.seq, "standing": inserted.excluded.standing}
    connection.execute(inserted.on_conflict_do_update(index_elements=["person"], set_=newer), rows)


def _advance(connection: Connection, heads: Mapping[str, Recorded]) -> None:
    rows = [{"p": person, "seq": head.seq, "hash": bytes.fromhex(head.hash)} for person, head in heads.items()]
    connection.execute(_move, rows)
    if connection.dialect.name == "postgresql":
        connection.execute(_notify, {"channel": CHANNEL, "people": json.dumps(list(heads))})


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
