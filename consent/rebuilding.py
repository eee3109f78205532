# SPDX-License-Identifier: Apache-2.0
"""Every record made again from the events, whoever's: after a restore, a repair, or a change of the rules.

People are taken in their order, some hundreds in a transaction that locks them, so that decisions go on being
recorded meanwhile; several such spans may be under way at once, since one folds while the server writes another. A
chain is checked before it is folded; the records of one that is broken are left as they are
and named, since what was lost could be a withdrawal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import Connection, Integer, bindparam, func, select

from consent import chain, encoding, ledger, rules, wide
from consent.chain import Broken
from consent.errors import LedgerCorrupt
from consent.model import Event, Recorded
from consent.rules import ByCategory
from consent.tables import consent_event, consent_head, consent_standing, consent_wide
from consent.wide import Wide
from consent.words import CONSENT

Stored = TypeVar("Stored")

AT_ONCE = 500
"""People in one transaction."""


class Rebuilt(Struct, frozen=True):
    """What a rebuild found: people and events read, people whose records were put right, people whose chain is
    broken (opaque ids) with where and how."""

    people: int
    events: int
    changed: int
    broken: tuple[tuple[str, Broken], ...]


_numbered = select(
    consent_head.c.person, func.row_number().over(order_by=consent_head.c.person).label("n")
).subquery()
_ends = (
    select(_numbered.c.person)
    .where(_numbered.c.n % bindparam("count", type_=Integer) == 0)
    .order_by(_numbered.c.person)
)
_heads = (
    select(consent_head)
    .where(consent_head.c.person > bindparam("after"))
    .order_by(consent_head.c.person)
    .with_for_update()
)
_between = (
    select(consent_event.c.person, consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
    .where(consent_event.c.person.between(bindparam("first"), bindparam("last")))
    .order_by(consent_event.c.person, consent_event.c.seq)
)
_standings = select(consent_standing).where(
    consent_standing.c.person.between(bindparam("first"), bindparam("last"))
)
_wides = select(consent_wide).where(consent_wide.c.person.between(bindparam("first"), bindparam("last")))


def count(connection: Connection) -> int:
    """How many people have decided something, for a progress bar."""
    return int(connection.execute(select(func.count()).select_from(consent_head)).scalar_one())


def rebuild_all(
    write: Callable[[], AbstractContextManager[Connection]],
    told: Callable[[int], None] = lambda _: None,
    *,
    at_once: int = 1,
) -> Rebuilt:
    """Check and fold the events of everybody. `write` opens a transaction that writes; `told` hears how many people
    were done in each; `at_once` is how many may be under way: more than one where transactions do not wait for each
    other, which is on PostgreSQL."""
    with write() as connection:
        ends = connection.execute(_ends, {"count": AT_ONCE}).scalars().all()
    found = Rebuilt(0, 0, 0, ())
    with ThreadPoolExecutor(at_once, thread_name_prefix="rebuild") as pool:
        under_way = deque[Future[Rebuilt]]()
        try:
            for after, until in zip(["", *ends], [*ends, None], strict=True):
                under_way.append(pool.submit(_span, write, after, until))
                if len(under_way) > at_once:
                    found = _told(found, under_way.popleft().result(), told)
            while under_way:
                found = _told(found, under_way.popleft().result(), told)
        finally:
            for one in under_way:
                one.cancel()
    return found


def _told(found: Rebuilt, span: Rebuilt, told: Callable[[int], None]) -> Rebuilt:
    told(span.people)
    return Rebuilt(
        found.people + span.people,
        found.events + span.events,
        found.changed + span.changed,
        found.broken + span.broken,
    )


def _span(write: Callable[[], AbstractContextManager[Connection]], after: str, until: str | None) -> Rebuilt:
    """Those who follow `after`, as far as `until` (None: to the end), in one transaction."""
    broken: list[tuple[str, Broken]] = []
    those = _heads if until is None else _heads.where(consent_head.c.person <= until)
    with write() as connection:
        heads = {
            row.person: Recorded(row.seq, row.hash.hex()) for row in connection.execute(those, {"after": after})
        }
        changed = _rebuild(connection, heads, broken) if heads else 0
    return Rebuilt(len(heads), sum(head.seq for head in heads.values()), changed, tuple(broken))


def _rebuild(connection: Connection, heads: dict[str, Recorded], broken: list[tuple[str, Broken]]) -> int:
    """Put the records of these people right; gives of how many they were wrong."""
    span = {"first": min(heads), "last": max(heads)}
    stored, stored_wide = _stored(connection, span)
    folded: dict[ledger.Key, tuple[int, ByCategory]] = {}
    folded_wide: dict[str, tuple[int, Wide]] = {}
    left_alone: set[str] = set()
    for person, events in _opened(connection, span, heads):
        if isinstance(events, Broken):
            broken.append((person, events))
            left_alone.add(person)
            continue
        first = heads[person].seq - len(events) + 1 if events else 1  # those before it were erased
        newest = {ledger.key_of(event): seq for seq, event in enumerate(events, first) if event.kind in CONSENT}
        for about, statements in rules.fold(events).items():
            key = (person, *about)
            if not _same(stored.pop(key, None), statements):
                folded[key] = (newest[key], statements)
        everywhere = wide.fold(events)
        if stored_wide.get(person, wide.NOTHING) != everywhere:
            folded_wide[person] = (first + len(events) - 1, everywhere)
    stale = [key for key in stored if key[0] not in left_alone]  # of no event that there is
    ledger.store(connection, folded, folded_wide, stale)
    return len({*(key[0] for key in (*folded, *stale)), *folded_wide})


def _opened(
    connection: Connection, span: dict[str, str], heads: dict[str, Recorded]
) -> Iterator[tuple[str, list[Event] | Broken]]:
    rows = connection.execute(_between, span)
    seen = set[str]()
    for person, some in groupby(rows, key=itemgetter(0)):
        stored = [(row[1], row[2], row[3].hex()) for row in some]
        seen.add(person)
        yield person, chain.events(person, stored, heads.get(person, chain.START))
    for person in heads.keys() - seen:
        yield person, chain.events(person, [], heads[person])


def _stored(connection: Connection, span: dict[str, str]) -> tuple[dict[ledger.Key, bytes], dict[str, Wide | None]]:
    """The records as they stand; None for what cannot be read, which is then written anew."""
    standings = {
        (row.person, row.organisation, row.purpose): bytes(row.statements)
        for row in connection.execute(_standings, span)
    }
    wides = {row.person: _readable(encoding.decode_wide, row.standing) for row in connection.execute(_wides, span)}
    return standings, wides


def _same(stored: bytes | None, statements: ByCategory) -> bool:
    """Whether a record says what it should; nearly always in the very same bytes, which spares reading it."""
    if stored is None:
        return False
    return stored == encoding.encode(statements) or _readable(encoding.decode, stored) == statements


def _readable(decode: Callable[[bytes], Stored], stored: bytes) -> Stored | None:
    try:
        return decode(stored)
    except LedgerCorrupt:
        return None
